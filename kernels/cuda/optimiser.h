/* SPDX-License-Identifier: MIT */
/* What the host (optimiser.c) tells the kernels of the optimiser (optimiser.cu). */
#ifndef CK_CUDA_OPTIMISER_H
#define CK_CUDA_OPTIMISER_H

#include "kernels/training.h"

#define CK_CUDA_SQUARES_THREADS 256
#define CK_CUDA_SQUARES_EACH    64 /* elements of a thread: a block's are a partial sum */
#define CK_CUDA_SQUARES_SHARED  (CK_CUDA_SQUARES_THREADS / 32 * sizeof (double))

typedef struct {
  const float *x;
  int64_t n;
  double *parts; /* a sum a block */
} CkCudaSquares;

typedef struct {
  const double *parts;
  int64_t n;
  double *sum; /* [1], added to */
} CkCudaSquaresSum;

typedef struct {
  const double *squares;
  double max_norm;
  float *factor;
} CkCudaClip;

#define CK_CUDA_ADAMW_THREADS 256
#define CK_CUDA_ADAMW_EACH    4 /* parameters of a thread */

#endif /* CK_CUDA_OPTIMISER_H */
