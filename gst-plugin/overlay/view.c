/* SPDX-License-Identifier: MIT */
/* Reads the metas of every `cowbehavior` as places, short texts and colours. */
#include "gst-plugin/overlay/view.h"

#include <math.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"

/* Characters of a text that are shown. */
#define TEXT_MAX 40

/* Nobody sees that a result younger than this is not of this very frame. */
#define FRESH (300 * GST_MSECOND)
/* The age is shown in steps of this size, because nobody could read a faster change. */
#define AGE_STEP (GST_SECOND / 10)

guint32
gst_cow_view_colour (gint label_id)
{
  /* These were chosen among bright colours by simulation: no two are closer than 13 in CIELAB, also
   * for red-, green- and blue-blind eyes. */
  static const guint32 colours[] = { 0x56b4e9, 0x00a878, 0xa4d65e, 0x2f6fdb, 0xf0e442,
                                     0xe69f00, 0xe0521b, 0xc03fa8, 0xf4f4f4, 0x9a6a4b };

  return label_id < 0 ? 0x8c8c8c : colours[(guint)label_id % G_N_ELEMENTS (colours)];
}

/* Makes one short line of valid UTF-8 from a text, without control characters. */
static char *
readable (const char *text)
{
  g_autofree char *valid =
      g_utf8_make_valid (text ? text : "?", text ? (gssize)strnlen (text, 4096) : -1);
  GString *line = g_string_new (NULL);
  const char *at = valid;

  for (guint n = 0; *at; at = g_utf8_next_char (at), n++) {
    gunichar c = g_utf8_get_char (at);

    if (n == TEXT_MAX) {
      g_string_append (line, "…");
      break;
    }
    g_string_append_unichar (line, g_unichar_isprint (c) ? c : ' ');
  }
  return g_string_free (line, FALSE);
}

/* The part of the region that is in the frame; FALSE when there is none. */
static gboolean
read_box (const GstStructure *object, gint width, gint height, GstVideoRectangle *box)
{
  guint x, y, w, h;

  if (!gst_structure_get (object, "x", G_TYPE_UINT, &x, "y", G_TYPE_UINT, &y, "w", G_TYPE_UINT, &w,
                          "h", G_TYPE_UINT, &h, NULL))
    return FALSE;
  if (x >= (guint)width || y >= (guint)height || w == 0 || h == 0)
    return FALSE;
  *box = (GstVideoRectangle){ (gint)x, (gint)y, (gint)MIN (w, (guint)width - x),
                              (gint)MIN (h, (guint)height - y) };
  return TRUE;
}

static GstCowPlace
read_place (const GstStructure *object)
{
  const char *region = gst_structure_get_string (object, "region");

  if (g_strcmp0 (region, "frame") == 0)
    return GST_COW_PLACE_FRAME;
  return g_strcmp0 (region, "zone") == 0 ? GST_COW_PLACE_ZONE : GST_COW_PLACE_ROI;
}

/* Buffers without timestamps have the age as a number of frames only. */
static void
read_age (const GstStructure *object, GstCowShown *shown)
{
  GstClockTime age;
  guint frames;

  if (gst_structure_get_uint64 (object, "age", &age)) {
    if (age < FRESH)
      return;
    shown->fade = 1 + (age >= GST_SECOND) + (age >= 3 * GST_SECOND);
    if (age < 10 * GST_SECOND)
      shown->age = g_strdup_printf ("%.1f s", (gdouble)(age / AGE_STEP) / 10);
    else if (age < 120 * GST_SECOND)
      shown->age = g_strdup_printf ("%u s", (guint)(age / GST_SECOND));
    else
      shown->age = g_strdup_printf ("%" G_GUINT64_FORMAT " min", age / (60 * GST_SECOND));
  } else if (gst_structure_get_uint (object, "frames_ago", &frames) && frames > 0) {
    shown->age = g_strdup_printf ("%u fr.", frames);
    shown->fade = frames > 25 ? 2 : 1;
  }
}

static gboolean
read_object (const GstStructure *object, gint width, gint height, GstCowShown *shown)
{
  guint64 track;

  *shown = (GstCowShown){ .place = read_place (object), .label_id = -1 };
  if (!read_box (object, width, height, &shown->box))
    return FALSE;
  shown->label = readable (gst_structure_get_string (object, "label"));
  gst_structure_get_int (object, "label_id", &shown->label_id);
  shown->colour = gst_cow_view_colour (shown->label_id);
  if (!gst_structure_get_double (object, "confidence", &shown->confidence) ||
      !isfinite (shown->confidence))
    shown->confidence = 0;
  shown->confidence = CLAMP (shown->confidence, 0, 1);
  if (shown->place == GST_COW_PLACE_ZONE)
    shown->name = readable (gst_structure_get_string (object, "roi_type"));
  if (gst_structure_get_uint64 (object, "track_id", &track))
    shown->who = g_strdup_printf ("#%" G_GUINT64_FORMAT, track);
  read_age (object, shown);
  return TRUE;
}

static void
clear_shown (gpointer data)
{
  GstCowShown *shown = data;

  g_free (shown->label);
  g_free (shown->name);
  g_free (shown->who);
  g_free (shown->age);
}

static void
read_results (const GstStructure *results, gint width, gint height, GArray *view)
{
  const GValue *objects = gst_structure_get_value (results, "objects");

  if (!objects || !GST_VALUE_HOLDS_ARRAY (objects))
    return;
  for (guint i = 0; i < gst_value_array_get_size (objects) && view->len < GST_COW_VIEW_MAX; i++) {
    const GValue *value = gst_value_array_get_value (objects, i);
    GstCowShown shown;

    if (GST_VALUE_HOLDS_STRUCTURE (value) && gst_value_get_structure (value) &&
        read_object (gst_value_get_structure (value), width, height, &shown))
      g_array_append_val (view, shown);
  }
}

GArray *
gst_cow_view_new (GstBuffer *buffer, gint width, gint height)
{
  const GstMetaInfo *info = gst_meta_get_info (GST_COW_BEHAVIOR_META_NAME);
  GArray *view = g_array_new (FALSE, FALSE, sizeof (GstCowShown));
  gpointer state = NULL;
  GstMeta *meta;

  g_array_set_clear_func (view, clear_shown);
  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state, info->api)))
    read_results (gst_custom_meta_get_structure ((GstCustomMeta *)meta), width, height, view);
  return view;
}

gboolean
gst_cow_view_has_demonstration (GstBuffer *buffer)
{
  const GstMetaInfo *info = gst_meta_get_info (GST_COW_BEHAVIOR_META_NAME);
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state, info->api)))
    if (gst_cow_meta_is_demonstration (gst_custom_meta_get_structure ((GstCustomMeta *)meta)))
      return TRUE;
  return FALSE;
}
