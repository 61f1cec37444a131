/* SPDX-License-Identifier: MIT */
/* Layer norm, forward and backward. */
#include "kernels/cuda/norm.h"

#include "kernels/cuda/grid.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/sums.h"
#include "kernels/shapes.h"
#include "kernels/sizes.h"

static CkStatus
check_cols (CkStatus status, int64_t cols)
{
  return status == CK_OK && cols > CK_CUDA_NORM_MOST_COLS ? CK_UNSUPPORTED : status;
}

/* A warp makes a row, or a block. */
static void
launch_norm (CkCudaStream *stream, CkCudaGrid grid, bool by_warps, const CkCudaNorm *arguments)
{
  const bool coded = arguments->y == NULL;

  if (by_warps)
    ck_cuda_launch (stream, coded ? "ck_cuda_norm_codes_warp" : "ck_cuda_norm_warp", grid,
                    32 * CK_CUDA_NORM_WARPS,
                    coded ? CK_CUDA_NORM_REST (32 * CK_CUDA_NORM_WARPS) : 0, arguments,
                    sizeof *arguments);
  else
    ck_cuda_launch (stream, coded ? "ck_cuda_norm_codes_block" : "ck_cuda_norm_block", grid,
                    CK_CUDA_NORM_THREADS,
                    CK_CUDA_NORM_SHARED (CK_CUDA_NORM_THREADS) +
                        (coded ? CK_CUDA_NORM_REST (CK_CUDA_NORM_THREADS) : 0),
                    arguments, sizeof *arguments);
}

CkStatus
ck_cuda_norm (CkStream *self, const CkNorm *op)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const bool by_warps = op->cols <= CK_CUDA_NORM_WARP_COLS;
  CkCudaNorm arguments = { .weight = op->weight,
                           .bias = op->bias,
                           .x = op->x,
                           .rows = op->rows,
                           .cols = (int32_t)op->cols,
                           .epsilon = op->epsilon };
  CkStatus status = check_cols (ck_check_norm (op), op->cols);
  CkCudaGrid grid;
  size_t bytes;

  if (status == CK_OK)
    status = ck_activations_bytes (self->device, op->y.type, op->rows, op->cols, &bytes);
  if (status == CK_OK)
    status = ck_cuda_grid (op->rows, by_warps ? CK_CUDA_NORM_WARPS : 1, &grid);
  if (status != CK_OK || op->rows == 0)
    return status;
  if (op->y.type == CK_F32)
    arguments.y = op->y.data;
  else
    arguments.codes = ck_cuda_codes_at (op->rows, op->cols, true, op->y.data);
  launch_norm (stream, grid, by_warps, &arguments);
  return ck_cuda_status (stream);
}

/* By the shape alone: it decides the bits of dweight and dbias. */
static int64_t
rows_of_block (int64_t rows)
{
  return ck_max (ck_ceil_div (rows, CK_CUDA_NORM_BACK_BLOCKS), 1);
}

CkStatus
ck_cuda_norm_backward (CkStream *self, const CkNormBackward *op)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const bool is_long = op->cols > CK_CUDA_NORM_BACK_MEDIUM;
  const uint32_t threads = is_long ? 256 : 128;
  CkCudaNormBackward arguments = { .weight = op->weight,
                                   .x = op->x,
                                   .dy = op->dy,
                                   .dx = op->dx,
                                   .rows = op->rows,
                                   .each = rows_of_block (op->rows),
                                   .cols = (int32_t)op->cols,
                                   .epsilon = op->epsilon,
                                   .add = op->add_dx };
  CkStatus status = check_cols (ck_check_norm_backward (op), op->cols);
  CkCudaGrid grid;
  size_t bytes;

  if (status == CK_OK)
    status = ck_cuda_grid (op->rows, arguments.each, &grid);
  if (status != CK_OK || op->rows == 0)
    return status;
  if (op->dweight != NULL || op->dbias != NULL) {
    if (!ck_size_product (grid.x, op->cols, 2 * sizeof (float), &bytes))
      return CK_BAD_SHAPE;
    arguments.sums = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_SUMS, bytes);
    if (arguments.sums == NULL)
      return ck_cuda_status (stream);
  }
  ck_cuda_launch (stream,
                  is_long                              ? "ck_cuda_norm_backward_long"
                  : op->cols > CK_CUDA_NORM_BACK_SHORT ? "ck_cuda_norm_backward_medium"
                                                       : "ck_cuda_norm_backward_short",
                  grid, threads, CK_CUDA_NORM_SHARED (threads), &arguments, sizeof arguments);
  if (arguments.sums != NULL) {
    const CkCudaSums sums = {
      arguments.sums, grid.x, 2 * op->cols, op->cols, op->dweight, op->dbias
    };

    return ck_cuda_add_parts (stream, &sums);
  }
  return ck_cuda_status (stream);
}
