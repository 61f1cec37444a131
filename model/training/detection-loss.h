/* SPDX-License-Identifier: MIT */
/*
 * What a detector in training is told, and how far it is from that. Every box warms the cells
 * around its middle by a bell as wide as the box is (TTFNet: Liu et al., 2020); the heat's loss is
 * CenterNet's focal one (Zhou et al., 2019), that of the sides is 1 - GIoU (Rezatofighi et al.,
 * 2019), weighted by the bell. Plain arithmetic in double on host memory; any thread.
 */
#ifndef COW_DETECTION_LOSS_H
#define COW_DETECTION_LOSS_H

#include "model/network/detection.h"

G_BEGIN_DECLS

typedef struct {
  double heat, sides; /* each by itself, for one picture */
} CowDetectionLoss;

/* By how much the sides count beside the heat. */
#define COW_DETECTION_SIDES_WEIGHT 5.

/*
 * The loss of one picture, heat + COW_DETECTION_SIDES_WEIGHT sides, whose cells are `values`
 * [cow_cells_n (), COW_CELL_VALUES], with n boxes. Gradients times `factor` are written to
 * dvalues, likewise, unless it is NULL. Boxes whose middle is outside the frame, or that have no
 * area, are as none.
 */
CowDetectionLoss cow_detection_loss (const CowCells *cells, const float *values,
                                     const CowBounds *boxes, guint n, double factor,
                                     float *dvalues);

G_END_DECLS

#endif
