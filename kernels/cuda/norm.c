/* SPDX-License-Identifier: MIT */
/* Layer norm, forward and backward. */
#include "kernels/cuda/norm.h"

#include "kernels/cuda/codes.h"
#include "kernels/cuda/grid.h"
#include "kernels/cuda/operations.h"
#include "kernels/cuda/sums.h"
#include "kernels/shapes.h"
#include "kernels/sizes.h"

static void
launch (CkCudaStream *stream, const CkNorm *op, CkCudaGrid grid, float *y)
{
  const CkCudaNorm arguments = { op->weight, op->bias, op->x, y, op->rows, op->cols, op->epsilon };

  if (op->cols <= CK_CUDA_NORM_WARP_COLS)
    ck_cuda_launch (stream, "ck_cuda_norm_warp", grid, 32 * CK_CUDA_NORM_WARPS, 0, &arguments,
                    sizeof arguments);
  else
    ck_cuda_launch (stream, "ck_cuda_norm_block", grid, CK_CUDA_NORM_THREADS,
                    CK_CUDA_NORM_SHARED (CK_CUDA_NORM_THREADS), &arguments, sizeof arguments);
}

/* By way of floats in scratch memory. */
static void
launch_to_codes (CkCudaStream *stream, const CkNorm *op, CkCudaGrid grid)
{
  const CkCudaCodes codes = ck_cuda_codes_at (op->rows, op->cols, true, op->y.data);
  float *y = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_LINEAR,
                              (size_t)(op->rows * op->cols) * sizeof (float));
  const CkCudaValues values = ck_cuda_floats (y, op->rows, op->cols);

  if (y == NULL)
    return;
  launch (stream, op, grid, y);
  ck_cuda_quantise (stream, &values, 1, &codes);
}

CkStatus
ck_cuda_norm (CkStream *self, const CkNorm *op)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const bool by_warps = op->cols <= CK_CUDA_NORM_WARP_COLS;
  CkStatus status = ck_check_norm (op);
  CkCudaGrid grid;
  size_t bytes;

  if (status == CK_OK)
    status = ck_activations_bytes (self->device, op->y.type, op->rows, op->cols, &bytes);
  if (status == CK_OK)
    status = ck_cuda_grid (op->rows, by_warps ? CK_CUDA_NORM_WARPS : 1, &grid);
  if (status != CK_OK || op->rows == 0)
    return status;
  if (op->y.type == CK_F32)
    launch (stream, op, grid, op->y.data);
  else
    launch_to_codes (stream, op, grid);
  return ck_cuda_status (stream);
}

/* dweight or dbias from the blocks' shares of them. */
static void
add_shares (CkCudaStream *stream, const float *shares, int64_t blocks, int64_t cols,
            float *gradient)
{
  const CkCudaSums arguments = { shares, blocks, 2 * cols, cols, gradient };
  const CkCudaGrid grid = { (uint32_t)ck_ceil_div (cols, CK_CUDA_SUM_COLS), 1, 1 };

  if (gradient != NULL)
    ck_cuda_launch (stream, "ck_cuda_add_parts", grid, CK_CUDA_SUM_COLS * CK_CUDA_SUM_LANES,
                    CK_CUDA_SUM_SHARED, &arguments, sizeof arguments);
}

CkStatus
ck_cuda_norm_backward (CkStream *self, const CkNormBackward *op)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const bool is_long = op->cols > CK_CUDA_NORM_BACK_MEDIUM;
  const uint32_t threads = is_long ? 256 : 128;
  CkCudaNormBackward arguments = { op->weight, op->x,    op->dy,      op->dx,    NULL,
                                   op->rows,   op->cols, op->epsilon, op->add_dx };
  CkStatus status = ck_check_norm_backward (op);
  CkCudaGrid grid;
  size_t bytes;

  if (status == CK_OK)
    status = ck_cuda_grid (op->rows, CK_CUDA_NORM_BACK_ROWS, &grid);
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
    add_shares (stream, arguments.sums, grid.x, op->cols, op->dweight);
    add_shares (stream, arguments.sums + op->cols, grid.x, op->cols, op->dbias);
  }
  return ck_cuda_status (stream);
}
