/* SPDX-License-Identifier: MIT */
/*
 * What the cows that were found do, where the network that finds them tells that too: from its
 * probabilities to labels on buffers and on the bus, as `cowbehavior` gives them. Only the
 * streaming thread uses it.
 */
#ifndef GST_COW_TELLING_H
#define GST_COW_TELLING_H

#include "gst-plugin/behavior/message.h"
#include "gst-plugin/behavior/tracker.h"
#include "model/engine/engine.h"

G_BEGIN_DECLS

/* How labels are made. */
typedef struct {
  gboolean wanted; /* else nothing is told */
  GstCowSmoothing smoothing;
  guint window;     /* results that smoothing looks back on */
  gfloat threshold; /* the probability below which a label is "unknown" */
  GstCowPostMessages post_messages;
} GstCowTelling;

/* Takes the probabilities [cow_engine_n_behaviours ()] of a track in the frame of `moment`. */
void gst_cow_telling_take (const GstCowTelling *how, const CowEngine *engine, GstCowTrack *track,
                           const float *probabilities, const GstCowMoment *moment);
/*
 * Puts what is known of a frame's targets (of GstCowTarget, with their tracks) onto its buffer, and
 * posts it as post_messages says. `news`: whether something was taken since the frame before.
 */
void gst_cow_telling_give (const GstCowTelling *how, CowEngine *engine, GstElement *element,
                           GstBuffer *buffer, const GArray *targets, const GstCowMoment *moment,
                           gboolean news);

G_END_DECLS

#endif
