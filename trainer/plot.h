/* SPDX-License-Identifier: MIT */
/*
 * What all figures are drawn with, on Cairo and Pango: files, text, axes, bars and lines. Lengths are in pixels of the figure as it is
 * meant to be seen; the palette is Okabe and Ito's, which people with any kind of colour vision can tell apart.
 */
#ifndef COW_TRAINER_PLOT_H
#define COW_TRAINER_PLOT_H

#include <cairo.h>
#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  double red, green, blue;
} PlotColour;

enum { PLOT_BLUE, PLOT_ORANGE, PLOT_GREEN, PLOT_SKY, PLOT_VERMILION, PLOT_PURPLE, PLOT_N_COLOURS };
extern const PlotColour plot_palette[PLOT_N_COLOURS];
extern const PlotColour plot_ink, plot_muted, plot_grid, plot_paper;

/* ---- figures (plot.c) ------------------------------------------------------------------------------------------------------------ */

typedef struct {
  const char *name; /* of its files, without the ending */
  char *title;      /* one line; also what a screen reader says of it */
  char *subtitle;   /* smaller, below; or NULL */
  double width, height;
  void (*draw) (cairo_t *cr, const gpointer data); /* below PLOT_TOP, which title and subtitle take */
  gpointer data;                                   /* borrowed */
} PlotFigure;

#define PLOT_TOP  56 /* what a title takes */
#define PLOT_EDGE 20 /* empty space around a figure */

/* A context on nothing, to measure text with before a figure's size is known. */
cairo_t *plot_measure_new (void);
/* The figure as the text of an SVG document; free with g_free. */
char *plot_figure_svg (const PlotFigure *self, GError **error);
/* FOLDER/name.png, at twice the size for sharp screens and print where that is not too large, and FOLDER/name.svg. */
gboolean plot_figure_write (const PlotFigure *self, const char *folder, GError **error);
void plot_figure_clear (PlotFigure *self);

/* ---- text and colour (plot.c) ---------------------------------------------------------------------------------------------------- */

#define PLOT_TEXT_SIZE 12

typedef struct {
  double size;              /* 0: PLOT_TEXT_SIZE */
  gboolean bold;            /*  */
  double x_align, y_align;  /* which point of the text lies at (x, y): 0 left or top, 1 right or bottom */
  double angle;             /* radians, clockwise, about that point */
  double most_width;        /* longer text ends in "…"; 0: any width */
  const PlotColour *colour; /* NULL: plot_ink */
} PlotText;

void plot_text (cairo_t *cr, double x, double y, const PlotText *style, const char *text);
double plot_text_width (cairo_t *cr, const PlotText *style, const char *text);
/* The width of the widest of n texts. */
double plot_texts_width (cairo_t *cr, const PlotText *style, const char *const *texts, guint n);
void plot_set_colour (cairo_t *cr, const PlotColour *colour);
/* Coloured squares with their names in a row, its left end at x and its middle at y. */
void plot_legend (cairo_t *cr, double x, double y, const char *const *names, const PlotColour *const *colours, guint n);
/* 12345 as "12,345"; free with g_free. */
char *plot_count_text (guint64 count);

/* ---- axes (plot-axes.c) ---------------------------------------------------------------------------------------------------------- */

typedef struct {
  double min, max; /* values at the ends; differ */
  gboolean log;    /* min and max are positive */
  double from, to; /* pixels at the ends */
} PlotScale;

/* Where a value lies, in pixels; values outside lie at the nearer end. */
double plot_at (const PlotScale *scale, double value);
/* Widens a scale to round numbers at both ends. */
void plot_scale_round (PlotScale *scale);
/* An axis with its numbers, a grid line a number to `far`, and a label with the unit. The axis lies at pixel `at` of the other direction.
 */
void plot_axis_x (cairo_t *cr, const PlotScale *x, double at, double far, const char *label);
void plot_axis_y (cairo_t *cr, const PlotScale *y, double at, double far, const char *label);
/* Marks of whole numbers only: epochs. */
void plot_axis_x_integers (cairo_t *cr, const PlotScale *x, double at, double far, const char *label);
/* A line through the points whose y is finite, with a dot each where there are few. */
void plot_line (cairo_t *cr, const PlotScale *x, const PlotScale *y, const double *xs, const double *ys, guint n, const PlotColour *colour,
                gboolean dashed);
void plot_bar (cairo_t *cr, double x, double y, double width, double height, const PlotColour *colour);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PlotFigure, plot_figure_clear)

G_END_DECLS

#endif
