/* SPDX-License-Identifier: MIT */
/* Counts the frames that pass a `cowbehavior`, and measures how long each is inside it. */
#ifndef TEST_FRAME_COUNTER_H
#define TEST_FRAME_COUNTER_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct {
  guint64 n_in, n_out, n_labelled;
  gint64 longest_us;     /* longest time of a frame in the element */
  gint64 longest_own_us; /* the same, without the time in which other processes had the processor */
  GstClockTimeDiff latest; /* the most by which a frame left after its running time */
  char adapter[64];        /* whose results the last labelled frame has */
} FrameCounts;

typedef struct _FrameCounter FrameCounter;

/* The element has to outlive the counter's last frame. */
FrameCounter *frame_counter_new (GstElement *element);
/* Any thread may call it. */
FrameCounts frame_counter_get (FrameCounter *counter);
/* For when no frames flow any more. */
void frame_counter_free (FrameCounter *counter);

G_END_DECLS

#endif
