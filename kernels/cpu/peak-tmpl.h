/* SPDX-License-Identifier: MIT */
/*
 * peak.h over vectors of any width (vectors-tmpl.h).
 *
 * A multiply-add takes four or five cycles until its sum can be used, and two begin in a cycle, so
 * there are at least ten sums; AVX2 has registers for no more than these.
 */
#include "kernels/cpu/peak.h"
#include "kernels/cpu/vectors-tmpl.h"

#define PEAK_SUMS 12

/* Each sum tends to 2, so that it neither overflows nor becomes denormal. No two lanes are the
 * same, so that none can be computed once for two. */
static float
peak_f32 (int64_t rounds)
{
  static const float lanes[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
  const vf half = v_set (0.5f), one = v_set (1);
  vf sums[PEAK_SUMS], all = v_set (0);

#pragma GCC unroll 12
  for (int i = 0; i < PEAK_SUMS; i++)
    sums[i] = v_add (v_set ((float)(16 * i)), v_load (lanes, W, 0));
  for (int64_t round = 0; round < rounds; round++)
#pragma GCC unroll 12
    for (int i = 0; i < PEAK_SUMS; i++)
      sums[i] = v_fma (sums[i], half, one);
#pragma GCC unroll 12
  for (int i = 0; i < PEAK_SUMS; i++)
    all = v_add (all, sums[i]);
  return v_sum (all);
}

void
INIT (peak) (CkPeakOps *ops)
{
  ops->loops[CK_F32] = (CkPeakLoop){ peak_f32, 2 * W * PEAK_SUMS };
}
