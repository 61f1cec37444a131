/* SPDX-License-Identifier: MIT */
/*
 * Formats of weights in plain C: the definition that all faster ones are tested against
 * (tests/kernels), and what runs where there is none. Written to be read, not to be fast.
 */
#include "kernels/cpu/dequantise.h"

#include <string.h>

static float
float_from_bits (uint32_t bits)
{
  float value;
  memcpy (&value, &bits, sizeof value);
  return value;
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
static float
float_from_f16 (uint16_t half)
{
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  const uint32_t exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;

  if (exponent == 0) /* zero and subnormals: fraction * 2^-24 is exact */
    return sign != 0 ? -(float)fraction * 0x1p-24f : (float)fraction * 0x1p-24f;
  if (exponent == 31) /* infinity and NaN */
    return float_from_bits (sign | 0x7f800000 | fraction << 13);
  return float_from_bits (sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

static void
f16_c (int64_t n, const uint16_t *data, float *out)
{
  for (int64_t i = 0; i < n; i++)
    out[i] = float_from_f16 (data[i]);
}

/* The upper half of an fp32. */
static void
bf16_c (int64_t n, const uint16_t *data, float *out)
{
  for (int64_t i = 0; i < n; i++)
    out[i] = float_from_bits ((uint32_t)data[i] << 16);
}

static void
nf4_c (const CkWeightSource *source, int64_t first, int64_t n, float *out)
{
  const uint8_t *pairs = source->host_data;

  for (int64_t i = first; i < first + n; i++) {
    const int q = i % 2 == 0 ? pairs[i / 2] >> 4 : pairs[i / 2] & 15;
    out[i - first] = source->code[q] * source->host_absmax[i / source->block];
  }
}

void
ck_dequantise_init_c (CkDequantiseOps *ops)
{
  *ops = (CkDequantiseOps){ f16_c, bf16_c, nf4_c };
}
