/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/sums.h"

#include "kernels/cuda/kernel.h"

namespace
{

struct Shared {
  double part[CK_CUDA_SUM_LANES][CK_CUDA_SUM_COLS];
};

} /* namespace */

CK_KERNEL (ck_cuda_add_parts, CkCudaSums, CK_CUDA_SUM_COLS *CK_CUDA_SUM_LANES)
{
  CK_SHARED (Shared, shared);
  const int in_block = threadIdx.x % CK_CUDA_SUM_COLS, lane = threadIdx.x / CK_CUDA_SUM_COLS;
  const int64_t col = (int64_t)blockIdx.x * CK_CUDA_SUM_COLS + in_block;
  double sum = 0;

  if (col < a.cols)
#pragma unroll 4
    for (int64_t part = lane; part < a.n; part += CK_CUDA_SUM_LANES)
      sum += (double)a.parts[part * a.stride + col];
  shared.part[lane][in_block] = sum;
  __syncthreads ();
  if (lane != 0 || col >= a.cols)
    return;
  for (int i = 1; i < CK_CUDA_SUM_LANES; i++)
    sum += shared.part[i][in_block];
  a.sum[col] += (float)sum;
}
