/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/grid.h"

#include "kernels/cuda/tiles.h"
#include "kernels/sizes.h"

#define MOST_Y      65535 /* blocks of a grid in y */
#define SHARE_TERMS 256   /* of k in a share, at least */
#define BLOCKS      512   /* that shares are cut for, about: what keeps a large GPU busy */

CkStatus
ck_cuda_grid (int64_t n, int64_t each, CkCudaGrid *grid)
{
  const int64_t blocks = n / each + (n % each != 0);

  *grid = (CkCudaGrid){ (uint32_t)blocks, 1, 1 };
  return blocks <= INT32_MAX ? CK_OK : CK_BAD_SHAPE;
}

CkStatus
ck_cuda_tiling (const CkCudaStream *stream, int64_t m, int64_t n, uint32_t products,
                CkCudaTiling *tiling)
{
  const int64_t side_large = 16 * CK_CUDA_TILE_LARGE, side_small = 16 * CK_CUDA_TILE_SMALL;
  const int64_t large = ck_ceil_div (m, side_large) * ck_ceil_div (n, side_large);
  CkStatus status;
  int64_t side;

  tiling->large = n > side_small && large * products >= ck_cuda_limits (stream)->processors;
  tiling->shared = tiling->large ? CK_CUDA_TILE_BYTES (CK_CUDA_TILE_LARGE)
                                 : CK_CUDA_TILE_BYTES (CK_CUDA_TILE_SMALL);
  side = tiling->large ? side_large : side_small;
  tiling->across = (int32_t)ck_ceil_div (n, side);
  status = ck_cuda_grid (ck_ceil_div (m, side) * tiling->across, 1, &tiling->grid);
  tiling->grid.y = products;
  return products <= MOST_Y ? status : CK_BAD_SHAPE;
}

CkStatus
ck_cuda_shares (int64_t m, int64_t n, int64_t k, int32_t *share, int32_t *shares)
{
  const int64_t side = 16 * CK_CUDA_TILE_SMALL,
                tiles = ck_ceil_div (m, side) * ck_ceil_div (n, side);
  const int64_t terms = ck_max (ck_ceil_div (k, ck_max (BLOCKS / tiles, 1)), SHARE_TERMS);

  *share = (int32_t)ck_round_up (terms, CK_CUDA_TILE_DEEPEST);
  *shares = (int32_t)ck_ceil_div (k, *share);
  return *shares <= MOST_Y ? CK_OK : CK_BAD_SHAPE;
}
