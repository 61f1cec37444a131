/* SPDX-License-Identifier: MIT */
/* For kernels: four neighbours of a row at once, by one access where their address allows. Which
 * thread has which of them does not depend on that, so neither do any bits. */
#ifndef CK_CUDA_QUADS_DEVICE_H
#define CK_CUDA_QUADS_DEVICE_H

#include "kernels/cuda/kernel.h"

/* Four floats of which there are `left`; the others are 0. */
template <typename Count>
static __device__ __forceinline__ float4
ck_load_4 (const float *from, Count left)
{
  float4 four = make_float4 (0, 0, 0, 0);

  if (left >= 4 && (reinterpret_cast<uintptr_t> (from) & 15) == 0)
    return *reinterpret_cast<const float4 *> (from);
  if (left > 0)
    four.x = from[0];
  if (left > 1)
    four.y = from[1];
  if (left > 2)
    four.z = from[2];
  if (left > 3)
    four.w = from[3];
  return four;
}

/* The first `left` of them. */
template <typename Count>
static __device__ __forceinline__ void
ck_store_4 (float *to, Count left, float4 four)
{
  if (left >= 4 && (reinterpret_cast<uintptr_t> (to) & 15) == 0) {
    *reinterpret_cast<float4 *> (to) = four;
    return;
  }
  if (left > 0)
    to[0] = four.x;
  if (left > 1)
    to[1] = four.y;
  if (left > 2)
    to[2] = four.z;
  if (left > 3)
    to[3] = four.w;
}

/* The same for loops over them. */
typedef struct {
  float v[4];
} CkQuad;

template <typename Count>
static __device__ __forceinline__ CkQuad
ck_quad_load (const float *from, Count left)
{
  const float4 four = ck_load_4 (from, left);

  return { { four.x, four.y, four.z, four.w } };
}

template <typename Count>
static __device__ __forceinline__ void
ck_quad_store (float *to, Count left, const CkQuad &quad)
{
  ck_store_4 (to, left, make_float4 (quad.v[0], quad.v[1], quad.v[2], quad.v[3]));
}

#endif /* CK_CUDA_QUADS_DEVICE_H */
