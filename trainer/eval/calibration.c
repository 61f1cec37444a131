/* SPDX-License-Identifier: MIT */
#include "trainer/eval/calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/network/argmax.h"

/* ---- temperature ----------------------------------------------------------------------------- */

double
cow_log_loss (const float *logits, const guint *truth, guint n, guint n_classes, double temperature)
{
  double total = 0;
  for (guint i = 0; i < n; i++) {
    const float *row = logits + (gsize)i * n_classes, max = row[cow_argmax (row, n_classes)];
    double sum = 0;
    for (guint c = 0; c < n_classes; c++)
      sum += exp (((double)row[c] - max) / temperature);
    total += log (sum) - ((double)row[truth[i]] - max) / temperature;
  }
  return total / n;
}

/* The loss is convex in 1 / T, so in log T it has one valley, which golden-section search closes in
 * on. */
double
cow_temperature_fit (const float *logits, const guint *truth, guint n, guint n_classes)
{
  const double golden = (sqrt (5) - 1) / 2;
  double low = log (COW_TEMPERATURE_MIN), high = log (COW_TEMPERATURE_MAX);
  double a = high - golden * (high - low), b = low + golden * (high - low);
  double loss_a = cow_log_loss (logits, truth, n, n_classes, exp (a)),
         loss_b = cow_log_loss (logits, truth, n, n_classes, exp (b));

  while (high - low > 1e-6) {
    if (loss_a <= loss_b) {
      high = b;
      b = a;
      loss_b = loss_a;
      a = high - golden * (high - low);
      loss_a = cow_log_loss (logits, truth, n, n_classes, exp (a));
    } else {
      low = a;
      a = b;
      loss_a = loss_b;
      b = low + golden * (high - low);
      loss_b = cow_log_loss (logits, truth, n, n_classes, exp (b));
    }
  }
  return exp ((low + high) / 2);
}

/* ---- reliability ----------------------------------------------------------------------------- */

double
cow_reliability (const float *probabilities, const guint *truth, guint n, guint n_classes,
                 CowReliabilityBin *bins)
{
  double error = 0;
  memset (bins, 0, COW_RELIABILITY_BINS * sizeof *bins);
  for (guint i = 0; i < n; i++) {
    const float *row = probabilities + (gsize)i * n_classes;
    const guint best = cow_argmax (row, n_classes);
    const int bin = CLAMP ((int)ceil ((double)row[best] * COW_RELIABILITY_BINS) - 1, 0,
                           COW_RELIABILITY_BINS - 1);
    bins[bin].n++;
    bins[bin].confidence += (double)row[best];
    bins[bin].accuracy += best == truth[i];
  }
  for (guint b = 0; b < COW_RELIABILITY_BINS; b++) {
    if (bins[b].n == 0)
      continue;
    bins[b].confidence /= (double)bins[b].n;
    bins[b].accuracy /= (double)bins[b].n;
    error += fabs (bins[b].confidence - bins[b].accuracy) * (double)bins[b].n / n;
  }
  return error;
}

/* ---- thresholds ------------------------------------------------------------------------------ */

typedef struct {
  float probability;
  gboolean is_class;
} Candidate;

static int
compare_candidates (gconstpointer a, gconstpointer b)
{
  const float x = ((const Candidate *)a)->probability, y = ((const Candidate *)b)->probability;
  return x > y ? -1 : x < y;
}

/* Whether one cut is to be preferred to the best so far. */
static gboolean
is_better (const CowThreshold *cut, const CowThreshold *best, double precision_target)
{
  if (precision_target <= 0)
    return cut->f1 > best->f1;
  /* Cuts come in falling order: a later one that reaches the target has at least the recall. */
  if (cut->reached || best->reached)
    return cut->reached;
  return cut->precision > best->precision;
}

/* Tries every cut between the candidates, which are sorted, highest probability first. */
static void
best_cut (const Candidate *candidates, guint n, guint64 support, double precision_target,
          CowThreshold *best)
{
  guint64 hits = 0;
  for (guint i = 0; i < n; i++) {
    const float here = candidates[i].probability,
                next = i + 1 < n ? candidates[i + 1].probability : 0;
    hits += candidates[i].is_class;
    if (i + 1 < n && next == here)
      continue;
    CowThreshold cut = { .known = TRUE, .value = ((double)here + (double)next) / 2 };
    cut.precision = (double)hits / (i + 1);
    cut.recall = (double)hits / (double)support;
    cut.f1 = 2 * (double)hits / (double)(i + 1 + support);
    cut.reached = cut.precision >= precision_target;
    if (!best->known || is_better (&cut, best, precision_target))
      *best = cut;
  }
}

/* Sorts the candidates of a class and takes the best cut; unknown where none of them is of it. */
static void
fit_class (Candidate *candidates, guint n, double precision_target, CowThreshold *threshold)
{
  guint64 support = 0;
  *threshold = (CowThreshold){ 0 };
  for (guint i = 0; i < n; i++)
    support += candidates[i].is_class;
  if (support == 0)
    return;
  qsort (candidates, n, sizeof *candidates, compare_candidates);
  best_cut (candidates, n, support, precision_target, threshold);
}

void
cow_thresholds_fit (const float *probabilities, const guint *truth, guint n, guint n_classes,
                    double precision_target, CowThreshold *thresholds)
{
  g_autofree Candidate *candidates = g_new (Candidate, MAX (n, 1));
  for (guint c = 0; c < n_classes; c++) {
    for (guint i = 0; i < n; i++)
      candidates[i] = (Candidate){ probabilities[(gsize)i * n_classes + c], truth[i] == c };
    fit_class (candidates, n, precision_target, &thresholds[c]);
  }
}

void
cow_thresholds_fit_labels (const float *probabilities, const guint8 *shown, guint n,
                           guint n_classes, double precision_target, CowThreshold *thresholds)
{
  g_autofree Candidate *candidates = g_new (Candidate, MAX (n, 1));
  for (guint c = 0; c < n_classes; c++) {
    for (guint i = 0; i < n; i++) {
      const gsize at = (gsize)i * n_classes + c;
      candidates[i] = (Candidate){ probabilities[at], shown[at] };
    }
    fit_class (candidates, n, precision_target, &thresholds[c]);
  }
}

void
cow_thresholds_apply (const float *probabilities, const guint *truth, guint n, guint n_classes,
                      const float *values, CowThreshold *thresholds)
{
  for (guint c = 0; c < n_classes; c++) {
    guint64 taken = 0, hits = 0, support = 0;
    for (guint i = 0; i < n; i++) {
      const gboolean take = probabilities[(gsize)i * n_classes + c] >= values[c];
      taken += take;
      hits += take && truth[i] == c;
      support += truth[i] == c;
    }
    thresholds[c] =
        (CowThreshold){ .known = support > 0, .reached = TRUE, .value = (double)values[c] };
    if (taken > 0)
      thresholds[c].precision = (double)hits / (double)taken;
    if (support > 0)
      thresholds[c].recall = (double)hits / (double)support;
    if (taken + support > 0)
      thresholds[c].f1 = 2 * (double)hits / (double)(taken + support);
  }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static double
apply_temperature (const float *logits, const guint *truth, guint n, guint n_classes,
                   double temperature, float *probabilities, CowReliabilityBin *bins)
{
  for (guint i = 0; i < n; i++)
    cow_softmax (logits + (gsize)i * n_classes, n_classes, temperature,
                 probabilities + (gsize)i * n_classes);
  return cow_reliability (probabilities, truth, n, n_classes, bins);
}

void
cow_trust_measure (const float *logits, const guint *truth, guint n, guint n_classes,
                   double temperature, float *probabilities, CowTrust *trust)
{
  trust->log_loss_before = cow_log_loss (logits, truth, n, n_classes, 1);
  trust->log_loss_after = cow_log_loss (logits, truth, n, n_classes, temperature);
  trust->ece_before =
      apply_temperature (logits, truth, n, n_classes, 1, probabilities, trust->before);
  trust->ece_after =
      apply_temperature (logits, truth, n, n_classes, temperature, probabilities, trust->after);
}

CowCalibration *
cow_calibration_fit (const float *logits, const guint *truth, guint n, guint n_classes,
                     double precision_target)
{
  CowCalibration *self = g_new0 (CowCalibration, 1);
  g_autofree float *probabilities = g_new (float, (gsize)n *n_classes);
  self->n_classes = n_classes;
  self->n = n;
  self->temperature = cow_temperature_fit (logits, truth, n, n_classes);
  self->told = self->temperature > COW_TEMPERATURE_MIN * 1.01 &&
               self->temperature < COW_TEMPERATURE_MAX / 1.01;
  if (!self->told)
    self->temperature = 1;
  self->precision_target = precision_target;
  self->thresholds = g_new0 (CowThreshold, n_classes);
  cow_trust_measure (logits, truth, n, n_classes, self->temperature, probabilities, &self->trust);
  cow_thresholds_fit (probabilities, truth, n, n_classes, precision_target, self->thresholds);
  return self;
}

CowCalibration *
cow_calibration_fit_labels (const float *logits, const guint8 *shown, guint n, guint n_classes,
                            double temperature, double precision_target)
{
  CowCalibration *self = g_new0 (CowCalibration, 1);
  g_autofree float *probabilities = g_new (float, (gsize)n *n_classes);
  self->multiple = self->told = TRUE;
  self->n_classes = n_classes;
  self->n = n;
  self->temperature = temperature;
  self->precision_target = precision_target;
  self->thresholds = g_new0 (CowThreshold, n_classes);
  for (guint i = 0; i < n; i++)
    cow_sigmoid (logits + (gsize)i * n_classes, n_classes, temperature,
                 probabilities + (gsize)i * n_classes);
  cow_thresholds_fit_labels (probabilities, shown, n, n_classes, precision_target,
                             self->thresholds);
  return self;
}

void
cow_calibration_free (CowCalibration *self)
{
  if (!self)
    return;
  g_free (self->thresholds);
  g_free (self);
}

/* ---- as the card keeps it -------------------------------------------------------------------- */

/* A calibration as the card keeps it. model/adapter/card.c reads "temperature" and the
 * thresholds' values; the rest is for people. */

JsonArray *
cow_reliability_to_json (const CowReliabilityBin *bins)
{
  JsonArray *array = json_array_new ();
  for (guint b = 0; b < COW_RELIABILITY_BINS; b++) {
    JsonObject *bin = json_object_new ();
    json_object_set_double_member (bin, "from", (double)b / COW_RELIABILITY_BINS);
    json_object_set_double_member (bin, "to", (double)(b + 1) / COW_RELIABILITY_BINS);
    json_object_set_int_member (bin, "pictures", (gint64)bins[b].n);
    json_object_set_double_member (bin, "confidence", bins[b].confidence);
    json_object_set_double_member (bin, "accuracy", bins[b].accuracy);
    json_array_add_object_element (array, bin);
  }
  return array;
}

static void
set_pair (JsonObject *object, const char *name, double before, double after)
{
  JsonObject *pair = json_object_new ();
  json_object_set_double_member (pair, "before", before);
  json_object_set_double_member (pair, "after", after);
  json_object_set_object_member (object, name, pair);
}

/* Classes that no picture showed have no threshold. */
static JsonObject *
thresholds_to_json (const CowCalibration *self, const char *const *classes)
{
  JsonObject *object = json_object_new (), *list = json_object_new ();
  json_object_set_string_member (object, "target", self->precision_target > 0 ? "precision" : "f1");
  if (self->precision_target > 0)
    json_object_set_double_member (object, "precision", self->precision_target);
  for (guint c = 0; c < self->n_classes; c++) {
    const CowThreshold *threshold = &self->thresholds[c];
    if (!threshold->known)
      continue;
    JsonObject *entry = json_object_new ();
    json_object_set_double_member (entry, "value", threshold->value);
    json_object_set_double_member (entry, "precision", threshold->precision);
    json_object_set_double_member (entry, "recall", threshold->recall);
    json_object_set_double_member (entry, "f1", threshold->f1);
    json_object_set_boolean_member (entry, "reached", threshold->reached);
    json_object_set_object_member (list, classes[c], entry);
  }
  json_object_set_object_member (object, "classes", list);
  return object;
}

JsonObject *
cow_calibration_to_json (const CowCalibration *self, const char *const *classes, const char *split)
{
  JsonObject *object = json_object_new ();
  json_object_set_double_member (object, "temperature", self->temperature);
  json_object_set_string_member (object, "split", split);
  json_object_set_int_member (object, "pictures", self->n);
  if (!self->multiple) {
    set_pair (object, "log_loss", self->trust.log_loss_before, self->trust.log_loss_after);
    set_pair (object, "ece", self->trust.ece_before, self->trust.ece_after);
    json_object_set_array_member (object, "reliability",
                                  cow_reliability_to_json (self->trust.after));
  }
  json_object_set_object_member (object, "thresholds", thresholds_to_json (self, classes));
  return object;
}
