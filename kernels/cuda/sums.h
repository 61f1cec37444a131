/* SPDX-License-Identifier: MIT */
/* Adds up what the blocks of a kernel have left of sums over rows, in their order. */
#ifndef CK_CUDA_SUMS_H
#define CK_CUDA_SUMS_H

#include <stdint.h>

#define CK_CUDA_SUM_COLS   32 /* columns a block */
#define CK_CUDA_SUM_LANES  8  /* threads a column, each of which adds up every eighth part */
#define CK_CUDA_SUM_SHARED (CK_CUDA_SUM_COLS * CK_CUDA_SUM_LANES * sizeof (double))

/* sum[c] += parts[0][c] + parts[1][c] + ..., in double precision. */
typedef struct {
  const float *parts; /* [n, cols], rows `stride` floats apart */
  int64_t n, stride, cols;
  float *sum; /* [cols] */
} CkCudaSums;

#endif /* CK_CUDA_SUMS_H */
