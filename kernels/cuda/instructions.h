/* SPDX-License-Identifier: MIT */
/*
 * All PTX of the kernels: products of matrices by a warp, the loads that feed them, and copies that
 * the processor does not wait for. On a processor tests/cuda-on-cpu/instructions-cpu.h has the same
 * functions in C++.
 *
 * Fragments of a product d [16, 8] += a [16, k] b [k, 8], for lane l of the warp with g = l / 4 and
 * t = l % 4; a register has 4 bytes of k, the first in its lowest bits, and `half` is the 16 bytes
 * of k that four lanes hold:
 *   a[0]: row g,     a[1]: row g + 8, a[2]: row g and the second half of k, a[3]: row g + 8, second
 *   b[0]: column g, first half of k; b[1]: column g, second half
 *   d[0], d[1]: row g, columns 2 t and 2 t + 1; d[2], d[3]: row g + 8
 * and k of lane t's register begins at 4 t bytes of the half. All lanes take part.
 */
#ifndef CK_CUDA_INSTRUCTIONS_H
#define CK_CUDA_INSTRUCTIONS_H

#include "kernels/cuda/kernel.h"

#ifndef CK_CUDA_ON_CPU

#  include "kernels/cuda/shuffled-products.h" /* before sm_75 */

/* ---- products -------------------------------------------------------------------------------- */

/* k = 32 whole numbers of 8 bits with a sign; sums of 32 bits, modulo 2^32. */
static __device__ __forceinline__ void
ck_mma_s8 (int32_t d[4], const uint32_t a[4], const uint32_t b[2])
{
#  if __CUDA_ARCH__ >= 800
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#  elif __CUDA_ARCH__ >= 750
#    pragma unroll
  for (int i = 0; i < 4; i++) {
    const int rows = i % 2, half = i / 2;

    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0, %1}, {%2}, {%3}, {%0, %1};"
                 : "+r"(d[2 * rows]), "+r"(d[2 * rows + 1])
                 : "r"(a[2 * half + rows]), "r"(b[half]));
  }
#  else
  ck_shuffled_mma_s8 (d, a, b);
#  endif
}

/* k = 16 numbers in fp16, sums in fp32; from sm_75 on, nothing happens before: sm_70 knows only
 * products whose fragments lie otherwise. */
static __device__ __forceinline__ void
ck_mma_f16 (float d[4], const uint32_t a[4], const uint32_t b[2])
{
#  if __CUDA_ARCH__ >= 800
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#  elif __CUDA_ARCH__ >= 750
#    pragma unroll
  for (int half = 0; half < 2; half++)
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
#  endif
}

/* k = 16 numbers in bf16, sums in fp32; from sm_80 on, nothing happens before. */
static __device__ __forceinline__ void
ck_mma_bf16 (float d[4], const uint32_t a[4], const uint32_t b[2])
{
#  if __CUDA_ARCH__ >= 800
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#  endif
}

/* ---- fragments ------------------------------------------------------------------------------- */

/*
 * Four matrices of 8 rows of 16 bytes from shared memory: lane 8 i + j names row j of matrix i,
 * 16-byte aligned, and gets in matrices[i] the 4 bytes from 4 t on of row g.
 */
static __device__ __forceinline__ void
ck_load_matrices (uint32_t matrices[4], const void *row)
{
#  if __CUDA_ARCH__ >= 750
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(matrices[0]), "=r"(matrices[1]), "=r"(matrices[2]), "=r"(matrices[3])
               : "r"((uint32_t)__cvta_generic_to_shared (row))
               : "memory");
#  else
  ck_shuffled_load_matrices (matrices, row);
#  endif
}

/* The same matrices of 8 x 8 numbers of 16 bits, transposed: matrices[i] has rows 2 t and 2 t + 1
 * of column g. */
static __device__ __forceinline__ void
ck_load_matrices_transposed (uint32_t matrices[4], const void *row)
{
#  if __CUDA_ARCH__ >= 750
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(matrices[0]), "=r"(matrices[1]), "=r"(matrices[2]), "=r"(matrices[3])
               : "r"((uint32_t)__cvta_generic_to_shared (row))
               : "memory");
#  else
  ck_shuffled_load_matrices_transposed (matrices, row);
#  endif
}

/* ---- conversions ----------------------------------------------------------------------------- */

/* Two numbers rounded to nearest, the first in the lower half; in fp16 what is beyond the largest
 * one becomes it. bf16 from sm_80 on. */
static __device__ __forceinline__ uint32_t
ck_pack_bf16 (float first, float second)
{
  uint32_t two = 0;

#  if __CUDA_ARCH__ >= 800
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(two) : "f"(second), "f"(first));
#  endif
  return two;
}

static __device__ __forceinline__ uint32_t
ck_pack_f16 (float first, float second)
{
  const float most = 65504;
  uint16_t halves[2];

  first = first > most ? most : first < -most ? -most : first;
  second = second > most ? most : second < -most ? -most : second;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(halves[0]) : "f"(first));
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(halves[1]) : "f"(second));
  return halves[0] | (uint32_t)halves[1] << 16;
}

/* ---- copies ---------------------------------------------------------------------------------- */

/*
 * 16 bytes from global to shared memory, both aligned to 16, or zeros where there are none (`from`
 * is not read then). They are there when ck_copy_wait () has returned in this thread, and for the
 * others of the block behind a barrier after that. Before sm_80 they are there at once.
 */
static __device__ __forceinline__ void
ck_copy_async (void *to, const void *from, bool there)
{
#  if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                   (uint32_t)__cvta_generic_to_shared (to)),
               "l"(__cvta_generic_to_global (from)), "r"(there ? 16 : 0)
               : "memory");
#  else
  *(uint4 *)to = there ? *(const uint4 *)from : make_uint4 (0, 0, 0, 0);
#  endif
}

/* Ends a group of copies of this thread. */
static __device__ __forceinline__ void
ck_copy_commit (void)
{
#  if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#  endif
}

/* Waits until all groups of this thread but the last `left` are there. */
template <int left>
static __device__ __forceinline__ void
ck_copy_wait (void)
{
#  if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory");
#  endif
}

#endif /* !CK_CUDA_ON_CPU */

#endif /* CK_CUDA_INSTRUCTIONS_H */
