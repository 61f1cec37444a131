/* SPDX-License-Identifier: MIT */
/* The operands of products of matrices, four neighbours at once. */
#ifndef CK_CUDA_PRODUCT_OPERANDS_DEVICE_H
#define CK_CUDA_PRODUCT_OPERANDS_DEVICE_H

#include "kernels/cuda/dropout-device.h"
#include "kernels/cuda/product-arguments.h"
#include "kernels/cuda/values-device.h"

static __device__ __forceinline__ float4
ck_drop_4 (const CkCudaProduct &p, int64_t at, float4 v)
{
  const float4 f = ck_dropout_factors (*p.key, p.dropout, at);

  return make_float4 (ck_drop (v.x, f.x), ck_drop (v.y, f.y), ck_drop (v.z, f.z),
                      ck_drop (v.w, f.w));
}

/* Whether fours of such values never straddle a row's end, nor a block's. */
static __device__ __forceinline__ bool
ck_is_regular (const CkCudaValues &values)
{
  return (values.cols & 3) == 0 && (values.format != CK_CUDA_VALUES_NF4 || values.block_shift >= 2);
}

/* The place of four neighbours of a, along k from term `k` of row i, or for a gradient rows from i
 * on of it. */
template <int KIND>
static __device__ __forceinline__ int64_t
ck_place_a (const CkCudaTerms &terms, int64_t i, int64_t k)
{
  return KIND == CK_CUDA_GRADIENT ? k * terms.a_stride + i : i * terms.a_stride + k;
}

/* And of b, along k of column j, or columns from j on of term k. */
template <int KIND>
static __device__ __forceinline__ int64_t
ck_place_b (const CkCudaTerms &terms, int64_t j, int64_t k)
{
  return KIND == CK_CUDA_FORWARD ? j * terms.b.cols + k : k * terms.b.cols + j;
}

/* Those of a as they lie in memory; 0 where there are none. Terms end before `end`. */
template <int KIND>
static __device__ __forceinline__ float4
ck_fetch_a (const CkCudaProduct &p, const CkCudaTerms &terms, int64_t i, int64_t k, int64_t end)
{
  const int64_t left = KIND == CK_CUDA_GRADIENT ? (k < end ? p.m - i : 0) : (i < p.m ? end - k : 0);

  return left > 0 ? ck_load_4 (terms.a + ck_place_a<KIND> (terms, i, k), left)
                  : make_float4 (0, 0, 0, 0);
}

/* What they are. */
template <int KIND>
static __device__ __forceinline__ float4
ck_finish_a (const CkCudaProduct &p, const CkCudaTerms &terms, bool is_first, int64_t i, int64_t k,
             float4 v)
{
  return KIND == CK_CUDA_FORWARD && p.key != nullptr && is_first
             ? ck_drop_4 (p, ck_place_a<KIND> (terms, i, k), v)
             : v;
}

/* Those of b as they lie in memory, packed where the values are regular. */
template <int KIND>
static __device__ __forceinline__ float4
ck_fetch_b (const CkCudaProduct &p, const CkCudaTerms &terms, const float *code, int64_t j,
            int64_t k, int64_t end)
{
  const int64_t left = KIND == CK_CUDA_FORWARD ? (j < p.n ? end - k : 0) : (k < end ? p.n - j : 0),
                at = ck_place_b<KIND> (terms, j, k);

  if (left <= 0)
    return make_float4 (0, 0, 0, 0);
  if (KIND == CK_CUDA_GRADIENT || terms.b.format == CK_CUDA_VALUES_F32)
    return ck_load_4 ((const float *)terms.b.data + at, left);
  return ck_is_regular (terms.b) ? ck_fetch_packed_4 (terms.b, at)
                                 : ck_values_4 (terms.b, code, at, left);
}

template <int KIND>
static __device__ __forceinline__ float4
ck_finish_b (const CkCudaProduct &p, const CkCudaTerms &terms, const float *code, int64_t j,
             int64_t k, int64_t end, float4 v)
{
  if (KIND == CK_CUDA_GRADIENT)
    return p.key != nullptr ? ck_drop_4 (p, ck_place_b<KIND> (terms, j, k), v) : v;
  if (terms.b.format != CK_CUDA_VALUES_F32 && ck_is_regular (terms.b))
    v = ck_unpack_4 (terms.b, code, v);
  if (KIND == CK_CUDA_BACKWARD && terms.factor != nullptr && k < end) {
    const float f = terms.factor[k];

    v = make_float4 (__fmul_rn (v.x, f), __fmul_rn (v.y, f), __fmul_rn (v.z, f),
                     __fmul_rn (v.w, f));
  }
  return v;
}

#endif /* CK_CUDA_PRODUCT_OPERANDS_DEVICE_H */
