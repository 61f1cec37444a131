/* SPDX-License-Identifier: MIT */
/*
 * Results as metadata: the custom meta of gstcowbehaviormeta.h, which carries everything, and a parameter on the region's
 * GstVideoRegionOfInterestMeta under DL Streamer's names, which other analytics elements read.
 */
#ifndef GST_COW_META_H
#define GST_COW_META_H

#include <gst/video/video.h>

#include "gst-plugin/regions.h"

G_BEGIN_DECLS

/* What an element's settings and model say about how to present probabilities. Borrowed. */
typedef struct {
  const char *model_name;
  const char *const *classes; /* [n_classes] */
  guint n_classes;
  float threshold;
  guint top_k;
} GstCowPresentation;

/* Registers the custom meta; again does nothing. */
void gst_cow_meta_register (void);

/*
 * Puts the result of one target onto the buffer's ROI, making one of type "frame" for the full frame, and returns the same as an object of
 * the custom meta; free with gst_structure_free (). probabilities [n_classes].
 */
GstStructure *gst_cow_meta_add_object (GstBuffer *buffer, const GstCowPresentation *how, const GstCowTarget *target,
                                       const float *probabilities, guint frames_ago);
/* Attaches the custom meta with `objects`, a GST_TYPE_ARRAY of what gst_cow_meta_add_object () returned. */
void gst_cow_meta_attach (GstBuffer *buffer, const GstCowPresentation *how, const GValue *objects);

G_END_DECLS

#endif
