/* SPDX-License-Identifier: MIT */
/* Rows of a head on their way into the products of attention, over vectors of any width. */
#ifndef CK_CPU_ROTATE_TMPL_H
#define CK_CPU_ROTATE_TMPL_H

#include "kernels/cpu/attention-head.h"
#include "kernels/cpu/vectors-tmpl.h"

#define LINE  16 /* floats of a cache line */
#define AHEAD 16 /* rows from one that is read to the one that is asked for */

/* Asks for a head's part of a row that is read soon, because processors see no pattern in parts so
 * far apart. */
static inline void
fetch (int64_t d, const float *x)
{
  for (int64_t i = 0; i < d; i += LINE)
    __builtin_prefetch (x + i);
}

/* Columns [i, i + W) of both halves of a row, of which `left` are there. */
static inline __attribute__ ((always_inline)) void
rotate_lanes (int64_t half, int64_t i, int64_t left, const float *cos, const float *sin, vf factor,
              const float *x, float *y)
{
  const vf low = v_mul (v_load (x + i, left, 0), factor),
           high = v_mul (v_load (x + half + i, left, 0), factor);

  v_store (y + i, left,
           v_sub (v_mul (low, v_load (cos + i, left, 0)), v_mul (high, v_load (sin + i, left, 0))));
  v_store (y + half + i, left,
           v_fma (high, v_load (cos + half + i, left, 0),
                  v_mul (low, v_load (sin + half + i, left, 0))));
}

/* y = factor x, rotated if the token has a position. */
static inline void
rotate (const CkAttention *op, int64_t token, float factor, const float *x, float *y)
{
  const int64_t d = op->head_dim, half = d / 2, position = token - op->prefix;
  const float *cos, *sin;
  int64_t i = 0;

  if (op->cos == NULL || position < 0) {
    for (; i < d; i += W)
      v_store (y + i, d - i, v_mul (v_load (x + i, d - i, 0), v_set (factor)));
    return;
  }
  cos = op->cos + position * d;
  sin = op->sin + position * d;
  for (; i + W <= half; i += W) /* without masks */
    rotate_lanes (half, i, W, cos, sin, v_set (factor), x, y);
  if (i < half)
    rotate_lanes (half, i, half - i, cos, sin, v_set (factor), x, y);
}

#endif /* CK_CPU_ROTATE_TMPL_H */
