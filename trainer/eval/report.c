/* SPDX-License-Identifier: MIT */
#include "trainer/eval/report.h"

#include <string.h>

#include "cow-build.h"
#include "trainer/eval/evaluation-labels.h"
#include "trainer/eval/html.h"
#include "trainer/eval/plots.h"
#include "trainer/eval/report-pictures.h"
#include "trainer/eval/report-style.h"

#define MOST_UNREADABLE 200
#define MOST_SOURCES    500

/* ---- pieces ---------------------------------------------------------------------------------- */

/* As an image, so that what its SVG defines cannot meet what another's does. */
static gboolean
append_image (GString *html, const PlotFigure *figure, const PlotTheme *theme, const char *before,
              const char *after, GError **error)
{
  g_autofree char *svg = plot_figure_svg (figure, theme, error);
  if (!svg)
    return FALSE;
  g_autofree char *data = g_base64_encode ((const guchar *)svg, strlen (svg));
  g_string_append_printf (html, "%sdata:image/svg+xml;base64,%s%s", before, data, after);
  return TRUE;
}

static gboolean
append_figure (GString *html, const PlotFigure *figure, GError **error)
{
  g_string_append_printf (html, "<figure style=\"--w:%.0f\"><picture>", figure->width);
  if (!append_image (html, figure, &plot_dark,
                     "<source media=\"(prefers-color-scheme:dark)\" srcset=\"", "\">", error))
    return FALSE;
  g_string_append_printf (html, "<img width=\"%.0f\" height=\"%.0f\" alt=\"", figure->width,
                          figure->height);
  html_text (html, figure->title);
  g_string_append (html, ". ");
  html_text (html, figure->subtitle);
  if (!append_image (html, figure, &plot_light, "\" src=\"", "\">", error))
    return FALSE;
  g_string_append (html, "</picture></figure>\n");
  return TRUE;
}

/* The figures of these names (NULL at the end) that there are, side by side where the page is wide
 * enough. */
static gboolean
append_figures (GString *html, const GPtrArray *figures, const char *const *names, GError **error)
{
  g_string_append (html, "<div class=\"figures\">\n");
  for (; *names; names++)
    for (guint i = 0; i < figures->len; i++) {
      const PlotFigure *figure = figures->pdata[i];
      if (g_str_equal (figure->name, *names) && !append_figure (html, figure, error))
        return FALSE;
    }
  g_string_append (html, "</div>\n");
  return TRUE;
}

/* ---- the top --------------------------------------------------------------------------------- */

static void
append_fact (GString *html, const char *name, const char *value)
{
  if (!value)
    return;
  g_string_append_printf (html, "<li>%s: ", name);
  html_text (html, value);
  g_string_append (html, "</li>\n");
}

static void
append_card (GString *html, const char *name, const char *value)
{
  g_string_append_printf (html, "<div class=\"card\"><b>%s</b><span>%s</span></div>\n", value,
                          name);
}

static void
append_one_label (GString *html, const CowEvaluation *e)
{
  g_autofree char *accuracy = g_strdup_printf ("%.2f %%", 100 * e->metrics->accuracy);
  g_autofree char *macro = g_strdup_printf ("%.4f", e->metrics->macro.f1),
                  *weighted = g_strdup_printf ("%.4f", e->metrics->weighted.f1);
  g_autofree char *pictures = plot_count_text (e->n),
                  *ece = g_strdup_printf ("%.4f", e->trust.ece_after);
  append_card (html, "accuracy", accuracy);
  append_card (html, "F1, macro", macro);
  append_card (html, "F1, weighted", weighted);
  append_card (html, "pictures", pictures);
  append_card (html, "calibration error", ece);
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
    append_card (html, "pictures a second", text);
  }
  g_string_append (html, "</div>\n");
}

static void
append_warnings (GString *html, const CowEvaluation *e)
{
  if (e->warnings->len > 0) {
    g_string_append (html, "<div class=\"warn\"><b>Before you believe these numbers</b><ul>\n");
    for (guint i = 0; i < e->warnings->len; i++)
      html_tag (html, "li", e->warnings->pdata[i]);
    g_string_append (html, "</ul></div>\n");
  }
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
  g_autofree char *name = e->adapter ? g_path_get_basename (e->adapter) : g_strdup ("adapter");
  g_autofree char *parent = e->adapter ? g_path_get_dirname (e->adapter) : g_strdup (".");
  g_autofree char *run = g_path_get_basename (parent);
  /* "best" alone says nothing: a run's folder belongs to its name. */
  g_autofree char *title = g_str_equal (run, ".") || g_str_equal (run, "/")
                               ? g_strdup (name)
                               : g_strdup_printf ("%s/%s", run, name);
  g_string_append (html, "<p class=\"muted\">Evaluation</p>\n");
  html_tag (html, "h1", title);
  g_string_append (html, "\n<ul class=\"facts\">\n");
  append_fact (html, "Adapter", e->adapter);
  append_fact (html, "Model", e->model);
  append_fact (html, "Pictures", e->data);
  append_fact (html, "Split", e->split);
  append_fact (html, "Prepared", e->prepared);
  append_fact (html, "Device", e->device);
  append_fact (html, "Made", e->made_at);
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
  else if (!append_figures (html, figures, confusion, error))
    return FALSE;
  g_string_append (html, "<h2>By class</h2>\n");
  append_classes (html, e);
  if (!append_figures (html, figures, classes, error))
    return FALSE;
  if (e->has_sources) {
    g_string_append (html, "<h2>By source</h2>\n");
    append_sources (html, e);
  }
  g_string_append (html, "<h2>How sure it is</h2>\n");
  append_sureness (html, e);
  if (!append_figures (html, figures, reliability, error))
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
  return append_figures (html, figures, curves, error);
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
  return append_figures (html, panels, training, error);
}

char *
cow_report_html (const CowEvaluation *evaluation, const CowAgainst *against, const GArray *history,
                 Thumbnails *thumbnails, GError **error)
{
  /* The policy makes a browser refuse whatever is not in this file. */
  static const char head[] =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src "
      "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n";
  g_autoptr (GString) html = g_string_new (head);
  g_autofree char *title = g_strdup_printf (
      "Evaluation of %s", evaluation->adapter ? evaluation->adapter : "an adapter");
  html_tag (html, "title", title);
  g_string_append_printf (html, "\n<style>%s</style>\n</head>\n<body>\n<main>\n", report_style);
  if (!append_body (html, evaluation, against, history, thumbnails, error))
    return NULL;
  g_string_append (
      html,
      "<footer>Made by cow-trainer " COW_VERSION
      ". Beside this file: results.json, report.txt, per_class.csv, "
      "predictions.csv, and every figure as PNG and SVG.</footer>\n</main>\n</body>\n</html>\n");
  return g_string_free (g_steal_pointer (&html), FALSE);
}
