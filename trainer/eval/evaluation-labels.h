/* SPDX-License-Identifier: MIT */
/* The numbers of an evaluation in which a picture may have several labels, as files and as the part
 * of the page that takes the place of the matrix. */
#ifndef COW_TRAINER_EVALUATION_LABELS_H
#define COW_TRAINER_EVALUATION_LABELS_H

#include "trainer/eval/evaluation.h"

G_BEGIN_DECLS

/* Adds what results.json has in the place of accuracy, matrix and sources. */
void evaluation_labels_json (const CowEvaluation *self, JsonObject *object);
/* Adds what the card's member "metrics" has. */
void evaluation_labels_metrics_json (const CowEvaluation *self, JsonObject *object);
/* The table of report.txt. */
void evaluation_labels_text (const CowEvaluation *self, GString *text);
/* per_class.csv; g_free. */
char *evaluation_labels_csv (const CowEvaluation *self);
/* The cards at the top of the page, and its tables. */
void evaluation_labels_cards (const CowEvaluation *self, GString *html);
void evaluation_labels_tables (const CowEvaluation *self, GString *html);

G_END_DECLS

#endif
