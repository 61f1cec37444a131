/* SPDX-License-Identifier: MIT */
/* Adds up what the blocks of a kernel have left of sums over rows, in their order. */
#ifndef CK_CUDA_SUMS_H
#define CK_CUDA_SUMS_H

#include "kernels/cuda/launch.h"

/* Column c of all parts is added, in double precision, to first[c], or where c is not less than
 * n_first to second[c - n_first]; either may be NULL. */
typedef struct {
  const float *parts; /* [n, cols] */
  int64_t n, cols, n_first;
  float *first, *second;
} CkCudaSums;

CkStatus ck_cuda_add_parts (CkCudaStream *stream, const CkCudaSums *sums);

/* Where there are many parts several threads add a column's: each every 32nd. */
#define CK_CUDA_SUM_COLS    8
#define CK_CUDA_SUM_LANES   32
#define CK_CUDA_SUM_THREADS (CK_CUDA_SUM_COLS * CK_CUDA_SUM_LANES)

#endif /* CK_CUDA_SUMS_H */
