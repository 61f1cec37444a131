/* SPDX-License-Identifier: MIT */
/*
 * Results as metadata: the custom meta of gstcowbehaviormeta.h, which carries everything; a
 * classification of GstAnalytics, which other analytics elements read; and a parameter of the
 * region's GstVideoRegionOfInterestMeta with the names of DL Streamer, for elements that only know
 * regions of interest.
 */
#ifndef GST_COW_META_H
#define GST_COW_META_H

#include <gst/video/video.h>

#include "gst-plugin/behavior/label.h"
#include "gst-plugin/behavior/regions.h"

G_BEGIN_DECLS

/* How an element's settings and model present probabilities. Borrowed. */
typedef struct {
  const char *model_name;
  GstCowLabelRule rule;
  guint top_k;
  gboolean roi_meta; /* whether GstVideoRegionOfInterestMeta is written, too */
} GstCowPresentation;

/* The label of a track of which something is known. */
GstCowLabel gst_cow_meta_label (const GstCowPresentation *how, const GstCowTrack *track);
/* An object of the custom meta: the target, and what is known of its track at frame number `frame`
 * and running time `now`. Free with gst_structure_free (). */
GstStructure *gst_cow_meta_object_new (const GstCowPresentation *how, const GstCowTarget *target,
                                       guint64 frame, GstClockTime now);
/*
 * Writes the same into the metadata that others read: first to the target's object detection of
 * GstAnalytics, then, where how->roi_meta says so, to its region of interest. A detection or a zone
 * without an object detection gets one, a place without a region of interest likewise, unless an
 * earlier cowbehavior has made it.
 */
void gst_cow_meta_classify (GstBuffer *buffer, const GstCowPresentation *how, GstCowTarget *target,
                            guint64 frame);
/* Attaches the custom meta with `objects`, a GST_TYPE_ARRAY of objects. */
void gst_cow_meta_attach (GstBuffer *buffer, const GstCowPresentation *how, const GValue *objects);

G_END_DECLS

#endif
