/* SPDX-License-Identifier: MIT */
/*
 * The filters of resampling, as numbers of one output row or column, for every device: in plain C
 * that nvcc reads too. They are part of a picture's bytes, so no compiler may contract a product
 * and a sum here: C is compiled with -ffp-contract=off, and for nvcc products say so themselves.
 */
#ifndef CK_TAPS_H
#define CK_TAPS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernels/host-device.h"

CK_HOST_DEVICE double
ck_taps_product (double a, double b)
{
#ifdef __CUDA_ARCH__
  return __dmul_rn (a, b);
#else
  return a * b;
#endif
}

/* ---- OpenCV's INTER_LINEAR ------------------------------------------------------------------- */

#define CK_LINEAR_SCALE 2048 /* INTER_RESIZE_COEF_SCALE */
/* What is dropped of a row's columns, and of each row's product (VResizeLinear for bytes). */
#define CK_LINEAR_COLUMN_BITS 4
#define CK_LINEAR_ROW_BITS    16

/* The two taps of an output row or column and their weights, which add up to CK_LINEAR_SCALE. */
typedef struct {
  int at[2];
  int16_t weight[2];
} CkLinearTaps;

/* From an output to the next. */
CK_HOST_DEVICE double
ck_linear_step (int in, int out)
{
  return 1.0 / ((double)out / in);
}

/*
 * cv::resize's: positions in float, weights rounded half to even. Columns that lie beyond the edge
 * get the edge's own value with weight 1; rows keep both weights and repeat the edge (which is not
 * the same after rounding).
 */
CK_HOST_DEVICE CkLinearTaps
ck_linear_taps (int i, double step, int in, bool is_column)
{
  float fraction = (float)(ck_taps_product (i + 0.5, step) - 0.5);
  int at = (int)floorf (fraction);
  CkLinearTaps taps;

  fraction -= (float)at;
  if (is_column && at < 0) {
    at = 0;
    fraction = 0.0f;
  }
  if (is_column && at >= in - 1) {
    at = in - 1;
    fraction = 0.0f;
  }
  taps.at[0] = at < 0 ? 0 : at > in - 1 ? in - 1 : at;
  taps.at[1] = at + 1 > in - 1 ? in - 1 : at + 1;
  taps.weight[0] = (int16_t)lrintf ((1.0f - fraction) * CK_LINEAR_SCALE);
  taps.weight[1] = (int16_t)lrintf (fraction * CK_LINEAR_SCALE);
  return taps;
}

/* A row's two columns by their weights: at most 255 * CK_LINEAR_SCALE before the shift. */
CK_HOST_DEVICE int16_t
ck_linear_columns (int a, int b, int weight_a, int weight_b)
{
  return (int16_t)((a * weight_a + b * weight_b) >> CK_LINEAR_COLUMN_BITS);
}

/* Two rows by their weights: each one's product is cut to 16 bits by itself. */
CK_HOST_DEVICE uint8_t
ck_linear_rows (int16_t a, int16_t b, int16_t weight_a, int16_t weight_b)
{
  return (uint8_t)(((int16_t)(weight_a * a >> CK_LINEAR_ROW_BITS) +
                    (int16_t)(weight_b * b >> CK_LINEAR_ROW_BITS) + 2) >>
                   2);
}

/* ---- Pillow's BILINEAR ----------------------------------------------------------------------- */

#define CK_TRIANGLE_BITS 22 /* PRECISION_BITS: 32 - 8 bits of the pixel - 2 */
#define CK_TRIANGLE_HALF (1 << (CK_TRIANGLE_BITS - 1))

/* The inputs of an output row or column, and the triangle over them. */
typedef struct {
  int first, n;
  double centre, inverse_width, sum; /* sum: of the triangle's values */
} CkTriangle;

CK_HOST_DEVICE double
ck_triangle_value (const CkTriangle *triangle, int k)
{
  const double distance = fabs (
      ck_taps_product (k + triangle->first - triangle->centre + 0.5, triangle->inverse_width));
  return distance < 1.0 ? 1.0 - distance : 0.0;
}

/* precompute_coeffs () with the triangle as filter; scale: in over out. */
CK_HOST_DEVICE CkTriangle
ck_triangle (int i, double scale, int in)
{
  const double width = scale < 1.0 ? 1.0 : scale, centre = ck_taps_product (i + 0.5, scale);
  const int from = (int)(centre - width + 0.5), to = (int)(centre + width + 0.5);
  CkTriangle triangle = { 0, 0, centre, 1.0 / width, 0.0 };

  triangle.first = from < 0 ? 0 : from;
  triangle.n = (to > in ? in : to) - triangle.first;
  for (int k = 0; k < triangle.n; k++)
    triangle.sum += ck_triangle_value (&triangle, k);
  return triangle;
}

/* normalize_coeffs_8bpc (): weights add up to 1 << CK_TRIANGLE_BITS, but for rounding. */
CK_HOST_DEVICE int32_t
ck_triangle_weight (const CkTriangle *triangle, int k)
{
  const double value = ck_triangle_value (triangle, k),
               share = triangle->sum != 0.0 ? value / triangle->sum : value;

  return (int32_t)(0.5 + ck_taps_product (share, 1 << CK_TRIANGLE_BITS));
}

/* Inputs that an output has at most. */
CK_HOST_DEVICE int64_t
ck_triangle_size (double scale)
{
  return 2 * (int64_t)ceil (scale < 1.0 ? 1.0 : scale) + 1;
}

/* The byte of a sum that began at CK_TRIANGLE_HALF. */
CK_HOST_DEVICE uint8_t
ck_triangle_byte (int32_t sum)
{
  const int32_t value = sum >> CK_TRIANGLE_BITS;

  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

#endif /* CK_TAPS_H */
