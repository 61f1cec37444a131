/* SPDX-License-Identifier: MIT */
#include "model/network/assignment.h"

#include <math.h>

/* Row 0 and column 0 of the search are none; those of the matrix are counted from 1. The rows of
 * the search are the shorter side of the matrix, whichever that is. */
typedef struct {
  const double *costs;
  gsize across, down; /* from a cost to that of the next column, and of the next row */
  guint n_rows, n_columns;
  double *row_price, *column_price; /* what is paid less for a pair; sums are never too small */
  double *distance;                 /* [1 + n_columns] the shortest path to a column so far */
  guint *row_of;                    /* [1 + n_columns] 0: free */
  guint *before;                    /* [1 + n_columns] the column from which the path comes */
  gboolean *reached;                /* [1 + n_columns] its shortest path is known */
} Search;

static void
search_init (Search *self, const double *costs, guint rows, guint columns)
{
  const gboolean turned = rows > columns;
  self->costs = costs;
  self->across = turned ? columns : 1;
  self->down = turned ? 1 : columns;
  self->n_rows = MIN (rows, columns);
  self->n_columns = MAX (rows, columns);
  self->row_price = g_new0 (double, (gsize)self->n_rows + 1);
  self->column_price = g_new0 (double, (gsize)self->n_columns + 1);
  self->distance = g_new (double, (gsize)self->n_columns + 1);
  self->row_of = g_new0 (guint, (gsize)self->n_columns + 1);
  self->before = g_new0 (guint, (gsize)self->n_columns + 1);
  self->reached = g_new (gboolean, (gsize)self->n_columns + 1);
}

static void
search_clear (Search *self)
{
  g_free (self->row_price);
  g_free (self->column_price);
  g_free (self->distance);
  g_free (self->row_of);
  g_free (self->before);
  g_free (self->reached);
}

/* Goes on from a column that is reached to the nearest one that is not. */
static guint
step (Search *self, guint from)
{
  const guint row = self->row_of[from];
  const double *costs = self->costs + (row - 1) * self->down;
  double least = INFINITY;
  guint nearest = 0;
  for (guint c = 1; c <= self->n_columns; c++) {
    if (self->reached[c])
      continue;
    const double path =
        costs[(c - 1) * self->across] - self->row_price[row] - self->column_price[c];
    if (path < self->distance[c]) {
      self->distance[c] = path;
      self->before[c] = from;
    }
    if (self->distance[c] < least || nearest == 0) {
      least = self->distance[c];
      nearest = c;
    }
  }
  /* Prices move with the path, so that the next distances count from here. */
  for (guint c = 0; c <= self->n_columns; c++)
    if (self->reached[c]) {
      self->row_price[self->row_of[c]] += least;
      self->column_price[c] -= least;
    } else {
      self->distance[c] -= least;
    }
  return nearest;
}

/* Gives a row a column, for which others may move on to other columns. */
static void
place (Search *self, guint row)
{
  guint at = 0;
  self->row_of[0] = row;
  for (guint c = 0; c <= self->n_columns; c++) {
    self->distance[c] = INFINITY;
    self->reached[c] = FALSE;
  }
  do {
    self->reached[at] = TRUE;
    at = step (self, at);
  } while (self->row_of[at] != 0);
  for (; at != 0; at = self->before[at])
    self->row_of[at] = self->row_of[self->before[at]];
}

void
cow_assign (const double *costs, guint rows, guint columns, int *column_of)
{
  Search search;
  for (guint row = 0; row < rows; row++)
    column_of[row] = -1;
  if (rows == 0 || columns == 0)
    return;
  search_init (&search, costs, rows, columns);
  for (guint row = 1; row <= search.n_rows; row++)
    place (&search, row);
  for (guint c = 1; c <= search.n_columns; c++) {
    if (search.row_of[c] == 0)
      continue;
    if (rows <= columns)
      column_of[search.row_of[c] - 1] = (int)c - 1;
    else
      column_of[c - 1] = (int)search.row_of[c] - 1;
  }
  search_clear (&search);
}
