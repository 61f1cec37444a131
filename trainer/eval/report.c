/* SPDX-License-Identifier: MIT */
#include "trainer/eval/report.h"

#include <string.h>

#include "trainer/eval/evaluation-labels.h"
#include "trainer/eval/html.h"
#include "trainer/eval/plots.h"
#include "trainer/eval/report-page.h"
#include "trainer/eval/report-pictures.h"

#define MOST_UNREADABLE 200
#define MOST_SOURCES    500

/* ---- the top --------------------------------------------------------------------------------- */

static void
append_one_label (GString *html, const CowEvaluation *e)
{
  g_autofree char *accuracy = g_strdup_printf ("%.2f %%", 100 * e->metrics->accuracy);
  g_autofree char *macro = g_strdup_printf ("%.4f", e->metrics->macro.f1),
                  *weighted = g_strdup_printf ("%.4f", e->metrics->weighted.f1);
  g_autofree char *pictures = plot_count_text (e->n),
                  *ece = g_strdup_printf ("%.4f", e->trust.ece_after);
  report_page_card (html, "accuracy", accuracy);
  report_page_card (html, "F1, macro", macro);
  report_page_card (html, "F1, weighted", weighted);
  report_page_card (html, "pictures", pictures);
  report_page_card (html, "calibration error", ece);
}

static void
append_cards (GString *html, const CowEvaluation *e)
{
  g_string_append (html, "<div class=\"cards\">\n");
  if (e->multiple)
    evaluation_labels_cards (e, html);
  else
    append_one_label (html, e);
  if (e->seconds > 0) {
    const double rate = (e->n + e->unreadable->len) / e->seconds;
    g_autofree char *text =
        rate >= 100 ? plot_count_text ((guint64)rate) : g_strdup_printf ("%.3g", rate);
    report_page_card (html, "pictures a second", text);
  }
  g_string_append (html, "</div>\n");
}

static void
append_warnings (GString *html, const CowEvaluation *e)
{
  report_page_warnings (html, e->warnings);
  if (e->unreadable->len == 0)
    return;
  g_string_append_printf (html,
                          "<details class=\"warn\"><summary>%u picture%s could not be read and %s "
                          "left out</summary><ul>\n",
                          e->unreadable->len, e->unreadable->len == 1 ? "" : "s",
                          e->unreadable->len == 1 ? "is" : "are");
  for (guint i = 0; i < MIN (e->unreadable->len, MOST_UNREADABLE); i++)
    html_tag (html, "li", e->unreadable->pdata[i]);
  if (e->unreadable->len > MOST_UNREADABLE)
    g_string_append_printf (html, "<li>and %u more: results.json</li>",
                            e->unreadable->len - MOST_UNREADABLE);
  g_string_append (html, "</ul></details>\n");
}

static void
append_top (GString *html, const CowEvaluation *e)
{
  report_page_title (html, e->adapter);
  g_string_append (html, "\n<ul class=\"facts\">\n");
  report_page_fact (html, "Adapter", e->adapter);
  report_page_fact (html, "Model", e->model);
  report_page_fact (html, "Pictures", e->data);
  report_page_fact (html, "Split", e->split);
  report_page_fact (html, "Prepared", e->prepared);
  report_page_fact (html, "Device", e->device);
  report_page_fact (html, "Made", e->made_at);
  g_string_append (html, "</ul>\n");
  append_cards (html, e);
  append_warnings (html, e);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void
append_average (GString *html, const char *name, const CowScores *scores, guint64 n)
{
  g_string_append_printf (html, "<tr><td>%s</td>", name);
  html_cell (html, scores->precision);
  html_cell (html, scores->recall);
  html_cell (html, scores->f1);
  g_string_append (html, "<td>");
  html_count (html, n);
  g_string_append (html, "</td></tr>\n");
}

static void
append_classes (GString *html, const CowEvaluation *e)
{
  g_string_append (
      html,
      "<div "
      "class=\"table\"><table><thead><tr><th>class</th><th>precision</th><th>recall</th><th>F1</th>"
      "<th>pictures</th></tr></thead><tbody>\n");
  for (guint c = 0; c < e->n_classes; c++) {
    const CowScores *scores = &e->metrics->classes[c];
    g_string_append (html, "<tr>");
    html_tag (html, "td", e->classes[c]);
    if (e->metrics->support[c] == 0) {
      g_string_append (html, "<td>–</td><td>–</td><td>–</td><td>0</td></tr>\n");
      continue;
    }
    html_bar_cell (html, scores->precision);
    html_bar_cell (html, scores->recall);
    html_bar_cell (html, scores->f1);
    g_string_append (html, "<td>");
    html_count (html, e->metrics->support[c]);
    g_string_append (html, "</td></tr>\n");
  }
  g_string_append (html, "</tbody><tfoot>\n");
  append_average (html, "macro average", &e->metrics->macro, e->metrics->n);
  append_average (html, "weighted average", &e->metrics->weighted, e->metrics->n);
  g_string_append (html, "</tfoot></table></div>\n");
}

static void
append_sources (GString *html, const CowEvaluation *e)
{
  g_string_append (html,
                   "<div class=\"table\"><table><thead><tr><th>source</th><th>accuracy</th><th>F1, "
                   "macro</th><th>F1, weighted</th>"
                   "<th>pictures</th></tr></thead><tbody>\n");
  for (guint i = 0; i < MIN (e->by_source->len, MOST_SOURCES); i++) {
    const CowSourceMetrics *source = e->by_source->pdata[i];
    g_string_append (html, "<tr>");
    html_tag (html, "td", *source->name ? source->name : "(no source)");
    html_bar_cell (html, source->metrics->accuracy);
    html_cell (html, source->metrics->macro.f1);
    html_cell (html, source->metrics->weighted.f1);
    g_string_append (html, "<td>");
    html_count (html, source->metrics->n);
    g_string_append (html, "</td></tr>\n");
  }
  g_string_append (html, "</tbody></table></div>\n");
  if (e->by_source->len > MOST_SOURCES)
    g_string_append_printf (html, "<p class=\"muted\">%u more sources are in results.json.</p>\n",
                            e->by_source->len - MOST_SOURCES);
}

static void
append_thresholds (GString *html, const CowEvaluation *e)
{
  g_string_append (
      html, "<p>From its threshold on, a class' probability is worth believing. What the adapter's "
            "thresholds give on these "
            "pictures, each class against the rest:</p>\n<div "
            "class=\"table\"><table><thead><tr><th>class</th>"
            "<th>threshold</th><th>precision</th><th>recall</th><th>F1</th></tr></thead><tbody>\n");
  for (guint c = 0; c < e->n_classes; c++) {
    const CowThreshold *threshold = &e->thresholds[c];
    g_string_append (html, "<tr>");
    html_tag (html, "td", e->classes[c]);
    if (threshold->value > 0)
      html_cell (html, threshold->value);
    else
      g_string_append (html, "<td>none</td>");
    if (threshold->known && threshold->value > 0) {
      html_cell (html, threshold->precision);
      html_cell (html, threshold->recall);
      html_cell (html, threshold->f1);
    } else {
      g_string_append (html, "<td>–</td><td>–</td><td>–</td>");
    }
    g_string_append (html, "</tr>\n");
  }
  g_string_append (html, "</tbody></table></div>\n");
}

static void
append_sureness (GString *html, const CowEvaluation *e)
{
  const CowTrust *trust = &e->trust;
  g_string_append_printf (html, "<p>Calibration error %.4f, log loss %.4f. ", trust->ece_after,
                          trust->log_loss_after);
  if (e->temperature == 1) {
    g_string_append (html, "No temperature was fitted: <code>cow-trainer eval --calibrate</code> "
                           "does it on validation pictures.</p>\n");
  } else {
    g_string_append_printf (html, "Logits are divided by a temperature of %.4g, ", e->temperature);
    g_string_append (html,
                     e->fitted_on ? "fitted now on the split " : "which came with the adapter");
    html_text (html, e->fitted_on);
    g_string_append_printf (
        html, "; without it the calibration error is %.4f and the log loss %.4f.</p>\n",
        trust->ece_before, trust->log_loss_before);
  }
}

/* ---- the page -------------------------------------------------------------------------------- */

/* What the network says where a picture has one label. */
static gboolean
append_answers (GString *html, const CowEvaluation *e, const GPtrArray *figures,
                Thumbnails *thumbnails, GError **error)
{
  static const char *const confusion[] = { "confusion-normalised", "confusion", NULL };
  static const char *const classes[] = { "classes", "pairs", NULL };
  static const char *const reliability[] = { "reliability", NULL };
  g_string_append (html, "<h2>What is taken for what</h2>\n");
  if (e->n_classes <= REPORT_MOST_CLASSES)
    report_append_matrix (html, e, thumbnails);
  else if (!report_page_figures (html, figures, confusion, error))
    return FALSE;
  g_string_append (html, "<h2>By class</h2>\n");
  append_classes (html, e);
  if (!report_page_figures (html, figures, classes, error))
    return FALSE;
  if (e->has_sources) {
    g_string_append (html, "<h2>By source</h2>\n");
    append_sources (html, e);
  }
  g_string_append (html, "<h2>How sure it is</h2>\n");
  append_sureness (html, e);
  if (!report_page_figures (html, figures, reliability, error))
    return FALSE;
  if (e->thresholds)
    append_thresholds (html, e);
  return TRUE;
}

/* The same where it may have several. */
static gboolean
append_label_answers (GString *html, const CowEvaluation *e, const GPtrArray *figures,
                      GError **error)
{
  static const char *const curves[] = { "precision-recall", NULL };
  evaluation_labels_tables (e, html);
  g_string_append (html, "<h2>Precision over recall</h2>\n");
  return report_page_figures (html, figures, curves, error);
}

static gboolean
append_body (GString *html, const CowEvaluation *e, const CowAgainst *against,
             const GArray *history, Thumbnails *thumbnails, GError **error)
{
  static const char *const training[] = { "loss", "accuracy", "average-precision", "learning-rate",
                                          NULL };
  g_autoptr (GPtrArray) figures = plots_of_evaluation (e);
  append_top (html, e);
  if (against)
    cow_against_append (html, against, thumbnails);
  if (e->multiple ? !append_label_answers (html, e, figures, error)
                  : !append_answers (html, e, figures, thumbnails, error))
    return FALSE;
  report_append_mistakes (html, e, thumbnails);
  if (!history || history->len == 0)
    return TRUE;
  g_autoptr (GPtrArray) panels =
      plots_of_history (history, e->multiple ? COW_HISTORY_LABELS : COW_HISTORY_CLASSES);
  g_string_append (html, "<h2>Training</h2>\n");
  return report_page_figures (html, panels, training, error);
}

char *
cow_report_html (const CowEvaluation *evaluation, const CowAgainst *against, const GArray *history,
                 Thumbnails *thumbnails, GError **error)
{
  g_autofree char *title = g_strdup_printf (
      "Evaluation of %s", evaluation->adapter ? evaluation->adapter : "an adapter");
  g_autoptr (GString) html = report_page_new (title);
  if (!append_body (html, evaluation, against, history, thumbnails, error))
    return NULL;
  return report_page_end (g_steal_pointer (&html),
                          "results.json, report.txt, per_class.csv, predictions.csv");
}
