/* SPDX-License-Identifier: MIT */
/*
 * The figures of an evaluation and of a training run, as lists of PlotFigure. They borrow what they
 * show. plots.c draws an evaluation, plots-history.c a run.
 */
#ifndef COW_TRAINER_PLOTS_H
#define COW_TRAINER_PLOTS_H

#include "trainer/eval/evaluation.h"
#include "trainer/eval/history.h"
#include "trainer/plot/plot.h"

G_BEGIN_DECLS

/* Precision over recall, a panel for each class; where pictures may have several labels. */
PlotFigure *plot_precision_recall (const CowEvaluation *evaluation);

/*
 * Where pictures may have several labels "precision-recall"; else "confusion" and
 * "confusion-normalised"; "classes": precision, recall and F1; "pairs": the most confused;
 * "sources", where pictures say where they come from; "reliability". Free with g_ptr_array_unref.
 */
GPtrArray *plots_of_evaluation (const CowEvaluation *evaluation);
/* "loss", "accuracy" (of labels and boxes "average-precision") and
 * "learning-rate" by epoch; nothing for a history without epochs. `history`: of CowEpoch. */
GPtrArray *plots_of_history (const GArray *history, CowHistoryOf of);

G_END_DECLS

#endif
