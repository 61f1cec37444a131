/* SPDX-License-Identifier: MIT */
/* The text that cowpublish writes, tested without an element: events for any metadata, names of
 * topics, Home Assistant's discovery, and what counts as a change. */
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "gst-plugin/common/analytics.h"
#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "gst-plugin/common/custom-meta.h"
#include "gst-plugin/publish/event.h"
#include "gst-plugin/publish/states.h"
#include "gst-plugin/publish/topics.h"
#include "tests/gst/publish-support.h"

#define NOW_US                                                                                     \
  (G_GINT64_CONSTANT (1769839204) * G_USEC_PER_SEC + 56) /* 2026-01-31T06:00:04.000056Z */

static const GstCowMoment moment = { .frame = 7,
                                     .stream_time = 4 * GST_SECOND,
                                     .running_time = 5 * GST_SECOND,
                                     .wall_clock = GST_CLOCK_TIME_NONE,
                                     .width = 320,
                                     .height = 240 };

/* The event of all objects of a buffer, whose ownership it takes; free with g_free (). */
static char *
event_of (GstBuffer *buffer, const GstCowMoment *when, const char *source)
{
  g_autoptr (GArray) objects = g_array_new (FALSE, FALSE, sizeof (GstCowPublishObject));
  char *event, *copy;

  gst_cow_publish_event_collect (buffer, objects);
  event = gst_cow_publish_event_new (buffer, when, source, NOW_US, objects);
  copy = g_strdup (event);
  g_assert_cmpuint (g_ref_string_length (event), ==, strlen (event));
  g_ref_string_release (event);
  gst_buffer_unref (buffer);
  return copy;
}

/* Parses a line that must be one JSON object. */
static JsonNode *
parse (const char *line)
{
  g_autoptr (GError) error = NULL;
  JsonNode *root = json_from_string (line, &error);

  g_assert_no_error (error);
  g_assert_true (JSON_NODE_HOLDS_OBJECT (root));
  g_assert_null (strchr (line, '\n'));
  g_assert_true (g_utf8_validate (line, -1, NULL));
  return root;
}

static void
test_exact (void)
{
  GstBuffer *buffer = gst_buffer_new ();
  GstVideoRegionOfInterestMeta *roi =
      gst_buffer_add_video_region_of_interest_meta (buffer, "cow", 32, 24, 64, 48);
  g_autofree char *event = NULL;

  gst_video_region_of_interest_meta_add_param (
      roi, gst_structure_new ("detection", "confidence", G_TYPE_DOUBLE, 0.5, "label_id", G_TYPE_INT,
                              19, NULL));
  publish_attach (buffer, publish_object_new ("roi", "cow", 12, "Lying", 2),
                  publish_object_new ("zone", "pen 1", 0, "Standing", 0), NULL);
  event = event_of (buffer, &moment, "barn 1");
  g_assert_cmpstr (
      event, ==,
      "{\"resolution\":{\"width\":320,\"height\":240},\"source\":\"barn "
      "1\",\"timestamp\":4000000000,"
      "\"system_timestamp\":\"2026-01-31T06:00:04.000056Z\",\"objects\":["
      "{\"x\":32,\"y\":24,\"w\":64,\"h\":48,\"id\":12,\"roi_type\":\"cow\",\"region\":\"roi\","
      "\"track\":12,"
      "\"detection\":{\"bounding_box\":{\"x_min\":0.1,\"y_min\":0.1,\"x_max\":0.3,\"y_max\":0.3},"
      "\"label\":\"cow\","
      "\"label_id\":19,\"confidence\":0.5},"
      "\"behavior\":{\"label\":\"Lying\",\"label_id\":3,\"confidence\":0.75,\"model\":{\"name\":"
      "\"cows\"}},\"frames_ago\":2},"
      "{\"x\":32,\"y\":24,\"w\":64,\"h\":48,\"roi_type\":\"pen 1\",\"region\":\"zone\","
      "\"zone\":\"pen 1\","
      "\"behavior\":{\"label\":\"Standing\",\"label_id\":3,\"confidence\":0.75,\"model\":{\"name\":"
      "\"cows\"}},\"frames_ago\":0}]}");
}

/* The detector's words come from the region with the same number, not from another with the same
 * name. */
static void
test_detection_by_number (void)
{
  GstBuffer *buffer = gst_buffer_new ();
  GstStructure *object = publish_object_new ("roi", "cow", 1, "Lying", 0);
  g_autofree char *event = NULL;

  for (gint id = 1; id <= 3; id++) {
    GstVideoRegionOfInterestMeta *roi =
        gst_buffer_add_video_region_of_interest_meta (buffer, "cow", 32, 24, 64, 48);

    roi->id = id;
    gst_video_region_of_interest_meta_add_param (
        roi, gst_structure_new ("detection", "confidence", G_TYPE_DOUBLE, id * 0.25, NULL));
  }
  gst_structure_set (object, "id", G_TYPE_INT, 2, NULL);
  publish_attach (buffer, object, NULL);
  event = event_of (buffer, &moment, "barn");
  g_assert_nonnull (strstr (event, "\"label\":\"cow\",\"confidence\":0.5}"));
}

/* The confidence comes from the GstAnalytics detection, before that of a region of interest; a
 * detection elsewhere, or of another type, is not used. */
static void
test_detection_of_analytics (void)
{
  const GstCowDetection detections[] = {
    { .type = g_quark_from_static_string ("calf"), 32, 24, 64, 48, .confidence = 0.25f },
    { .type = g_quark_from_static_string ("cow"), 31, 24, 64, 48, .confidence = 0.375f },
    { .type = g_quark_from_static_string ("cow"), 32, 24, 64, 48, .confidence = 0.625f },
  };
  GstBuffer *buffer = gst_buffer_new ();
  g_autofree char *event = NULL;
  guint id;

  if (!gst_cow_analytics_available ()) {
    g_test_skip ("this GStreamer has no GstAnalytics (1.24)");
    gst_buffer_unref (buffer);
    return;
  }
  for (guint i = 0; i < G_N_ELEMENTS (detections); i++)
    g_assert_true (gst_cow_analytics_add (buffer, &detections[i], &id));
  gst_video_region_of_interest_meta_add_param (
      gst_buffer_add_video_region_of_interest_meta (buffer, "cow", 32, 24, 64, 48),
      gst_structure_new ("detection", "confidence", G_TYPE_DOUBLE, 0.5, NULL));
  publish_attach (buffer, publish_object_new ("roi", "cow", 1, "Lying", 0), NULL);
  event = event_of (buffer, &moment, "barn");
  g_assert_nonnull (strstr (event, "\"label\":\"cow\",\"confidence\":0.625}"));
}

static void
test_times (void)
{
  GstCowMoment when = moment;
  g_autofree char *camera = NULL, *none = NULL, *absurd = NULL;

  when.wall_clock = G_GUINT64_CONSTANT (1700000000) * GST_SECOND + 123456789;
  camera = event_of (publish_frame_new (0, "Lying"), &when, "barn");
  g_assert_nonnull (strstr (camera, "\"system_timestamp\":\"2026-01-31T06:00:04.000056Z\","
                                    "\"camera_timestamp\":\"2023-11-14T22:13:20.123456Z\","));
  when.stream_time = when.wall_clock = GST_CLOCK_TIME_NONE;
  none = event_of (publish_frame_new (0, "Lying"), &when, "barn");
  g_assert_null (strstr (none, "\"timestamp\""));
  g_assert_null (strstr (none, "camera_timestamp"));
  g_assert_nonnull (
      strstr (none, "\"source\":\"barn\",\"system_timestamp\":\"2026-01-31T06:00:04.000056Z\""));
  when.wall_clock = GST_CLOCK_TIME_NONE - 1; /* the year 2554, the last that fits */
  absurd = event_of (publish_frame_new (0, "Lying"), &when, "barn");
  g_assert_nonnull (strstr (absurd, "\"camera_timestamp\":\"2554-07-21T23:34:33.709551Z\""));
}

/* With two cowbehavior upstream the event has the objects of both, each with its model. */
static void
test_two_metas (void)
{
  GstBuffer *buffer = publish_frame_new (0, "Lying");
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *event = NULL;

  publish_attach (buffer, publish_object_new ("zone", "pen", 0, "Standing", 0), NULL);
  event = event_of (buffer, &moment, "barn");
  root = parse (event);
  g_assert_cmpuint (
      json_array_get_length (json_object_get_array_member (json_node_get_object (root), "objects")),
      ==, 2);
}

/* ---- metadata that cowbehavior would not write ----------------------------------------------- */

static void
test_hostile_text (void)
{
  const char *texts[] = { "\"}],\"x\":[{\"",
                          "back\\slash\\",
                          "line\nfeed\r\t\b\f\x01\x1f\x7f",
                          "caf\xc3\xa9 \xe2\x80\xa8 \xf0\x9f\x90\x84",
                          "\xff\xfe cut \xc3",
                          "",
                          "%s%n%d" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    GstBuffer *buffer = gst_buffer_new ();
    /* A GstStructure accepts valid UTF-8 only. */
    const char *name = g_utf8_validate (texts[i], -1, NULL) ? texts[i] : "other";
    GstStructure *object = publish_object_new ("zone", name, 0, name, 0);
    g_autofree char *event = NULL, *expected = g_utf8_make_valid (texts[i], -1);
    g_autoptr (JsonNode) root = NULL;
    JsonObject *first, *event_object;

    publish_attach (buffer, object, NULL);
    event = event_of (buffer, &moment, texts[i]);
    root = parse (event);
    event_object = json_node_get_object (root);
    first =
        json_array_get_object_element (json_object_get_array_member (event_object, "objects"), 0);
    g_assert_cmpstr (json_object_get_string_member (event_object, "source"), ==, expected);
    g_assert_cmpstr (json_object_get_string_member (first, "roi_type"), ==, name);
  }
}

static void
test_hostile_numbers (void)
{
  const double numbers[] = { NAN, INFINITY, -INFINITY, 1e308, -0.0, 4.9e-324, 1.0 / 3 };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
    GstBuffer *buffer = gst_buffer_new ();
    GstStructure *object = publish_object_new ("roi", "cow", G_MAXUINT64, "Lying", G_MAXUINT);
    g_autofree char *event = NULL;
    g_autoptr (JsonNode) root = NULL;

    gst_structure_set (object, "confidence", G_TYPE_DOUBLE, numbers[i], "x", G_TYPE_UINT, G_MAXUINT,
                       "w", G_TYPE_UINT, G_MAXUINT, NULL);
    publish_attach (buffer, object, NULL);
    event = event_of (buffer, &moment, "barn");
    root = parse (event);
    if (!isfinite (numbers[i]))
      g_assert_nonnull (strstr (event, "\"confidence\":null"));
    g_assert_nonnull (strstr (event, "\"id\":18446744073709551615"));
  }
}

/* Fields that are missing or of another type are left out; without a size of the frame there is no
 * box. */
static void
test_hostile_fields (void)
{
  GstBuffer *buffer = gst_buffer_new ();
  GstCowMoment small = moment;
  g_autofree char *event = NULL;
  g_autoptr (JsonNode) root = NULL;

  small.width = small.height = 0;
  publish_attach (buffer, gst_structure_new_empty ("object"),
                  gst_structure_new ("object", "x", G_TYPE_STRING, "1", "region", G_TYPE_STRING,
                                     "roi", "label", G_TYPE_INT, 5, "confidence", G_TYPE_STRING,
                                     "sure", "frames_ago", G_TYPE_INT, -1, NULL),
                  NULL);
  event = event_of (buffer, &small, NULL);
  root = parse (event);
  g_assert_nonnull (strstr (event, "\"source\":null"));
  g_assert_nonnull (strstr (
      event,
      "\"objects\":[{\"region\":\"frame\",\"behavior\":{\"model\":{\"name\":\"cows\"}}},"
      "{\"region\":\"roi\",\"detection\":{},\"behavior\":{\"model\":{\"name\":\"cows\"}}}]"));
}

/* Adds results whose field "objects" is this value, whose ownership it takes. */
static void
attach_objects (GstBuffer *buffer, GValue *objects)
{
  gst_structure_take_value (gst_custom_meta_get_structure (
                                gst_buffer_add_custom_meta (buffer, GST_COW_BEHAVIOR_META_NAME)),
                            "objects", objects);
}

/* Results without objects, or with a word, words or nothing valid but one in their place; also when
 * the frame changes its size. */
static void
test_hostile_objects (void)
{
  const GstMetaInfo *info = gst_meta_get_info (GST_COW_BEHAVIOR_META_NAME);
  g_autoptr (GstBuffer) buffer = gst_buffer_new ();
  GValue word = G_VALUE_INIT, none = G_VALUE_INIT, one = G_VALUE_INIT, words = G_VALUE_INIT,
         objects = G_VALUE_INIT;
  GstBuffer *scaled = gst_buffer_new ();
  GstVideoInfo from, to;
  GstVideoMetaTransform transform = { &from, &to };
  g_autofree char *event = NULL;
  gpointer state = NULL;
  GstMeta *meta;

  g_value_set_static_string (g_value_init (&word, G_TYPE_STRING), "cow");
  g_value_init (&none, GST_TYPE_STRUCTURE);
  g_value_take_boxed (g_value_init (&one, GST_TYPE_STRUCTURE),
                      publish_object_new ("zone", "a", 0, "Lying", 0));
  gst_value_array_append_value (g_value_init (&words, GST_TYPE_ARRAY), &word);
  gst_value_array_append_and_take_value (g_value_init (&objects, GST_TYPE_ARRAY), &none);
  gst_value_array_append_and_take_value (&objects, &one);
  gst_buffer_add_custom_meta (buffer, GST_COW_BEHAVIOR_META_NAME);
  attach_objects (buffer, &word);
  attach_objects (buffer, &words);
  attach_objects (buffer, &objects);

  gst_video_info_set_format (&from, GST_VIDEO_FORMAT_GRAY8, 320, 240);
  gst_video_info_set_format (&to, GST_VIDEO_FORMAT_GRAY8, 640, 480);
  event = event_of (gst_buffer_ref (buffer), &moment, "barn");
  g_assert_nonnull (strstr (event, "\"objects\":[{\"x\":32,"));
  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state, info->api)))
    g_assert_true (info->transform_func (scaled, meta, buffer,
                                         gst_video_meta_transform_scale_get_quark (), &transform));
  g_free (event);
  event = event_of (scaled, &moment, "barn");
  g_assert_nonnull (strstr (event, "\"objects\":[{\"x\":64,"));
}

/* ---- topics ---------------------------------------------------------------------------------- */

static void
test_topics (void)
{
  static const struct {
    const char *name, *level;
  } cases[] = { { "barn 1", "barn 1" }, { "a/b", "a%2Fb" }, { "+#%", "%2B%23%25" },
                { "", "unnamed" },      { "\n", "%0A" },    { "caf\xc3\xa9", "café" },
                { "$SYS", "%24SYS" },   { "a$", "a$" },     { "\xff", "\xef\xbf\xbd" } };
  g_autofree char *endless = g_strnfill (100000, '/'),
                  *level = gst_cow_publish_topic_level (endless);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *is = gst_cow_publish_topic_level (cases[i].name);

    g_assert_cmpstr (is, ==, cases[i].level);
  }
  g_assert_cmpuint (strlen (level), <, 256);
}

static void
test_names (void)
{
  static const struct {
    const char *region, *type, *name;
  } cases[] = { { "frame", "frame", "frame" },
                { "zone", "pen/1", "zone/pen%2F1" },
                { "roi", "cow", "track/18446744073709551615" },
                { "else", "cow", NULL },
                { "zone", NULL, NULL } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GstStructure) object =
        publish_object_new (cases[i].region, cases[i].type, G_MAXUINT64, "Lying", 0);
    g_autofree char *name = gst_cow_publish_topic_of (object);

    g_assert_cmpstr (name, ==, cases[i].name);
  }
}

static void
test_device (void)
{
  const char *labels[] = { "Lying", "Standing", NULL };
  GList names[] = { { (gpointer) "frame", names + 1, NULL },
                    { (gpointer) "track/7", names + 2, NULL },
                    { (gpointer) "zone/pen \"1%2F", names + 3, NULL },
                    { (gpointer) "count/Lying", NULL, NULL } };
  const GstCowPublishDevice device = { .prefix = "cows",
                                       .source = "barn",
                                       .base = "cows/barn",
                                       .model = "cows (\"1\")",
                                       .names = names,
                                       .labels = labels };
  g_autofree char *text = gst_cow_publish_device_text (&device),
                  *id = gst_cow_publish_device_id ("cows", "barn");
  g_autofree char *odd = gst_cow_publish_device_id ("a/b", "c"),
                  *other = gst_cow_publish_device_id ("a+b", "c");
  g_autoptr (JsonNode) root = parse (text);
  JsonObject *object = json_node_get_object (root),
             *components = json_object_get_object_member (object, "components");
  JsonObject *frame = json_object_get_object_member (components, "frame");
  g_autoptr (GList) members = json_object_get_members (components);
  JsonObject *zone = json_object_get_object_member (components, members->next->data), *about,
             *number;

  g_assert_cmpstr (id, ==, "cows_barn");
  g_assert_cmpstr (odd, !=, other);
  g_assert_cmpstr (json_object_get_string_member (object, "availability_topic"), ==,
                   "cows/barn/available");
  g_assert_true (json_object_has_member (object, "origin"));
  about = json_object_get_object_member (object, "device");
  g_assert_cmpstr (json_object_get_string_member (about, "model"), ==, "cows (\"1\")");
  g_assert_cmpuint (json_object_get_size (components), ==, 3); /* the cow is left out */
  g_assert_cmpstr (json_object_get_string_member (frame, "platform"), ==, "sensor");
  g_assert_cmpstr (json_object_get_string_member (frame, "unique_id"), ==, "cows_barn_frame");
  g_assert_cmpstr (json_object_get_string_member (frame, "state_topic"), ==, "cows/barn/frame");
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (frame, "options")), ==, 2);
  g_assert_cmpstr (json_object_get_string_member (frame, "value_template"), ==,
                   "{{ none if value == 'unknown' else value }}");
  g_assert_cmpstr (json_object_get_string_member (zone, "name"), ==, "pen \"1/");
  g_assert_cmpstr (json_object_get_string_member (zone, "state_topic"), ==,
                   "cows/barn/zone/pen \"1%2F");
  number = json_object_get_object_member (components, members->next->next->data);
  g_assert_cmpstr (json_object_get_string_member (number, "name"), ==, "Lying");
  g_assert_cmpstr (json_object_get_string_member (number, "state_class"), ==, "measurement");
  g_assert_false (json_object_has_member (number, "options"));
  g_assert_false (json_object_has_member (number, "value_template"));
}

/* ---- changes --------------------------------------------------------------------------------- */

static void
note_gone (const char *name, gpointer data)
{
  g_ptr_array_add (data, g_strdup (name));
}

static void
test_states (void)
{
  g_autoptr (GstCowPublishStates) states = gst_cow_publish_states_new ();
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func (g_free);

  g_assert_true (gst_cow_publish_states_update (states, "track/1", "Lying", 0));
  g_assert_false (gst_cow_publish_states_update (states, "track/1", "Lying", 1));
  g_assert_true (gst_cow_publish_states_update (states, "track/2", "Lying", 1));
  g_assert_true (gst_cow_publish_states_update (states, "track/1", "unknown", 2));
  g_assert_false (gst_cow_publish_states_update (states, "track/2", "Lying", 100));
  gst_cow_publish_states_expire (states, 152, note_gone, gone);
  g_assert_cmpuint (gone->len, ==, 0);
  gst_cow_publish_states_expire (states, 153, note_gone, gone);
  g_assert_cmpuint (gone->len, ==, 1);
  g_assert_cmpstr (gone->pdata[0], ==, "track/1");
  g_assert_true (gst_cow_publish_states_update (states, "track/1", "unknown", 153));
}

/* However many cows there are, the memory for them is bounded. */
static void
test_states_bounded (void)
{
  g_autoptr (GstCowPublishStates) states = gst_cow_publish_states_new ();
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < 100000; i++) {
    g_autofree char *name = g_strdup_printf ("track/%u", i);

    g_assert_true (gst_cow_publish_states_update (states, name, "Lying", 0));
  }
  gst_cow_publish_states_expire (states, 1000, note_gone, gone);
  g_assert_cmpuint (gone->len, ==, 1024);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  if (!gst_meta_get_info (
          GST_COW_BEHAVIOR_META_NAME)) /* a scan of plugins may have registered it */
    gst_cow_meta_register ();

  g_test_add_func ("/publish-event/exact", test_exact);
  g_test_add_func ("/publish-event/detection-by-number", test_detection_by_number);
  g_test_add_func ("/publish-event/detection-of-analytics", test_detection_of_analytics);
  g_test_add_func ("/publish-event/times", test_times);
  g_test_add_func ("/publish-event/two-metas", test_two_metas);
  g_test_add_func ("/publish-event/hostile-text", test_hostile_text);
  g_test_add_func ("/publish-event/hostile-numbers", test_hostile_numbers);
  g_test_add_func ("/publish-event/hostile-fields", test_hostile_fields);
  g_test_add_func ("/publish-event/hostile-objects", test_hostile_objects);
  g_test_add_func ("/publish-event/topics", test_topics);
  g_test_add_func ("/publish-event/names", test_names);
  g_test_add_func ("/publish-event/device", test_device);
  g_test_add_func ("/publish-event/states", test_states);
  g_test_add_func ("/publish-event/states-bounded", test_states_bounded);
  return g_test_run ();
}
