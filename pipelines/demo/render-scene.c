/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/render-scene.h"

#include <math.h>

#define OPPONENT_SHOWN 0.95 /* metres of the other animal in a pushing cow's box, at size 1 */

static void
draw_shadow (cairo_t *cr, const RenderSkeleton *self, const RenderPose *pose)
{
  /* The higher the cow is above the ground, the smaller and fainter its shadow. */
  const double near = 1 / (1 + 2.5 * pose->lift);

  cairo_set_source_rgba (cr, 0, 0, 0, 0.16 + 0.2 * near);
  render_ellipse (cr, 0, -0.02, (0.55 + 0.55 * near) * self->unit,
                  (0.06 + 0.05 * near) * self->unit, 0);
  cairo_fill (cr);
}

void
render_actor_draw (cairo_t *cr, const RenderActor *actor, RenderLight light)
{
  const RenderSkeleton skeleton = render_skeleton (&actor->cow, &actor->pose);

  cairo_save (cr);
  cairo_translate (cr, actor->x, actor->y);
  cairo_scale (cr, actor->facing * actor->scale, -actor->scale);
  render_prop_behind (cr, &actor->prop);
  draw_shadow (cr, &skeleton, &actor->pose);
  render_cow_draw (cr, &actor->cow, &skeleton, &actor->pose, light == RENDER_NIGHT);
  render_prop_front (cr, &actor->prop);
  cairo_restore (cr);
}

RenderBox
render_actor_box (const RenderActor *actor)
{
  const RenderSkeleton skeleton = render_skeleton (&actor->cow, &actor->pose);
  RenderBounds bounds = render_skeleton_bounds (&skeleton);

  bounds.bottom = MIN (bounds.bottom, 0); /* include the shadow when it jumps */
  if (actor->behaviour == RENDER_PUSHING)
    bounds.right = MAX (bounds.right, skeleton.forehead.x + OPPONENT_SHOWN * skeleton.unit);
  const double left = actor->facing > 0 ? bounds.left : -bounds.right;
  return (RenderBox){ actor->x + left * actor->scale, actor->y - bounds.top * actor->scale,
                      (bounds.right - bounds.left) * actor->scale,
                      (bounds.top - bounds.bottom) * actor->scale };
}

RenderActor
render_opponent (const RenderActor *actor, const RenderCow *cow, const RenderPose *pose)
{
  const RenderSkeleton one = render_skeleton (&actor->cow, &actor->pose),
                       other = render_skeleton (cow, pose);
  RenderActor opponent = {
    .cow = *cow, .behaviour = RENDER_PUSHING, .pose = *pose, .y = actor->y, .scale = actor->scale
  };

  opponent.facing = -actor->facing;
  opponent.x = actor->x + actor->facing * (one.forehead.x + other.forehead.x) * actor->scale;
  return opponent;
}
