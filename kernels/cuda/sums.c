/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/sums.h"

#include "kernels/cuda/grid.h"

#define FEW 16 /* parts that one thread adds up */

CkStatus
ck_cuda_add_parts (CkCudaStream *stream, const CkCudaSums *sums)
{
  const bool few = sums->n <= FEW;
  CkCudaGrid grid;
  const CkStatus status =
      ck_cuda_grid (sums->cols, few ? CK_CUDA_SUM_THREADS : CK_CUDA_SUM_COLS, &grid);

  if (status != CK_OK)
    return status;
  ck_cuda_launch (stream, few ? "ck_cuda_add_few_parts" : "ck_cuda_add_many_parts", grid,
                  CK_CUDA_SUM_THREADS, few ? 0 : CK_CUDA_SUM_THREADS * sizeof (double), sums,
                  sizeof *sums);
  return ck_cuda_status (stream);
}
