/* SPDX-License-Identifier: MIT */
/*
 * kernels/cuda/instructions.h in C++. Which element a lane's register holds is written down as
 * formulas in fragments.h, from the layouts of the PTX ISA ("Warp-level matrix instructions");
 * check-fragments.cpp holds them to tables.
 */
#ifndef COW_CUDA_INSTRUCTIONS_CPU_H
#define COW_CUDA_INSTRUCTIONS_CPU_H

#include "tests/cuda-on-cpu/cuda-on-cpu.h"
#include "tests/cuda-on-cpu/half-bits.h"

/* All lanes call these; what they get of each other goes through the machine. */
void cow_warp_mma_s8 (CowCallSite site, int32_t d[4], const uint32_t a[4], const uint32_t b[2]);
void cow_warp_mma_f16 (CowCallSite site, float d[4], const uint32_t a[4], const uint32_t b[2]);
void cow_warp_mma_bf16 (CowCallSite site, float d[4], const uint32_t a[4], const uint32_t b[2]);
void cow_warp_load_matrices (CowCallSite site, uint32_t matrices[4], const void *row,
                             bool transposed);
/* A fault unless the architecture has an instruction that came with `least`. */
void cow_thread_require (CowCallSite site, int least);
void cow_thread_copy_async (CowCallSite site, void *to, const void *from, bool there);
void cow_thread_copy_commit (void);
void cow_thread_copy_wait (CowCallSite site, int left);

COW_DEVICE_INLINE void
ck_mma_s8 (int32_t d[4], const uint32_t a[4], const uint32_t b[2], COW_CALL_SITE)
{
  cow_warp_mma_s8 (COW_THE_CALL_SITE, d, a, b);
}

COW_DEVICE_INLINE void
ck_mma_f16 (float d[4], const uint32_t a[4], const uint32_t b[2], COW_CALL_SITE)
{
  cow_warp_mma_f16 (COW_THE_CALL_SITE, d, a, b);
}

COW_DEVICE_INLINE void
ck_mma_bf16 (float d[4], const uint32_t a[4], const uint32_t b[2], COW_CALL_SITE)
{
  cow_thread_require (COW_THE_CALL_SITE, 80);
  cow_warp_mma_bf16 (COW_THE_CALL_SITE, d, a, b);
}

COW_DEVICE_INLINE void
ck_load_matrices (uint32_t matrices[4], const void *row, COW_CALL_SITE)
{
  cow_warp_load_matrices (COW_THE_CALL_SITE, matrices, row, false);
}

COW_DEVICE_INLINE void
ck_load_matrices_transposed (uint32_t matrices[4], const void *row, COW_CALL_SITE)
{
  cow_warp_load_matrices (COW_THE_CALL_SITE, matrices, row, true);
}

COW_DEVICE_INLINE void
ck_copy_async (void *to, const void *from, bool there, COW_CALL_SITE)
{
  cow_thread_copy_async (COW_THE_CALL_SITE, to, from, there);
}

COW_DEVICE_INLINE void
ck_copy_commit (void)
{
  cow_thread_copy_commit ();
}

template <int left>
COW_DEVICE_INLINE void
ck_copy_wait (COW_CALL_SITE)
{
  cow_thread_copy_wait (COW_THE_CALL_SITE, left);
}

COW_DEVICE_INLINE uint32_t
ck_pack_bf16 (float first, float second, COW_CALL_SITE)
{
  cow_thread_require (COW_THE_CALL_SITE, 80);
  return bfloat16_from_float (first) | (uint32_t)bfloat16_from_float (second) << 16;
}

COW_DEVICE_INLINE uint32_t
ck_pack_f16 (float first, float second)
{
  const float most = 65504;

  return half_from_float (first > most    ? most
                          : first < -most ? -most
                                          : first) |
         (uint32_t)half_from_float (second > most    ? most
                                    : second < -most ? -most
                                                     : second)
             << 16;
}

#endif /* COW_CUDA_INSTRUCTIONS_CPU_H */
