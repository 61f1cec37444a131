/* SPDX-License-Identifier: MIT */
/* Cross entropy: softmax, and binary. */
#include "kernels/cuda/loss.h"

#include "kernels/cuda/grid.h"
#include "kernels/cuda/operations.h"
#include "kernels/shapes.h"
#include "kernels/sizes.h"

/* The grid of a warp for each picture, and room for n sums, which is NULL where the stream has
 * failed. */
static CkStatus
begin (CkCudaStream *stream, int64_t batch, int64_t n, CkCudaGrid *grid, double **room)
{
  const CkStatus status = ck_cuda_grid (batch, CK_CUDA_LOSS_WARPS, grid);
  size_t bytes;

  if (status != CK_OK)
    return status;
  if (!ck_size_product (n, sizeof (double), 1, &bytes))
    return CK_BAD_SHAPE;
  *room = ck_cuda_scratch (stream, CK_CUDA_SCRATCH_SUMS, bytes);
  return CK_OK;
}

CkStatus
ck_cuda_cross_entropy (CkStream *self, const CkCrossEntropy *op)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkCudaGrid one = { 1, 1, 1 };
  CkCudaLoss loss = { .op = *op };
  CkStatus status = ck_check_cross_entropy (op);
  CkCudaGrid grid;
  double *room;

  if (status == CK_OK)
    status = begin (stream, op->batch, op->batch + 1, &grid, &room);
  if (status != CK_OK)
    return status;
  loss.share = room;
  loss.failure = ck_cuda_failure (stream);
  if (loss.share == NULL || loss.failure == NULL)
    return ck_cuda_status (stream);
  loss.losses = loss.share + 1;
  ck_cuda_launch (stream, "ck_cuda_loss_weights", one, CK_CUDA_LOSS_THREADS, CK_CUDA_LOSS_SHARED,
                  &loss, sizeof loss);
  ck_cuda_take_failure (stream);
  ck_cuda_launch (stream, "ck_cuda_loss_pictures", grid, 32 * CK_CUDA_LOSS_WARPS, 0, &loss,
                  sizeof loss);
  ck_cuda_launch (stream, "ck_cuda_loss_sum", one, CK_CUDA_LOSS_THREADS, CK_CUDA_LOSS_SHARED, &loss,
                  sizeof loss);
  return ck_cuda_status (stream);
}

CkStatus
ck_cuda_binary_cross_entropy (CkStream *self, const CkBinaryCrossEntropy *op)
{
  CkCudaStream *stream = (CkCudaStream *)self;
  const CkCudaGrid one = { 1, 1, 1 };
  CkCudaBinaryLoss loss = { .op = *op };
  CkStatus status = ck_check_binary_cross_entropy (op);
  CkCudaGrid grid;
  double *room;

  if (status == CK_OK)
    status = begin (stream, op->batch, op->batch, &grid, &room);
  if (status != CK_OK)
    return status;
  loss.losses = room;
  if (loss.losses == NULL)
    return ck_cuda_status (stream);
  ck_cuda_launch (stream, "ck_cuda_binary_loss_pictures", grid, 32 * CK_CUDA_LOSS_WARPS, 0, &loss,
                  sizeof loss);
  ck_cuda_launch (stream, "ck_cuda_binary_loss_sum", one, CK_CUDA_LOSS_THREADS, CK_CUDA_LOSS_SHARED,
                  &loss, sizeof loss);
  return ck_cuda_status (stream);
}
