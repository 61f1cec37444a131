/* SPDX-License-Identifier: MIT */
#include "trainer/eval/evaluation-labels.h"

#include <string.h>

#include "model/files/csv-field.h"
#include "trainer/eval/html.h"

/* A table of what is shown together fits no page beyond so many classes. */
#define MOST_TOGETHER 30
#define MOST_SOURCES  500

/* ---- JSON ------------------------------------------------------------------------------------ */

static void
set_scores (JsonObject *object, const char *name, const CowScores *scores)
{
  JsonObject *member = name ? json_object_new () : object;

  json_object_set_double_member (member, "precision", scores->precision);
  json_object_set_double_member (member, "recall", scores->recall);
  json_object_set_double_member (member, "f1", scores->f1);
  if (name)
    json_object_set_object_member (object, name, member);
}

static JsonArray *
classes_array (const CowEvaluation *self)
{
  JsonArray *array = json_array_new ();

  for (guint c = 0; c < self->n_classes; c++) {
    const CowLabelScores *class = &self->labels->classes[c];
    JsonObject *object = json_object_new ();
    json_object_set_string_member (object, "name", self->classes[c]);
    set_scores (object, NULL, &class->scores);
    json_object_set_double_member (object, "average_precision", class->average_precision);
    json_object_set_double_member (object, "threshold", (double)self->decisions[c]);
    json_object_set_int_member (object, "support", (gint64)(class->hits + class->missed));
    json_object_set_int_member (object, "true_positives", (gint64) class->hits);
    json_object_set_int_member (object, "false_positives", (gint64) class->extra);
    json_object_set_int_member (object, "false_negatives", (gint64) class->missed);
    json_object_set_int_member (object, "true_negatives", (gint64) class->rest);
    json_array_add_object_element (array, object);
  }
  return array;
}

static JsonArray *
together_array (const CowEvaluation *self)
{
  JsonArray *rows = json_array_new ();

  for (guint c = 0; c < self->n_classes; c++) {
    JsonArray *row = json_array_new ();
    for (guint k = 0; k < self->n_classes; k++)
      json_array_add_int_element (row,
                                  (gint64)self->labels->together[(gsize)c * self->n_classes + k]);
    json_array_add_array_element (rows, row);
  }
  return rows;
}

static void
set_summary (JsonObject *object, const CowLabelMetrics *metrics)
{
  json_object_set_double_member (object, "mean_average_precision", metrics->mean_average_precision);
  json_object_set_double_member (object, "exact_match", metrics->exact_match);
  json_object_set_double_member (object, "hamming_loss", metrics->hamming_loss);
  set_scores (object, "macro", &metrics->macro);
  set_scores (object, "micro", &metrics->micro);
}

static JsonArray *
sources_array (const CowEvaluation *self)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < self->label_sources->len; i++) {
    const CowLabelSource *source = self->label_sources->pdata[i];
    g_autofree char *name = g_utf8_make_valid (source->name, -1);
    JsonObject *object = json_object_new ();
    json_object_set_string_member (object, "source", name);
    json_object_set_int_member (object, "pictures", source->metrics->n);
    set_summary (object, source->metrics);
    json_array_add_object_element (array, object);
  }
  return array;
}

void
evaluation_labels_json (const CowEvaluation *self, JsonObject *object)
{
  json_object_set_string_member (object, "labels", "multiple");
  json_object_set_double_member (object, "temperature", self->temperature);
  json_object_set_string_member (object, "thresholds_from",
                                 self->fitted_on ? self->fitted_on : "the adapter's card");
  set_summary (object, self->labels);
  json_object_set_array_member (object, "classes", classes_array (self));
  json_object_set_array_member (object, "shown_together", together_array (self));
  json_object_set_array_member (object, "by_source", sources_array (self));
}

void
evaluation_labels_metrics_json (const CowEvaluation *self, JsonObject *object)
{
  set_summary (object, self->labels);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void
append_name (GString *text, const char *name, glong width)
{
  g_autofree char *plain = g_strdup (name);

  for (char *c = plain; *c; c++)
    if (g_ascii_iscntrl (*c))
      *c = ' ';
  for (glong n = g_utf8_strlen (plain, -1); n < width; n++)
    g_string_append_c (text, ' ');
  g_string_append_printf (text, "%s ", plain);
}

static void
append_row (GString *text, const char *name, glong width, const CowScores *scores,
            const char *average, guint64 support, const char *threshold)
{
  append_name (text, name, width);
  g_string_append_printf (text, " %9.4f %9.4f %9.4f %9s %9" G_GUINT64_FORMAT, scores->precision,
                          scores->recall, scores->f1, average, support);
  g_string_append_printf (text, *threshold ? " %9s\n" : "%s\n", threshold);
}

static void
append_classes (GString *text, const CowEvaluation *self, glong width)
{
  for (guint c = 0; c < self->n_classes; c++) {
    const CowLabelScores *class = &self->labels->classes[c];
    const guint64 support = class->hits + class->missed;
    g_autofree char *average = support ? g_strdup_printf ("%.4f", class->average_precision)
                                       : g_strdup ("-"),
                    *threshold = g_strdup_printf ("%.4f", (double)self->decisions[c]);
    append_row (text, self->classes[c], width, &class->scores, average, support, threshold);
  }
}

void
evaluation_labels_text (const CowEvaluation *self, GString *text)
{
  const CowLabelMetrics *metrics = self->labels;
  g_autofree char *map = g_strdup_printf ("%.4f", metrics->mean_average_precision);
  glong width = (glong)strlen ("micro avg");
  guint64 support = 0;

  for (guint c = 0; c < self->n_classes; c++) {
    width = MAX (width, g_utf8_strlen (self->classes[c], -1));
    support += cow_label_metrics_support (metrics, c);
  }
  append_name (text, "", width);
  g_string_append_printf (text, " %9s %9s %9s %9s %9s %9s\n\n", "precision", "recall", "f1-score",
                          "average", "support", "threshold");
  append_classes (text, self, width);
  g_string_append_c (text, '\n');
  append_row (text, "micro avg", width, &metrics->micro, "", support, "");
  append_row (text, "macro avg", width, &metrics->macro, map, support, "");
  g_string_append_printf (
      text,
      "\nmean average precision %.4f, every label right in %.4f of %u pictures, "
      "Hamming loss %.4f\n",
      metrics->mean_average_precision, metrics->exact_match, metrics->n, metrics->hamming_loss);
  if (!self->has_sources)
    return;
  g_string_append (text, "\nmean average precision, pictures with every label right, by source\n");
  for (guint i = 0; i < self->label_sources->len; i++) {
    const CowLabelSource *source = self->label_sources->pdata[i];
    g_string_append_printf (text, "%8.4f %8.4f  %8u  ", source->metrics->mean_average_precision,
                            source->metrics->exact_match, source->metrics->n);
    append_name (text, *source->name ? source->name : "(none)", 0);
    g_string_append_c (text, '\n');
  }
}

char *
evaluation_labels_csv (const CowEvaluation *self)
{
  GString *text =
      g_string_new ("class,precision,recall,f1,support,average_precision,threshold,true_positives,"
                    "false_positives,false_negatives,true_negatives\n");

  for (guint c = 0; c < self->n_classes; c++) {
    const CowLabelScores *class = &self->labels->classes[c];
    cow_csv_append_field (text, self->classes[c]);
    g_string_append_printf (text,
                            ",%.10g,%.10g,%.10g,%" G_GUINT64_FORMAT ",%.10g,%.6g"
                            ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT
                            ",%" G_GUINT64_FORMAT "\n",
                            class->scores.precision, class->scores.recall, class->scores.f1,
                            class->hits + class->missed, class->average_precision,
                            (double)self->decisions[c], class->hits, class->extra, class->missed,
                            class->rest);
  }
  return g_string_free (text, FALSE);
}

/* ---- the page -------------------------------------------------------------------------------- */

static void
append_card (GString *html, const char *name, const char *format, double value)
{
  char number[32];

  g_snprintf (number, sizeof number, format, value);
  g_string_append_printf (html, "<div class=\"card\"><b>%s</b><span>%s</span></div>\n", number,
                          name);
}

void
evaluation_labels_cards (const CowEvaluation *self, GString *html)
{
  const CowLabelMetrics *metrics = self->labels;

  append_card (html, "mean average precision", "%.4f", metrics->mean_average_precision);
  append_card (html, "F1, macro", "%.4f", metrics->macro.f1);
  append_card (html, "F1, micro", "%.4f", metrics->micro.f1);
  append_card (html, "every label right", "%.2f %%", 100 * metrics->exact_match);
  append_card (html, "Hamming loss", "%.4f", metrics->hamming_loss);
  append_card (html, "pictures", "%.0f", metrics->n);
}

static void
append_count (GString *html, guint64 count)
{
  g_string_append (html, "<td>");
  html_count (html, count);
  g_string_append (html, "</td>");
}

/* Each class against the rest: a table of two by two in a row. */
static void
append_class (GString *html, const CowEvaluation *self, guint c)
{
  const CowLabelScores *class = &self->labels->classes[c];

  g_string_append (html, "<tr>");
  html_tag (html, "td", self->classes[c]);
  if (class->hits + class->missed > 0) {
    html_bar_cell (html, class->average_precision);
    html_bar_cell (html, class->scores.precision);
    html_bar_cell (html, class->scores.recall);
    html_bar_cell (html, class->scores.f1);
  } else {
    g_string_append (html, "<td>–</td><td>–</td><td>–</td><td>–</td>");
  }
  html_cell (html, (double)self->decisions[c]);
  append_count (html, class->hits);
  append_count (html, class->missed);
  append_count (html, class->extra);
  append_count (html, class->rest);
  g_string_append (html, "</tr>\n");
}

static void
append_table (GString *html, const CowEvaluation *self)
{
  g_string_append (html, "<p class=\"muted\">A picture has a label from its threshold on");
  g_string_append (html,
                   self->fitted_on ? ", fitted now on the split " : ", of the adapter's card");
  html_text (html, self->fitted_on ? self->fitted_on : "");
  g_string_append (
      html, ". Pictures that show a class and were said to: both; only one of the two: missed, or "
            "extra.</p>\n<div class=\"table\"><table><thead><tr><th>class</th>"
            "<th>average precision</th><th>precision</th><th>recall</th><th>F1</th>"
            "<th>threshold</th><th>both</th><th>missed</th><th>extra</th><th>neither</th></tr>"
            "</thead><tbody>\n");
  for (guint c = 0; c < self->n_classes; c++)
    append_class (html, self, c);
  g_string_append (html, "</tbody></table></div>\n");
}

static void
append_together (GString *html, const CowEvaluation *self)
{
  if (self->n_classes > MOST_TOGETHER) {
    g_string_append (html, "<p class=\"muted\">Which labels pictures have together is in "
                           "results.json: there are too many classes for a table.</p>\n");
    return;
  }
  g_string_append_printf (html,
                          "<div class=\"table\"><table class=\"matrix\" style=\"--n:%u\">\n"
                          "<thead><tr><th>pictures with both</th>",
                          self->n_classes);
  for (guint c = 0; c < self->n_classes; c++) {
    g_string_append (html, "<th title=\"");
    html_text (html, self->classes[c]);
    g_string_append_printf (html, "\">%u</th>", c + 1);
  }
  g_string_append (html, "</tr></thead>\n<tbody>\n");
  for (guint c = 0; c < self->n_classes; c++) {
    g_string_append_printf (html, "<tr><th>%u ", c + 1);
    html_text (html, self->classes[c]);
    g_string_append (html, "</th>");
    for (guint k = 0; k < self->n_classes; k++)
      append_count (html, self->labels->together[(gsize)c * self->n_classes + k]);
    g_string_append (html, "</tr>\n");
  }
  g_string_append (html, "</tbody></table></div>\n");
}

static void
append_sources (GString *html, const CowEvaluation *self)
{
  const guint n = self->label_sources->len;

  g_string_append (html,
                   "<h2>By source</h2>\n<div class=\"table\"><table><thead><tr><th>source</th>"
                   "<th>mean average precision</th><th>F1, macro</th><th>every label right</th>"
                   "<th>pictures</th></tr></thead><tbody>\n");
  for (guint i = 0; i < MIN (n, MOST_SOURCES); i++) {
    const CowLabelSource *source = self->label_sources->pdata[i];
    g_string_append (html, "<tr>");
    html_tag (html, "td", *source->name ? source->name : "(no source)");
    html_bar_cell (html, source->metrics->mean_average_precision);
    html_cell (html, source->metrics->macro.f1);
    html_cell (html, source->metrics->exact_match);
    append_count (html, source->metrics->n);
    g_string_append (html, "</tr>\n");
  }
  g_string_append (html, "</tbody></table></div>\n");
  if (n > MOST_SOURCES)
    g_string_append_printf (html, "<p class=\"muted\">%u more sources are in results.json.</p>\n",
                            n - MOST_SOURCES);
}

void
evaluation_labels_tables (const CowEvaluation *self, GString *html)
{
  g_string_append (html, "<h2>By class</h2>\n");
  append_table (html, self);
  g_string_append (html, "<h2>What is shown together</h2>\n");
  append_together (html, self);
  if (self->has_sources)
    append_sources (html, self);
}
