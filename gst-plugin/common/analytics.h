/* SPDX-License-Identifier: MIT */
/*
 * GstAnalytics (GStreamer 1.24 and later): the detections of others on a buffer, and our
 * classifications beside them. In a build without it nothing is found and nothing is written.
 */
#ifndef GST_COW_ANALYTICS_H
#define GST_COW_ANALYTICS_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct {
  guint id;    /* in the buffer's GstAnalyticsRelationMeta */
  GQuark type; /* 0: the detector says none */
  gint x, y, w, h;
  gfloat confidence; /* 0..1 */
  gboolean tracked;
  guint64 track;      /* the id that a tracker gave; valid while `tracked`, as is */
  GstClockTime since; /* running time of its first frame; gst_cow_analytics_add () reads it alone */
} GstCowDetection;

/* Whether this build has GstAnalytics. */
gboolean gst_cow_analytics_available (void);
/* Appends the object detections of a buffer to an array of GstCowDetection. */
void gst_cow_analytics_collect (GstBuffer *buffer, GArray *detections);
/* Adds an object detection, whose id does not matter, and its track where it has one, and gives the
 * detection's id; FALSE when that is not possible. */
gboolean gst_cow_analytics_add (GstBuffer *buffer, const GstCowDetection *detection, guint *id);

/* A classification. Borrowed. */
typedef struct {
  const char *label;
  gfloat confidence;
  guint n_classes;
  const char *const *classes; /* [n_classes] */
  const float *probabilities; /* [n_classes] */
} GstCowClassification;

/*
 * Adds a classification of an object detection, or of the full frame where od is NULL. It is two
 * GstAnalyticsClsMtd. The first has one class, the label: readers such as objectdetectionoverlay
 * show the first class that they find, and DL Streamer joins all classes of one to its label. The
 * second has all classes by index, with their probabilities:
 *
 *   od --CONTAIN, RELATE_TO--> label --RELATE_TO--> all classes
 *   od <------IS_PART_OF------ label
 *
 * CONTAIN and IS_PART_OF are how DL Streamer relates a classification, RELATE_TO is where
 * objectdetectionoverlay looks; from the label on, DL Streamer takes label_id as the index of the
 * label in all classes. "unknown" is not among these, so it has no index.
 */
void gst_cow_analytics_classify (GstBuffer *buffer, const guint *od,
                                 const GstCowClassification *classification);

G_END_DECLS

#endif
