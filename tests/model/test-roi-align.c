/* SPDX-License-Identifier: MIT */
/* RoI align: bins of boxes of any size, edges of the map, and the way back. */
#include <math.h>

#include "model/network/roi-align.h"
#include "model/training/random.h"

#define ROWS     6
#define COLUMNS  9
#define STRIDE   16
#define CHANNELS 3
#define N        (ROWS * COLUMNS * CHANNELS)
#define POOLED   (COW_ROI_BINS * COW_ROI_BINS * CHANNELS)

static const CowRoiMap map = { ROWS, COLUMNS, STRIDE, CHANNELS };

/* Channels: where a square is, in squares from the left and from above, and 1. */
static void
fill_places (float *values)
{
  for (int y = 0; y < ROWS; y++)
    for (int x = 0; x < COLUMNS; x++) {
      float *square = values + (y * COLUMNS + x) * CHANNELS;
      square[0] = (float)x;
      square[1] = (float)y;
      square[2] = 1;
    }
}

/* Of a map that says where its squares are, a bin says where its middle is, however large the
 * box. */
static void
test_middles (void)
{
  const CowBounds boxes[] = { { 20, 24, 90, 48 }, { 40, 40, 3, 2 }, { 31.5, 17.25, 12, 60 } };
  float values[N], pooled[POOLED];
  fill_places (values);
  for (guint i = 0; i < G_N_ELEMENTS (boxes); i++) {
    cow_roi_align (&map, values, &boxes[i], pooled);
    for (int bin = 0; bin < COW_ROI_BINS * COW_ROI_BINS; bin++) {
      const double column = bin % COW_ROI_BINS + .5, row = (double)(bin / COW_ROI_BINS) + .5;
      const double x = (boxes[i].x + boxes[i].w * column / COW_ROI_BINS) / STRIDE - .5,
                   y = (boxes[i].y + boxes[i].h * row / COW_ROI_BINS) / STRIDE - .5;
      g_assert_cmpfloat_with_epsilon (pooled[bin * CHANNELS], x, 1e-5);
      g_assert_cmpfloat_with_epsilon (pooled[bin * CHANNELS + 1], y, 1e-5);
      g_assert_cmpfloat_with_epsilon (pooled[bin * CHANNELS + 2], 1, 1e-5);
    }
  }
}

/* Squares at the edge count for half a square outside, and nothing is behind. */
static void
test_outside (void)
{
  const CowBounds at_edge = { -7, 0, 6, 96 }, far = { -400, -400, 60, 60 },
                  all = { -1e7, -1e7, 2e7, 2e7 };
  float values[N], pooled[POOLED];
  fill_places (values);
  cow_roi_align (&map, values, &at_edge, pooled);
  g_assert_cmpfloat_with_epsilon (pooled[2], 1, 1e-5);
  g_assert_cmpfloat_with_epsilon (pooled[0], 0, 1e-5);
  cow_roi_align (&map, values, &far, pooled);
  for (int i = 0; i < POOLED; i++)
    g_assert_cmpfloat (pooled[i], ==, 0);
  /* Ends soon, and gives numbers. */
  cow_roi_align (&map, values, &all, pooled);
  for (int i = 0; i < POOLED; i++)
    g_assert_true (isfinite (pooled[i]));
}

/* What is pooled of x, times y, is x times what comes back of y. */
static void
test_backward (void)
{
  const CowBounds boxes[] = { { 20, 24, 90, 48 }, { -10, 70, 50, 40 }, { 40, 40, 3, 2 } };
  float values[N], pooled[POOLED], y[POOLED];
  for (int i = 0; i < N; i++)
    values[i] = (float)cow_random_normal (1, (guint64)i);
  for (int i = 0; i < POOLED; i++)
    y[i] = (float)cow_random_normal (2, (guint64)i);
  for (guint i = 0; i < G_N_ELEMENTS (boxes); i++) {
    float dvalues[N] = { 0 };
    double forth = 0, back = 0;
    cow_roi_align (&map, values, &boxes[i], pooled);
    cow_roi_align_backward (&map, &boxes[i], y, dvalues);
    for (int k = 0; k < POOLED; k++)
      forth += (double)pooled[k] * (double)y[k];
    for (int k = 0; k < N; k++)
      back += (double)values[k] * (double)dvalues[k];
    g_assert_cmpfloat (fabs (forth), >, 1e-3);
    g_assert_cmpfloat_with_epsilon (back, forth, 1e-4);
    /* It adds. */
    cow_roi_align_backward (&map, &boxes[i], y, dvalues);
    double twice = 0;
    for (int k = 0; k < N; k++)
      twice += (double)values[k] * (double)dvalues[k];
    g_assert_cmpfloat_with_epsilon (twice, 2 * forth, 2e-4);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/roi-align/middles", test_middles);
  g_test_add_func ("/roi-align/outside", test_outside);
  g_test_add_func ("/roi-align/backward", test_backward);
  return g_test_run ();
}
