/* SPDX-License-Identifier: MIT */
/* Scales, axes, and what is drawn between them. */
#include <math.h>

#include "trainer/plot/plot.h"

#define MOST_TICKS 64
#define FEW_POINTS 40 /* up to here a line shows its points */

/* ---- scales ---------------------------------------------------------------------------------- */

double
plot_at (const PlotScale *scale, double value)
{
  const double low = scale->log ? log (scale->min) : scale->min,
               high = scale->log ? log (scale->max) : scale->max;
  const double v = scale->log ? log (MAX (value, scale->min)) : value;
  return scale->from + CLAMP ((v - low) / (high - low), 0, 1) * (scale->to - scale->from);
}

/* 1, 2 or 5 times a power of ten, so that about one number stands every `gap` pixels. */
static double
step_of (const PlotScale *scale, double gap)
{
  const double rough = (scale->max - scale->min) * gap / MAX (fabs (scale->to - scale->from), gap);
  const double power = pow (10, floor (log10 (rough))), part = rough / power;
  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

void
plot_scale_round (PlotScale *scale)
{
  if (scale->log) {
    scale->min = pow (10, floor (log10 (scale->min) + 1e-9));
    scale->max = pow (10, ceil (log10 (scale->max) - 1e-9));
    if (scale->max <= scale->min)
      scale->max = scale->min * 10;
    return;
  }
  if (scale->max <= scale->min)
    scale->max = scale->min + 1;
  const double step = step_of (scale, 45);
  scale->min = floor (scale->min / step + 1e-9) * step;
  scale->max = ceil (scale->max / step - 1e-9) * step;
}

static guint
linear_ticks (const PlotScale *scale, double step, double *ticks)
{
  guint n = 0;
  for (double k = ceil (scale->min / step - 1e-9);
       n < MOST_TICKS && k * step <= scale->max + step * 1e-9; k++)
    ticks[n++] = k * step;
  return n;
}

/* Powers of ten; between them 2 and 5 where the scale spans few. */
static guint
log_ticks (const PlotScale *scale, double *ticks)
{
  const double factors[] = { 1, 2, 5 };
  const gboolean dense = scale->max / scale->min < 1001;
  guint n = 0;
  for (int power = (int)floor (log10 (scale->min) + 1e-9);
       pow (10, power) <= scale->max * 1.0000001; power++)
    for (guint f = 0; f < (dense ? 3 : 1); f++) {
      const double tick = factors[f] * pow (10, power);
      if (n < MOST_TICKS && tick >= scale->min * .9999999 && tick <= scale->max * 1.0000001)
        ticks[n++] = tick;
    }
  return n;
}

/* Marks of an axis; about `gap` pixels lie between them at least. */
static guint
axis_ticks (const PlotScale *scale, double gap, double *ticks)
{
  if (scale->log)
    return log_ticks (scale, ticks);
  const double step = step_of (scale, gap);
  return linear_ticks (scale, scale->whole ? MAX (step, 1) : step, ticks);
}

static void
tick_text (const PlotScale *scale, double tick, char *text, gsize n_text)
{
  if (scale->log)
    g_snprintf (text, n_text, "%.0e", tick);
  else
    g_snprintf (text, n_text, "%.6g", fabs (tick) < (scale->max - scale->min) * 1e-9 ? 0 : tick);
}

/* ---- axes ------------------------------------------------------------------------------------ */

void
plot_rule (PlotCanvas *canvas, double x0, double y0, double x1, double y1, PlotColour colour,
           gboolean dashed)
{
  const double dash[] = { 5, 4 };
  cairo_t *cr = canvas->cr;
  cairo_save (cr);
  plot_set_colour (canvas, colour);
  cairo_set_line_width (cr, 1);
  cairo_set_dash (cr, dash, dashed ? 2 : 0, 0);
  cairo_move_to (cr, x0, y0);
  cairo_line_to (cr, x1, y1);
  cairo_stroke (cr);
  cairo_restore (cr);
}

void
plot_axis_x (PlotCanvas *canvas, const PlotScale *x, double at, double far, const char *label)
{
  const PlotText number = { .size = 11, .x_align = .5, .colour = PLOT_MUTED },
                 name = { .x_align = .5, .colour = PLOT_MUTED };
  double ticks[MOST_TICKS];
  const guint n = axis_ticks (x, 50, ticks);
  for (guint i = 0; i < n; i++) {
    char text[32];
    const double here = plot_at (x, ticks[i]);
    tick_text (x, ticks[i], text, sizeof text);
    plot_rule (canvas, here, at, here, far, PLOT_GRID, FALSE);
    plot_text (canvas, here, at + 6, &number, text);
  }
  plot_rule (canvas, x->from, at, x->to, at, PLOT_MUTED, FALSE);
  plot_text (canvas, (x->from + x->to) / 2, at + 24, &name, label);
}

void
plot_axis_y (PlotCanvas *canvas, const PlotScale *y, double at, double far, const char *label)
{
  const PlotText number = { .size = 11, .x_align = 1, .y_align = .5, .colour = PLOT_MUTED };
  const PlotText name = { .x_align = .5, .angle = -G_PI / 2, .colour = PLOT_MUTED };
  double ticks[MOST_TICKS];
  const guint n = axis_ticks (y, 35, ticks);
  for (guint i = 0; i < n; i++) {
    char text[32];
    const double here = plot_at (y, ticks[i]);
    tick_text (y, ticks[i], text, sizeof text);
    plot_rule (canvas, at, here, far, here, PLOT_GRID, FALSE);
    plot_text (canvas, at - 7, here, &number, text);
  }
  plot_rule (canvas, at, y->from, at, y->to, PLOT_MUTED, FALSE);
  plot_text (canvas, at - PLOT_AXIS_Y_WIDTH, (y->from + y->to) / 2, &name, label);
}

/* ---- between them ---------------------------------------------------------------------------- */

void
plot_line (PlotCanvas *canvas, const PlotScale *x, const PlotScale *y, const double *xs,
           const double *ys, guint n, PlotColour colour, gboolean dashed)
{
  const double dash[] = { 6, 4 };
  cairo_t *cr = canvas->cr;
  gboolean drawing = FALSE;
  cairo_save (cr);
  plot_set_colour (canvas, colour);
  cairo_set_line_width (cr, 2);
  cairo_set_line_join (cr, CAIRO_LINE_JOIN_ROUND);
  cairo_set_dash (cr, dash, dashed ? 2 : 0, 0);
  for (guint i = 0; i < n; i++) {
    if (isfinite (ys[i]) && drawing)
      cairo_line_to (cr, plot_at (x, xs[i]), plot_at (y, ys[i]));
    else if (isfinite (ys[i]))
      cairo_move_to (cr, plot_at (x, xs[i]), plot_at (y, ys[i]));
    drawing = isfinite (ys[i]);
  }
  cairo_stroke (cr);
  for (guint i = 0; i < n && n <= FEW_POINTS; i++)
    if (isfinite (ys[i])) {
      cairo_arc (cr, plot_at (x, xs[i]), plot_at (y, ys[i]), 3, 0, 2 * G_PI);
      cairo_fill (cr);
    }
  cairo_restore (cr);
}

void
plot_bar (PlotCanvas *canvas, double x, double y, double width, double height, PlotColour colour)
{
  plot_set_colour (canvas, colour);
  cairo_rectangle (canvas->cr, x, y, width, height);
  cairo_fill (canvas->cr);
}
