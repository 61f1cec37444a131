/* SPDX-License-Identifier: MIT */
/*
 * Confusion matrices: a row a true class, a column a predicted one, so that a row tells what became
 * of its pictures. Cells shrink as classes become many; names beyond a width are shortened.
 */
#ifndef COW_TRAINER_PLOTS_MATRIX_H
#define COW_TRAINER_PLOTS_MATRIX_H

#include "trainer/eval/metrics.h"
#include "trainer/plot/plot.h"

G_BEGIN_DECLS

/* All of it is borrowed by the figure. */
typedef struct {
  const CowConfusion *confusion;
  const char *const *rows, *const *columns; /* [confusion->n_classes] names */
  gboolean normalised;                      /* shares of rows, not counts */
} PlotMatrix;

PlotFigure *plot_matrix (const char *name, const char *title, const char *subtitle,
                         const PlotMatrix *matrix);

G_END_DECLS

#endif
