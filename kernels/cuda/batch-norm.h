/* SPDX-License-Identifier: MIT */
/* What the host (batch-norm.c) tells the kernels of batch norm (batch-norm.cu). */
#ifndef CK_CUDA_BATCH_NORM_H
#define CK_CUDA_BATCH_NORM_H

#include <stdint.h>

/* A block makes a chunk of rows in a strip of channels; a warp has neighbouring channels of a row,
 * and a thread every eighth row. */
#define CK_CUDA_BATCH_NORM_CHANNELS 32
#define CK_CUDA_BATCH_NORM_LANES    8  /* threads a channel */
#define CK_CUDA_BATCH_NORM_EACH     16 /* rows of a thread */
#define CK_CUDA_BATCH_NORM_ROWS     (CK_CUDA_BATCH_NORM_LANES * CK_CUDA_BATCH_NORM_EACH)
#define CK_CUDA_BATCH_NORM_THREADS  (CK_CUDA_BATCH_NORM_CHANNELS * CK_CUDA_BATCH_NORM_LANES)

/* Sums over a chunk: up to three floats a thread. */
#define CK_CUDA_BATCH_NORM_SHARED (3 * CK_CUDA_BATCH_NORM_THREADS * sizeof (float))

/* Where the chunks' sums are added up, a block has fewer channels and more threads for each. */
#define CK_CUDA_BATCH_NORM_FINISH_CHANNELS 8
#define CK_CUDA_BATCH_NORM_FINISH_LANES    32
#define CK_CUDA_BATCH_NORM_FINISH_SHARED                                                           \
  (2 * CK_CUDA_BATCH_NORM_FINISH_CHANNELS * CK_CUDA_BATCH_NORM_FINISH_LANES * sizeof (double))

/* A call, forward or backward; pointers as in CkBatchNorm. */
typedef struct {
  int64_t rows, channels, chunks;
  uint32_t strips;
  int32_t relu;
  float epsilon;
  const float *weight, *bias, *residual;
  float *running_mean, *running_variance, *saved_mean, *saved_inverse;
  const float *mean;     /* that is subtracted: the batch's or the running one */
  const float *inverse;  /* of the batch, or NULL, and then: */
  const float *variance; /* the running one */
  const float *x, *y;
  float *out; /* y, or dx */
  float *dy;  /* and then the gradient before the activation */
  float *dweight, *dbias;
  float *mean_g, *mean_gh; /* [channels] */
  float *sums;             /* [chunks, 3, channels], or backward [chunks, 2, channels] */
} CkCudaBatchNorm;

#endif /* CK_CUDA_BATCH_NORM_H */
