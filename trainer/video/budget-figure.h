/* SPDX-License-Identifier: MIT */
/* The time budget as a figure: a row for each subject, a column for each label, the share of the
 * observed time as shade and number. */
#ifndef COW_TRAINER_BUDGET_FIGURE_H
#define COW_TRAINER_BUDGET_FIGURE_H

#include "trainer/plot/plot.h"
#include "trainer/video/observation.h"

G_BEGIN_DECLS

typedef struct _CowBudgetFigure CowBudgetFigure;

CowBudgetFigure *cow_budget_figure_new (void);
void cow_budget_figure_free (CowBudgetFigure *self);
/* Adds the subjects of a closed observation; of the first few dozen only, the rest is counted. All
 * observations have the same labels. */
void cow_budget_figure_add (CowBudgetFigure *self, const char *source, const CowObservation *seen);
/* Writes FOLDER/budget.png and budget.svg; nothing where nothing was added. COW_ERROR_IO. */
gboolean cow_budget_figure_write (const CowBudgetFigure *self, const char *folder, GError **error);

G_END_DECLS

#endif
