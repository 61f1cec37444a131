/* SPDX-License-Identifier: MIT */
/* Draws the cow from back to front: far legs, tail, trunk with neck and near legs as one
 * silhouette, hooves, head. */
#include <math.h>

#include "pipelines/demo/render-cow.h"

#define OUTLINE_WIDTH 0.022 /* metres on each side of an edge */
#define FAR_SIDE      0.66  /* how much light reaches the far legs */
#define UDDER_SEEN                                                                                 \
  0.75 /* height of the trunk's middle, metres; a lower cow lies on its
                               udder */

static const RenderColour ink = { 0.10, 0.08, 0.08 };

static void
leg_path (cairo_t *cr, const RenderSkeleton *self, RenderLeg leg, int first)
{
  for (int i = first; i < RENDER_N_SEGMENTS; i++)
    render_limb (cr, self->leg[leg][i], render_leg_radius (self, leg, i), self->leg[leg][i + 1],
                 render_leg_radius (self, leg, i + 1));
}

static void
outline (cairo_t *cr, const RenderSkeleton *self, double alpha)
{
  render_set (cr, ink, alpha);
  cairo_set_line_width (cr, 2 * OUTLINE_WIDTH * self->unit);
  cairo_set_line_join (cr, CAIRO_LINE_JOIN_ROUND);
  cairo_stroke_preserve (cr);
}

/* Adds a wedge with its flat side down, from the fetlock to the tip. */
static void
draw_hoof (cairo_t *cr, const RenderSkeleton *self, RenderLeg leg, double light)
{
  const RenderPoint top = self->leg[leg][RENDER_N_SEGMENTS], tip = self->hoof[leg];
  const double dx = tip.x - top.x, dy = tip.y - top.y;
  const double half = 0.055 * self->unit / MAX (hypot (dx, dy), 1e-9);
  const RenderPoint aside = { -dy * half, dx * half }; /* towards the toes */

  cairo_move_to (cr, top.x - aside.x + dx * 0.3, top.y - aside.y + dy * 0.3);
  cairo_line_to (cr, top.x + aside.x + dx * 0.3, top.y + aside.y + dy * 0.3);
  cairo_line_to (cr, tip.x + aside.x * 1.7, tip.y + aside.y * 1.7);
  cairo_line_to (cr, tip.x - aside.x * 1.1, tip.y - aside.y * 1.1);
  cairo_close_path (cr);
  render_set (cr, render_shade ((RenderColour){ 0.24, 0.20, 0.18 }, light), 1);
  cairo_fill (cr);
}

static void
draw_sock (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *self, RenderLeg leg,
           double light)
{
  render_set (cr, render_shade (cow->socks, light), 0.9);
  render_limb (cr, self->leg[leg][2], render_leg_radius (self, leg, 2), self->leg[leg][3],
               render_leg_radius (self, leg, 3));
  cairo_fill (cr);
}

static void
draw_far_leg (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *self, RenderLeg leg)
{
  leg_path (cr, self, leg, 0);
  outline (cr, self, 0.5);
  render_set (cr, render_shade (cow->coat, FAR_SIDE), 1);
  cairo_fill (cr);
  draw_sock (cr, cow, self, leg, FAR_SIDE);
  draw_hoof (cr, self, leg, FAR_SIDE);
}

static void
draw_tail (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *self)
{
  const RenderPoint root = render_trunk_point (self, -0.84, 0.27),
                    bow = render_trunk_point (self, -1.05, 0.30), end = self->tail;
  const double unit = self->unit;

  cairo_set_line_cap (cr, CAIRO_LINE_CAP_ROUND);
  for (int pass = 0; pass < 2; pass++) {
    cairo_move_to (cr, root.x, root.y);
    cairo_curve_to (cr, bow.x, bow.y, (bow.x + end.x) / 2, (bow.y + end.y) / 2, end.x, end.y);
    render_set (cr, pass == 0 ? ink : cow->coat, pass == 0 ? 0.6 : 1);
    cairo_set_line_width (cr, (pass == 0 ? 0.085 : 0.05) * unit);
    cairo_stroke (cr);
  }
  const double angle = atan2 (end.y - bow.y, end.x - bow.x);
  render_set (cr, render_mix (cow->socks, ink, 0.35), 1);
  render_ellipse (cr, end.x + 0.05 * unit * cos (angle), end.y + 0.05 * unit * sin (angle),
                  0.12 * unit, 0.05 * unit, angle);
  cairo_fill (cr);
}

static void
draw_udder (cairo_t *cr, const RenderSkeleton *self)
{
  const RenderPoint place = render_trunk_point (self, -0.44, -0.40);

  render_ellipse (cr, place.x, place.y, 0.17 * self->unit, 0.13 * self->unit, 0);
  outline (cr, self, 0.5);
  render_set (cr, (RenderColour){ 0.84, 0.68, 0.64 }, 1);
  cairo_fill (cr);
}

static void
trunk_path (cairo_t *cr, const RenderSkeleton *self)
{
  RenderPoint points[RENDER_N_OUTLINE];

  for (int i = 0; i < RENDER_N_OUTLINE; i++)
    points[i] = render_trunk_point (self, render_outline[i].x, render_outline[i].y);
  render_smooth (cr, points, RENDER_N_OUTLINE);
  render_limb (cr, self->neck, RENDER_NECK_RADIUS * self->unit * self->trunk_depth, self->poll,
               RENDER_POLL_RADIUS * self->unit);
}

static void
near_legs_path (cairo_t *cr, const RenderSkeleton *self)
{
  leg_path (cr, self, RENDER_NEAR_HIND, 0);
  leg_path (cr, self, RENDER_NEAR_FORE, 0);
}

/* A light or a shadow that changes from the back to the belly. */
static cairo_pattern_t *
back_to_belly (const RenderSkeleton *self)
{
  const RenderPoint back = render_trunk_point (self, 0, 0.4),
                    belly = render_trunk_point (self, 0, -0.5);

  return cairo_pattern_create_linear (back.x, back.y, belly.x, belly.y);
}

/* Shades the cow as light from above does. */
static void
draw_shading (cairo_t *cr, const RenderSkeleton *self)
{
  cairo_pattern_t *light = back_to_belly (self);

  cairo_pattern_add_color_stop_rgba (light, 0, 1, 1, 1, 0.22);
  cairo_pattern_add_color_stop_rgba (light, 0.35, 1, 1, 1, 0);
  cairo_pattern_add_color_stop_rgba (light, 0.5, 0, 0, 0, 0.02);
  cairo_pattern_add_color_stop_rgba (light, 1, 0, 0, 0, 0.34);
  cairo_set_source (cr, light);
  cairo_paint (cr);
  cairo_pattern_destroy (light);
}

/* Draws the edges of shoulder and thigh on the trunk, which fade towards the back. */
static void
draw_muscles (cairo_t *cr, const RenderSkeleton *self)
{
  cairo_pattern_t *edge = back_to_belly (self);

  cairo_pattern_add_color_stop_rgba (edge, 0.3, ink.r, ink.g, ink.b, 0);
  cairo_pattern_add_color_stop_rgba (edge, 0.8, ink.r, ink.g, ink.b, 0.45);
  cairo_set_source (cr, edge);
  cairo_set_line_width (cr, 0.045 * self->unit);
  near_legs_path (cr, self);
  cairo_stroke (cr);
  cairo_pattern_destroy (edge);
}

/* Fills the path on the context with the coat. */
static void
draw_hide (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *self, gboolean legs)
{
  render_set (cr, cow->coat, 1);
  cairo_fill_preserve (cr);
  cairo_save (cr);
  cairo_clip (cr);
  render_coat_draw (cr, cow, self);
  if (legs) {
    draw_sock (cr, cow, self, RENDER_NEAR_HIND, 0.95);
    draw_sock (cr, cow, self, RENDER_NEAR_FORE, 0.95);
  } else
    draw_muscles (cr, self);
  draw_shading (cr, self);
  cairo_restore (cr);
}

/* Draws one outline around trunk, neck and near legs, so that the same coat covers all of them. */
static void
draw_near_side (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *self)
{
  trunk_path (cr, self);
  near_legs_path (cr, self);
  outline (cr, self, 0.75);
  cairo_new_path (cr);
  trunk_path (cr, self);
  draw_hide (cr, cow, self, FALSE);
  near_legs_path (cr, self);
  draw_hide (cr, cow, self, TRUE);
  draw_hoof (cr, self, RENDER_NEAR_HIND, 1);
  draw_hoof (cr, self, RENDER_NEAR_FORE, 1);
}

void
render_cow_draw (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *skeleton,
                 const RenderPose *pose, gboolean shine)
{
  cairo_set_fill_rule (cr, CAIRO_FILL_RULE_WINDING);
  draw_far_leg (cr, cow, skeleton, RENDER_FAR_HIND);
  draw_far_leg (cr, cow, skeleton, RENDER_FAR_FORE);
  draw_tail (cr, cow, skeleton);
  if (!cow->calf && skeleton->trunk.y > UDDER_SEEN * skeleton->unit)
    draw_udder (cr, skeleton);
  draw_near_side (cr, cow, skeleton);
  render_head_draw (cr, cow, skeleton, pose, shine);
}
