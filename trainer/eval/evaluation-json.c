/* SPDX-License-Identifier: MIT */
/* The numbers of an evaluation as JSON: results.json for programs, and what the adapter's card
 * keeps of it. */
#include "trainer/eval/evaluation.h"

#include "cow-build.h"

#define FORMAT 1

/* Names that come from files need not be UTF-8, JSON must. */
static void
set_text (JsonObject *object, const char *name, const char *text)
{
  g_autofree char *valid = text ? g_utf8_make_valid (text, -1) : NULL;
  if (valid)
    json_object_set_string_member (object, name, valid);
  else
    json_object_set_null_member (object, name);
}

static JsonArray *
texts (const GPtrArray *list)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < list->len; i++) {
    g_autofree char *valid = g_utf8_make_valid (list->pdata[i], -1);
    json_array_add_string_element (array, valid);
  }
  return array;
}

static void
set_scores (JsonObject *object, const CowScores *scores)
{
  json_object_set_double_member (object, "precision", scores->precision);
  json_object_set_double_member (object, "recall", scores->recall);
  json_object_set_double_member (object, "f1", scores->f1);
}

static void
set_scores_member (JsonObject *object, const char *name, const CowScores *scores)
{
  JsonObject *member = json_object_new ();
  set_scores (member, scores);
  json_object_set_object_member (object, name, member);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static JsonArray *
classes_json (const CowEvaluation *self)
{
  JsonArray *array = json_array_new ();
  for (guint c = 0; c < self->n_classes; c++) {
    JsonObject *object = json_object_new ();
    set_text (object, "name", self->classes[c]);
    set_scores (object, &self->metrics->classes[c]);
    json_object_set_int_member (object, "support", (gint64)self->metrics->support[c]);
    json_object_set_int_member (object, "predicted",
                                (gint64)cow_confusion_column (self->confusion, c));
    json_array_add_object_element (array, object);
  }
  return array;
}

JsonArray *
cow_evaluation_confusion_json (const CowEvaluation *self)
{
  JsonArray *rows = json_array_new ();
  for (guint t = 0; t < self->n_classes; t++) {
    JsonArray *row = json_array_new ();
    for (guint p = 0; p < self->n_classes; p++)
      json_array_add_int_element (row, (gint64)cow_confusion_get (self->confusion, t, p));
    json_array_add_array_element (rows, row);
  }
  return rows;
}

static JsonArray *
pairs_json (const CowEvaluation *self)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < self->pairs->len; i++) {
    const CowConfusedPair *pair = &g_array_index (self->pairs, CowConfusedPair, i);
    JsonObject *object = json_object_new ();
    set_text (object, "true", self->classes[pair->truth]);
    set_text (object, "predicted", self->classes[pair->predicted]);
    json_object_set_int_member (object, "pictures", (gint64)pair->count);
    json_object_set_double_member (object, "share", pair->share);
    json_array_add_object_element (array, object);
  }
  return array;
}

static JsonArray *
sources_json (const CowEvaluation *self)
{
  JsonArray *array = json_array_new ();
  for (guint i = 0; i < self->by_source->len; i++) {
    const CowSourceMetrics *source = self->by_source->pdata[i];
    JsonObject *object = json_object_new ();
    set_text (object, "source", source->name);
    json_object_set_int_member (object, "pictures", (gint64)source->metrics->n);
    json_object_set_int_member (object, "correct", (gint64)source->metrics->correct);
    json_object_set_double_member (object, "accuracy", source->metrics->accuracy);
    set_scores_member (object, "macro", &source->metrics->macro);
    set_scores_member (object, "weighted", &source->metrics->weighted);
    json_array_add_object_element (array, object);
  }
  return array;
}

static JsonObject *
throughput_json (const CowEvaluation *self)
{
  const double seen = self->n + self->unreadable->len;
  JsonObject *object = json_object_new ();
  json_object_set_double_member (object, "seconds", self->seconds);
  json_object_set_double_member (object, "network_seconds", self->network_seconds);
  json_object_set_double_member (object, "pictures_per_second",
                                 self->seconds > 0 ? seen / self->seconds : 0);
  json_object_set_double_member (object, "network_pictures_per_second",
                                 self->network_seconds > 0 ? self->n / self->network_seconds : 0);
  json_object_set_int_member (object, "batch", self->batch);
  return object;
}

static JsonArray *
thresholds_json (const CowEvaluation *self)
{
  JsonArray *array = json_array_new ();
  for (guint c = 0; c < self->n_classes; c++) {
    const CowThreshold *threshold = &self->thresholds[c];
    JsonObject *object = json_object_new ();
    set_text (object, "class", self->classes[c]);
    json_object_set_double_member (object, "value", threshold->value);
    json_object_set_double_member (object, "precision", threshold->precision);
    json_object_set_double_member (object, "recall", threshold->recall);
    json_object_set_double_member (object, "f1", threshold->f1);
    json_array_add_object_element (array, object);
  }
  return array;
}

static JsonObject *
calibration_json (const CowEvaluation *self)
{
  const CowTrust *trust = &self->trust;
  JsonObject *object = json_object_new (), *loss = json_object_new (), *ece = json_object_new ();
  json_object_set_double_member (object, "temperature", self->temperature);
  set_text (object, "fitted_on", self->fitted_on);
  json_object_set_double_member (loss, "before", trust->log_loss_before);
  json_object_set_double_member (loss, "after", trust->log_loss_after);
  json_object_set_double_member (ece, "before", trust->ece_before);
  json_object_set_double_member (ece, "after", trust->ece_after);
  json_object_set_object_member (object, "log_loss", loss);
  json_object_set_object_member (object, "ece", ece);
  json_object_set_array_member (object, "reliability_before",
                                cow_reliability_to_json (trust->before));
  json_object_set_array_member (object, "reliability_after",
                                cow_reliability_to_json (trust->after));
  if (self->thresholds)
    json_object_set_array_member (object, "thresholds", thresholds_json (self));
  return object;
}

/* ---- all of it ------------------------------------------------------------------------------- */

JsonObject *
cow_evaluation_to_json (const CowEvaluation *self)
{
  JsonObject *object = json_object_new ();
  json_object_set_int_member (object, "format", FORMAT);
  json_object_set_string_member (object, "version", COW_VERSION);
  set_text (object, "made_at", self->made_at);
  set_text (object, "model", self->model);
  set_text (object, "adapter", self->adapter);
  set_text (object, "data", self->data);
  set_text (object, "split", self->split);
  set_text (object, "device", self->device);
  json_object_set_int_member (object, "pictures", self->n);
  json_object_set_int_member (object, "correct", (gint64)self->metrics->correct);
  json_object_set_double_member (object, "accuracy", self->metrics->accuracy);
  set_scores_member (object, "macro", &self->metrics->macro);
  set_scores_member (object, "weighted", &self->metrics->weighted);
  json_object_set_array_member (object, "classes", classes_json (self));
  json_object_set_array_member (object, "confusion", cow_evaluation_confusion_json (self));
  json_object_set_array_member (object, "confused_pairs", pairs_json (self));
  json_object_set_array_member (object, "by_source", sources_json (self));
  json_object_set_object_member (object, "throughput", throughput_json (self));
  json_object_set_object_member (object, "calibration", calibration_json (self));
  json_object_set_array_member (object, "unreadable", texts (self->unreadable));
  json_object_set_array_member (object, "warnings", texts (self->warnings));
  return object;
}

JsonObject *
cow_evaluation_metrics_json (const CowEvaluation *self)
{
  JsonObject *object = json_object_new ();
  set_text (object, "split", self->split);
  json_object_set_int_member (object, "n", self->n);
  json_object_set_double_member (object, "accuracy", self->metrics->accuracy);
  set_scores_member (object, "macro", &self->metrics->macro);
  set_scores_member (object, "weighted", &self->metrics->weighted);
  set_text (object, "made_at", self->made_at);
  return object;
}
