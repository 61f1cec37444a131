/* SPDX-License-Identifier: MIT */
/*
 * The motion gate: a cow or zone whose picture has not changed since it was classified is not
 * classified again. What is compared is the brightness of the place that was classified, in
 * GST_COW_GLANCE_CELLS by GST_COW_GLANCE_CELLS cells, so that boxes which tremble are no motion,
 * and slow changes add up. Only the streaming thread uses it.
 */
#ifndef GST_COW_GATE_H
#define GST_COW_GATE_H

#include <gst/video/video.h>

#include "gst-plugin/behavior/flight.h"

G_BEGIN_DECLS

/* A region is looked at again after this, whatever the gate says. */
#define GST_COW_GATE_LONGEST (10 * GST_SECOND)

/*
 * Takes the targets out of flight->chosen whose pictures have changed by no more than `threshold`
 * in any cell, in levels of 255, since their tracks were submitted, and gives their number. Frames
 * in the memory of a GPU, and those that cannot be read, change always. frame_ns: the duration of a
 * frame.
 */
guint gst_cow_gate_filter (GstCowFlight *flight, const GstVideoInfo *info, gdouble threshold,
                           GstClockTime frame_ns);
/* The chosen targets were submitted, and their buffer is still in the flight: keeps what later
 * frames are compared with. */
void gst_cow_gate_note (GstCowFlight *flight, const GstVideoInfo *info);

G_END_DECLS

#endif
