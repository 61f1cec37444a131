/* SPDX-License-Identifier: MIT */
/*
 * quantised.h over vectors of any width, for codes of one size. It may be included more than once;
 * the file that includes it defines, beside the words of vectors-tmpl.h:
 *   Q(name)                     name, made different for each inclusion
 *   Q_BITS, Q_CODE_MAX          8 or 16; of quantised.h
 *   Q_TILE                      rows that are multiplied at once, VECTORS vectors of sums each
 *   q_dot (sums, weights, x)    sums + the products of a group, lane by lane
 * and once, words for W whole numbers of 32 bits, vq:
 *   q_set, q_load, q_add, q_to_float, q_from_float (to nearest even), q_sum
 *   q_store_16, q_store_8 (p, v)  as codes, each eight in the order of their groups
 *   q_low_nibbles, q_high_nibbles of each byte
 *   q_lookup (table, v)         bytes of a q_table (bytes), for each byte of v
 *   q_join_even, q_join_odd (low, high)  16-bit numbers of bytes 0 and 2, 1 and 3 of a lane
 *   q_load_words (p, stride, rows, i)    row i of eight words; see v_words
 *   q_transpose_words (rows)    of eight vectors
 */
#define Q_GROUP  (32 / Q_BITS)
#define Q_GROUPS (CK_CODE_BLOCK / Q_GROUP) /* a block */
#define Q_STRIP  (VECTORS * W)

#if Q_BITS == 8
typedef int8_t Q (Code);
#  define q_store q_store_8
#else
typedef int16_t Q (Code);
#  define q_store q_store_16
#endif

/* ---- activations ----------------------------------------------------------------------------- */

/* The largest magnitude of a block and the sum of all, the latter in the order that is the same for
 * every width: in 16 lanes, which are then added by halves. */
static inline float
Q (magnitudes) (const float *x, int64_t left, float *sum)
{
  vf max = v_set (0), sums[16 / W];

#pragma GCC unroll 2
  for (int lane = 0; lane < 16 / W; lane++)
    sums[lane] = v_set (0);
#pragma GCC unroll 8
  for (int i = 0; i < CK_CODE_BLOCK; i += W) {
    const vf magnitude = v_abs (v_load (x + i, ck_max (left - i, 0), 0));

    max = v_max (max, magnitude);
    sums[i % 16 / W] = v_add (sums[i % 16 / W], magnitude);
  }
  *sum = v_sum_halves (sums);
  return v_max_of (max);
}

static inline int32_t
Q (encode) (const float *x, int64_t left, float inverse, Q (Code) * codes)
{
  vq sum = q_set (0);

#pragma GCC unroll 8
  for (int i = 0; i < CK_CODE_BLOCK; i += W) {
    const vq code = q_from_float (v_mul (v_load (x + i, ck_max (left - i, 0), 0), v_set (inverse)));

    sum = q_add (sum, code);
    q_store (codes + i, code);
  }
  return q_sum (sum);
}

/* One block, of whose values the first n exist; returns how many outliers it has. */
static inline __attribute__ ((always_inline)) int64_t
Q (quantise_block) (int64_t n, const float *x, int64_t column, Q (Code) * codes, float *scale,
                    int32_t *total, CkOutlier *outliers)
{
  float rest[CK_CODE_BLOCK], sum, max = Q (magnitudes) (x, n, &sum);
  int64_t n_outliers = 0;

  if (outliers != NULL && __builtin_expect (ck_has_outlier (max, sum), false)) {
    n_outliers = ck_take_outliers (x, column, n, rest, outliers);
    max = Q (magnitudes) (rest, CK_CODE_BLOCK, &sum);
    *total = Q (encode) (rest, CK_CODE_BLOCK, ck_code_inverse (max, Q_CODE_MAX), codes);
  } else {
    *total = Q (encode) (x, n, ck_code_inverse (max, Q_CODE_MAX), codes);
  }
  *scale = ck_code_scale (max, sum, Q_CODE_MAX);
  return n_outliers;
}

static int64_t
Q (quantise) (int64_t n, const float *x, void *to, float *scales, int32_t *sums,
              CkOutlier *outliers)
{
  Q (Code) *codes = to;
  int64_t n_outliers = 0;

  for (int64_t i = 0; i < n; i += CK_CODE_BLOCK) {
    CkOutlier *next = outliers != NULL ? outliers + n_outliers : NULL;
    const int64_t block = i / CK_CODE_BLOCK;
    int32_t total;

    if (n - i >= CK_CODE_BLOCK)
      n_outliers +=
          Q (quantise_block) (CK_CODE_BLOCK, x + i, i, codes + i, scales + block, &total, next);
    else
      n_outliers += Q (quantise_block) (n - i, x + i, i, codes + i, scales + block, &total, next);
    if (sums != NULL)
      sums[block] = (int32_t)(-128u * (uint32_t)total);
  }
  return n_outliers;
}

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
    bytes[0][i] = (uint8_t)(Q_BITS == 8 ? codes[i] + 128 : codes[i]);
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
        sums[i][v] = q_set (Q_BITS == 8 ? x->sums[at[i] + block] : 0);
#pragma GCC unroll 4
    for (int group = 0; group < Q_GROUPS; group++, strip += VECTORS) {
      vq weights[VECTORS];

#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++)
        weights[v] = q_load (strip + v);
#pragma GCC unroll 16
      for (int i = 0; i < Q_TILE; i++) {
        const vq factor = q_set (codes[i][block * Q_GROUPS + group]);
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

static const CkQuantisedOps Q (ops) = {
  .type = Q_BITS == 8 ? CK_I8 : CK_I16,
  .code_size = Q_BITS / 8,
  .code_max = Q_CODE_MAX,
  .strip = Q_STRIP,
  .quantise = Q (quantise),
  .unpack = Q (unpack),
  .multiply = Q (multiply),
};

#undef q_store
#undef Q_GROUP
#undef Q_GROUPS
#undef Q_STRIP
#undef Q
#undef Q_BITS
#undef Q_CODE_MAX
#undef Q_TILE
#undef q_dot
