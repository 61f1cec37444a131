/* SPDX-License-Identifier: MIT */
/* For kernels: four neighbours of a row at once, by one access where their address allows. Which
 * thread has which of them does not depend on that, so neither do any bits. */
#ifndef CK_CUDA_QUADS_DEVICE_H
#define CK_CUDA_QUADS_DEVICE_H

#include "kernels/cuda/kernel.h"

typedef struct {
  float v[4];
} CkQuad;

__device__ __forceinline__ bool
ck_quad_aligned (const float *at)
{
  return (reinterpret_cast<uintptr_t> (at) & 15) == 0;
}

/* Four floats of which there are `left`; the others are 0. */
template <typename Count>
__device__ __forceinline__ CkQuad
ck_quad_load (const float *from, Count left)
{
  CkQuad quad = {};

  if (left >= 4 && ck_quad_aligned (from)) {
    const float4 four = *reinterpret_cast<const float4 *> (from);

    quad.v[0] = four.x;
    quad.v[1] = four.y;
    quad.v[2] = four.z;
    quad.v[3] = four.w;
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (i < left)
        quad.v[i] = from[i];
  }
  return quad;
}

/* The first `left` of them. */
template <typename Count>
__device__ __forceinline__ void
ck_quad_store (float *to, Count left, const CkQuad &quad)
{
  if (left >= 4 && ck_quad_aligned (to)) {
    *reinterpret_cast<float4 *> (to) = make_float4 (quad.v[0], quad.v[1], quad.v[2], quad.v[3]);
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (i < left)
        to[i] = quad.v[i];
  }
}

#endif /* CK_CUDA_QUADS_DEVICE_H */
