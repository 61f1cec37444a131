/* SPDX-License-Identifier: MIT */
#include "trainer/eval/report-pictures.h"

#include "trainer/data/file-names.h"
#include "trainer/eval/html.h"

#define MOST_MISTAKES 20
/* Of a cell, and of all cells together: a picture takes some 5 kB of the page. */
#define MOST_OF_CELL  6
#define MOST_OF_CELLS 240

/* ---- pictures -------------------------------------------------------------------------------- */

static void
append_image (GString *html, Thumbnails *thumbnails, const CowSample *sample)
{
  int width, height;
  g_autoptr (GError) error = NULL;
  g_autofree char *uri = thumbnails_uri (thumbnails, sample, &error);

  thumbnails_size (thumbnails, &width, &height);
  if (uri)
    g_string_append_printf (html, "<img width=\"%d\" height=\"%d\" alt=\"\" src=\"%s\">", width,
                            height, uri);
  else
    html_tag (html, "em", error->message);
}

static void
append_picture (GString *html, const CowEvaluation *e, Thumbnails *thumbnails, guint i)
{
  g_autofree char *path = file_name_text (e->samples[i]->path),
                  *truth = cow_evaluation_truth_text (e, i),
                  *said = cow_evaluation_said_text (e, i);

  g_string_append (html, "<figure class=\"shot\">");
  if (thumbnails)
    append_image (html, thumbnails, e->samples[i]);
  g_string_append (html, "<figcaption><b>");
  html_text (html, said);
  g_string_append_printf (html, "</b> %.4f", cow_evaluation_sureness (e, i));
  if (!cow_evaluation_is_right (e, i)) {
    g_string_append (html, "<br>true: ");
    html_text (html, truth);
  }
  g_string_append (html, "<br><small>");
  html_text (html, path);
  g_string_append (html, "</small></figcaption></figure>\n");
}

void
report_append_pictures (GString *html, const CowEvaluation *evaluation, Thumbnails *thumbnails,
                        const GArray *which, guint most)
{
  g_string_append (html, "<div class=\"shots\">\n");
  for (guint i = 0; i < MIN (which->len, most); i++)
    append_picture (html, evaluation, thumbnails, g_array_index (which, guint, i));
  g_string_append (html, "</div>\n");
}

/* Surest first; of two that are as sure, the first. */
static gint
compare_sureness (gconstpointer a, gconstpointer b, gpointer evaluation)
{
  const guint i = *(const guint *)a, k = *(const guint *)b;
  const double x = cow_evaluation_sureness (evaluation, i),
               y = cow_evaluation_sureness (evaluation, k);

  return x > y ? -1 : x < y ? 1 : i < k ? -1 : i > k;
}

static void
sort (const CowEvaluation *e, GArray *which)
{
  g_array_sort_with_data (which, compare_sureness, (gpointer)e);
}

void
report_append_mistakes (GString *html, const CowEvaluation *evaluation, Thumbnails *thumbnails)
{
  g_autoptr (GArray) wrong = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < evaluation->n; i++)
    if (!cow_evaluation_is_right (evaluation, i))
      g_array_append_val (wrong, i);
  if (wrong->len == 0)
    return;
  sort (evaluation, wrong);
  g_string_append (html, "<h2>Surest mistakes</h2>\n<p class=\"muted\">Look at these first: some "
                         "of them are wrong labels.</p>\n");
  report_append_pictures (html, evaluation, thumbnails, wrong, MOST_MISTAKES);
}

/* ---- the matrix ------------------------------------------------------------------------------ */

static void
append_columns (GString *html, const CowEvaluation *e)
{
  g_string_append (html, "<thead><tr><th>true ↓ said →</th>");
  for (guint c = 0; c < e->n_classes; c++) {
    g_string_append (html, "<th title=\"");
    html_text (html, e->classes[c]);
    g_string_append_printf (html, "\">%u</th>", c + 1);
  }
  g_string_append (html, "</tr></thead>\n");
}

static void
append_matrix_cell (GString *html, const CowEvaluation *e, guint truth, guint said)
{
  const guint64 n = cow_confusion_get (e->confusion, truth, said), row = e->metrics->support[truth];
  const double share = row ? (double)n / (double)row : 0;

  if (n == 0) {
    g_string_append (html, "<td></td>");
    return;
  }
  g_string_append_printf (
      html, "<td class=\"%s%s\" style=\"--s:%.0f%%\"><a href=\"#c-%u-%u\" title=\"%.1f %%\">",
      truth == said ? "right" : "wrong", share > .5 ? " full" : "", 100 * share, truth, said,
      100 * share);
  html_count (html, n);
  g_string_append (html, "</a></td>");
}

static void
append_matrix (GString *html, const CowEvaluation *e)
{
  g_string_append_printf (html, "<div class=\"table\"><table class=\"matrix\" style=\"--n:%u\">\n",
                          e->n_classes);
  append_columns (html, e);
  g_string_append (html, "<tbody>\n");
  for (guint t = 0; t < e->n_classes; t++) {
    g_string_append_printf (html, "<tr><th>%u ", t + 1);
    html_text (html, e->classes[t]);
    g_string_append (html, "</th>");
    for (guint p = 0; p < e->n_classes; p++)
      append_matrix_cell (html, e, t, p);
    g_string_append (html, "</tr>\n");
  }
  g_string_append (html, "</tbody></table></div>\n");
}

/* ---- its cells ------------------------------------------------------------------------------- */

/* The pictures of each cell [n_classes, n_classes], surest first where they are wrong, and where
 * they are right those that nearly were not. */
static GArray **
sort_into_cells (const CowEvaluation *e)
{
  const gsize n_cells = (gsize)e->n_classes * e->n_classes;
  GArray **cells = g_new (GArray *, n_cells);

  for (gsize i = 0; i < n_cells; i++)
    cells[i] = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < e->n; i++)
    g_array_append_val (cells[(gsize)e->truth[i] * e->n_classes + e->predicted[i]], i);
  for (gsize i = 0; i < n_cells; i++) {
    GArray *cell = cells[i];
    sort (e, cell);
    for (guint k = 0; i % (e->n_classes + 1) == 0 && k < cell->len / 2; k++) {
      const guint other = g_array_index (cell, guint, cell->len - 1 - k);
      g_array_index (cell, guint, cell->len - 1 - k) = g_array_index (cell, guint, k);
      g_array_index (cell, guint, k) = other;
    }
  }
  return cells;
}

static void
append_cell_head (GString *html, const CowEvaluation *e, guint truth, guint said, guint n,
                  guint shown)
{
  g_string_append_printf (html, "<div class=\"cell\" id=\"c-%u-%u\"><p><b>", truth, said);
  html_text (html, e->classes[truth]);
  if (truth == said) {
    g_string_append_printf (html, "</b>, right: %u", n);
  } else {
    g_string_append (html, "</b> taken for <b>");
    html_text (html, e->classes[said]);
    g_string_append_printf (html, "</b>: %u", n);
  }
  if (shown < n)
    g_string_append_printf (html, ", of which the %u %s", shown,
                            truth == said ? "least sure" : "surest");
  g_string_append (html, "</p>\n");
}

static void
append_cells (GString *html, const CowEvaluation *e, Thumbnails *thumbnails)
{
  GArray **cells = sort_into_cells (e);
  const gsize n_cells = (gsize)e->n_classes * e->n_classes;
  guint n_used = 0;

  for (gsize i = 0; i < n_cells; i++)
    n_used += cells[i]->len > 0;
  const guint most = CLAMP (MOST_OF_CELLS / MAX (n_used, 1), 1, MOST_OF_CELL);
  for (gsize i = 0; i < n_cells; i++) {
    if (cells[i]->len > 0) {
      append_cell_head (html, e, (guint)(i / e->n_classes), (guint)(i % e->n_classes),
                        cells[i]->len, MIN (cells[i]->len, most));
      report_append_pictures (html, e, thumbnails, cells[i], most);
      g_string_append (html, "</div>\n");
    }
    g_array_unref (cells[i]);
  }
  g_free (cells);
}

void
report_append_matrix (GString *html, const CowEvaluation *evaluation, Thumbnails *thumbnails)
{
  g_string_append (html, "<p class=\"muted\">Pictures by what they show (rows) and what was said "
                         "of them (columns). Choose a number to see its pictures.</p>\n");
  append_matrix (html, evaluation);
  append_cells (html, evaluation, thumbnails);
}
