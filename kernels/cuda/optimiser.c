/* SPDX-License-Identifier: MIT */
/* A step of the optimiser, and the norm of the gradients for clipping. */
#include "kernels/cuda/optimiser.h"

#include "kernels/cuda/grid.h"
#include "kernels/cuda/operations.h"
#include "kernels/shapes.h"

CkStatus
ck_cuda_add_squares (CkStream *self, const float *x, int64_t n, double *sum)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  CkCudaSquares squares = { x, n, NULL };
  CkStatus status = ck_check_elements (n);
  CkCudaSquaresSum total;
  CkCudaGrid grid;

  if (status == CK_OK)
    status = ck_cuda_grid (n, CK_CUDA_SQUARES_THREADS * CK_CUDA_SQUARES_EACH, &grid);
  if (status != CK_OK || n == 0)
    return status;
  squares.parts = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_SUMS, grid.x * sizeof (double));
  total = (CkCudaSquaresSum){ squares.parts, grid.x, sum };
  if (squares.parts == NULL)
    return ck_cuda_status (stream);
  ck_cuda_launch (stream, "ck_cuda_squares", grid, CK_CUDA_SQUARES_THREADS, CK_CUDA_SQUARES_SHARED,
                  &squares, sizeof squares);
  ck_cuda_launch (stream, "ck_cuda_squares_sum", (CkCudaGrid){ 1, 1, 1 }, CK_CUDA_SQUARES_THREADS,
                  CK_CUDA_SQUARES_SHARED, &total, sizeof total);
  return ck_cuda_status (stream);
}

CkStatus
ck_cuda_clip_factor (CkStream *self, const double *squares, double max_norm, float *factor)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkCudaClip arguments = { squares, max_norm, factor };

  ck_cuda_launch (stream, "ck_cuda_clip", (CkCudaGrid){ 1, 1, 1 }, 32, 0, &arguments,
                  sizeof arguments);
  return ck_cuda_status (stream);
}

CkStatus
ck_cuda_adamw (CkStream *self, const CkAdamW *op)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  CkStatus status = ck_check_elements (op->n);
  CkCudaGrid grid;

  if (status == CK_OK)
    status = ck_cuda_grid (op->n, CK_CUDA_ADAMW_THREADS * CK_CUDA_ADAMW_EACH, &grid);
  if (status != CK_OK)
    return status;
  ck_cuda_launch (stream, "ck_cuda_adamw_step", grid, CK_CUDA_ADAMW_THREADS, 0, op, sizeof *op);
  return ck_cuda_status (stream);
}
