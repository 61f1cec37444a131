/* SPDX-License-Identifier: MIT */
/*
 * Bicubic interpolation in one direction after the other, each a weighted sum of a few rows. The
 * formulas are those of torch (aten/src/ATen/native/UpSample.h and cpu/UpSampleKernel.cpp): four
 * taps with a = -.75, or antialiased, where the filter with a = -.5 widens with the step.
 */
#include "model/network/positions.h"

#include <math.h>
#include <string.h>

#include "model/files/floats.h"

/* The sources of one target: weights of `n` from `first` on; indices are clamped to the edge. */
typedef struct {
  int first, n;
  double *weights;
} Taps;

static double
cubic (double x, double a)
{
  x = fabs (x);
  if (x < 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static Taps
plain_taps (int target, double step)
{
  const double at = step * (target + .5) - .5, below = floor (at);
  Taps taps = { (int)below - 1, 4, g_new (double, 4) };
  for (int i = 0; i < 4; i++)
    taps.weights[i] = cubic (at - (taps.first + i), -.75);
  return taps;
}

static Taps
antialiased_taps (int target, double step, int n_sources)
{
  const double width = MAX (step, 1), centre = step * (target + .5), support = 2 * width;
  const int first = MAX ((int)(centre - support + .5), 0),
            end = MIN ((int)(centre + support + .5), n_sources);
  Taps taps = { first, end - first, g_new (double, (gsize)(end - first)) };
  double sum = 0;
  for (int i = 0; i < taps.n; i++)
    sum += taps.weights[i] = cubic ((first + i - centre + .5) / width, -.5);
  for (int i = 0; i < taps.n; i++)
    taps.weights[i] /= sum;
  return taps;
}

/* from [n_from, ...] to [n_to, ...] along the middle of [outer, n, inner]. */
static void
resize (CowPositionRule rule, const float *from, int outer, int n_from, int n_to, gsize inner,
        float *to)
{
  const double size = rule == COW_POSITIONS_OFFSET ? n_to + .1 : n_to, step = n_from / size;
  for (int target = 0; target < n_to; target++) {
    Taps taps = rule == COW_POSITIONS_ANTIALIASED ? antialiased_taps (target, step, n_from)
                                                  : plain_taps (target, step);
    for (int o = 0; o < outer; o++) {
      float *out = to + ((gsize)o * (gsize)n_to + (gsize)target) * inner;
      for (gsize i = 0; i < inner; i++) {
        double sum = 0;
        for (int t = 0; t < taps.n; t++) {
          const int source = CLAMP (taps.first + t, 0, n_from - 1);
          sum += taps.weights[t] *
                 (double)from[((gsize)o * (gsize)n_from + (gsize)source) * inner + i];
        }
        out[i] = (float)sum;
      }
    }
    g_free (taps.weights);
  }
}

gboolean
cow_positions_fit (const CowVitConfig *config, const float *learned, int rows, int columns,
                   float *out, GError **error)
{
  const gsize hidden = (gsize)config->hidden_size;
  const int side = config->image_size / config->patch_size;
  const float *patches = learned + (config->no_class_position ? 0 : hidden);
  float *grid = out + (gsize)(1 + config->n_registers) * hidden;

  memset (out, 0, (gsize)(1 + config->n_registers) * hidden * sizeof *out);
  if (!config->no_class_position)
    memcpy (out, learned, hidden * sizeof *out);
  if (rows == side && columns == side) {
    memcpy (grid, patches, (gsize)side * (gsize)side * hidden * sizeof *out);
    return TRUE;
  }
  g_autofree float *wide =
      cow_floats_new ((gsize)side * (gsize)columns * hidden, "positions", error);
  if (!wide)
    return FALSE;
  resize (config->position_rule, patches, side, side, columns, hidden, wide);
  resize (config->position_rule, wide, 1, side, rows, (gsize)columns * hidden, grid);
  return TRUE;
}
