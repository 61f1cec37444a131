/* SPDX-License-Identifier: MIT */
/*
 * quantised.h over vectors of any width, for codes of one size: activations as codes-tmpl.h has
 * them, weights in groups of 32 bits, and their product. It may be included more than once; the
 * file that includes it defines what codes-tmpl.h needs, and for each inclusion:
 *   Q_TILE                      rows that are multiplied at once, VECTORS vectors of sums each
 *   q_dot (sums, weights, x)    sums + the products of a group, lane by lane
 * and once:
 *   q_load, q_put, q_sum
 *   q_factor (p)                the group at p for all lanes, as q_dot takes it
 *   q_low_nibbles, q_high_nibbles of each byte
 *   q_lookup (table, v)         bytes of a q_table (bytes), for each byte of v
 *   q_join_even, q_join_odd (low, high)  16-bit numbers of bytes 0 and 2, 1 and 3 of a lane
 *   q_load_words (p, stride, rows, i)    row i of eight words, and beside it row i + 8 if W is 16
 *   q_transpose_words (rows)    of eight vectors
 */
#include "kernels/cpu/codes-tmpl.h"

#define Q_GROUPS    (CK_CODE_BLOCK / Q_GROUP) /* a block */
#define Q_STRIP     (VECTORS * W)
#define Q_PEAK_SUMS 12

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
  for (int64_t block = 0; block < blocks; block++)
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

/* ---- the product ----------------------------------------------------------------------------- */

/* Rows [row, row + Q_TILE) of x with a strip; of rows that there are not, the last one again. */
static inline __attribute__ ((always_inline)) void
Q (multiply_tile) (const int64_t row, int64_t rows, const CkCodes *x, const vq *strip,
                   const float *strip_scales, float *y, int64_t stride)
{
  const int32_t *codes[Q_TILE];
  int64_t at[Q_TILE];
  vf totals[Q_TILE][VECTORS];

#pragma GCC unroll 16
  for (int i = 0; i < Q_TILE; i++) {
    at[i] = ck_min (row + i, rows - 1) * x->blocks;
    codes[i] = (const int32_t *)x->codes + at[i] * Q_GROUPS;
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++)
      totals[i][v] = v_set (0);
  }
  for (int64_t block = 0; block < x->blocks; block++, strip_scales += Q_STRIP) {
    vq sums[Q_TILE][VECTORS];

#pragma GCC unroll 16
    for (int i = 0; i < Q_TILE; i++)
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++)
        sums[i][v] = q_set (Q_OFFSET != 0 ? x->sums[at[i] + block] : 0);
#pragma GCC unroll 4
    for (int group = 0; group < Q_GROUPS; group++, strip += VECTORS) {
      vq weights[VECTORS];

#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++)
        weights[v] = q_load (strip + v);
#pragma GCC unroll 16
      for (int i = 0; i < Q_TILE; i++) {
        const vq factor = q_factor (codes[i] + block * Q_GROUPS + group);
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++)
          sums[i][v] = q_dot (sums[i][v], weights[v], factor);
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
#pragma GCC unroll 16
  for (int i = 0; i < Q_TILE; i++)
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++)
      if (row + i < rows)
        v_store (y + i * stride + v * W, W, totals[i][v]);
}

static void
Q (multiply) (int64_t rows, const CkCodes *x, const void *strip, const float *strip_scales,
              float *y, int64_t stride)
{
  for (int64_t row = 0; row < rows; row += Q_TILE)
    Q (multiply_tile) (row, rows, x, strip, strip_scales, y + row * stride, stride);
}

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
      sums[i] = q_dot (sums[i], factor, sums[i]);
#pragma GCC unroll 12
  for (int i = 0; i < Q_PEAK_SUMS; i++)
    all = q_add (all, sums[i]);
  return (float)q_sum (all);
}

static const CkPeakLoop Q (peak_loop) = { Q (peak), 2 * Q_PEAK_SUMS *W *(32 / Q_BITS) };

static const CkQuantisedOps Q (ops) = {
  .type = Q_BITS == 8 ? CK_I8 : CK_I16,
  .code_size = Q_BITS / 8,
  .code_max = Q_CODE_MAX,
  .offset = Q_OFFSET,
  .strip = Q_STRIP,
  .group = sizeof (int32_t),
  .quantise = Q (quantise),
  .unpack = Q (unpack),
  .multiply = Q (multiply),
};

#undef Q_PEAK_SUMS
#undef q_store
#undef Q_GROUP
#undef Q_GROUPS
#undef Q_STRIP
#undef Q
#undef Q_BITS
#undef Q_CODE_MAX
#undef Q_OFFSET
#undef Q_TILE
#undef q_dot
