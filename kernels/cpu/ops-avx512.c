/* SPDX-License-Identifier: MIT */
/* The inner operations for AVX-512. */
#define INIT(concept) ck_##concept##_init_avx512

#include "kernels/cpu/vectors-avx512.h"
#include "kernels/cpu/vectors-tmpl.h"
#include "kernels/cpu/codes.h"
#include "kernels/cpu/peak.h"
#include "kernels/sizes.h"

#define Q(name)                 name##_16
#define Q_BITS                  16
#define Q_CODE_MAX              CK_CODE_MAX_16
#define Q_OFFSET                0
#define Q_TILE                  6
#define q_dot(sums, weights, x) q_add (sums, _mm512_madd_epi16 (weights, x))
#include "kernels/cpu/quantised-tmpl.h"

void
INIT (quantised) (CkQuantisedOps *int16, CkQuantisedOps *int8, CkPeakOps *peak)
{
  *int16 = ops_16;
  peak->loops[CK_I16] = peak_loop_16;
  *int8 = (CkQuantisedOps){ 0 };
}

#include "kernels/cpu/attention-head-tmpl.h"
#include "kernels/cpu/colour-tmpl.h"
#include "kernels/cpu/dequantise-tmpl.h"
#include "kernels/cpu/gemm-tmpl.h"
#include "kernels/cpu/peak-tmpl.h"
#include "kernels/cpu/rows-tmpl.h"
#include "kernels/cpu/training-tmpl.h"
