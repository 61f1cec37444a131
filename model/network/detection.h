/* SPDX-License-Identifier: MIT */
/*
 * From the numbers of a detector's cells to boxes. A cell is a square of `stride` px of the frame
 * as the network sees it; it says how likely it is the middle of an animal (a heat map, as in
 * CenterNet: Zhou et al., 2019), and how far the four sides are from its own middle (as in FCOS:
 * Tian et al., 2019). Plain arithmetic on host memory; any thread.
 */
#ifndef COW_DETECTION_H
#define COW_DETECTION_H

#include <glib.h>

G_BEGIN_DECLS

/* What a cell holds: the logit of the heat, and the logarithms of left, top, right and bottom as
 * multiples of the stride. */
enum {
  COW_CELL_HEAT,
  COW_CELL_LEFT,
  COW_CELL_TOP,
  COW_CELL_RIGHT,
  COW_CELL_BOTTOM,
  COW_CELL_VALUES
};

/* A box's bell: its cells this share of its sides around its middle, which training tells of it. */
#define COW_CELLS_BELL .54
/* The logarithm of a distance is not more than this, so that nothing overflows. */
#define COW_CELL_MAX_LOG 8.f

/*
 * Where the cells of a picture lie. Tokens lie row by row, and the cells of a token, `split` by
 * `split` of them, beside each other: cells [rows, columns, split, split, COW_CELL_VALUES].
 */
typedef struct {
  int rows, columns; /* of tokens */
  int split;         /* cells along a side of a token */
  int stride;        /* px along a side of a cell */
} CowCells;

/* Px of the frame as the network sees it; x and y are of the upper left corner. */
typedef struct {
  double x, y, w, h;
} CowBounds;

typedef struct {
  CowBounds box;
  float score; /* 0..1 */
  guint row;   /* of what is told of it, where something is */
} CowDetection;

/* The number of cells, and the place of cell (x, y) among them, x and y in cells of the frame. */
static inline gsize
cow_cells_n (const CowCells *cells)
{
  return (gsize)cells->rows * (gsize)cells->columns * (gsize)(cells->split * cells->split);
}

static inline gsize
cow_cells_at (const CowCells *cells, int x, int y)
{
  const int split = cells->split;
  const gsize token = (gsize)(y / split) * (gsize)cells->columns + (gsize)(x / split);
  return token * (gsize)(split * split) + (gsize)(y % split * split + x % split);
}

/* The box of cell (x, y), whose values are `values` [COW_CELL_VALUES]. */
CowBounds cow_cell_bounds (const CowCells *cells, int x, int y, const float *values);
/* A box of a picture in the same picture of x and y times the width and height. */
static inline CowBounds
cow_bounds_scaled (const CowBounds *box, double x, double y)
{
  return (CowBounds){ box->x * x, box->y * y, box->w * x, box->h * y };
}
/* What of a box lies in a picture of these sides; w and h are 0 where nothing does. */
static inline CowBounds
cow_bounds_clipped (const CowBounds *box, double width, double height)
{
  const double left = CLAMP (box->x, 0, width), top = CLAMP (box->y, 0, height);
  return (CowBounds){ left, top, CLAMP (box->x + box->w, 0, width) - left,
                      CLAMP (box->y + box->h, 0, height) - top };
}
/* The area that both have, px. */
double cow_bounds_shared (const CowBounds *a, const CowBounds *b);
/* Area of the intersection over area of the union, 0..1. */
double cow_bounds_iou (const CowBounds *a, const CowBounds *b);
/*
 * Replaces what is in `detections`, of CowDetection, by what the cells [cow_cells_n (),
 * COW_CELL_VALUES] show: cells that are no less hot than the eight around them and have `least` at
 * least. The surest box is taken, of equals the first, and the scores of the others become exp
 * (-IoU² / .5) of what they were (Soft-NMS: Bodla et al., 2017), so that a cow behind another one
 * is found where she is sure enough, and a second box of one cow is not. Then the surest of these,
 * and so on, at most so many; those that overlap one before by more than `overlap`, or are less
 * sure than `least` by then, go. A box is the mean of those that the cells of its bell say, each
 * weighted by how hot it is; only those count that overlap the hottest cell's by more than half, so
 * that no neighbour's box is mixed in. Boxes end at the frame's edges. Rows are counted from 0.
 */
void cow_cells_read (const CowCells *cells, const float *values, float least, double overlap,
                     guint most, GArray *detections);

G_END_DECLS

#endif
