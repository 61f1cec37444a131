/* SPDX-License-Identifier: MIT */
/* GstAnalytics, where the build has it. */
#include "gst-plugin/common/analytics.h"

#include "cow-build.h"

#ifdef COW_HAVE_ANALYTICS
#  include <gst/analytics/analytics.h>

gboolean
gst_cow_analytics_available (void)
{
  return TRUE;
}

/* Reads a tracking mtd; FALSE when its tracker says that the object is lost. */
static gboolean
read_track (GstAnalyticsTrackingMtd *mtd, guint64 *track)
{
  GstClockTime first_seen, last_seen;
  gboolean lost;

  return gst_analytics_tracking_mtd_get_info (mtd, track, &first_seen, &last_seen, &lost) && !lost;
}

/*
 * The track of an object detection. GStreamer's and DL Streamer's trackers relate the detection to
 * it by RELATE_TO; relations of another kind or in the other direction count where there is none of
 * these.
 */
static gboolean
find_track (GstAnalyticsRelationMeta *meta, guint od, guint64 *track)
{
  const GstAnalyticsMtdType type = gst_analytics_tracking_mtd_get_mtd_type ();
  GstAnalyticsTrackingMtd mtd;
  gpointer state = NULL;

  while (gst_analytics_relation_meta_get_direct_related (meta, od, GST_ANALYTICS_REL_TYPE_RELATE_TO,
                                                         type, &state, (GstAnalyticsMtd *)&mtd)) {
    if (read_track (&mtd, track))
      return TRUE;
  }
  state = NULL;
  while (gst_analytics_relation_meta_iterate (meta, &state, type, (GstAnalyticsMtd *)&mtd)) {
    if ((gst_analytics_relation_meta_get_relation (meta, od, mtd.id) !=
             GST_ANALYTICS_REL_TYPE_NONE ||
         gst_analytics_relation_meta_get_relation (meta, mtd.id, od) !=
             GST_ANALYTICS_REL_TYPE_NONE) &&
        read_track (&mtd, track))
      return TRUE;
  }
  return FALSE;
}

void
gst_cow_analytics_collect (GstBuffer *buffer, GArray *detections)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsODMtd od;
  gpointer state = NULL;

  if (!meta)
    return;
  while (gst_analytics_relation_meta_iterate (meta, &state, gst_analytics_od_mtd_get_mtd_type (),
                                              (GstAnalyticsMtd *)&od)) {
    GstCowDetection found = { .id = od.id, .type = gst_analytics_od_mtd_get_obj_type (&od) };

    if (!gst_analytics_od_mtd_get_location (&od, &found.x, &found.y, &found.w, &found.h,
                                            &found.confidence))
      continue;
    found.tracked = find_track (meta, od.id, &found.track);
    g_array_append_val (detections, found);
  }
}

/* Related as GStreamer's trackers do it. */
static void
add_track (GstAnalyticsRelationMeta *meta, guint od, const GstCowDetection *detection)
{
  GstAnalyticsTrackingMtd mtd;

  if (gst_analytics_relation_meta_add_tracking_mtd (meta, detection->track, detection->since, &mtd))
    gst_analytics_relation_meta_set_relation (meta, GST_ANALYTICS_REL_TYPE_RELATE_TO, od, mtd.id);
}

gboolean
gst_cow_analytics_add (GstBuffer *buffer, const GstCowDetection *detection, guint *id)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta (buffer);
  GstAnalyticsODMtd od;

  if (!meta || !gst_analytics_relation_meta_add_od_mtd (meta, detection->type, detection->x,
                                                        detection->y, detection->w, detection->h,
                                                        detection->confidence, &od))
    return FALSE;
  *id = od.id;
  if (detection->tracked)
    add_track (meta, od.id, detection);
  return TRUE;
}

/* Adds all classes by index, and relates the label to them. */
static void
add_classes (GstAnalyticsRelationMeta *meta, guint label,
             const GstCowClassification *classification)
{
  const guint n = classification->n_classes;
  g_autofree gfloat *levels = g_new (gfloat, n);
  g_autofree GQuark *quarks = g_new (GQuark, n);
  GstAnalyticsClsMtd all;

  for (guint i = 0; i < n; i++) {
    levels[i] = classification->probabilities[i];
    quarks[i] = g_quark_from_string (classification->classes[i]);
  }
  if (gst_analytics_relation_meta_add_cls_mtd (meta, n, levels, quarks, &all))
    gst_analytics_relation_meta_set_relation (meta, GST_ANALYTICS_REL_TYPE_RELATE_TO, label,
                                              all.id);
}

void
gst_cow_analytics_classify (GstBuffer *buffer, const guint *od,
                            const GstCowClassification *classification)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta (buffer);
  GstAnalyticsClsMtd label;

  if (!meta ||
      !gst_analytics_relation_meta_add_one_cls_mtd (
          meta, classification->confidence, g_quark_from_string (classification->label), &label))
    return;
  if (od) {
    gst_analytics_relation_meta_set_relation (
        meta, GST_ANALYTICS_REL_TYPE_CONTAIN | GST_ANALYTICS_REL_TYPE_RELATE_TO, *od, label.id);
    gst_analytics_relation_meta_set_relation (meta, GST_ANALYTICS_REL_TYPE_IS_PART_OF, label.id,
                                              *od);
  }
  add_classes (meta, label.id, classification);
}

#else

gboolean
gst_cow_analytics_available (void)
{
  return FALSE;
}

void
gst_cow_analytics_collect (GstBuffer *buffer, GArray *detections)
{
}

gboolean
gst_cow_analytics_add (GstBuffer *buffer, const GstCowDetection *detection, guint *id)
{
  return FALSE;
}

void
gst_cow_analytics_classify (GstBuffer *buffer, const guint *od,
                            const GstCowClassification *classification)
{
}

#endif
