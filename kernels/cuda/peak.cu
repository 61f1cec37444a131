/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/peak.h"

#include "kernels/cuda/instructions.h"
#include "kernels/cuda/kernel.h"

namespace
{

/* Products of ones. */
struct OfF16 {
  typedef float Sum;
  enum { ONES = 0x3c003c00 };

  static __device__ __forceinline__ void multiply (float d[4], const uint32_t a[4],
                                                   const uint32_t b[2])
  {
    ck_mma_f16 (d, a, b);
  }
};

struct OfBf16 {
  typedef float Sum;
  enum { ONES = 0x3f803f80 };

  static __device__ __forceinline__ void multiply (float d[4], const uint32_t a[4],
                                                   const uint32_t b[2])
  {
    ck_mma_bf16 (d, a, b);
  }
};

struct OfS8 {
  typedef int32_t Sum;
  enum { ONES = 0x01010101 };

  static __device__ __forceinline__ void multiply (int32_t d[4], const uint32_t a[4],
                                                   const uint32_t b[2])
  {
    ck_mma_s8 (d, a, b);
  }
};

__device__ __forceinline__ void
put (const CkCudaPeak &a, float sum)
{
  a.sums[(int64_t)blockIdx.x * CK_CUDA_PEAK_THREADS + threadIdx.x] = sum;
}

template <class Type>
__device__ __forceinline__ void
run (const CkCudaPeak &a)
{
  const uint32_t ones = Type::ONES, left[4] = { ones, ones, ones, ones }, right[2] = { ones, ones };
  typename Type::Sum sums[CK_CUDA_PEAK_SUMS][4] = {};
  float all = 0;

  for (int64_t loop = 0; loop < a.loops; loop++)
#pragma unroll
    for (int i = 0; i < CK_CUDA_PEAK_SUMS; i++)
      Type::multiply (sums[i], left, right);
#pragma unroll
  for (int i = 0; i < CK_CUDA_PEAK_SUMS; i++)
    all += (float)sums[i][0] + (float)sums[i][1] + (float)sums[i][2] + (float)sums[i][3];
  put (a, all);
}

} /* namespace */

CK_KERNEL (ck_cuda_peak_f32, CkCudaPeak, CK_CUDA_PEAK_THREADS)
{
  const float factor = 1 - 1.0f / (float)(2 + threadIdx.x);
  float sums[CK_CUDA_PEAK_SUMS], all = 0;

#pragma unroll
  for (int i = 0; i < CK_CUDA_PEAK_SUMS; i++)
    sums[i] = (float)i;
#pragma unroll 8
  for (int64_t loop = 0; loop < a.loops; loop++)
#pragma unroll
    for (int i = 0; i < CK_CUDA_PEAK_SUMS; i++)
      sums[i] = __fmaf_rn (sums[i], factor, factor);
#pragma unroll
  for (int i = 0; i < CK_CUDA_PEAK_SUMS; i++)
    all += sums[i];
  put (a, all);
}

CK_KERNEL (ck_cuda_peak_f16, CkCudaPeak, CK_CUDA_PEAK_THREADS)
{
  run<OfF16> (a);
}

CK_KERNEL (ck_cuda_peak_bf16, CkCudaPeak, CK_CUDA_PEAK_THREADS)
{
  run<OfBf16> (a);
}

CK_KERNEL (ck_cuda_peak_int8, CkCudaPeak, CK_CUDA_PEAK_THREADS)
{
  run<OfS8> (a);
}
