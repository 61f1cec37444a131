/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/render-props.h"

#include <math.h>

static const RenderColour steel = { 0.62, 0.65, 0.68 };
static const RenderColour hay[] = {
  { 0.62, 0.60, 0.24 }, { 0.50, 0.53, 0.20 }, { 0.74, 0.67, 0.33 }, { 0.42, 0.44, 0.17 }
};
static const RenderColour straw[] = {
  { 0.86, 0.74, 0.44 }, { 0.76, 0.62, 0.33 }, { 0.93, 0.83, 0.56 }, { 0.64, 0.50, 0.26 }
};

void
render_straws (cairo_t *cr, RenderBounds area, int count, double length, double width,
               const RenderColour *colours, int n_colours, RenderDice *dice)
{
  /* Each colour is one stroke of many straws. */
  cairo_set_line_width (cr, width);
  for (int colour = 0; colour < n_colours; colour++) {
    render_set (cr, colours[colour], 0.85);
    for (int i = 0; i < count / n_colours; i++) {
      const double x = render_between (dice, area.left, area.right),
                   y = render_between (dice, area.bottom, area.top);
      const double angle = render_between (dice, -0.7, 0.7);
      cairo_move_to (cr, x, y);
      cairo_rel_line_to (cr, length * cos (angle), length * sin (angle));
    }
    cairo_stroke (cr);
  }
}

RenderProp
render_prop_for (RenderBehaviour behaviour, const RenderCow *cow, const RenderPose *pose,
                 guint64 key)
{
  const RenderSkeleton self = render_skeleton (cow, pose);
  const RenderPoint through = { (self.neck.x + self.poll.x) / 2, (self.neck.y + self.poll.y) / 2 };

  switch (behaviour) {
  case RENDER_DRINKING:
    return (RenderProp){ RENDER_PROP_TROUGH, self.muzzle.x, self.muzzle.y - 0.01, key };
  case RENDER_FEEDING_DOWN:
    return (RenderProp){ RENDER_PROP_FENCE, through.x, MAX (self.muzzle.y, 0.12), key };
  case RENDER_FEEDING_UP:
    return (RenderProp){ RENDER_PROP_FENCE, through.x, 0.28, key };
  case RENDER_LYING:
    return (RenderProp){ RENDER_PROP_BEDDING, 0, 0, key };
  case RENDER_GALLOP:
    return (RenderProp){ RENDER_PROP_DUST, -self.unit, 0, key };
  default:
    return (RenderProp){ .kind = RENDER_PROP_NONE };
  }
}

#define TROUGH_HALF 0.48
#define WATER_DEPTH 0.11 /* vertical radius of the water's ellipse, metres */

static void
trough_behind (cairo_t *cr, const RenderProp *prop)
{
  render_set (cr, render_shade (steel, 0.6), 1);
  render_ellipse (cr, prop->x, prop->level + 0.02, TROUGH_HALF + 0.05, WATER_DEPTH + 0.05, 0);
  cairo_fill (cr);
  render_set (cr, (RenderColour){ 0.25, 0.52, 0.68 }, 1);
  render_ellipse (cr, prop->x, prop->level, TROUGH_HALF, WATER_DEPTH, 0);
  cairo_fill (cr);
  cairo_set_line_width (cr, 0.02);
  for (int ring = 1; ring <= 3; ring++) {
    cairo_set_source_rgba (cr, 0.85, 0.95, 1, 0.9 - 0.2 * ring);
    render_ellipse (cr, prop->x, prop->level, 0.14 * ring, 0.032 * ring, 0);
    cairo_stroke (cr);
  }
}

/* Draws the tub's wall, up to the water's near edge, so that the muzzle dips in behind it. */
static void
trough_front (cairo_t *cr, const RenderProp *prop)
{
  const double left = prop->x - TROUGH_HALF - 0.05, right = prop->x + TROUGH_HALF + 0.05,
               top = prop->level + 0.01;
  cairo_pattern_t *wall = cairo_pattern_create_linear (left, 0, right, 0);

  cairo_pattern_add_color_stop_rgb (wall, 0, 0.42, 0.45, 0.48);
  cairo_pattern_add_color_stop_rgb (wall, 0.3, 0.74, 0.77, 0.80);
  cairo_pattern_add_color_stop_rgb (wall, 1, 0.36, 0.38, 0.41);
  cairo_move_to (cr, left, top);
  cairo_curve_to (cr, left + 0.15, top - WATER_DEPTH * 1.5, right - 0.15, top - WATER_DEPTH * 1.5,
                  right, top);
  cairo_line_to (cr, right - 0.07, -0.02);
  cairo_curve_to (cr, right - 0.25, -0.09, left + 0.25, -0.09, left + 0.07, -0.02);
  cairo_close_path (cr);
  cairo_set_source (cr, wall);
  cairo_fill_preserve (cr);
  cairo_pattern_destroy (wall);
  cairo_set_source_rgba (cr, 0.15, 0.16, 0.18, 0.8);
  cairo_set_line_width (cr, 0.025);
  cairo_stroke (cr);
}

/* The fence recedes from the camera, from (x - near, down) to (x + far, up), so that its bars stand
 * side by side. */
#define FENCE_SLOPE 1.25
#define FENCE_TOP   1.30
#define FENCE_LOW   0.42

static void
fence_half (cairo_t *cr, const RenderProp *prop, double from, double to)
{
  const double steps = 2;

  for (int i = 0; i <= steps; i++) {
    const double x = prop->x + from + (to - from) * i / steps, y = (x - prop->x) * FENCE_SLOPE;
    render_pipe (cr, (RenderPoint){ x, y + FENCE_LOW - 0.02 },
                 (RenderPoint){ x + 0.02, y + FENCE_TOP }, 0.045, steel);
  }
  for (int rail = 0; rail < 2; rail++) {
    const double height = rail == 0 ? FENCE_LOW : FENCE_TOP;
    render_pipe (cr, (RenderPoint){ prop->x + from, from * FENCE_SLOPE + height },
                 (RenderPoint){ prop->x + to, to * FENCE_SLOPE + height }, 0.065, steel);
  }
}

static void
feed_heap (cairo_t *cr, const RenderProp *prop, gboolean front)
{
  const double x = prop->x + 0.52, top = prop->level + (front ? -0.02 : 0.10),
               low = front ? -0.14 : 0;
  RenderDice dice = render_dice (prop->key, front);
  const RenderPoint mound[] = {
    { x + 0.50, low },       { x + 0.46, low + (top - low) * 0.5 },  { x + 0.2, top },
    { x - 0.1, top - 0.02 }, { x - 0.38, low + (top - low) * 0.55 }, { x - 0.45, low },
  };

  cairo_save (cr);
  render_smooth (cr, mound, G_N_ELEMENTS (mound));
  render_set (cr, front ? (RenderColour){ 0.47, 0.47, 0.19 } : (RenderColour){ 0.38, 0.38, 0.16 },
              1);
  cairo_fill_preserve (cr);
  cairo_clip (cr);
  render_straws (cr, (RenderBounds){ x - 0.55, low - 0.05, x + 0.5, top }, 90, 0.13, 0.018, hay,
                 G_N_ELEMENTS (hay), &dice);
  cairo_restore (cr);
}

static void
bedding (cairo_t *cr, const RenderProp *prop, gboolean front)
{
  RenderDice dice = render_dice (prop->key, front);
  const double y = front ? -0.13 : 0.03;

  render_set (cr, render_shade (straw[1], front ? 1 : 0.85), 1);
  if (front)
    render_ellipse (cr, prop->x + 0.1, y - 0.07, 1.35, 0.13, 0);
  else
    render_ellipse (cr, prop->x + 0.1, y, 1.6, 0.2, 0);
  cairo_fill (cr);
  render_straws (
      cr, (RenderBounds){ prop->x - 1.3, y - 0.13, prop->x + 1.35, y + (front ? 0.09 : 0.14) },
      front ? 110 : 70, 0.17, 0.02, straw, G_N_ELEMENTS (straw), &dice);
}

static void
dust (cairo_t *cr, const RenderProp *prop)
{
  RenderDice dice = render_dice (prop->key, 0);

  for (int i = 0; i < 9; i++) {
    const double x = prop->x + render_between (&dice, -0.55, 0.75),
                 r = render_between (&dice, 0.06, 0.16);
    cairo_set_source_rgba (cr, 0.83, 0.75, 0.60, render_between (&dice, 0.25, 0.6));
    render_ellipse (cr, x, r * render_between (&dice, 0.4, 1.3), r * 1.3, r, 0);
    cairo_fill (cr);
  }
}

void
render_prop_behind (cairo_t *cr, const RenderProp *prop)
{
  if (prop->kind == RENDER_PROP_TROUGH)
    trough_behind (cr, prop);
  else if (prop->kind == RENDER_PROP_BEDDING)
    bedding (cr, prop, FALSE);
  else if (prop->kind == RENDER_PROP_FENCE) {
    fence_half (cr, prop, 0.12, 0.42);
    feed_heap (cr, prop, FALSE);
  }
}

void
render_prop_front (cairo_t *cr, const RenderProp *prop)
{
  if (prop->kind == RENDER_PROP_TROUGH)
    trough_front (cr, prop);
  else if (prop->kind == RENDER_PROP_BEDDING)
    bedding (cr, prop, TRUE);
  else if (prop->kind == RENDER_PROP_DUST)
    dust (cr, prop);
  else if (prop->kind == RENDER_PROP_FENCE) {
    feed_heap (cr, prop, TRUE);
    fence_half (cr, prop, -0.12, -0.34);
  }
}
