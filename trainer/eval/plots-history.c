/* SPDX-License-Identifier: MIT */
/* How a training went, epoch by epoch. */
#include <math.h>
#include <string.h>

#include "trainer/eval/plots.h"

#define WIDTH  520
#define HEIGHT 340
#define LEFT   (PLOT_EDGE + PLOT_AXIS_Y_WIDTH)
#define TOP    (PLOT_TOP + 26)
#define BOTTOM (HEIGHT - 44 - PLOT_EDGE / 2)

/* Beyond that a value is a mistake in the file, not something to choose an axis by. */
#define MOST_VALUE 1e12

typedef struct {
  const char *name, *title, *label, *line_names[2];
  gsize columns[2]; /* offsets in CowEpoch */
  guint n_lines;
  gboolean log, from_zero;
  double most; /* 0: what the values need */
  guint of;    /* a bit for each CowHistoryOf that it is for */
} Panel;

#define CLASSES (1u << COW_HISTORY_CLASSES)
#define LABELS  (1u << COW_HISTORY_LABELS)
#define BOXES   (1u << COW_HISTORY_BOXES)

static const Panel panels[] = {
  { "loss",
    "Loss",
    "loss",
    { "training", "validation" },
    { offsetof (CowEpoch, train_loss), offsetof (CowEpoch, val_loss) },
    2,
    FALSE,
    TRUE,
    0,
    CLASSES | LABELS | BOXES },
  { "accuracy",
    "Accuracy",
    "accuracy",
    { "training", "validation" },
    { offsetof (CowEpoch, train_acc), offsetof (CowEpoch, val_acc) },
    2,
    FALSE,
    TRUE,
    1,
    CLASSES },
  { "average-precision",
    "Mean average precision",
    "share",
    { "exact, training", "precision, validation" },
    { offsetof (CowEpoch, train_acc), offsetof (CowEpoch, val_acc) },
    2,
    FALSE,
    TRUE,
    1,
    LABELS },
  { "average-precision",
    "Average precision of boxes",
    "precision",
    { "overlap .50", "mean of .50 to .95" },
    { offsetof (CowEpoch, train_acc), offsetof (CowEpoch, val_acc) },
    2,
    FALSE,
    TRUE,
    1,
    BOXES },
  { "learning-rate",
    "Learning rate",
    "learning rate",
    { NULL, NULL },
    { offsetof (CowEpoch, learning_rate), 0 },
    1,
    TRUE,
    FALSE,
    0,
    CLASSES | LABELS | BOXES },
};
static const PlotColour line_colours[] = { PLOT_BLUE, PLOT_ORANGE };

/* NAN where there is nothing to draw. */
static double
value_of (const GArray *history, guint i, const Panel *panel, guint line)
{
  const double value =
      G_STRUCT_MEMBER (double, &g_array_index (history, CowEpoch, i), panel->columns[line]);
  return isfinite (value) && fabs (value) < MOST_VALUE && (!panel->log || value > 1 / MOST_VALUE)
             ? value
             : NAN;
}

static PlotScale
scale_of (const GArray *history, const Panel *panel)
{
  PlotScale y = { .min = INFINITY, .max = -INFINITY, .log = panel->log, .from = BOTTOM, .to = TOP };
  for (guint line = 0; line < panel->n_lines; line++)
    for (guint i = 0; i < history->len; i++) {
      const double value = value_of (history, i, panel, line);
      y.min = isnan (value) ? y.min : MIN (y.min, value);
      y.max = isnan (value) ? y.max : MAX (y.max, value);
    }
  if (y.min > y.max)
    y.min = y.max = panel->log ? 1e-3 : 0;
  if (panel->from_zero)
    y.min = MIN (y.min, 0);
  if (panel->most > 0)
    y.max = MAX (y.max, panel->most);
  plot_scale_round (&y);
  return y;
}

/* The epoch with the best validation accuracy (or average precision), the first of equals, which is
 * the one that is kept. */
static double
best_epoch (const GArray *history)
{
  guint best = 0;
  for (guint i = 1; i < history->len; i++)
    if (g_array_index (history, CowEpoch, i).val_acc >
        g_array_index (history, CowEpoch, best).val_acc)
      best = i;
  return g_array_index (history, CowEpoch, best).epoch;
}

static void
draw (const PlotFigure *self, PlotCanvas *canvas)
{
  const Panel *panel = *(const Panel *const *)self->layout;
  const GArray *history = self->data;
  const double first = g_array_index (history, CowEpoch, 0).epoch,
               last = g_array_index (history, CowEpoch, history->len - 1).epoch;
  /* A single epoch stands in the middle. */
  const double beside = last > first ? 0 : 1;
  const PlotScale x = { .min = first - beside,
                        .max = last + beside,
                        .whole = TRUE,
                        .from = LEFT,
                        .to = WIDTH - PLOT_EDGE };
  const PlotScale y = scale_of (history, panel);
  const double best = plot_at (&x, best_epoch (history));
  g_autofree double *xs = g_new (double, history->len), *ys = g_new (double, history->len);

  plot_axis_x (canvas, &x, BOTTOM, TOP, "epoch");
  plot_axis_y (canvas, &y, LEFT, WIDTH - PLOT_EDGE, panel->label);
  plot_rule (canvas, best, BOTTOM, best, TOP, PLOT_GREEN, TRUE);
  for (guint line = 0; line < panel->n_lines; line++) {
    for (guint i = 0; i < history->len; i++) {
      xs[i] = g_array_index (history, CowEpoch, i).epoch;
      ys[i] = value_of (history, i, panel, line);
    }
    plot_line (canvas, &x, &y, xs, ys, history->len, line_colours[line], FALSE);
  }
  const char *names[] = { panel->line_names[0], panel->line_names[1], "best epoch" };
  const PlotColour colours[] = { line_colours[0], line_colours[1], PLOT_GREEN };
  const guint skip = panel->line_names[0] ? 0 : 2;
  plot_legend (canvas, LEFT, PLOT_TOP + 6, names + skip, colours + skip, 3 - skip);
}

GPtrArray *
plots_of_history (const GArray *history, CowHistoryOf of)
{
  GPtrArray *figures = g_ptr_array_new_with_free_func ((GDestroyNotify)plot_figure_free);
  for (guint i = 0; i < G_N_ELEMENTS (panels) && history->len > 0; i++) {
    if (!(panels[i].of & 1u << of))
      continue;
    g_autofree char *subtitle =
        g_strdup_printf ("%u epoch%s", history->len, history->len == 1 ? "" : "s");
    PlotFigure *figure = plot_figure_new (panels[i].name, panels[i].title, subtitle);
    const Panel **panel = figure->layout = g_new (const Panel *, 1);
    *panel = &panels[i];
    figure->data = history;
    figure->draw = draw;
    figure->width = WIDTH;
    figure->height = HEIGHT;
    g_ptr_array_add (figures, figure);
  }
  return figures;
}
