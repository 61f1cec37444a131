/* SPDX-License-Identifier: MIT */
/*
 * quantised.h over vectors of any width, for codes of one size. It may be included more than once;
 * the file that includes it defines, beside the words of vectors-tmpl.h:
 *   Q(name)                     name, made different for each inclusion
 *   Q_BITS, Q_CODE_MAX          8 or 16; of quantised.h
 *   Q_TILE                      rows that are multiplied at once, VECTORS vectors of sums each
 *   Q_LANES                     of 16 bits: outputs of a strip that are multiplied at once with
 *                               those of another; they divide a strip
 *   Q_ATTENTION                 if attention multiplies such codes, too (not narrow ones)
 *   q_dot (sums, weights, x)    sums + the products of a group, lane by lane; or, for narrow codes:
 *   q_dot_pair (sums, weights[2], x[2], offsets)  the same of two groups; offsets: of x's sums
 * and once, words for W whole numbers of 32 bits, vq:
 *   q_set, q_load, q_add, q_to_float, q_from_float (to nearest even), q_sum
 *   q_store_16, q_store_8 (p, v)  two or four vectors as codes, each eight in the order of their
 *                               groups
 *   q_store_sums (p, codes)     the sums of a block of narrow codes
 *   v4, q4                      four floats, four whole numbers, as gcc's vectors
 *   v_max_of_four, v_sum_of_four (v)
 *                               the maximum or the sum of each of four vectors of floats, whose
 *                               lanes are added by halves
 *   q4_any (mask)               whether any lane's sign is set
 *   q_low_nibbles, q_high_nibbles of each byte
 *   q_lookup (table, v)         bytes of a q_table (bytes), for each byte of v
 *   q_join_even, q_join_odd (low, high)  16-bit numbers of bytes 0 and 2, 1 and 3 of a lane
 *   q_load_words (p, stride, rows, i)    row i of eight words; see v_words
 *   q_transpose_words (rows)    of eight vectors
 *   q_join_two, q_join_four (v) vectors of codes, which lie in each lane beside one another
 *   q_put_16, q_put_8 (p, v)    one vector as codes in their order
 * What is not for codes of this size may be missing.
 */
#include "kernels/cpu/epilogue-tmpl.h"

#define Q_GROUP     (32 / Q_BITS)
#define Q_GROUPS    (CK_CODE_BLOCK / Q_GROUP) /* a block */
#define Q_STRIP     (VECTORS * W)
#define Q_PEAK_SUMS 12

#ifdef q_dot_pair
#  define Q_OFFSET  Q_CODE_MAX
#  define Q_STEP    2 /* groups that are multiplied at once */
#  define Q_SUMS    (Q_GROUPS / Q_STEP)
#  define Q_OUTLIER CK_OUTLIER_NARROW
#else
#  define Q_OFFSET  (Q_BITS == 8 ? 128 : 0)
#  define Q_STEP    1
#  define Q_SUMS    (Q_BITS == 8)
#  define Q_OUTLIER CK_OUTLIER
#endif

#if Q_BITS == 8
typedef int8_t Q (Code);
#  define q_store q_store_8
#else
typedef int16_t Q (Code);
#  define q_store q_store_16
#endif

/* ---- activations ----------------------------------------------------------------------------- */

/* Up to four blocks are quantised at once, because what takes many steps for the few results of a
 * block then takes as many for those of all. */
typedef struct {
  const float *values[4]; /* CK_CODE_BLOCK each */
  v4 max, sum;            /* the largest magnitude, and all added up */
} Q (Blocks);

/* The sum is made in the order that is the same for every width: in 16 lanes, which are then added
 * by halves. Of n blocks; the others are as the first. */
static inline __attribute__ ((always_inline)) void
Q (measure) (int64_t n, Q (Blocks) * blocks)
{
  vf maxima[4], sums[4];

#pragma GCC unroll 4
  for (int b = 0; b < 4; b++) {
    vf lanes[16 / W];

    if (b >= n) {
      maxima[b] = maxima[0];
      sums[b] = sums[0];
      continue;
    }
    maxima[b] = v_set (0);
#pragma GCC unroll 2
    for (int lane = 0; lane < 16 / W; lane++)
      lanes[lane] = v_set (0);
#pragma GCC unroll 8
    for (int i = 0; i < CK_CODE_BLOCK; i += W) {
      const vf magnitude = v_abs (v_load (blocks->values[b] + i, W, 0));

      maxima[b] = v_max (maxima[b], magnitude);
      lanes[i % 16 / W] = v_add (lanes[i % 16 / W], magnitude);
    }
    sums[b] = W == 16 ? lanes[0] : v_add (lanes[0], lanes[16 / W - 1]);
  }
  blocks->max = v_max_of_four (maxima);
  blocks->sum = v_sum_of_four (sums);
}

/* Whether any of four blocks has outliers (ck_has_outlier ()) or values that are not finite. */
static inline bool
Q (are_special) (const Q (Blocks) * blocks)
{
  const q4 has_outlier =
      (blocks->max * CK_CODE_BLOCK > Q_OUTLIER * blocks->sum) & (blocks->sum > blocks->max);

  return q4_any (has_outlier | ~(blocks->sum < INFINITY));
}

static const float Q (zeros)[CK_CODE_BLOCK];

/* Takes outliers out of the blocks that have some, which lie in `rest` then, unless `outliers` is
 * NULL; returns how many. Those with values that are not finite become zeros of scale NaN. */
static __attribute__ ((noinline)) int64_t
Q (treat_special) (int64_t n_blocks, int64_t column, Q (Blocks) * blocks,
                   float rest[4][CK_CODE_BLOCK], CkOutlier *outliers)
{
  int64_t n = 0;

  for (int64_t b = 0; b < n_blocks && outliers != NULL; b++)
    if (ck_has_outlier (Q_OUTLIER, blocks->max[b], blocks->sum[b])) {
      n += ck_take_outliers (Q_OUTLIER, blocks->values[b], column + b * CK_CODE_BLOCK,
                             CK_CODE_BLOCK, rest[b], outliers + n);
      blocks->values[b] = rest[b];
    }
  Q (measure) (n_blocks, blocks);
  for (int64_t b = 0; b < n_blocks; b++)
    if (!(blocks->sum[b] < INFINITY)) {
      blocks->values[b] = Q (zeros);
      blocks->max[b] = NAN;
    }
  return n;
}

/* Codes of a block; returns their sum in each lane. */
static inline vq
Q (encode_block) (const float *x, float inverse, Q (Code) * codes)
{
  vq sum = q_set (0), block[CK_CODE_BLOCK / W];

#pragma GCC unroll 8
  for (int i = 0; i < CK_CODE_BLOCK / W; i++) {
    block[i] = q_from_float (v_mul (v_load (x + i * W, W, 0), v_set (inverse)));
    sum = q_add (sum, block[i]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < CK_CODE_BLOCK / W; i += Q_GROUP)
    q_store (codes + i * W, block + i);
  return sum;
}

/* Blocks [0, n) with their scales and sums. */
static inline __attribute__ ((always_inline)) void
Q (encode) (int64_t n, const Q (Blocks) * blocks, Q (Code) * codes, float *scales, int32_t *sums)
{
  const v4 scale = blocks->max / Q_CODE_MAX;
  v4 inverse = Q_CODE_MAX / blocks->max;
  vf totals[4];
  q4 offset;

  inverse = (v4)((q4)inverse & (inverse < INFINITY)); /* ck_code_inverse () */
#pragma GCC unroll 4
  for (int b = 0; b < 4; b++)
    totals[b] = b < n ? q_to_float (Q (encode_block) (blocks->values[b], inverse[b],
                                                      codes + b * CK_CODE_BLOCK))
                      : v_set (0);
  memcpy (scales, &scale, (size_t)n * sizeof *scales);
  if (Q_SUMS == 0 || sums == NULL)
    return;
#ifdef q_dot_pair
  for (int64_t b = 0; b < n; b++)
    q_store_sums (sums + b * Q_SUMS, codes + b * CK_CODE_BLOCK);
  return;
#endif
  offset = -128 * __builtin_convertvector(v_sum_of_four (totals), q4); /* exact: 64 codes */
  memcpy (sums, &offset, (size_t)n * sizeof *sums);
}

/* One to four blocks, of which `last` has the values of the last; column: of the first. Inlined
 * with a constant for n, so that no step asks for it. */
static inline __attribute__ ((always_inline)) int64_t
Q (quantise_blocks) (int64_t n, int64_t column, const float *x, const float *last, Q (Code) * codes,
                     float *scales, int32_t *sums, CkOutlier *outliers)
{
  float rest[4][CK_CODE_BLOCK];
  int64_t n_outliers = 0;
  Q (Blocks) blocks;

#pragma GCC unroll 4
  for (int64_t b = 0; b < 4; b++)
    blocks.values[b] = b < n - 1 ? x + b * CK_CODE_BLOCK : last;
  Q (measure) (n, &blocks);
  if (__builtin_expect (Q (are_special) (&blocks), false))
    n_outliers = Q (treat_special) (n, column, &blocks, rest, outliers);
  Q (encode) (n, &blocks, codes, scales, sums);
  return n_outliers;
}

static int64_t
Q (quantise) (int64_t n, const float *x, void *to, float *scales, int32_t *sums,
              CkOutlier *outliers)
{
  int64_t n_outliers = 0;

  for (int64_t i = 0; i < n; i += 4 * CK_CODE_BLOCK) {
    const int64_t block = i / CK_CODE_BLOCK,
                  n_blocks = ck_min (4, ck_ceil_div (n - i, CK_CODE_BLOCK)),
                  end = i + (n_blocks - 1) * CK_CODE_BLOCK;
    Q (Code) *codes = (Q (Code) *)to + i;
    int32_t *block_sums = sums != NULL ? sums + block * Q_SUMS : NULL;
    CkOutlier *next = outliers != NULL ? outliers + n_outliers : NULL;
    const float *last = x + end;
    float padded[CK_CODE_BLOCK];

    if (n - end < CK_CODE_BLOCK) {
      memset (padded, 0, sizeof padded);
      memcpy (padded, last, (size_t)(n - end) * sizeof *padded);
      last = padded;
    }
#define BLOCKS(n) Q (quantise_blocks) (n, i, x + i, last, codes, scales + block, block_sums, next)
    n_outliers += n_blocks == 4 ? BLOCKS (4) : n_blocks == 2 ? BLOCKS (2) : BLOCKS (n_blocks);
#undef BLOCKS
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

/* Where a tile's result goes: row `row` of all rows is the tile's first. */
typedef struct {
  const CkTail *tail;
  int64_t row, rows, outs;
  float *y; /* of all rows */
  int64_t stride;
} Q (Target);

/* Asks for what the tail of a tile reads, and for the lines that it writes, while products are
 * made: they lie a row apart, in which processors see no pattern. */
static inline void
Q (fetch) (const Q (Target) * target)
{
  const CkTail *tail = target->tail;

  for (int64_t i = target->row; i < ck_min (target->row + Q_TILE, target->rows); i++)
    for (int64_t line = 0; line < target->outs; line += 16) {
      __builtin_prefetch (target->y + i * target->stride + line, 1);
      if (tail != NULL && tail->residual != NULL)
        __builtin_prefetch (tail->residual + i * tail->stride + line);
    }
}

/* Writes a tile by way of its tail. */
static void
Q (finish) (const Q (Target) * target, const float totals[Q_TILE][Q_STRIP])
{
  const CkTail *tail = target->tail;
  const int64_t end = ck_min (target->row + Q_TILE, target->rows);

  for (int64_t row = target->row; row < end; row++)
    for (int64_t col = 0; col < target->outs; col += W) {
      const int64_t left = target->outs - col;
      vf total = v_load (totals[row - target->row] + col, W, 0);

      if (tail->addend != NULL)
        total = v_add (total, v_load (tail->addend + row * tail->addend_stride + col, left, 0));
      total = v_epilogue (
          &tail->epilogue, tail->multiplier != NULL ? tail->multiplier + row * tail->stride : NULL,
          tail->residual != NULL ? tail->residual + row * tail->stride : NULL, col, left, total);
      v_store (target->y + row * target->stride + col, left, total);
    }
}

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
        const vq factors[2] = { q_set (factor[0]), q_set (factor[Q_STEP - 1]) };
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
    float tile[Q_TILE][Q_STRIP] __attribute__ ((aligned (64)));

#pragma GCC unroll 16
    for (int i = 0; i < Q_TILE; i++)
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++)
        v_store (tile[i] + v * W, W, totals[i][v]);
    Q (finish) (target, tile);
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
        const vq factor = q_set (a[i]);
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
 * once for all rounds. */
static float
Q (peak) (int64_t rounds)
{
  const vq factor = q_set (0x00010001);
  vq sums[Q_PEAK_SUMS], all = q_set (0);

#pragma GCC unroll 12
  for (int i = 0; i < Q_PEAK_SUMS; i++)
    sums[i] = q_set (i);
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
#undef Q_OFFSET
#undef Q_STEP
#undef Q_SUMS
#undef Q_OUTLIER
#undef Q_GROUP
#undef Q_GROUPS
#undef Q_STRIP
#undef Q
#undef Q_BITS
#undef Q_CODE_MAX
#undef Q_TILE
#undef q_dot
#undef q_dot_pair
