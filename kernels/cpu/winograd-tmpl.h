/* SPDX-License-Identifier: MIT */
/* winograd.h over vectors of any width (vectors-tmpl.h). */
#include "kernels/cpu/vectors-tmpl.h"
#include "kernels/cpu/winograd.h"

#define SIDE CK_WINOGRAD_SIDE

/* Rows of B^T, A^T and A, each of which joins two or three terms. */
static inline __attribute__ ((always_inline)) vf
b_row (int row, vf t0, vf t1, vf t2, vf t3)
{
  switch (row) {
  case 0:
    return v_sub (t0, t2);
  case 1:
    return v_add (t1, t2);
  case 2:
    return v_sub (t2, t1);
  default:
    return v_sub (t1, t3);
  }
}

static inline __attribute__ ((always_inline)) vf
a_row (int row, vf t0, vf t1)
{
  switch (row) {
  case 0:
    return t0;
  case 1:
    return v_add (t0, t1);
  case 2:
    return v_sub (t0, t1);
  default:
    return v_sub (v_set (0), t1);
  }
}

static inline __attribute__ ((always_inline)) void
input_row (int row, int64_t channels, const float *const *pixels, float *places, int64_t stride)
{
  for (int64_t c = 0; c < channels; c += W) {
    const int64_t left = channels - c;
    vf t[SIDE];

#pragma GCC unroll 4
    for (int col = 0; col < SIDE; col++)
      t[col] =
          b_row (row, v_load (pixels[col] + c, left, 0), v_load (pixels[SIDE + col] + c, left, 0),
                 v_load (pixels[2 * SIDE + col] + c, left, 0),
                 v_load (pixels[3 * SIDE + col] + c, left, 0));
#pragma GCC unroll 4
    for (int col = 0; col < SIDE; col++)
      v_store (places + col * stride + c, left, b_row (col, t[0], t[1], t[2], t[3]));
  }
}

static void
winograd_input_v (int row, int64_t channels, const float *const *pixels, float *places,
                  int64_t stride)
{
  switch (row) {
  case 0:
    input_row (0, channels, pixels, places, stride);
    break;
  case 1:
    input_row (1, channels, pixels, places, stride);
    break;
  case 2:
    input_row (2, channels, pixels, places, stride);
    break;
  default:
    input_row (3, channels, pixels, places, stride);
  }
}

static inline __attribute__ ((always_inline)) void
gradient_row (int row, int64_t channels, const float *const *pixels, float *places, int64_t stride)
{
  for (int64_t c = 0; c < channels; c += W) {
    const int64_t left = channels - c;
    const vf t0 = a_row (row, v_load (pixels[0] + c, left, 0), v_load (pixels[2] + c, left, 0)),
             t1 = a_row (row, v_load (pixels[1] + c, left, 0), v_load (pixels[3] + c, left, 0));

#pragma GCC unroll 4
    for (int col = 0; col < SIDE; col++)
      v_store (places + col * stride + c, left, a_row (col, t0, t1));
  }
}

static void
winograd_gradient_v (int row, int64_t channels, const float *const *pixels, float *places,
                     int64_t stride)
{
  switch (row) {
  case 0:
    gradient_row (0, channels, pixels, places, stride);
    break;
  case 1:
    gradient_row (1, channels, pixels, places, stride);
    break;
  case 2:
    gradient_row (2, channels, pixels, places, stride);
    break;
  default:
    gradient_row (3, channels, pixels, places, stride);
  }
}

static void
winograd_output_v (int64_t channels, const float *places, int64_t stride, float *const *pixels)
{
  for (int64_t c = 0; c < channels; c += W) {
    const int64_t left = channels - c;
    const float *m = places + c;
    vf high[SIDE], low[SIDE];

#pragma GCC unroll 4
    for (int col = 0; col < SIDE; col++, m += stride) {
      const vf m1 = v_load (m + SIDE * stride, left, 0),
               m2 = v_load (m + 2 * SIDE * stride, left, 0);
      high[col] = v_add (v_load (m, left, 0), v_add (m1, m2));
      low[col] = v_sub (v_sub (m1, m2), v_load (m + 3 * SIDE * stride, left, 0));
    }
    v_store (pixels[0] + c, left, v_add (high[0], v_add (high[1], high[2])));
    v_store (pixels[1] + c, left, v_sub (v_sub (high[1], high[2]), high[3]));
    v_store (pixels[2] + c, left, v_add (low[0], v_add (low[1], low[2])));
    v_store (pixels[3] + c, left, v_sub (v_sub (low[1], low[2]), low[3]));
  }
}

#undef SIDE

void
INIT (winograd) (CkWinogradOps *ops)
{
  *ops = (CkWinogradOps){ winograd_input_v, winograd_output_v, winograd_gradient_v };
}
