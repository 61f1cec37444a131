/* SPDX-License-Identifier: MIT */
/* For kernels: sums over the threads of a warp and of a block, in an order of their own, so that
 * they have the same bits in every run. */
#ifndef CK_CUDA_REDUCE_DEVICE_H
#define CK_CUDA_REDUCE_DEVICE_H

#include "kernels/cuda/kernel.h"

/* Every lane gets the sum over the warp. */
template <typename T>
__device__ __forceinline__ T
ck_warp_sum (T value)
{
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2)
    value += __shfl_xor_sync (0xffffffffu, value, mask);
  return value;
}

/* Every thread gets N sums over a block of WARPS warps. `slots` is shared memory that nobody reads
 * any more: there is a barrier between two calls with the same slots. */
template <int WARPS, int N, typename T>
__device__ __forceinline__ void
ck_block_sums (T (&values)[N], T (&slots)[N][WARPS])
{
#pragma unroll
  for (int i = 0; i < N; i++) {
    values[i] = ck_warp_sum (values[i]);
    if (threadIdx.x % 32 == 0)
      slots[i][threadIdx.x / 32] = values[i];
  }
  __syncthreads ();
#pragma unroll
  for (int i = 0; i < N; i++) {
    values[i] = slots[i][0];
#pragma unroll
    for (int warp = 1; warp < WARPS; warp++)
      values[i] += slots[i][warp];
  }
}

template <int WARPS, typename T>
__device__ __forceinline__ T
ck_block_sum (T value, T (&slots)[1][WARPS])
{
  T values[1] = { value };

  ck_block_sums<WARPS> (values, slots);
  return values[0];
}

#endif /* CK_CUDA_REDUCE_DEVICE_H */
