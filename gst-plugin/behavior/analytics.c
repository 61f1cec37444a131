/* SPDX-License-Identifier: MIT */
/* GstAnalytics, where the build has it. */
#include "gst-plugin/behavior/analytics.h"

#include "cow-build.h"

#ifdef COW_HAVE_ANALYTICS
#  include <gst/analytics/analytics.h>

gboolean
gst_cow_analytics_available (void)
{
  return TRUE;
}

/* The track of an object detection. Trackers relate it in either direction. */
static gboolean
find_track (GstAnalyticsRelationMeta *meta, guint od, guint64 *track)
{
  GstAnalyticsMtdType type = gst_analytics_tracking_mtd_get_mtd_type ();
  GstAnalyticsTrackingMtd mtd;
  GstClockTime first_seen, last_seen;
  gboolean lost;
  gpointer state = NULL;

  while (gst_analytics_relation_meta_iterate (meta, &state, type, (GstAnalyticsMtd *)&mtd)) {
    if ((gst_analytics_relation_meta_get_relation (meta, od, mtd.id) !=
             GST_ANALYTICS_REL_TYPE_NONE ||
         gst_analytics_relation_meta_get_relation (meta, mtd.id, od) !=
             GST_ANALYTICS_REL_TYPE_NONE) &&
        gst_analytics_tracking_mtd_get_info (&mtd, track, &first_seen, &last_seen, &lost))
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
    gfloat confidence;

    if (!gst_analytics_od_mtd_get_location (&od, &found.x, &found.y, &found.w, &found.h,
                                            &confidence))
      continue;
    found.tracked = find_track (meta, od.id, &found.track);
    g_array_append_val (detections, found);
  }
}

gboolean
gst_cow_analytics_add (GstBuffer *buffer, const GstCowDetection *detection, guint *id)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta (buffer);
  GstAnalyticsODMtd od;

  if (!meta ||
      !gst_analytics_relation_meta_add_od_mtd (meta, detection->type, detection->x, detection->y,
                                               detection->w, detection->h, 1, &od))
    return FALSE;
  *id = od.id;
  return TRUE;
}

void
gst_cow_analytics_classify (GstBuffer *buffer, const guint *od, guint n, gfloat *confidences,
                            GQuark *classes)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta (buffer);
  GstAnalyticsClsMtd cls;

  if (!meta || !gst_analytics_relation_meta_add_cls_mtd (meta, n, confidences, classes, &cls) ||
      !od)
    return;
  gst_analytics_relation_meta_set_relation (
      meta, GST_ANALYTICS_REL_TYPE_CONTAIN | GST_ANALYTICS_REL_TYPE_RELATE_TO, *od, cls.id);
  gst_analytics_relation_meta_set_relation (meta, GST_ANALYTICS_REL_TYPE_IS_PART_OF, cls.id, *od);
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
gst_cow_analytics_classify (GstBuffer *buffer, const guint *od, guint n, gfloat *confidences,
                            GQuark *classes)
{
}

#endif
