/* SPDX-License-Identifier: MIT */
#include "tests/cuda-on-cpu/instruction-kernels.h"

#include "kernels/cuda/instructions.h"
#include "kernels/cuda/kernel.h"
#include "kernels/cuda/shuffled-products.h"

/* The fragments as instructions.h describes them. */
struct Fragments {
  uint32_t a[4], b[2];
};

static __device__ __forceinline__ Fragments
read (const ProductArguments &a)
{
  const unsigned g = threadIdx.x / 4, t = threadIdx.x % 4;
  Fragments f;

  for (unsigned i = 0; i < 4; i++)
    f.a[i] = *reinterpret_cast<const uint32_t *> (a.a + (g + i % 2 * 8) * 32 + i / 2 * 16 + 4 * t);
  for (unsigned i = 0; i < 2; i++)
    f.b[i] = *reinterpret_cast<const uint32_t *> (a.b + g * 32 + i * 16 + 4 * t);
  return f;
}

template <typename Number, void multiply (Number d[4], const uint32_t a[4], const uint32_t b[2])>
static __device__ __forceinline__ void
product (const ProductArguments &a, const Fragments &f)
{
  const unsigned g = threadIdx.x / 4, t = threadIdx.x % 4;
  Number *to = static_cast<Number *> (a.d) + g * 8 + 2 * t, d[4] = { to[0], to[1], to[64], to[65] };

  multiply (d, f.a, f.b);
  to[0] = d[0];
  to[1] = d[1];
  to[64] = d[2];
  to[65] = d[3];
}

static __device__ __forceinline__ void
multiply_s8 (int32_t d[4], const uint32_t a[4], const uint32_t b[2])
{
  ck_mma_s8 (d, a, b);
}

static __device__ __forceinline__ void
multiply_f16 (float d[4], const uint32_t a[4], const uint32_t b[2])
{
  ck_mma_f16 (d, a, b);
}

static __device__ __forceinline__ void
multiply_bf16 (float d[4], const uint32_t a[4], const uint32_t b[2])
{
  ck_mma_bf16 (d, a, b);
}

static __device__ __forceinline__ void
multiply_shuffled_s8 (int32_t d[4], const uint32_t a[4], const uint32_t b[2])
{
  ck_shuffled_mma_s8 (d, a, b);
}

CK_KERNEL (product_s8, ProductArguments, 32)
{
  product<int32_t, multiply_s8> (a, read (a));
}

CK_KERNEL (product_f16, ProductArguments, 32)
{
  product<float, multiply_f16> (a, read (a));
}

CK_KERNEL (product_bf16, ProductArguments, 32)
{
  product<float, multiply_bf16> (a, read (a));
}

CK_KERNEL (product_shuffled_s8, ProductArguments, 32)
{
  product<int32_t, multiply_shuffled_s8> (a, read (a));
}

/* Both matrices to shared memory, b [k, 8] of 16 bits by rows of k. */
static __device__ __forceinline__ void
share (const ProductArguments &a, ProductShared &shared)
{
  const unsigned lane = threadIdx.x;

  for (unsigned i = 0; i < 16; i++)
    shared.a[i][lane] = a.a[i * 32 + lane];
  for (unsigned i = 0; i < 4; i++) {
    const unsigned k = (lane + 32 * i) / 8, column = lane % 8;

    shared.across[k][column] = *reinterpret_cast<const uint16_t *> (a.b + column * 32 + 2 * k);
  }
  __syncwarp ();
}

/* The same with fragments that come from shared memory; matrices 0 and 1 are the rows of the first
 * half of k. */
CK_KERNEL (product_loaded, ProductArguments, 32)
{
  CK_SHARED (ProductShared, shared);
  Fragments f;
  uint32_t b[4];

  share (a, shared);
  ck_load_matrices (f.a, &shared.a[threadIdx.x % 16][threadIdx.x / 16 * 16]);
  ck_load_matrices_transposed (b, &shared.across[threadIdx.x % 16][0]);
  f.b[0] = b[0];
  f.b[1] = b[1];
  product<float, multiply_f16> (a, f);
}

CK_KERNEL (product_shuffled_loaded, ProductArguments, 32)
{
  CK_SHARED (ProductShared, shared);
  Fragments f;
  uint32_t b[4];

  share (a, shared);
  ck_shuffled_load_matrices (f.a, &shared.a[threadIdx.x % 16][threadIdx.x / 16 * 16]);
  ck_shuffled_load_matrices_transposed (b, &shared.across[threadIdx.x % 16][0]);
  f.b[0] = b[0];
  f.b[1] = b[1];
  product<float, multiply_f16> (a, f);
}
