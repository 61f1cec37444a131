/* SPDX-License-Identifier: MIT */
/*
 * How good predictions are where a picture may have several labels, by scikit-learn's definitions
 * with zero_division = 0. Validation in `train`, and `eval`, count with the same code.
 */
#ifndef COW_TRAINER_LABEL_METRICS_H
#define COW_TRAINER_LABEL_METRICS_H

#include "trainer/eval/metrics.h"

G_BEGIN_DECLS

/* One class against the rest. */
typedef struct {
  guint64 hits, extra, missed, rest; /* pictures: true and false positives, false negatives, true
                                        negatives */
  CowScores scores;
  double average_precision; /* 0 where no picture shows it */
} CowLabelScores;

typedef struct {
  guint n, n_classes;
  CowLabelScores *classes; /* [n_classes] */
  /* The mean over the classes that some picture shows. */
  double mean_average_precision;
  CowScores macro; /* mean of the classes that occur, shown or said */
  CowScores micro; /* of all answers together */
  guint64 n_exact;
  double exact_match;  /* the share of pictures of which every label is right (subset accuracy) */
  double hamming_loss; /* the share of all answers, one a picture and class, that are wrong */
  guint64 *together;   /* [n_classes, n_classes] pictures that show both */
} CowLabelMetrics;

/* shown and said [n, n_classes], 0 or 1: what pictures show, and what was said of them. scores
 * likewise: the larger the surer; logits or probabilities. */
CowLabelMetrics *cow_label_metrics_new (const guint8 *shown, const guint8 *said,
                                        const float *scores, guint n, guint n_classes);
void cow_label_metrics_free (CowLabelMetrics *self);
guint64 cow_label_metrics_support (const CowLabelMetrics *self, guint class);

/* The sum over thresholds of (recall - recall before) precision for one class of these, as
 * sklearn.metrics.average_precision_score has it; 0 where no picture shows it. */
double cow_average_precision (const guint8 *shown, const float *scores, guint n, guint n_classes,
                              guint class);
/* Its mean over the classes that some picture shows; 0 without any. */
double cow_mean_average_precision (const guint8 *shown, const float *scores, guint n,
                                   guint n_classes);

/* A point of the curve of precision over recall. */
typedef struct {
  double recall, precision;
} CowPrecisionRecall;

/* The curve of one class, by falling threshold; of CowPrecisionRecall, g_array_unref. */
GArray *cow_precision_recall (const guint8 *shown, const float *scores, guint n, guint n_classes,
                              guint class);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowLabelMetrics, cow_label_metrics_free)

G_END_DECLS

#endif
