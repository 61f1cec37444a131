/* SPDX-License-Identifier: MIT */
/*
 * The figures of an evaluation and of a training run, as lists of PlotFigure. They borrow what they
 * show. plots-confusion.c, plots-bars.c, plots-reliability.c and plots-history.c draw one kind
 * each.
 */
#ifndef COW_TRAINER_PLOTS_H
#define COW_TRAINER_PLOTS_H

#include "trainer/eval/evaluation.h"
#include "trainer/eval/history.h"
#include "trainer/plot/plot.h"

G_BEGIN_DECLS

/*
 * "confusion" and "confusion-normalised"; "classes": precision, recall and F1; "pairs": the most
 * confused; "sources", where pictures say where they come from; "reliability". Free with
 * g_ptr_array_unref.
 */
GPtrArray *plots_of_evaluation (const CowEvaluation *evaluation);
/* "loss", "accuracy" and "learning-rate" by epoch; nothing for a history without epochs. `history`:
 * of CowEpoch. */
GPtrArray *plots_of_history (const GArray *history);

PlotFigure *plot_confusion (const CowEvaluation *evaluation, gboolean normalised);
PlotFigure *plot_classes (const CowEvaluation *evaluation);
/* NULL where nothing was confused, or nothing says where pictures come from. */
PlotFigure *plot_pairs (const CowEvaluation *evaluation);
PlotFigure *plot_sources (const CowEvaluation *evaluation);
PlotFigure *plot_reliability (const CowEvaluation *evaluation);

G_END_DECLS

#endif
