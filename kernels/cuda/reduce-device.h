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

/* Every thread gets the sum over a block of WARPS warps. `slots` is shared memory that nobody reads
 * any more: there is a barrier between two sums by the same slots. */
template <int WARPS, typename T>
__device__ __forceinline__ T
ck_block_sum (T value, T (&slots)[WARPS])
{
  value = ck_warp_sum (value);
  if (threadIdx.x % 32 == 0)
    slots[threadIdx.x / 32] = value;
  __syncthreads ();
  value = slots[0];
#pragma unroll
  for (int warp = 1; warp < WARPS; warp++)
    value += slots[warp];
  return value;
}

#endif /* CK_CUDA_REDUCE_DEVICE_H */
