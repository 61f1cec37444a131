/* SPDX-License-Identifier: MIT */
/* What launches of products by tiles-device.h have to know. */
#ifndef CK_CUDA_TILES_H
#define CK_CUDA_TILES_H

#include <stdint.h>

#define CK_CUDA_TILE_THREADS 256
#define CK_CUDA_TILE_PADDING 4

/* Of k at once, where a thread has t x t elements of 16 t x 16 t: it then fetches four of each
 * operand. */
#define CK_CUDA_TILE_DEPTH(t) (64 / (t))
#define CK_CUDA_TILE_BYTES(t)                                                                      \
  (4 * CK_CUDA_TILE_DEPTH (t) * (16 * (t) + CK_CUDA_TILE_PADDING) * sizeof (float))
#define CK_CUDA_TILE_SMALL   4 /* t */
#define CK_CUDA_TILE_LARGE   8
#define CK_CUDA_TILE_DEEPEST 16

/* The longest sides of matrices: what lies in a tile beyond them is counted with 31 bits too. */
#define CK_CUDA_TILE_MOST (INT32_MAX - 16 * CK_CUDA_TILE_LARGE)

#endif /* CK_CUDA_TILES_H */
