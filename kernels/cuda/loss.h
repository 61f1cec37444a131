/* SPDX-License-Identifier: MIT */
/* What the host (loss.c) tells the kernels of the losses (loss.cu). */
#ifndef CK_CUDA_LOSS_H
#define CK_CUDA_LOSS_H

#include "kernels/training.h"

#define CK_CUDA_LOSS_WARPS   4   /* a block: a warp makes the loss of a picture */
#define CK_CUDA_LOSS_THREADS 256 /* of the sums over the batch */
#define CK_CUDA_LOSS_SHARED  (3 * CK_CUDA_LOSS_THREADS / 32 * sizeof (double))

typedef struct {
  CkCrossEntropy op;
  double *share;    /* [1]: 1 / the sum of the labels' weights, or 0 */
  double *losses;   /* [batch], before they are multiplied by it */
  int32_t *failure; /* [1]: a CkStatus */
} CkCudaLoss;

typedef struct {
  CkBinaryCrossEntropy op;
  double *losses; /* [batch] the sums over the classes */
} CkCudaBinaryLoss;

#endif /* CK_CUDA_LOSS_H */
