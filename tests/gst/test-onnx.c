/* SPDX-License-Identifier: MIT */
/*
 * GStreamer's own detector before cowbehavior, and its overlay behind: onnxinference !
 * ssdobjectdetector ! cowbehavior ! objectdetectionoverlay (gst-plugins-bad 1.24 and later). The
 * network (tests/data/make-detector.py) detects what is bright in either half of a frame of 128 x
 * 64.
 */
#include "tests/gst/launched.h"
#include "tests/gst/support.h"

#include "cow-build.h"

#ifdef COW_HAVE_ANALYTICS
#  include <gst/analytics/analytics.h>
#  include <string.h>

#  include "gst-plugin/common/gstcowbehaviormeta.h"

#  define N_CLASSES 9

/* Two places for cows, in the left half and in the right one; the numbers are even, so that they
 * are exact as fractions of 128 and 64. */
static const CowRegion cows[] = { { 8, 12, 30, 40 }, { 80, 20, 28, 33 } };
static const CowRegion *const left = &cows[0], *const right = &cows[1];

static CowClassifier *classifier; /* the same model and adapter without the element */
static char *adapter;
static GstVideoInfo info;

/* A dark frame in which these regions are bright, each with a pattern of its own. */
static GstBuffer *
frame_new (guint seed, const CowRegion *regions, guint n)
{
  GstBuffer *buffer = support_frame_new (&info, seed);
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READWRITE));
  for (gsize i = 0; i < map.size; i++)
    map.data[i] = map.data[i] / 2;
  for (guint r = 0; r < n; r++)
    for (gint y = regions[r].y; y < regions[r].y + regions[r].h; y++)
      for (gint x = regions[r].x; x < regions[r].x + regions[r].w; x++) {
        guint8 *pixel = map.data + y * GST_VIDEO_INFO_PLANE_STRIDE (&info, 0) + 3 * x;

        pixel[0] = (guint8)(201 + (x * 3 + y) % 55);
        pixel[1] = (guint8)(x * (int)(r + 2) + seed);
        pixel[2] = (guint8)(y * 5);
      }
  gst_buffer_unmap (buffer, &map);
  return buffer;
}

/* The chain up to the detector, and `rest` behind it. */
static GstHarness *
chain_new (const char *rest)
{
  g_autofree char *network = support_data ("detector/detector.onnx"),
                  *labels = support_data ("detector/labels.txt");
  g_autofree char *line = g_strdup_printf (
      "onnxinference model-file=\"%s\" ! ssdobjectdetector label-file=\"%s\" score-threshold=0.5%s",
      network, labels, rest);
  GstHarness *harness = gst_harness_new_parse (line);

  g_assert_nonnull (harness);
  gst_harness_set_live (harness, FALSE);
  support_harness_set_info (harness, &info);
  return harness;
}

/* The element behind the detector, and `rest` behind the element. */
static GstHarness *
cow_chain_new (const char *properties, const char *rest)
{
  g_autofree char *model = support_model ();
  g_autofree char *line = g_strdup_printf (
      " ! cowbehavior model=\"%s\" adapter=\"%s\" mode=blocking inference-region=roi-list %s%s",
      model, adapter, properties, rest);

  return chain_new (line);
}

/* The object detection at a place. */
static GstAnalyticsODMtd
find_od (GstBuffer *buffer, const CowRegion *place)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsODMtd od;
  gpointer state = NULL;
  gint x, y, w, h;
  gfloat confidence;

  g_assert_nonnull (meta);
  while (gst_analytics_relation_meta_iterate (meta, &state, gst_analytics_od_mtd_get_mtd_type (),
                                              (GstAnalyticsMtd *)&od)) {
    g_assert_true (gst_analytics_od_mtd_get_location (&od, &x, &y, &w, &h, &confidence));
    if (x == place->x && y == place->y && w == place->w && h == place->h)
      return od;
  }
  g_error ("no object was detected at %d, %d", place->x, place->y);
}

/* Asserts that the classification of a detection has these probabilities, most likely first. It is
 * looked up by RELATE_TO and index 0 as objectdetectionoverlay does, and by CONTAIN and IS_PART_OF
 * as DL Streamer does. */
static void
assert_classified (GstBuffer *buffer, const CowRegion *place, const float *probabilities)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsMtdType type = gst_analytics_cls_mtd_get_mtd_type ();
  GstAnalyticsODMtd od = find_od (buffer, place);
  const char *const *classes = cow_classifier_classes (classifier);
  GstAnalyticsClsMtd cls, contained;
  guint best = 0;

  g_assert_cmpstr (g_quark_to_string (gst_analytics_od_mtd_get_obj_type (&od)), ==, "cow");
  for (guint c = 1; c < N_CLASSES; c++)
    if (probabilities[c] > probabilities[best])
      best = c;
  g_assert_true (gst_analytics_relation_meta_get_direct_related (
      meta, od.id, GST_ANALYTICS_REL_TYPE_RELATE_TO, type, NULL, (GstAnalyticsMtd *)&cls));
  g_assert_cmpuint (gst_analytics_cls_mtd_get_length (&cls), ==, 1);
  g_assert_cmpstr (g_quark_to_string (gst_analytics_cls_mtd_get_quark (&cls, 0)), ==,
                   classes[best]);
  g_assert_cmpfloat_with_epsilon (gst_analytics_cls_mtd_get_level (&cls, 0), probabilities[best],
                                  1e-5);

  g_assert_true (gst_analytics_relation_meta_get_direct_related (
      meta, od.id, GST_ANALYTICS_REL_TYPE_CONTAIN, type, NULL, (GstAnalyticsMtd *)&contained));
  g_assert_cmpuint (contained.id, ==, cls.id);
  g_assert_true (gst_analytics_relation_meta_get_relation (meta, cls.id, od.id) &
                 GST_ANALYTICS_REL_TYPE_IS_PART_OF);
}

/* Asserts that each frame has the cows that are in it, with their own classes. */
static void
test_chain (void)
{
  const struct {
    const CowRegion *cows;
    guint n;
  } frames[] = { { cows, 2 }, { right, 1 }, { NULL, 0 }, { left, 1 } };
  GstHarness *harness = cow_chain_new ("object-class=cow", "");

  for (guint f = 0; f < G_N_ELEMENTS (frames); f++) {
    GstBuffer *in = frame_new (f, frames[f].cows, frames[f].n), *out;
    float expected[2][N_CLASSES];

    for (guint i = 0; i < frames[f].n; i++)
      memcpy (expected[i], support_expect (classifier, in, &info, &frames[f].cows[i]),
              sizeof expected[i]);
    GST_BUFFER_PTS (in) = f * 40 * GST_MSECOND;
    out = gst_harness_push_and_pull (harness, in);
    g_assert_nonnull (out);
    g_assert_cmpuint (support_n_mtds (out, gst_analytics_od_mtd_get_mtd_type ()), ==, frames[f].n);
    g_assert_cmpuint (support_n_mtds (out, gst_analytics_cls_mtd_get_mtd_type ()), ==,
                      2 * frames[f].n);
    for (guint i = 0; i < frames[f].n; i++)
      assert_classified (out, &frames[f].cows[i], expected[i]);
    gst_buffer_unref (out);
  }
  gst_harness_teardown (harness);
}

/* Detections of other types are left alone. */
static void
test_other_class (void)
{
  GstHarness *harness = cow_chain_new ("object-class=person", "");
  GstBuffer *out = gst_harness_push_and_pull (harness, frame_new (1, left, 1));

  g_assert_cmpuint (support_n_mtds (out, gst_analytics_od_mtd_get_mtd_type ()), ==, 1);
  g_assert_cmpuint (support_n_mtds (out, gst_analytics_cls_mtd_get_mtd_type ()), ==, 0);
  gst_buffer_unref (out);
  gst_harness_teardown (harness);
}

/* The number of bytes in which the pictures of two buffers differ. */
static guint
n_different (GstBuffer *a, GstBuffer *b)
{
  GstMapInfo maps[2];
  guint n = 0;

  g_assert_true (gst_buffer_map (a, &maps[0], GST_MAP_READ));
  g_assert_true (gst_buffer_map (b, &maps[1], GST_MAP_READ));
  g_assert_cmpuint (maps[0].size, ==, maps[1].size);
  for (gsize i = 0; i < maps[0].size; i++)
    n += maps[0].data[i] != maps[1].data[i];
  gst_buffer_unmap (a, &maps[0]);
  gst_buffer_unmap (b, &maps[1]);
  return n;
}

/* The overlay draws the label that it finds, so the picture differs from one without cowbehavior,
 * where it draws the detector's word. */
static void
test_overlay (void)
{
  if (!support_have_element ("objectdetectionoverlay")) {
    g_test_skip ("objectdetectionoverlay is not installed (gstreamer1.0-plugins-bad)");
    return;
  }
  GstHarness *plain = chain_new (" ! objectdetectionoverlay"),
             *labelled = cow_chain_new ("", " ! objectdetectionoverlay");
  GstBuffer *frame = frame_new (2, right, 1), *boxed, *named;

  boxed = gst_harness_push_and_pull (plain, gst_buffer_copy_deep (frame));
  named = gst_harness_push_and_pull (labelled, gst_buffer_copy_deep (frame));
  g_assert_cmpuint (n_different (frame, boxed), >, 0);
  g_assert_cmpuint (n_different (frame, named), >, 0);
  g_assert_cmpuint (n_different (boxed, named), >, 0);
  gst_buffer_unref (named);
  gst_buffer_unref (boxed);
  gst_buffer_unref (frame);
  gst_harness_teardown (labelled);
  gst_harness_teardown (plain);
}

/* A sample script with this detector, as pipelines/README.md shows it. */
static void
test_script (void)
{
  g_autofree char *network = support_data ("detector/detector.onnx"),
                  *labels = support_data ("detector/labels.txt");
  g_autofree char *detector = g_strdup_printf (
      "onnxinference model-file=%s ! ssdobjectdetector label-file=%s score-threshold=0.5", network,
      labels);
  g_autofree char *script = g_build_filename (g_getenv ("COW_TEST_PIPELINES"), "file.sh", NULL),
                  *model = support_model ();
  g_autofree char *picture = g_build_filename (adapter, "frame.png", NULL);
  const char *argv[] = { script, picture,     "--detector", detector, "--model",
                         model,  "--adapter", adapter,      NULL };
  GstHarness *encoder = gst_harness_new ("pngenc");
  g_autoptr (GError) error = NULL;
  GstMapInfo map;

  support_harness_set_info (encoder, &info);
  GstBuffer *png = gst_harness_push_and_pull (encoder, frame_new (3, cows, G_N_ELEMENTS (cows)));
  g_assert_true (gst_buffer_map (png, &map, GST_MAP_READ));
  g_file_set_contents (picture, (const char *)map.data, (gssize)map.size, &error);
  g_assert_no_error (error);
  gst_buffer_unmap (png, &map);
  gst_buffer_unref (png);
  gst_harness_teardown (encoder);

  g_autofree char *output = launched_output (argv, 0);
  g_assert_nonnull (strstr (output, "ids=(int)< -1, -1 >"));
}

/* The reason why the chain cannot be built here; NULL if it can. */
static const char *
what_is_missing (void)
{
  guint major, minor, micro, nano;

  gst_version (&major, &minor, &micro, &nano);
  if (minor > 26)
    return "GStreamer after 1.26 knows detectors by other names of their outputs than those of "
           "detector.onnx";
  if (!support_have_element ("onnxinference"))
    return "onnxinference is not installed (gstreamer1.0-plugins-bad, where it is built with ONNX "
           "Runtime)";
  if (!support_have_element ("ssdobjectdetector"))
    return "ssdobjectdetector is not installed (gstreamer1.0-plugins-bad)";
  return NULL;
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  const char *missing = what_is_missing ();
  if (missing) {
    g_print ("1..0 # SKIP %s\n", missing);
    return 0;
  }
  g_test_init (&argc, &argv, NULL);
  adapter = support_adapter_new ();
  classifier = support_classifier_new (adapter);
  info = support_info (GST_VIDEO_FORMAT_RGB, 128, 64, NULL);

  g_test_add_func ("/onnx/chain", test_chain);
  g_test_add_func ("/onnx/other-class", test_other_class);
  g_test_add_func ("/onnx/overlay", test_overlay);
  g_test_add_func ("/onnx/script", test_script);
  result = g_test_run ();

  cow_classifier_free (classifier);
  support_remove (adapter);
  return result;
}
#else
int
main (void)
{
  g_print ("1..0 # SKIP built against GStreamer before 1.24, which has no GstAnalytics\n");
  return 0;
}
#endif
