/* SPDX-License-Identifier: MIT */
/* The numbers of an evaluation as files: JSON for programs and for the adapter's card,
 * scikit-learn's layout for people, CSV for spreadsheets. */
#include "trainer/eval/evaluation.h"

#include <gio/gio.h>
#include <string.h>

#include "cow-build.h"
#include "model/files/csv-field.h"
#include "model/files/file-writer.h"
#include "model/files/json-object.h"
#include "trainer/data/file-names.h"
#include "trainer/eval/evaluation-labels.h"
#include "trainer/host/words.h"

/* ---- JSON ------------------------------------------------------------------------------------ */

/* The numbers of an evaluation as JSON: results.json for programs, and what the adapter's card
 * keeps of it. */

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

/* What there is of one label a picture. */
static void
add_one_label (const CowEvaluation *self, JsonObject *object)
{
  json_object_set_int_member (object, "correct", (gint64)self->metrics->correct);
  json_object_set_double_member (object, "accuracy", self->metrics->accuracy);
  set_scores_member (object, "macro", &self->metrics->macro);
  set_scores_member (object, "weighted", &self->metrics->weighted);
  json_object_set_array_member (object, "classes", classes_json (self));
  json_object_set_array_member (object, "confusion", cow_evaluation_confusion_json (self));
  json_object_set_array_member (object, "confused_pairs", pairs_json (self));
  json_object_set_array_member (object, "by_source", sources_json (self));
}

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
  set_text (object, "prepared", self->prepared);
  json_object_set_int_member (object, "pictures", self->n);
  (self->multiple ? evaluation_labels_json : add_one_label) (self, object);
  json_object_set_object_member (object, "throughput", throughput_json (self));
  if (!self->multiple)
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
  if (self->multiple) {
    evaluation_labels_metrics_json (self, object);
  } else {
    json_object_set_double_member (object, "accuracy", self->metrics->accuracy);
    set_scores_member (object, "macro", &self->metrics->macro);
    set_scores_member (object, "weighted", &self->metrics->weighted);
  }
  set_text (object, "made_at", self->made_at);
  return object;
}

#define DIGITS      4
#define FLUSH_BYTES (1 << 16)

/* ---- report.txt ------------------------------------------------------------------------------ */

/* A name as one word of a line; control characters would break it. */
static char *
line_name (const char *name)
{
  char *text = g_utf8_make_valid (name, -1);
  for (char *c = text; *c; c++)
    if (g_ascii_iscntrl (*c))
      *c = ' ';
  return text;
}

/* Right-aligned, as Python's format does it: characters are counted, not bytes. */
static void
append_name (GString *text, const char *name, glong width)
{
  for (glong n = g_utf8_strlen (name, -1); n < width; n++)
    g_string_append_c (text, ' ');
  g_string_append (text, name);
  g_string_append_c (text, ' ');
}

static void
append_scores (GString *text, const char *name, glong width, const CowScores *scores,
               guint64 support)
{
  append_name (text, name, width);
  g_string_append_printf (text, " %9.*f %9.*f %9.*f %9" G_GUINT64_FORMAT "\n", DIGITS,
                          scores->precision, DIGITS, scores->recall, DIGITS, scores->f1, support);
}

/* Whether any picture shows a class or was said to. scikit-learn's report leaves out what is
 * neither. */
static gboolean
occurs (const CowEvaluation *self, guint c)
{
  return self->metrics->support[c] > 0 || cow_confusion_column (self->confusion, c) > 0;
}

static void
append_table (GString *text, const CowEvaluation *self)
{
  static const char *const averages[] = { "accuracy", "macro avg", "weighted avg" };
  const CowMetrics *metrics = self->metrics;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  glong width = (glong)strlen (averages[2]);

  for (guint c = 0; c < self->n_classes; c++) {
    g_ptr_array_add (names, line_name (self->classes[c]));
    if (occurs (self, c))
      width = MAX (width, g_utf8_strlen (names->pdata[c], -1));
  }
  append_name (text, "", width);
  g_string_append_printf (text, " %9s %9s %9s %9s\n\n", "precision", "recall", "f1-score",
                          "support");
  for (guint c = 0; c < self->n_classes; c++)
    if (occurs (self, c))
      append_scores (text, names->pdata[c], width, &metrics->classes[c], metrics->support[c]);
  g_string_append_c (text, '\n');
  append_name (text, averages[0], width);
  g_string_append_printf (text, " %9s %9s %9.*f %9" G_GUINT64_FORMAT "\n", "", "", DIGITS,
                          metrics->accuracy, metrics->n);
  append_scores (text, averages[1], width, &metrics->macro, metrics->n);
  append_scores (text, averages[2], width, &metrics->weighted, metrics->n);
}

static void
append_pairs (GString *text, const CowEvaluation *self)
{
  if (self->pairs->len == 0)
    return;
  g_string_append (text, "\nmost confused\n");
  for (guint i = 0; i < self->pairs->len; i++) {
    const CowConfusedPair *pair = &g_array_index (self->pairs, CowConfusedPair, i);
    g_autofree char *truth = line_name (self->classes[pair->truth]),
                    *predicted = line_name (self->classes[pair->predicted]);
    g_string_append_printf (text, "%8" G_GUINT64_FORMAT "  %5.1f %%  %s -> %s\n", pair->count,
                            100 * pair->share, truth, predicted);
  }
}

static void
append_sources (GString *text, const CowEvaluation *self)
{
  if (!self->has_sources)
    return;
  g_string_append (text, "\naccuracy by source\n");
  for (guint i = 0; i < self->by_source->len; i++) {
    const CowSourceMetrics *source = self->by_source->pdata[i];
    g_autofree char *name = line_name (*source->name ? source->name : "(none)");
    g_string_append_printf (text, "%8.*f  %8" G_GUINT64_FORMAT "  %s\n", DIGITS,
                            source->metrics->accuracy, source->metrics->n, name);
  }
}

static void
append_one (GString *text, const CowEvaluation *self)
{
  append_table (text, self);
  append_pairs (text, self);
  append_sources (text, self);
  g_string_append_printf (
      text,
      "\ntemperature %.4g: log loss %.4f (%.4f without), calibration error %.4f (%.4f without)\n",
      self->temperature, self->trust.log_loss_after, self->trust.log_loss_before,
      self->trust.ece_after, self->trust.ece_before);
}

static void
append_several (GString *text, const CowEvaluation *self)
{
  evaluation_labels_text (self, text);
  g_string_append_printf (text, "thresholds: %s%s\n",
                          self->fitted_on ? "fitted now on " : "the adapter's card",
                          self->fitted_on ? self->fitted_on : "");
}

char *
cow_evaluation_report_text (const CowEvaluation *self)
{
  GString *text = g_string_new (NULL);
  (self->multiple ? append_several : append_one) (text, self);
  if (self->seconds > 0 && self->network_seconds > 0) {
    g_autofree char *all = words_number ((self->n + self->unreadable->len) / self->seconds),
                    *network = words_number (self->n / self->network_seconds);
    g_string_append_printf (text, "%s pictures a second, %s in the network (batch %d, %s)\n", all,
                            network, self->batch, self->device ? self->device : "");
  }
  if (self->prepared)
    g_string_append_printf (text, "pictures prepared: %s\n", self->prepared);
  return g_string_free (text, FALSE);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static char *
per_class_csv (const CowEvaluation *self)
{
  GString *text = g_string_new ("class,precision,recall,f1,support\n");
  for (guint c = 0; c < self->n_classes; c++) {
    const CowScores *scores = &self->metrics->classes[c];
    cow_csv_append_field (text, self->classes[c]);
    g_string_append_printf (text, ",%.10g,%.10g,%.10g,%" G_GUINT64_FORMAT "\n", scores->precision,
                            scores->recall, scores->f1, self->metrics->support[c]);
  }
  return g_string_free (text, FALSE);
}

static void
append_prediction (GString *text, const CowEvaluation *self, guint i)
{
  g_autofree char *path = file_name_text (self->samples[i]->path),
                  *truth = cow_evaluation_truth_text (self, i),
                  *said = cow_evaluation_said_text (self, i);
  cow_csv_append_field (text, path);
  g_string_append_c (text, ',');
  cow_csv_append_field (text, truth);
  g_string_append_c (text, ',');
  cow_csv_append_field (text, said);
  g_string_append (text, cow_evaluation_is_right (self, i) ? ",1," : ",0,");
  cow_csv_append_field (text, self->samples[i]->source ? self->samples[i]->source : "");
  for (guint c = 0; c < self->n_classes; c++)
    g_string_append_printf (text, ",%.6g",
                            (double)self->probabilities[(gsize)i * self->n_classes + c]);
  g_string_append_c (text, '\n');
}

/* Writes all rows and empties `text` now and then, so that millions of pictures pass through little
 * memory. */
static gboolean
stream_predictions (const CowEvaluation *self, CowFileWriter *file, GString *text, GError **error)
{
  g_string_append (text, "image_path,true_label,pred_label,correct,source");
  for (guint c = 0; c < self->n_classes; c++) {
    g_string_append_c (text, ',');
    cow_csv_append_field (text, self->classes[c]);
  }
  g_string_append_c (text, '\n');
  for (guint i = 0; i < self->n; i++) {
    append_prediction (text, self, i);
    if (text->len < FLUSH_BYTES)
      continue;
    if (!cow_file_writer_write (file, text->str, text->len, error))
      return FALSE;
    g_string_truncate (text, 0);
  }
  return cow_file_writer_write (file, text->str, text->len, error);
}

static gboolean
write_predictions (const CowEvaluation *self, const char *path, GError **error)
{
  g_autoptr (CowFileWriter) file = cow_file_writer_new (path, error);
  g_autoptr (GString) text = g_string_new (NULL);
  return file && stream_predictions (self, file, text, error) &&
         cow_file_writer_finish (file, error);
}

gboolean
cow_evaluation_write (const CowEvaluation *self, const char *folder, GError **error)
{
  g_autofree char *results = g_build_filename (folder, "results.json", NULL),
                  *report = g_build_filename (folder, "report.txt", NULL),
                  *per_class = g_build_filename (folder, "per_class.csv", NULL),
                  *predictions = g_build_filename (folder, "predictions.csv", NULL);
  g_autoptr (JsonObject) object = cow_evaluation_to_json (self);
  g_autofree char *json = cow_json_object_text (object), *text = cow_evaluation_report_text (self),
                  *csv = self->multiple ? evaluation_labels_csv (self) : per_class_csv (self);
  return cow_text_write (json, results, error) && cow_text_write (text, report, error) &&
         cow_text_write (csv, per_class, error) && write_predictions (self, predictions, error);
}
