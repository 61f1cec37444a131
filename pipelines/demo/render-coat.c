/* SPDX-License-Identifier: MIT */
/* Patches are irregular blobs fixed to the trunk. They come from the cow's key, so that a cow looks
 * the same in every pose. */
#include <math.h>

#include "pipelines/demo/render-cow.h"

#define MOST_PATCHES  9
#define PATCH_CORNERS 9

static void
draw_patch (cairo_t *cr, const RenderSkeleton *self, double x, double y, double radius,
            RenderDice *dice)
{
  RenderPoint points[PATCH_CORNERS];
  const double turn = render_between (dice, 0, 2 * G_PI),
               stretch = render_between (dice, 0.75, 1.5);

  for (int i = 0; i < PATCH_CORNERS; i++) {
    const double angle = 2 * G_PI * i / PATCH_CORNERS,
                 r = radius * render_between (dice, 0.65, 1.2);
    const double u = r * cos (angle) * stretch, v = r * sin (angle) / stretch;
    points[i] = render_trunk_point (self, x + u * cos (turn) - v * sin (turn),
                                    y + u * sin (turn) + v * cos (turn));
  }
  render_smooth (cr, points, PATCH_CORNERS);
  cairo_fill (cr);
}

/* The neck near the head has the colour of the face. */
static void
draw_neck (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *self, double part)
{
  const RenderPoint from = { self->poll.x + (self->neck.x - self->poll.x) * part,
                             self->poll.y + (self->neck.y - self->poll.y) * part };

  render_set (cr, cow->face, 1);
  render_limb (cr, from, (0.14 + 0.13 * part) * self->unit, self->poll,
               (RENDER_POLL_RADIUS + 0.02) * self->unit);
  cairo_fill (cr);
}

/* A plain coat is darker towards the legs and lighter below. */
static void
draw_plain (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *self)
{
  const RenderPoint belly = render_trunk_point (self, -0.1, -0.42),
                    shoulder = render_trunk_point (self, 0.62, 0);

  render_set (cr, render_shade (cow->coat, 1.25), 0.5);
  render_ellipse (cr, belly.x, belly.y, 0.55 * self->unit, 0.16 * self->unit, 0);
  cairo_fill (cr);
  render_set (cr, cow->patch, 0.8);
  render_ellipse (cr, shoulder.x, shoulder.y, 0.30 * self->unit, 0.42 * self->unit, 0.2);
  cairo_fill (cr);
}

void
render_coat_draw (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *self)
{
  RenderDice dice = render_dice (cow->key, 1);

  draw_neck (cr, cow, self, render_between (&dice, 0.2, 0.9));
  if (!cow->patched) {
    draw_plain (cr, cow, self);
    return;
  }
  const int count = 3 + render_pick (&dice, MOST_PATCHES - 3);
  render_set (cr, cow->patch, 1);
  for (int i = 0; i < count; i++) {
    const double x = -0.95 + 1.9 * (i + render_unit (&dice)) / count,
                 y = render_between (&dice, -0.30, 0.40);
    draw_patch (cr, self, x, y, render_between (&dice, 0.13, 0.34), &dice);
  }
}
