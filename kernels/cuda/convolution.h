/* SPDX-License-Identifier: MIT */
/* What the host (convolution.c) tells the kernels of convolution (convolution.cu). */
#ifndef CK_CUDA_CONVOLUTION_H
#define CK_CUDA_CONVOLUTION_H

#include "kernels/cuda/divisor.h"
#include "kernels/cuda/tiles.h"

/* Filters are multiplied as [taps, in, out]: this kernel makes that of torch's [out, in, taps], in
 * squares. */
#define CK_CUDA_FILTER_SQUARE  32
#define CK_CUDA_FILTER_THREADS 256
/* Rows of the square lie in different banks. */
#define CK_CUDA_FILTER_SHARED (CK_CUDA_FILTER_SQUARE * (CK_CUDA_FILTER_SQUARE + 1) * sizeof (float))

typedef struct {
  int32_t batch, in, height, width, out, out_height, out_width, kernel, stride, padding;
  int32_t taps;                  /* kernel * kernel */
  int32_t in_pixels, out_pixels; /* of all pictures */
  CkCudaDivisor by_in, by_out, by_taps, by_kernel, by_out_width, by_out_area;
  const float *x, *dy;
  const float *filters; /* as torch has them */
  float *taps_first;    /* [taps, in, out] */
  float *y;             /* or dx, or dweight */
  int32_t tiles_across; /* the grid's x is tiles, this many next to each other in a row of c */
  /* Backward to the input: the grid's y is the places of a pixel between two that filters begin at;
   * there are stride^2. */
  /* Backward to the filters: the grid's y is shares of the output's pixels, so many each, whose
   * sums [shares, out, taps, in] are added up afterwards. */
  int32_t share, shares;
  float *sums;
} CkCudaConvolution;

#define CK_CUDA_FILTER_SUM_THREADS 256

#endif /* CK_CUDA_CONVOLUTION_H */
