/* SPDX-License-Identifier: MIT */
/*
 * The schedule of a stream: which frames are classified, and which regions of them. The rules are
 * functions of numbers (when a region is due, whether the engine has room, whether a frame is
 * late); gst_cow_schedule_decide () applies them in order. Only the streaming thread uses a
 * schedule.
 */
#ifndef GST_COW_SCHEDULE_H
#define GST_COW_SCHEDULE_H

#include <gst/gst.h>

#include "gst-plugin/behavior/flight.h"
#include "gst-plugin/behavior/tracker.h"

G_BEGIN_DECLS

/* ---- rules ----------------------------------------------------------------------------------- */

/*
 * Whether a track is to be classified in this frame: it never was; or not for `interval` frames (0:
 * never again); or its box is more than 20 % larger than it was, or has moved so far that less than
 * half of it (intersection over union) is where it was.
 */
gboolean gst_cow_schedule_is_due (const GstCowTrack *track, guint64 frame, guint interval);

/*
 * Whether the engine has room for another frame of a live stream. It has while no frame of the
 * stream is in flight. So that a fast engine does not idle until the next frame comes, it also has
 * while the only frame in flight is being computed, no picture is queued, and a forward pass takes
 * less than four frames. typical_ns 0: not known yet.
 */
gboolean gst_cow_schedule_has_room (guint n_in_flight, gboolean computing, guint n_queued,
                                    gint64 typical_ns, GstClockTime frame_ns);

/* The newest QoS event from downstream. */
typedef struct {
  GstClockTime earliest; /* running time before which frames come too late; GST_CLOCK_TIME_NONE when
                            downstream has not said */
} GstCowQos;

void gst_cow_qos_reset (GstCowQos *self);
void gst_cow_qos_update (GstCowQos *self, GstClockTimeDiff diff, GstClockTime timestamp);
/*
 * Whether a frame is too late to be worth a forward pass. It never is when the last submission
 * (running time, or GST_CLOCK_TIME_NONE) is a second old, so that a sink which is always late does
 * not leave the stream without labels, or lies ahead, because time went back.
 */
gboolean gst_cow_qos_is_late (const GstCowQos *self, GstClockTime running_time,
                              GstClockTime last_submitted);

/* ---- the schedule of a stream ---------------------------------------------------------------- */

typedef struct {
  gboolean submitted; /* a frame was submitted since the last reset; if so: */
  guint64 submitted_frame;
  GstClockTime submitted_time; /* running time, or GST_CLOCK_TIME_NONE */
  gint64 retry_us; /* monotonic time before which a live stream leaves a failed engine alone */
} GstCowSchedule;

/* A new start of the element. */
void gst_cow_schedule_start (GstCowSchedule *self);
/* All regions are due: another stream, another time, another engine. */
void gst_cow_schedule_reset (GstCowSchedule *self);

/* The load that a decision depends on. */
typedef struct {
  gboolean blocking;
  guint n_in_flight;        /* frames of this stream before this one */
  const GstCowFlight *last; /* the newest of them, or NULL */
  GstClockTime frame_ns;    /* duration of a frame */
  const GstVideoInfo *info; /* of the frame */
} GstCowLoad;

/* Whether a frame is classified, and if so which of its targets: flight->chosen. */
GstCowVerdict gst_cow_schedule_decide (const GstCowSchedule *self, GstCowFlight *flight,
                                       const GstCowQos *qos, const GstCowLoad *load);
/* The chosen targets of a frame were submitted. */
void gst_cow_schedule_submitted (GstCowSchedule *self, const GstCowFlight *flight);
/* Cancels a flight: its chosen targets are due again. */
void gst_cow_schedule_cancel (GstCowFlight *flight);
/* A forward pass failed: a live stream tries again in a second. */
void gst_cow_schedule_back_off (GstCowSchedule *self);

G_END_DECLS

#endif
