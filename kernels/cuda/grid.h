/* SPDX-License-Identifier: MIT */
/* How many blocks a launch has. */
#ifndef CK_CUDA_GRID_H
#define CK_CUDA_GRID_H

#include "kernels/cuda/launch.h"

/* Blocks in one dimension for n things, of which each block makes `each`. CK_BAD_SHAPE: more than a
 * grid can have, which no memory of today holds. */
CkStatus ck_cuda_grid (int64_t n, int64_t each, CkCudaGrid *grid);

/* How a product [m, n] by tiles (tiles-device.h) is launched, as so many of them in the grid's y.
 */
typedef struct {
  bool large;     /* tiles, else small ones (tiles.h) */
  int32_t across; /* tiles of a row */
  CkCudaGrid grid;
  size_t shared;
} CkCudaTiling;

/* Large tiles where those keep all processors busy: their bits are those of small ones. */
CkStatus ck_cuda_tiling (const CkCudaStream *stream, int64_t m, int64_t n, uint32_t products,
                         CkCudaTiling *tiling);

/*
 * A product [m, n] with a long k, a sum over pictures, is cut into shares of k, one in the grid's y
 * each, whose sums are added up afterwards. *share is how much of k each has: whole tiles, by the
 * sizes alone, which decide the bits. CK_BAD_SHAPE: more shares than a grid can have.
 */
CkStatus ck_cuda_shares (int64_t m, int64_t n, int64_t k, int32_t *share, int32_t *shares);

#endif /* CK_CUDA_GRID_H */
