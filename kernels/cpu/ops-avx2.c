/* SPDX-License-Identifier: MIT */
/* The inner operations for AVX2, FMA and F16C. */
#define INIT(concept) ck_##concept##_init_avx2

#include "kernels/cpu/vectors-avx2.h"
#include "kernels/cpu/vectors-tmpl.h"
#include "kernels/cpu/codes.h"
#include "kernels/cpu/peak.h"
#include "kernels/sizes.h"

/* In assembly, because gcc 12 makes all products of a tile before it adds the first, and then has
 * too few registers. */
static inline vq
q_dot_16 (vq sums, vq weights, vq x)
{
  vq products;

  __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0"
          : "+x"(sums), "=&x"(products)
          : "x"(weights), "x"(x));
  return sums;
}

/* Likewise. */
static inline vq
q_dot_pair_8 (vq sums, const vq weights[2], const vq x[2], vq offsets)
{
  vq first, second;

  __asm__("vpmaddubsw %5, %3, %1\n\t"
          "vpmaddubsw %6, %4, %2\n\t"
          "vpaddw %7, %1, %1\n\t"
          "vpaddw %2, %1, %1\n\t"
          "vpmaddwd %8, %1, %1\n\t"
          "vpaddd %1, %0, %0"
          : "+x"(sums), "=&x"(first), "=&x"(second)
          : "x"(weights[0]), "x"(weights[1]), "x"(x[0]), "x"(x[1]), "x"(offsets),
            "x"(_mm256_set1_epi16 (1)));
  return sums;
}

/* Pairs of codes are multiplied and added, then those of two groups; an eight in its lower half. */
static inline __m256i
sum_eights (const int8_t *codes)
{
  const __m256i pairs = _mm256_maddubs_epi16 (_mm256_set1_epi8 (CK_CODE_MAX_NARROW),
                                              _mm256_loadu_si256 ((const __m256i *)codes));

  return _mm256_add_epi16 (pairs, _mm256_shuffle_epi32 (pairs, 0xb1));
}

static inline void
q_store_sums (int32_t *p, const int8_t *codes)
{
  const __m256i halves =
      _mm256_castps_si256 (_mm256_shuffle_ps (_mm256_castsi256_ps (sum_eights (codes)),
                                              _mm256_castsi256_ps (sum_eights (codes + 32)), 0x88));

  _mm256_storeu_si256 ((__m256i *)p, _mm256_sub_epi16 (_mm256_setzero_si256 (),
                                                       _mm256_permute4x64_epi64 (halves, 0xd8)));
}

#define Q(name)    name##_16
#define Q_BITS     16
#define Q_CODE_MAX CK_CODE_MAX_16
#define Q_OFFSET   0
#define Q_TILE     4
#define Q_LANES    4
#define q_dot      q_dot_16
#define Q_ATTENTION
#include "kernels/cpu/quantised-tmpl.h"

#define Q(name)    name##_8
#define Q_BITS     8
#define Q_CODE_MAX CK_CODE_MAX_NARROW
#define Q_OFFSET   CK_CODE_MAX_NARROW
#define Q_TILE     3
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
