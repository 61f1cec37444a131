/* SPDX-License-Identifier: MIT */
/* Precision over recall, a panel for each class. */
#include "trainer/eval/plots.h"

#define SIDE    150
#define LEFT    (PLOT_AXIS_Y_WIDTH + 14)
#define ABOVE   26 /* of a panel, for its name */
#define BELOW   40
#define COLUMNS 3
#define MOST    24 /* panels */

static void
draw_curve (PlotCanvas *canvas, const CowEvaluation *e, guint c, double left, double top)
{
  const PlotScale x = { .min = 0, .max = 1, .from = left, .to = left + SIDE },
                  y = { .min = 0, .max = 1, .from = top + SIDE, .to = top };
  g_autoptr (GArray) curve = cow_precision_recall (e->shown, e->logits, e->n, e->n_classes, c);
  g_autofree double *xs = g_new (double, curve->len + 1), *ys = g_new (double, curve->len + 1);
  const PlotText name = { .size = 11, .y_align = 1, .most_width = SIDE + LEFT / 2.0 };
  g_autofree char *text =
      curve->len > 0
          ? g_strdup_printf ("%.4f  %s", e->labels->classes[c].average_precision, e->classes[c])
          : g_strdup_printf ("nothing to measure  %s", e->classes[c]);

  plot_text (canvas, left, top - 6, &name, text);
  plot_axis_x (canvas, &x, top + SIDE, top, "recall");
  plot_axis_y (canvas, &y, left, left + SIDE, "precision");
  for (guint i = 0; i < curve->len; i++) {
    const CowPrecisionRecall *point = &g_array_index (curve, CowPrecisionRecall, i);
    xs[i] = point->recall;
    ys[i] = point->precision;
  }
  if (curve->len > 0)
    plot_line (canvas, &x, &y, xs, ys, curve->len, PLOT_BLUE, FALSE);
}

static void
draw (const PlotFigure *self, PlotCanvas *canvas)
{
  const CowEvaluation *e = self->data;

  for (guint c = 0; c < MIN (e->n_classes, MOST); c++)
    draw_curve (canvas, e, c, PLOT_EDGE + LEFT + c % COLUMNS * (double)(SIDE + LEFT),
                PLOT_TOP + ABOVE + c / COLUMNS * (double)(SIDE + ABOVE + BELOW));
}

PlotFigure *
plot_precision_recall (const CowEvaluation *evaluation)
{
  const guint shown = MIN (evaluation->n_classes, MOST), rows = (shown + COLUMNS - 1) / COLUMNS;
  g_autofree char *subtitle =
      shown < evaluation->n_classes
          ? g_strdup_printf (
                "Average precision %.4f in the mean of all classes; the first %u of %u",
                evaluation->labels->mean_average_precision, shown, evaluation->n_classes)
          : g_strdup_printf ("Average precision %.4f in the mean of all classes",
                             evaluation->labels->mean_average_precision);
  PlotFigure *self = plot_figure_new ("precision-recall", "Precision over recall", subtitle);

  self->data = evaluation;
  self->draw = draw;
  self->width = 2 * PLOT_EDGE + MIN (shown, COLUMNS) * (double)(SIDE + LEFT);
  self->height = PLOT_TOP + rows * (double)(SIDE + ABOVE + BELOW) + PLOT_EDGE / 2.0;
  return self;
}
