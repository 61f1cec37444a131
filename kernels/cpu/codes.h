/* SPDX-License-Identifier: MIT */
/* The rules by which a block of numbers becomes codes, which plain C and all vectors share. */
#ifndef CK_CODES_H
#define CK_CODES_H

#include "kernels/cpu/quantised.h"

#include <math.h>
#include <string.h>

/* Of a block, the largest magnitude and the sum of all; a lone one spoils no others. limit:
 * CK_OUTLIER or CK_OUTLIER_NARROW. */
static inline bool
ck_has_outlier (float limit, float max, float sum)
{
  return max * CK_CODE_BLOCK > limit * sum && sum > max;
}

/* The value of a code; NaN where a value of the block is not finite. */
static inline float
ck_code_scale (float max, float sum, float code_max)
{
  return sum < INFINITY ? max / code_max : NAN;
}

/* Codes of a value; 0 where all values, or so small ones that this would be infinite, are 0. */
static inline float
ck_code_inverse (float max, float code_max)
{
  const float inverse = code_max / max;

  return inverse < INFINITY ? inverse : 0;
}

/*
 * Copies the n values of a block whose first column is `column` to rest [CK_CODE_BLOCK], filled up
 * with zeros, and takes outliers out of it while there are some; returns how many. They are written
 * in the order of their columns.
 */
static inline int64_t
ck_take_outliers (float limit, const float *x, int64_t column, int64_t n, float *rest,
                  CkOutlier *outliers)
{
  bool taken[CK_CODE_BLOCK] = { false };
  int64_t n_taken = 0, written = 0;

  memset (rest, 0, CK_CODE_BLOCK * sizeof *rest);
  memcpy (rest, x, (size_t)n * sizeof *rest);
  while (n_taken < CK_OUTLIERS_MAX) {
    int64_t largest = 0;
    float sum = 0;

    for (int64_t i = 0; i < n; i++) {
      sum += fabsf (rest[i]);
      if (fabsf (rest[i]) > fabsf (rest[largest]))
        largest = i;
    }
    if (!(sum < INFINITY) || !ck_has_outlier (limit, fabsf (rest[largest]), sum))
      break;
    taken[largest] = true;
    rest[largest] = 0;
    n_taken++;
  }
  for (int64_t i = 0; i < n; i++)
    if (taken[i])
      outliers[written++] = (CkOutlier){ (int32_t)(column + i), x[i] };
  return written;
}

#endif /* CK_CODES_H */
