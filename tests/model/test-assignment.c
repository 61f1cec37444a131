/* SPDX-License-Identifier: MIT */
/* Pairs of least cost against all that there are, against SciPy's sums, and of matrices that are
 * empty, level or thin. */
#include <math.h>

#include "model/network/assignment.h"

#define MOST 9

/* The least sum of the rows from `row` on, by trying all; `used` are bits of columns. Rows that
 * have no column (where there are more rows than columns) may be any. */
static double
try_all (const double *costs, guint rows, guint columns, guint row, guint used)
{
  const guint n_used = (guint)__builtin_popcount (used);
  double least = INFINITY;
  if (row == rows)
    return 0;
  for (guint c = 0; c < columns; c++)
    if (!(used & (1u << c)))
      least = fmin (least, costs[row * columns + c] +
                               try_all (costs, rows, columns, row + 1, used | (1u << c)));
  if (rows - row > columns - n_used)
    least = fmin (least, try_all (costs, rows, columns, row + 1, used));
  return least;
}

/* The sum of an assignment, which is checked. */
static double
sum_of (const double *costs, guint rows, guint columns, const int *column_of)
{
  g_autofree gboolean *used = g_new0 (gboolean, columns + 1);
  guint n = 0;
  double sum = 0;
  for (guint row = 0; row < rows; row++) {
    const int c = column_of[row];
    g_assert_cmpint (c, >=, -1);
    g_assert_cmpint (c, <, (int)columns);
    if (c < 0)
      continue;
    g_assert_false (used[c]);
    used[c] = TRUE;
    n++;
    sum += costs[row * columns + (guint)c];
  }
  g_assert_cmpuint (n, ==, MIN (rows, columns));
  return sum;
}

static void
test_all (void)
{
  double costs[MOST * MOST];
  int column_of[MOST];
  for (int i = 0; i < 3000; i++) {
    const guint rows = (guint)g_test_rand_int_range (1, 8),
                columns = (guint)g_test_rand_int_range (1, 8);
    /* Whole numbers of a small range are often equal. */
    const gboolean whole = i % 2;
    for (guint k = 0; k < rows * columns; k++)
      costs[k] = whole ? g_test_rand_int_range (-3, 4) : g_test_rand_double_range (-100, 100);
    cow_assign (costs, rows, columns, column_of);
    g_assert_cmpfloat_with_epsilon (sum_of (costs, rows, columns, column_of),
                                    try_all (costs, rows, columns, 0, 0), 1e-9);
  }
}

/* Any program can have the same numbers: 0 to 9999. */
static double
chance (guint64 *state)
{
  *state = (*state * 1103515245 + 12345) % (1u << 31);
  return (double)((*state >> 8) % 10000);
}

/* The sums are those of scipy.optimize.linear_sum_assignment, SciPy 1.17.1. */
static void
test_scipy (void)
{
  static const struct {
    guint rows, columns;
    double sum;
  } cases[] = { { 5, 5, 9674 },      { 30, 30, 18710 }, { 30, 512, 493 }, { 100, 40, 4110 },
                { 200, 200, 16865 }, { 1, 50, 73 },     { 50, 1, 121 } };
  guint64 state = 1;
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const guint rows = cases[i].rows, columns = cases[i].columns;
    g_autofree double *costs = g_new (double, rows *columns);
    g_autofree int *column_of = g_new (int, rows);
    for (guint k = 0; k < rows * columns; k++)
      costs[k] = chance (&state);
    cow_assign (costs, rows, columns, column_of);
    g_assert_cmpfloat (sum_of (costs, rows, columns, column_of), ==, cases[i].sum);
  }
}

static void
test_edges (void)
{
  const double level[6] = { 0 }, one = -3, large[4] = { 1e300, -1e300, -1e300, 1e300 };
  int column_of[3] = { 7, 7, 7 };
  cow_assign (NULL, 0, 0, NULL);
  cow_assign (NULL, 0, 3, NULL);
  cow_assign (NULL, 2, 0, column_of);
  g_assert_cmpint (column_of[0], ==, -1);
  g_assert_cmpint (column_of[1], ==, -1);
  g_assert_cmpint (column_of[2], ==, 7);
  cow_assign (&one, 1, 1, column_of);
  g_assert_cmpint (column_of[0], ==, 0);
  cow_assign (level, 3, 2, column_of);
  g_assert_cmpfloat (sum_of (level, 3, 2, column_of), ==, 0);
  cow_assign (level, 2, 3, column_of);
  g_assert_cmpfloat (sum_of (level, 2, 3, column_of), ==, 0);
  cow_assign (large, 2, 2, column_of);
  g_assert_cmpint (column_of[0], ==, 1);
  g_assert_cmpint (column_of[1], ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/assignment/all", test_all);
  g_test_add_func ("/assignment/scipy", test_scipy);
  g_test_add_func ("/assignment/edges", test_edges);
  return g_test_run ();
}
