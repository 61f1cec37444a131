/* SPDX-License-Identifier: MIT */
/*
 * Sums of tensor cores on their way to memory. The registers of a warp hold rectangles of 16 x 8,
 * two neighbours a lane; a slab in shared memory holds 16 rows of each warp, from where they go in
 * whole lines. The width of its rows lets eight of them lie in different banks.
 */
#ifndef CK_CUDA_SLAB_DEVICE_H
#define CK_CUDA_SLAB_DEVICE_H

#include "kernels/cuda/kernel.h"

#define CK_SLAB_WIDTH(cols) ((cols) + 8)

/* WIDTH rectangles beside each other, whose first row and column these are. */
template <int WIDTH, int STRIDE>
static __device__ __forceinline__ void
ck_slab_put (float (*slab)[STRIDE], int row, int col, const float (&sums)[WIDTH][4])
{
  const int lane = threadIdx.x % 32;

#pragma unroll
  for (int j = 0; j < WIDTH; j++) {
    float *to = &slab[row + lane / 4][col + 8 * j + lane % 4 * 2];

    *(float2 *)to = make_float2 (sums[j][0], sums[j][1]);
    *(float2 *)(to + 8 * STRIDE) = make_float2 (sums[j][2], sums[j][3]);
  }
}

#endif /* CK_CUDA_SLAB_DEVICE_H */
