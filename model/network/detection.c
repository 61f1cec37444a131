/* SPDX-License-Identifier: MIT */
#include "model/network/detection.h"

#include <math.h>

#define SIGMA  .5 /* how fast scores fall beside a surer box; that of the paper of Soft-NMS */
#define AGREES .5 /* the overlap of boxes that mean one animal */

static float
distance (const CowCells *cells, float logarithm)
{
  return (float)cells->stride * expf (MIN (logarithm, COW_CELL_MAX_LOG));
}

CowBounds
cow_cell_bounds (const CowCells *cells, int x, int y, const float *values)
{
  const float middle_x = ((float)x + .5f) * (float)cells->stride,
              middle_y = ((float)y + .5f) * (float)cells->stride;
  const float left = distance (cells, values[COW_CELL_LEFT]),
              top = distance (cells, values[COW_CELL_TOP]);
  return (CowBounds){ middle_x - left, middle_y - top,
                      left + distance (cells, values[COW_CELL_RIGHT]),
                      top + distance (cells, values[COW_CELL_BOTTOM]) };
}

double
cow_bounds_shared (const CowBounds *a, const CowBounds *b)
{
  const double width = MIN (a->x + a->w, b->x + b->w) - MAX (a->x, b->x),
               height = MIN (a->y + a->h, b->y + b->h) - MAX (a->y, b->y);
  return width > 0 && height > 0 ? width * height : 0;
}

double
cow_bounds_iou (const CowBounds *a, const CowBounds *b)
{
  const double both = cow_bounds_shared (a, b), all = a->w * a->h + b->w * b->h - both;
  return all > 0 ? both / all : 0;
}

/* A cell that is a maximum. */
typedef struct {
  int x, y;
  gsize at;
  float heat; /* the logit */
} Peak;

/* Of equals the first counts, so that a plain of equal heat is one peak and not many. */
static gboolean
is_peak (const CowCells *cells, const float *values, int x, int y)
{
  const int width = cells->columns * cells->split, height = cells->rows * cells->split;
  const float heat = values[cow_cells_at (cells, x, y) * COW_CELL_VALUES];
  for (int v = MAX (y - 1, 0); v <= MIN (y + 1, height - 1); v++)
    for (int u = MAX (x - 1, 0); u <= MIN (x + 1, width - 1); u++) {
      const float other = values[cow_cells_at (cells, u, v) * COW_CELL_VALUES];
      const gboolean before = v < y || (v == y && u < x);
      if (other > heat || (other == heat && before))
        return FALSE;
    }
  return TRUE;
}

static gint
compare_peaks (gconstpointer a, gconstpointer b)
{
  const Peak *p = a, *q = b;
  if (p->heat != q->heat)
    return p->heat > q->heat ? -1 : 1;
  return p->at < q->at ? -1 : p->at > q->at;
}

static GArray *
find_peaks (const CowCells *cells, const float *values, float least)
{
  GArray *peaks = g_array_new (FALSE, FALSE, sizeof (Peak));
  const float bound = logf (least / (1 - least));
  for (int y = 0; y < cells->rows * cells->split; y++)
    for (int x = 0; x < cells->columns * cells->split; x++) {
      const gsize at = cow_cells_at (cells, x, y);
      const Peak peak = { x, y, at, values[at * COW_CELL_VALUES] };
      if (peak.heat >= bound && is_peak (cells, values, x, y))
        g_array_append_val (peaks, peak);
    }
  g_array_sort (peaks, compare_peaks);
  return peaks;
}

/* Adds w of a box to a sum of boxes. */
static void
add_box (CowBounds *sum, const CowBounds *box, double w)
{
  sum->x += w * box->x;
  sum->y += w * box->y;
  sum->w += w * box->w;
  sum->h += w * box->h;
}

/* Single cells err, and not in the same way: their mean is nearer to the animal. */
static CowBounds
agreed_box (const CowCells *cells, const float *values, const Peak *peak)
{
  const int width = cells->columns * cells->split, height = cells->rows * cells->split;
  const CowBounds own =
      cow_cell_bounds (cells, peak->x, peak->y, values + peak->at * COW_CELL_VALUES);
  const int radius_x = (int)(COW_CELLS_BELL * own.w / cells->stride / 2),
            radius_y = (int)(COW_CELLS_BELL * own.h / cells->stride / 2);
  CowBounds sum = { 0 };
  double all = 0;
  for (int y = MAX (peak->y - radius_y, 0); y <= MIN (peak->y + radius_y, height - 1); y++)
    for (int x = MAX (peak->x - radius_x, 0); x <= MIN (peak->x + radius_x, width - 1); x++) {
      const float *cell = values + cow_cells_at (cells, x, y) * COW_CELL_VALUES;
      const CowBounds box = cow_cell_bounds (cells, x, y, cell);
      const double heat = 1 / (1 + exp (-(double)cell[COW_CELL_HEAT]));
      if ((x == peak->x && y == peak->y) || cow_bounds_iou (&own, &box) > AGREES) {
        add_box (&sum, &box, heat);
        all += heat;
      }
    }
  return (CowBounds){ sum.x / all, sum.y / all, sum.w / all, sum.h / all };
}

static CowBounds
clip (const CowCells *cells, CowBounds box)
{
  const int side = cells->split * cells->stride;
  return cow_bounds_clipped (&box, cells->columns * side, cells->rows * side);
}

/* What is left of the scores of others beside a box that is told. Those that it covers are dropped;
 * those that are less sure than `least` by now, too. */
static void
make_room (GArray *candidates, const CowBounds *box, float least, double overlap)
{
  guint n = 0;

  for (guint i = 0; i < candidates->len; i++) {
    CowDetection other = g_array_index (candidates, CowDetection, i);
    const double iou = cow_bounds_iou (&other.box, box);
    other.score *= (float)exp (-iou * iou / SIGMA);
    if (iou <= overlap && other.score >= least)
      g_array_index (candidates, CowDetection, n++) = other;
  }
  g_array_set_size (candidates, n);
}

/* The index of the surest, the first of equals. */
static guint
surest (const GArray *candidates)
{
  guint best = 0;

  for (guint i = 1; i < candidates->len; i++)
    if (g_array_index (candidates, CowDetection, i).score >
        g_array_index (candidates, CowDetection, best).score)
      best = i;
  return best;
}

void
cow_cells_read (const CowCells *cells, const float *values, float least, double overlap, guint most,
                GArray *detections)
{
  g_autoptr (GArray) peaks = find_peaks (cells, values, least),
                     candidates = g_array_new (FALSE, FALSE, sizeof (CowDetection));

  for (guint i = 0; i < peaks->len; i++) {
    const Peak *peak = &g_array_index (peaks, Peak, i);
    const CowDetection candidate = { clip (cells, agreed_box (cells, values, peak)),
                                     1 / (1 + expf (-peak->heat)), 0 };
    g_array_append_val (candidates, candidate);
  }
  g_array_set_size (detections, 0);
  while (candidates->len > 0 && detections->len < most) {
    const guint at = surest (candidates);
    CowDetection next = g_array_index (candidates, CowDetection, at);
    next.row = detections->len;
    g_array_remove_index (candidates, at);
    make_room (candidates, &next.box, least, overlap);
    g_array_append_val (detections, next);
  }
}
