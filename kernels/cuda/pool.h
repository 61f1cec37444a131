/* SPDX-License-Identifier: MIT */
/* What the host (pool.c) tells the kernels of pooling and of moving channels (pool.cu). Activations
 * lie channels last. */
#ifndef CK_CUDA_POOL_H
#define CK_CUDA_POOL_H

#include <stdint.h>

/* A block makes a strip of channels of a few pixels, so that a warp has neighbouring channels. */
#define CK_CUDA_POOL_CHANNELS 32
#define CK_CUDA_POOL_PIXELS   8
#define CK_CUDA_POOL_THREADS  (CK_CUDA_POOL_CHANNELS * CK_CUDA_POOL_PIXELS)

/* Max pool: blocks are (picture, row, part of the row, strip), of the output, or of the input
 * backward. */
typedef struct {
  int64_t channels, height, width, out_height, out_width;
  uint32_t strips, across, rows; /* of a picture */
  const float *x;                /* or dy */
  float *y;                      /* or dx */
  const uint8_t *places;
  uint8_t *places_out;
} CkCudaMaxPool;

/* Mean pool: blocks are (picture, strip), or backward (picture, part of its pixels, strip). */
typedef struct {
  int64_t area, channels;
  uint32_t strips, across;
  const float *x;
  float *y;
} CkCudaMeanPool;
#define CK_CUDA_MEAN_SHARED (CK_CUDA_POOL_THREADS * sizeof (double))

/* Channels last: blocks are (picture, tile of the pixels, tile of the channels); or, where channels
 * are few, (picture, part of its elements). */
#define CK_CUDA_MOVED        32
#define CK_CUDA_MOVED_SHARED (CK_CUDA_MOVED * (CK_CUDA_MOVED + 1) * sizeof (float))
#define CK_CUDA_FEW          8 /* channels */

#endif /* CK_CUDA_POOL_H */
