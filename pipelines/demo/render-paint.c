/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/render-paint.h"

#include <math.h>

void
render_set (cairo_t *cr, RenderColour colour, double alpha)
{
  cairo_set_source_rgba (cr, colour.r, colour.g, colour.b, alpha);
}

RenderColour
render_shade (RenderColour colour, double factor)
{
  return (RenderColour){ MIN (colour.r * factor, 1), MIN (colour.g * factor, 1),
                         MIN (colour.b * factor, 1) };
}

RenderColour
render_mix (RenderColour a, RenderColour b, double part)
{
  return (RenderColour){ a.r + (b.r - a.r) * part, a.g + (b.g - a.g) * part,
                         a.b + (b.b - a.b) * part };
}

void
render_ellipse (cairo_t *cr, double x, double y, double rx, double ry, double turn)
{
  cairo_matrix_t matrix;

  cairo_get_matrix (cr, &matrix);
  cairo_translate (cr, x, y);
  cairo_rotate (cr, turn);
  cairo_scale (cr, rx, ry);
  cairo_new_sub_path (cr);
  cairo_arc (cr, 0, 0, 1, 0, 2 * G_PI);
  cairo_close_path (cr);
  cairo_set_matrix (cr, &matrix);
}

void
render_limb (cairo_t *cr, RenderPoint a, double ra, RenderPoint b, double rb)
{
  const double length = hypot (b.x - a.x, b.y - a.y);

  if (length <= fabs (ra - rb)) { /* one circle lies inside the other */
    const RenderPoint *p = ra > rb ? &a : &b;
    render_ellipse (cr, p->x, p->y, MAX (ra, rb), MAX (ra, rb), 0);
    return;
  }
  const double along = atan2 (b.y - a.y, b.x - a.x), tangent = acos ((ra - rb) / length);

  cairo_new_sub_path (cr);
  cairo_arc (cr, a.x, a.y, ra, along + tangent, along - tangent + 2 * G_PI);
  cairo_arc (cr, b.x, b.y, rb, along - tangent, along + tangent);
  cairo_close_path (cr);
}

/* A Catmull-Rom spline, drawn as Bezier curves. */
void
render_smooth (cairo_t *cr, const RenderPoint *points, int n)
{
  cairo_move_to (cr, points[0].x, points[0].y);
  for (int i = 0; i < n; i++) {
    const RenderPoint *before = &points[(i + n - 1) % n], *from = &points[i],
                      *to = &points[(i + 1) % n], *after = &points[(i + 2) % n];

    cairo_curve_to (cr, from->x + (to->x - before->x) / 6, from->y + (to->y - before->y) / 6,
                    to->x - (after->x - from->x) / 6, to->y - (after->y - from->y) / 6, to->x,
                    to->y);
  }
  cairo_close_path (cr);
}

void
render_line (cairo_t *cr, RenderPoint a, RenderPoint b, double width)
{
  cairo_set_line_width (cr, width);
  cairo_move_to (cr, a.x, a.y);
  cairo_line_to (cr, b.x, b.y);
  cairo_stroke (cr);
}

void
render_pipe (cairo_t *cr, RenderPoint a, RenderPoint b, double width, RenderColour colour)
{
  const double length = MAX (hypot (b.x - a.x, b.y - a.y), 1e-9);
  const RenderPoint aside = { (a.y - b.y) / length * width / 4, (b.x - a.x) / length * width / 4 };

  cairo_set_line_cap (cr, CAIRO_LINE_CAP_ROUND);
  render_set (cr, render_shade (colour, 0.55), 1);
  render_line (cr, a, b, width);
  render_set (cr, colour, 1);
  render_line (cr, (RenderPoint){ a.x + aside.x / 2, a.y + aside.y / 2 },
               (RenderPoint){ b.x + aside.x / 2, b.y + aside.y / 2 }, width * 0.6);
  render_set (cr, render_shade (colour, 1.35), 1);
  render_line (cr, (RenderPoint){ a.x + aside.x, a.y + aside.y },
               (RenderPoint){ b.x + aside.x, b.y + aside.y }, width * 0.2);
}
