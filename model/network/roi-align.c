/* SPDX-License-Identifier: MIT */
#include "model/network/roi-align.h"

#include <math.h>
#include <string.h>

/* One axis of the bins: where they begin, how long each is, and how many places each reads. Squares
 * of the map, whose middles are the whole numbers. */
typedef struct {
  double start, bin;
  int places;
} Axis;

/* Two neighbours along an axis, and how much each counts; 0 both outside. */
typedef struct {
  int low, high;
  float by_low, by_high;
} Between;

gint64
cow_roi_n_pooled (const CowRoiMap *map)
{
  return COW_ROI_BINS * COW_ROI_BINS * map->channels;
}

/* A box larger than the map reads no more places than the map has squares. */
static Axis
axis_of (double start, double length, int stride, int squares)
{
  const double bin = MAX (length, 0) / stride / COW_ROI_BINS;
  return (Axis){ start / stride - .5, bin, (int)CLAMP (ceil (bin), 1, squares + 2) };
}

static Between
between (const Axis *axis, int bin, int place, int squares)
{
  const double at = axis->start + axis->bin * (bin + (place + .5) / axis->places);
  if (!(at >= -1 && at <= squares))
    return (Between){ 0, 0, 0, 0 };
  const double inside = CLAMP (at, 0, squares - 1);
  const int low = (int)inside;
  const float high = (float)(inside - low);
  return (Between){ low, MIN (low + 1, squares - 1), 1 - high, high };
}

static void
add (float *to, const float *from, float weight, gint64 n)
{
  for (gint64 i = 0; i < n; i++)
    to[i] += weight * from[i];
}

/* What both directions do at the four squares around a place. */
typedef void (*Visit) (float *values, float *bin, float weight, gint64 channels);

static void
gather (float *values, float *bin, float weight, gint64 channels)
{
  add (bin, values, weight, channels);
}

static void
scatter (float *values, float *bin, float weight, gint64 channels)
{
  add (values, bin, weight, channels);
}

static void
visit_place (const CowRoiMap *map, float *values, const Between *y, const Between *x, float share,
             float *bin, Visit visit)
{
  const int rows[] = { y->low, y->high }, columns[] = { x->low, x->high };
  const float by_row[] = { y->by_low, y->by_high }, by_column[] = { x->by_low, x->by_high };
  for (int r = 0; r < 2; r++)
    for (int c = 0; c < 2; c++) {
      const float weight = by_row[r] * by_column[c] * share;
      if (weight != 0)
        visit (values + ((gint64)rows[r] * map->columns + columns[c]) * map->channels, bin, weight,
               map->channels);
    }
}

static void
visit_bins (const CowRoiMap *map, float *values, const CowBounds *box, float *pooled, Visit visit)
{
  const Axis x = axis_of (box->x, box->w, map->stride, map->columns),
             y = axis_of (box->y, box->h, map->stride, map->rows);
  const float share = 1.f / (float)(x.places * y.places);
  for (int row = 0; row < COW_ROI_BINS; row++)
    for (int column = 0; column < COW_ROI_BINS; column++)
      for (int v = 0; v < y.places; v++)
        for (int u = 0; u < x.places; u++) {
          const Between down = between (&y, row, v, map->rows),
                        across = between (&x, column, u, map->columns);
          visit_place (map, values, &down, &across, share,
                       pooled + (row * COW_ROI_BINS + column) * map->channels, visit);
        }
}

void
cow_roi_align (const CowRoiMap *map, const float *values, const CowBounds *box, float *pooled)
{
  memset (pooled, 0, (gsize)cow_roi_n_pooled (map) * sizeof (float));
  visit_bins (map, (float *)values, box, pooled, gather);
}

void
cow_roi_align_backward (const CowRoiMap *map, const CowBounds *box, const float *dpooled,
                        float *dvalues)
{
  visit_bins (map, dvalues, box, (float *)dpooled, scatter);
}
