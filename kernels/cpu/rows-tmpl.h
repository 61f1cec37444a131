/* SPDX-License-Identifier: MIT */
/* rows.h over vectors of any width (vectors-tmpl.h). */
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vectors-tmpl.h"

static inline vf
v_activate (CkActivation activation, vf t)
{
  vf bound;

  switch (activation) {
  case CK_GELU: /* x - x share (-x) above 0, x share (x) below */
    bound = v_normal_bound (t);
    return v_fma (bound, v_normal_share (bound), v_max (v_set (0), t));
  case CK_SILU:
    return v_div (t, v_add (v_set (1), v_exp (v_sub (v_set (0), t))));
  case CK_RELU:
    return v_max (v_set (0), t);
  case CK_IDENTITY:
    break;
  }
  return t;
}

static void
epilogue_v (const CkEpilogue *epilogue, int64_t cols, const float *t, const float *multiplier,
            const float *residual, float *y)
{
  for (int64_t i = 0; i < cols; i += W) {
    const int64_t left = cols - i;
    vf value = v_load (t + i, left, 0);

    if (epilogue->gain != NULL)
      value = v_mul (value, v_load (epilogue->gain + i, left, 0));
    if (epilogue->bias != NULL)
      value = v_add (value, v_load (epilogue->bias + i, left, 0));
    value = v_activate (epilogue->activation, value);
    if (multiplier != NULL)
      value = v_mul (value, v_load (multiplier + i, left, 0));
    if (epilogue->scale != NULL)
      value = v_mul (value, v_load (epilogue->scale + i, left, 0));
    if (residual != NULL)
      value = v_add (value, v_load (residual + i, left, 0));
    v_store (y + i, left, value);
  }
}

static void
norm_v (const CkNorm *norm, int64_t cols, const float *x, float *y)
{
  const Statistics row = row_statistics (norm->epsilon, cols, x);

  for (int64_t i = 0; i < cols; i += W) {
    const int64_t left = cols - i;
    const vf h = v_normalise (&row, v_load (x + i, left, 0));
    v_store (y + i, left,
             v_fma (h, v_load (norm->weight + i, left, 0), v_load (norm->bias + i, left, 0)));
  }
}

static void
softmax_v (int64_t n, float *x)
{
  vf max = v_set (-INFINITY), sum = v_set (0), factor;

  for (int64_t i = 0; i < n; i += W)
    max = v_max (max, v_load (x + i, n - i, -INFINITY));
  max = v_set (v_max_of (max));
  for (int64_t i = 0; i < n; i += W) {
    const vf e = v_exp (v_sub (v_load (x + i, n - i, -INFINITY), max));
    sum = v_add (sum, e);
    v_store (x + i, n - i, e);
  }
  factor = v_set (1 / v_sum (sum));
  for (int64_t i = 0; i < n; i += W)
    v_store (x + i, n - i, v_mul (v_load (x + i, n - i, 0), factor));
}

static void
rope_v (int64_t head_dim, const float *cos, const float *sin, float *x)
{
  const int64_t half = head_dim / 2;

  for (int64_t i = 0; i < half; i += W) {
    const int64_t left = half - i;
    const vf low = v_load (x + i, left, 0), high = v_load (x + half + i, left, 0);

    v_store (
        x + i, left,
        v_sub (v_mul (low, v_load (cos + i, left, 0)), v_mul (high, v_load (sin + i, left, 0))));
    v_store (x + half + i, left,
             v_add (v_mul (high, v_load (cos + half + i, left, 0)),
                    v_mul (low, v_load (sin + half + i, left, 0))));
  }
}

static void
add_scaled_v (int64_t n, float factor, const float *x, float *y)
{
  for (int64_t i = 0; i < n; i += W)
    v_store (y + i, n - i,
             v_fma (v_set (factor), v_load (x + i, n - i, 0), v_load (y + i, n - i, 0)));
}

void
INIT (row) (CkRowOps *ops)
{
  *ops = (CkRowOps){ norm_v, softmax_v, rope_v, add_scaled_v, epilogue_v };
}
