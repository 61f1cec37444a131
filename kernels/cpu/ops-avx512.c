/* SPDX-License-Identifier: MIT */
/* The inner operations for AVX-512. */
#define INIT(concept) ck_##concept##_init_avx512

#include "kernels/cpu/vectors-avx512.h"
#include "kernels/cpu/vectors-tmpl.h"
#include "kernels/cpu/codes.h"
#include "kernels/cpu/peak.h"
#include "kernels/sizes.h"

static inline vq
q_dot_pair_8 (vq sums, const vq weights[2], const vq x[2], vq offsets)
{
  const vq first = _mm512_add_epi16 (_mm512_maddubs_epi16 (weights[0], x[0]), offsets),
           second = _mm512_maddubs_epi16 (weights[1], x[1]);

  return q_add (sums, _mm512_madd_epi16 (_mm512_add_epi16 (first, second), _mm512_set1_epi16 (1)));
}

/* Pairs of codes are multiplied and added, then those of two groups. */
static inline void
q_store_sums (int32_t *p, const int8_t *codes)
{
  const __m512i pairs = _mm512_maddubs_epi16 (_mm512_set1_epi8 (CK_CODE_MAX_NARROW),
                                              _mm512_loadu_si512 (codes)),
                eights = _mm512_add_epi16 (pairs, _mm512_srli_epi64 (pairs, 32));

  _mm256_storeu_si256 ((__m256i *)p,
                       _mm256_sub_epi16 (_mm256_setzero_si256 (), _mm512_cvtepi64_epi32 (eights)));
}

#define Q(name)                 name##_16
#define Q_BITS                  16
#define Q_CODE_MAX              CK_CODE_MAX_16
#define Q_OFFSET                0
#define Q_TILE                  6
#define Q_LANES                 8
#define q_dot(sums, weights, x) q_add (sums, _mm512_madd_epi16 (weights, x))
#define Q_ATTENTION
#include "kernels/cpu/quantised-tmpl.h"

#define Q(name)    name##_8
#define Q_BITS     8
#define Q_CODE_MAX CK_CODE_MAX_NARROW
#define Q_OFFSET   CK_CODE_MAX_NARROW
#define Q_TILE     6
#define q_dot_pair q_dot_pair_8
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

/* Both, because these instructions have nothing faster for 8 bits. */
void
INIT (attention_codes) (CkAttentionOps *int16, CkAttentionOps *int8)
{
  *int16 = *int8 = int16_attention;
}

#include "kernels/cpu/attention-head-tmpl.h"
#include "kernels/cpu/colour-tmpl.h"
#include "kernels/cpu/dequantise-tmpl.h"
#include "kernels/cpu/gemm-tmpl.h"
#include "kernels/cpu/peak-tmpl.h"
#include "kernels/cpu/rows-tmpl.h"
#include "kernels/cpu/training-tmpl.h"
#include "kernels/cpu/winograd-tmpl.h"
