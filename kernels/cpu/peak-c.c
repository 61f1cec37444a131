/* SPDX-License-Identifier: MIT */
/* The loop in plain C, with as many sums as fit the registers that every processor has. */
#include "kernels/cpu/peak.h"

enum { SUMS = 32 };

static float
peak_f32 (int64_t rounds)
{
  float sums[SUMS], all = 0;

  for (int i = 0; i < SUMS; i++)
    sums[i] = (float)i;
  for (int64_t round = 0; round < rounds; round++)
    for (int i = 0; i < SUMS; i++)
      sums[i] = sums[i] * 0.5f + 1;
  for (int i = 0; i < SUMS; i++)
    all += sums[i];
  return all;
}

void
ck_peak_init_c (CkPeakOps *ops)
{
  *ops = (CkPeakOps){ .loops[CK_F32] = { peak_f32, 2 * SUMS } };
}
