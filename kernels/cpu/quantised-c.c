/* SPDX-License-Identifier: MIT */
/* quantised.h in plain C. */
#include "kernels/cpu/codes.h"
#include "kernels/sizes.h"

#define STRIP 8

/* Where the elements of each eight lie. */
static const uint8_t places_16[8] = { 0, 4, 2, 6, 1, 5, 3, 7 };
static const uint8_t places_8[8] = { 0, 2, 4, 6, 1, 3, 5, 7 };

/* One kind of codes. */
typedef struct {
  int bits;
  int32_t code_max, offset;
  float outlier; /* ck_has_outlier () */
} Kind;

#define CODES_16     ((Kind){ 16, CK_CODE_MAX_16, 0, CK_OUTLIER })
#define CODES_8      ((Kind){ 8, CK_CODE_MAX_8, 128, CK_OUTLIER })
#define CODES_SIGNED ((Kind){ 8, CK_CODE_MAX_8, 0, CK_OUTLIER })
#define CODES_NARROW ((Kind){ 8, CK_CODE_MAX_NARROW, CK_CODE_MAX_NARROW, CK_OUTLIER_NARROW })

#define NARROW_SUMS (CK_CODE_BLOCK / 8)

static int32_t
read_code (int bits, const void *codes, int64_t i)
{
  return bits == 8 ? ((const int8_t *)codes)[i] : ((const int16_t *)codes)[i];
}

/* With its offset, if it has one. */
static int32_t
read_weight (Kind kind, const void *strip, int64_t i)
{
  return kind.offset != 0 ? ((const uint8_t *)strip)[i] : read_code (kind.bits, strip, i);
}

/* The largest magnitude, and the sum of all in 16 lanes, which are then added by halves. */
static float
magnitudes (const float *x, int64_t n, float *sum)
{
  float max = 0, sums[16] = { 0 };

  for (int64_t i = 0; i < n; i++) {
    max = fmaxf (max, fabsf (x[i]));
    sums[i % 16] += fabsf (x[i]);
  }
  for (int half = 8; half > 0; half /= 2)
    for (int lane = 0; lane < half; lane++)
      sums[lane] += sums[lane + half];
  *sum = sums[0];
  return max;
}

/* The sums of a block of 8-bit codes. */
static void
sum_block (Kind kind, const int8_t *codes, int32_t *sums)
{
  int16_t halves[NARROW_SUMS][2] = { 0 };
  int32_t total = 0;

  for (int64_t place = 0; place < CK_CODE_BLOCK; place++) {
    total += codes[place];
    halves[place / 8][place / 2 % 2] =
        (int16_t)(halves[place / 8][place / 2 % 2] - kind.offset * codes[place]);
  }
  if (kind.code_max == CK_CODE_MAX_NARROW)
    memcpy (sums, halves, sizeof halves);
  else
    *sums = -kind.offset * total;
}

static int64_t
quantise (Kind kind, int64_t n, const float *x, void *codes, float *scales, int32_t *sums,
          CkOutlier *outliers)
{
  const float code_max = (float)kind.code_max;
  const uint8_t *places = kind.bits == 8 ? places_8 : places_16;
  int64_t n_outliers = 0;

  for (int64_t i = 0, block = 0; i < n; i += CK_CODE_BLOCK, block++) {
    float rest[CK_CODE_BLOCK], sum, max, inverse;
    int64_t left = ck_min (n - i, CK_CODE_BLOCK);
    const float *from = x + i;

    max = magnitudes (from, left, &sum);
    if (outliers != NULL && ck_has_outlier (kind.outlier, max, sum)) {
      n_outliers += ck_take_outliers (kind.outlier, from, i, left, rest, outliers + n_outliers);
      from = rest;
      max = magnitudes (from, left, &sum);
    }
    scales[block] = ck_code_scale (max, sum, code_max);
    inverse = ck_code_inverse (max, code_max);
    for (int64_t place = 0; place < CK_CODE_BLOCK; place++) {
      const int64_t element = place / 8 * 8 + places[place % 8];
      const float scaled = element < left ? from[element] * inverse : 0;
      const int32_t code = isfinite (scaled) ? (int32_t)lrintf (scaled) : 0;

      if (kind.bits == 8)
        ((int8_t *)codes)[i + place] = (int8_t)code;
      else
        ((int16_t *)codes)[i + place] = (int16_t)code;
    }
    if (kind.offset != 0 && sums != NULL)
      sum_block (kind, (const int8_t *)codes + i,
                 sums + block * (kind.code_max == CK_CODE_MAX_NARROW ? NARROW_SUMS : 1));
  }
  return n_outliers;
}

static void
unpack (Kind kind, int64_t blocks, const uint8_t *pairs, int64_t stride, int64_t rows,
        const int16_t table[16], void *strip)
{
  const uint8_t *places = kind.bits == 8 ? places_8 : places_16;
  const int64_t group = 32 / kind.bits;

  for (int64_t place = 0; place < blocks * CK_CODE_BLOCK; place++)
    for (int64_t out = 0; out < STRIP; out++) {
      const int64_t element = place / 8 * 8 + places[place % 8];
      const uint8_t pair = pairs[ck_min (out, rows - 1) * stride + element / 2];
      const int16_t code = table[element % 2 == 0 ? pair >> 4 : pair & 15];
      const int64_t at = (place / group * STRIP + out) * group + place % group;

      if (kind.bits == 8)
        ((uint8_t *)strip)[at] = (uint8_t)(code + kind.offset);
      else
        ((int16_t *)strip)[at] = code;
    }
}

/* Column j of w, of n elements, as lane j of a block. */
static void
pack_column (int64_t n, const float *w, int64_t stride, int64_t lane, int16_t *groups, float *scale)
{
  float max = 0, sum = 0, inverse;

  for (int64_t i = 0; i < n; i++) {
    max = fmaxf (max, fabsf (w[i * stride]));
    sum += fabsf (w[i * stride]);
  }
  *scale = ck_code_scale (max, sum, CK_CODE_MAX_16);
  inverse = ck_code_inverse (max, CK_CODE_MAX_16);
  for (int64_t place = 0; place < CK_CODE_BLOCK; place++) {
    const int64_t element = place / 8 * 8 + places_16[place % 8];
    const float scaled = element < n ? w[element * stride] * inverse : 0;

    groups[(place / 2 * STRIP + lane) * 2 + place % 2] =
        isfinite (scaled) ? (int16_t)lrintf (scaled) : 0;
  }
}

static void
pack_block_16 (int64_t n, int64_t outs, const float *w, int64_t stride, void *groups, float *scales)
{
  for (int64_t lane = 0; lane < STRIP; lane++)
    pack_column (lane < outs ? n : 0, w + lane, stride, lane, groups, scales + lane);
}

/* What the offsets of weights add to the products with a block, taken away. */
static int32_t
without_offsets (Kind kind, const CkCodes *x, int64_t block)
{
  int16_t halves[2 * NARROW_SUMS];
  int32_t sum = 0;

  if (kind.offset == 0)
    return 0;
  if (kind.code_max != CK_CODE_MAX_NARROW)
    return x->sums[block];
  memcpy (halves, x->sums + block * NARROW_SUMS, sizeof halves);
  for (int i = 0; i < 2 * NARROW_SUMS; i++)
    sum += halves[i];
  return sum;
}

/* n: elements that are not all 0 */
static int32_t
multiply_block (Kind kind, const CkCodes *x, int64_t row, int64_t block, int64_t n,
                const void *strip, int64_t out)
{
  const int64_t group = 32 / kind.bits, at = (row * x->blocks + block) * CK_CODE_BLOCK;
  int32_t sum = without_offsets (kind, x, row * x->blocks + block);

  for (int64_t place = 0; place < n; place++) {
    const int64_t of =
        ((block * CK_CODE_BLOCK + place) / group * STRIP + out) * group + place % group;

    sum += read_code (kind.bits, x->codes, at + place) * read_weight (kind, strip, of);
  }
  return sum;
}

/* total + the products of a row with an output. */
static float
add_products (Kind kind, const CkCodes *x, int64_t row, int64_t n, const void *strip,
              const float *strip_scales, int64_t out, float total)
{
  for (int64_t block = 0; block < x->blocks; block++)
    total = fmaf ((float)multiply_block (kind, x, row, block, n, strip, out),
                  x->scales[row * x->blocks + block] * strip_scales[block * STRIP + out], total);
  return total;
}

static void
multiply (Kind kind, int64_t rows, const CkCodes *x, const void *strip, const float *strip_scales,
          const CkTail *tail, int64_t outs, float *y, int64_t stride)
{
  const CkSecondProduct *second = tail != NULL ? tail->second : NULL;

  for (int64_t row = 0; row < rows; row++) {
    float totals[STRIP];

    for (int64_t out = 0; out < outs; out++) {
      totals[out] = add_products (kind, x, row, CK_CODE_BLOCK, strip, strip_scales, out, 0);
      if (second != NULL)
        totals[out] = add_products (kind, &second->x, row, second->used, second->strip,
                                    second->scales, out, totals[out]);
      if (tail != NULL && tail->addend != NULL)
        totals[out] += tail->addend[row * tail->addend_stride + out];
    }
    if (tail == NULL)
      memcpy (y + row * stride, totals, (size_t)outs * sizeof *totals);
    else
      ck_row_epilogue_c (&tail->epilogue, outs, totals,
                         tail->multiplier != NULL ? tail->multiplier + row * tail->stride : NULL,
                         tail->residual != NULL ? tail->residual + row * tail->stride : NULL,
                         y + row * stride);
  }
}

/* Outputs i of a and j of b in one block. */
static int32_t
multiply_lanes (const int16_t *a, int64_t i, const int16_t *b, int64_t j)
{
  int32_t sum = 0;

  for (int64_t place = 0; place < CK_CODE_BLOCK; place++)
    sum += a[(place / 2 * STRIP + i) * 2 + place % 2] * b[(place / 2 * STRIP + j) * 2 + place % 2];
  return sum;
}

static void
multiply_strips_16 (int64_t blocks, const void *a, const float *a_scales, const void *b,
                    const float *b_scales, float *y, int64_t stride)
{
  for (int64_t block = 0; block < blocks; block++) {
    const int64_t at = block * CK_CODE_BLOCK * STRIP;

    for (int64_t i = 0; i < STRIP; i++)
      for (int64_t j = 0; j < STRIP; j++)
        y[i * stride + j] =
            fmaf ((float)multiply_lanes ((const int16_t *)a + at, i, (const int16_t *)b + at, j),
                  a_scales[block * STRIP + i] * b_scales[block * STRIP + j], y[i * stride + j]);
  }
}

/* The functions of a table for a kind of codes. */
#define DEFINE(kind, name)                                                                         \
  static int64_t quantise_##name (int64_t n, const float *x, void *codes, float *scales,           \
                                  int32_t *sums, CkOutlier *outliers)                              \
  {                                                                                                \
    return quantise (kind, n, x, codes, scales, sums, outliers);                                   \
  }                                                                                                \
  static void unpack_##name (int64_t blocks, const uint8_t *pairs, int64_t stride, int64_t rows,   \
                             const int16_t table[16], void *strip)                                 \
  {                                                                                                \
    unpack (kind, blocks, pairs, stride, rows, table, strip);                                      \
  }                                                                                                \
  static void multiply_##name (int64_t rows, const CkCodes *x, const void *strip,                  \
                               const float *strip_scales, const CkTail *tail, int64_t outs,        \
                               float *y, int64_t stride)                                           \
  {                                                                                                \
    multiply (kind, rows, x, strip, strip_scales, tail, outs, y, stride);                          \
  }

DEFINE (CODES_16, 16)
DEFINE (CODES_8, 8)
DEFINE (CODES_SIGNED, signed)
DEFINE (CODES_NARROW, narrow)

/* The table of a kind of codes. */
#define TABLE(kind, n_sums, name)                                                                  \
  (CkQuantisedOps)                                                                                 \
  {                                                                                                \
    .type = (kind).bits == 8 ? CK_I8 : CK_I16, .code_size = (kind).bits / 8,                       \
    .code_max = (kind).code_max, .offset = (kind).offset, .sums = n_sums, .strip = STRIP,          \
    .group = sizeof (int32_t), .quantise = quantise_##name, .unpack = unpack_##name,               \
    .multiply = multiply_##name                                                                    \
  }

void
ck_quantised_init_c (CkQuantisedOps *int16, CkQuantisedOps *int8)
{
  *int16 = TABLE (CODES_16, 0, 16);
  int16->pack_block = pack_block_16;
  int16->multiply_strips = multiply_strips_16;
  *int8 = TABLE (CODES_8, 1, 8);
}

void
ck_quantised_init_same_c (const CkQuantisedOps *as, CkQuantisedOps *int8)
{
  if (as->code_max == CK_CODE_MAX_NARROW)
    *int8 = TABLE (CODES_NARROW, NARROW_SUMS, narrow);
  else if (as->offset == 0)
    *int8 = TABLE (CODES_SIGNED, 0, signed);
  else
    *int8 = TABLE (CODES_8, 1, 8);
}
