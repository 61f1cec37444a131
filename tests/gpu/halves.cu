/* SPDX-License-Identifier: MIT */
/* What cuBLASLt is to multiply: the numbers of a weight, or activations, in 16 bits. */
#include "tests/gpu/halves.h"

#include "kernels/cuda/instructions.h"
#include "kernels/cuda/values-device.h"

struct HalvesShared {
  float code[16];
};

CK_KERNEL (ck_cuda_halves, HalvesArguments, HALVES_THREADS)
{
  CK_SHARED (HalvesShared, shared);
  const int64_t i = ((int64_t)blockIdx.x * HALVES_THREADS + threadIdx.x) * 4;

  ck_load_code (a.values, shared.code);
  __syncthreads ();
  if (i < a.n) {
    const float4 v = ck_values_4 (a.values, shared.code, a.first + i, a.n - i);

    *(uint2 *)(a.out + i) = a.is_bf16
                                ? make_uint2 (ck_pack_bf16 (v.x, v.y), ck_pack_bf16 (v.z, v.w))
                                : make_uint2 (ck_pack_f16 (v.x, v.y), ck_pack_f16 (v.z, v.w));
  }
}
