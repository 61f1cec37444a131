/* SPDX-License-Identifier: MIT */
/* What dropout makes of four neighbours. */
#ifndef CK_CUDA_DROPOUT_DEVICE_H
#define CK_CUDA_DROPOUT_DEVICE_H

#include "kernels/cuda/kernel.h"
#include "kernels/philox.h"

/* What it multiplies elements at, at + 1, ... by: 0, or 1 / (1 - p). */
static __device__ __forceinline__ float4
ck_dropout_factors (uint64_t key, float p, int64_t at)
{
  const float factor = __fdiv_rn (1, __fsub_rn (1, p));
  const int shift = (int)(at & 3);
  uint32_t w[8];

  ck_philox (key, (uint64_t)at >> 2, w);
  if (shift != 0) {
    ck_philox (key, ((uint64_t)at >> 2) + 1, w + 4);
    for (int step = 0; step < 3; step++)
#pragma unroll
      for (int i = 0; i < 7; i++)
        w[i] = step < shift ? w[i + 1] : w[i];
  }
  return make_float4 (
      ck_philox_unit (w[0]) >= p ? factor : 0, ck_philox_unit (w[1]) >= p ? factor : 0,
      ck_philox_unit (w[2]) >= p ? factor : 0, ck_philox_unit (w[3]) >= p ? factor : 0);
}

/* x as dropout leaves it: 0, where what it was does not matter. */
static __device__ __forceinline__ float
ck_drop (float x, float factor)
{
  return factor != 0 ? __fmul_rn (x, factor) : 0;
}

#endif /* CK_CUDA_DROPOUT_DEVICE_H */
