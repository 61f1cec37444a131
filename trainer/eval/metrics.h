/* SPDX-License-Identifier: MIT */
/*
 * How good predictions are: a confusion matrix and what follows from it, by scikit-learn's
 * definitions with zero_division = 0 (0 / 0 is 0). Validation in `train`, and `eval`, count with
 * the same code.
 */
#ifndef COW_TRAINER_METRICS_H
#define COW_TRAINER_METRICS_H

#include <glib.h>

G_BEGIN_DECLS

/* Pictures counted by what they show and what was said of them. */
typedef struct {
  guint n_classes;
  guint64 n;       /* pictures, the sum of all counts */
  guint64 *counts; /* [n_classes, n_classes]; a row is a true class, a column a predicted one */
} CowConfusion;

CowConfusion *cow_confusion_new (guint n_classes);
void cow_confusion_free (CowConfusion *self);
/* Both are below n_classes. */
void cow_confusion_add (CowConfusion *self, guint truth, guint predicted);
guint64 cow_confusion_get (const CowConfusion *self, guint truth, guint predicted);
/* Pictures of a class, and pictures that were said to show it. */
guint64 cow_confusion_row (const CowConfusion *self, guint truth);
guint64 cow_confusion_column (const CowConfusion *self, guint predicted);

typedef struct {
  double precision, recall, f1;
} CowScores;

typedef struct {
  guint64 n, correct;
  double accuracy; /* 0 for no pictures */
  guint n_classes;
  CowScores *classes; /* [n_classes] */
  guint64 *support;   /* [n_classes] pictures of each class */
  CowScores macro;    /* mean of the classes that occur, true or predicted: one that is missing in a
                         test set does not count as 0 */
  CowScores weighted; /* mean weighted by support */
} CowMetrics;

CowMetrics *cow_metrics_new (const CowConfusion *confusion);
void cow_metrics_free (CowMetrics *self);

/* Pictures of one class that were taken for another. */
typedef struct {
  guint truth, predicted;
  guint64 count;
  double share; /* of the pictures of the true class */
} CowConfusedPair;

/* The pairs of different classes with the most pictures, most first, none with 0; at most `most`.
 * Free with g_array_unref. */
GArray *cow_confusion_pairs (const CowConfusion *self, guint most);

/* The pictures of one source (a camera, a data set). */
typedef struct {
  char *name;
  CowConfusion *confusion;
  CowMetrics *metrics;
} CowSourceMetrics;

/* Metrics by source, sorted by its name; a NULL source counts as "". Free with g_ptr_array_unref.
 */
GPtrArray *cow_metrics_by_source (guint n_classes, guint n, const guint *truth,
                                  const guint *predicted, const char *const *sources);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowConfusion, cow_confusion_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowMetrics, cow_metrics_free)

G_END_DECLS

#endif
