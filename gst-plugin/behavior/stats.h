/* SPDX-License-Identifier: MIT */
/* What the property `stats` says. */
#ifndef GST_COW_STATS_H
#define GST_COW_STATS_H

#include <gst/gst.h>

#include "gst-plugin/behavior/pace.h"
#include "gst-plugin/behavior/regions.h"
#include "model/engine/engine.h"

G_BEGIN_DECLS

/* Counted by the streaming thread since the element started. Each frame is in one of classified,
 * pending and the verdicts after it. */
typedef struct {
  guint64 frames;
  guint64 pending;    /* given to the engine, which has not answered yet */
  guint64 classified; /* ... and has */
  guint64 not_classified[GST_COW_VERDICT_FLUSHED + 1]; /* by verdict */

  guint64 regions; /* that were classified */
  guint64 regions_outside, regions_small, regions_other_class;
  guint64 frames_without_regions; /* where detections were wanted */
  guint64 errors;

  guint age_frames;    /* of the oldest result that the last frame carried */
  GstClockTime age_ns; /* likewise; GST_CLOCK_TIME_NONE: it carried none */
} GstCowStats;

void gst_cow_stats_count_regions (GstCowStats *self, const GstCowRegionCounts *counts);

/* What is not counted but so at the moment. Borrowed. */
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
