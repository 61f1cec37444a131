/* SPDX-License-Identifier: MIT */
/* Whether the clock of a camera can be true: after a power cut it may count from 1970 until NTP
 * answers. */
#ifndef GST_COW_CLOCK_H
#define GST_COW_CLOCK_H

#include <gst/gst.h>

#include "gst-plugin/common/moment.h"

G_BEGIN_DECLS

/* How far a camera's clock may be from this machine's. */
#define GST_COW_CLOCK_TOLERANCE (5 * 60 * GST_SECOND)

/* Of one camera; all zero: nothing was said of it yet. */
typedef struct {
  gboolean wrong; /* the last time could not be true, and a warning has said so */
} GstCowClock;

/*
 * Compares the camera's time of a frame that has just come in a live pipeline with the clock of
 * this machine. Where it cannot be true, moment->wall_clock becomes GST_CLOCK_TIME_NONE, and the
 * element posts a warning with the difference; an info message when it is right again. A frame
 * without a camera's time changes nothing.
 */
void gst_cow_clock_check (GstCowClock *self, GstElement *element, GstCowMoment *moment);

/* The same, for a time of this machine: now_us, microseconds since 1970, and the running time of
 * the pipeline. Returns the difference in ns (below 0: the camera is behind), or 0 where the
 * camera's time can be true: a frame that waited was taken before now, and not before its running
 * time. */
GstClockTimeDiff gst_cow_clock_difference (const GstCowMoment *moment, gint64 now_us,
                                           GstClockTime running_time);

G_END_DECLS

#endif
