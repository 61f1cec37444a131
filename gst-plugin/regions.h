/* SPDX-License-Identifier: MIT */
/* Which parts of a frame are to be classified. */
#ifndef GST_COW_REGIONS_H
#define GST_COW_REGIONS_H

#include <gst/video/video.h>

#include "model/preprocess.h"

G_BEGIN_DECLS

/* The property inference-region, with the names of DL Streamer. */
typedef enum {
  GST_COW_INFERENCE_REGION_FULL_FRAME,
  GST_COW_INFERENCE_REGION_ROI_LIST /* each GstVideoRegionOfInterestMeta, a detector's work upstream */
} GstCowInferenceRegion;

GType gst_cow_inference_region_get_type (void);
#define GST_TYPE_COW_INFERENCE_REGION (gst_cow_inference_region_get_type ())

/* One part of one frame. */
typedef struct {
  CowRegion region;                  /* inside the frame, at least 1 x 1 px */
  GstVideoRegionOfInterestMeta *roi; /* the buffer's, valid while it stays on it; NULL: the full frame */
} GstCowTarget;

/*
 * The targets of a buffer, clipped to width x height px, as an array of GstCowTarget; free with g_array_unref (). *n_skipped is the number
 * of regions of which nothing is left (zero size, all outside).
 */
GArray *gst_cow_regions_collect (GstBuffer *buffer, GstCowInferenceRegion mode, gint width, gint height, guint *n_skipped);

/* Area of the intersection over area of the union, 0..1. */
gdouble gst_cow_region_iou (const CowRegion *a, const CowRegion *b);

G_END_DECLS

#endif
