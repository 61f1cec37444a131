/* SPDX-License-Identifier: MIT */
/*
 * Activations as codes (quantised.h) over vectors of any width. quantised-tmpl.h includes this
 * file; so may one that multiplies codes in a way of its own. Beside the words of vectors-tmpl.h it
 * needs:
 *   Q(name)                     name, made different for each inclusion
 *   Q_BITS, Q_CODE_MAX          8 or 16; of quantised.h
 *   Q_OFFSET                    of weights, CkQuantisedOps.offset
 *   q_dot_pair                  of quantised-tmpl.h, if these are narrow codes
 * and words for W whole numbers of 32 bits, vq:
 *   q_set, q_add, q_to_float, q_from_float (to nearest even)
 *   q_store_16, q_store_8 (p, v)  two or four vectors as codes, each eight in the order of their
 *                               groups
 *   q_store_sums (p, codes)     the sums of a block of narrow codes
 *   v4, q4                      four floats, four whole numbers, as gcc's vectors
 *   v_max_of_four, v_sum_of_four (v)
 *                               the maximum or the sum of each of four vectors of floats, whose
 *                               lanes are added by halves
 *   q4_any (mask)               whether any lane's sign is set
 */
#define Q_GROUP  (32 / Q_BITS)
#define Q_GROUPS (CK_CODE_BLOCK / Q_GROUP) /* a block */

#ifdef q_dot_pair
#  define Q_STEP    2 /* groups that are multiplied at once */
#  define Q_SUMS    (Q_GROUPS / Q_STEP)
#  define Q_OUTLIER CK_OUTLIER_NARROW
#else
#  define Q_STEP    1
#  define Q_SUMS    (Q_OFFSET != 0)
#  define Q_OUTLIER CK_OUTLIER
#endif

#if Q_BITS == 8
typedef int8_t Q (Code);
#  define q_store q_store_8
#else
typedef int16_t Q (Code);
#  define q_store q_store_16
#endif

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
  offset = -Q_OFFSET * __builtin_convertvector(v_sum_of_four (totals), q4); /* exact: 64 codes */
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
