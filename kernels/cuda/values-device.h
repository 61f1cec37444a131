/* SPDX-License-Identifier: MIT */
/* How a thread reads numbers: four neighbours at once where they lie well enough for it. */
#ifndef CK_CUDA_VALUES_DEVICE_H
#define CK_CUDA_VALUES_DEVICE_H

#include "kernels/cuda/kernel.h"
#include "kernels/cuda/quads-device.h"
#include "kernels/cuda/weight-values.h"

/* IEEE 754 binary16. Its exponent and fraction in the place of an fp32's are 2^-112 of the value,
 * but for infinities and NaN. */
static __device__ __forceinline__ float
ck_float_from_f16 (uint32_t half)
{
  const uint32_t sign = (half & 0x8000) << 16, rest = (half & 0x7fff) << 13;

  if ((half & 0x7c00) == 0x7c00)
    return __uint_as_float (sign | 0x7f800000 | rest);
  return __uint_as_float (sign | __float_as_uint (__fmul_rn (__uint_as_float (rest), 0x1p112f)));
}

/* The upper half of an fp32. */
static __device__ __forceinline__ float
ck_float_from_bf16 (uint32_t half)
{
  return __uint_as_float (half << 16);
}

static __device__ __forceinline__ int64_t
ck_absmax_place (const CkCudaValues &values, int64_t at)
{
  return values.block_shift >= 0 ? at >> values.block_shift
                                 : (int64_t)__umul64hi ((uint64_t)at, values.reciprocal);
}

static __device__ __forceinline__ float
ck_value_from_half (const CkCudaValues &values, uint32_t half)
{
  return values.format == CK_CUDA_VALUES_F16 ? ck_float_from_f16 (half) : ck_float_from_bf16 (half);
}

/* Element `at` of the flattened matrix; `code`: the 16 values of NF4 in shared memory. */
static __device__ __forceinline__ float
ck_value (const CkCudaValues &values, const float *code, int64_t at)
{
  uint32_t pair;

  if (values.format == CK_CUDA_VALUES_F32)
    return ((const float *)values.data)[at];
  if (values.format != CK_CUDA_VALUES_NF4)
    return ck_value_from_half (values, ((const uint16_t *)values.data)[at]);
  pair = ((const uint8_t *)values.data)[at >> 1];
  return __fmul_rn (code[(at & 1) != 0 ? pair & 15 : pair >> 4],
                    values.absmax[ck_absmax_place (values, at)]);
}

/*
 * Four elements of 16 bits or of NF4 as they lie in memory, to be unpacked later: `at` is a
 * multiple of 4, and so is a block.
 */
static __device__ __forceinline__ float4
ck_fetch_packed_4 (const CkCudaValues &values, int64_t at)
{
  if (values.format == CK_CUDA_VALUES_NF4)
    return make_float4 (__uint_as_float (((const uint16_t *)values.data)[at >> 2]),
                        values.absmax[at >> values.block_shift], 0, 0);
  else {
    const uint2 halves = ((const uint2 *)values.data)[at >> 2];

    return make_float4 (__uint_as_float (halves.x), __uint_as_float (halves.y), 0, 0);
  }
}

static __device__ __forceinline__ float4
ck_unpack_4 (const CkCudaValues &values, const float *code, float4 packed)
{
  const uint32_t x = __float_as_uint (packed.x), y = __float_as_uint (packed.y);

  if (values.format == CK_CUDA_VALUES_NF4)
    return make_float4 (__fmul_rn (code[x >> 4 & 15], packed.y), __fmul_rn (code[x & 15], packed.y),
                        __fmul_rn (code[x >> 12], packed.y),
                        __fmul_rn (code[x >> 8 & 15], packed.y));
  return make_float4 (ck_value_from_half (values, x & 0xffff), ck_value_from_half (values, x >> 16),
                      ck_value_from_half (values, y & 0xffff),
                      ck_value_from_half (values, y >> 16));
}

/* Elements from `at` on, of which `left` are there; the others are 0. */
static __device__ __forceinline__ float4
ck_values_4 (const CkCudaValues &values, const float *code, int64_t at, int64_t left)
{
  float4 v = make_float4 (0, 0, 0, 0);

  if (values.format == CK_CUDA_VALUES_F32)
    return ck_load_4 ((const float *)values.data + at, left);
  if (left >= 4 && (at & 3) == 0 &&
      (values.format != CK_CUDA_VALUES_NF4 || values.block_shift >= 2))
    return ck_unpack_4 (values, code, ck_fetch_packed_4 (values, at));
  if (left > 0)
    v.x = ck_value (values, code, at);
  if (left > 1)
    v.y = ck_value (values, code, at + 1);
  if (left > 2)
    v.z = ck_value (values, code, at + 2);
  if (left > 3)
    v.w = ck_value (values, code, at + 3);
  return v;
}

/* The 16 values to shared memory; a barrier comes before they are read. */
static __device__ __forceinline__ void
ck_load_code (const CkCudaValues &values, float *code)
{
  if (threadIdx.x < 16)
    code[threadIdx.x] = values.code[threadIdx.x];
}

#endif /* CK_CUDA_VALUES_DEVICE_H */
