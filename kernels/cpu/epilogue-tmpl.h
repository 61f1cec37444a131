/* SPDX-License-Identifier: MIT */
/* What follows the product in a linear layer, for a vector of each of a few rows of it. */
#ifndef CK_CPU_EPILOGUE_TMPL_H
#define CK_CPU_EPILOGUE_TMPL_H

#include "kernels/cpu/normal-tmpl.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vectors-tmpl.h"

static inline vf
v_gelu (vf x) /* x - x share (-x) above 0, x share (x) below */
{
  const vf bound = v_normal_bound (x);

  return v_fma (bound, v_normal_share (bound), v_max (v_set (0), x));
}

static inline vf
v_silu (vf x)
{
  return v_div (x, v_add (v_set (1), v_exp (v_sub (v_set (0), x))));
}

/* In each of n rows, a constant: what follows is asked for once for all of them. */
#define FOR_ROWS _Pragma ("GCC unroll 16") for (int row = 0; row < n; row++)

static inline __attribute__ ((always_inline)) void
v_activate (CkActivation activation, int n, vf *values)
{
  switch (activation) {
  case CK_GELU:
    FOR_ROWS values[row] = v_gelu (values[row]);
    break;
  case CK_SILU:
    FOR_ROWS values[row] = v_silu (values[row]);
    break;
  case CK_RELU:
    FOR_ROWS values[row] = v_max (v_set (0), values[row]);
    break;
  case CK_IDENTITY:
    break;
  }
}

/* Columns i and on, of which `left` are left, of n rows, a constant, which begin at[row] floats
 * behind multiplier and residual unless these are NULL; `values`: the products. */
static inline __attribute__ ((always_inline)) void
v_epilogue (const CkEpilogue *epilogue, const float *multiplier, const float *residual, int n,
            const int64_t *at, int64_t i, int64_t left, vf *values)
{
  if (epilogue->gain != NULL) {
    const vf gain = v_load (epilogue->gain + i, left, 0);
    FOR_ROWS values[row] = v_mul (values[row], gain);
  }
  if (epilogue->bias != NULL) {
    const vf bias = v_load (epilogue->bias + i, left, 0);
    FOR_ROWS values[row] = v_add (values[row], bias);
  }
  v_activate (epilogue->activation, n, values);
  if (multiplier != NULL)
    FOR_ROWS values[row] = v_mul (values[row], v_load (multiplier + at[row] + i, left, 0));
  if (epilogue->scale != NULL) {
    const vf scale = v_load (epilogue->scale + i, left, 0);
    FOR_ROWS values[row] = v_mul (values[row], scale);
  }
  if (residual != NULL)
    FOR_ROWS values[row] = v_add (values[row], v_load (residual + at[row] + i, left, 0));
}

#undef FOR_ROWS

#endif /* CK_CPU_EPILOGUE_TMPL_H */
