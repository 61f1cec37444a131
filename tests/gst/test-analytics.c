/* SPDX-License-Identifier: MIT */
/* GstAnalytics (GStreamer 1.24 and later): detections of other elements become regions, and our
 * classifications are where other elements look for them. */
#include "tests/gst/support.h"

#include "cow-build.h"

#ifdef COW_HAVE_ANALYTICS
#  include <gst/analytics/analytics.h>

#  include "gst-plugin/common/gstcowbehaviormeta.h"

static CowClassifier *classifier; /* the same model and adapter without the element */
static char *adapter;
static GstVideoInfo info; /* 96 x 80 */

static guint
add_od (GstBuffer *buffer, const char *type, gint x, gint y, gint w, gint h)
{
  GstAnalyticsODMtd od;

  g_assert_true (
      gst_analytics_relation_meta_add_od_mtd (gst_buffer_add_analytics_relation_meta (buffer),
                                              g_quark_from_string (type), x, y, w, h, 0.9f, &od));
  return od.id;
}

/* Finds the classification of a detection as objectdetectionoverlay does, and as DL Streamer
 * does. */
static gboolean
find_cls (GstBuffer *buffer, guint od, GstAnalyticsRelTypes relation, GstAnalyticsClsMtd *cls)
{
  gpointer state = NULL;

  return gst_analytics_relation_meta_get_direct_related (
      gst_buffer_get_analytics_relation_meta (buffer), od, relation,
      gst_analytics_cls_mtd_get_mtd_type (), &state, (GstAnalyticsMtd *)cls);
}

/* Asserts that the label of a classification is that of object i and is its only class, as DL
 * Streamer wants it. It leads to all classes by index, where it is found as DL Streamer finds
 * label_id. */
static void
assert_cls (GstBuffer *buffer, GstAnalyticsClsMtd *cls, guint i)
{
  const GstStructure *object = support_object (buffer, i);
  const char *const *classes = cow_classifier_classes (classifier);
  const GValue *probabilities = gst_structure_get_value (object, "probabilities");
  GstAnalyticsClsMtd all;
  double confidence;
  gint label_id;

  g_assert_cmpuint (gst_analytics_cls_mtd_get_length (cls), ==, 1);
  g_assert_cmpstr (g_quark_to_string (gst_analytics_cls_mtd_get_quark (cls, 0)), ==,
                   gst_structure_get_string (object, "label"));
  g_assert_true (gst_structure_get_double (object, "confidence", &confidence));
  g_assert_cmpfloat_with_epsilon (gst_analytics_cls_mtd_get_level (cls, 0), confidence, 1e-6);

  g_assert_true (find_cls (buffer, cls->id, GST_ANALYTICS_REL_TYPE_RELATE_TO, &all));
  g_assert_cmpuint (gst_analytics_cls_mtd_get_length (&all), ==, 9);
  g_assert_true (gst_structure_get_int (object, "label_id", &label_id));
  g_assert_cmpint (
      gst_analytics_cls_mtd_get_index_by_quark (&all, gst_analytics_cls_mtd_get_quark (cls, 0)), ==,
      label_id);
  for (guint c = 0; c < 9; c++) {
    g_assert_cmpstr (g_quark_to_string (gst_analytics_cls_mtd_get_quark (&all, c)), ==, classes[c]);
    g_assert_cmpfloat_with_epsilon (
        gst_analytics_cls_mtd_get_level (&all, c),
        g_value_get_double (gst_value_array_get_value (probabilities, c)), 1e-6);
  }
}

static void
test_detections (void)
{
  static const CowRegion boxes[] = { { 0, 0, 40, 40 }, { 50, 10, 46, 70 } };
  GstHarness *harness = support_harness_new (adapter, "object-class=cow");
  GstBuffer *in = support_frame_new (&info, 1), *out;
  guint ods[2], person;
  float expected[2][9];
  GstAnalyticsClsMtd cls;

  for (guint i = 0; i < 2; i++)
    memcpy (expected[i], support_expect (classifier, in, &info, &boxes[i]), sizeof expected[i]);
  ods[0] = add_od (in, "cow", 0, 0, 40, 40);
  person = add_od (in, "person", 10, 10, 30, 30);
  ods[1] = add_od (in, "cow", 50, 10, 300, 300); /* partly outside */
  add_od (in, "cow", -50, -50, 20, 20);          /* outside */
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_cmpuint (support_n_objects (out), ==, 2);
  for (guint i = 0; i < 2; i++) {
    GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (out);

    support_assert_object (out, i, &boxes[i], expected[i], 0);
    g_assert_cmpstr (gst_structure_get_string (support_object (out, i), "roi_type"), ==, "cow");
    g_assert_true (find_cls (out, ods[i], GST_ANALYTICS_REL_TYPE_RELATE_TO, &cls));
    assert_cls (out, &cls, i);
    g_assert_true (find_cls (out, ods[i], GST_ANALYTICS_REL_TYPE_CONTAIN, &cls));
    g_assert_true (gst_analytics_relation_meta_get_relation (meta, cls.id, ods[i]) &
                   GST_ANALYTICS_REL_TYPE_IS_PART_OF);
  }
  g_assert_false (find_cls (out, person, GST_ANALYTICS_REL_TYPE_ANY, &cls));
  g_assert_cmpuint (support_n_mtds (out, gst_analytics_cls_mtd_get_mtd_type ()), ==, 4);
  g_assert_cmpuint (support_n_mtds (out, gst_analytics_od_mtd_get_mtd_type ()), ==, 4);
  g_assert_cmpuint (gst_buffer_get_n_meta (out, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), ==, 0);
  g_assert_cmpuint (support_stat (harness, "regions-outside"), ==, 1);
  g_assert_cmpuint (support_stat (harness, "regions-other-class"), ==, 1);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

/* A detector that writes both kinds of metadata for a cow describes one cow. */
static void
test_both (void)
{
  GstHarness *harness = support_harness_new (adapter, "");
  GstBuffer *in = support_frame_new (&info, 1), *out;
  GstVideoRegionOfInterestMeta *roi = support_add_roi (in, 10, 10, 40, 40, 3);
  guint od = add_od (in, "cow", 10, 10, 40, 40);
  GstAnalyticsClsMtd cls;

  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_cmpuint (support_n_objects (out), ==, 1);
  g_assert_true (find_cls (out, od, GST_ANALYTICS_REL_TYPE_RELATE_TO, &cls));
  roi = (GstVideoRegionOfInterestMeta *)gst_buffer_get_meta (
      out, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE);
  g_assert_nonnull (gst_video_region_of_interest_meta_get_param (roi, "classification"));
  gst_buffer_unref (out);
  support_harness_free (harness);
}

/* A detector that rounds a box in two ways, or cannot begin a region left of the frame, still
 * describes one cow. Boxes that differ are two cows. If two object detections have the box, the one
 * of the region's type is chosen. */
static void
test_both_nearly (void)
{
  static const struct {
    gint od[4];
    guint roi[4];
    guint n;
  } cases[] = {
    { { 10, 10, 40, 40 }, { 11, 10, 39, 41 }, 1 },
    { { -8, -5, 40, 40 }, { 0, 0, 32, 35 }, 1 },
    { { 60, 40, 90, 90 }, { 60, 40, 36, 40 }, 1 },
    { { 10, 10, 40, 40 }, { 13, 10, 40, 40 }, 2 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstHarness *harness = support_harness_new (adapter, "");
    GstBuffer *in = support_frame_new (&info, 1), *out;
    const gint *od = cases[i].od;
    const guint *roi = cases[i].roi;

    add_od (in, "person", od[0], od[1], od[2], od[3]);
    add_od (in, "cow", od[0], od[1], od[2], od[3]);
    support_add_roi (in, roi[0], roi[1], roi[2], roi[3], 70);
    support_harness_set_info (harness, &info);
    out = gst_harness_push_and_pull (harness, in);
    g_assert_cmpuint (support_n_objects (out), ==, 1 + cases[i].n);
    for (guint o = 0; o < 1 + cases[i].n; o++) {
      const GstStructure *object = support_object (out, o);
      gint id;

      g_assert_true (gst_structure_get_int (object, "id", &id));
      g_assert_cmpint (id, ==, o == cases[i].n ? 70 : -1);
      g_assert_cmpstr (gst_structure_get_string (object, "roi_type"), ==,
                       o == 0 ? "person" : "cow");
    }
    gst_buffer_unref (out);
    support_harness_free (harness);
  }
}

/* DL Streamer marks a pair by giving the region of interest the id of its object detection. Such an
 * id does not identify a cow: two cows whose ids change places, after frames in which the ids
 * looked like those of objects, keep their tracks. */
static void
test_pair_id (void)
{
  GstHarness *harness = support_harness_new (adapter, "");
  guint64 first[2] = { 0, 0 }, id;

  support_harness_set_info (harness, &info);
  for (guint i = 0; i < 8; i++) {
    GstBuffer *in = support_frame_new (&info, i), *out;

    add_od (in, "person", 0, 60, 10, 10); /* takes id 0, which regions do not count */
    for (guint k = 0; k < 2; k++) {
      const guint x = (i / 7 + k) % 2 ? 50 : 0;

      support_add_roi (in, x, 0, 40, 40, (gint)add_od (in, "cow", (gint)x, 0, 40, 40));
    }
    out = gst_harness_push_and_pull (harness, in);
    for (guint k = 0; k < 2; k++) {
      const GstStructure *object = support_object (out, 1 + k);
      const guint side = (i / 7 + k) % 2;

      g_assert_true (gst_structure_get_uint64 (object, "track_id", &id));
      if (i == 0)
        first[side] = id;
      g_assert_cmpuint (id, ==, first[side]);
    }
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (first[0], !=, first[1]);
  support_harness_free (harness);
}

/* A region of interest alone gets an object detection with its confidence, so that readers of
 * GstAnalytics see it; with roi-meta=false the region stays as it was. */
static void
test_roi_only (gconstpointer roi_meta)
{
  GstHarness *harness = support_harness_new (adapter, roi_meta ? "" : "roi-meta=false");
  GstBuffer *in = support_frame_new (&info, 1), *out;
  GstVideoRegionOfInterestMeta *roi = support_add_roi (in, 10, 10, 40, 40, 3);
  gint x, y, w, h;
  GstAnalyticsODMtd od;
  GstAnalyticsClsMtd cls;
  gfloat confidence;
  gpointer state = NULL;

  gst_video_region_of_interest_meta_add_param (
      roi, gst_structure_new ("detection", "confidence", G_TYPE_DOUBLE, 0.625, NULL));
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_cmpuint (support_n_objects (out), ==, 1);
  g_assert_cmpuint (support_n_mtds (out, gst_analytics_od_mtd_get_mtd_type ()), ==, 1);
  g_assert_true (gst_analytics_relation_meta_iterate (gst_buffer_get_analytics_relation_meta (out),
                                                      &state, gst_analytics_od_mtd_get_mtd_type (),
                                                      (GstAnalyticsMtd *)&od));
  g_assert_cmpstr (g_quark_to_string (gst_analytics_od_mtd_get_obj_type (&od)), ==, "cow");
  g_assert_true (gst_analytics_od_mtd_get_location (&od, &x, &y, &w, &h, &confidence));
  g_assert_cmpint (x, ==, 10);
  g_assert_cmpint (w, ==, 40);
  g_assert_cmpfloat (confidence, ==, 0.625f);
  g_assert_true (find_cls (out, od.id, GST_ANALYTICS_REL_TYPE_RELATE_TO, &cls));
  assert_cls (out, &cls, 0);
  roi = (GstVideoRegionOfInterestMeta *)gst_buffer_get_meta (
      out, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE);
  g_assert_true ((gst_video_region_of_interest_meta_get_param (roi, "classification") != NULL) ==
                 (roi_meta != NULL));
  gst_buffer_unref (out);
  support_harness_free (harness);
}

/* With roi-meta=false the full frame and zones get no region of interest, but still have their
 * classifications. */
static void
test_places_without_roi (void)
{
  static const char *const settings[] = { "roi-meta=false",
                                          "roi-meta=false zones=\"pen=0,0,0.5,1\"" };

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++) {
    GstHarness *harness = support_harness_new (adapter, settings[i]);
    GstBuffer *out;

    support_harness_set_info (harness, &info);
    out = support_push (harness, &info, 1, 0);
    g_assert_cmpuint (support_n_objects (out), ==, 1);
    g_assert_cmpuint (gst_buffer_get_n_meta (out, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), ==,
                      0);
    g_assert_cmpuint (support_n_mtds (out, gst_analytics_cls_mtd_get_mtd_type ()), ==, 2);
    g_assert_cmpuint (support_n_mtds (out, gst_analytics_od_mtd_get_mtd_type ()), ==, i);
    gst_buffer_unref (out);
    support_harness_free (harness);
  }
}

/* ---- tracks ---------------------------------------------------------------------------------- */

static void
relate_track (GstBuffer *buffer, guint od, guint64 id, gboolean from_track)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta (buffer);
  GstAnalyticsTrackingMtd track;

  g_assert_true (gst_analytics_relation_meta_add_tracking_mtd (meta, id, 0, &track));
  g_assert_true (gst_analytics_relation_meta_set_relation (meta, GST_ANALYTICS_REL_TYPE_RELATE_TO,
                                                           from_track ? track.id : od,
                                                           from_track ? od : track.id));
}

/* A tracker upstream identifies the cows, in whichever direction its relation points. */
static void
test_tracks (void)
{
  GstHarness *harness = support_harness_new (adapter, "inference-interval=10");
  guint64 id;
  guint age;

  support_harness_set_info (harness, &info);
  for (guint i = 0; i < 2; i++) {
    GstBuffer *in = support_frame_new (&info, i), *out;

    relate_track (in, add_od (in, "cow", i == 0 ? 0 : 50, 0, 40, 40), 1234, i == 1);
    out = gst_harness_push_and_pull (harness, in);
    g_assert_true (gst_structure_get_uint64 (support_object (out, 0), "track_id", &id));
    g_assert_true (gst_structure_get_uint (support_object (out, 0), "frames_ago", &age));
    g_assert_cmpuint (id, ==, 1234);
    g_assert_cmpuint (age, ==, i);
    gst_buffer_unref (out);
  }
  support_harness_free (harness);
}

/* A track that its tracker has lost does not belong to the cow, and RELATE_TO from the detection,
 * as trackers write it, has precedence over other relations. GstAnalytics has precedence over an
 * object_id. */
static void
test_which_track (void)
{
  GstHarness *harness = support_harness_new (adapter, "");
  GstBuffer *in = support_frame_new (&info, 0), *out;
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta (in);
  GstVideoRegionOfInterestMeta *roi = support_add_roi (in, 0, 0, 40, 40, 3);
  guint od = add_od (in, "cow", 0, 0, 40, 40);
  GstAnalyticsTrackingMtd lost;
  guint64 id;

  relate_track (in, od, 5, TRUE);
  g_assert_true (gst_analytics_relation_meta_add_tracking_mtd (meta, 6, 0, &lost));
  g_assert_true (gst_analytics_tracking_mtd_set_lost (&lost));
  g_assert_true (gst_analytics_relation_meta_set_relation (meta, GST_ANALYTICS_REL_TYPE_RELATE_TO,
                                                           od, lost.id));
  relate_track (in, od, 1234, FALSE);
  gst_video_region_of_interest_meta_add_param (
      roi, gst_structure_new ("object_id", "id", G_TYPE_INT, 77, NULL));
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_cmpuint (support_n_objects (out), ==, 1);
  g_assert_true (gst_structure_get_uint64 (support_object (out, 0), "track_id", &id));
  g_assert_cmpuint (id, ==, 1234);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

/* ---- places ---------------------------------------------------------------------------------- */

/* The classification of the full frame is one that no detection is related to. */
static void
test_full_frame (void)
{
  GstHarness *harness = support_harness_new (adapter, "");
  GstAnalyticsRelationMeta *meta;
  GstAnalyticsClsMtd cls;
  gpointer state = NULL;
  GstBuffer *out;

  support_harness_set_info (harness, &info);
  out = support_push (harness, &info, 1, 0);
  meta = gst_buffer_get_analytics_relation_meta (out);
  g_assert_nonnull (meta);
  g_assert_true (gst_analytics_relation_meta_iterate (
      meta, &state, gst_analytics_cls_mtd_get_mtd_type (), (GstAnalyticsMtd *)&cls));
  assert_cls (out, &cls, 0);
  g_assert_cmpuint (gst_analytics_relation_get_length (meta), ==, 2);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

/* A zone becomes a detection with its name. An element behind takes neither zone nor frame for a
 * cow, and adds its classification to the same detection. */
static void
test_zones (void)
{
  g_autofree char *model = support_model ();
  g_autofree char *line = g_strdup_printf (
      "cowbehavior model=\"%s\" adapter=\"%s\" mode=blocking zones=\"pen=0,0,0.5,1\" ! "
      "cowbehavior model=\"%s\" adapter=\"%s\" mode=blocking zones=\"pen=0,0,0.5,1\"",
      model, adapter, model, adapter);
  GstHarness *harness = gst_harness_new_parse (line);
  GstAnalyticsODMtd od;
  gpointer state = NULL;
  GstBuffer *out;

  support_harness_set_info (harness, &info);
  out = support_push (harness, &info, 1, 0);
  g_assert_cmpuint (support_n_mtds (out, gst_analytics_od_mtd_get_mtd_type ()), ==, 1);
  g_assert_cmpuint (support_n_mtds (out, gst_analytics_cls_mtd_get_mtd_type ()), ==, 4);
  g_assert_true (gst_analytics_relation_meta_iterate (gst_buffer_get_analytics_relation_meta (out),
                                                      &state, gst_analytics_od_mtd_get_mtd_type (),
                                                      (GstAnalyticsMtd *)&od));
  g_assert_cmpstr (g_quark_to_string (gst_analytics_od_mtd_get_obj_type (&od)), ==, "pen");
  gst_buffer_unref (out);
  gst_harness_teardown (harness);
}

/* "unknown" is a label, but none of the classes. */
static void
test_unknown (void)
{
  GstHarness *harness = support_harness_new (adapter, "threshold=1");
  GstBuffer *in = support_frame_new (&info, 1), *out;
  guint od = add_od (in, "cow", 10, 10, 40, 40);
  GstAnalyticsClsMtd cls;

  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_true (find_cls (out, od, GST_ANALYTICS_REL_TYPE_RELATE_TO, &cls));
  assert_cls (out, &cls, 0);
  g_assert_cmpstr (g_quark_to_string (gst_analytics_cls_mtd_get_quark (&cls, 0)), ==, "unknown");
  gst_buffer_unref (out);
  support_harness_free (harness);
}

int
main (int argc, char **argv)
{
  support_init (&argc, &argv, &adapter, &classifier);
  info = support_info (GST_VIDEO_FORMAT_I420, 96, 80, NULL);

  g_test_add_func ("/analytics/detections", test_detections);
  g_test_add_func ("/analytics/both", test_both);
  g_test_add_func ("/analytics/both-nearly", test_both_nearly);
  g_test_add_func ("/analytics/pair-id", test_pair_id);
  g_test_add_data_func ("/analytics/roi-only", GINT_TO_POINTER (TRUE), test_roi_only);
  g_test_add_data_func ("/analytics/roi-only/without-roi-meta", NULL, test_roi_only);
  g_test_add_func ("/analytics/places-without-roi", test_places_without_roi);
  g_test_add_func ("/analytics/tracks", test_tracks);
  g_test_add_func ("/analytics/which-track", test_which_track);
  g_test_add_func ("/analytics/full-frame", test_full_frame);
  g_test_add_func ("/analytics/zones", test_zones);
  g_test_add_func ("/analytics/unknown", test_unknown);
  return support_run (adapter, classifier);
}
#else
int
main (void)
{
  g_print ("1..0 # SKIP built against GStreamer before 1.24, which has no GstAnalytics\n");
  return 0;
}
#endif
