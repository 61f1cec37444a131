/* SPDX-License-Identifier: MIT */
#include "kernels/code-units.h"

#include <math.h>

/* The mean square of what 16 values lose as codes of a unit. */
static double
loss_of (const float code[16], double unit)
{
  double loss = 0;

  for (int i = 0; i < 16; i++) {
    const double rest = code[i] / unit - nearbyint (code[i] / unit);
    loss += rest * rest * unit * unit;
  }
  return loss;
}

float
ck_code_unit (const float code[16], int64_t most, int16_t table[16])
{
  double largest = 0, best = INFINITY;
  float chosen = 0;

  for (int i = 0; i < 16; i++) {
    const double magnitude = fabs ((double)code[i]);

    if (magnitude > largest) /* fmax () here is an internal error of gcc 12 for aarch64 */
      largest = magnitude;
  }
  if (!(largest > 0) || !isfinite (largest))
    return 0;
  for (int step = 0; step <= 1024; step++) {
    const double unit = largest / ((double)most * (1 - step / 4096.0)), loss = loss_of (code, unit);

    if (loss < best) {
      best = loss;
      chosen = (float)unit;
    }
  }
  for (int i = 0; i < 16; i++)
    table[i] = (int16_t)lrint (code[i] / (double)chosen);
  return chosen;
}
