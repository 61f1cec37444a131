/* SPDX-License-Identifier: MIT */
/* The words of vectors-tmpl.h, and those of the other templates, over 16 floats, with masks for
 * what does not fill a vector. Each file that includes it says INIT (concept) first. */
#ifndef CK_CPU_VECTORS_AVX512_H
#define CK_CPU_VECTORS_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#define W        16
#define NF4_STEP 32

typedef __m512 vf;

#define v_set(x)       _mm512_set1_ps (x)
#define v_add(a, b)    _mm512_add_ps (a, b)
#define v_sub(a, b)    _mm512_sub_ps (a, b)
#define v_mul(a, b)    _mm512_mul_ps (a, b)
#define v_div(a, b)    _mm512_div_ps (a, b)
#define v_fma(a, b, c) _mm512_fmadd_ps (a, b, c)
#define v_min(a, b)    _mm512_min_ps (a, b)
#define v_max(a, b)    _mm512_max_ps (a, b)
#define v_max_sticky(a, b)                                                                         \
  _mm512_castsi512_ps (_mm512_max_epi32 (_mm512_castps_si512 (a), _mm512_castps_si512 (b)))
#define v_abs(a)               _mm512_abs_ps (a)
#define v_sqrt(a)              _mm512_sqrt_ps (a)
#define NEAREST                (_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define v_round(a)             _mm512_roundscale_ps (a, NEAREST)
#define v_pow2(p, n)           _mm512_scalef_ps (p, n)
#define v_pow2_normal(p, n)    _mm512_scalef_ps (p, n)
#define DOWNWARD               (_MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)
#define v_fraction(a)          _mm512_reduce_ps (a, DOWNWARD)
#define v_pow2_floor(p, a)     _mm512_scalef_ps (p, a)
#define v_greater(a, b, y, no) _mm512_mask_blend_ps (_mm512_cmp_ps_mask (a, b, _CMP_GT_OQ), no, y)
#define v_not_less(a, b)       ((uint32_t)_mm512_cmp_ps_mask (a, b, _CMP_GE_OQ))
#define v_where(bits, v)       _mm512_maskz_mov_ps ((__mmask16)(bits), v)
#define v_lookup(table, a)                                                                         \
  _mm512_permutex2var_ps (_mm512_loadu_ps (table), _mm512_castps_si512 (a),                        \
                          _mm512_loadu_ps ((table) + 16))
#define v_swap_pairs(a)      _mm512_permute_ps (a, 0x4e)
#define v_swap_neighbours(a) _mm512_permute_ps (a, 0xb1)
#define v_sum(a)             _mm512_reduce_add_ps (a)
#define v_max_of(a)          _mm512_reduce_max_ps (a)

typedef __m512i vi;

#define i_set(x)            _mm512_set1_epi64 ((int64_t)(x))
#define i_add(a, b)         _mm512_add_epi64 (a, b)
#define i_xor(a, b)         _mm512_xor_si512 (a, b)
#define i_right(a, n)       _mm512_srli_epi64 (a, n)
#define i_multiply(a, b)    _mm512_mul_epu32 (a, b)
#define i_halves(low, high) _mm512_mask_blend_epi32 (0xaaaa, low, _mm512_slli_epi64 (high, 32))
#define i_evens(a, b)       _mm512_unpacklo_epi64 (a, b)
#define i_odds(a, b)        _mm512_unpackhi_epi64 (a, b)
#define i_counters()        _mm512_set_epi64 (7, 3, 6, 2, 5, 1, 4, 0)
#define v_from_u24(a)       _mm512_cvtepi32_ps (_mm512_srli_epi32 (a, 8))

static inline __mmask16
first_lanes (int64_t n)
{
  return n >= W ? 0xffff : (__mmask16)((1u << n) - 1);
}

static inline vf
v_load (const float *p, int64_t left, float fill)
{
  return _mm512_mask_loadu_ps (_mm512_set1_ps (fill), first_lanes (left), p);
}

/* Processors make a load wait for a masked store to the same place to reach the cache, but not for
 * another. */
static inline void
v_store (float *p, int64_t left, vf v)
{
  if (left >= W)
    _mm512_storeu_ps (p, v);
  else
    _mm512_mask_storeu_ps (p, first_lanes (left), v);
}

static inline vf
v_copy_sign (vf x, vf s)
{
  return _mm512_or_ps (_mm512_abs_ps (x), _mm512_and_ps (s, _mm512_set1_ps (-0.0f)));
}

static inline vf
v_from_f16 (const uint16_t *p)
{
  return _mm512_cvtph_ps (_mm256_loadu_si256 ((const __m256i *)p));
}

static inline vf
v_from_bf16 (const uint16_t *p)
{
  return _mm512_castsi512_ps (
      _mm512_slli_epi32 (_mm512_cvtepu16_epi32 (_mm256_loadu_si256 ((const __m256i *)p)), 16));
}

/* The 16 values fill one register, which a permutation looks up. */
static inline void
nf4_step (const uint8_t *pairs, const float code[16], float absmax, float *out)
{
  const __m128i bytes = _mm_loadu_si128 ((const __m128i *)pairs), mask = _mm_set1_epi8 (15);
  const __m128i even = _mm_and_si128 (_mm_srli_epi16 (bytes, 4), mask),
                odd = _mm_and_si128 (bytes, mask);
  const __m512i low = _mm512_cvtepu8_epi32 (_mm_unpacklo_epi8 (even, odd)),
                high = _mm512_cvtepu8_epi32 (_mm_unpackhi_epi8 (even, odd));
  const __m512 values = _mm512_loadu_ps (code), scale = _mm512_set1_ps (absmax);

  _mm512_storeu_ps (out, _mm512_mul_ps (_mm512_permutexvar_ps (low, values), scale));
  _mm512_storeu_ps (out + 16, _mm512_mul_ps (_mm512_permutexvar_ps (high, values), scale));
}

#define TILE    6
#define VECTORS 2

/* In four rounds: pairs of floats, pairs of pairs, and so on, change places. */
static inline __attribute__ ((always_inline)) void
v_transpose (vf rows[W])
{
  __m512d pairs[W];

#pragma GCC unroll 16
  for (int i = 0; i < W; i += 4) {
    const __m512d a = _mm512_castps_pd (_mm512_unpacklo_ps (rows[i], rows[i + 1])),
                  b = _mm512_castps_pd (_mm512_unpackhi_ps (rows[i], rows[i + 1])),
                  c = _mm512_castps_pd (_mm512_unpacklo_ps (rows[i + 2], rows[i + 3])),
                  d = _mm512_castps_pd (_mm512_unpackhi_ps (rows[i + 2], rows[i + 3]));

    pairs[i] = _mm512_unpacklo_pd (a, c);
    pairs[i + 1] = _mm512_unpackhi_pd (a, c);
    pairs[i + 2] = _mm512_unpacklo_pd (b, d);
    pairs[i + 3] = _mm512_unpackhi_pd (b, d);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 4; i++) {
    const __m512d a = _mm512_shuffle_f64x2 (pairs[i], pairs[i + 4], 0x88),
                  b = _mm512_shuffle_f64x2 (pairs[i], pairs[i + 4], 0xdd),
                  c = _mm512_shuffle_f64x2 (pairs[i + 8], pairs[i + 12], 0x88),
                  d = _mm512_shuffle_f64x2 (pairs[i + 8], pairs[i + 12], 0xdd);

    rows[i] = _mm512_castpd_ps (_mm512_shuffle_f64x2 (a, c, 0x88));
    rows[i + 4] = _mm512_castpd_ps (_mm512_shuffle_f64x2 (b, d, 0x88));
    rows[i + 8] = _mm512_castpd_ps (_mm512_shuffle_f64x2 (a, c, 0xdd));
    rows[i + 12] = _mm512_castpd_ps (_mm512_shuffle_f64x2 (b, d, 0xdd));
  }
}

/* ---- whole numbers of 32 bits ---------------------------------------------------------------- */

typedef __m512i vq;
typedef __m512i q_table;
typedef __m128 v4;
typedef int32_t q4 __attribute__ ((vector_size (16)));

#define q_set(x)               _mm512_set1_epi32 (x)
#define q_factor(p)            q_set (*(p))
#define q_load(p)              _mm512_loadu_si512 (p)
#define q_put(p, v)            _mm512_storeu_si512 (p, v)
#define q_add(a, b)            _mm512_add_epi32 (a, b)
#define q_sum(a)               _mm512_reduce_add_epi32 (a)
#define q_to_float(a)          _mm512_cvtepi32_ps (a)
#define q_from_float(a)        _mm512_cvtps_epi32 (a)
#define q_low_nibbles(a)       _mm512_and_si512 (a, _mm512_set1_epi8 (15))
#define q_high_nibbles(a)      q_low_nibbles (_mm512_srli_epi16 (a, 4))
#define q_table_load(bytes)    _mm512_broadcast_i32x4 (_mm_loadu_si128 ((const __m128i *)(bytes)))
#define q_lookup(table, a)     _mm512_shuffle_epi8 (table, a)
#define q4_any(mask)           (_mm_movemask_ps ((__m128)(mask)) != 0)
#define EVEN_BYTES             0x5555555555555555
#define q_join_even(low, high) _mm512_mask_blend_epi8 (EVEN_BYTES, _mm512_slli_epi16 (high, 8), low)
#define q_join_odd(low, high)  _mm512_mask_blend_epi8 (EVEN_BYTES, high, _mm512_srli_epi16 (low, 8))

#define q_put_16(p, v) _mm256_storeu_si256 ((__m256i *)(p), _mm512_cvtepi32_epi16 (v))
#define q_put_8(p, v)  _mm_storeu_si128 ((__m128i *)(p), _mm512_cvtepi32_epi8 (v))

static inline vq
q_join_two (const vq v[2])
{
  return _mm512_mask_blend_epi16 (0xaaaaaaaa, v[0], _mm512_slli_epi32 (v[1], 16));
}

static inline vq
q_join_four (const vq v[4])
{
  const vq low = _mm512_mask_blend_epi8 (0x2222222222222222, v[0], _mm512_slli_epi32 (v[1], 8)),
           high = _mm512_mask_blend_epi8 (0x2222222222222222, v[2], _mm512_slli_epi32 (v[3], 8));

  return q_join_two ((const vq[2]){ low, high });
}

/* Row i of words beside row i + 8. */
static inline vq
q_load_words (const uint8_t *p, int64_t stride, int64_t rows, int64_t i)
{
  const int64_t low = i < rows ? i : rows - 1, high = i + 8 < rows ? i + 8 : rows - 1;

  return _mm512_inserti64x4 (
      _mm512_castsi256_si512 (_mm256_loadu_si256 ((const __m256i *)(p + low * stride))),
      _mm256_loadu_si256 ((const __m256i *)(p + high * stride)), 1);
}

/* Each half is a matrix of 8 x 8. */
static inline __attribute__ ((always_inline)) void
q_transpose_words (vq rows[8])
{
  const __m512i low = _mm512_setr_epi64 (0, 1, 8, 9, 4, 5, 12, 13),
                high = _mm512_setr_epi64 (2, 3, 10, 11, 6, 7, 14, 15);
  __m512i fours[8];

#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    const __m512i a = _mm512_unpacklo_epi32 (rows[i], rows[i + 1]),
                  b = _mm512_unpackhi_epi32 (rows[i], rows[i + 1]),
                  c = _mm512_unpacklo_epi32 (rows[i + 2], rows[i + 3]),
                  d = _mm512_unpackhi_epi32 (rows[i + 2], rows[i + 3]);

    fours[i] = _mm512_unpacklo_epi64 (a, c);
    fours[i + 1] = _mm512_unpackhi_epi64 (a, c);
    fours[i + 2] = _mm512_unpacklo_epi64 (b, d);
    fours[i + 3] = _mm512_unpackhi_epi64 (b, d);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    rows[i] = _mm512_permutex2var_epi64 (fours[i], low, fours[i + 4]);
    rows[i + 4] = _mm512_permutex2var_epi64 (fours[i], high, fours[i + 4]);
  }
}

/* Eight numbers of 16 bits in the order of their groups. */
static inline void
q_store_16 (int16_t *p, const vq v[2])
{
  const __m512i lanes = _mm512_setr_epi64 (0, 2, 4, 6, 1, 3, 5, 7),
                order = _mm512_broadcast_i32x4 (
                    _mm_setr_epi8 (0, 1, 8, 9, 4, 5, 12, 13, 2, 3, 10, 11, 6, 7, 14, 15));
  const __m512i codes = _mm512_permutexvar_epi64 (lanes, _mm512_packs_epi32 (v[0], v[1]));

  _mm512_storeu_si512 (p, _mm512_shuffle_epi8 (codes, order));
}

static inline void
q_store_8 (int8_t *p, const vq v[4])
{
  const __m512i lanes = _mm512_setr_epi32 (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
                order = _mm512_broadcast_i32x4 (
                    _mm_setr_epi8 (0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15));
  const __m512i codes = _mm512_permutexvar_epi32 (
      lanes, _mm512_packs_epi16 (_mm512_packs_epi32 (v[0], v[1]), _mm512_packs_epi32 (v[2], v[3])));

  _mm512_storeu_si512 (p, _mm512_shuffle_epi8 (codes, order));
}

/* The halves of two vectors are put together, then the quarters of four, and so on. */
#define DEFINE_OF_FOUR(name, join)                                                                 \
  static inline v4 name (const vf v[4])                                                            \
  {                                                                                                \
    const vf a = join (_mm512_shuffle_f32x4 (v[0], v[1], 0x44),                                    \
                       _mm512_shuffle_f32x4 (v[0], v[1], 0xee)),                                   \
             b = join (_mm512_shuffle_f32x4 (v[2], v[3], 0x44),                                    \
                       _mm512_shuffle_f32x4 (v[2], v[3], 0xee));                                   \
    const vf quarters =                                                                            \
                 join (_mm512_shuffle_f32x4 (a, b, 0x88), _mm512_shuffle_f32x4 (a, b, 0xdd)),      \
             pairs = join (quarters, _mm512_permute_ps (quarters, 0x4e)),                          \
             all = join (pairs, _mm512_permute_ps (pairs, 0xb1));                                  \
                                                                                                   \
    return _mm512_castps512_ps128 (_mm512_maskz_compress_ps (0x1111, all));                        \
  }

DEFINE_OF_FOUR (v_max_of_four, v_max)
DEFINE_OF_FOUR (v_sum_of_four, v_add)

#endif /* CK_CPU_VECTORS_AVX512_H */
