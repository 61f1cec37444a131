/* SPDX-License-Identifier: MIT */
/*
 * The reliability diagram: pictures by the probability of their likeliest class, and how many of
 * them are right. On the diagonal, 80 % sure means 80 % right. Below it, how many pictures each bar
 * stands for.
 */
#include "trainer/eval/plots.h"

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
draw (const PlotFigure *self, PlotCanvas *canvas)
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

PlotFigure *
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
  self->draw = draw;
  self->width = LEFT + SIDE + PLOT_EDGE + 10;
  self->height = TOP + SIDE + 16 + COUNTS + 44 + PLOT_EDGE / 2.0;
  return self;
}
