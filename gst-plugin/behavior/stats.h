/* SPDX-License-Identifier: MIT */
/* The property `stats`: counters of a stream, and their structure. */
#ifndef GST_COW_STATS_H
#define GST_COW_STATS_H

#include <gst/gst.h>

#include "gst-plugin/behavior/regions.h"
#include "model/engine/engine.h"

G_BEGIN_DECLS

/* The fate of a frame; counters are kept by it. */
typedef enum {
  GST_COW_VERDICT_CLASSIFY,
  GST_COW_VERDICT_REUSE,     /* no region was due, or none that was has changed */
  GST_COW_VERDICT_BUSY,      /* a region was due, but the engine had no room for this stream */
  GST_COW_VERDICT_LATE,      /* a region was due, but downstream is late */
  GST_COW_VERDICT_GAP,       /* a region was due, but the frame holds nothing, or is not shown */
  GST_COW_VERDICT_CORRUPTED, /* a region was due, but the frame is damaged */
  GST_COW_VERDICT_FAULT,     /* a region was due, but it failed, or failed a moment ago */
  GST_COW_VERDICT_FLUSHED /* the frame was submitted, but a flush, a seek or the end came before its
                             results */
} GstCowVerdict;

/* Counted by the streaming thread since the element started. Each frame is in exactly one of
 * `classified`, `pending` and `not_classified`. */
typedef struct {
  guint64 frames;
  guint64 pending;                                     /* submitted, and not complete yet */
  guint64 classified;                                  /* submitted, and complete */
  guint64 not_classified[GST_COW_VERDICT_FLUSHED + 1]; /* by verdict */

  guint64 regions;       /* that were classified */
  guint64 regions_still; /* that were due and not classified, because they had not changed */
  guint64 regions_outside, regions_small, regions_other_class;
  guint64 frames_without_regions; /* where detections were wanted */
  guint64 errors;

  guint age_frames;    /* of the oldest result that the last frame carried */
  GstClockTime age_ns; /* likewise; GST_CLOCK_TIME_NONE: it carried none */
} GstCowStats;

void gst_cow_stats_count_regions (GstCowStats *self, const GstCowRegionCounts *counts);

/* The state of a stream that is not a counter. */
typedef struct {
  gboolean live, blocking;
  guint tracks;
  guint64 tracks_evicted;
} GstCowCondition;

/* A structure "cowbehavior-stats"; free with gst_structure_free (). engine NULL: none is loaded. */
GstStructure *gst_cow_stats_to_structure (const GstCowStats *self, const GstCowCondition *condition,
                                          CowEngine *engine);

G_END_DECLS

#endif
