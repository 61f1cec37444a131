/* SPDX-License-Identifier: MIT */
/*
 * The results of a stream: from the engine's probabilities to tracks (smoothing), and from tracks
 * to labels on buffers (metadata) and on the bus (messages), with the counters of the property
 * stats. Only the streaming thread uses it, but for gst_cow_results_get_stats ().
 */
#ifndef GST_COW_RESULTS_H
#define GST_COW_RESULTS_H

#include "gst-plugin/behavior/context.h"
#include "gst-plugin/behavior/flight.h"
#include "gst-plugin/behavior/stats.h"

G_BEGIN_DECLS

typedef struct _GstCowResults GstCowResults;

/* `element` and its context are borrowed; messages come from the element. */
GstCowResults *gst_cow_results_new (GstElement *element, GstCowContext *context);
void gst_cow_results_free (GstCowResults *self);
/* A new start of the element: counters begin at 0. */
void gst_cow_results_start (GstCowResults *self);

/* ---- the way of a frame ---------------------------------------------------------------------- */

/* A frame came; it is pending until gst_cow_results_finish (). */
void gst_cow_results_begin (GstCowResults *self, const GstCowRegionCounts *counts);
/* All results of a frame are there: they go into the tracks of its chosen targets. */
void gst_cow_results_complete (GstCowResults *self, const GstCowFlight *flight);
/*
 * Puts what is known of a frame's targets onto its buffer. *objects becomes the array of objects of
 * the custom meta, to be unset by the caller.
 */
void gst_cow_results_attach (GstCowResults *self, const GstCowFlight *flight, GValue *objects);
/* Posts the results of a frame as post-messages says. `attached`: the objects that were put onto
 * its buffer, or NULL where the buffer is gone. */
void gst_cow_results_post (GstCowResults *self, const GstCowFlight *flight, const GValue *attached);
/* A frame is no longer pending; flight->verdict says as what it is counted. */
void gst_cow_results_finish (GstCowResults *self, const GstCowFlight *flight);

/* ---- failures -------------------------------------------------------------------------------- */

/* In both modes it is the context's error that is posted where that is lost with the GPU. */

/* Blocking mode: posts an error, which ends the stream. GST_FLOW_ERROR. */
GstFlowReturn gst_cow_results_fail (GstCowResults *self, const GError *error);
/* Live mode, where frames go on without new results: posts a warning, at most one in ten seconds.
 */
void gst_cow_results_warn (GstCowResults *self, const GError *error);

/* ---- the property stats ---------------------------------------------------------------------- */

/* Makes the counters as they are now visible to other threads. */
void gst_cow_results_publish (GstCowResults *self, const GstCowCondition *condition);
/* Any thread: a structure as gst_cow_stats_to_structure () gives it. */
GstStructure *gst_cow_results_get_stats (GstCowResults *self, CowEngine *engine);
/* Frames that are pending; and whether each frame is counted exactly once. */
guint64 gst_cow_results_n_pending (const GstCowResults *self);
gboolean gst_cow_results_add_up (const GstCowResults *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstCowResults, gst_cow_results_free)

G_END_DECLS

#endif
