/* SPDX-License-Identifier: MIT */
/* Results as element messages on the bus, for applications that want labels and no buffers. */
#ifndef GST_COW_MESSAGE_H
#define GST_COW_MESSAGE_H

#include <gst/video/video.h>

G_BEGIN_DECLS

/* Where in the stream the results belong. */
typedef struct {
  guint64 frame;                          /* counted from 0 since the element started */
  GstClockTime stream_time, running_time; /* ns, or GST_CLOCK_TIME_NONE */
  gint width, height;                     /* of the frame, px */
} GstCowMoment;

/* A message named "cowbehavior"; its fields are in the documentation of the element. `objects` as in gst_cow_meta_attach (). */
GstMessage *gst_cow_message_new (GstObject *source, const char *model_name, const GstCowMoment *moment, const GValue *objects);

G_END_DECLS

#endif
