/* SPDX-License-Identifier: MIT */
/* The head of a detector (network/detector.h) in training. Used by one thread. */
#ifndef COW_DETECTOR_TRAIN_H
#define COW_DETECTOR_TRAIN_H

#include "model/network/detector.h"
#include "model/training/detection-loss.h"
#include "model/training/parameters.h"

G_BEGIN_DECLS

typedef struct _CowDetectorTrain CowDetectorTrain;

/* Registers its tensors with the parameters, which must outlive it. */
CowDetectorTrain *cow_detector_train_new (CowParameters *parameters,
                                          const CowDetectorConfig *config);
void cow_detector_train_free (CowDetectorTrain *self);
/* After cow_parameters_allocate (): `tensors` [COW_DETECTOR_TENSORS], or where NULL first values
 * from `seed`: Kaiming's normal (He et al., 2015), norms of 1 and 0, and a heat of 1 % everywhere
 * (Lin et al., 2017). */
gboolean cow_detector_train_start (CowDetectorTrain *self, guint64 seed,
                                   const float *const *tensors, GError **error);
/* Writes COW_DETECTOR_FILE. */
gboolean cow_detector_train_write (const CowDetectorTrain *self, const char *folder,
                                   GError **error);
/*
 * tokens [n_levels], each [batch, n_prefix + rows * columns, n_features], device memory that stays
 * until the backward. Waits, and gives the cells [batch, cow_cells_n (), COW_CELL_VALUES], host
 * memory of the head's until its next forward; NULL on error.
 */
const float *cow_detector_train_forward (CowDetectorTrain *self, const float *const *tokens,
                                         gint64 n_prefix, int batch, int height, int width,
                                         GError **error);
/* The last forward's map (cow_detector_map ()): [batch, rows, columns, channels], host memory of
 * the head's until its next forward; NULL on error. Waits. */
const float *cow_detector_train_map (CowDetectorTrain *self, GError **error);
/*
 * Adds the parameters' gradients, given those of the last forward's cells and, unless dmap is NULL,
 * of its map (host memory, as these). dtokens NULL: nobody asks for theirs. Else [n_levels], device
 * memory of the caller's like the tokens, which is written; prefix tokens get 0.
 */
gboolean cow_detector_train_backward (CowDetectorTrain *self, const float *dcells,
                                      const float *dmap, float *const *dtokens, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowDetectorTrain, cow_detector_train_free)

G_END_DECLS

#endif
