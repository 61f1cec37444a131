/* SPDX-License-Identifier: MIT */
/* The values of the properties of `cowbehavior`. */
#include "gst-plugin/behavior/settings-private.h"

static void
clear_frame_settings (gpointer data)
{
  GstCowFrameSettings *self = data;

  g_clear_pointer (&self->zones, g_array_unref);
  g_strfreev (self->object_class);
  g_strfreev (self->classes);
}

GstCowFrameSettings *
gst_cow_frame_settings_ref (GstCowFrameSettings *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
gst_cow_frame_settings_unref (GstCowFrameSettings *self)
{
  g_atomic_rc_box_release_full (self, clear_frame_settings);
}

guint
gst_cow_frame_settings_depth (const GstCowFrameSettings *self)
{
  return self->batch_size > 1 ? 2 * self->batch_size : 1;
}

void
gst_cow_settings_init (GstCowSettings *self)
{
  *self = (GstCowSettings){ .device = g_strdup (DEFAULT_DEVICE), .precision = DEFAULT_PRECISION };
  self->frame = g_atomic_rc_box_new0 (GstCowFrameSettings);
  *self->frame = (GstCowFrameSettings){
    .region = DEFAULT_INFERENCE_REGION,
    .min_size = DEFAULT_MIN_SIZE,
    .padding = DEFAULT_PADDING,
    .interval = DEFAULT_INFERENCE_INTERVAL,
    .reclassify = DEFAULT_RECLASSIFY_INTERVAL,
    .mode = DEFAULT_MODE,
    .batch_size = DEFAULT_BATCH_SIZE,
    .batch_timeout_ms = DEFAULT_BATCH_TIMEOUT,
    .smoothing = DEFAULT_SMOOTHING,
    .smoothing_window = DEFAULT_SMOOTHING_WINDOW,
    .threshold = DEFAULT_THRESHOLD,
    .top_k = DEFAULT_TOP_K,
    .post_messages = DEFAULT_POST_MESSAGES,
  };
}

void
gst_cow_settings_clear (GstCowSettings *self)
{
  gchar **texts[] = { &self->model, &self->adapter,      &self->device,
                      &self->zones, &self->object_class, &self->classes };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
  g_clear_pointer (&self->frame, gst_cow_frame_settings_unref);
}

/* A copy to change, in the place of what frames may still hold. */
static GstCowFrameSettings *
renew (GstCowSettings *self)
{
  GstCowFrameSettings *old = self->frame, *new = g_atomic_rc_box_new0 (GstCowFrameSettings);

  *new = *old;
  new->zones = old->zones ? g_array_ref (old->zones) : NULL;
  new->object_class = g_strdupv (old->object_class);
  new->classes = g_strdupv (old->classes);
  self->frame = new;
  gst_cow_frame_settings_unref (old);
  return new;
}

static void
replace_string (gchar **string, const GValue *value)
{
  g_free (*string);
  *string = g_value_dup_string (value);
}

/* The words of a text between commas, without blanks around them; NULL when there are none. */
static gchar **
split_words (const gchar *text)
{
  g_auto (GStrv) parts = g_strsplit (text ? text : "", ",", -1);
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  gboolean any = FALSE;

  for (gchar **part = parts; *part; part++) {
    if (*g_strstrip (*part)) {
      g_strv_builder_add (words, *part);
      any = TRUE;
    }
  }
  return any ? g_strv_builder_end (words) : NULL;
}

static void
set_words (gchar **text, gchar ***words, const GValue *value)
{
  replace_string (text, value);
  g_strfreev (*words);
  *words = split_words (*text);
}

static void
set_zones (GstCowSettings *self, const GValue *value, GError **error)
{
  GArray *zones = gst_cow_zones_parse (g_value_get_string (value), error);
  GstCowFrameSettings *frame;

  if (!zones)
    return;
  frame = renew (self);
  g_clear_pointer (&frame->zones, g_array_unref);
  frame->zones = zones;
  replace_string (&self->zones, value);
}

/* Properties that are one number or one text of `frame`. */
static gboolean
set_frame (GstCowSettings *self, guint id, const GValue *value)
{
  GstCowFrameSettings *frame = renew (self);

  switch (id) {
  case GST_COW_PROP_INFERENCE_REGION:
    frame->region = g_value_get_enum (value);
    return TRUE;
  case GST_COW_PROP_OBJECT_CLASS:
    set_words (&self->object_class, &frame->object_class, value);
    return TRUE;
  case GST_COW_PROP_MIN_SIZE:
    frame->min_size = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_PADDING:
    frame->padding = g_value_get_double (value);
    return TRUE;
  case GST_COW_PROP_INFERENCE_INTERVAL:
    frame->interval = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_RECLASSIFY_INTERVAL:
    frame->reclassify = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_MODE:
    frame->mode = g_value_get_enum (value);
    return TRUE;
  case GST_COW_PROP_BATCH_SIZE:
    frame->batch_size = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_BATCH_TIMEOUT:
    frame->batch_timeout_ms = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_SMOOTHING:
    frame->smoothing = g_value_get_enum (value);
    return TRUE;
  case GST_COW_PROP_SMOOTHING_WINDOW:
    frame->smoothing_window = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_THRESHOLD:
    frame->threshold = g_value_get_float (value);
    return TRUE;
  case GST_COW_PROP_TOP_K:
    frame->top_k = g_value_get_uint (value);
    return TRUE;
  case GST_COW_PROP_CLASSES:
    set_words (&self->classes, &frame->classes, value);
    return TRUE;
  case GST_COW_PROP_POST_MESSAGES:
    frame->post_messages = g_value_get_enum (value);
    return TRUE;
  default:
    return FALSE;
  }
}

gboolean
gst_cow_settings_set (GstCowSettings *self, guint id, const GValue *value, GError **error)
{
  switch (id) {
  case GST_COW_PROP_MODEL:
    replace_string (&self->model, value);
    return TRUE;
  case GST_COW_PROP_ADAPTER:
    replace_string (&self->adapter, value);
    return TRUE;
  case GST_COW_PROP_DEVICE:
    replace_string (&self->device, value);
    return TRUE;
  case GST_COW_PROP_PRECISION:
    self->precision = g_value_get_enum (value);
    return TRUE;
  case GST_COW_PROP_ZONES:
    set_zones (self, value, error);
    return TRUE;
  default:
    return set_frame (self, id, value);
  }
}

static gboolean
get_frame (const GstCowFrameSettings *frame, guint id, GValue *value)
{
  switch (id) {
  case GST_COW_PROP_INFERENCE_REGION:
    g_value_set_enum (value, frame->region);
    return TRUE;
  case GST_COW_PROP_MIN_SIZE:
    g_value_set_uint (value, frame->min_size);
    return TRUE;
  case GST_COW_PROP_PADDING:
    g_value_set_double (value, frame->padding);
    return TRUE;
  case GST_COW_PROP_INFERENCE_INTERVAL:
    g_value_set_uint (value, frame->interval);
    return TRUE;
  case GST_COW_PROP_RECLASSIFY_INTERVAL:
    g_value_set_uint (value, frame->reclassify);
    return TRUE;
  case GST_COW_PROP_MODE:
    g_value_set_enum (value, frame->mode);
    return TRUE;
  case GST_COW_PROP_BATCH_SIZE:
    g_value_set_uint (value, frame->batch_size);
    return TRUE;
  case GST_COW_PROP_BATCH_TIMEOUT:
    g_value_set_uint (value, frame->batch_timeout_ms);
    return TRUE;
  case GST_COW_PROP_SMOOTHING:
    g_value_set_enum (value, frame->smoothing);
    return TRUE;
  case GST_COW_PROP_SMOOTHING_WINDOW:
    g_value_set_uint (value, frame->smoothing_window);
    return TRUE;
  case GST_COW_PROP_THRESHOLD:
    g_value_set_float (value, frame->threshold);
    return TRUE;
  case GST_COW_PROP_TOP_K:
    g_value_set_uint (value, frame->top_k);
    return TRUE;
  case GST_COW_PROP_POST_MESSAGES:
    g_value_set_enum (value, frame->post_messages);
    return TRUE;
  default:
    return FALSE;
  }
}

gboolean
gst_cow_settings_get (const GstCowSettings *self, guint id, GValue *value)
{
  switch (id) {
  case GST_COW_PROP_MODEL:
    g_value_set_string (value, self->model);
    return TRUE;
  case GST_COW_PROP_ADAPTER:
    g_value_set_string (value, self->adapter);
    return TRUE;
  case GST_COW_PROP_DEVICE:
    g_value_set_string (value, self->device);
    return TRUE;
  case GST_COW_PROP_PRECISION:
    g_value_set_enum (value, self->precision);
    return TRUE;
  case GST_COW_PROP_ZONES:
    g_value_set_string (value, self->zones);
    return TRUE;
  case GST_COW_PROP_OBJECT_CLASS:
    g_value_set_string (value, self->object_class);
    return TRUE;
  case GST_COW_PROP_CLASSES:
    g_value_set_string (value, self->classes);
    return TRUE;
  default:
    return get_frame (self->frame, id, value);
  }
}
