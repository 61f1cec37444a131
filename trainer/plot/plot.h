/* SPDX-License-Identifier: MIT */
/*
 * The means that all figures are drawn with, on Cairo and Pango: files, text, axes, bars and lines.
 * Lengths are in pixels of the figure as it is meant to be seen; the palette is Okabe and Ito's,
 * which people with any kind of colour vision can tell apart. Each figure is drawn in one of two
 * themes, for light and for dark pages.
 */
#ifndef COW_TRAINER_PLOT_H
#define COW_TRAINER_PLOT_H

#include <cairo.h>
#include <glib.h>

G_BEGIN_DECLS

/* ---- colours --------------------------------------------------------------------------------- */

typedef enum {
  PLOT_INK, /* text; what stands for "not chosen", so that it is 0 */
  PLOT_MUTED,
  PLOT_GRID,
  PLOT_PAPER,
  PLOT_BLUE,
  PLOT_ORANGE,
  PLOT_GREEN,
  PLOT_VERMILION,
  PLOT_N_COLOURS
} PlotColour;

typedef struct _PlotTheme PlotTheme;
extern const PlotTheme plot_light, plot_dark;

/* The surface that a figure is drawn on. */
typedef struct {
  cairo_t *cr;
  const PlotTheme *theme;
} PlotCanvas;

void plot_set_colour (PlotCanvas *canvas, PlotColour colour);
/* A colour on the way from paper (0) to another (1), and that of text that stands on it. */
void plot_set_shade (PlotCanvas *canvas, PlotColour colour, double share);
PlotColour plot_text_on_shade (const PlotCanvas *canvas, PlotColour colour, double share);

/* ---- figures --------------------------------------------------------------------------------- */

typedef struct _PlotFigure PlotFigure;
struct _PlotFigure {
  const char *name; /* of its files, without the ending */
  char *title;      /* one line; also what a screen reader says of it */
  char *subtitle;   /* smaller, below; or NULL */
  double width, height;
  void (*draw) (const PlotFigure *self,
                PlotCanvas *canvas); /* below PLOT_TOP, which title and subtitle take */
  gconstpointer data;                /* what it shows, borrowed */
  gpointer layout;                   /* what was measured for it, freed with g_free; or NULL */
};

#define PLOT_TOP  64 /* what a title takes */
#define PLOT_EDGE 20 /* empty space around a figure */

/* An empty figure with these texts, which are copied. */
PlotFigure *plot_figure_new (const char *name, const char *title, const char *subtitle);
void plot_figure_free (PlotFigure *self);
/* The figure as the text of an SVG document; free with g_free. */
char *plot_figure_svg (const PlotFigure *self, const PlotTheme *theme, GError **error);
/* The bytes of a PNG of what was drawn; `where` is for the message. NULL on error. */
GString *plot_surface_png (cairo_surface_t *surface, const char *where, GError **error);
/* FOLDER/name.png, at twice the size for sharp screens and print where that is not too large, and
 * FOLDER/name.svg; in the light theme. */
gboolean plot_figure_write (const PlotFigure *self, const char *folder, GError **error);
/* The same for a list of PlotFigure. */
gboolean plot_figures_write (const GPtrArray *figures, const char *folder, GError **error);

/* ---- text ------------------------------------------------------------------------------------ */

#define PLOT_TEXT_SIZE 12

typedef struct {
  double size; /* 0: PLOT_TEXT_SIZE */
  gboolean bold;
  double x_align,
      y_align;  /* which point of the text lies at (x, y): 0 left or top, 1 right or bottom */
  double angle; /* radians, clockwise, about that point */
  double
      most_width; /* longer text gets a "…" in its middle (ends tell names apart); 0: any width */
  PlotColour colour;
} PlotText;

void plot_text (PlotCanvas *canvas, double x, double y, const PlotText *style, const char *text);
/* Widths of a text, and of the widest of n, for figures whose size is not known yet. */
double plot_text_width (const PlotText *style, const char *text);
double plot_texts_width (const PlotText *style, const char *const *texts, guint n);
/* Coloured squares with their names in a row, its left end at x and its middle at y. */
void plot_legend (PlotCanvas *canvas, double x, double y, const char *const *names,
                  const PlotColour *colours, guint n);
/* 12345 as "12,345"; free with g_free. */
char *plot_count_text (guint64 count);

/* ---- axes ------------------------------------------------------------------------------------ */

typedef struct {
  double min, max; /* values at the ends; differ */
  gboolean log;    /* min and max are positive */
  gboolean whole;  /* marks at whole numbers only */
  double from, to; /* pixels at the ends */
} PlotScale;

/* Where a value lies, in pixels; values outside lie at the nearer end. */
double plot_at (const PlotScale *scale, double value);
/* Widens a scale to round numbers at both ends. */
void plot_scale_round (PlotScale *scale);
/* An axis with its numbers, a grid line a number to `far`, and a label with the unit. It lies at
 * pixel `at` of the other direction. */
void plot_axis_x (PlotCanvas *canvas, const PlotScale *x, double at, double far, const char *label);
void plot_axis_y (PlotCanvas *canvas, const PlotScale *y, double at, double far, const char *label);
/* The width that plot_axis_y () needs left of `at`. */
#define PLOT_AXIS_Y_WIDTH 62

/* A line through the points whose y is finite, with a dot each where there are few. */
void plot_line (PlotCanvas *canvas, const PlotScale *x, const PlotScale *y, const double *xs,
                const double *ys, guint n, PlotColour colour, gboolean dashed);
void plot_bar (PlotCanvas *canvas, double x, double y, double width, double height,
               PlotColour colour);
/* A straight line, a pixel wide. */
void plot_rule (PlotCanvas *canvas, double x0, double y0, double x1, double y1, PlotColour colour,
                gboolean dashed);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PlotFigure, plot_figure_free)

G_END_DECLS

#endif
