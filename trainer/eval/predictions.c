/* SPDX-License-Identifier: MIT */
#include "trainer/eval/predictions.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "model/adapter/label-text.h"
#include "model/files/csv-field.h"
#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/json.h"
#include "model/files/printable.h"
#include "trainer/data/file-names.h"
#include "trainer/host/terminal.h"
#include "trainer/host/words.h"

struct _Predictions {
  PredictionFormat format;
  CowFileWriter *file; /* NULL: standard output */
  GString *text;       /* not yet written, */
  guint n_waiting;     /* with so many rows */
  const char *const *classes;
  guint n_classes, top_k;
  const float *decisions; /* [n_classes] or NULL */
  guint8 *shown;          /* [n_classes] with decisions: the labels of the subject at hand */
  guint *order;           /* [n_classes] class indices, most probable first */
  gboolean recordings;
  int path_width, label_width;
};

static const char *const formats[] = {
  [FORMAT_TABLE] = "table", [FORMAT_CSV] = "csv", [FORMAT_JSONL] = "jsonl"
};

gboolean
prediction_format_parse (const char *name, PredictionFormat *format)
{
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    if (g_str_equal (name, formats[i])) {
      *format = (PredictionFormat)i;
      return TRUE;
    }
  return FALSE;
}

/* ---- pieces of text -------------------------------------------------------------------------- */

#define TIME_WIDTH 9 /* a day */
#define WHO_WIDTH  6

/* Left-aligned; characters are counted, not bytes. */
static void
append_column (GString *text, const char *value, int width)
{
  g_string_append (text, value);
  for (glong n = g_utf8_strlen (value, -1); n < width; n++)
    g_string_append_c (text, ' ');
  g_string_append (text, "  ");
}

/* "12.040" seconds; "" of a picture. Free with g_free. */
static char *
time_text (const PredictionSubject *subject)
{
  const gint64 ms = (subject->time + 500000) / 1000000;

  return subject->time == PREDICTION_NO_TIME
             ? g_strdup ("")
             : g_strdup_printf ("%" G_GINT64_FORMAT ".%03d", ms / 1000, (int)(ms % 1000));
}

static const char *
or_empty (const char *text)
{
  return text ? text : "";
}

/* ---- several labels -------------------------------------------------------------------------- */

/* The text of the label column; g_free. */
static char *
label_text (const Predictions *self)
{
  return self->decisions ? cow_label_text (self->classes, self->shown, self->n_classes)
                         : g_strdup (self->classes[self->order[0]]);
}

/* The probability of the label; of several labels that of the least sure, and where there is none
 * that of the likeliest class. */
static double
confidence (const Predictions *self, const float *probabilities)
{
  double least = 2;
  for (guint c = 0; self->decisions && c < self->n_classes; c++)
    if (self->shown[c])
      least = MIN (least, (double)probabilities[c]);
  return least < 2 ? least : (double)probabilities[self->order[0]];
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Whether the line that begins at a byte of the text has room for more on the terminal. */
static gboolean
fits (const Predictions *self, gsize start, const char *more)
{
  const guint columns = self->file ? 0 : terminal_columns (STDOUT_FILENO);

  return columns == 0 || words_columns (self->text->str + start) + words_columns (more) <= columns;
}

static void
add_header (Predictions *self)
{
  switch (self->format) {
  case FORMAT_TABLE:
    append_column (self->text, "picture", self->path_width);
    if (self->recordings) {
      append_column (self->text, "time", TIME_WIDTH);
      append_column (self->text, "of", WHO_WIDTH);
    }
    append_column (self->text, "label", self->label_width);
    g_string_append (self->text, "confidence");
    if (self->decisions && fits (self, 0, "  likeliest"))
      g_string_append (self->text, "  likeliest");
    else if (!self->decisions && self->top_k > 1 && fits (self, 0, "  then"))
      g_string_append (self->text, "  then");
    g_string_append_c (self->text, '\n');
    break;
  case FORMAT_CSV:
    g_string_append (self->text, self->recordings ? "image_path,time,zone,track,"
                                                    "pred_label,confidence"
                                                  : "image_path,pred_label,confidence");
    for (guint i = 0; i < self->n_classes; i++) {
      g_string_append_c (self->text, ',');
      cow_csv_append_field (self->text, self->classes[i]);
    }
    g_string_append_c (self->text, '\n');
    break;
  case FORMAT_JSONL:
    break;
  }
}

/* A terminal gets as many of the next likely labels as fit it. */
static void
add_table_row (Predictions *self, const PredictionSubject *subject, const float *probabilities)
{
  /* Several labels are not told apart by their order: all of the likeliest are listed. */
  const guint first = self->decisions ? 0 : 1;
  const gsize start = self->text->len;
  g_autofree char *shown = file_name_text (subject->path), *time = time_text (subject),
                  *label = label_text (self);
  const char *who = *or_empty (subject->zone) ? subject->zone : or_empty (subject->track);

  append_column (self->text, shown, self->path_width);
  if (self->recordings) {
    append_column (self->text, time, TIME_WIDTH);
    append_column (self->text, who, WHO_WIDTH);
  }
  append_column (self->text, label, self->label_width);
  g_string_append_printf (self->text, "%10.4f", confidence (self, probabilities));
  for (guint i = first; i < self->top_k; i++) {
    g_autofree char *next =
        g_strdup_printf ("%s%s %.4f", i == first ? "  " : ", ", self->classes[self->order[i]],
                         (double)probabilities[self->order[i]]);
    if (!fits (self, start, next))
      break;
    g_string_append (self->text, next);
  }
  g_string_append_c (self->text, '\n');
}

static void
add_csv_row (Predictions *self, const PredictionSubject *subject, const float *probabilities)
{
  g_autofree char *shown = file_name_text (subject->path), *time = time_text (subject),
                  *label = label_text (self);
  const char *const of_recordings[] = { time, or_empty (subject->zone), or_empty (subject->track) };

  cow_csv_append_field (self->text, shown);
  for (guint i = 0; self->recordings && i < G_N_ELEMENTS (of_recordings); i++) {
    g_string_append_c (self->text, ',');
    cow_csv_append_field (self->text, of_recordings[i]);
  }
  g_string_append_c (self->text, ',');
  cow_csv_append_field (self->text, label);
  g_string_append_printf (self->text, ",%.6g", confidence (self, probabilities));
  for (guint i = 0; i < self->n_classes; i++)
    g_string_append_printf (self->text, ",%.6g", (double)probabilities[i]);
  g_string_append_c (self->text, '\n');
}

/* All labels, which need not be taken out of one text. */
static void
add_json_labels (Predictions *self)
{
  const char *before = "";
  g_string_append (self->text, ", \"labels\": [");
  for (guint c = 0; c < self->n_classes; c++)
    if (self->shown[c]) {
      g_string_append (self->text, before);
      cow_json_append_string (self->text, self->classes[c]);
      before = ", ";
    }
  g_string_append_c (self->text, ']');
}

/* ", "NAME": "VALUE"" where there is a value. */
static void
append_member (GString *text, const char *name, const char *value)
{
  if (!*or_empty (value))
    return;
  g_string_append_printf (text, ", \"%s\": ", name);
  cow_json_append_string (text, value);
}

static void
add_json_row (Predictions *self, const PredictionSubject *subject, const float *probabilities)
{
  g_autofree char *shown = file_name_text (subject->path), *time = time_text (subject),
                  *label = label_text (self);

  g_string_append (self->text, "{\"image_path\": ");
  cow_json_append_string (self->text, shown);
  if (*time)
    g_string_append_printf (self->text, ", \"time\": %s", time);
  append_member (self->text, "zone", subject->zone);
  append_member (self->text, "track", subject->track);
  g_string_append (self->text, ", \"pred_label\": ");
  cow_json_append_string (self->text, label);
  if (self->decisions)
    add_json_labels (self);
  g_string_append_printf (self->text, ", \"confidence\": %.6g, \"top_k\": [",
                          confidence (self, probabilities));
  for (guint i = 0; i < self->top_k; i++) {
    g_string_append (self->text, i == 0 ? "{\"label\": " : ", {\"label\": ");
    cow_json_append_string (self->text, self->classes[self->order[i]]);
    g_string_append_printf (self->text, ", \"confidence\": %.6g}",
                            (double)probabilities[self->order[i]]);
  }
  g_string_append (self->text, "], \"probabilities\": {");
  for (guint i = 0; i < self->n_classes; i++) {
    g_string_append (self->text, i == 0 ? "" : ", ");
    cow_json_append_string (self->text, self->classes[i]);
    g_string_append_printf (self->text, ": %.6g", (double)probabilities[i]);
  }
  g_string_append (self->text, "}}\n");
}

static int
compare_probabilities (gconstpointer a, gconstpointer b, gpointer data)
{
  const float *probabilities = data;
  const guint i = *(const guint *)a, j = *(const guint *)b;

  if (probabilities[i] != probabilities[j])
    return probabilities[i] > probabilities[j] ? -1 : 1;
  return i < j ? -1 : 1;
}

void
predictions_add (Predictions *self, const PredictionSubject *subject, const float *probabilities)
{
  self->n_waiting++;
  for (guint i = 0; i < self->n_classes; i++)
    self->order[i] = i;
  g_qsort_with_data (self->order, (int)self->n_classes, sizeof (guint), compare_probabilities,
                     (gpointer)probabilities);
  if (self->decisions)
    cow_label_decide (probabilities, self->decisions, self->n_classes, self->shown);

  switch (self->format) {
  case FORMAT_TABLE:
    add_table_row (self, subject, probabilities);
    break;
  case FORMAT_CSV:
    add_csv_row (self, subject, probabilities);
    break;
  case FORMAT_JSONL:
    add_json_row (self, subject, probabilities);
    break;
  }
}

gboolean
predictions_wait (const Predictions *self)
{
  return self->n_waiting > 0;
}

/* ---- where they go --------------------------------------------------------------------------- */

/* A terminal gets names without what it would take for commands; programs get them as they are. */
static gboolean
print (const char *text, GError **error)
{
  g_autofree char *shown = isatty (STDOUT_FILENO) ? cow_printable (text, TRUE) : NULL;
  const char *bytes = shown ? shown : text;

  if (cow_write_all (STDOUT_FILENO, bytes, strlen (bytes)))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "standard output: %s", g_strerror (errno));
  return FALSE;
}

gboolean
predictions_flush (Predictions *self, GError **error)
{
  const gboolean ok =
      self->file ? cow_file_writer_write (self->file, self->text->str, self->text->len, error)
                 : print (self->text->str, error);

  g_string_truncate (self->text, 0);
  self->n_waiting = 0;
  return ok;
}

gboolean
predictions_finish (Predictions *self, GError **error)
{
  return predictions_flush (self, error) &&
         (!self->file || cow_file_writer_finish (self->file, error));
}

Predictions *
predictions_new (PredictionFormat format, const char *path, const char *const *classes,
                 const float *decisions, int top_k, const GPtrArray *paths, gboolean recordings,
                 GError **error)
{
  g_autoptr (Predictions) self = g_new0 (Predictions, 1);

  self->format = format;
  self->classes = classes;
  self->n_classes = g_strv_length ((char **)classes);
  self->recordings = recordings;
  self->top_k = MIN ((guint)top_k, self->n_classes);
  self->order = g_new (guint, self->n_classes);
  self->decisions = decisions;
  self->shown = decisions ? g_new0 (guint8, self->n_classes) : NULL;
  self->text = g_string_new (NULL);
  self->path_width = (int)strlen ("picture");
  self->label_width = (int)strlen ("label");
  if (path && !(self->file = cow_file_writer_new (path, error)))
    return NULL;
  for (guint i = 0; format == FORMAT_TABLE && i < paths->len; i++) {
    g_autofree char *shown = file_name_text (paths->pdata[i]);
    self->path_width = MAX (self->path_width, (int)g_utf8_strlen (shown, -1));
  }
  for (guint i = 0; i < self->n_classes; i++)
    self->label_width = MAX (self->label_width, (int)g_utf8_strlen (classes[i], -1));
  add_header (self);
  return g_steal_pointer (&self);
}

void
predictions_free (Predictions *self)
{
  if (!self)
    return;
  cow_file_writer_free (self->file);
  if (self->text)
    g_string_free (self->text, TRUE);
  g_free (self->order);
  g_free (self->shown);
  g_free (self);
}
