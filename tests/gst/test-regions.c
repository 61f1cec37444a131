/* SPDX-License-Identifier: MIT */
/* Which parts of a frame `cowbehavior` classifies: zones, detections, the choice of `auto`, and
 * what it leaves out. */
#include "tests/gst/support.h"

#include "gst-plugin/common/gstcowbehaviormeta.h"

static CowClassifier *classifier; /* the same model and adapter without the element */
static char *adapter;
static GstVideoInfo info; /* 96 x 80 */

static void
assert_string (const GstStructure *object, const char *field, const char *expected)
{
  g_assert_cmpstr (gst_structure_get_string (object, field), ==, expected);
}

static GstVideoRegionOfInterestMeta *
find_roi (GstBuffer *buffer, const char *type)
{
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
                                                   GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    if (g_quark_from_string (type) == ((GstVideoRegionOfInterestMeta *)meta)->roi_type)
      return (GstVideoRegionOfInterestMeta *)meta;
  }
  return NULL;
}

/* ---- zones ----------------------------------------------------------------------------------- */

#define PENS "pen 1=0,0,0.5,1; pen 2=0.5,0.25 1,0.25 0.75,1"

static void
test_zones (void)
{
  static const CowRegion regions[] = { { 0, 0, 48, 80 }, { 48, 20, 48, 60 } };
  GstHarness *harness = support_harness_new (adapter, "zones=\"" PENS "\" inference-region=zones");
  GstBuffer *in = support_frame_new (&info, 3), *out;
  float expected[2][9];

  for (guint i = 0; i < 2; i++)
    memcpy (expected[i], support_expect (classifier, in, &info, &regions[i]), sizeof expected[i]);
  support_add_roi (in, 0, 0, 40, 40, 1); /* not wanted */
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_cmpuint (support_n_objects (out), ==, 2);
  for (guint i = 0; i < 2; i++) {
    const char *name = i == 0 ? "pen 1" : "pen 2";
    GstVideoRegionOfInterestMeta *roi = find_roi (out, name);

    support_assert_object (out, i, &regions[i], expected[i], 0);
    assert_string (support_object (out, i), "roi_type", name);
    assert_string (support_object (out, i), "region", "zone");
    g_assert_nonnull (roi);
    g_assert_cmpuint (roi->x, ==, (guint)regions[i].x);
    assert_string (gst_video_region_of_interest_meta_get_param (roi, "classification"), "label",
                   gst_structure_get_string (support_object (out, i), "label"));
  }
  gst_buffer_unref (out);
  support_harness_free (harness);
}

/* A wrong text while playing is a warning; the zones and the property stay. */
static void
test_zones_while_playing (void)
{
  GstHarness *harness = support_harness_new (adapter, "zones=\"" PENS "\"");
  GstElement *element = support_element (harness);
  GstBus *bus = support_harness_bus (harness);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  GstMessage *message;
  GstBuffer *out;

  support_harness_set_info (harness, &info);
  g_object_set (element, "zones", "pen 3=0,0,2,2", NULL);
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_WARNING, &message), ==, 1);
  gst_message_parse_warning (message, &error, NULL);
  g_assert_nonnull (strstr (error->message, "pen 3"));
  gst_message_unref (message);
  g_object_get (element, "zones", &text, NULL);
  g_assert_cmpstr (text, ==, PENS);
  out = support_push (harness, &info, 1, 0);
  g_assert_cmpuint (support_n_objects (out), ==, 2);
  gst_buffer_unref (out);

  g_object_set (element, "zones", "all=0,0,1,1", NULL);
  out = support_push (harness, &info, 1, 1);
  g_assert_cmpuint (support_n_objects (out), ==, 1);
  assert_string (support_object (out, 0), "roi_type", "all");
  gst_buffer_unref (out);
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_WARNING, NULL), ==, 0);
  gst_object_unref (bus);
  gst_object_unref (element);
  support_harness_free (harness);
}

static void
assert_start_fails (const char *properties, const char *says)
{
  g_autofree char *model = support_model ();
  g_autofree char *line =
      g_strdup_printf ("cowbehavior model=\"%s\" adapter=\"%s\" %s", model, adapter, properties);
  g_autoptr (GError) error = NULL;
  GstElement *element = gst_parse_launch (line, NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;

  gst_element_set_bus (element, bus);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS);
  if (!strstr (error->message, says))
    g_error ("\"%s\" does not say: %s", error->message, says);
  gst_message_unref (message);
  gst_bus_set_flushing (bus, TRUE);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (element);
  gst_object_unref (bus);
}

static void
test_start_errors (void)
{
  assert_start_fails ("zones=\"pen=0,0,640,480\"",
                      "property zones: zone \"pen\": numbers are fractions");
  assert_start_fails ("inference-region=zones", "property zones: not set");
  assert_start_fails ("classes=\"Lying,Flying\"", "property classes: \"Flying\" is no class");
}

/* ---- auto ------------------------------------------------------------------------------------ */

static GstBuffer *
push_with_cows (GstHarness *harness, guint n_cows)
{
  GstBuffer *in = support_frame_new (&info, 1);

  for (guint i = 0; i < n_cows; i++)
    support_add_roi (in, 40 * i, 0, 30, 30, 0);
  return gst_harness_push_and_pull (harness, in);
}

static void
assert_regions (GstHarness *harness, guint n_cows, guint n_objects, const char *region)
{
  GstBuffer *out = push_with_cows (harness, n_cows);

  g_assert_cmpuint (support_n_objects (out), ==, n_objects);
  for (guint i = 0; i < n_objects; i++)
    assert_string (support_object (out, i), "region", region);
  gst_buffer_unref (out);
}

static void
test_auto (void)
{
  GstHarness *harness = support_harness_new (adapter, "");
  GstElement *element = support_element (harness);

  support_harness_set_info (harness, &info);
  assert_regions (harness, 0, 1, "frame");
  g_object_set (element, "zones", PENS, NULL);
  assert_regions (harness, 0, 2, "zone");
  assert_regions (harness, 1, 1, "roi");
  assert_regions (harness, 2, 2, "roi");
  /* The detector exists but sees nothing now. */
  assert_regions (harness, 0, 0, NULL);
  g_assert_cmpuint (support_stat (harness, "frames-without-regions"), ==, 1);
  assert_regions (harness, 1, 1, "roi");
  /* Another stream may have none. */
  g_assert_true (gst_harness_push_event (harness, gst_event_new_stream_start ("another")));
  assert_regions (harness, 0, 2, "zone");
  gst_object_unref (element);
  support_harness_free (harness);
}

/* Regions that an element upstream attached for the frame or a zone are not detections for the next
 * one. */
static void
test_auto_behind_another (void)
{
  static const char *const settings[] = { "", "zones=\"" PENS "\"" };

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++) {
    g_autofree char *model = support_model ();
    g_autofree char *line = g_strdup_printf (
        "cowbehavior model=\"%s\" adapter=\"%s\" mode=blocking %s ! cowbehavior model=\"%s\" "
        "adapter=\"%s\" mode=blocking zones=\"all=0,0,1,1\"",
        model, adapter, settings[i], model, adapter);
    GstHarness *harness = gst_harness_new_parse (line);
    GstBuffer *out;
    GstMeta *meta;
    gpointer state = NULL;
    const GstStructure *last = NULL;

    support_harness_set_info (harness, &info);
    out = support_push (harness, &info, 1, 0);
    while ((meta = gst_buffer_iterate_meta_filtered (
                out, &state, gst_meta_get_info (GST_COW_BEHAVIOR_META_NAME)->api)))
      last = gst_custom_meta_get_structure ((GstCustomMeta *)meta);
    g_assert_cmpuint (gst_cow_behavior_n_objects (last), ==, 1);
    assert_string (gst_cow_behavior_object (last, 0), "roi_type", "all");
    g_assert_cmpuint (gst_buffer_get_n_meta (out, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), ==,
                      i == 0 ? 2 : 3);
    gst_buffer_unref (out);
    gst_harness_teardown (harness);
  }
}

/* ---- what is left out ------------------------------------------------------------------------ */

static void
test_object_class (void)
{
  GstHarness *harness = support_harness_new (adapter, "object-class=\"calf, cow\"");
  GstBuffer *in = support_frame_new (&info, 1), *out;

  gst_buffer_add_video_region_of_interest_meta (in, "person", 0, 0, 40, 40);
  gst_buffer_add_video_region_of_interest_meta (in, "calf", 10, 10, 40, 40);
  gst_buffer_add_video_region_of_interest_meta (in, "Cow", 0, 0, 40, 40); /* another word */
  gst_buffer_add_video_region_of_interest_meta (in, "cow", 20, 20, 40, 40);
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_cmpuint (support_n_objects (out), ==, 2);
  assert_string (support_object (out, 0), "roi_type", "calf");
  assert_string (support_object (out, 1), "roi_type", "cow");
  g_assert_null (
      gst_video_region_of_interest_meta_get_param (find_roi (out, "person"), "classification"));
  g_assert_cmpuint (support_stat (harness, "regions"), ==, 2);
  g_assert_cmpuint (support_stat (harness, "regions-other-class"), ==, 2);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

static void
test_min_size (void)
{
  GstHarness *harness = support_harness_new (adapter, "min-size=20");
  GstBuffer *in = support_frame_new (&info, 1), *out;
  guint x;

  support_add_roi (in, 0, 0, 19, 60, 1);
  support_add_roi (in, 1, 0, 60, 19, 2);
  support_add_roi (in, 2, 0, 20, 20, 3);
  support_add_roi (in, 80, 0, 40, 40, 4); /* 16 px of it are inside */
  support_add_roi (in, 96, 0, 40, 40, 5);
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_cmpuint (support_n_objects (out), ==, 1);
  g_assert_true (gst_structure_get_uint (support_object (out, 0), "x", &x));
  g_assert_cmpuint (x, ==, 2);
  g_assert_cmpuint (support_stat (harness, "regions-small"), ==, 3);
  g_assert_cmpuint (support_stat (harness, "regions-outside"), ==, 1);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

/* With padding a crop is larger than the box, but within the frame. Zones get no padding. */
static void
test_padding (void)
{
  static const CowRegion boxes[] = { { 30, 20, 40, 20 }, { 0, 0, 20, 20 } };
  static const CowRegion crops[] = { { 20, 15, 60, 30 }, { 0, 0, 25, 25 } };
  GstHarness *harness = support_harness_new (adapter, "padding=0.25");
  GstBuffer *in = support_frame_new (&info, 1), *out;
  float expected[2][9];

  for (guint i = 0; i < 2; i++) {
    memcpy (expected[i], support_expect (classifier, in, &info, &crops[i]), sizeof expected[i]);
    support_add_roi (in, (guint)boxes[i].x, (guint)boxes[i].y, (guint)boxes[i].w, (guint)boxes[i].h,
                     0);
  }
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  for (guint i = 0; i < 2; i++)
    support_assert_object (out, i, &boxes[i], expected[i], 0);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

int
main (int argc, char **argv)
{
  support_init (&argc, &argv, &adapter, &classifier);
  info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);

  g_test_add_func ("/regions/zones", test_zones);
  g_test_add_func ("/regions/zones-while-playing", test_zones_while_playing);
  g_test_add_func ("/regions/start-errors", test_start_errors);
  g_test_add_func ("/regions/auto", test_auto);
  g_test_add_func ("/regions/auto-behind-another", test_auto_behind_another);
  g_test_add_func ("/regions/object-class", test_object_class);
  g_test_add_func ("/regions/min-size", test_min_size);
  g_test_add_func ("/regions/padding", test_padding);
  return support_run (adapter, classifier);
}
