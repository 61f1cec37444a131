/* SPDX-License-Identifier: MIT */
/* The few shapes and colours that the whole renderer draws with. Lengths are in metres with y up,
 * unless a function says pixels. */
#ifndef COW_RENDER_PAINT_H
#define COW_RENDER_PAINT_H

#include <cairo.h>
#include <glib.h>

typedef struct {
  double x, y;
} RenderPoint;

typedef struct {
  double r, g, b; /* 0 to 1 */
} RenderColour;

void render_set (cairo_t *cr, RenderColour colour, double alpha);
/* Makes a colour brighter (factor above 1) or darker. */
RenderColour render_shade (RenderColour colour, double factor);
RenderColour render_mix (RenderColour a, RenderColour b, double part_of_b);

/* Each function adds a closed path, always with the same sense of rotation, so that a winding fill
 * of several is their union. */
void render_ellipse (cairo_t *cr, double x, double y, double rx, double ry, double turn);
/* Adds a limb: the hull of two circles. */
void render_limb (cairo_t *cr, RenderPoint a, double ra, RenderPoint b, double rb);
/* Adds a smooth closed curve through n points, given anticlockwise (y up). */
void render_smooth (cairo_t *cr, const RenderPoint *points, int n);

/* Draws a line of the given width at once. */
void render_line (cairo_t *cr, RenderPoint a, RenderPoint b, double width);
/* Draws a pipe: a line with a light and a dark side. */
void render_pipe (cairo_t *cr, RenderPoint a, RenderPoint b, double width, RenderColour colour);

#endif
