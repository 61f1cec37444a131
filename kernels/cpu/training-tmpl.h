/* SPDX-License-Identifier: MIT */
/* training-ops.h over vectors of any width (vectors-tmpl.h). */
#include "kernels/cpu/training-ops.h"
#include "kernels/cpu/vectors-tmpl.h"

#define DROP_BLOCKS 64 /* counters of Philox at once, of 4 numbers each */

static void
rope_back_v (int64_t head_dim, const float *cos, const float *sin, float *x)
{
  const int64_t half = head_dim / 2;

  for (int64_t i = 0; i < half; i += W) {
    const int64_t left = half - i;
    const vf low = v_load (x + i, left, 0), high = v_load (x + half + i, left, 0);

    v_store (x + i, left,
             v_add (v_mul (low, v_load (cos + i, left, 0)),
                    v_mul (high, v_load (sin + half + i, left, 0))));
    v_store (x + half + i, left,
             v_sub (v_mul (high, v_load (cos + half + i, left, 0)),
                    v_mul (low, v_load (sin + i, left, 0))));
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
norm_backward_v (const CkNorm *norm, int64_t cols, const float *x, const float *dy, bool add,
                 float *dx, float *dweight, float *dbias)
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
  vf t, share;

  switch (activation) {
  case CK_GELU:
    t = v_mul (v_set (0.39894228f), v_exp (v_mul (v_set (-0.5f), v_mul (x, x))));
    share = v_normal_share (v_normal_bound (x));
    return v_fma (x, t, v_greater (x, v_set (0), v_sub (v_set (1), share), share));
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
    v_store (dx + i, n - i,
             v_mul (v_load (dy + i, n - i, 0), v_slope (activation, v_load (x + i, n - i, 0))));
}

/*
 * Philox (philox.h) over W / 2 counters from `counter` on, one in each lane of 64 bits; units gets
 * their 2 W numbers in [0, 1). Upper halves of lanes hold rubbish, which no product looks at. The
 * counters' order among the lanes is the one in which interleaving the words at the end leaves them
 * in order.
 */
static inline void
random_units (uint64_t key, uint64_t counter, float *units)
{
  const vi counters = i_add (i_set (counter), i_counters ());
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  vi w0 = counters, w1 = i_right (counters, 32), w2 = i_set (0), w3 = w2;

  for (int round = 0; round < 10; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
    const vi a = i_multiply (w0, i_set (0xd2511f53u)), b = i_multiply (w2, i_set (0xcd9e8d57u));

    w0 = i_xor (i_xor (i_right (b, 32), w1), i_set (k0));
    w2 = i_xor (i_xor (i_right (a, 32), w3), i_set (k1));
    w1 = b;
    w3 = a;
  }
  w0 = i_halves (w0, w1);
  w2 = i_halves (w2, w3);
  v_store (units, W, v_mul (v_from_u24 (i_evens (w0, w2)), v_set (0x1p-24f)));
  v_store (units + W, W, v_mul (v_from_u24 (i_odds (w0, w2)), v_set (0x1p-24f)));
}

static void
dropout_v (uint64_t key, float p, int64_t first, int64_t n, const float *x, float *y)
{
  const vf factor = v_set (1 / (1 - p)), least = v_set (p);
  float units[4 * DROP_BLOCKS];
  int64_t skip = first % 4; /* of the first counter's numbers */

  for (int64_t i = 0, counter = first / 4; i < n; counter += DROP_BLOCKS) {
    const int64_t run = n - i < 4 * DROP_BLOCKS - skip ? n - i : 4 * DROP_BLOCKS - skip;

    for (int64_t j = 0; j < skip + run; j += 2 * W)
      random_units (key, (uint64_t)(counter + j / 4), units + j);
    for (int64_t j = 0; j < run; j += W) {
      const vf kept = v_mul (v_load (x + i + j, run - j, 0), factor);
      v_store (y + i + j, run - j,
               v_greater (least, v_load (units + skip + j, run - j, 0), v_set (0), kept));
    }
    i += run;
    skip = 0;
  }
}

static void
adamw_v (const CkAdamWStep *s, float factor, int64_t n, const float *gradients, float *first,
         float *second, float *parameters)
{
  for (int64_t i = 0; i < n; i += W) {
    const int64_t left = n - i;
    const vf g = v_mul (v_load (gradients + i, left, 0), v_set (factor)),
             old = v_load (first + i, left, 0);
    const vf m = v_fma (v_set (s->one_minus_beta1), v_sub (g, old), old);
    const vf v = v_fma (v_mul (v_set (s->one_minus_beta2), g), g,
                        v_mul (v_set (s->beta2), v_load (second + i, left, 0)));
    const vf deviation =
        v_add (v_div (v_sqrt (v), v_set (s->second_moment_correction)), v_set (s->epsilon));

    v_store (first + i, left, m);
    v_store (second + i, left, v);
    v_store (parameters + i, left,
             v_sub (v_mul (v_set (s->decay), v_load (parameters + i, left, 0)),
                    v_mul (v_set (s->step), v_div (m, deviation))));
  }
}

void
INIT (training) (CkTrainingOps *ops)
{
  *ops = (CkTrainingOps){
    .dropout = dropout_v,
    .rope_back = rope_back_v,
    .softmax_backward = softmax_backward_v,
    .norm_backward = norm_backward_v,
    .activate_backward = activate_backward_v,
    .adamw = adamw_v,
  };
}
