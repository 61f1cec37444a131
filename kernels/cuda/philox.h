/* SPDX-License-Identifier: MIT */
/* The random numbers of kernels/cpu/philox.h, for kernels. */
#ifndef CK_CUDA_PHILOX_H
#define CK_CUDA_PHILOX_H

#include "kernels/cuda/kernel.h"

/* The four words of one counter. */
static __device__ __forceinline__ void
ck_philox (uint64_t key, uint64_t counter, uint32_t word[4])
{
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);

  word[0] = (uint32_t)counter;
  word[1] = (uint32_t)(counter >> 32);
  word[2] = word[3] = 0;
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const uint64_t a = (uint64_t)0xd2511f53u * word[0], b = (uint64_t)0xcd9e8d57u * word[2];

    word[0] = (uint32_t)(b >> 32) ^ word[1] ^ k0;
    word[1] = (uint32_t)b;
    word[2] = (uint32_t)(a >> 32) ^ word[3] ^ k1;
    word[3] = (uint32_t)a;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
}

/* Whether dropout keeps the element that a word belongs to: the word's upper 24 bits, a number in
 * [0, 1) that a float holds exactly, are at least p. */
static __device__ __forceinline__ bool
ck_keeps (uint32_t word, float p)
{
  return (float)(int32_t)(word >> 8) * 0x1p-24f >= p;
}

#endif /* CK_CUDA_PHILOX_H */
