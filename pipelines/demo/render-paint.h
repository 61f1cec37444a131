/* SPDX-License-Identifier: MIT */
/* The few shapes and colours that everything in the renderer is drawn with. Metres, y up, unless a
 * function says pixels. */
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
/* Brighter (factor above 1) or darker. */
RenderColour render_shade (RenderColour colour, double factor);
RenderColour render_mix (RenderColour a, RenderColour b, double part_of_b);

/* Each adds a closed path, always with the same sense of rotation, so that a winding fill of
 * several is their union. */
void render_ellipse (cairo_t *cr, double x, double y, double rx, double ry, double turn);
/* The hull of two circles: a limb. */
void render_limb (cairo_t *cr, RenderPoint a, double ra, RenderPoint b, double rb);
/* A smooth closed curve through n points, given anticlockwise (y up). */
void render_smooth (cairo_t *cr, const RenderPoint *points, int n);

/* A line of the given width, drawn at once. */
void render_line (cairo_t *cr, RenderPoint a, RenderPoint b, double width);
/* A pipe: a line with a light and a dark side. */
void render_pipe (cairo_t *cr, RenderPoint a, RenderPoint b, double width, RenderColour colour);

#endif
