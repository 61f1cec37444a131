/* SPDX-License-Identifier: MIT */
/* When a region is classified: decisions as functions of numbers, without a clock, a queue or a
 * buffer. */
#ifndef GST_COW_PACE_H
#define GST_COW_PACE_H

#include <gst/gst.h>

#include "gst-plugin/behavior/tracker.h"

G_BEGIN_DECLS

/* The property mode. */
typedef enum {
  GST_COW_MODE_AUTO,
  GST_COW_MODE_BLOCKING,    /* each frame waits for its own results */
  GST_COW_MODE_NON_BLOCKING /* no frame waits; each carries the newest results that there are */
} GstCowMode;

GType gst_cow_mode_get_type (void);
#define GST_TYPE_COW_MODE (gst_cow_mode_get_type ())

/* What became of a frame. */
typedef enum {
  GST_COW_VERDICT_CLASSIFY,
  GST_COW_VERDICT_REUSE,  /* nothing was due */
  GST_COW_VERDICT_BUSY,   /* something was, but the engine has no room for this stream */
  GST_COW_VERDICT_LATE,   /* ... but downstream is late */
  GST_COW_VERDICT_GAP,    /* ... but the frame holds nothing */
  GST_COW_VERDICT_FAULT,  /* ... but it failed, or failed a moment ago */
  GST_COW_VERDICT_FLUSHED /* ... and was given to the engine, but nobody waited for the answer: a
                             flush, a seek, the end */
} GstCowVerdict;

/*
 * Whether a track is to be classified in this frame: it never was; or not for `interval` frames (0:
 * never again); or its box is more than 20 % larger than it was, or has moved so far that less than
 * half of it (intersection over union) is where it was.
 */
gboolean gst_cow_pace_is_due (const GstCowTrack *track, guint64 frame, guint interval);

/*
 * Whether a non-blocking stream may give the engine another frame. It may while it waits for none;
 * and, so that a fast engine does not idle until the next frame comes, while the one that it waits
 * for is being computed, nobody else waits, and a forward pass takes less than four frames.
 * typical_ns 0: not known yet.
 */
gboolean gst_cow_pace_has_room (guint n_waited_for, gboolean computing, guint n_queued,
                                gint64 typical_ns, GstClockTime frame_ns);

/* What downstream says by QoS events. */
typedef struct {
  GstClockTime earliest; /* running time before which frames come too late; GST_CLOCK_TIME_NONE: no
                            word of that */
} GstCowQos;

void gst_cow_qos_reset (GstCowQos *self);
void gst_cow_qos_update (GstCowQos *self, GstClockTimeDiff diff, GstClockTime timestamp);
/*
 * Whether a frame is too late to be worth a forward pass. Never for longer than a second since the
 * last that had one (last_asked, or GST_CLOCK_TIME_NONE), so that a sink which is always late does
 * not leave the stream without labels.
 */
gboolean gst_cow_qos_is_late (const GstCowQos *self, GstClockTime running_time,
                              GstClockTime last_asked);

G_END_DECLS

#endif
