/* SPDX-License-Identifier: MIT */
/* The figures of cows that were found in frames. */
#include "trainer/eval/plots-boxes.h"

#include <math.h>

#include "trainer/eval/plots-matrix.h"

#define SIDE   380 /* of a diagram */
#define LEFT   (PLOT_EDGE + PLOT_AXIS_Y_WIDTH)
#define TOP    (PLOT_TOP + 26)
#define BOTTOM (TOP + SIDE)

static const PlotScale across = { .min = 0, .max = 1, .from = LEFT, .to = LEFT + SIDE };
static const PlotScale up = { .min = 0, .max = 1, .from = BOTTOM, .to = TOP };

static void
set_size (PlotFigure *self)
{
  self->width = LEFT + SIDE + PLOT_EDGE + 10;
  self->height = BOTTOM + 44 + PLOT_EDGE / 2.0;
}

/* ---- precision over recall ------------------------------------------------------------------- */

static void
draw_precision (const PlotFigure *self, PlotCanvas *canvas)
{
  const CowBoxEvaluation *e = self->data;
  double recalls[COW_BOX_RECALLS];
  const double recall = plot_at (&across, e->threshold.recall),
               precision = plot_at (&up, e->threshold.precision);

  for (guint k = 0; k < COW_BOX_RECALLS; k++)
    recalls[k] = k * .01;
  plot_axis_x (canvas, &across, BOTTOM, TOP, "recall: share of cows that are found");
  plot_axis_y (canvas, &up, LEFT, LEFT + SIDE, "precision: share of boxes that are cows");
  plot_line (canvas, &across, &up, recalls, e->scores.curve, COW_BOX_RECALLS, PLOT_BLUE, FALSE);
  plot_rule (canvas, recall, BOTTOM, recall, precision, PLOT_VERMILION, TRUE);
  plot_rule (canvas, LEFT, precision, recall, precision, PLOT_VERMILION, TRUE);
}

static PlotFigure *
plot_precision (const CowBoxEvaluation *evaluation)
{
  const double mean = evaluation->scores.precision50;
  g_autofree char *subtitle =
      isnan (mean)
          ? g_strdup ("There are no cows: nothing to measure")
          : g_strdup_printf ("At an overlap of .50: mAP50 %.4f. Dashed: where F1 is best", mean);
  PlotFigure *self = plot_figure_new ("precision-recall", "Precision over recall", subtitle);

  self->data = evaluation;
  self->draw = draw_precision;
  set_size (self);
  return self;
}

/* ---- what each score gives ------------------------------------------------------------------- */

static void
draw_scores (const PlotFigure *self, PlotCanvas *canvas)
{
  static const char *const names[] = { "precision", "recall", "F1" };
  static const PlotColour colours[] = { PLOT_BLUE, PLOT_ORANGE, PLOT_GREEN };
  const CowBoxEvaluation *e = self->data;
  const double best = plot_at (&across, e->threshold.score);
  double scores[COW_BOX_CURVE_POINTS], values[3][COW_BOX_CURVE_POINTS];

  for (guint k = 0; k < COW_BOX_CURVE_POINTS; k++) {
    const CowBoxThreshold *at = &e->curve[k];
    scores[k] = at->score;
    /* Where nothing is told there is no precision. */
    values[0][k] = at->hits + at->ghosts > 0 ? at->precision : (double)NAN;
    values[1][k] = at->recall;
    values[2][k] = at->f1;
  }
  plot_legend (canvas, LEFT, PLOT_TOP + 6, names, colours, G_N_ELEMENTS (names));
  plot_axis_x (canvas, &across, BOTTOM, TOP, "score from which on a box is told");
  plot_axis_y (canvas, &up, LEFT, LEFT + SIDE, "");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    plot_line (canvas, &across, &up, scores, values[i], COW_BOX_CURVE_POINTS, colours[i], FALSE);
  plot_rule (canvas, best, BOTTOM, best, TOP, PLOT_VERMILION, TRUE);
}

static PlotFigure *
plot_scores (const CowBoxEvaluation *evaluation)
{
  const CowBoxThreshold *at = &evaluation->threshold;
  g_autofree char *subtitle =
      g_strdup_printf ("F1 is best from %.3f on (dashed): %.4f", at->score, at->f1);
  PlotFigure *self = plot_figure_new ("scores", "Precision, recall and F1 by score", subtitle);

  self->data = evaluation;
  self->draw = draw_scores;
  set_size (self);
  return self;
}

/* ---- the confusion matrix -------------------------------------------------------------------- */

#define CELL_WIDTH  104
#define CELL_HEIGHT 42
#define MOST_NAME   190 /* px, of a class */

static const PlotText row_name = { .x_align = 1, .y_align = .5, .most_width = MOST_NAME };

/* Rows: classes, or cows where there are none, and ghosts; a name, what is told, what is missed. */
static guint
n_rows (const CowBoxEvaluation *e)
{
  return MAX (e->classes->len, 1) + 1;
}

static CowBoxShare
row_of (const CowBoxEvaluation *e, guint i)
{
  if (i + 1 == n_rows (e))
    return (CowBoxShare){ "ghost", e->threshold.ghosts, e->threshold.ghosts };
  if (e->classes->len > 0)
    return g_array_index (e->classes, CowBoxShare, i);
  return (CowBoxShare){ "cow", e->n_cows, e->threshold.hits };
}

static void
draw_cell (PlotCanvas *canvas, double x, double y, PlotColour hue, guint64 count, double share)
{
  const PlotText style = { .x_align = .5,
                           .y_align = .5,
                           .colour =
                               count > 0 ? plot_text_on_shade (canvas, hue, share) : PLOT_GRID };
  g_autofree char *text = plot_count_text (count);

  plot_set_shade (canvas, hue, share);
  cairo_rectangle (canvas->cr, x, y, CELL_WIDTH, CELL_HEIGHT);
  cairo_fill (canvas->cr);
  plot_text (canvas, x + CELL_WIDTH / 2.0, y + CELL_HEIGHT / 2.0, &style, text);
}

static void
draw_row (PlotCanvas *canvas, const CowBoxEvaluation *e, guint i, double left)
{
  const CowBoxShare row = row_of (e, i);
  const gboolean ghosts = i + 1 == n_rows (e);
  const double y = PLOT_TOP + i * (double)CELL_HEIGHT,
               told = (double)(e->threshold.hits + e->threshold.ghosts),
               whole = ghosts ? MAX (told, 1) : MAX ((double)row.n, 1);

  plot_text (canvas, left - 8, y + CELL_HEIGHT / 2.0, &row_name, row.name);
  draw_cell (canvas, left, y, ghosts ? PLOT_VERMILION : PLOT_BLUE, row.found,
             (double)row.found / whole);
  if (!ghosts)
    draw_cell (canvas, left + CELL_WIDTH, y, PLOT_VERMILION, row.n - row.found,
               (double)(row.n - row.found) / whole);
}

static void
draw_confusion (const PlotFigure *self, PlotCanvas *canvas)
{
  static const char *const columns[] = { "cow", "missed" };
  const CowBoxEvaluation *e = self->data;
  const double left = *(const double *)self->layout,
               bottom = PLOT_TOP + n_rows (e) * (double)CELL_HEIGHT;
  const PlotText column = { .x_align = .5 }, axis = { .x_align = .5, .colour = PLOT_MUTED };
  const PlotText along = { .x_align = .5, .angle = -G_PI / 2, .colour = PLOT_MUTED };

  for (guint i = 0; i < n_rows (e); i++)
    draw_row (canvas, e, i, left);
  for (guint i = 0; i <= n_rows (e); i++)
    plot_rule (canvas, left, PLOT_TOP + i * (double)CELL_HEIGHT, left + 2 * CELL_WIDTH,
               PLOT_TOP + i * (double)CELL_HEIGHT, PLOT_GRID, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    plot_text (canvas, left + (i + .5) * CELL_WIDTH, bottom + 6, &column, columns[i]);
  plot_text (canvas, left + CELL_WIDTH, bottom + 26, &axis, "said");
  plot_text (canvas, PLOT_EDGE - 6, (PLOT_TOP + bottom) / 2, &along, "true");
}

static PlotFigure *
plot_confusion (const CowBoxEvaluation *evaluation)
{
  g_autofree char *subtitle = g_strdup_printf ("Boxes from a score of %.3f on. A ghost is no cow.",
                                               evaluation->threshold.score);
  PlotFigure *self = plot_figure_new ("confusion", "What is found, missed and made up", subtitle);
  double *left = self->layout = g_new (double, 1), names = 0;

  for (guint i = 0; i < n_rows (evaluation); i++)
    names = MAX (names, plot_text_width (&row_name, row_of (evaluation, i).name));
  *left = PLOT_EDGE + 22 + MIN (names, MOST_NAME) + 8;
  self->data = evaluation;
  self->draw = draw_confusion;
  self->width = MAX (*left + 2 * CELL_WIDTH + PLOT_EDGE, 430);
  self->height = PLOT_TOP + n_rows (evaluation) * (double)CELL_HEIGHT + 48 + PLOT_EDGE / 2.0;
  return self;
}

/* ---- what they do ---------------------------------------------------------------------------- */

static PlotFigure *
plot_behaviours (const CowBoxBehaviours *behaviours)
{
  const PlotMatrix matrix = { .confusion = behaviours->whole,
                              .rows = (const char *const *)behaviours->rows,
                              .columns = (const char *const *)behaviours->columns };

  return plot_matrix ("behaviours", "What cows do, and what is said",
                      "Blue: right. Orange: taken for another, missed, or no cow.", &matrix);
}

GPtrArray *
plots_of_boxes (const CowBoxEvaluation *evaluation)
{
  GPtrArray *figures = g_ptr_array_new_with_free_func ((GDestroyNotify)plot_figure_free);

  g_ptr_array_add (figures, plot_precision (evaluation));
  g_ptr_array_add (figures, plot_scores (evaluation));
  g_ptr_array_add (figures, plot_confusion (evaluation));
  if (cow_box_evaluation_has_behaviours (evaluation))
    g_ptr_array_add (figures, plot_behaviours (evaluation->behaviours));
  return figures;
}
