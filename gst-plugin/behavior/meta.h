/* SPDX-License-Identifier: MIT */
/*
 * Results as metadata: the custom meta of gstcowbehaviormeta.h, which carries everything; a
 * parameter on the region's GstVideoRegionOfInterestMeta under DL Streamer's names, and a
 * classification of GstAnalytics, which other analytics elements read.
 */
#ifndef GST_COW_META_H
#define GST_COW_META_H

#include <gst/video/video.h>

#include "gst-plugin/behavior/label.h"
#include "gst-plugin/behavior/regions.h"

G_BEGIN_DECLS

/* What an element's settings and model say about how to present probabilities. Borrowed. */
typedef struct {
  const char *model_name;
  GstCowLabelRule rule;
  guint top_k;
} GstCowPresentation;

/* The label of a track that is known. */
GstCowLabel gst_cow_meta_label (const GstCowPresentation *how, const GstCowTrack *track);
/* An object of the custom meta: the target, and what is known of its track at frame `frame` and
 * running time `now`. Free with gst_structure_free (). */
GstStructure *gst_cow_meta_object_new (const GstCowPresentation *how, const GstCowTarget *target,
                                       guint64 frame, GstClockTime now);
/* Puts the same onto the target's region of interest and object detection; a place gets one of its
 * own, unless an earlier cowbehavior has made it. */
void gst_cow_meta_classify (GstBuffer *buffer, const GstCowPresentation *how, GstCowTarget *target,
                            guint64 frame);
/* Attaches the custom meta with `objects`, a GST_TYPE_ARRAY of objects. */
void gst_cow_meta_attach (GstBuffer *buffer, const GstCowPresentation *how, const GValue *objects);

G_END_DECLS

#endif
