/* SPDX-License-Identifier: MIT */
/* The figures of an evaluation of boxes, as a list of PlotFigure that borrow what they show. */
#ifndef COW_TRAINER_PLOTS_BOXES_H
#define COW_TRAINER_PLOTS_BOXES_H

#include "trainer/eval/box-evaluation.h"
#include "trainer/plot/plot.h"

G_BEGIN_DECLS

/* "precision-recall", "scores" (precision, recall and F1 by score), "confusion": classes of the
 * data by whether their cows are found or missed, and ghosts; where behaviours are told and the
 * data have some, "behaviours": their confusion. Free with g_ptr_array_unref. */
GPtrArray *plots_of_boxes (const CowBoxEvaluation *evaluation);

G_END_DECLS

#endif
