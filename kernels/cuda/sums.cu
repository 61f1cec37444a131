/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/sums.h"

#include "kernels/cuda/kernel.h"

namespace
{

struct Shared {
  double part[CK_CUDA_SUM_LANES][CK_CUDA_SUM_COLS];
};

__device__ __forceinline__ void
add_to (const CkCudaSums &a, int64_t col, double sum)
{
  float *to = col < a.n_first ? a.first : a.second;

  if (to != nullptr)
    to[col < a.n_first ? col : col - a.n_first] += (float)sum;
}

} /* namespace */

CK_KERNEL (ck_cuda_add_few_parts, CkCudaSums, CK_CUDA_SUM_THREADS)
{
  const int64_t col = (int64_t)blockIdx.x * CK_CUDA_SUM_THREADS + threadIdx.x;
  double sum = 0;

  if (col >= a.cols)
    return;
#pragma unroll 4
  for (int64_t part = 0; part < a.n; part++)
    sum += (double)a.parts[part * a.cols + col];
  add_to (a, col, sum);
}

CK_KERNEL (ck_cuda_add_many_parts, CkCudaSums, CK_CUDA_SUM_THREADS)
{
  CK_SHARED (Shared, shared);
  const int in_block = threadIdx.x % CK_CUDA_SUM_COLS, lane = threadIdx.x / CK_CUDA_SUM_COLS;
  const int64_t col = (int64_t)blockIdx.x * CK_CUDA_SUM_COLS + in_block;
  double sum = 0;

  if (col < a.cols)
#pragma unroll 4
    for (int64_t part = lane; part < a.n; part += CK_CUDA_SUM_LANES)
      sum += (double)a.parts[part * a.cols + col];
  shared.part[lane][in_block] = sum;
  __syncthreads ();
  if (lane != 0 || col >= a.cols)
    return;
  for (int i = 1; i < CK_CUDA_SUM_LANES; i++)
    sum += shared.part[i][in_block];
  add_to (a, col, sum);
}
