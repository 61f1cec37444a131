/* SPDX-License-Identifier: MIT */
/* Where in the stream, and when, a frame is: for messages on the bus and for events. */
#ifndef GST_COW_MOMENT_H
#define GST_COW_MOMENT_H

#include <gst/video/video.h>

G_BEGIN_DECLS

typedef struct {
  guint64 frame;                          /* counted from 0 since the element started */
  GstClockTime stream_time, running_time; /* ns, or GST_CLOCK_TIME_NONE */
  GstClockTime wall_clock; /* ns since 1970, as the camera says; or GST_CLOCK_TIME_NONE */
  gint width, height;      /* of the frame, px */
} GstCowMoment;

/* Of a buffer; the wall clock is that of its GstReferenceTimestampMeta in NTP or Unix time. */
GstCowMoment gst_cow_moment_of (GstBuffer *buffer, const GstSegment *segment,
                                const GstVideoInfo *info, guint64 frame);

G_END_DECLS

#endif
