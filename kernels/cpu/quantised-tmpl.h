/* SPDX-License-Identifier: MIT */
/*
 * quantised.h over vectors of any width, for codes of one size: activations as codes-tmpl.h has
 * them, weights in groups of 32 bits, and their product. It may be included more than once; the
 * file that includes it defines what codes-tmpl.h needs, and for each inclusion:
 *   Q_TILE                      rows that are multiplied at once, VECTORS vectors of sums each
 *   Q_LANES                     of 16 bits: outputs of a strip that are multiplied at once with
 *                               those of another; they divide a strip
 *   q_dot (sums, weights, x)    sums + the products of a group, lane by lane; or, for narrow codes:
 *   q_dot_pair (sums, weights[2], x[2], offsets)  the same of two groups; offsets: of x's sums
 *   Q_ATTENTION                 if attention multiplies such codes, too (not narrow ones)
 * and once:
 *   q_load, q_put, q_sum
 *   q_factor (p)                the group at p for all lanes, as q_dot takes it
 *   q_low_nibbles, q_high_nibbles of each byte
 *   q_lookup (table, v)         bytes of a q_table (bytes), for each byte of v
 *   q_join_even, q_join_odd (low, high)  16-bit numbers of bytes 0 and 2, 1 and 3 of a lane
 *   q_load_words (p, stride, rows, i)    row i of eight words, and beside it row i + 8 if W is 16
 *   q_transpose_words (rows)    of eight vectors
 *   q_join_two, q_join_four (v) vectors of codes, which lie in each lane beside one another
 *   q_put_16, q_put_8 (p, v)    one vector as codes in their order
 * What is not for codes of this size may be missing.
 */
#include "kernels/cpu/codes-tmpl.h"

#define Q_STRIP     (VECTORS * W)
#define Q_PEAK_SUMS 12

#include "kernels/cpu/tail-tmpl.h"

/* ---- weights --------------------------------------------------------------------------------- */

/* A vector of words of eight 4-bit codes, to the groups of those eight elements. */
static inline void
Q (unpack_words) (const q_table table[2], vq words, vq *strip)
{
  const vq halves[2] = { q_high_nibbles (words), q_low_nibbles (words) };

#pragma GCC unroll 2
  for (int half = 0; half < 2; half++) {
    const vq low = q_lookup (table[0], halves[half]);
#if Q_BITS == 8
    q_put (strip + half * VECTORS, low);
#else
    const vq high = q_lookup (table[1], halves[half]);

    q_put (strip + 2 * half * VECTORS, q_join_even (low, high));
    q_put (strip + (2 * half + 1) * VECTORS, q_join_odd (low, high));
#endif
  }
}

static void
Q (unpack) (int64_t blocks, const uint8_t *pairs, int64_t stride, int64_t rows,
            const int16_t codes[16], void *strip)
{
  uint8_t bytes[2][16];
  q_table table[2];

  for (int i = 0; i < 16; i++) {
    bytes[0][i] = (uint8_t)(codes[i] + Q_OFFSET);
    bytes[1][i] = (uint8_t)((uint16_t)codes[i] >> 8);
  }
  table[0] = q_table_load (bytes[0]);
  table[1] = q_table_load (bytes[1]);
  for (int64_t block = 0; block < blocks; block++) {
    /* the next strip's codes, as many as are unpacked here: a file's pages are in no cache */
    for (int64_t line = 0; line < rows * CK_CODE_BLOCK / 2; line += 64)
      __builtin_prefetch (pairs + rows * (stride + block * CK_CODE_BLOCK / 2) + line);
    for (int v = 0; v < VECTORS; v++) {
      vq *to = (vq *)strip + block * Q_GROUPS * VECTORS + v;
      vq words[8];

#pragma GCC unroll 8
      for (int i = 0; i < 8; i++)
        words[i] = q_load_words (pairs + block * CK_CODE_BLOCK / 2, stride, rows, v * W + i);
      q_transpose_words (words);
#pragma GCC unroll 8
      for (int i = 0; i < 8; i++)
        Q (unpack_words) (table, words[i], to + i * Q_GROUPS / 8 * VECTORS);
    }
  }
}

#if Q_BITS == 16
/* W outputs of a block, n elements each, of which `left` exist. */
static inline void
Q (pack_lanes) (int64_t n, int64_t left, const float *w, int64_t stride, vq *groups, float *scales)
{
  static const int8_t firsts[4] = { 0, 2, 1, 3 }; /* of the pairs of eight elements */
  vf max = v_set (0), sum = v_set (0), inverse;

  for (int64_t i = 0; i < n; i++) {
    const vf magnitude = v_abs (v_load (w + i * stride, left, 0));

    max = v_max (max, magnitude);
    sum = v_add (sum, magnitude);
  }
  v_store (scales, W,
           v_greater (v_set (INFINITY), sum, v_div (max, v_set (Q_CODE_MAX)), v_set (NAN)));
  inverse = v_div (v_set (Q_CODE_MAX), max);
  inverse = v_greater (v_set (INFINITY), inverse, inverse, v_set (0));
  for (int64_t group = 0; group < Q_GROUPS; group++) {
    const int64_t element = group / 4 * 8 + firsts[group % 4];
    vq pair[2];

#  pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
      const int64_t i = element + 4 * half;

      pair[half] =
          i < n ? q_from_float (v_mul (v_load (w + i * stride, left, 0), inverse)) : q_set (0);
    }
    q_put (groups + group * VECTORS, q_join_two (pair));
  }
}

static void
Q (pack_block) (int64_t n, int64_t outs, const float *w, int64_t stride, void *groups,
                float *scales)
{
  for (int v = 0; v < VECTORS; v++)
    Q (pack_lanes)
  (outs > v * W ? n : 0, outs - v * W, w + v * W, stride, (vq *)groups + v, scales + v * W);
}
#endif

/* ---- the product ----------------------------------------------------------------------------- */

/* totals += the products of the rows from the target's on, of rows that there are not the last one
 * again, with a strip; `groups`: of a block that are not all 0. */
static inline __attribute__ ((always_inline)) void
Q (add_products) (const CkCodes *x, int64_t groups, const Q (Target) * target, const vq *strip,
                  const float *strip_scales, vf totals[Q_TILE][VECTORS])
{
  const int32_t *codes[Q_TILE];
  int64_t at[Q_TILE];

#pragma GCC unroll 16
  for (int i = 0; i < Q_TILE; i++) {
    at[i] = ck_min (target->row + i, target->rows - 1) * x->blocks;
    codes[i] = (const int32_t *)x->codes + at[i] * Q_GROUPS;
  }
  for (int64_t block = 0; block < x->blocks;
       block++, strip += Q_GROUPS * VECTORS, strip_scales += Q_STRIP) {
    const vq *of_group = strip;
    vq sums[Q_TILE][VECTORS];

#pragma GCC unroll 16
    for (int i = 0; i < Q_TILE; i++)
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++)
        sums[i][v] = q_set (Q_SUMS == 1 ? x->sums[at[i] + block] : 0);
#pragma GCC unroll 4
    for (int64_t group = 0; group < groups; group += Q_STEP, of_group += Q_STEP * VECTORS) {
      vq weights[VECTORS][Q_STEP];

#pragma GCC unroll 4
      for (int v = 0; v < Q_STEP * VECTORS; v++)
        weights[v % VECTORS][v / VECTORS] = q_load (of_group + v);
#pragma GCC unroll 16
      for (int i = 0; i < Q_TILE; i++) {
        const int32_t *factor = codes[i] + block * Q_GROUPS + group;
        const vq factors[2] = { q_factor (factor), q_factor (factor + Q_STEP - 1) };
#ifdef q_dot_pair
        const vq offsets = q_set (x->sums[(at[i] + block) * Q_SUMS + group / Q_STEP]);
#endif
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++)
#ifdef q_dot_pair
          sums[i][v] = q_dot_pair (sums[i][v], weights[v], factors, offsets);
#else
          sums[i][v] = q_dot (sums[i][v], weights[v][0], factors[0]);
#endif
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < Q_TILE; i++) {
      const vf scale = v_set (x->scales[at[i] + block]);
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++)
        totals[i][v] = v_fma (q_to_float (sums[i][v]),
                              v_mul (scale, v_load (strip_scales + v * W, W, 0)), totals[i][v]);
    }
  }
}

/* The rows of x from the target's on with a strip. */
static inline __attribute__ ((always_inline)) void
Q (multiply_tile) (const CkCodes *x, const vq *strip, const float *strip_scales,
                   const Q (Target) * target)
{
  const CkSecondProduct *second = target->tail != NULL ? target->tail->second : NULL;
  vf totals[Q_TILE][VECTORS];

  Q (fetch) (target);
#pragma GCC unroll 16
  for (int i = 0; i < Q_TILE; i++)
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++)
      totals[i][v] = v_set (0);
  Q (add_products) (x, Q_GROUPS, target, strip, strip_scales, totals);
  if (second != NULL)
    Q (add_products)
  (&second->x, second->used / Q_GROUP, target, second->strip, second->scales, totals);
  if (target->tail != NULL) {
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) {
      vf values[Q_TILE];

#pragma GCC unroll 16
      for (int i = 0; i < Q_TILE; i++)
        values[i] = totals[i][v];
      Q (finish) (target, v * W, values);
    }
    return;
  }
#pragma GCC unroll 16
  for (int i = 0; i < Q_TILE; i++)
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++)
      if (target->row + i < target->rows)
        v_store (target->y + (target->row + i) * target->stride + v * W, target->outs - v * W,
                 totals[i][v]);
}

static void
Q (multiply) (int64_t rows, const CkCodes *x, const void *strip, const float *strip_scales,
              const CkTail *tail, int64_t outs, float *y, int64_t stride)
{
  for (int64_t row = 0; row < rows; row += Q_TILE)
    Q (multiply_tile) (x, strip, strip_scales, &(Q (Target)){ tail, row, rows, outs, y, stride });
}

#if Q_BITS == 16
/* Outputs [first, first + Q_LANES) of a with all of b. The totals, which change once a block, stay
 * in memory. */
static inline __attribute__ ((always_inline)) void
Q (multiply_lanes) (int64_t blocks, const int32_t *a, const float *a_scales, const vq *b,
                    const float *b_scales, float *y, int64_t stride)
{
  for (int64_t block = 0; block < blocks; block++, a_scales += Q_STRIP, b_scales += Q_STRIP) {
    vq sums[Q_LANES][VECTORS];

#  pragma GCC unroll 16
    for (int i = 0; i < Q_LANES; i++)
#  pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++)
        sums[i][v] = q_set (0);
#  pragma GCC unroll 4
    for (int group = 0; group < Q_GROUPS; group++, a += Q_STRIP, b += VECTORS) {
      vq weights[VECTORS];

#  pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++)
        weights[v] = q_load (b + v);
#  pragma GCC unroll 16
      for (int i = 0; i < Q_LANES; i++) {
        const vq factor = q_factor (a + i);
#  pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++)
          sums[i][v] = q_dot (sums[i][v], weights[v], factor);
      }
    }
#  pragma GCC unroll 16
    for (int i = 0; i < Q_LANES; i++) {
      const vf scale = v_set (a_scales[i]);
#  pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++) {
        float *total = y + i * stride + v * W;

        v_store (total, W,
                 v_fma (q_to_float (sums[i][v]), v_mul (scale, v_load (b_scales + v * W, W, 0)),
                        v_load (total, W, 0)));
      }
    }
  }
}

static void
Q (multiply_strips) (int64_t blocks, const void *a, const float *a_scales, const void *b,
                     const float *b_scales, float *y, int64_t stride)
{
  for (int i = 0; i < Q_STRIP; i += Q_LANES)
    Q (multiply_lanes)
  (blocks, (const int32_t *)a + i, a_scales + i, b, b_scales, y + i * stride, stride);
}
#  undef Q_LANES
#endif

/* Multiply-adds with operands in registers (peak.h); each adds to itself, so that none can be made
 * once for all rounds, and no two lanes are the same, so that none can be made once for two. */
static float
Q (peak) (int64_t rounds)
{
  static const int32_t lanes[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
  const vq factor = q_set (0x00010001);
  vq sums[Q_PEAK_SUMS], all = q_set (0);

#pragma GCC unroll 12
  for (int i = 0; i < Q_PEAK_SUMS; i++)
    sums[i] = q_add (q_set (16 * i), q_load (lanes));
  for (int64_t round = 0; round < rounds; round++)
#pragma GCC unroll 12
    for (int i = 0; i < Q_PEAK_SUMS; i++)
#ifdef q_dot_pair
      sums[i] = q_dot_pair (sums[i], (vq[]){ factor, factor }, (vq[]){ sums[i], factor }, factor);
#else
      sums[i] = q_dot (sums[i], factor, sums[i]);
#endif
#pragma GCC unroll 12
  for (int i = 0; i < Q_PEAK_SUMS; i++)
    all = q_add (all, sums[i]);
  return (float)q_sum (all);
}

static const CkPeakLoop Q (peak_loop) = { Q (peak), 2 * Q_PEAK_SUMS *W *Q_GROUP *Q_STEP };

static const CkQuantisedOps Q (ops) = {
  .type = Q_BITS == 8 ? CK_I8 : CK_I16,
  .code_size = Q_BITS / 8,
  .code_max = Q_CODE_MAX,
  .offset = Q_OFFSET,
  .sums = Q_SUMS,
  .strip = Q_STRIP,
  .group = sizeof (int32_t),
  .quantise = Q (quantise),
  .unpack = Q (unpack),
#if Q_BITS == 16
  .pack_block = Q (pack_block),
  .multiply_strips = Q (multiply_strips),
#endif
  .multiply = Q (multiply),
};

#ifdef Q_ATTENTION
#  include "kernels/cpu/attention-mix-tmpl.h"
#  if Q_BITS == 16
#    include "kernels/cpu/attention-scores-tmpl.h"
#  endif
#endif

#undef Q_PEAK_SUMS
#undef q_store
#undef Q_ATTENTION
#undef Q_STEP
#undef Q_SUMS
#undef Q_OUTLIER
#undef Q_GROUP
#undef Q_GROUPS
#undef Q_STRIP
#undef Q
#undef Q_BITS
#undef Q_CODE_MAX
#undef Q_OFFSET
#undef Q_TILE
#undef q_dot
#undef q_dot_pair
