/* SPDX-License-Identifier: MIT */
/*
 * What training does to one row in plain C: the definition that all faster ones are tested against
 * (tests/kernels), and what runs where there is none. Written to be read, not to be fast.
 */
#include "kernels/cpu/training-ops.h"

#include "kernels/activation.h"
#include "kernels/philox.h"

#include <math.h>
#include <string.h>

static void
rope_back_c (int64_t head_dim, const float *cos, const float *sin, float *x)
{
  const int64_t half = head_dim / 2;

  for (int64_t i = 0; i < half; i++) {
    const float low = x[i], high = x[i + half];
    x[i] = low * cos[i] + high * sin[i + half];
    x[i + half] = high * cos[i + half] - low * sin[i];
  }
}

static void
softmax_backward_c (int64_t n, float scale, const float *p, float *dx)
{
  double sum = 0;

  for (int64_t i = 0; i < n; i++)
    sum += (double)p[i] * dx[i];
  for (int64_t i = 0; i < n; i++)
    dx[i] = scale * p[i] * (dx[i] - (float)sum);
}

/* With h = (x - mean) / deviation and g = weight dy: dx = (g - mean (g) - h mean (g h)) /
 * deviation. */
static void
norm_backward_c (const CkNorm *norm, int64_t cols, const float *x, const float *dy, bool add,
                 float *dx, float *dweight, float *dbias)
{
  double mean = 0, variance = 0, factor, mean_g = 0, mean_gh = 0;

  for (int64_t i = 0; i < cols; i++)
    mean += x[i] / (double)cols;
  for (int64_t i = 0; i < cols; i++)
    variance += (x[i] - mean) * (x[i] - mean) / (double)cols;
  factor = 1 / sqrt (variance + norm->epsilon);
  for (int64_t i = 0; i < cols; i++) {
    mean_g += (double)norm->weight[i] * dy[i] / (double)cols;
    mean_gh += (double)norm->weight[i] * dy[i] * (x[i] - mean) * factor / (double)cols;
  }
  for (int64_t i = 0; i < cols; i++) {
    const double h = (x[i] - mean) * factor, g = (double)norm->weight[i] * dy[i];

    if (dweight != NULL)
      dweight[i] += (float)(dy[i] * h);
    if (dbias != NULL)
      dbias[i] += dy[i];
    dx[i] = (float)(factor * (g - mean_g - h * mean_gh)) + (add ? dx[i] : 0);
  }
}

static void
activate_backward_c (CkActivation activation, int64_t n, const float *x, const float *dy, float *dx)
{
  for (int64_t i = 0; i < n; i++)
    dx[i] = dy[i] * ck_activation_slope (activation, x[i]);
}

static void
choose_c (uint64_t key, float p, int64_t first, int64_t n, uint8_t *mask)
{
  memset (mask, 0, (size_t)ck_mask_bytes (n));
  for (int64_t i = 0; i < n; i++) {
    const uint64_t at = (uint64_t)(first + i);
    uint32_t word[4];

    ck_philox (key, at / 4, word);
    if (ck_philox_unit (word[at % 4]) >= p)
      mask[i / 8] |= (uint8_t)(1u << i % 8);
  }
}

static void
drop_c (float p, int64_t n, const uint8_t *mask, const float *x, float *y)
{
  const float factor = 1 / (1 - p);

  for (int64_t i = 0; i < n; i++)
    y[i] = mask[i / 8] >> i % 8 & 1 ? x[i] * factor : 0;
}

static void
multiply_c (int64_t n, float factor, float *y)
{
  for (int64_t i = 0; i < n; i++)
    y[i] *= factor;
}

static void
sum_columns_c (int64_t rows, int64_t cols, int64_t stride, const float *a, const float *b,
               double *sums, double *products)
{
  for (int64_t row = 0; row < rows; row++)
    for (int64_t i = 0; i < cols; i++) {
      const double v = a[row * stride + i];

      if (sums != NULL)
        sums[i] += v;
      if (products != NULL)
        products[i] += v * b[row * stride + i];
    }
}

static void
adamw_c (const CkAdamWStep *s, float factor, int64_t n, const float *gradients, float *first,
         float *second, float *parameters)
{
  for (int64_t i = 0; i < n; i++) {
    const float g = gradients[i] * factor;

    first[i] += s->one_minus_beta1 * (g - first[i]);
    second[i] = s->beta2 * second[i] + s->one_minus_beta2 * g * g;
    parameters[i] =
        s->decay * parameters[i] -
        s->step * (first[i] / (sqrtf (second[i]) / s->second_moment_correction + s->epsilon));
  }
}

void
ck_training_init_c (CkTrainingOps *ops)
{
  *ops = (CkTrainingOps){
    .choose = choose_c,
    .drop = drop_c,
    .multiply = multiply_c,
    .sum_columns = sum_columns_c,
    .rope_back = rope_back_c,
    .softmax_backward = softmax_backward_c,
    .norm_backward = norm_backward_c,
    .activate_backward = activate_backward_c,
    .adamw = adamw_c,
  };
}
