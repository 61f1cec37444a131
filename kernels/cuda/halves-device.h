/* SPDX-License-Identifier: MIT */
/* The two kinds of halves, for templates of kernels that multiply either. */
#ifndef CK_CUDA_HALVES_DEVICE_H
#define CK_CUDA_HALVES_DEVICE_H

#include "kernels/cuda/instructions.h"

struct CkF16 {
  static __device__ __forceinline__ uint32_t pack (float first, float second)
  {
    return ck_pack_f16 (first, second);
  }
  static __device__ __forceinline__ void multiply (float d[4], const uint32_t a[4],
                                                   const uint32_t b[2])
  {
    ck_mma_f16 (d, a, b);
  }
};

struct CkBf16 {
  static __device__ __forceinline__ uint32_t pack (float first, float second)
  {
    return ck_pack_bf16 (first, second);
  }
  static __device__ __forceinline__ void multiply (float d[4], const uint32_t a[4],
                                                   const uint32_t b[2])
  {
    ck_mma_bf16 (d, a, b);
  }
};

#endif /* CK_CUDA_HALVES_DEVICE_H */
