/* SPDX-License-Identifier: MIT */
/* rows.h over vectors of any width (vectors-tmpl.h). */
#include "kernels/cpu/epilogue-tmpl.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vectors-tmpl.h"

static void
epilogue_v (const CkEpilogue *epilogue, int64_t cols, const float *t, const float *multiplier,
            const float *residual, float *y)
{
  for (int64_t i = 0; i < cols; i += W) {
    vf value = v_load (t + i, cols - i, 0);

    v_epilogue (epilogue, multiplier, residual, 1, (const int64_t[]){ 0 }, i, cols - i, &value);
    v_store (y + i, cols - i, value);
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
