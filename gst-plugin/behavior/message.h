/* SPDX-License-Identifier: MIT */
/* Results as element messages on the bus, for applications that want labels and no buffers. */
#ifndef GST_COW_MESSAGE_H
#define GST_COW_MESSAGE_H

#include <gst/video/video.h>

G_BEGIN_DECLS

/* The property post-messages. */
typedef enum {
  GST_COW_POST_MESSAGES_NONE,
  GST_COW_POST_MESSAGES_ON_CHANGE,
  GST_COW_POST_MESSAGES_ALL
} GstCowPostMessages;

GType gst_cow_post_messages_get_type (void);
#define GST_TYPE_COW_POST_MESSAGES (gst_cow_post_messages_get_type ())

/* A frame's place in the stream and in time. */
typedef struct {
  guint64 frame;                          /* counted from 0 since the element started */
  GstClockTime stream_time, running_time; /* ns, or GST_CLOCK_TIME_NONE */
  GstClockTime wall_clock; /* ns since 1970 by the camera's clock, or GST_CLOCK_TIME_NONE */
  gint width, height;      /* of the frame, px */
} GstCowMoment;

/* The moment of a buffer. The wall clock is that of its GstReferenceTimestampMeta in NTP or Unix
 * time. */
GstCowMoment gst_cow_moment_of (GstBuffer *buffer, const GstSegment *segment,
                                const GstVideoInfo *info, guint64 frame);

/*
 * A message named "cowbehavior". The documentation of the element lists its fields; among them are
 * arrays with one entry for each object, in the same order: `ids`, `labels` and `confidences`.
 * `objects` is what gst_cow_meta_attach () takes.
 */
GstMessage *gst_cow_message_new (GstObject *source, const char *model_name,
                                 const GstCowMoment *moment, const GValue *objects);

G_END_DECLS

#endif
