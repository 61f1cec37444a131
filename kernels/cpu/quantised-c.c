/* SPDX-License-Identifier: MIT */
/* quantised.h in plain C. */
#include "kernels/cpu/codes.h"
#include "kernels/sizes.h"

#define STRIP 8

/* Where the elements of each eight lie. */
static const uint8_t places_16[8] = { 0, 4, 2, 6, 1, 5, 3, 7 };
static const uint8_t places_8[8] = { 0, 2, 4, 6, 1, 3, 5, 7 };

static int32_t
read_code (int bits, const void *codes, int64_t i)
{
  return bits == 8 ? ((const int8_t *)codes)[i] : ((const int16_t *)codes)[i];
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

static int64_t
quantise (int bits, int64_t n, const float *x, void *codes, float *scales, CkOutlier *outliers)
{
  const float code_max = bits == 8 ? CK_CODE_MAX_8 : CK_CODE_MAX_16;
  const uint8_t *places = bits == 8 ? places_8 : places_16;
  int64_t n_outliers = 0;

  for (int64_t i = 0, block = 0; i < n; i += CK_CODE_BLOCK, block++) {
    float rest[CK_CODE_BLOCK], sum, max, inverse;
    int64_t left = ck_min (n - i, CK_CODE_BLOCK);
    const float *from = x + i;

    max = magnitudes (from, left, &sum);
    if (outliers != NULL && ck_has_outlier (max, sum)) {
      n_outliers += ck_take_outliers (from, i, left, rest, outliers + n_outliers);
      from = rest;
      max = magnitudes (from, left, &sum);
    }
    scales[block] = ck_code_scale (max, sum, code_max);
    inverse = ck_code_inverse (max, code_max);
    for (int64_t place = 0; place < CK_CODE_BLOCK; place++) {
      const int64_t element = place / 8 * 8 + places[place % 8];
      const float scaled = element < left ? from[element] * inverse : 0;
      const int32_t code = isfinite (scaled) ? (int32_t)lrintf (scaled) : 0;

      if (bits == 8)
        ((int8_t *)codes)[i + place] = (int8_t)code;
      else
        ((int16_t *)codes)[i + place] = (int16_t)code;
    }
  }
  return n_outliers;
}

static void
unpack (int bits, int64_t blocks, const uint8_t *pairs, int64_t stride, int64_t rows,
        const int16_t table[16], void *strip)
{
  const uint8_t *places = bits == 8 ? places_8 : places_16;
  const int64_t group = 32 / bits;

  for (int64_t place = 0; place < blocks * CK_CODE_BLOCK; place++)
    for (int64_t out = 0; out < STRIP; out++) {
      const int64_t element = place / 8 * 8 + places[place % 8];
      const uint8_t pair = pairs[ck_min (out, rows - 1) * stride + element / 2];
      const int16_t code = table[element % 2 == 0 ? pair >> 4 : pair & 15];
      const int64_t at = (place / group * STRIP + out) * group + place % group;

      if (bits == 8)
        ((int8_t *)strip)[at] = (int8_t)code;
      else
        ((int16_t *)strip)[at] = code;
    }
}

static int32_t
multiply_block (int bits, const CkCodes *x, int64_t row, int64_t block, const void *strip,
                int64_t out)
{
  const int64_t group = 32 / bits, at = (row * x->blocks + block) * CK_CODE_BLOCK;
  int32_t sum = 0;

  for (int64_t place = 0; place < CK_CODE_BLOCK; place++) {
    const int64_t of =
        ((block * CK_CODE_BLOCK + place) / group * STRIP + out) * group + place % group;

    sum += read_code (bits, x->codes, at + place) * read_code (bits, strip, of);
  }
  return sum;
}

static void
multiply (int bits, int64_t rows, const CkCodes *x, const void *strip, const float *strip_scales,
          float *y, int64_t stride)
{
  for (int64_t row = 0; row < rows; row++)
    for (int64_t out = 0; out < STRIP; out++) {
      float total = 0;

      for (int64_t block = 0; block < x->blocks; block++)
        total =
            fmaf ((float)multiply_block (bits, x, row, block, strip, out),
                  x->scales[row * x->blocks + block] * strip_scales[block * STRIP + out], total);
      y[row * stride + out] = total;
    }
}

/* The functions of a table for codes of so many bits. */
#define DEFINE(bits)                                                                               \
  static int64_t quantise_##bits (int64_t n, const float *x, void *codes, float *scales,           \
                                  int32_t *sums, CkOutlier *outliers)                              \
  {                                                                                                \
    return quantise (bits, n, x, codes, scales, outliers);                                         \
  }                                                                                                \
  static void unpack_##bits (int64_t blocks, const uint8_t *pairs, int64_t stride, int64_t rows,   \
                             const int16_t table[16], void *strip)                                 \
  {                                                                                                \
    unpack (bits, blocks, pairs, stride, rows, table, strip);                                      \
  }                                                                                                \
  static void multiply_##bits (int64_t rows, const CkCodes *x, const void *strip,                  \
                               const float *strip_scales, float *y, int64_t stride)                \
  {                                                                                                \
    multiply (bits, rows, x, strip, strip_scales, y, stride);                                      \
  }

DEFINE (16)
DEFINE (8)

/* The table of so many bits. */
#define TABLE(bits)                                                                                \
  (CkQuantisedOps)                                                                                 \
  {                                                                                                \
    .type = CK_I##bits, .code_size = bits / 8, .code_max = CK_CODE_MAX_##bits, .strip = STRIP,     \
    .group = sizeof (int32_t), .quantise = quantise_##bits, .unpack = unpack_##bits,               \
    .multiply = multiply_##bits                                                                    \
  }

void
ck_quantised_init_c (CkQuantisedOps *int16, CkQuantisedOps *int8)
{
  *int16 = TABLE (16);
  *int8 = TABLE (8);
}
