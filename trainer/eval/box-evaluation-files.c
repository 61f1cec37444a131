/* SPDX-License-Identifier: MIT */
/* The numbers of boxes that were found as files: JSON for programs and for the adapter's card,
 * tables for people, CSV for spreadsheets. */
#include "trainer/eval/box-evaluation.h"

#include <math.h>

#include "cow-build.h"
#include "model/files/csv-field.h"
#include "model/files/file-writer.h"
#include "model/files/json.h"
#include "trainer/data/file-names.h"
#include "trainer/host/text-table.h"
#include "trainer/host/words.h"

#define FORMAT 1

/* ---- report.txt ------------------------------------------------------------------------------ */

/* Without cows of a size there is nothing to say of them. */
static char *
number_text (double value)
{
  return isnan (value) ? g_strdup ("-") : g_strdup_printf ("%.4f", value);
}

static void
add_sizes (GString *text, const CowBoxScores *scores)
{
  static const TextColumn columns[] = { { "cows", TRUE, 0 },
                                        { "mAP50:95", FALSE, 0 },
                                        { "recall", FALSE, 0 } };
  static const char *const sizes[] = { "all", "small (< 32 x 32 px)", "medium (to 96 x 96 px)",
                                       "large" };
  g_autoptr (TextTable) table = text_table_new (columns, G_N_ELEMENTS (columns));

  for (guint i = 0; i < COW_BOX_SIZES; i++) {
    char *cells[] = { g_strdup (sizes[i]), number_text (scores->precision[i]),
                      number_text (scores->recall[i]), NULL };
    text_table_add (table, cells);
  }
  g_autofree char *rows = text_table_text (table, 0, "");
  g_string_append (text, rows);
}

/* The confusion matrix as far as a network goes that tells cows alone: a row a class, what became
 * of its cows, and those that are none. */
static void
add_confusion (GString *text, const CowBoxEvaluation *self)
{
  static const TextColumn columns[] = {
    { "true, said:", TRUE, 0 }, { "cow", FALSE, 0 }, { "missed", FALSE, 0 }, { "recall", FALSE, 0 }
  };
  const CowBoxThreshold *at = &self->threshold;
  g_autoptr (TextTable) table = text_table_new (columns, G_N_ELEMENTS (columns));

  for (guint i = 0; i < self->classes->len; i++) {
    const CowBoxShare *share = &g_array_index (self->classes, CowBoxShare, i);
    char *cells[] = { g_strdup (share->name), g_strdup_printf ("%" G_GUINT64_FORMAT, share->found),
                      g_strdup_printf ("%" G_GUINT64_FORMAT, share->n - share->found),
                      number_text ((double)share->found / (double)share->n), NULL };
    text_table_add (table, cells);
  }
  char *cows[] = { g_strdup (self->classes->len > 0 ? "all cows" : "cow"),
                   g_strdup_printf ("%" G_GUINT64_FORMAT, at->hits),
                   g_strdup_printf ("%" G_GUINT64_FORMAT, at->missed),
                   number_text (self->n_cows > 0 ? at->recall : (double)NAN), NULL };
  char *ghosts[] = { g_strdup ("ghost (no cow)"),
                     g_strdup_printf ("%" G_GUINT64_FORMAT, at->ghosts), g_strdup (""),
                     g_strdup (""), NULL };
  text_table_add (table, cows);
  text_table_add (table, ghosts);
  g_autofree char *rows = text_table_text (table, 0, "");
  g_string_append (text, rows);
}

/* What cows do that are found, a row a class; what is said of ghosts is in results.json. */
static void
add_behaviours (GString *text, const CowBoxEvaluation *self)
{
  static const TextColumn columns[] = { { "behaviour", TRUE, 0 },
                                        { "precision", FALSE, 0 },
                                        { "recall", FALSE, 0 },
                                        { "F1", FALSE, 0 },
                                        { "found cows", FALSE, 0 } };
  const CowBoxBehaviours *b = self->behaviours;
  g_autoptr (TextTable) table = NULL;

  if (!cow_box_evaluation_has_behaviours (self))
    return;
  g_string_append_printf (text,
                          "\nWhat the cows do that are found: %.4f right (%" G_GUINT64_FORMAT
                          " of %" G_GUINT64_FORMAT "), macro F1 %.4f\n\n",
                          b->metrics->accuracy, b->metrics->correct, b->metrics->n,
                          b->metrics->macro.f1);
  table = text_table_new (columns, G_N_ELEMENTS (columns));
  for (guint c = 0; c < b->n; c++) {
    const CowScores *scores = &b->metrics->classes[c];
    char *cells[] = { g_strdup (b->names[c]),
                      number_text (scores->precision),
                      number_text (scores->recall),
                      number_text (scores->f1),
                      g_strdup_printf ("%" G_GUINT64_FORMAT, b->metrics->support[c]),
                      NULL };
    text_table_add (table, cells);
  }
  g_autofree char *rows = text_table_text (table, 0, "");
  g_string_append (text, rows);
}

static void
add_sources (GString *text, const CowBoxEvaluation *self)
{
  static const TextColumn columns[] = { { "source", TRUE, 0 },
                                        { "cows", FALSE, 0 },
                                        { "recall", FALSE, 0 } };
  g_autoptr (TextTable) table = text_table_new (columns, G_N_ELEMENTS (columns));

  if (self->sources->len == 0)
    return;
  for (guint i = 0; i < self->sources->len; i++) {
    const CowBoxShare *share = &g_array_index (self->sources, CowBoxShare, i);
    char *cells[] = { g_strdup (*share->name ? share->name : "(no source)"),
                      g_strdup_printf ("%" G_GUINT64_FORMAT, share->n),
                      number_text ((double)share->found / (double)share->n), NULL };
    text_table_add (table, cells);
  }
  g_autofree char *rows = text_table_text (table, 0, "");
  g_string_append_printf (text, "\n%s", rows);
}

char *
cow_box_evaluation_text (const CowBoxEvaluation *self)
{
  const CowBoxScores *scores = &self->scores;
  const CowBoxThreshold *at = &self->threshold;
  GString *text = g_string_new (NULL);
  g_autofree char *half = number_text (scores->precision50),
                  *strict = number_text (scores->precision75);

  g_string_append_printf (text, "%u frame%s (%s), %" G_GUINT64_FORMAT " cow%s\n\n",
                          self->judged->len, words_s (self->judged->len), self->split, self->n_cows,
                          words_s (self->n_cows));
  g_string_append_printf (text, "mAP50  %s\nmAP75  %s\n\n", half, strict);
  add_sizes (text, scores);
  g_string_append_printf (text,
                          "\nFrom a score of %.3f on F1 is best, %.4f (precision %.4f, recall "
                          "%.4f):\n%" G_GUINT64_FORMAT " found, %" G_GUINT64_FORMAT
                          " missed, %" G_GUINT64_FORMAT " ghosts\n\n",
                          at->score, at->f1, at->precision, at->recall, at->hits, at->missed,
                          at->ghosts);
  add_confusion (text, self);
  add_behaviours (text, self);
  add_sources (text, self);
  if (self->seconds > 0)
    g_string_append_printf (text, "\n%.3g frames/s with reading\n",
                            self->judged->len / self->seconds);
  return g_string_free (text, FALSE);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void
set_number (JsonObject *object, const char *name, double value)
{
  if (isnan (value))
    json_object_set_null_member (object, name);
  else
    json_object_set_double_member (object, name, value);
}

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

static JsonObject *
threshold_object (const CowBoxThreshold *at)
{
  JsonObject *object = json_object_new ();

  set_number (object, "score", at->score);
  set_number (object, "f1", at->f1);
  set_number (object, "precision", at->precision);
  set_number (object, "recall", at->recall);
  json_object_set_int_member (object, "found", (gint64)at->hits);
  json_object_set_int_member (object, "missed", (gint64)at->missed);
  json_object_set_int_member (object, "ghosts", (gint64)at->ghosts);
  return object;
}

JsonObject *
cow_box_evaluation_gist (const CowBoxEvaluation *self)
{
  static const char *const sizes[] = { "all", "small", "medium", "large" };
  const CowBoxScores *scores = &self->scores;
  JsonObject *object = json_object_new ();

  set_text (object, "split", self->split);
  json_object_set_int_member (object, "frames", self->judged->len);
  json_object_set_int_member (object, "cows", (gint64)self->n_cows);
  set_number (object, "map50", scores->precision50);
  set_number (object, "map75", scores->precision75);
  for (guint i = 0; i < COW_BOX_SIZES; i++) {
    g_autofree char *precision = g_strconcat ("map50_95_", sizes[i], NULL),
                    *recall = g_strconcat ("recall_", sizes[i], NULL);
    set_number (object, i == 0 ? "map50_95" : precision, scores->precision[i]);
    set_number (object, i == 0 ? "recall" : recall, scores->recall[i]);
  }
  json_object_set_object_member (object, "threshold", threshold_object (&self->threshold));
  if (cow_box_evaluation_has_behaviours (self)) {
    set_number (object, "behaviour_accuracy", self->behaviours->metrics->accuracy);
    set_number (object, "behaviour_macro_f1", self->behaviours->metrics->macro.f1);
  }
  return object;
}

static JsonArray *
counts_array (const guint64 *counts, guint n)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < n; i++)
    json_array_add_int_element (array, (gint64)counts[i]);
  return array;
}

/* Rows of the confusion are what cows do, columns what is said. */
static JsonObject *
behaviours_object (const CowBoxBehaviours *self)
{
  JsonObject *object = json_object_new ();
  JsonArray *classes = json_array_new (), *confusion = json_array_new ();

  for (guint c = 0; c < self->n; c++) {
    const CowScores *scores = &self->metrics->classes[c];
    JsonObject *class = json_object_new ();
    set_text (class, "name", self->names[c]);
    json_object_set_boolean_member (class, "told", c < self->n_told);
    set_number (class, "precision", scores->precision);
    set_number (class, "recall", scores->recall);
    set_number (class, "f1", scores->f1);
    json_object_set_int_member (class, "support", (gint64)self->metrics->support[c]);
    json_array_add_object_element (classes, class);
    json_array_add_array_element (
        confusion, counts_array (self->confusion->counts + (gsize)c * self->n, self->n));
  }
  json_object_set_array_member (object, "classes", classes);
  json_object_set_array_member (object, "confusion", confusion);
  json_object_set_array_member (object, "missed", counts_array (self->missed, self->n));
  json_object_set_array_member (object, "ghosts", counts_array (self->ghosts, self->n));
  json_object_set_int_member (object, "unknown", (gint64)self->n_unknown);
  return object;
}

static JsonArray *
shares_array (const GArray *shares)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < shares->len; i++) {
    const CowBoxShare *share = &g_array_index (shares, CowBoxShare, i);
    JsonObject *object = json_object_new ();
    set_text (object, "name", share->name);
    json_object_set_int_member (object, "cows", (gint64)share->n);
    json_object_set_int_member (object, "found", (gint64)share->found);
    json_object_set_int_member (object, "missed", (gint64)(share->n - share->found));
    set_number (object, "recall", (double)share->found / (double)share->n);
    json_array_add_object_element (array, object);
  }
  return array;
}

JsonObject *
cow_box_evaluation_to_json (const CowBoxEvaluation *self)
{
  JsonObject *object = cow_box_evaluation_gist (self);
  JsonArray *curve = json_array_new (), *precision = json_array_new (),
            *warnings = json_array_new ();

  json_object_set_int_member (object, "format", FORMAT);
  json_object_set_string_member (object, "version", COW_VERSION);
  set_text (object, "made_at", self->made_at);
  set_text (object, "model", self->model);
  set_text (object, "adapter", self->adapter);
  set_text (object, "data", self->data);
  set_text (object, "device", self->device);
  set_text (object, "prepared", self->prepared);
  set_number (object, "seconds", self->seconds);
  json_object_set_array_member (object, "classes", shares_array (self->classes));
  json_object_set_array_member (object, "sources", shares_array (self->sources));
  if (self->behaviours)
    json_object_set_object_member (object, "behaviours", behaviours_object (self->behaviours));
  for (guint k = 0; k < COW_BOX_CURVE_POINTS; k++)
    json_array_add_object_element (curve, threshold_object (&self->curve[k]));
  for (guint k = 0; k < COW_BOX_RECALLS; k++)
    json_array_add_double_element (precision,
                                   isnan (self->scores.curve[k]) ? 0 : self->scores.curve[k]);
  for (guint i = 0; i < self->warnings->len; i++) {
    g_autofree char *valid = g_utf8_make_valid (self->warnings->pdata[i], -1);
    json_array_add_string_element (warnings, valid);
  }
  json_object_set_array_member (object, "curve", curve);
  json_object_set_array_member (object, "precision_over_recall", precision);
  json_object_set_array_member (object, "warnings", warnings);
  return object;
}

/* ---- all files ------------------------------------------------------------------------------- */

static char *
frames_csv (const CowBoxEvaluation *self)
{
  const gboolean told = cow_box_evaluation_has_behaviours (self);
  GString *text = g_string_new ("image_path,source,cows,found,missed,ghosts");

  g_string_append (text, told ? ",right\n" : "\n");

  for (guint i = 0; i < self->judged->len; i++) {
    const CowBoxFrame *judged = &g_array_index (self->judged, CowBoxFrame, i);
    const CowFrame *frame = cow_frames_get (self->frames, judged->frame);
    g_autofree char *path = file_name_text (frame->path);
    cow_csv_append_field (text, path);
    g_string_append_c (text, ',');
    cow_csv_append_field (text, frame->source);
    g_string_append_printf (text, ",%u,%u,%u,%u", judged->hits + judged->missed, judged->hits,
                            judged->missed, judged->ghosts);
    if (told)
      g_string_append_printf (text, ",%u", judged->right);
    g_string_append_c (text, '\n');
  }
  return g_string_free (text, FALSE);
}

gboolean
cow_box_evaluation_write (const CowBoxEvaluation *self, const char *folder, GError **error)
{
  g_autofree char *results = g_build_filename (folder, "results.json", NULL),
                  *report = g_build_filename (folder, "report.txt", NULL),
                  *frames = g_build_filename (folder, "frames.csv", NULL);
  g_autofree char *text = cow_box_evaluation_text (self), *csv = frames_csv (self);
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);

  json_node_take_object (node, cow_box_evaluation_to_json (self));
  g_autofree char *json = cow_json_text (node, TRUE);
  return cow_text_write (json, results, error) && cow_text_write (text, report, error) &&
         cow_text_write (csv, frames, error);
}
