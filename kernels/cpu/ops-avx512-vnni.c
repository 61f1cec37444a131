/* SPDX-License-Identifier: MIT */
/* The inner operations that AVX-512 with VNNI does better: one instruction multiplies groups and
 * adds up. */
#define INIT(concept) ck_##concept##_init_avx512_vnni

#include "kernels/cpu/vectors-avx512.h"
#include "kernels/cpu/vectors-tmpl.h"
#include "kernels/cpu/codes.h"
#include "kernels/cpu/peak.h"
#include "kernels/sizes.h"

/* In assembly, because gcc 12 copies the sums of a tile to other registers in each round. */
#define DEFINE_DOT(name, instruction)                                                              \
  static inline vq name (vq sums, vq weights, vq x)                                                \
  {                                                                                                \
    __asm__(instruction " %2, %1, %0" : "+v"(sums) : "v"(weights), "v"(x));                        \
    return sums;                                                                                   \
  }

DEFINE_DOT (q_dot_16, "vpdpwssd")
DEFINE_DOT (q_dot_8, "vpdpbusd")

#define Q(name)    name##_16
#define Q_BITS     16
#define Q_CODE_MAX CK_CODE_MAX_16
#define Q_OFFSET   0
#define Q_TILE     6
#define Q_LANES    8
#define q_dot      q_dot_16
#define Q_ATTENTION
#include "kernels/cpu/quantised-tmpl.h"

#define Q(name)    name##_8
#define Q_BITS     8
#define Q_CODE_MAX CK_CODE_MAX_8
#define Q_OFFSET   128
#define Q_TILE     6
#define q_dot      q_dot_8
#define Q_ATTENTION
#include "kernels/cpu/quantised-tmpl.h"

void
INIT (quantised) (CkQuantisedOps *int16, CkQuantisedOps *int8, CkPeakOps *peak)
{
  *int16 = ops_16;
  peak->loops[CK_I16] = peak_loop_16;
  peak->loops[CK_I8] = peak_loop_8;
  *int8 = ops_8;
}

#include "kernels/cpu/attention-codes-tmpl.h"

DEFINE_ATTENTION (int16, mix_ops_16)
DEFINE_ATTENTION (int8, mix_ops_8)

void
INIT (attention_codes) (CkAttentionOps *int16, CkAttentionOps *int8)
{
  *int16 = int16_attention;
  *int8 = int8_attention;
}
