/* SPDX-License-Identifier: MIT */
#include "trainer/eval/label-metrics.h"

#include <stdlib.h>
#include <string.h>

static double
ratio (double part, double whole)
{
  return whole > 0 ? part / whole : 0;
}

static CowScores
scores_of (double hits, double extra, double missed)
{
  return (CowScores){ ratio (hits, hits + extra), ratio (hits, hits + missed),
                      ratio (2 * hits, 2 * hits + extra + missed) };
}

/* ---- average precision ----------------------------------------------------------------------- */

typedef struct {
  float score;
  guint8 shown;
} Answer;

static int
compare_answers (const void *a, const void *b)
{
  const float x = ((const Answer *)a)->score, y = ((const Answer *)b)->score;
  return x > y ? -1 : x < y;
}

GArray *
cow_precision_recall (const guint8 *shown, const float *scores, guint n, guint n_classes,
                      guint class)
{
  GArray *curve = g_array_new (FALSE, FALSE, sizeof (CowPrecisionRecall));
  g_autofree Answer *answers = g_new (Answer, MAX (n, 1));
  guint64 support = 0, hits = 0;

  for (guint i = 0; i < n; i++) {
    const gsize at = (gsize)i * n_classes + class;
    answers[i] = (Answer){ scores[at], shown[at] };
    support += shown[at];
  }
  qsort (answers, n, sizeof *answers, compare_answers);
  for (guint i = 0; i < n && support > 0; i++) {
    hits += answers[i].shown;
    /* Equal scores are taken together: no threshold divides them. */
    if (i + 1 < n && answers[i + 1].score == answers[i].score)
      continue;
    const CowPrecisionRecall point = { (double)hits / (double)support, (double)hits / (i + 1.0) };
    g_array_append_val (curve, point);
  }
  return curve;
}

double
cow_average_precision (const guint8 *shown, const float *scores, guint n, guint n_classes,
                       guint class)
{
  g_autoptr (GArray) curve = cow_precision_recall (shown, scores, n, n_classes, class);
  double sum = 0, before = 0;

  for (guint i = 0; i < curve->len; i++) {
    const CowPrecisionRecall *point = &g_array_index (curve, CowPrecisionRecall, i);
    sum += (point->recall - before) * point->precision;
    before = point->recall;
  }
  return sum;
}

static gboolean
is_shown (const guint8 *shown, guint n, guint n_classes, guint class)
{
  for (guint i = 0; i < n; i++)
    if (shown[(gsize)i * n_classes + class])
      return TRUE;
  return FALSE;
}

double
cow_mean_average_precision (const guint8 *shown, const float *scores, guint n, guint n_classes)
{
  double sum = 0;
  guint n_shown = 0;

  for (guint c = 0; c < n_classes; c++) {
    sum += cow_average_precision (shown, scores, n, n_classes, c);
    n_shown += is_shown (shown, n, n_classes, c) != 0;
  }
  return ratio (sum, n_shown);
}

/* ---- counts ---------------------------------------------------------------------------------- */

static void
count_picture (CowLabelMetrics *self, const guint8 *shown, const guint8 *said)
{
  self->n_exact += memcmp (shown, said, self->n_classes) == 0;
  for (guint c = 0; c < self->n_classes; c++) {
    CowLabelScores *class = &self->classes[c];
    *(shown[c] ? (said[c] ? &class->hits : &class->missed)
               : (said[c] ? &class->extra : &class->rest)) += 1;
    for (guint k = 0; shown[c] && k < self->n_classes; k++)
      self->together[(gsize)c * self->n_classes + k] += shown[k];
  }
}

static void
add_averages (CowLabelMetrics *self)
{
  double hits = 0, extra = 0, missed = 0, n_occurring = 0;

  for (guint c = 0; c < self->n_classes; c++) {
    CowLabelScores *class = &self->classes[c];
    class->scores = scores_of ((double)class->hits, (double)class->extra, (double)class->missed);
    self->macro.precision += class->scores.precision;
    self->macro.recall += class->scores.recall;
    self->macro.f1 += class->scores.f1;
    n_occurring += class->hits + class->extra + class->missed > 0;
    hits += (double)class->hits;
    extra += (double)class->extra;
    missed += (double)class->missed;
  }
  self->macro =
      (CowScores){ ratio (self->macro.precision, n_occurring),
                   ratio (self->macro.recall, n_occurring), ratio (self->macro.f1, n_occurring) };
  self->micro = scores_of (hits, extra, missed);
  self->exact_match = ratio ((double)self->n_exact, self->n);
  self->hamming_loss = ratio (extra + missed, (double)self->n * self->n_classes);
}

CowLabelMetrics *
cow_label_metrics_new (const guint8 *shown, const guint8 *said, const float *scores, guint n,
                       guint n_classes)
{
  CowLabelMetrics *self = g_new0 (CowLabelMetrics, 1);

  self->n = n;
  self->n_classes = n_classes;
  self->classes = g_new0 (CowLabelScores, n_classes);
  self->together = g_new0 (guint64, (gsize)n_classes * n_classes);
  for (guint i = 0; i < n; i++)
    count_picture (self, shown + (gsize)i * n_classes, said + (gsize)i * n_classes);
  for (guint c = 0; c < n_classes; c++)
    self->classes[c].average_precision = cow_average_precision (shown, scores, n, n_classes, c);
  self->mean_average_precision = cow_mean_average_precision (shown, scores, n, n_classes);
  add_averages (self);
  return self;
}

void
cow_label_metrics_free (CowLabelMetrics *self)
{
  if (!self)
    return;
  g_free (self->classes);
  g_free (self->together);
  g_free (self);
}

guint64
cow_label_metrics_support (const CowLabelMetrics *self, guint class)
{
  return self->classes[class].hits + self->classes[class].missed;
}
