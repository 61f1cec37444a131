/* SPDX-License-Identifier: MIT */
/*
 * Who goes with whom: the pairs of rows and columns of least cost, by shortest augmenting paths
 * (Jonker and Volgenant, 1987; as Crouse describes them for matrices that are not square, 2016).
 * Plain arithmetic on host memory; any thread.
 */
#ifndef COW_ASSIGNMENT_H
#define COW_ASSIGNMENT_H

#include <glib.h>

G_BEGIN_DECLS

/*
 * Pairs each row with a column of its own, or each column with a row where there are fewer columns,
 * so that the sum of `costs` [rows, columns], finite numbers of either sign, is as small as it can
 * be. column_of [rows] gets the column of each row, -1 for a row that has none. Takes time that
 * grows with the square of the shorter side and with the longer one.
 */
void cow_assign (const double *costs, guint rows, guint columns, int *column_of);

G_END_DECLS

#endif
