/* SPDX-License-Identifier: MIT */
/* GstAnalytics (GStreamer 1.24 and later): detections of others as regions, and our classifications
 * where others look for them. */
#include "tests/gst/support.h"

#include <gst/analytics/analytics.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"

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

/* The classification of a detection as objectdetectionoverlay finds it, and as DL Streamer does. */
static gboolean
find_cls (GstBuffer *buffer, guint od, GstAnalyticsRelTypes relation, GstAnalyticsClsMtd *cls)
{
  gpointer state = NULL;

  return gst_analytics_relation_meta_get_direct_related (
      gst_buffer_get_analytics_relation_meta (buffer), od, relation,
      gst_analytics_cls_mtd_get_mtd_type (), &state, (GstAnalyticsMtd *)cls);
}

/* The classes and levels are those of object i, likeliest first. */
static void
assert_cls (GstBuffer *buffer, GstAnalyticsClsMtd *cls, guint i, gsize n)
{
  const GstStructure *object = support_object (buffer, i);
  double confidence;

  g_assert_cmpuint (gst_analytics_cls_mtd_get_length (cls), ==, n);
  g_assert_cmpstr (g_quark_to_string (gst_analytics_cls_mtd_get_quark (cls, 0)), ==,
                   gst_structure_get_string (object, "label"));
  g_assert_true (gst_structure_get_double (object, "confidence", &confidence));
  g_assert_cmpfloat_with_epsilon (gst_analytics_cls_mtd_get_level (cls, 0), confidence, 1e-6);
  for (gsize c = 1; c < n; c++) {
    g_assert_cmpfloat (gst_analytics_cls_mtd_get_level (cls, c), <=,
                       gst_analytics_cls_mtd_get_level (cls, c - 1));
    g_assert_true (gst_analytics_cls_mtd_get_quark (cls, c) !=
                   gst_analytics_cls_mtd_get_quark (cls, c - 1));
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
  add_od (in, "cow", -50, -50, 20, 20);          /* all of it */
  support_harness_set_info (harness, &info);
  out = gst_harness_push_and_pull (harness, in);
  g_assert_cmpuint (support_n_objects (out), ==, 2);
  for (guint i = 0; i < 2; i++) {
    GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (out);

    support_assert_object (out, i, &boxes[i], expected[i], 0);
    g_assert_cmpstr (gst_structure_get_string (support_object (out, i), "roi_type"), ==, "cow");
    g_assert_true (find_cls (out, ods[i], GST_ANALYTICS_REL_TYPE_RELATE_TO, &cls));
    assert_cls (out, &cls, i, 9);
    g_assert_true (find_cls (out, ods[i], GST_ANALYTICS_REL_TYPE_CONTAIN, &cls));
    g_assert_true (gst_analytics_relation_meta_get_relation (meta, cls.id, ods[i]) &
                   GST_ANALYTICS_REL_TYPE_IS_PART_OF);
  }
  g_assert_false (find_cls (out, person, GST_ANALYTICS_REL_TYPE_ANY, &cls));
  g_assert_cmpuint (support_n_mtds (out, gst_analytics_cls_mtd_get_mtd_type ()), ==, 2);
  g_assert_cmpuint (support_n_mtds (out, gst_analytics_od_mtd_get_mtd_type ()), ==, 4);
  g_assert_cmpuint (gst_buffer_get_n_meta (out, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), ==, 0);
  g_assert_cmpuint (support_stat (harness, "regions-outside"), ==, 1);
  g_assert_cmpuint (support_stat (harness, "regions-other-class"), ==, 1);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

/* A detector that writes both kinds of metadata means one cow. */
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

/* A tracker upstream says who is who, whichever way it relates. */
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

/* Of the full frame: a classification without a relation, and no detection. */
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
  assert_cls (out, &cls, 0, 9);
  g_assert_cmpuint (gst_analytics_relation_get_length (meta), ==, 1);
  gst_buffer_unref (out);
  support_harness_free (harness);
}

/* A zone becomes a detection of its name; an element behind takes neither for a cow, and adds its
 * classification to the same. */
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
  g_assert_cmpuint (support_n_mtds (out, gst_analytics_cls_mtd_get_mtd_type ()), ==, 2);
  g_assert_true (gst_analytics_relation_meta_iterate (gst_buffer_get_analytics_relation_meta (out),
                                                      &state, gst_analytics_od_mtd_get_mtd_type (),
                                                      (GstAnalyticsMtd *)&od));
  g_assert_cmpstr (g_quark_to_string (gst_analytics_od_mtd_get_obj_type (&od)), ==, "pen");
  gst_buffer_unref (out);
  gst_harness_teardown (harness);
}

/* "unknown" comes first where it is the label. */
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
  assert_cls (out, &cls, 0, 10);
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
  g_test_add_func ("/analytics/tracks", test_tracks);
  g_test_add_func ("/analytics/full-frame", test_full_frame);
  g_test_add_func ("/analytics/zones", test_zones);
  g_test_add_func ("/analytics/unknown", test_unknown);
  return support_run (adapter, classifier);
}
