/* SPDX-License-Identifier: MIT */
/*
 * RoI align (He et al., 2017): what a map says of a box, whatever its size, in bins of equal size.
 * The numbers are those of torchvision.ops.roi_align with aligned=True and its usual
 * sampling_ratio: in every bin ceil (side of the box / bins) places along a side are read, each
 * between the four cells of the map around it, and their mean counts. Plain arithmetic on host
 * memory; any thread.
 */
#ifndef COW_ROI_ALIGN_H
#define COW_ROI_ALIGN_H

#include "model/network/detection.h"

G_BEGIN_DECLS

#define COW_ROI_BINS 3 /* along a side */

/* A map of a picture: a row of numbers for each square of `stride` px, [rows, columns, channels].
 * Not larger than 2^24 squares along a side. */
typedef struct {
  int rows, columns, stride;
  gint64 channels;
} CowRoiMap;

/* What a box gives: COW_ROI_BINS * COW_ROI_BINS * channels numbers. */
gint64 cow_roi_n_pooled (const CowRoiMap *map);
/*
 * pooled [COW_ROI_BINS, COW_ROI_BINS, channels], from above and left to right, is written. The box
 * is in px of the picture and finite; it may reach outside, where the map is as at its edge for
 * half a square more, and 0 behind that.
 */
void cow_roi_align (const CowRoiMap *map, const float *values, const CowBounds *box, float *pooled);
/* Adds to dvalues, like `values`, the gradient of what was pooled. */
void cow_roi_align_backward (const CowRoiMap *map, const CowBounds *box, const float *dpooled,
                             float *dvalues);

G_END_DECLS

#endif
