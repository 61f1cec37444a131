/* SPDX-License-Identifier: MIT */
/* GstAnalytics (GStreamer 1.24 and later): detections of others on a buffer, and our
 * classifications beside them. Without it nothing is found, and nothing is written. */
#ifndef GST_COW_ANALYTICS_H
#define GST_COW_ANALYTICS_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct {
  guint id; /* in the buffer's GstAnalyticsRelationMeta */
  GQuark type;
  gint x, y, w, h;
  gboolean tracked;
  guint64 track; /* of a GstAnalyticsTrackingMtd that is related to it */
} GstCowDetection;

/* Whether this build has GstAnalytics. */
gboolean gst_cow_analytics_available (void);
/* Appends the object detections of a buffer to an array of GstCowDetection. */
void gst_cow_analytics_collect (GstBuffer *buffer, GArray *detections);
/* Adds an object detection of our own, with confidence 1, and its id; FALSE when that is not
 * possible. */
gboolean gst_cow_analytics_add (GstBuffer *buffer, const GstCowDetection *detection, guint *id);
/*
 * Adds a classification of n classes, likeliest first. `od` NULL: of the full frame, without a
 * relation. Else related to that object detection, both ways, so that objectdetectionoverlay
 * (RELATE_TO) and DL Streamer (CONTAIN, IS_PART_OF) find it.
 */
void gst_cow_analytics_classify (GstBuffer *buffer, const guint *od, guint n, gfloat *confidences,
                                 GQuark *classes);

G_END_DECLS

#endif
