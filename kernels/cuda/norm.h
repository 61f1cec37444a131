/* SPDX-License-Identifier: MIT */
/* What the host (norm.c) tells the kernels of layer norm (norm.cu); pointers as in CkNorm and
 * CkNormBackward. */
#ifndef CK_CUDA_NORM_H
#define CK_CUDA_NORM_H

#include "kernels/cuda/coded-rows.h"

#define CK_CUDA_NORM_MOST_COLS (INT32_MAX / 2) /* kernels count columns with 31 bits */

/* Forward: a warp makes a row of no more columns than it holds in registers, else a block does. */
#define CK_CUDA_NORM_WARPS     4    /* a block */
#define CK_CUDA_NORM_WARP_COLS 1024 /* that a warp holds */
#define CK_CUDA_NORM_THREADS   256  /* that make a longer row */

/* Backward: 128 threads make a row of up to 2048 columns, 4 or 16 of which each holds; else 256. A
 * block makes rows one after the other, about as many as leave this many blocks. */
#define CK_CUDA_NORM_BACK_BLOCKS 512
#define CK_CUDA_NORM_BACK_SHORT  512
#define CK_CUDA_NORM_BACK_MEDIUM 2048

/* Bytes of shared memory for the sums of a row by so many threads: three rounds of up to two. */
#define CK_CUDA_NORM_ROUNDS          3
#define CK_CUDA_NORM_SHARED(threads) (CK_CUDA_NORM_ROUNDS * 2 * (threads) / 32 * sizeof (float))

/* For rows of so many threads that become whole numbers: four floats a thread more. */
#define CK_CUDA_NORM_REST(threads) (4 * (threads) * sizeof (float))

typedef struct {
  const float *weight, *bias, *x;
  float *y;          /* NULL where y is whole numbers: */
  CkCudaCodes codes; /* these */
  int64_t rows;
  int32_t cols;
  float epsilon;
} CkCudaNorm;

typedef struct {
  const float *weight, *x, *dy;
  float *dx;
  float *sums;        /* [blocks, 2, cols]: a block's dweight, then its dbias; or NULL */
  int64_t rows, each; /* rows of a block */
  int32_t cols;
  float epsilon;
  int add; /* to dx */
} CkCudaNormBackward;

#endif /* CK_CUDA_NORM_H */
