/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "pipelines/demo/render-cow.h"

static const RenderColour ink = { 0.10, 0.08, 0.08 };

/* Enters the head's own frame: origin at the poll, x towards the muzzle (at 0.46), y up when the
 * head is level. */
static void
head_path (cairo_t *cr)
{
  static const RenderPoint profile[] = {
    { 0.50, -0.075 }, { 0.54, 0.0 },   { 0.50, 0.075 },  { 0.36, 0.085 },
    { 0.18, 0.12 },   { 0.02, 0.155 }, { -0.13, 0.10 },  { -0.15, -0.04 },
    { -0.05, -0.15 }, { 0.12, -0.16 }, { 0.30, -0.115 },
  };
  render_smooth (cr, profile, G_N_ELEMENTS (profile));
}

static void
draw_muzzle (cairo_t *cr, const RenderCow *cow)
{
  render_set (cr, cow->muzzle, 1);
  render_ellipse (cr, 0.49, -0.005, 0.075, 0.10, 0);
  cairo_fill (cr);
  render_set (cr, ink, 0.8);
  render_ellipse (cr, 0.505, 0.035, 0.022, 0.017, 0.5);
  cairo_fill (cr);
  render_line (cr, (RenderPoint){ 0.53, -0.045 }, (RenderPoint){ 0.43, -0.06 }, 0.012);
}

static void
draw_eye (cairo_t *cr, gboolean shine)
{
  render_set (cr, ink, 1);
  render_ellipse (cr, 0.13, 0.045, 0.036, 0.028, -0.2);
  cairo_fill (cr);
  if (shine)
    cairo_set_source_rgb (cr, 1, 1, 1);
  else
    cairo_set_source_rgba (cr, 1, 1, 1, 0.8);
  render_ellipse (cr, 0.135, 0.052, shine ? 0.028 : 0.011, shine ? 0.024 : 0.011, 0);
  cairo_fill (cr);
}

/* The ear hangs backward and out; the horn, if any, stands before it. */
static void
draw_ear (cairo_t *cr, const RenderCow *cow)
{
  if (cow->horns) {
    cairo_move_to (cr, -0.02, 0.14);
    cairo_curve_to (cr, -0.02, 0.24, 0.06, 0.27, 0.13, 0.28);
    cairo_curve_to (cr, 0.08, 0.24, 0.05, 0.2, 0.05, 0.14);
    render_set (cr, (RenderColour){ 0.86, 0.80, 0.68 }, 1);
    cairo_fill (cr);
  }
  render_ellipse (cr, -0.15, 0.075, 0.125, 0.06, 2.75);
  render_set (cr, ink, 0.75);
  cairo_set_line_width (cr, 0.03);
  cairo_stroke_preserve (cr);
  render_set (cr, cow->face, 1);
  cairo_fill (cr);
  render_ellipse (cr, -0.155, 0.07, 0.08, 0.03, 2.75);
  render_set (cr, render_mix (cow->muzzle, cow->face, 0.4), 1);
  cairo_fill (cr);
  /* Every dairy cow wears an ear tag. */
  render_set (cr, (RenderColour){ 0.95, 0.75, 0.15 }, 1);
  cairo_rectangle (cr, -0.22, 0.0, 0.075, 0.085);
  cairo_fill (cr);
}

static void
draw_face (cairo_t *cr, const RenderCow *cow)
{
  head_path (cr);
  render_set (cr, ink, 0.75);
  cairo_set_line_width (cr, 0.044);
  cairo_stroke_preserve (cr);
  render_set (cr, cow->face, 1);
  cairo_fill_preserve (cr);
  cairo_save (cr);
  cairo_clip (cr);
  if (cow->blaze) {
    cairo_set_source_rgb (cr, 0.93, 0.91, 0.87);
    render_ellipse (cr, 0.25, 0.13, 0.26, 0.05, -0.13);
    cairo_fill (cr);
  }
  draw_muzzle (cr, cow);
  cairo_set_source_rgba (cr, 0, 0, 0, 0.16);
  render_ellipse (cr, 0.1, -0.17, 0.32, 0.07, 0.1);
  cairo_fill (cr);
  cairo_restore (cr);
}

/* Draws stalks of hay to both sides of the lips. */
static void
draw_stalks (cairo_t *cr)
{
  static const double ends[][2] = {
    { 0.66, -0.24 }, { 0.58, -0.30 }, { 0.50, -0.31 }, { 0.70, -0.14 }, { 0.42, -0.27 }
  };

  for (gsize i = 0; i < G_N_ELEMENTS (ends); i++) {
    render_set (cr, i % 2 ? (RenderColour){ 0.55, 0.60, 0.22 } : (RenderColour){ 0.80, 0.72, 0.36 },
                1);
    render_line (cr, (RenderPoint){ 0.50, -0.06 }, (RenderPoint){ ends[i][0], ends[i][1] }, 0.026);
  }
}

void
render_head_draw (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *self,
                  const RenderPose *pose, gboolean shine)
{
  const double size = self->unit * cow->head;

  cairo_save (cr);
  cairo_translate (cr, self->poll.x, self->poll.y);
  cairo_rotate (cr, atan2 (self->muzzle.y - self->poll.y, self->muzzle.x - self->poll.x));
  cairo_scale (cr, size, size);
  if (pose->chewing > 0.5)
    draw_stalks (cr);
  draw_face (cr, cow);
  draw_eye (cr, shine);
  draw_ear (cr, cow);
  cairo_restore (cr);
}
