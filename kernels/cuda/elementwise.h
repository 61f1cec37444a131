/* SPDX-License-Identifier: MIT */
/* Operations on each element or row by itself: arguments of their kernels. */
#ifndef CK_CUDA_ELEMENTWISE_H
#define CK_CUDA_ELEMENTWISE_H

#include <stdint.h>

#define CK_ELEMENTS_THREADS 256
#define CK_ELEMENTS_EACH    4 /* a thread's, so far apart that a warp reads them side by side */
#define CK_ELEMENTS_BLOCK   (CK_ELEMENTS_THREADS * CK_ELEMENTS_EACH)

/* Of each kernel those that it has. */
typedef struct {
  int64_t n;
  const float *x, *up, *dy;
  float *y; /* or dx or dgate */
  float *dup;
  float value;
  int32_t activation; /* CkActivation */
} CkCudaElements;

typedef struct {
  int64_t n;
  const uint64_t *key;
  float p, factor; /* factor: 1 / (1 - p) */
  const float *x;
  float *y;
} CkCudaDropout;

typedef struct {
  int64_t rows, cols, src_stride, dst_stride;
  const float *src;
  float *dst;
} CkCudaCopyRows;

/* y = scale x + residual, by column; scale and residual may be NULL. */
typedef struct {
  int64_t rows, cols;
  const float *x, *scale, *residual;
  float *y;
} CkCudaScaleRows;

/* Sums over rows of products: `parts` blocks of rows each leave a sum for a column, and those are
 * added in their order. */
#define CK_SUM_ROWS    128 /* rows a part */
#define CK_SUM_COLUMNS 32  /* columns a block, one a lane */
#define CK_SUM_WARPS   8   /* of a block, which take turns with the rows */
typedef struct {
  int64_t rows, cols, parts;
  const float *a, *b; /* [rows, cols] */
  double *sums;       /* [parts, cols] */
  float *total;       /* [cols], added to */
} CkCudaSumProducts;

#endif /* CK_CUDA_ELEMENTWISE_H */
