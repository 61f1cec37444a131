/* SPDX-License-Identifier: MIT */
#include "trainer/video/budget-figure.h"

#include "trainer/host/words.h"

#define MOST_ROWS  40
#define CELL       58
#define ROW        26
#define MOST_NAME  260
#define TIME_WIDTH 76

typedef struct {
  char *source, *name;
  gint64 *label_ns; /* [labels] */
  gint64 all;
} Row;

struct _CowBudgetFigure {
  GPtrArray *labels; /* of char * */
  GPtrArray *rows;   /* of Row */
  guint n_left_out, n_sources;
};

/* Where things are; in PlotFigure's layout. */
typedef struct {
  double names, head; /* width and height in pixels */
} Layout;

static void
free_row (gpointer data)
{
  Row *row = data;

  g_free (row->source);
  g_free (row->name);
  g_free (row->label_ns);
  g_free (row);
}

CowBudgetFigure *
cow_budget_figure_new (void)
{
  CowBudgetFigure *self = g_new0 (CowBudgetFigure, 1);

  self->labels = g_ptr_array_new_with_free_func (g_free);
  self->rows = g_ptr_array_new_with_free_func (free_row);
  return self;
}

void
cow_budget_figure_free (CowBudgetFigure *self)
{
  g_ptr_array_unref (self->labels);
  g_ptr_array_unref (self->rows);
  g_free (self);
}

static Row *
row_of (const char *source, const CowObservation *seen, guint subject)
{
  Row *row = g_new0 (Row, 1);

  row->source = g_strdup (source);
  row->name = g_strdup (((const CowSubject *)seen->subjects->pdata[subject])->name);
  row->label_ns = g_new (gint64, seen->labels->len);
  for (guint i = 0; i < seen->labels->len; i++)
    row->all += row->label_ns[i] = cow_observation_total (seen, subject, i);
  return row;
}

void
cow_budget_figure_add (CowBudgetFigure *self, const char *source, const CowObservation *seen)
{
  self->n_sources++;
  if (self->labels->len == 0)
    for (guint i = 0; i < seen->labels->len; i++)
      g_ptr_array_add (self->labels, g_strdup (seen->labels->pdata[i]));
  for (guint i = 0; i < seen->subjects->len; i++)
    if (self->rows->len < MOST_ROWS)
      g_ptr_array_add (self->rows, row_of (source, seen, i));
    else
      self->n_left_out++;
}

/* ---- drawing --------------------------------------------------------------------------------- */

static char *
row_text (const CowBudgetFigure *self, const Row *row)
{
  return self->n_sources > 1 ? g_strdup_printf ("%s, %s", row->source, row->name)
                             : g_strdup (row->name);
}

static void
draw_cell (PlotCanvas *canvas, double x, double y, double share)
{
  g_autofree char *text = g_strdup_printf (share < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * share);
  const PlotText style = { .size = 11,
                           .x_align = .5,
                           .y_align = .5,
                           .colour = share > 0 ? plot_text_on_shade (canvas, PLOT_BLUE, share)
                                               : PLOT_MUTED };

  plot_set_shade (canvas, PLOT_BLUE, share);
  cairo_rectangle (canvas->cr, x + 1, y + 1, CELL - 2, ROW - 2);
  cairo_fill (canvas->cr);
  plot_text (canvas, x + CELL / 2.0, y + ROW / 2.0, &style, share > 0 ? text : "-");
}

static void
draw_row (const CowBudgetFigure *self, PlotCanvas *canvas, const Layout *layout, const Row *row,
          double y)
{
  const double left = PLOT_EDGE + layout->names + 8;
  const PlotText name = { .x_align = 1, .y_align = .5, .most_width = MOST_NAME },
                 time = { .size = 11, .x_align = 1, .y_align = .5, .colour = PLOT_MUTED };
  g_autofree char *text = row_text (self, row), *clock = words_clock ((double)row->all / 1e9);

  plot_text (canvas, left - 8, y + ROW / 2.0, &name, text);
  for (guint i = 0; i < self->labels->len; i++)
    draw_cell (canvas, left + i * CELL, y,
               row->all > 0 ? (double)row->label_ns[i] / (double)row->all : 0);
  plot_text (canvas, left + self->labels->len * CELL + TIME_WIDTH, y + ROW / 2.0, &time, clock);
}

static void
draw (const PlotFigure *figure, PlotCanvas *canvas)
{
  const CowBudgetFigure *self = figure->data;
  const Layout *layout = figure->layout;
  const double left = PLOT_EDGE + layout->names + 8, top = PLOT_TOP + layout->head;
  const PlotText head = { .size = 11, .angle = -G_PI / 4, .y_align = 1 },
                 time = { .size = 11, .x_align = 1, .y_align = 1, .colour = PLOT_MUTED };

  for (guint i = 0; i < self->labels->len; i++)
    plot_text (canvas, left + (i + .5) * CELL, top - 4, &head, self->labels->pdata[i]);
  plot_text (canvas, left + self->labels->len * CELL + TIME_WIDTH, top - 4, &time, "observed");
  for (guint i = 0; i < self->rows->len; i++)
    draw_row (self, canvas, layout, self->rows->pdata[i], top + i * ROW);
}

static double
names_width (const CowBudgetFigure *self)
{
  const PlotText style = { 0 };
  double width = 0;

  for (guint i = 0; i < self->rows->len; i++) {
    g_autofree char *text = row_text (self, self->rows->pdata[i]);
    width = MAX (width, plot_text_width (&style, text));
  }
  return MIN (width, MOST_NAME);
}

gboolean
cow_budget_figure_write (const CowBudgetFigure *self, const char *folder, GError **error)
{
  const PlotText head = { .size = 11 };
  g_autofree char *left_out =
      self->n_left_out > 0
          ? g_strdup_printf ("share of the observed time; %u more in budget.csv", self->n_left_out)
          : g_strdup ("share of the observed time");

  if (self->rows->len == 0)
    return TRUE;
  g_autoptr (PlotFigure) figure = plot_figure_new ("budget", "Time budget", left_out);
  Layout *layout = g_new (Layout, 1);
  const double widest =
      plot_texts_width (&head, (const char *const *)self->labels->pdata, self->labels->len);

  /* Heads are turned by 45 degrees, and the last one needs room at the right. */
  *layout = (Layout){ names_width (self), widest * .7072 + 20 };
  figure->layout = layout;
  figure->data = self;
  figure->draw = draw;
  figure->width = PLOT_EDGE + layout->names + 8 + self->labels->len * CELL +
                  MAX (TIME_WIDTH, widest * .7072) + PLOT_EDGE;
  figure->height = PLOT_TOP + layout->head + self->rows->len * ROW + PLOT_EDGE;
  return plot_figure_write (figure, folder, error);
}
