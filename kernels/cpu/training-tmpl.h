/* SPDX-License-Identifier: MIT */
/* training-ops.h over vectors of any width (vectors-tmpl.h). */
#include "kernels/cpu/normal-tmpl.h"
#include "kernels/cpu/training-ops.h"
#include "kernels/cpu/vectors-tmpl.h"

#include <string.h>

#define SUM_ROWS 8 /* rows that are summed in fp32 */

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

/* W bits of a mask. */
static inline uint32_t
mask_bits (const uint8_t *mask)
{
  return W == 8 ? mask[0] : mask[0] | (uint32_t)mask[1] << 8;
}

#define CHAINS 2 /* vectors of counters side by side, since a round waits for the one before it */

/*
 * Philox (philox.h) over the counters from `counter` on, W / 2 a vector and one in each lane of 64
 * bits; units gets their numbers in [0, 1). Upper halves of lanes hold rubbish, which no product
 * looks at. The counters' order among the lanes is the one in which interleaving the words at the
 * end leaves them in order.
 */
static inline void
random_units (uint64_t key, uint64_t counter, vf units[2 * CHAINS])
{
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  vi w0[CHAINS], w1[CHAINS], w2[CHAINS], w3[CHAINS];

  for (int i = 0; i < CHAINS; i++) {
    w0[i] = i_add (i_set (counter + (uint64_t)i * (W / 2)), i_counters ());
    w1[i] = i_right (w0[i], 32);
    w2[i] = w3[i] = i_set (0);
  }
/* gcc does not unroll at -O2, and copies words around between the rounds. */
#pragma GCC unroll 10
  for (int round = 0; round < 10; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
    const vi key0 = i_set (k0), key1 = i_set (k1);

#pragma GCC unroll 2
    for (int i = 0; i < CHAINS; i++) {
      const vi a = i_multiply (w0[i], i_set (0xd2511f53u)),
               b = i_multiply (w2[i], i_set (0xcd9e8d57u));

      w0[i] = i_xor (i_xor (i_right (b, 32), w1[i]), key0);
      w2[i] = i_xor (i_xor (i_right (a, 32), w3[i]), key1);
      w1[i] = b;
      w3[i] = a;
    }
  }
#pragma GCC unroll 2
  for (int i = 0; i < CHAINS; i++) {
    w0[i] = i_halves (w0[i], w1[i]);
    w2[i] = i_halves (w2[i], w3[i]);
    units[2 * i] = v_mul (v_from_u24 (i_evens (w0[i], w2[i])), v_set (0x1p-24f));
    units[2 * i + 1] = v_mul (v_from_u24 (i_odds (w0[i], w2[i])), v_set (0x1p-24f));
  }
}

#define RUN (2 * CHAINS * W) /* numbers made at once, 64 at most */

/* A bit for each number of a run: whether it is p at least. */
static inline uint64_t
random_bits (uint64_t key, vf p, uint64_t counter)
{
  vf units[2 * CHAINS];
  uint64_t bits = 0;

  random_units (key, counter, units);
  for (int part = 0; part < 2 * CHAINS; part++)
    bits |= (uint64_t)v_not_less (units[part], p) << part * W;
  return bits;
}

/* The first element may be any of its counter's four, so a run's bits come from two of them. */
static void
choose_v (uint64_t key, float p, int64_t first, int64_t n, uint8_t *mask)
{
  const vf least = v_set (p);
  const int64_t skip = first % 4;
  uint64_t counter = (uint64_t)first / 4, now = random_bits (key, least, counter);

  for (int64_t i = 0; i < n; i += RUN) {
    const int64_t left = ck_min (n - i, RUN);
    const uint64_t next =
        skip > 0 || n - i > RUN ? random_bits (key, least, counter += RUN / 4) : 0;
    uint64_t bits = now >> skip;

    if (skip > 0)
      bits |= next << (RUN - skip);
    if (left < RUN)
      bits &= ((uint64_t)1 << left) - 1;
    for (int64_t byte = 0; byte < ck_mask_bytes (left); byte++)
      mask[i / 8 + byte] = (uint8_t)(bits >> 8 * byte);
    now = next;
  }
}

static void
drop_v (float p, int64_t n, const uint8_t *mask, const float *x, float *y)
{
  const vf factor = v_set (1 / (1 - p));

  for (int64_t i = 0; i < n; i += W)
    v_store (y + i, n - i,
             v_where (mask_bits (mask + i / 8), v_mul (v_load (x + i, n - i, 0), factor)));
}

static void
multiply_v (int64_t n, float factor, float *y)
{
  for (int64_t i = 0; i < n; i += W)
    v_store (y + i, n - i, v_mul (v_load (y + i, n - i, 0), v_set (factor)));
}

/* sums += the first lanes; nothing where it is NULL. */
static inline void
add_lanes (vf v, int64_t left, double *sums)
{
  float lanes[W];

  if (sums == NULL)
    return;
  v_store (lanes, W, v);
  for (int64_t lane = 0; lane < ck_min (W, left); lane++)
    sums[lane] += (double)lanes[lane];
}

/* In fp32 for as many rows as are not yet too many, then in fp64. */
static void
sum_columns_v (int64_t rows, int64_t cols, int64_t stride, const float *a, const float *b,
               double *sums, double *products)
{
  for (int64_t first = 0; first < rows; first += SUM_ROWS) {
    const int64_t end = ck_min (rows, first + SUM_ROWS);

    for (int64_t i = 0; i < cols; i += W) {
      const int64_t left = cols - i;
      vf sum = v_set (0), product = v_set (0);

      for (int64_t row = first; row < end; row++) {
        const vf v = v_load (a + row * stride + i, left, 0);

        sum = v_add (sum, v);
        if (products != NULL)
          product = v_fma (v, v_load (b + row * stride + i, left, 0), product);
      }
      add_lanes (sum, left, sums != NULL ? sums + i : NULL);
      add_lanes (product, left, products != NULL ? products + i : NULL);
    }
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
    .choose = choose_v,
    .drop = drop_v,
    .multiply = multiply_v,
    .sum_columns = sum_columns_v,
    .rope_back = rope_back_v,
    .softmax_backward = softmax_backward_v,
    .norm_backward = norm_backward_v,
    .activate_backward = activate_backward_v,
    .adamw = adamw_v,
  };
}
