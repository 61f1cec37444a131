/* SPDX-License-Identifier: MIT */
#include "trainer/eval/box-report.h"

#include <math.h>

#include "trainer/data/file-names.h"
#include "trainer/eval/html.h"
#include "trainer/eval/plots-boxes.h"
#include "trainer/eval/plots.h"
#include "trainer/eval/report-page.h"
#include "trainer/host/words.h"

#define MOST_FRAMES  24 /* drawn */
#define MOST_SOURCES 500

/* ---- the top --------------------------------------------------------------------------------- */

static void
append_share (GString *html, const char *name, double value)
{
  g_autofree char *text = isnan (value) ? g_strdup ("–") : g_strdup_printf ("%.4f", value);
  report_page_card (html, name, text);
}

static void
append_top (GString *html, const CowBoxEvaluation *e)
{
  g_autofree char *frames = plot_count_text (e->judged->len), *cows = plot_count_text (e->n_cows);

  report_page_title (html, e->adapter);
  g_string_append (html, "\n<ul class=\"facts\">\n");
  report_page_fact (html, "Adapter", e->adapter);
  report_page_fact (html, "Model", e->model);
  report_page_fact (html, "Frames", e->data);
  report_page_fact (html, "Split", e->split);
  report_page_fact (html, "Prepared", e->prepared);
  report_page_fact (html, "Device", e->device);
  report_page_fact (html, "Made", e->made_at);
  g_string_append (html, "</ul>\n<div class=\"cards\">\n");
  append_share (html, "mAP50:95", e->scores.precision[COW_BOX_ALL]);
  append_share (html, "mAP50", e->scores.precision50);
  append_share (html, "F1, at its best", e->threshold.f1);
  if (cow_box_evaluation_has_behaviours (e))
    append_share (html, "behaviour right", e->behaviours->metrics->accuracy);
  report_page_card (html, "frames", frames);
  report_page_card (html, "cows", cows);
  if (e->seconds > 0) {
    g_autofree char *rate = g_strdup_printf ("%.3g", e->judged->len / e->seconds);
    report_page_card (html, "frames a second", rate);
  }
  g_string_append (html, "</div>\n");
  report_page_warnings (html, e->warnings);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void
append_number (GString *html, double value)
{
  if (isnan (value))
    g_string_append (html, "<td>–</td>");
  else
    html_bar_cell (html, value);
}

static void
append_sizes (GString *html, const CowBoxScores *scores)
{
  static const char *const sizes[] = { "all", "small, less than 32 x 32 px",
                                       "medium, up to 96 x 96 px", "large" };

  g_string_append (html, "<div class=\"table\"><table><thead><tr><th>cows</th><th>mAP50:95</th>"
                         "<th>recall</th></tr></thead><tbody>\n");
  for (guint i = 0; i < COW_BOX_SIZES; i++) {
    g_string_append (html, "<tr>");
    html_tag (html, "td", sizes[i]);
    append_number (html, scores->precision[i]);
    append_number (html, scores->recall[i]);
    g_string_append (html, "</tr>\n");
  }
  g_string_append (html, "</tbody></table></div>\n");
}

static void
append_count (GString *html, guint64 count)
{
  g_string_append (html, "<td>");
  html_count (html, count);
  g_string_append (html, "</td>");
}

/* Which cows are found: by class, or by source. */
static void
append_shares (GString *html, const GArray *shares, const char *what)
{
  g_string_append_printf (html,
                          "<div class=\"table\"><table><thead><tr><th>%s</th><th>recall</th>"
                          "<th>found</th><th>missed</th></tr></thead><tbody>\n",
                          what);
  for (guint i = 0; i < MIN (shares->len, MOST_SOURCES); i++) {
    const CowBoxShare *share = &g_array_index (shares, CowBoxShare, i);
    g_string_append (html, "<tr>");
    html_tag (html, "td", *share->name ? share->name : "(no source)");
    append_number (html, (double)share->found / (double)share->n);
    append_count (html, share->found);
    append_count (html, share->n - share->found);
    g_string_append (html, "</tr>\n");
  }
  g_string_append (html, "</tbody></table></div>\n");
  if (shares->len > MOST_SOURCES)
    g_string_append_printf (html, "<p class=\"muted\">%u more are in results.json.</p>\n",
                            shares->len - MOST_SOURCES);
}

static void
append_threshold (GString *html, const CowBoxThreshold *at)
{
  g_string_append_printf (html,
                          "<p>From a score of <b>%.3f</b> on F1 is best: %.4f, precision %.4f, "
                          "recall %.4f. That is ",
                          at->score, at->f1, at->precision, at->recall);
  html_count (html, at->hits);
  g_string_append (html, " found, ");
  html_count (html, at->missed);
  g_string_append (html, " missed and ");
  html_count (html, at->ghosts);
  g_string_append (html, " ghosts, at an overlap of .50. <code>--save</code> keeps that score with "
                         "the adapter.</p>\n");
}

/* What cows do that are found, a row a class. */
static void
append_behaviours (GString *html, const CowBoxBehaviours *b)
{
  g_string_append (html, "<p>Of the cows that are found ");
  html_count (html, b->metrics->correct);
  g_string_append (html, " of ");
  html_count (html, b->metrics->n);
  g_string_append_printf (html, " are said to do what they do: <b>%.4f</b>, macro F1 %.4f.",
                          b->metrics->accuracy, b->metrics->macro.f1);
  if (b->n_unknown > 0)
    g_string_append_printf (
        html, " Of %" G_GUINT64_FORMAT " more the data do not say it; they count neither way.",
        b->n_unknown);
  g_string_append (html, "</p>\n<div class=\"table\"><table><thead><tr><th>behaviour</th>"
                         "<th>precision</th><th>recall</th><th>F1</th><th>found cows</th></tr>"
                         "</thead><tbody>\n");
  for (guint c = 0; c < b->n; c++) {
    const CowScores *scores = &b->metrics->classes[c];
    g_string_append (html, "<tr>");
    html_tag (html, "td", b->names[c]);
    append_number (html, scores->precision);
    append_number (html, scores->recall);
    append_number (html, scores->f1);
    append_count (html, b->metrics->support[c]);
    g_string_append (html, "</tr>\n");
  }
  g_string_append (html, "</tbody></table></div>\n");
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* A rectangle in the picture's px, scaled with the picture; `title` is what a pointer shows, or
 * NULL. */
static void
append_box (GString *html, const char *class, const CowBounds *place, const char *title)
{
  g_string_append_printf (html,
                          "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                          "height=\"%.1f\"",
                          class, place->x, place->y, place->w, place->h);
  if (!title) {
    g_string_append (html, "/>");
    return;
  }
  g_string_append_c (html, '>');
  html_tag (html, "title", title);
  g_string_append (html, "</rect>");
}

/* A box that is told, and what is said of it where anything is. */
static void
append_told (GString *html, const CowBoxEvaluation *e, const CowFrameBox *boxes,
             const CowBoxFrame *judged, guint found)
{
  const CowBounds *place = &g_array_index (e->tally.found, CowFoundBox, found).place;
  const gboolean ghost = e->matched[found] == COW_BOX_GHOST;
  g_autofree char *title = NULL;
  gboolean right = TRUE;

  if (e->behaviours) {
    const guint said = g_array_index (e->said, guint, found);
    const int truth = ghost ? -1 : boxes[(guint)e->matched[found] - judged->first_true].behaviour;
    right = truth < 0 || cow_box_behaviours_is_right (e->behaviours, truth, said);
    title = truth < 0 ? g_strdup_printf ("said: %s", e->behaviours->names[said])
                      : g_strdup_printf ("%s, said: %s", e->frames->classes[truth],
                                         e->behaviours->names[said]);
  }
  append_box (html, ghost ? "ghost" : right ? "hit" : "wrong", place, title);
}

static void
append_boxes (GString *html, const CowBoxEvaluation *e, const CowBoxFrame *judged)
{
  const CowFrame *frame = cow_frames_get (e->frames, judged->frame);
  const CowFrameBox *boxes = cow_frames_boxes (e->frames, frame);
  g_autofree gboolean *is_found = g_new0 (gboolean, frame->n_boxes + 1);
  const guint end = judged->first_found + judged->n_found;

  for (guint i = judged->first_found; i < end; i++) {
    const CowFoundBox *found = &g_array_index (e->tally.found, CowFoundBox, i);
    if (!cow_box_evaluation_is_told (e, found) || e->matched[i] == COW_BOX_IN_CROWD)
      continue;
    append_told (html, e, boxes, judged, i);
    if (e->matched[i] >= 0)
      is_found[(guint)e->matched[i] - judged->first_true] = TRUE;
  }
  for (guint i = 0; i < frame->n_boxes; i++)
    if (!boxes[i].crowd && !is_found[i])
      append_box (html, "missed", &boxes[i].place, NULL);
}

/* What a thumbnail shows in px of the frame: more than all of it where that is letterboxed. */
static CowBounds
shown_of (const CowFrame *frame, const Thumbnails *thumbnails)
{
  if (!thumbnails)
    return (CowBounds){ 0, 0, frame->width, frame->height };
  const CowPreprocess *preprocess = thumbnails_preprocess (thumbnails);
  const CowRegion place = cow_preprocess_place (preprocess, frame->width, frame->height);
  const double across = (double)frame->width / place.w, down = (double)frame->height / place.h;
  return (CowBounds){ -place.x * across, -place.y * down, preprocess->width * across,
                      preprocess->height * down };
}

static void
append_frame (GString *html, const CowBoxEvaluation *e, const CowDataset *dataset,
              Thumbnails *thumbnails, guint index)
{
  const CowBoxFrame *judged = &g_array_index (e->judged, CowBoxFrame, index);
  const CowFrame *frame = cow_frames_get (e->frames, judged->frame);
  g_autofree char *path = file_name_text (frame->path);
  const CowBounds shown = shown_of (frame, thumbnails);
  g_autoptr (GError) error = NULL;
  g_autofree char *uri =
      thumbnails ? thumbnails_uri (thumbnails, cow_dataset_sample (dataset, judged->frame), &error)
                 : NULL;

  g_string_append (html, "<figure class=\"shot\">");
  if (uri)
    g_string_append_printf (html,
                            "<div class=\"boxes\"><img alt=\"\" src=\"%s\"><svg viewBox=\"%.1f "
                            "%.1f %.1f %.1f\" preserveAspectRatio=\"none\">",
                            uri, shown.x, shown.y, shown.w, shown.h);
  if (uri)
    append_boxes (html, e, judged);
  g_string_append (html, uri ? "</svg></div>" : "");
  if (error)
    html_tag (html, "em", error->message);
  g_string_append_printf (html, "<figcaption>%u found, <b>%u missed, %u ghost%s", judged->hits,
                          judged->missed, judged->ghosts, words_s (judged->ghosts));
  if (cow_box_evaluation_has_behaviours (e))
    g_string_append_printf (html, ", %u wrong", judged->wrong);
  g_string_append (html, "</b><br><small>");
  html_text (html, path);
  g_string_append (html, "</small></figcaption></figure>\n");
}

static void
append_mistakes (GString *html, const CowBoxEvaluation *e, const CowDataset *dataset,
                 Thumbnails *thumbnails)
{
  g_autoptr (GArray) which = cow_box_evaluation_mistakes (e);

  if (which->len == 0)
    return;
  g_string_append (html, "<h2>Frames with the most mistakes</h2>\n<p class=\"muted\">Look at these "
                         "first: some boxes were perhaps forgotten. <b class=\"hit\">Found</b>, <b "
                         "class=\"missed\">missed</b>, <b class=\"ghost\">no cow (ghost)</b>");
  g_string_append (html, cow_box_evaluation_has_behaviours (e)
                             ? ", <b class=\"wrong\">found, and another behaviour said</b>: the "
                               "pointer on a box shows both. "
                             : ". ");
  g_string_append_printf (html, "%u of %u frames have mistakes; frames.csv lists all.</p>\n",
                          which->len, e->judged->len);
  g_string_append (html, "<div class=\"shots frames\">\n");
  for (guint i = 0; i < MIN (which->len, MOST_FRAMES); i++)
    append_frame (html, e, dataset, thumbnails, g_array_index (which, guint, i));
  g_string_append (html, "</div>\n");
}

/* ---- the page -------------------------------------------------------------------------------- */

static gboolean
append_body (GString *html, const CowBoxEvaluation *e, const CowDataset *dataset,
             const GArray *history, Thumbnails *thumbnails, GError **error)
{
  static const char *const curves[] = { "precision-recall", "scores", NULL };
  static const char *const confusion[] = { "confusion", NULL };
  static const char *const behaviours[] = { "behaviours", NULL };
  static const char *const training[] = { "loss", "average-precision", "learning-rate", NULL };
  g_autoptr (GPtrArray) figures = plots_of_boxes (e);

  append_top (html, e);
  g_string_append (html, "<h2>How well cows are found</h2>\n");
  append_threshold (html, &e->threshold);
  append_sizes (html, &e->scores);
  if (!report_page_figures (html, figures, curves, error))
    return FALSE;
  g_string_append (html, "<h2>Which cows are missed</h2>\n");
  if (e->classes->len > 0)
    append_shares (html, e->classes, "class");
  if (!report_page_figures (html, figures, confusion, error))
    return FALSE;
  if (cow_box_evaluation_has_behaviours (e)) {
    g_string_append (html, "<h2>What they do</h2>\n");
    append_behaviours (html, e->behaviours);
    if (!report_page_figures (html, figures, behaviours, error))
      return FALSE;
  }
  if (e->sources->len > 0) {
    g_string_append (html, "<h2>By source</h2>\n");
    append_shares (html, e->sources, "source");
  }
  append_mistakes (html, e, dataset, thumbnails);
  if (!history || history->len == 0)
    return TRUE;
  g_autoptr (GPtrArray) panels = plots_of_history (history, COW_HISTORY_BOXES);
  g_string_append (html, "<h2>Training</h2>\n");
  return report_page_figures (html, panels, training, error);
}

char *
cow_box_report_html (const CowBoxEvaluation *evaluation, const CowDataset *dataset,
                     const GArray *history, Thumbnails *thumbnails, GError **error)
{
  g_autofree char *title = g_strdup_printf (
      "Evaluation of %s", evaluation->adapter ? evaluation->adapter : "an adapter");
  g_autoptr (GString) html = report_page_new (title);

  if (!append_body (html, evaluation, dataset, history, thumbnails, error))
    return NULL;
  return report_page_end (g_steal_pointer (&html),
                          "results.json, report.txt, frames.csv, found.json");
}
