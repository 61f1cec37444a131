/* SPDX-License-Identifier: MIT */
#include "trainer/eval/plots.h"

static void
add (GPtrArray *figures, PlotFigure *figure)
{
  if (figure)
    g_ptr_array_add (figures, figure);
}

GPtrArray *
plots_of_evaluation (const CowEvaluation *evaluation)
{
  GPtrArray *figures = g_ptr_array_new_with_free_func ((GDestroyNotify)plot_figure_free);
  add (figures, plot_confusion (evaluation, FALSE));
  add (figures, plot_confusion (evaluation, TRUE));
  add (figures, plot_classes (evaluation));
  add (figures, plot_pairs (evaluation));
  add (figures, plot_sources (evaluation));
  add (figures, plot_reliability (evaluation));
  return figures;
}
