/* SPDX-License-Identifier: MIT */
/* What launches of products by tiles-device.h have to know. */
#ifndef CK_CUDA_TILES_H
#define CK_CUDA_TILES_H

#include <stdint.h>

#define CK_CUDA_TILE_THREADS 256
#define CK_CUDA_TILE_DEPTH   16 /* of k, at once */
#define CK_CUDA_TILE_PADDING 4

/* Sides of tiles, and the shared memory for tiles of m x n. */
#define CK_CUDA_TILE_SMALL 64
#define CK_CUDA_TILE_LARGE 128
/* The longest sides of matrices: what lies in a tile beyond them is counted with 31 bits too. */
#define CK_CUDA_TILE_MOST (INT32_MAX - CK_CUDA_TILE_LARGE)
#define CK_CUDA_TILE_BYTES(m, n)                                                                   \
  (2 * CK_CUDA_TILE_DEPTH * ((m) + (n) + 2 * CK_CUDA_TILE_PADDING) * sizeof (float))

#endif /* CK_CUDA_TILES_H */
