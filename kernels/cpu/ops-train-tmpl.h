/* SPDX-License-Identifier: MIT */
/* The inner operations that only training needs, over vectors of any width: the second half of ops-tmpl.h, which includes it. */
#include "kernels/cpu/philox.h"

#define DROP_BLOCKS 64 /* counters of Philox at once, of 4 numbers each */

static void
rope_back_v (int64_t head_dim, const float *cos, const float *sin, float *x)
{
  const int64_t half = head_dim / 2;

  for (int64_t i = 0; i < half; i += W) {
    const int64_t left = half - i;
    const vf low = v_load (x + i, left, 0), high = v_load (x + half + i, left, 0);

    v_store (x + i, left, v_add (v_mul (low, v_load (cos + i, left, 0)), v_mul (high, v_load (sin + half + i, left, 0))));
    v_store (x + half + i, left, v_sub (v_mul (high, v_load (cos + half + i, left, 0)), v_mul (low, v_load (sin + i, left, 0))));
  }
}

static void
softmax_backward_v (int64_t n, float scale, const float *p, float *dx)
{
  vf sum = v_set (0);

  for (int64_t i = 0; i < n; i += W)
    sum = v_fma (v_load (p + i, n - i, 0), v_load (dx + i, n - i, 0), sum);
  sum = v_set (v_sum (sum));
  for (int64_t i = 0; i < n; i += W) {
    const vf slope = v_mul (v_set (scale), v_load (p + i, n - i, 0));
    v_store (dx + i, n - i, v_mul (slope, v_sub (v_load (dx + i, n - i, 0), sum)));
  }
}

/* With h the normalised x and g = weight dy: dx = factor (g - mean (g) - h mean (g h)). */
static void
norm_backward_v (const CkNorm *norm, int64_t cols, const float *x, const float *dy, bool add, float *dx, float *dweight, float *dbias)
{
  const Statistics row = row_statistics (norm->epsilon, cols, x);
  vf sum_g = v_set (0), sum_gh = v_set (0);

  for (int64_t i = 0; i < cols; i += W) {
    const int64_t left = cols - i;
    const vf g = v_mul (v_load (norm->weight + i, left, 0), v_load (dy + i, left, 0));
    sum_g = v_add (sum_g, g);
    sum_gh = v_fma (g, v_normalise (&row, v_load (x + i, left, 0)), sum_gh);
  }
  sum_g = v_set (v_sum (sum_g) / (float)cols);
  sum_gh = v_set (v_sum (sum_gh) / (float)cols);

  for (int64_t i = 0; i < cols; i += W) {
    const int64_t left = cols - i;
    const vf d = v_load (dy + i, left, 0), h = v_normalise (&row, v_load (x + i, left, 0));
    vf t = v_sub (v_sub (v_mul (v_load (norm->weight + i, left, 0), d), sum_g), v_mul (h, sum_gh));

    if (dweight != NULL)
      v_store (dweight + i, left, v_fma (d, h, v_load (dweight + i, left, 0)));
    if (dbias != NULL)
      v_store (dbias + i, left, v_add (d, v_load (dbias + i, left, 0)));
    t = v_mul (t, v_set (row.factor));
    v_store (dx + i, left, add ? v_add (t, v_load (dx + i, left, 0)) : t);
  }
}

static inline vf
v_slope (CkActivation activation, vf x)
{
  vf t;

  switch (activation) {
  case CK_GELU:
    t = v_mul (v_set (0.39894228f), v_exp (v_mul (v_set (-0.5f), v_mul (x, x))));
    return v_fma (x, t, v_mul (v_set (0.5f), v_add (v_set (1), v_erf (v_mul (x, v_set (0.70710678f))))));
  case CK_SILU:
    t = v_div (v_set (1), v_add (v_set (1), v_exp (v_sub (v_set (0), x))));
    return v_mul (t, v_fma (x, v_sub (v_set (1), t), v_set (1)));
  case CK_RELU:
    return v_greater (x, v_set (0), v_set (1), v_set (0));
  case CK_IDENTITY:
    break;
  }
  return v_set (1);
}

static void
activate_backward_v (CkActivation activation, int64_t n, const float *x, const float *dy, float *dx)
{
  for (int64_t i = 0; i < n; i += W)
    v_store (dx + i, n - i, v_mul (v_load (dy + i, n - i, 0), v_slope (activation, v_load (x + i, n - i, 0))));
}

/* The random numbers of 4 DROP_BLOCKS elements. */
static inline void
random_units (uint64_t key, uint64_t counter, float *units)
{
#pragma omp simd
  for (int i = 0; i < DROP_BLOCKS; i++) {
    const CkPhilox words = ck_philox (key, counter + (uint64_t)i);

    units[4 * i] = ck_philox_unit (words.word[0]);
    units[4 * i + 1] = ck_philox_unit (words.word[1]);
    units[4 * i + 2] = ck_philox_unit (words.word[2]);
    units[4 * i + 3] = ck_philox_unit (words.word[3]);
  }
}

static void
dropout_v (uint64_t key, float p, int64_t first, int64_t n, const float *x, float *y)
{
  const vf factor = v_set (1 / (1 - p)), least = v_set (p);
  float units[4 * DROP_BLOCKS];
  int64_t skip = first % 4; /* of the first counter's numbers */

  for (int64_t i = 0, counter = first / 4; i < n; counter += DROP_BLOCKS) {
    const int64_t run = n - i < 4 * DROP_BLOCKS - skip ? n - i : 4 * DROP_BLOCKS - skip;

    random_units (key, (uint64_t)counter, units);
    for (int64_t j = 0; j < run; j += W) {
      const vf kept = v_mul (v_load (x + i + j, run - j, 0), factor);
      v_store (y + i + j, run - j, v_greater (least, v_load (units + skip + j, run - j, 0), v_set (0), kept));
    }
    i += run;
    skip = 0;
  }
}

static void
adamw_v (const CkAdamWStep *s, int64_t n, const float *gradients, float *first, float *second, float *parameters)
{
  for (int64_t i = 0; i < n; i += W) {
    const int64_t left = n - i;
    const vf g = v_mul (v_load (gradients + i, left, 0), v_set (s->factor)), old = v_load (first + i, left, 0);
    const vf m = v_fma (v_set (s->rest1), v_sub (g, old), old);
    const vf v = v_fma (v_mul (v_set (s->rest2), g), g, v_mul (v_set (s->beta2), v_load (second + i, left, 0)));
    const vf deviation = v_add (v_div (v_sqrt (v), v_set (s->root)), v_set (s->epsilon));

    v_store (first + i, left, m);
    v_store (second + i, left, v);
    v_store (parameters + i, left,
             v_sub (v_mul (v_set (s->decay), v_load (parameters + i, left, 0)), v_mul (v_set (s->step), v_div (m, deviation))));
  }
}

static void
fill_training_ops (CkCpuOps *ops)
{
  ops->dropout = dropout_v;
  ops->rope_back = rope_back_v;
  ops->softmax_backward = softmax_backward_v;
  ops->norm_backward = norm_backward_v;
  ops->activate_backward = activate_backward_v;
  ops->adamw = adamw_v;
}
