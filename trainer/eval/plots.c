/* SPDX-License-Identifier: MIT */
/* The figures of an evaluation. */
#include "trainer/eval/plots.h"

#include <math.h>

/* ---- confusion matrices ---------------------------------------------------------------------- */

/*
 * Confusion matrices: a row a true class, a column a predicted one, so that a row tells what became
 * of its pictures. Cells shrink as classes become many; names beyond a width are shortened.
 */

#define MOST_MATRIX_NAME_WIDTH 190
/* The angle of the names below the columns, where they do not fit a cell. */
#define TILT (G_PI / 4)

typedef struct {
  gboolean normalised, tilted;
  double cell;        /* side */
  double size;        /* of numbers */
  double left, names; /* where cells begin; the width of the row names */
  double bottom;      /* height below the cells */
} MatrixLayout;

static const PlotText row_name = { .x_align = 1,
                                   .y_align = .5,
                                   .most_width = MOST_MATRIX_NAME_WIDTH };

/* The text of a cell; free with g_free. */
static char *
cell_text (const CowConfusion *confusion, gboolean normalised, guint truth, guint predicted)
{
  const guint64 count = cow_confusion_get (confusion, truth, predicted),
                row = cow_confusion_row (confusion, truth);
  if (!normalised)
    return g_strdup_printf ("%" G_GUINT64_FORMAT, count);
  if (row == 0)
    return g_strdup ("–");
  const double share = (double)count / (double)row;
  /* 1.00 and 0.00 are kept for what is exactly that. */
  return count == row ? g_strdup ("1")
         : count == 0 ? g_strdup ("0")
                      : g_strdup_printf ("%.2f", CLAMP (share, .01, .99));
}

static guint64
largest_count (const CowConfusion *confusion)
{
  guint64 most = 1;
  for (gsize i = 0; i < (gsize)confusion->n_classes * confusion->n_classes; i++)
    most = MAX (most, confusion->counts[i]);
  return most;
}

static void
draw_cell (PlotCanvas *canvas, const CowEvaluation *e, const MatrixLayout *layout, guint truth,
           guint predicted, double most)
{
  const guint64 count = cow_confusion_get (e->confusion, truth, predicted),
                row = cow_confusion_row (e->confusion, truth);
  const double whole = layout->normalised ? (double)row : most;
  const double share = whole > 0 ? (double)count / whole : 0;
  const PlotColour hue = truth == predicted ? PLOT_BLUE : PLOT_VERMILION;
  const double x = layout->left + predicted * layout->cell, y = PLOT_TOP + truth * layout->cell;
  g_autofree char *text = cell_text (e->confusion, layout->normalised, truth, predicted);

  plot_set_shade (canvas, hue, share);
  cairo_rectangle (canvas->cr, x, y, layout->cell, layout->cell);
  cairo_fill (canvas->cr);
  const PlotText style = { .size = layout->size,
                           .x_align = .5,
                           .y_align = .5,
                           .most_width = layout->cell - 2,
                           .colour =
                               count > 0 ? plot_text_on_shade (canvas, hue, share) : PLOT_GRID };
  plot_text (canvas, x + layout->cell / 2, y + layout->cell / 2, &style, text);
}

static void
draw_grid (PlotCanvas *canvas, const MatrixLayout *layout, guint n)
{
  const double side = n * layout->cell, left = layout->left;
  for (guint i = 0; i <= n; i++) {
    const PlotColour colour = i == 0 || i == n ? PLOT_MUTED : PLOT_GRID;
    plot_rule (canvas, left, PLOT_TOP + i * layout->cell, left + side, PLOT_TOP + i * layout->cell,
               colour, FALSE);
    plot_rule (canvas, left + i * layout->cell, PLOT_TOP, left + i * layout->cell, PLOT_TOP + side,
               colour, FALSE);
  }
}

static void
draw_names (PlotCanvas *canvas, const CowEvaluation *e, const MatrixLayout *layout)
{
  const double end = PLOT_TOP + e->n_classes * layout->cell;
  const PlotText flat = { .x_align = .5, .most_width = layout->cell - 6 };
  const PlotText tilted = {
    .x_align = 1, .y_align = .5, .angle = -TILT, .most_width = MOST_MATRIX_NAME_WIDTH
  };
  for (guint c = 0; c < e->n_classes; c++) {
    const double middle = (c + .5) * layout->cell;
    plot_text (canvas, layout->left - 8, PLOT_TOP + middle, &row_name, e->classes[c]);
    if (layout->tilted)
      plot_text (canvas, layout->left + middle + 4, end + 10, &tilted, e->classes[c]);
    else
      plot_text (canvas, layout->left + middle, end + 6, &flat, e->classes[c]);
  }
  const PlotText across = { .x_align = .5, .y_align = 1, .colour = PLOT_MUTED };
  const PlotText along = { .x_align = .5, .angle = -G_PI / 2, .colour = PLOT_MUTED };
  plot_text (canvas, layout->left + e->n_classes * layout->cell / 2,
             end + layout->bottom - PLOT_EDGE + 6, &across, "predicted");
  plot_text (canvas, PLOT_EDGE - 6, PLOT_TOP + e->n_classes * layout->cell / 2, &along, "true");
}

static void
draw_matrix (const PlotFigure *self, PlotCanvas *canvas)
{
  const CowEvaluation *e = self->data;
  const MatrixLayout *layout = self->layout;
  const double most = (double)largest_count (e->confusion);
  for (guint t = 0; t < e->n_classes; t++)
    for (guint p = 0; p < e->n_classes; p++)
      draw_cell (canvas, e, layout, t, p, most);
  draw_grid (canvas, layout, e->n_classes);
  draw_names (canvas, e, layout);
}

static double
widest_number (const CowEvaluation *e, gboolean normalised, double size)
{
  const PlotText style = { .size = size };
  g_autofree char *largest = g_strdup_printf ("%" G_GUINT64_FORMAT, largest_count (e->confusion));
  return plot_text_width (&style, normalised ? "0.00" : largest);
}

static PlotFigure *
plot_confusion (const CowEvaluation *evaluation, gboolean normalised)
{
  const guint n = evaluation->n_classes;
  MatrixLayout *layout = g_new0 (MatrixLayout, 1);
  PlotFigure *self =
      plot_figure_new (normalised ? "confusion-normalised" : "confusion",
                       normalised ? "Confusion, shares of each true class" : "Confusion, pictures",
                       "Blue: right. Orange: taken for another class.");
  layout->normalised = normalised;
  layout->size = n <= 12 ? 12 : n <= 20 ? 10.5 : 9;
  layout->cell = n <= 4 ? 92 : n <= 12 ? 50 : n <= 20 ? 38 : 28;
  layout->cell = MAX (layout->cell, widest_number (evaluation, normalised, layout->size) + 6);
  layout->names = plot_texts_width (&row_name, (const char *const *)evaluation->classes, n);
  layout->tilted = layout->names > layout->cell - 6;
  layout->left = PLOT_EDGE + 22 + MIN (layout->names, MOST_MATRIX_NAME_WIDTH) + 8;
  layout->bottom =
      (layout->tilted ? MIN (layout->names, MOST_MATRIX_NAME_WIDTH) * sin (TILT) + 22 : 24) + 18 +
      PLOT_EDGE - 6;
  self->layout = layout;
  self->data = evaluation;
  self->draw = draw_matrix;
  self->width = MAX (layout->left + n * layout->cell + PLOT_EDGE, 380);
  self->height = PLOT_TOP + n * layout->cell + layout->bottom;
  return self;
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
