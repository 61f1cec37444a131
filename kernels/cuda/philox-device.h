/* SPDX-License-Identifier: MIT */
/* The random numbers of training.h on a GPU: Philox 4x32-10, as kernels/cpu/philox.h has it, and
 * what dropout makes of four neighbours. */
#ifndef CK_CUDA_PHILOX_DEVICE_H
#define CK_CUDA_PHILOX_DEVICE_H

#include "kernels/cuda/kernel.h"

/* The four words of a counter, whose upper 64 bits are 0. */
static __device__ __forceinline__ uint4
ck_philox_words (uint64_t key, uint64_t counter)
{
  uint4 c = make_uint4 ((uint32_t)counter, (uint32_t)(counter >> 32), 0, 0);
  uint32_t key0 = (uint32_t)key, key1 = (uint32_t)(key >> 32);

#pragma unroll
  for (int round = 0; round < 10; round++) {
    const uint64_t x = (uint64_t)0xd2511f53u * c.x, z = (uint64_t)0xcd9e8d57u * c.z;

    c = make_uint4 ((uint32_t)(z >> 32) ^ c.y ^ key0, (uint32_t)z, (uint32_t)(x >> 32) ^ c.w ^ key1,
                    (uint32_t)x);
    key0 += 0x9e3779b9u;
    key1 += 0xbb67ae85u;
  }
  return c;
}

/* What dropout multiplies elements at, at + 1, ... by: 0, or 1 / (1 - p). */
static __device__ __forceinline__ float4
ck_dropout_factors (uint64_t key, float p, int64_t at)
{
  const float factor = __fdiv_rn (1, __fsub_rn (1, p));
  const int shift = (int)(at & 3);
  uint4 w = ck_philox_words (key, (uint64_t)at >> 2);

  if (shift != 0) {
    const uint4 next = ck_philox_words (key, ((uint64_t)at >> 2) + 1);

    w = shift == 1   ? make_uint4 (w.y, w.z, w.w, next.x)
        : shift == 2 ? make_uint4 (w.z, w.w, next.x, next.y)
                     : make_uint4 (w.w, next.x, next.y, next.z);
  }
#define FACTOR(word) (__fmul_rn ((float)((word) >> 8), 0x1p-24f) >= p ? factor : 0)
  return make_float4 (FACTOR (w.x), FACTOR (w.y), FACTOR (w.z), FACTOR (w.w));
#undef FACTOR
}

/* x as dropout leaves it: 0, where what it was does not matter. */
static __device__ __forceinline__ float
ck_drop (float x, float factor)
{
  return factor != 0 ? __fmul_rn (x, factor) : 0;
}

#endif /* CK_CUDA_PHILOX_DEVICE_H */
