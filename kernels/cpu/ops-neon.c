/* SPDX-License-Identifier: MIT */
/* The inner operations for NEON, which every aarch64 has. */
#define INIT(concept) ck_##concept##_init_neon

#include "kernels/cpu/vectors-neon.h"
#include "kernels/cpu/vectors-tmpl.h"
#include "kernels/cpu/codes.h"
#include "kernels/cpu/peak.h"
#include "kernels/sizes.h"

/* The first codes of eight outputs' groups are multiplied with the first one of x, then the second
 * ones. They are put in order once for all rows of a tile, as the compiler sees. */
static inline vq
q_dot_16 (vq sums, vq weights, vq x)
{
  const int16x8_t low = vreinterpretq_s16_s32 (weights.low),
                  high = vreinterpretq_s16_s32 (weights.high), first = vuzp1q_s16 (low, high),
                  second = vuzp2q_s16 (low, high);
  const int16x4_t factors = vget_low_s16 (vreinterpretq_s16_s32 (x.low));

  sums.low = vmlal_lane_s16 (sums.low, vget_low_s16 (first), factors, 0);
  sums.high = vmlal_high_lane_s16 (sums.high, first, factors, 0);
  sums.low = vmlal_lane_s16 (sums.low, vget_low_s16 (second), factors, 1);
  sums.high = vmlal_high_lane_s16 (sums.high, second, factors, 1);
  return sums;
}

#define Q(name)    name##_16
#define Q_BITS     16
#define Q_CODE_MAX CK_CODE_MAX_16
#define Q_OFFSET   0
#define Q_TILE     6
#define Q_LANES    4
#define q_dot      q_dot_16
#define Q_ATTENTION
#include "kernels/cpu/quantised-tmpl.h"

void
INIT (quantised) (CkQuantisedOps *int16, CkQuantisedOps *int8, CkPeakOps *peak)
{
  *int16 = ops_16;
  peak->loops[CK_I16] = peak_loop_16;
  *int8 = (CkQuantisedOps){ 0 };
}

#include "kernels/cpu/attention-codes-tmpl.h"

DEFINE_ATTENTION (int16, mix_ops_16)

void
INIT (attention_codes) (CkAttentionOps *int16, CkAttentionOps *int8)
{
  *int16 = int16_attention;
  *int8 = (CkAttentionOps){ 0 };
}

#include "kernels/cpu/attention-head-tmpl.h"
#include "kernels/cpu/colour-tmpl.h"
#include "kernels/cpu/dequantise-tmpl.h"
#include "kernels/cpu/gemm-tmpl.h"
#include "kernels/cpu/peak-tmpl.h"
#include "kernels/cpu/rows-tmpl.h"
#include "kernels/cpu/training-tmpl.h"
#include "kernels/cpu/winograd-tmpl.h"
