/* SPDX-License-Identifier: MIT */
/* The figures of an evaluation. */
#include "trainer/eval/plots.h"

#include <math.h>

#include "trainer/eval/plots-matrix.h"

/* ---- confusion matrices ---------------------------------------------------------------------- */

static PlotFigure *
plot_confusion (const CowEvaluation *e, gboolean normalised)
{
  const char *const *classes = (const char *const *)e->classes;
  const PlotMatrix matrix = { e->confusion, classes, classes, normalised };

  return plot_matrix (normalised ? "confusion-normalised" : "confusion",
                      normalised ? "Confusion, shares of each true class" : "Confusion, pictures",
                      "Blue: right. Orange: taken for another class.", &matrix);
}

/* ---- bars ------------------------------------------------------------------------------------ */

/* Bars that lie, so that names have a line each and any number of them fits a page: classes,
 * confused pairs, sources. */

#define BAR_LENGTH          360
#define MOST_BAR_NAME_WIDTH 200
#define MOST_SOURCES        40
#define NUMBER_WIDTH        44 /* of "0.9876" right of a bar */

typedef struct {
  double left; /* where bars begin */
  GPtrArray *rows;
} BarsLayout;

/* The grid of a share from 0 to 1 behind rows that end at `bottom`. */
static void
draw_share_axis (PlotCanvas *canvas, double left, double top, double bottom)
{
  const PlotScale x = { .min = 0, .max = 1, .from = left, .to = left + BAR_LENGTH };
  plot_axis_x (canvas, &x, bottom, top, "");
}

/* ---- classes --------------------------------------------------------------------------------- */

#define CLASS_ROW 46
#define CLASS_BAR 11

static const char *const score_names[] = { "precision", "recall", "F1" };
static const PlotColour score_colours[] = { PLOT_BLUE, PLOT_ORANGE, PLOT_GREEN };
#define LEGEND_HEIGHT 24

static const PlotText class_name = { .x_align = 1, .most_width = MOST_BAR_NAME_WIDTH };

static void
draw_class (PlotCanvas *canvas, const CowEvaluation *e, guint c, double left, double y)
{
  const CowScores *scores = &e->metrics->classes[c];
  const double values[] = { scores->precision, scores->recall, scores->f1 };
  const PlotText number = { .size = 9.5, .y_align = .5, .colour = PLOT_MUTED };
  const PlotText support = { .size = 10, .x_align = 1, .colour = PLOT_MUTED };
  g_autofree char *count = plot_count_text (e->metrics->support[c]);
  g_autofree char *pictures =
      g_strdup_printf ("%s picture%s", count, e->metrics->support[c] == 1 ? "" : "s");

  plot_text (canvas, left - 10, y + 1, &class_name, e->classes[c]);
  plot_text (canvas, left - 10, y + 18, &support, pictures);
  if (e->metrics->support[c] == 0) {
    const PlotText nothing = { .size = 10, .y_align = .5, .colour = PLOT_MUTED };
    plot_text (canvas, left + 8, y + 2 + 1.5 * CLASS_BAR, &nothing, "nothing to measure");
    return;
  }
  for (guint i = 0; i < G_N_ELEMENTS (values); i++) {
    char text[16];
    const double bar_y = y + 2 + i * (CLASS_BAR + 1);
    plot_bar (canvas, left, bar_y, values[i] * BAR_LENGTH, CLASS_BAR, score_colours[i]);
    g_snprintf (text, sizeof text, "%.4f", values[i]);
    plot_text (canvas, left + values[i] * BAR_LENGTH + 5, bar_y + CLASS_BAR / 2.0, &number, text);
  }
}

static void
draw_classes (const PlotFigure *self, PlotCanvas *canvas)
{
  const CowEvaluation *e = self->data;
  const double left = *(const double *)self->layout, top = PLOT_TOP + LEGEND_HEIGHT;
  plot_legend (canvas, left, PLOT_TOP + 8, score_names, score_colours, G_N_ELEMENTS (score_names));
  draw_share_axis (canvas, left, top, top + e->n_classes * CLASS_ROW);
  for (guint c = 0; c < e->n_classes; c++)
    draw_class (canvas, e, c, left, top + c * CLASS_ROW + 4);
}

static PlotFigure *
plot_classes (const CowEvaluation *evaluation)
{
  const CowMetrics *metrics = evaluation->metrics;
  g_autofree char *subtitle =
      g_strdup_printf ("Accuracy %.4f, macro F1 %.4f", metrics->accuracy, metrics->macro.f1);
  PlotFigure *self = plot_figure_new ("classes", "Precision, recall and F1 by class", subtitle);
  double *left = self->layout = g_new (double, 1);
  const PlotText support = { .size = 10 };
  const double names = plot_texts_width (&class_name, (const char *const *)evaluation->classes,
                                         evaluation->n_classes);
  *left = PLOT_EDGE +
          MAX (MIN (names, MOST_BAR_NAME_WIDTH), plot_text_width (&support, "1,000,000 pictures")) +
          10;
  self->data = evaluation;
  self->draw = draw_classes;
  self->width = *left + BAR_LENGTH + NUMBER_WIDTH + PLOT_EDGE;
  self->height =
      PLOT_TOP + LEGEND_HEIGHT + evaluation->n_classes * CLASS_ROW + 26 + PLOT_EDGE / 2.0;
  return self;
}

/* ---- a name above its bar -------------------------------------------------------------------- */

#define ROW         40
#define ROW_BAR     12
#define ROW_LENGTH  440
#define ROW_NUMBERS 150 /* right of the longest bar */
#define ROW_WIDTH   (PLOT_EDGE + ROW_LENGTH + ROW_NUMBERS + PLOT_EDGE)

static void
draw_row (PlotCanvas *canvas, guint i, const char *name, const char *numbers, double share,
          PlotColour colour)
{
  const PlotText title = { .most_width = ROW_LENGTH + ROW_NUMBERS },
                 number = { .size = 11, .y_align = .5, .colour = PLOT_MUTED };
  const double y = PLOT_TOP + i * ROW, length = MAX (share * ROW_LENGTH, 1);
  plot_text (canvas, PLOT_EDGE, y, &title, name);
  plot_bar (canvas, PLOT_EDGE, y + 19, length, ROW_BAR, colour);
  plot_text (canvas, PLOT_EDGE + length + 8, y + 19 + ROW_BAR / 2.0, &number, numbers);
}

static void
draw_pairs (const PlotFigure *self, PlotCanvas *canvas)
{
  const CowEvaluation *e = self->data;
  const double most = (double)g_array_index (e->pairs, CowConfusedPair, 0).count;
  for (guint i = 0; i < e->pairs->len; i++) {
    const CowConfusedPair *pair = &g_array_index (e->pairs, CowConfusedPair, i);
    g_autofree char *name =
        g_strdup_printf ("%s  →  %s", e->classes[pair->truth], e->classes[pair->predicted]);
    g_autofree char *count = plot_count_text (pair->count);
    g_autofree char *numbers = g_strdup_printf ("%s  (%.1f %%)", count, 100 * pair->share);
    draw_row (canvas, i, name, numbers, (double)pair->count / most, PLOT_VERMILION);
  }
}

static PlotFigure *
plot_pairs (const CowEvaluation *evaluation)
{
  if (evaluation->pairs->len == 0)
    return NULL;
  PlotFigure *self =
      plot_figure_new ("pairs", "Most confused pairs",
                       "True class → what was said; in brackets the share of the true class");
  self->data = evaluation;
  self->draw = draw_pairs;
  self->width = ROW_WIDTH;
  self->height = PLOT_TOP + evaluation->pairs->len * ROW + PLOT_EDGE / 2.0;
  return self;
}

static void
draw_sources (const PlotFigure *self, PlotCanvas *canvas)
{
  const CowEvaluation *e = self->data;
  for (guint i = 0; i < MIN (e->by_source->len, MOST_SOURCES); i++) {
    const CowSourceMetrics *source = e->by_source->pdata[i];
    g_autofree char *count = plot_count_text (source->metrics->n);
    g_autofree char *numbers = g_strdup_printf ("%.4f  (%s)", source->metrics->accuracy, count);
    draw_row (canvas, i, *source->name ? source->name : "(no source)", numbers,
              source->metrics->accuracy, PLOT_BLUE);
  }
}

static PlotFigure *
plot_sources (const CowEvaluation *evaluation)
{
  const guint n = evaluation->by_source->len, shown = MIN (n, MOST_SOURCES);
  if (!evaluation->has_sources)
    return NULL;
  g_autofree char *subtitle =
      shown < n ? g_strdup_printf ("The first %u of %u; all are in results.json", shown, n)
                : g_strdup ("In brackets the pictures of each");
  PlotFigure *self = plot_figure_new ("sources", "Accuracy by source", subtitle);
  self->data = evaluation;
  self->draw = draw_sources;
  self->width = ROW_WIDTH;
  self->height = PLOT_TOP + shown * ROW + PLOT_EDGE / 2.0;
  return self;
}

/* ---- the reliability diagram ----------------------------------------------------------------- */

/*
 * The reliability diagram: pictures by the probability of their likeliest class, and how many of
 * them are right. On the diagonal, 80 % sure means 80 % right. Below it, how many pictures each bar
 * stands for.
 */

#define SIDE   380 /* of the diagram */
#define COUNTS 80  /* height of the counts below */
#define LEFT   (PLOT_EDGE + PLOT_AXIS_Y_WIDTH)
#define TOP    (PLOT_TOP + 26)

static const PlotScale confidence = { .min = 0, .max = 1, .from = LEFT, .to = LEFT + SIDE };
static const PlotScale accuracy = { .min = 0, .max = 1, .from = TOP + SIDE, .to = TOP };

/* Accuracy as bars, and what each lacks to the confidence, or has beyond it, as an outline. */
static void
draw_bins (PlotCanvas *canvas, const CowReliabilityBin *bins)
{
  const double width = (double)SIDE / COW_RELIABILITY_BINS;
  cairo_t *cr = canvas->cr;
  for (guint b = 0; b < COW_RELIABILITY_BINS; b++) {
    if (bins[b].n == 0)
      continue;
    const double x = LEFT + b * width, y = plot_at (&accuracy, bins[b].accuracy),
                 ideal = plot_at (&accuracy, bins[b].confidence);
    plot_bar (canvas, x + 1, y, width - 2, accuracy.from - y, PLOT_BLUE);
    plot_set_colour (canvas, PLOT_VERMILION);
    cairo_set_line_width (cr, 1.5);
    cairo_rectangle (cr, x + 1.75, MIN (y, ideal), width - 3.5, MAX (ABS (y - ideal), .1));
    cairo_stroke (cr);
  }
}

/* The accuracies before, where a temperature changed them. */
static void
draw_before (PlotCanvas *canvas, const CowReliabilityBin *bins)
{
  double xs[COW_RELIABILITY_BINS], ys[COW_RELIABILITY_BINS];
  guint n = 0;
  for (guint b = 0; b < COW_RELIABILITY_BINS; b++)
    if (bins[b].n > 0) {
      xs[n] = bins[b].confidence;
      ys[n++] = bins[b].accuracy;
    }
  plot_line (canvas, &confidence, &accuracy, xs, ys, n, PLOT_ORANGE, TRUE);
}

static void
draw_counts (PlotCanvas *canvas, const CowReliabilityBin *bins, guint n)
{
  const double width = (double)SIDE / COW_RELIABILITY_BINS, bottom = TOP + SIDE + 16 + COUNTS;
  PlotScale share = { .min = 0, .max = 0, .from = bottom, .to = bottom - COUNTS };
  for (guint b = 0; b < COW_RELIABILITY_BINS; b++)
    share.max = MAX (share.max, (double)bins[b].n / n);
  plot_scale_round (&share);
  plot_axis_y (canvas, &share, LEFT, LEFT + SIDE, "share of all");
  plot_axis_x (canvas, &confidence, bottom, bottom, "probability of the likeliest class");
  for (guint b = 0; b < COW_RELIABILITY_BINS; b++) {
    const double y = plot_at (&share, (double)bins[b].n / n);
    plot_bar (canvas, LEFT + b * width + 1, y, width - 2, bottom - y, PLOT_MUTED);
  }
}

static void
draw_reliability (const PlotFigure *self, PlotCanvas *canvas)
{
  static const char *const names[] = { "right", "gap to the probability", "before calibration" };
  static const PlotColour colours[] = { PLOT_BLUE, PLOT_VERMILION, PLOT_ORANGE };
  const CowEvaluation *e = self->data;
  const gboolean calibrated = e->temperature != 1;
  plot_legend (canvas, PLOT_EDGE, PLOT_TOP + 6, names, colours, calibrated ? 3 : 2);
  plot_axis_y (canvas, &accuracy, LEFT, LEFT + SIDE, "share that is right");
  plot_rule (canvas, LEFT, accuracy.from, LEFT + SIDE, accuracy.from, PLOT_MUTED, FALSE);
  draw_bins (canvas, e->trust.after);
  plot_rule (canvas, LEFT, accuracy.from, LEFT + SIDE, accuracy.to, PLOT_INK, TRUE);
  if (calibrated)
    draw_before (canvas, e->trust.before);
  draw_counts (canvas, e->trust.after, e->n);
}

static PlotFigure *
plot_reliability (const CowEvaluation *evaluation)
{
  const CowTrust *trust = &evaluation->trust;
  g_autofree char *subtitle =
      evaluation->temperature == 1
          ? g_strdup_printf ("Calibration error %.4f, no temperature", trust->ece_after)
          : g_strdup_printf ("Calibration error %.4f at temperature %.3g, %.4f without",
                             trust->ece_after, evaluation->temperature, trust->ece_before);
  PlotFigure *self =
      plot_figure_new ("reliability", "How far probabilities can be trusted", subtitle);
  self->data = evaluation;
  self->draw = draw_reliability;
  self->width = LEFT + SIDE + PLOT_EDGE + 10;
  self->height = TOP + SIDE + 16 + COUNTS + 44 + PLOT_EDGE / 2.0;
  return self;
}

/* ---- all of an evaluation -------------------------------------------------------------------- */

static void
add (GPtrArray *figures, PlotFigure *figure)
{
  if (figure)
    g_ptr_array_add (figures, figure);
}

GPtrArray *
plots_of_evaluation (const CowEvaluation *evaluation)
{
  GPtrArray *figures = g_ptr_array_new_with_free_func ((GDestroyNotify)plot_figure_free);
  if (evaluation->multiple) {
    add (figures, plot_precision_recall (evaluation));
    return figures;
  }
  add (figures, plot_confusion (evaluation, FALSE));
  add (figures, plot_confusion (evaluation, TRUE));
  add (figures, plot_classes (evaluation));
  add (figures, plot_pairs (evaluation));
  add (figures, plot_sources (evaluation));
  add (figures, plot_reliability (evaluation));
  return figures;
}
