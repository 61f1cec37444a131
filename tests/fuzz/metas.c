/* SPDX-License-Identifier: MIT */
/* Metadata of bytes. */
#include "tests/fuzz/metas.h"

#include "gst-plugin/behavior/gstcowbehavior.h"
#include "gst-plugin/common/analytics.h"
#include "gst-plugin/common/custom-meta.h"
#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "gst-plugin/overlay/gstcowoverlay.h"
#include "gst-plugin/publish/gstcowpublish.h"
#include "tests/fuzz/criticals.h"

#define MOST_METAS 8

static const char *const types[] = { "cow", "calf", "frame", "pen 1", "", "\xff\xfe" };
static const char *const object_fields[] = { "x",      "y",        "w",          "h",
                                             "region", "roi_type", "id",         "track_id",
                                             "label",  "label_id", "confidence", "frames_ago",
                                             "age",    "top" };
static const char *const places[] = { "frame", "zone", "roi" };

void
fuzz_start_gstreamer (void)
{
  static gboolean started;

  if (started)
    return;
  started = TRUE;
  g_setenv ("GST_REGISTRY_DISABLE", "yes", TRUE);
  g_setenv ("GST_REGISTRY_UPDATE", "no", TRUE);
  g_setenv ("GST_PLUGIN_SYSTEM_PATH_1_0", "", TRUE);
  g_setenv ("GST_PLUGIN_PATH_1_0", "", TRUE);
  g_setenv ("GST_PLUGIN_PATH", "", TRUE);
  gst_init (NULL, NULL);
  fuzz_abort_at_criticals ();
  gst_cow_meta_register ();
  g_assert_true (GST_ELEMENT_REGISTER (cowbehavior, NULL));
  g_assert_true (GST_ELEMENT_REGISTER (cowoverlay, NULL));
  g_assert_true (GST_ELEMENT_REGISTER (cowpublish, NULL));
}

guint32
fuzz_coordinate (FuzzInput *input)
{
  const guint8 small = fuzz_byte (input);

  return small < 0xf0 ? small : fuzz_number (input);
}

static guint64
long_number (FuzzInput *input)
{
  return fuzz_coordinate (input) | (guint64)fuzz_coordinate (input) << 32;
}

/* ---- structures ------------------------------------------------------------------------------ */

static void
take_text (FuzzInput *input, GValue *value)
{
  char text[16] = "";
  const guint8 n = fuzz_byte (input);

  g_value_init (value, G_TYPE_STRING);
  if (n < G_N_ELEMENTS (places)) {
    g_value_set_string (value, places[n]);
    return;
  }
  for (guint i = 0; i < n % sizeof text; i++)
    text[i] = (char)fuzz_byte (input);
  g_value_take_string (value, n == 0xff ? NULL : g_utf8_make_valid (text, -1));
}

/* A value of some type, which need not be the one that a field has. */
static void
take_value (FuzzInput *input, GValue *value)
{
  switch (fuzz_byte (input) % 6) {
  case 0:
    g_value_init (value, G_TYPE_UINT);
    g_value_set_uint (value, fuzz_coordinate (input));
    break;
  case 1:
    g_value_init (value, G_TYPE_INT);
    g_value_set_int (value, (gint)fuzz_coordinate (input));
    break;
  case 2:
    g_value_init (value, G_TYPE_UINT64);
    g_value_set_uint64 (value, long_number (input));
    break;
  case 3: {
    const guint64 bits = long_number (input);
    double number;

    memcpy (&number, &bits, sizeof number);
    g_value_init (value, G_TYPE_DOUBLE);
    g_value_set_double (value, fuzz_byte (input) & 1 ? number : fuzz_byte (input) / 255.0);
    break;
  }
  case 4:
    g_value_init (value, G_TYPE_BOOLEAN);
    break;
  default:
    take_text (input, value);
  }
}

/* Sets some of the fields. */
static void
fill (FuzzInput *input, GstStructure *structure, const char *const *fields, guint n_fields)
{
  for (guint n = fuzz_byte (input) % (2 * n_fields); n > 0; n--) {
    GValue value = G_VALUE_INIT;
    const char *field = fields[fuzz_byte (input) % n_fields];

    take_value (input, &value);
    gst_structure_take_value (structure, field, &value);
  }
}

/* An object as cowbehavior writes it, before others change it. */
static GstStructure *
plain_object (FuzzInput *input)
{
  return gst_structure_new ("object", "x", G_TYPE_UINT, fuzz_coordinate (input), "y", G_TYPE_UINT,
                            fuzz_coordinate (input), "w", G_TYPE_UINT, fuzz_coordinate (input), "h",
                            G_TYPE_UINT, fuzz_coordinate (input), "region", G_TYPE_STRING,
                            places[fuzz_byte (input) % G_N_ELEMENTS (places)], "roi_type",
                            G_TYPE_STRING, "cow", "label", G_TYPE_STRING, "Lying", "label_id",
                            G_TYPE_INT, 1, "confidence", G_TYPE_DOUBLE, .5, NULL);
}

/* Structures, some of which are NULL, or numbers; GStreamer has no arrays of both. */
static void
take_objects (FuzzInput *input, GValue *array)
{
  const guint8 kind = fuzz_byte (input);

  g_value_init (array, GST_TYPE_ARRAY);
  for (guint n = kind % 8; n > 0; n--) {
    GValue value = G_VALUE_INIT;

    if (kind >= 0xf0) {
      g_value_init (&value, G_TYPE_UINT);
    } else {
      GstStructure *object = fuzz_byte (input) < 0xe0 ? plain_object (input) : NULL;

      if (object)
        fill (input, object, object_fields, G_N_ELEMENTS (object_fields));
      g_value_init (&value, GST_TYPE_STRUCTURE);
      g_value_take_boxed (&value, object);
    }
    gst_value_array_append_and_take_value (array, &value);
  }
}

/* ---- metadata -------------------------------------------------------------------------------- */

static void
add_results (FuzzInput *input, GstBuffer *buffer)
{
  static const char *const fields[] = { "model_name", "classes", "objects" };
  GstCustomMeta *meta = gst_buffer_add_custom_meta (buffer, GST_COW_BEHAVIOR_META_NAME);
  GstStructure *results = gst_custom_meta_get_structure (meta);
  GValue objects = G_VALUE_INIT;

  take_objects (input, &objects);
  gst_structure_take_value (results, "objects", &objects);
  fill (input, results, fields, G_N_ELEMENTS (fields));
}

static void
add_roi (FuzzInput *input, GstBuffer *buffer)
{
  static const char *const fields[] = { "confidence", "label_id", "id", "x_min" };
  static const char *const names[] = { "detection", "object_id", "else" };
  const guint32 x = fuzz_coordinate (input), y = fuzz_coordinate (input),
                w = fuzz_coordinate (input), h = fuzz_coordinate (input);
  GstVideoRegionOfInterestMeta *roi = gst_buffer_add_video_region_of_interest_meta (
      buffer, types[fuzz_byte (input) % G_N_ELEMENTS (types)], x, y, w, h);

  roi->id = (gint)fuzz_coordinate (input);
  for (guint n = fuzz_byte (input) % 3; n > 0; n--) {
    GstStructure *param = gst_structure_new_empty (names[fuzz_byte (input) % G_N_ELEMENTS (names)]);

    fill (input, param, fields, G_N_ELEMENTS (fields));
    gst_video_region_of_interest_meta_add_param (roi, param);
  }
}

static void
add_detection (FuzzInput *input, GstBuffer *buffer)
{
  GstCowDetection detection = {
    .type = g_quark_from_static_string (types[fuzz_byte (input) % G_N_ELEMENTS (types)]),
    .x = (gint)fuzz_coordinate (input),
    .y = (gint)fuzz_coordinate (input),
    .w = (gint)fuzz_coordinate (input),
    .h = (gint)fuzz_coordinate (input),
    .confidence = (gfloat)fuzz_byte (input) / 100,
  };
  guint id;

  gst_cow_analytics_add (buffer, &detection, &id);
}

static void
add_time (FuzzInput *input, GstBuffer *buffer)
{
  g_autoptr (GstCaps) caps =
      gst_caps_new_empty_simple (fuzz_byte (input) & 1 ? "timestamp/x-ntp" : "timestamp/x-unix");

  const guint64 time = long_number (input);

  if (GST_CLOCK_TIME_IS_VALID (time))
    gst_buffer_add_reference_timestamp_meta (buffer, caps, time, GST_CLOCK_TIME_NONE);
}

static void
add_crop (FuzzInput *input, GstBuffer *buffer)
{
  GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (buffer);

  crop->x = fuzz_coordinate (input);
  crop->y = fuzz_coordinate (input);
  crop->width = fuzz_coordinate (input);
  crop->height = fuzz_coordinate (input);
}

void
fuzz_add_metas (FuzzInput *input, GstBuffer *buffer)
{
  static void (*const adders[]) (FuzzInput *, GstBuffer *) = { add_roi, add_results, add_detection,
                                                               add_time, add_crop };

  for (guint n = 0; n < MOST_METAS; n++) {
    const guint8 kind = fuzz_byte (input) % (G_N_ELEMENTS (adders) + 1);

    if (kind == 0)
      return;
    adders[kind - 1](input, buffer);
  }
}
