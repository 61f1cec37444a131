/* SPDX-License-Identifier: MIT */
/* The inner operations that AVX-VNNI does better than AVX2: the instructions of AVX-512 VNNI over
 * 256 bits, on processors without AVX-512. */
#define INIT(concept) ck_##concept##_init_avx2_vnni

#include "kernels/cpu/vectors-avx2.h"
#include "kernels/cpu/vectors-tmpl.h"
#include "kernels/cpu/codes.h"
#include "kernels/cpu/peak.h"
#include "kernels/sizes.h"

/* In assembly, because gcc 12 writes the sums of a tile to memory in each round. */
#define DEFINE_DOT(name, instruction)                                                              \
  static inline vq name (vq sums, vq weights, vq x)                                                \
  {                                                                                                \
    __asm__("%{vex%} " instruction " %2, %1, %0" : "+x"(sums) : "x"(weights), "x"(x));             \
    return sums;                                                                                   \
  }

DEFINE_DOT (q_dot_16, "vpdpwssd")
DEFINE_DOT (q_dot_8, "vpdpbusd")

#define Q(name)    name##_16
#define Q_BITS     16
#define Q_CODE_MAX CK_CODE_MAX_16
#define Q_OFFSET   0
#define Q_TILE     6
#define Q_LANES    4
#define q_dot      q_dot_16
#include "kernels/cpu/quantised-tmpl.h"

#define Q(name)    name##_8
#define Q_BITS     8
#define Q_CODE_MAX CK_CODE_MAX_8
#define Q_OFFSET   128
#define Q_TILE     6
#define q_dot      q_dot_8
#include "kernels/cpu/quantised-tmpl.h"

void
INIT (quantised) (CkQuantisedOps *int16, CkQuantisedOps *int8, CkPeakOps *peak)
{
  *int16 = ops_16;
  peak->loops[CK_I16] = peak_loop_16;
  peak->loops[CK_I8] = peak_loop_8;
  *int8 = ops_8;
}
