/* SPDX-License-Identifier: MIT */
/* The products of 8 bits that NEON has with the instructions for dot products, which multiply
 * numbers with signs. */
#define INIT(concept) ck_##concept##_init_neon_dotprod

#include "kernels/cpu/vectors-neon.h"
#include "kernels/cpu/vectors-tmpl.h"
#include "kernels/cpu/codes.h"
#include "kernels/cpu/peak.h"
#include "kernels/sizes.h"

static inline vq
q_dot_8 (vq sums, vq weights, vq x)
{
  const int8x16_t factor = vreinterpretq_s8_s32 (x.low);

  sums.low = vdotq_laneq_s32 (sums.low, vreinterpretq_s8_s32 (weights.low), factor, 0);
  sums.high = vdotq_laneq_s32 (sums.high, vreinterpretq_s8_s32 (weights.high), factor, 0);
  return sums;
}

#define Q(name)    name##_8
#define Q_BITS     8
#define Q_CODE_MAX CK_CODE_MAX_8
#define Q_OFFSET   0
#define Q_TILE     6
#define q_dot      q_dot_8
#include "kernels/cpu/quantised-tmpl.h"

void
INIT (quantised) (CkQuantisedOps *int8, CkPeakOps *peak)
{
  *int8 = ops_8;
  peak->loops[CK_I8] = peak_loop_8;
}
