/* SPDX-License-Identifier: MIT */
/* What follows the product in a linear layer, for a vector of it. */
#ifndef CK_CPU_EPILOGUE_TMPL_H
#define CK_CPU_EPILOGUE_TMPL_H

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

/* Columns i and on of a row of which `left` are left; `value` is the product. */
static inline __attribute__ ((always_inline)) vf
v_epilogue (const CkEpilogue *epilogue, const float *multiplier, const float *residual, int64_t i,
            int64_t left, vf value)
{
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
  return value;
}

#endif /* CK_CPU_EPILOGUE_TMPL_H */
