/* SPDX-License-Identifier: MIT */
#include "trainer/eval/against.h"

#include <math.h>
#include <string.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/json-object.h"
#include "trainer/data/file-names.h"
#include "trainer/eval/html.h"
#include "trainer/eval/report-pictures.h"

#define MOST_SHOWN 12

/* ---- numbers --------------------------------------------------------------------------------- */

double
cow_mcnemar (guint gained, guint lost)
{
  const double n = (double)gained + lost;
  double sum = 0;

  for (guint k = 0; k <= MIN (gained, lost); k++)
    sum += exp (lgamma (n + 1) - lgamma (k + 1.0) - lgamma (n - k + 1) - n * M_LN2);
  return MIN (2 * sum, 1);
}

CowAgainst *
cow_against_new (const CowEvaluation *here, const CowEvaluation *there, GError **error)
{
  gboolean same = here->n == there->n;

  for (guint i = 0; same && i < here->n; i++)
    same = here->samples[i] == there->samples[i];
  if (!same) {
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%u pictures could be read for one adapter and %u for the other: files changed "
                 "meanwhile",
                 here->n, there->n);
    return NULL;
  }
  CowAgainst *self = g_new0 (CowAgainst, 1);
  self->here = here;
  self->there = there;
  self->gained = g_array_new (FALSE, FALSE, sizeof (guint));
  self->lost = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < here->n; i++)
    if (cow_evaluation_is_right (here, i) != cow_evaluation_is_right (there, i))
      g_array_append_val (cow_evaluation_is_right (here, i) ? self->gained : self->lost, i);
  self->p = cow_mcnemar (self->gained->len, self->lost->len);
  return self;
}

void
cow_against_free (CowAgainst *self)
{
  if (!self)
    return;
  g_array_unref (self->gained);
  g_array_unref (self->lost);
  g_free (self);
}

/* ---- rows ------------------------------------------------------------------------------------ */

typedef struct {
  const char *name;
  double here, there;
} Row;

#define N_ROWS 5

/* How many of the rows are better where they are more; the others are where they are less. */
static guint
n_rising (const CowAgainst *self)
{
  return self->here->multiple ? 4 : 3;
}

static void
fill_rows (const CowAgainst *self, Row *rows)
{
  const CowEvaluation *a = self->here, *b = self->there;
  if (a->multiple) {
    const Row several[N_ROWS] = {
      { "average precision", a->labels->mean_average_precision, b->labels->mean_average_precision },
      { "F1, macro", a->labels->macro.f1, b->labels->macro.f1 },
      { "F1, micro", a->labels->micro.f1, b->labels->micro.f1 },
      { "every label right", a->labels->exact_match, b->labels->exact_match },
      { "Hamming loss", a->labels->hamming_loss, b->labels->hamming_loss },
    };
    memcpy (rows, several, sizeof several);
    return;
  }
  const Row filled[N_ROWS] = {
    { "accuracy", a->metrics->accuracy, b->metrics->accuracy },
    { "F1, macro", a->metrics->macro.f1, b->metrics->macro.f1 },
    { "F1, weighted", a->metrics->weighted.f1, b->metrics->weighted.f1 },
    { "calibration error", a->trust.ece_after, b->trust.ece_after },
    { "log loss", a->trust.log_loss_after, b->trust.log_loss_after },
  };

  for (guint i = 0; i < N_ROWS; i++)
    rows[i] = filled[i];
}

/* What the test says, in words. */
static char *
verdict (const CowAgainst *self)
{
  const guint n = self->gained->len + self->lost->len;
  g_autofree char *p = g_strdup_printf (self->p < .001 ? "less than 0.001" : "%.3f", self->p);

  if (n == 0)
    return g_strdup ("Both are right and wrong on the same pictures.");
  return g_strdup_printf (
      "%u picture%s right here and wrong there, %u the other way round%s: %s (McNemar's exact "
      "test, "
      "p %s%s).",
      self->gained->len, self->gained->len == 1 ? " is" : "s are", self->lost->len,
      self->here->multiple ? " (a picture is right where each of its labels is)" : "",
      self->p < .05 ? "hardly chance" : "that may be chance", self->p < .001 ? "" : "= ", p);
}

/* ---- a terminal ------------------------------------------------------------------------------ */

char *
cow_against_text (const CowAgainst *self)
{
  GString *text = g_string_new (NULL);
  g_autofree char *words = verdict (self);
  Row rows[N_ROWS];

  fill_rows (self, rows);
  g_string_append_printf (text, "Against %s\n%-20s %10s %10s %10s\n", self->there->adapter, "",
                          "here", "there", "more");
  for (guint i = 0; i < N_ROWS; i++)
    g_string_append_printf (text, "%-20s %10.4f %10.4f %+10.4f\n", rows[i].name, rows[i].here,
                            rows[i].there, rows[i].here - rows[i].there);
  g_string_append_printf (text, "%s\n", words);
  return g_string_free (text, FALSE);
}

/* ---- a file ---------------------------------------------------------------------------------- */

static void
set_pictures (JsonObject *object, const char *name, const CowAgainst *self, const GArray *which)
{
  JsonArray *array = json_array_new ();

  for (guint k = 0; k < which->len; k++) {
    const guint i = g_array_index (which, guint, k);
    JsonObject *picture = json_object_new ();
    g_autofree char *path = file_name_text (self->here->samples[i]->path);
    json_object_set_string_member (picture, "path", path);
    g_autofree char *truth = cow_evaluation_truth_text (self->here, i),
                    *here = cow_evaluation_said_text (self->here, i),
                    *there = cow_evaluation_said_text (self->there, i);
    json_object_set_string_member (picture, "true", truth);
    json_object_set_string_member (picture, "here", here);
    json_object_set_string_member (picture, "there", there);
    json_array_add_object_element (array, picture);
  }
  json_object_set_array_member (object, name, array);
}

gboolean
cow_against_write (const CowAgainst *self, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "against.json", NULL);
  g_autoptr (JsonObject) object = json_object_new ();
  const CowEvaluation *const sides[] = { self->here, self->there };
  static const char *const names[] = { "here", "there" };

  for (guint i = 0; i < G_N_ELEMENTS (sides); i++) {
    JsonObject *side = cow_evaluation_metrics_json (sides[i]);
    json_object_set_string_member (side, "adapter", sides[i]->adapter);
    json_object_set_object_member (object, names[i], side);
  }
  json_object_set_double_member (object, "p", self->p);
  set_pictures (object, "gained", self, self->gained);
  set_pictures (object, "lost", self, self->lost);
  g_autofree char *text = cow_json_object_text (object);
  return cow_text_write (text, path, error);
}

/* ---- the page -------------------------------------------------------------------------------- */

/* `better`: 1 where more is better, -1 where less is. */
static void
append_row (GString *html, const Row *row, double better)
{
  const double more = row->here - row->there;

  g_string_append (html, "<tr>");
  html_tag (html, "td", row->name);
  html_cell (html, row->here);
  html_cell (html, row->there);
  g_string_append_printf (html, "<td class=\"%s\">%+.4f</td></tr>\n",
                          fabs (more) < 5e-5  ? ""
                          : more * better > 0 ? "better"
                                              : "worse",
                          more);
}

static double
f1_of (const CowEvaluation *e, guint c)
{
  return e->multiple ? e->labels->classes[c].scores.f1 : e->metrics->classes[c].f1;
}

static void
append_table (GString *html, const CowAgainst *self)
{
  Row rows[N_ROWS];

  fill_rows (self, rows);
  g_string_append (html, "<div class=\"table\"><table><thead><tr><th></th><th>here</th>"
                         "<th>there</th><th>more</th></tr></thead><tbody>\n");
  for (guint i = 0; i < N_ROWS; i++)
    append_row (html, &rows[i], i < n_rising (self) ? 1 : -1);
  for (guint c = 0; c < self->here->n_classes; c++) {
    g_autofree char *name = g_strdup_printf ("F1, %s", self->here->classes[c]);
    const Row row = { name, f1_of (self->here, c), f1_of (self->there, c) };
    if (cow_evaluation_support (self->here, c) > 0)
      append_row (html, &row, 1);
  }
  g_string_append (html, "</tbody></table></div>\n");
}

static void
append_changed (GString *html, const CowAgainst *self, Thumbnails *thumbnails, const char *title,
                const GArray *which)
{
  if (which->len == 0)
    return;
  g_autofree char *text =
      which->len > MOST_SHOWN
          ? g_strdup_printf ("%s: %u, of which the first %u", title, which->len, MOST_SHOWN)
          : g_strdup_printf ("%s: %u", title, which->len);
  html_tag (html, "p", text);
  report_append_pictures (html, self->here, thumbnails, which, MOST_SHOWN);
}

void
cow_against_append (GString *html, const CowAgainst *self, Thumbnails *thumbnails)
{
  g_autofree char *title = g_strdup_printf ("Against %s", self->there->adapter),
                  *words = verdict (self);

  html_tag (html, "h2", title);
  html_tag (html, "p", words);
  append_table (html, self);
  append_changed (html, self, thumbnails, "Right here and wrong there", self->gained);
  append_changed (html, self, thumbnails, "Wrong here and right there", self->lost);
}
