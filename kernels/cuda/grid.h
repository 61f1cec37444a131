/* SPDX-License-Identifier: MIT */
/* How many blocks a launch has. */
#ifndef CK_CUDA_GRID_H
#define CK_CUDA_GRID_H

#include "kernels/cuda/launch.h"
#include "kernels/sizes.h"

/* Blocks in one dimension for n things, of which each block makes `each`. CK_BAD_SHAPE: more than a
 * grid can have, which no memory of today holds. */
static inline CkStatus
ck_cuda_grid (int64_t n, int64_t each, CkCudaGrid *grid)
{
  const int64_t blocks = n / each + (n % each != 0);

  *grid = (CkCudaGrid){ (uint32_t)blocks, 1, 1 };
  return blocks <= INT32_MAX ? CK_OK : CK_BAD_SHAPE;
}

#endif /* CK_CUDA_GRID_H */
