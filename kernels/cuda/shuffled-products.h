/* SPDX-License-Identifier: MIT */
/*
 * What instructions.h has PTX for, in the place of instructions that sm_70 lacks: lanes give each
 * other their registers.
 */
#ifndef CK_CUDA_SHUFFLED_PRODUCTS_H
#define CK_CUDA_SHUFFLED_PRODUCTS_H

#include "kernels/cuda/kernel.h"

#define CK_WHOLE_WARP 0xffffffffu

/* d [16, 8] += a b of whole numbers of 8 bits, four terms at once. */
static __device__ __forceinline__ void
ck_shuffled_mma_s8 (int32_t d[4], const uint32_t a[4], const uint32_t b[2])
{
  const int first_of_row = (int)threadIdx.x % 32 / 4 * 4, column = (int)threadIdx.x % 4 * 2;

#pragma unroll
  for (int half = 0; half < 2; half++)
  /* Unrolled, what all of them load would need more registers than there are. */
#pragma unroll 1
    for (int k = 0; k < 4; k++) {
      uint32_t x[2], w[2];

#pragma unroll
      for (int i = 0; i < 2; i++) {
        x[i] = __shfl_sync (CK_WHOLE_WARP, a[2 * half + i], first_of_row + k);
        w[i] = __shfl_sync (CK_WHOLE_WARP, b[half], (column + i) * 4 + k);
      }
#pragma unroll
      for (int i = 0; i < 4; i++)
        d[i] = __dp4a ((int)x[i / 2], (int)w[i % 2], d[i]);
    }
}

/* Where row `j` of matrix `i` lies, which lane 8 i + j has named. */
static __device__ __forceinline__ const uint8_t *
ck_shuffled_row (const void *row, int i, int j)
{
  const unsigned long long address = (unsigned long long)(uintptr_t)row;

  return (const uint8_t *)(uintptr_t)__shfl_sync (CK_WHOLE_WARP, address, 8 * i + j);
}

static __device__ __forceinline__ void
ck_shuffled_load_matrices (uint32_t matrices[4], const void *row)
{
  const int g = (int)threadIdx.x % 32 / 4, t = (int)threadIdx.x % 4;

#pragma unroll
  for (int i = 0; i < 4; i++)
    matrices[i] = *(const uint32_t *)(ck_shuffled_row (row, i, g) + 4 * t);
}

static __device__ __forceinline__ void
ck_shuffled_load_matrices_transposed (uint32_t matrices[4], const void *row)
{
  const int g = (int)threadIdx.x % 32 / 4, t = (int)threadIdx.x % 4;

#pragma unroll
  for (int i = 0; i < 4; i++) {
    const uint8_t *first = ck_shuffled_row (row, i, 2 * t),
                  *second = ck_shuffled_row (row, i, 2 * t + 1);

    matrices[i] =
        *(const uint16_t *)(first + 2 * g) | (uint32_t) * (const uint16_t *)(second + 2 * g) << 16;
  }
}

#endif /* CK_CUDA_SHUFFLED_PRODUCTS_H */
