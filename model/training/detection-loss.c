/* SPDX-License-Identifier: MIT */
#include "model/training/detection-loss.h"

#include <math.h>

#define ALPHA 2. /* of the focal loss: what is right already counts less, */
#define BETA  4. /* and what is nearly a middle counts less */

/* What a cell is told. */
typedef struct {
  double heat; /* 1 in the middle of a box */
  double weight;
  int box; /* -1: none */
} Target;

/* ---- targets --------------------------------------------------------------------------------- */

typedef struct {
  int x, y;               /* the cell of its middle */
  int radius_x, radius_y; /* in cells */
  double area;
} Bell;

static gboolean
bell_of (const CowCells *cells, const CowBounds *box, Bell *bell)
{
  const double stride = cells->stride, x = (box->x + box->w / 2.) / stride,
               y = (box->y + box->h / 2.) / stride;
  if (!(box->w > 0 && box->h > 0) || !(x >= 0 && x < cells->columns * cells->split) ||
      !(y >= 0 && y < cells->rows * cells->split))
    return FALSE;
  *bell = (Bell){ (int)x, (int)y, (int)(COW_CELLS_BELL * box->w / stride / 2),
                  (int)(COW_CELLS_BELL * box->h / stride / 2), box->w * box->h };
  return TRUE;
}

static double
height_at (const Bell *bell, int x, int y)
{
  const double sigma_x = (2 * bell->radius_x + 1) / 6., sigma_y = (2 * bell->radius_y + 1) / 6.,
               dx = (x - bell->x) / sigma_x, dy = (y - bell->y) / sigma_y;
  return exp (-(dx * dx + dy * dy) / 2);
}

static void
ring (const CowCells *cells, const Bell *bell, int box, Target *targets)
{
  const int width = cells->columns * cells->split, height = cells->rows * cells->split;
  const int top = MAX (bell->y - bell->radius_y, 0),
            bottom = MIN (bell->y + bell->radius_y, height - 1),
            left = MAX (bell->x - bell->radius_x, 0),
            right = MIN (bell->x + bell->radius_x, width - 1);
  double sum = 0;
  for (int y = top; y <= bottom; y++)
    for (int x = left; x <= right; x++)
      sum += height_at (bell, x, y);
  for (int y = top; y <= bottom; y++)
    for (int x = left; x <= right; x++) {
      Target *target = &targets[cow_cells_at (cells, x, y)];
      const double heat = height_at (bell, x, y);
      target->heat = MAX (target->heat, heat);
      target->weight = log (MAX (bell->area, G_E)) * heat / sum;
      target->box = box;
    }
}

typedef struct {
  Bell bell;
  int box;
} Placed;

static gint
larger_first (gconstpointer a, gconstpointer b)
{
  const Placed *p = a, *q = b;
  if (p->bell.area != q->bell.area)
    return p->bell.area > q->bell.area ? -1 : 1;
  return p->box - q->box;
}

/* Small boxes come last: a cell that is of two is told the smaller one. Returns how many count. */
static guint
set_targets (const CowCells *cells, const CowBounds *boxes, guint n, Target *targets)
{
  g_autoptr (GArray) placed = g_array_new (FALSE, FALSE, sizeof (Placed));
  for (guint i = 0; i < n; i++) {
    Placed one = { .box = (int)i };
    if (bell_of (cells, &boxes[i], &one.bell))
      g_array_append_val (placed, one);
  }
  g_array_sort (placed, larger_first);
  for (gsize i = 0; i < cow_cells_n (cells); i++)
    targets[i] = (Target){ 0, 0, -1 };
  for (guint i = 0; i < placed->len; i++) {
    const Placed *one = &g_array_index (placed, Placed, i);
    ring (cells, &one->bell, one->box, targets);
  }
  return placed->len;
}

/* ---- heat ------------------------------------------------------------------------------------ */

/* log (sigmoid (x)), which is exact where the sigmoid is 0 or 1. */
static double
log_sigmoid (double x)
{
  return x < 0 ? x - log1p (exp (x)) : -log1p (exp (-x));
}

/* The focal loss of one cell; its slope is with respect to the logit x. */
static double
heat_loss (double x, double target, double *slope)
{
  const double p = 1 / (1 + exp (-x)), q = 1 / (1 + exp (x));
  if (target >= 1) {
    const double logarithm = log_sigmoid (x);
    *slope = pow (q, ALPHA) * (ALPHA * p * logarithm - q);
    return -pow (q, ALPHA) * logarithm;
  }
  const double logarithm = log_sigmoid (-x), share = pow (1 - target, BETA);
  *slope = share * pow (p, ALPHA) * (p - ALPHA * q * logarithm);
  return -share * pow (p, ALPHA) * logarithm;
}

/* ---- sides ----------------------------------------------------------------------------------- */

typedef struct {
  double left, top, right, bottom;
} Edges;

/*
 * One axis of two boxes: how much they share, how much both span, and which of our edges these
 * depend on (-1, 0, 1: the slope with respect to our low and our high edge).
 */
typedef struct {
  double shared, span;
  double shared_low, shared_high, span_low, span_high;
} Axis;

static Axis
axis_of (double low, double high, double other_low, double other_high)
{
  Axis axis = { .shared = MIN (high, other_high) - MAX (low, other_low),
                .span = MAX (high, other_high) - MIN (low, other_low),
                .span_low = low < other_low ? -1 : 0,
                .span_high = high > other_high ? 1 : 0 };
  if (axis.shared > 0) {
    axis.shared_low = low > other_low ? -1 : 0;
    axis.shared_high = high < other_high ? 1 : 0;
  } else {
    axis.shared = 0;
  }
  return axis;
}

/* 1 - GIoU of our edges against a box; slopes with respect to our edges. */
static double
giou_loss (const Edges *our, const CowBounds *box, Edges *slope)
{
  const Axis x = axis_of (our->left, our->right, box->x, box->x + box->w),
             y = axis_of (our->top, our->bottom, box->y, box->y + box->h);
  const double w = our->right - our->left, h = our->bottom - our->top, both = x.shared * y.shared,
               all = w * h + box->w * box->h - both, span = x.span * y.span;
  /* GIoU = both / all + all / span - 1, where all is w h + constant - both. */
  const double by_both = 1 / all, by_all = -both / (all * all) + 1 / span,
               by_span = -all / (span * span), by_shared = by_both - by_all;
  *slope = (Edges){
    -(by_shared * x.shared_low * y.shared - by_all * h + by_span * x.span_low * y.span),
    -(by_shared * y.shared_low * x.shared - by_all * w + by_span * y.span_low * x.span),
    -(by_shared * x.shared_high * y.shared + by_all * h + by_span * x.span_high * y.span),
    -(by_shared * y.shared_high * x.shared + by_all * w + by_span * y.span_high * x.span),
  };
  return 2 - both / all - all / span;
}

/* The loss of cell (x, y), and its slopes with respect to the four logarithms. */
static double
sides_loss (const CowCells *cells, int x, int y, const float *cell, const CowBounds *box,
            double *slopes)
{
  const double stride = cells->stride, middle_x = (x + .5) * stride, middle_y = (y + .5) * stride;
  double distances[4];
  Edges slope;
  for (int i = 0; i < 4; i++)
    distances[i] = stride * exp ((double)MIN (cell[COW_CELL_LEFT + i], COW_CELL_MAX_LOG));
  const Edges our = { middle_x - distances[0], middle_y - distances[1], middle_x + distances[2],
                      middle_y + distances[3] };
  const double loss = giou_loss (&our, box, &slope);
  const double by_distance[4] = { -slope.left, -slope.top, slope.right, slope.bottom };
  for (int i = 0; i < 4; i++)
    slopes[i] = cell[COW_CELL_LEFT + i] > COW_CELL_MAX_LOG ? 0 : by_distance[i] * distances[i];
  return loss;
}

/* ---- both ------------------------------------------------------------------------------------ */

/* How many boxes, and how much weight, a picture's sums are divided by. */
typedef struct {
  double boxes, weight;
} Shares;

static void
add_cell (const CowCells *cells, int x, int y, const float *cell, const Target *target,
          const CowBounds *boxes, const Shares *shares, double factor, CowDetectionLoss *loss,
          float *dcell)
{
  double slope, slopes[4] = { 0 };
  loss->heat += heat_loss (cell[COW_CELL_HEAT], target->heat, &slope) / shares->boxes;
  if (target->box >= 0)
    loss->sides += target->weight / shares->weight *
                   sides_loss (cells, x, y, cell, &boxes[target->box], slopes);
  if (!dcell)
    return;
  dcell[COW_CELL_HEAT] = (float)(factor * slope / shares->boxes);
  for (int i = 0; i < 4; i++)
    dcell[COW_CELL_LEFT + i] = target->box < 0
                                   ? 0
                                   : (float)(factor * COW_DETECTION_SIDES_WEIGHT * slopes[i] *
                                             target->weight / shares->weight);
}

CowDetectionLoss
cow_detection_loss (const CowCells *cells, const float *values, const CowBounds *boxes, guint n,
                    double factor, float *dvalues)
{
  CowDetectionLoss loss = { 0 };
  g_autofree Target *targets = g_new (Target, cow_cells_n (cells));
  Shares shares = { .boxes = MAX (set_targets (cells, boxes, n, targets), 1) };
  for (gsize i = 0; i < cow_cells_n (cells); i++)
    shares.weight += targets[i].weight;
  for (int y = 0; y < cells->rows * cells->split; y++)
    for (int x = 0; x < cells->columns * cells->split; x++) {
      const gsize at = cow_cells_at (cells, x, y), value = at * COW_CELL_VALUES;
      add_cell (cells, x, y, values + value, &targets[at], boxes, &shares, factor, &loss,
                dvalues ? dvalues + value : NULL);
    }
  return loss;
}
