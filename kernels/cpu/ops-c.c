/* SPDX-License-Identifier: MIT */
/*
 * Every inner operation in plain C: the definition that all faster ones are tested against
 * (tests/kernels), and what runs where there is none. Written to be read, not to be fast.
 */
#include "kernels/cpu/yuv.h"

#include <math.h>
#include <string.h>

/* The sum of a[i] b[i], in 16 partial sums: a single one would lose digits over thousands of terms.
 */
static float
dot (int64_t n, const float *a, const float *b)
{
  float part[16] = { 0 }, sum = 0;
  int64_t i = 0;

  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; j++)
      part[j] += a[i + j] * b[i + j];
  for (; i < n; i++)
    part[0] += a[i] * b[i];
  for (int j = 0; j < 16; j++)
    sum += part[j];
  return sum;
}

static CkStatus
gemm_c (bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
        const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
  for (int64_t i = 0; i < m; i++) {
    const float *a_row = a + i * lda;
    float *c_row = c + i * ldc;

    for (int64_t j = 0; j < n; j++)
      c_row[j] = beta == 0 ? 0 : beta * c_row[j];
    if (transpose_b) {
      for (int64_t j = 0; j < n; j++)
        c_row[j] += alpha * dot (k, a_row, b + j * ldb);
    } else {
      for (int64_t l = 0; l < k; l++)
        for (int64_t j = 0; j < n; j++)
          c_row[j] += alpha * a_row[l] * b[l * ldb + j];
    }
  }
  return CK_OK;
}

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
decode_f16_c (int64_t n, const uint16_t *data, float *out)
{
  for (int64_t i = 0; i < n; i++)
    out[i] = float_from_f16 (data[i]);
}

/* The upper half of an fp32. */
static void
decode_bf16_c (int64_t n, const uint16_t *data, float *out)
{
  for (int64_t i = 0; i < n; i++)
    out[i] = float_from_bits ((uint32_t)data[i] << 16);
}

static void
decode_nf4_c (const CkWeightSource *source, int64_t first, int64_t n, float *out)
{
  const uint8_t *pairs = source->host_data;

  for (int64_t i = first; i < first + n; i++) {
    const int q = i % 2 == 0 ? pairs[i / 2] >> 4 : pairs[i / 2] & 15;
    out[i - first] = source->code[q] * source->host_absmax[i / source->block];
  }
}

static void
norm_c (const CkNorm *norm, int64_t cols, const float *x, float *y)
{
  double mean = 0, variance = 0, factor;

  for (int64_t i = 0; i < cols; i++)
    mean += x[i];
  mean /= (double)cols;
  for (int64_t i = 0; i < cols; i++)
    variance += (x[i] - mean) * (x[i] - mean);
  variance /= (double)cols;
  factor = 1 / sqrt (variance + norm->epsilon);
  for (int64_t i = 0; i < cols; i++)
    y[i] = (float)((x[i] - mean) * factor) * norm->weight[i] + norm->bias[i];
}

/* The maximum is subtracted first, so that no exponential overflows. */
static void
softmax_c (int64_t n, float *x)
{
  float max = x[0], sum = 0;

  for (int64_t i = 1; i < n; i++)
    max = fmaxf (max, x[i]);
  for (int64_t i = 0; i < n; i++) {
    x[i] = expf (x[i] - max);
    sum += x[i];
  }
  for (int64_t i = 0; i < n; i++)
    x[i] /= sum;
}

static void
rope_c (int64_t head_dim, const float *cos, const float *sin, float *x)
{
  const int64_t half = head_dim / 2;

  for (int64_t i = 0; i < half; i++) {
    const float low = x[i], high = x[i + half];
    x[i] = low * cos[i] - high * sin[i];
    x[i + half] = high * cos[i + half] + low * sin[i + half];
  }
}

static float
activate (CkActivation activation, float t)
{
  switch (activation) {
  case CK_GELU:
    return 0.5f * t * (1 + erff (t * 0.70710678f));
  case CK_SILU:
    return t / (1 + expf (-t));
  case CK_RELU:
    return t < 0 ? 0 : t;
  case CK_IDENTITY:
    break;
  }
  return t;
}

static void
epilogue_c (const CkEpilogue *epilogue, int64_t cols, const float *t, const float *times,
            const float *residual, float *y)
{
  for (int64_t i = 0; i < cols; i++) {
    float value = t[i];

    if (epilogue->gain != NULL)
      value *= epilogue->gain[i];
    if (epilogue->bias != NULL)
      value += epilogue->bias[i];
    value = activate (epilogue->activation, value);
    if (times != NULL)
      value *= times[i];
    if (epilogue->scale != NULL)
      value *= epilogue->scale[i];
    if (residual != NULL)
      value += residual[i];
    y[i] = value;
  }
}

void
ck_cpu_ops_init_c (CkCpuOps *ops)
{
  *ops = (CkCpuOps){
    .gemm = gemm_c,
    .decode_f16 = decode_f16_c,
    .decode_bf16 = decode_bf16_c,
    .decode_nf4 = decode_nf4_c,
    .norm = norm_c,
    .softmax = softmax_c,
    .rope = rope_c,
    .epilogue = epilogue_c,
    .yuv_to_rgb = yuv_to_rgb_v,
  };
  ck_cpu_ops_init_c_training (ops);
}
