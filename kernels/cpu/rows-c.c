/* SPDX-License-Identifier: MIT */
/*
 * What the layers do to one row, in plain C: the definition that all faster ones are tested against
 * (tests/kernels), and what runs where there is none. Written to be read, not to be fast.
 */
#include "kernels/cpu/rows.h"

#include "kernels/activation.h"

#include <math.h>

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

void
ck_row_epilogue_c (const CkEpilogue *epilogue, int64_t cols, const float *t,
                   const float *multiplier, const float *residual, float *y)
{
  for (int64_t i = 0; i < cols; i++) {
    float value = t[i];

    if (epilogue->gain != NULL)
      value *= epilogue->gain[i];
    if (epilogue->bias != NULL)
      value += epilogue->bias[i];
    value = ck_activate (epilogue->activation, value);
    if (multiplier != NULL)
      value *= multiplier[i];
    if (epilogue->scale != NULL)
      value *= epilogue->scale[i];
    if (residual != NULL)
      value += residual[i];
    y[i] = value;
  }
}

static void
add_scaled_c (int64_t n, float factor, const float *x, float *y)
{
  for (int64_t i = 0; i < n; i++)
    y[i] += factor * x[i];
}

void
ck_row_init_c (CkRowOps *ops)
{
  *ops = (CkRowOps){ norm_c, softmax_c, rope_c, add_scaled_c, ck_row_epilogue_c };
}
