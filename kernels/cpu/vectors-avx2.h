/* SPDX-License-Identifier: MIT */
/* The words of vectors-tmpl.h, and those of the other templates, over 8 floats with AVX2, FMA and
 * F16C. Each file that includes it says INIT (concept) first. */
#ifndef CK_CPU_VECTORS_AVX2_H
#define CK_CPU_VECTORS_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#define W        8
#define NF4_STEP 16

typedef __m256 vf;

#define v_set(x)       _mm256_set1_ps (x)
#define v_add(a, b)    _mm256_add_ps (a, b)
#define v_sub(a, b)    _mm256_sub_ps (a, b)
#define v_mul(a, b)    _mm256_mul_ps (a, b)
#define v_div(a, b)    _mm256_div_ps (a, b)
#define v_fma(a, b, c) _mm256_fmadd_ps (a, b, c)
#define v_min(a, b)    _mm256_min_ps (a, b)
#define v_max(a, b)    _mm256_max_ps (a, b)
#define v_max_sticky(a, b)                                                                         \
  _mm256_castsi256_ps (_mm256_max_epi32 (_mm256_castps_si256 (a), _mm256_castps_si256 (b)))
#define v_abs(a)               _mm256_andnot_ps (_mm256_set1_ps (-0.0f), a)
#define v_sqrt(a)              _mm256_sqrt_ps (a)
#define v_swap_pairs(a)        _mm256_permute_ps (a, 0x4e)
#define v_swap_neighbours(a)   _mm256_permute_ps (a, 0xb1)
#define v_round(a)             _mm256_round_ps (a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define v_floor(a)             _mm256_round_ps (a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)
#define v_fraction(a)          v_sub (a, v_floor (a))
#define v_pow2_floor(p, a)     v_pow2_normal (p, v_floor (a))
#define v_greater(a, b, y, no) _mm256_blendv_ps (no, y, _mm256_cmp_ps (a, b, _CMP_GT_OQ))
#define v_not_less(a, b)       ((uint32_t)_mm256_movemask_ps (_mm256_cmp_ps (a, b, _CMP_GE_OQ)))

typedef __m256i vi;

#define i_set(x)            _mm256_set1_epi64x ((int64_t)(x))
#define i_add(a, b)         _mm256_add_epi64 (a, b)
#define i_xor(a, b)         _mm256_xor_si256 (a, b)
#define i_right(a, n)       _mm256_srli_epi64 (a, n)
#define i_multiply(a, b)    _mm256_mul_epu32 (a, b)
#define i_halves(low, high) _mm256_blend_epi32 (low, _mm256_slli_epi64 (high, 32), 0xaa)
#define i_evens(a, b)       _mm256_unpacklo_epi64 (a, b)
#define i_odds(a, b)        _mm256_unpackhi_epi64 (a, b)
#define i_counters()        _mm256_set_epi64x (3, 1, 2, 0)
#define v_from_u24(a)       _mm256_cvtepi32_ps (_mm256_srli_epi32 (a, 8))

/* All bits of the first n lanes: 8 words read from a row of ones that zeros follow. */
static inline __m256i
first_lanes (int64_t n)
{
  static const int32_t ones[2 * W] = { -1, -1, -1, -1, -1, -1, -1, -1 };
  return _mm256_loadu_si256 ((const __m256i *)(ones + W - n));
}

static inline vf
v_load (const float *p, int64_t left, float fill)
{
  __m256i lanes;

  if (left >= W)
    return _mm256_loadu_ps (p);
  lanes = first_lanes (left);
  return _mm256_blendv_ps (_mm256_set1_ps (fill), _mm256_maskload_ps (p, lanes),
                           _mm256_castsi256_ps (lanes));
}

static inline void
v_store (float *p, int64_t left, vf v)
{
  if (left >= W)
    _mm256_storeu_ps (p, v);
  else
    _mm256_maskstore_ps (p, first_lanes (left), v);
}

static inline vf
v_where (uint32_t bits, vf v)
{
  const __m256i lanes = _mm256_setr_epi32 (1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i set = _mm256_and_si256 (_mm256_set1_epi32 ((int32_t)bits), lanes);

  return _mm256_and_ps (v, _mm256_castsi256_ps (_mm256_cmpeq_epi32 (set, lanes)));
}

static inline vf
v_copy_sign (vf x, vf s)
{
  return _mm256_or_ps (v_abs (x), _mm256_and_ps (s, _mm256_set1_ps (-0.0f)));
}

/* 2^n for the exponents of normal numbers. */
static inline vf
power_of_2 (__m256i n)
{
  return _mm256_castsi256_ps (
      _mm256_slli_epi32 (_mm256_add_epi32 (n, _mm256_set1_epi32 (127)), 23));
}

/* In two factors, because one for all of n would itself overflow or underflow. */
static inline vf
v_pow2 (vf p, vf n)
{
  const __m256i whole = _mm256_cvtps_epi32 (n), half = _mm256_srai_epi32 (whole, 1);
  return v_mul (v_mul (p, power_of_2 (half)), power_of_2 (_mm256_sub_epi32 (whole, half)));
}

static inline vf
v_pow2_normal (vf p, vf n)
{
  return v_mul (p, power_of_2 (_mm256_cvtps_epi32 (n)));
}

static inline float
v_sum (vf a)
{
  __m128 x = _mm_add_ps (_mm256_castps256_ps128 (a), _mm256_extractf128_ps (a, 1));
  x = _mm_add_ps (x, _mm_movehl_ps (x, x));
  return _mm_cvtss_f32 (_mm_add_ss (x, _mm_movehdup_ps (x)));
}

static inline float
v_max_of (vf a)
{
  __m128 x = _mm_max_ps (_mm256_castps256_ps128 (a), _mm256_extractf128_ps (a, 1));
  x = _mm_max_ps (x, _mm_movehl_ps (x, x));
  return _mm_cvtss_f32 (_mm_max_ss (x, _mm_movehdup_ps (x)));
}

static inline vf
v_from_f16 (const uint16_t *p)
{
  return _mm256_cvtph_ps (_mm_loadu_si128 ((const __m128i *)p));
}

static inline vf
v_from_bf16 (const uint16_t *p)
{
  return _mm256_castsi256_ps (
      _mm256_slli_epi32 (_mm256_cvtepu16_epi32 (_mm_loadu_si128 ((const __m128i *)p)), 16));
}

/* The 16 values fill two registers: a permutation of each by the low 3 bits, and the fourth bit,
 * moved to the sign, chooses. */
static inline vf
nf4_lookup (__m128i indices, const float code[16])
{
  const __m256i index = _mm256_cvtepu8_epi32 (indices);
  const vf low = _mm256_permutevar8x32_ps (_mm256_loadu_ps (code), index),
           high = _mm256_permutevar8x32_ps (_mm256_loadu_ps (code + 8), index);
  return _mm256_blendv_ps (low, high, _mm256_castsi256_ps (_mm256_slli_epi32 (index, 28)));
}

static inline void
nf4_step (const uint8_t *pairs, const float code[16], float absmax, float *out)
{
  const __m128i bytes = _mm_loadl_epi64 ((const __m128i *)pairs), mask = _mm_set1_epi8 (15);
  const __m128i even = _mm_and_si128 (_mm_srli_epi16 (bytes, 4), mask),
                odd = _mm_and_si128 (bytes, mask);
  const __m128i indices = _mm_unpacklo_epi8 (even, odd);

  _mm256_storeu_ps (out, v_mul (nf4_lookup (indices, code), v_set (absmax)));
  _mm256_storeu_ps (out + 8,
                    v_mul (nf4_lookup (_mm_srli_si128 (indices, 8), code), v_set (absmax)));
}

#define TILE    6
#define VECTORS 2

/* In three rounds: pairs of floats, pairs of pairs and halves change places. */
static inline __attribute__ ((always_inline)) void
v_transpose (vf rows[W])
{
  vf quads[W];

#pragma GCC unroll 8
  for (int i = 0; i < W; i += 4) {
    const vf a = _mm256_unpacklo_ps (rows[i], rows[i + 1]),
             b = _mm256_unpackhi_ps (rows[i], rows[i + 1]),
             c = _mm256_unpacklo_ps (rows[i + 2], rows[i + 3]),
             d = _mm256_unpackhi_ps (rows[i + 2], rows[i + 3]);

    quads[i] = _mm256_shuffle_ps (a, c, 0x44);
    quads[i + 1] = _mm256_shuffle_ps (a, c, 0xee);
    quads[i + 2] = _mm256_shuffle_ps (b, d, 0x44);
    quads[i + 3] = _mm256_shuffle_ps (b, d, 0xee);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 4; i++) {
    rows[i] = _mm256_permute2f128_ps (quads[i], quads[i + 4], 0x20);
    rows[i + 4] = _mm256_permute2f128_ps (quads[i], quads[i + 4], 0x31);
  }
}

/* ---- whole numbers of 32 bits ---------------------------------------------------------------- */

typedef __m256i vq;
typedef __m256i q_table;
typedef __m128 v4;
typedef int32_t q4 __attribute__ ((vector_size (16)));

#define q_set(x)               _mm256_set1_epi32 (x)
#define q_factor(p)            q_set (*(p))
#define q_load(p)              _mm256_loadu_si256 ((const __m256i *)(p))
#define q_put(p, v)            _mm256_storeu_si256 (p, v)
#define q_add(a, b)            _mm256_add_epi32 (a, b)
#define q_to_float(a)          _mm256_cvtepi32_ps (a)
#define q_from_float(a)        _mm256_cvtps_epi32 (a)
#define q_low_nibbles(a)       _mm256_and_si256 (a, _mm256_set1_epi8 (15))
#define q_high_nibbles(a)      q_low_nibbles (_mm256_srli_epi16 (a, 4))
#define q_lookup(table, a)     _mm256_shuffle_epi8 (table, a)
#define q4_any(mask)           (_mm_movemask_ps ((__m128)(mask)) != 0)
#define EVEN_BYTES             _mm256_set1_epi16 (0x00ff)
#define q_join_even(low, high) _mm256_blendv_epi8 (_mm256_slli_epi16 (high, 8), low, EVEN_BYTES)
#define q_join_odd(low, high)  _mm256_blendv_epi8 (high, _mm256_srli_epi16 (low, 8), EVEN_BYTES)

static inline q_table
q_table_load (const uint8_t bytes[16])
{
  return _mm256_broadcastsi128_si256 (_mm_loadu_si128 ((const __m128i *)bytes));
}

static inline int32_t
q_sum (vq a)
{
  __m128i x = _mm_add_epi32 (_mm256_castsi256_si128 (a), _mm256_extracti128_si256 (a, 1));

  x = _mm_add_epi32 (x, _mm_shuffle_epi32 (x, 0x4e));
  return _mm_cvtsi128_si32 (_mm_add_epi32 (x, _mm_shuffle_epi32 (x, 0xb1)));
}

static inline vq
q_load_words (const uint8_t *p, int64_t stride, int64_t rows, int64_t i)
{
  return _mm256_loadu_si256 ((const __m256i *)(p + (i < rows ? i : rows - 1) * stride));
}

static inline __attribute__ ((always_inline)) void
q_transpose_words (vq rows[8])
{
  vf floats[8];

#pragma GCC unroll 8
  for (int i = 0; i < 8; i++)
    floats[i] = _mm256_castsi256_ps (rows[i]);
  v_transpose (floats);
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++)
    rows[i] = _mm256_castps_si256 (floats[i]);
}

static inline vq
q_join_two (const vq v[2])
{
  return _mm256_blend_epi16 (v[0], _mm256_slli_epi32 (v[1], 16), 0xaa);
}

static inline void
q_put_16 (int16_t *p, vq v)
{
  _mm_storeu_si128 ((__m128i *)p,
                    _mm_packs_epi32 (_mm256_castsi256_si128 (v), _mm256_extracti128_si256 (v, 1)));
}

/* Eight numbers of 16 bits in the order of their groups. */
static inline void
q_store_16 (int16_t *p, const vq v[2])
{
  const __m256i order = _mm256_broadcastsi128_si256 (
      _mm_setr_epi8 (0, 1, 8, 9, 4, 5, 12, 13, 2, 3, 10, 11, 6, 7, 14, 15));
  const __m256i codes = _mm256_permute4x64_epi64 (_mm256_packs_epi32 (v[0], v[1]), 0xd8);

  _mm256_storeu_si256 ((__m256i *)p, _mm256_shuffle_epi8 (codes, order));
}

static inline void
q_store_8 (int8_t *p, const vq v[4])
{
  const __m256i lanes = _mm256_setr_epi32 (0, 4, 1, 5, 2, 6, 3, 7),
                order = _mm256_broadcastsi128_si256 (
                    _mm_setr_epi8 (0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15));
  const __m256i codes = _mm256_permutevar8x32_epi32 (
      _mm256_packs_epi16 (_mm256_packs_epi32 (v[0], v[1]), _mm256_packs_epi32 (v[2], v[3])), lanes);

  _mm256_storeu_si256 ((__m256i *)p, _mm256_shuffle_epi8 (codes, order));
}

/* The halves of two vectors are put together, then the quarters of four, and their halves. */
#define DEFINE_OF_FOUR(name, join)                                                                 \
  static inline v4 name (const vf v[4])                                                            \
  {                                                                                                \
    const vf a = join (_mm256_permute2f128_ps (v[0], v[1], 0x20),                                  \
                       _mm256_permute2f128_ps (v[0], v[1], 0x31)),                                 \
             b = join (_mm256_permute2f128_ps (v[2], v[3], 0x20),                                  \
                       _mm256_permute2f128_ps (v[2], v[3], 0x31));                                 \
    const vf pairs = join (_mm256_shuffle_ps (a, b, 0x44), _mm256_shuffle_ps (a, b, 0xee)),        \
             all = join (pairs, _mm256_permute_ps (pairs, 0xb1)); /* 0 0 2 2 1 1 3 3 */            \
                                                                                                   \
    return _mm_blend_ps (_mm256_castps256_ps128 (all), _mm256_extractf128_ps (all, 1), 0xa);       \
  }

DEFINE_OF_FOUR (v_max_of_four, v_max)
DEFINE_OF_FOUR (v_sum_of_four, v_add)

#endif /* CK_CPU_VECTORS_AVX2_H */
