/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/values-device.h"

struct DequantiseShared {
  float code[16];
};

CK_KERNEL (ck_cuda_dequantise, CkCudaDequantise, CK_CUDA_DEQUANTISE_THREADS)
{
  CK_SHARED (DequantiseShared, shared);
  const int64_t i =
      ((int64_t)blockIdx.x * CK_CUDA_DEQUANTISE_THREADS + threadIdx.x) * CK_CUDA_DEQUANTISE_EACH;

  ck_load_code (a.values, shared.code);
  __syncthreads ();
  if (i < a.n)
    ck_store_4 (a.out + i, a.n - i, ck_values_4 (a.values, shared.code, a.first + i, a.n - i));
}
