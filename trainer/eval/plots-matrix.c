/* SPDX-License-Identifier: MIT */
#include "trainer/eval/plots-matrix.h"

#include <math.h>

#define MOST_MATRIX_NAME_WIDTH 190
/* The angle of the names below the columns, where they do not fit a cell. */
#define TILT (G_PI / 4)

typedef struct {
  PlotMatrix shown;
  gboolean tilted;
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
draw_cell (PlotCanvas *canvas, const MatrixLayout *layout, guint truth, guint predicted,
           double most)
{
  const CowConfusion *confusion = layout->shown.confusion;
  const gboolean normalised = layout->shown.normalised;
  const guint64 count = cow_confusion_get (confusion, truth, predicted),
                row = cow_confusion_row (confusion, truth);
  const double whole = normalised ? (double)row : most;
  const double share = whole > 0 ? (double)count / whole : 0;
  const PlotColour hue = truth == predicted ? PLOT_BLUE : PLOT_VERMILION;
  const double x = layout->left + predicted * layout->cell, y = PLOT_TOP + truth * layout->cell;
  g_autofree char *text = cell_text (confusion, normalised, truth, predicted);

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
draw_names (PlotCanvas *canvas, const MatrixLayout *layout)
{
  const PlotMatrix *shown = &layout->shown;
  const guint n = shown->confusion->n_classes;
  const double end = PLOT_TOP + n * layout->cell;
  const PlotText flat = { .x_align = .5, .most_width = layout->cell - 6 };
  const PlotText tilted = {
    .x_align = 1, .y_align = .5, .angle = -TILT, .most_width = MOST_MATRIX_NAME_WIDTH
  };
  for (guint c = 0; c < n; c++) {
    const double middle = (c + .5) * layout->cell;
    plot_text (canvas, layout->left - 8, PLOT_TOP + middle, &row_name, shown->rows[c]);
    if (layout->tilted)
      plot_text (canvas, layout->left + middle + 4, end + 10, &tilted, shown->columns[c]);
    else
      plot_text (canvas, layout->left + middle, end + 6, &flat, shown->columns[c]);
  }
  const PlotText across = { .x_align = .5, .y_align = 1, .colour = PLOT_MUTED };
  const PlotText along = { .x_align = .5, .angle = -G_PI / 2, .colour = PLOT_MUTED };
  plot_text (canvas, layout->left + n * layout->cell / 2, end + layout->bottom - PLOT_EDGE + 6,
             &across, "predicted");
  plot_text (canvas, PLOT_EDGE - 6, PLOT_TOP + n * layout->cell / 2, &along, "true");
}

static void
draw_matrix (const PlotFigure *self, PlotCanvas *canvas)
{
  const MatrixLayout *layout = self->layout;
  const CowConfusion *confusion = layout->shown.confusion;
  const double most = (double)largest_count (confusion);
  for (guint t = 0; t < confusion->n_classes; t++)
    for (guint p = 0; p < confusion->n_classes; p++)
      draw_cell (canvas, layout, t, p, most);
  draw_grid (canvas, layout, confusion->n_classes);
  draw_names (canvas, layout);
}

static double
widest_number (const PlotMatrix *shown, double size)
{
  const PlotText style = { .size = size };
  g_autofree char *largest =
      g_strdup_printf ("%" G_GUINT64_FORMAT, largest_count (shown->confusion));
  return plot_text_width (&style, shown->normalised ? "0.00" : largest);
}

/* The width of the widest name of a row, and whether those of columns need to be tilted. */
static void
measure_names (MatrixLayout *layout)
{
  const PlotMatrix *shown = &layout->shown;
  const guint n = shown->confusion->n_classes;
  const double columns = plot_texts_width (&row_name, shown->columns, n);

  layout->names = MIN (plot_texts_width (&row_name, shown->rows, n), MOST_MATRIX_NAME_WIDTH);
  layout->tilted = columns > layout->cell - 6;
  layout->left = PLOT_EDGE + 22 + layout->names + 8;
  layout->bottom = (layout->tilted ? MIN (columns, MOST_MATRIX_NAME_WIDTH) * sin (TILT) + 22 : 24) +
                   18 + PLOT_EDGE - 6;
}

PlotFigure *
plot_matrix (const char *name, const char *title, const char *subtitle, const PlotMatrix *matrix)
{
  const guint n = matrix->confusion->n_classes;
  MatrixLayout *layout = g_new0 (MatrixLayout, 1);
  PlotFigure *self = plot_figure_new (name, title, subtitle);

  layout->shown = *matrix;
  layout->size = n <= 12 ? 12 : n <= 20 ? 10.5 : 9;
  layout->cell = n <= 4 ? 92 : n <= 12 ? 50 : n <= 20 ? 38 : 28;
  layout->cell = MAX (layout->cell, widest_number (matrix, layout->size) + 6);
  measure_names (layout);
  self->layout = layout;
  self->draw = draw_matrix;
  self->width = MAX (layout->left + n * layout->cell + PLOT_EDGE, 380);
  self->height = PLOT_TOP + n * layout->cell + layout->bottom;
  return self;
}
