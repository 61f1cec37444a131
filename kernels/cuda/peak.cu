/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/peak.h"

#include "kernels/cuda/halves-device.h"

namespace
{

struct S8 {
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

/* Products of ones. */
template <class Type, typename Sum>
__device__ __forceinline__ void
run (const CkCudaPeak &a, uint32_t ones)
{
  const uint32_t left[4] = { ones, ones, ones, ones }, right[2] = { ones, ones };
  Sum sums[CK_CUDA_PEAK_SUMS][4] = {};
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
  run<CkF16, float> (a, 0x3c003c00);
}

CK_KERNEL (ck_cuda_peak_bf16, CkCudaPeak, CK_CUDA_PEAK_THREADS)
{
  run<CkBf16, float> (a, 0x3f803f80);
}

CK_KERNEL (ck_cuda_peak_int8, CkCudaPeak, CK_CUDA_PEAK_THREADS)
{
  run<S8, int32_t> (a, 0x01010101);
}
