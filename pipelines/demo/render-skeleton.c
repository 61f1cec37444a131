/* SPDX-License-Identifier: MIT */
/* Forward kinematics: from angles to joints. All lengths are those of a cow of 1.4 m at the
 * withers, roughly as in anatomical drawings. */
#include <math.h>

#include "pipelines/demo/render-cow.h"

#define DEGREE            (G_PI / 180)
#define NECK_LENGTH       0.62
#define HEAD_LENGTH       0.46
#define HOOF_LENGTH       0.10
#define TRUNK_HALF_LENGTH 0.85

const RenderPoint render_outline[RENDER_N_OUTLINE] = {
  { 0.88, 0.16 },   { 0.74, 0.36 },  { 0.52, 0.395 }, { 0.10, 0.345 },  { -0.35, 0.355 },
  { -0.64, 0.385 }, { -0.86, 0.31 }, { -0.94, 0.08 }, { -0.86, -0.22 }, { -0.55, -0.33 },
  { -0.10, -0.45 }, { 0.32, -0.42 }, { 0.70, -0.34 }, { 0.88, -0.10 },
};

static const RenderPoint leg_roots[] = { { 0.60, -0.12 }, { -0.62, -0.04 } };
static const double lengths[][RENDER_N_SEGMENTS] = { { 0.20, 0.31, 0.30 }, { 0.32, 0.29, 0.31 } };
static const double radii[][RENDER_N_SEGMENTS + 1] = { { 0.17, 0.125, 0.068, 0.050 },
                                                       { 0.25, 0.165, 0.075, 0.052 } };

static gboolean
is_hind (int leg)
{
  return leg >= RENDER_NEAR_HIND;
}

RenderPoint
render_trunk_point (const RenderSkeleton *self, double x, double y)
{
  const double along = x * self->trunk_length * self->unit, bend = x / TRUNK_HALF_LENGTH;
  const double across = (y * self->trunk_depth - self->arch * bend * bend) * self->unit;

  return (RenderPoint){ self->trunk.x + along * self->trunk_cos - across * self->trunk_sin,
                        self->trunk.y + along * self->trunk_sin + across * self->trunk_cos };
}

double
render_leg_radius (const RenderSkeleton *self, RenderLeg leg, int joint)
{
  const double fat = joint < 2 ? self->trunk_depth : 1;
  return radii[is_hind (leg)][joint] * self->unit * fat;
}

static RenderPoint
from (RenderPoint point, double length, double angle)
{
  return (RenderPoint){ point.x + length * cos (angle), point.y + length * sin (angle) };
}

static void
place_legs (RenderSkeleton *self, const RenderCow *cow, const RenderPose *pose)
{
  for (int leg = 0; leg < RENDER_N_LEGS; leg++) {
    const gboolean hind = is_hind (leg);
    /* The far pair stands a little ahead, or the near one would hide it. */
    const double aside = leg == RENDER_FAR_FORE || leg == RENDER_FAR_HIND ? 0.05 : 0;
    RenderPoint *joint = self->leg[leg];

    joint[0] = render_trunk_point (self, leg_roots[hind].x + aside, leg_roots[hind].y);
    for (int i = 0; i < RENDER_N_SEGMENTS; i++)
      joint[i + 1] = from (joint[i], lengths[hind][i] * cow->legs * self->unit,
                           (pose->leg[leg][i] - 90) * DEGREE);
    self->hoof[leg] = from (joint[RENDER_N_SEGMENTS], HOOF_LENGTH * self->unit,
                            (pose->leg[leg][RENDER_N_SEGMENTS - 1] * 0.8 - 90) * DEGREE);
  }
}

static void
place_head (RenderSkeleton *self, const RenderCow *cow, const RenderPose *pose)
{
  const double neck = (pose->neck + pose->pitch) * DEGREE,
               head = (pose->head + pose->pitch) * DEGREE, unit = self->unit * cow->head;

  self->neck = render_trunk_point (self, 0.70, 0.10);
  self->poll = from (self->neck, NECK_LENGTH * self->unit, neck);
  self->muzzle = from (self->poll, HEAD_LENGTH * unit, head);
  self->forehead = from (from (self->poll, 0.14 * unit, head), 0.12 * unit, head + G_PI / 2);
}

static void
lower (RenderBounds *bounds, RenderPoint point, double radius)
{
  bounds->left = MIN (bounds->left, point.x - radius);
  bounds->right = MAX (bounds->right, point.x + radius);
  bounds->bottom = MIN (bounds->bottom, point.y - radius);
  bounds->top = MAX (bounds->top, point.y + radius);
}

RenderBounds
render_skeleton_bounds (const RenderSkeleton *self)
{
  RenderBounds bounds = { self->trunk.x, self->trunk.y, self->trunk.x, self->trunk.y };

  for (int i = 0; i < RENDER_N_OUTLINE; i++)
    lower (&bounds, render_trunk_point (self, render_outline[i].x, render_outline[i].y), 0);
  for (int leg = 0; leg < RENDER_N_LEGS; leg++) {
    for (int i = 1; i <= RENDER_N_SEGMENTS; i++)
      lower (&bounds, self->leg[leg][i], render_leg_radius (self, (RenderLeg)leg, i));
    lower (&bounds, self->hoof[leg], 0);
  }
  lower (&bounds, self->poll, RENDER_POLL_RADIUS * self->unit);
  lower (&bounds, self->muzzle, RENDER_MUZZLE_RADIUS * self->unit);
  lower (&bounds, self->tail, 0);
  return bounds;
}

RenderSkeleton
render_skeleton (const RenderCow *cow, const RenderPose *pose)
{
  RenderSkeleton self = {
    .trunk_cos = cos (pose->pitch * DEGREE),
    .trunk_sin = sin (pose->pitch * DEGREE),
    .trunk_length = cow->length,
    .trunk_depth = cow->depth,
    .arch = pose->arch,
    .unit = cow->size,
  };

  /* The first pass has the trunk at height 0 and finds how far down the pose reaches; the second
   * puts it where it belongs. */
  for (int pass = 0; pass < 2; pass++) {
    place_legs (&self, cow, pose);
    place_head (&self, cow, pose);
    const RenderPoint root = render_trunk_point (&self, -0.88, 0.28);
    self.tail = from (root, 0.5 * self.unit, (270 - pose->tail + pose->pitch) * DEGREE);
    if (pass == 0)
      self.trunk.y = pose->lift * self.unit - MIN (render_skeleton_bounds (&self).bottom, 0);
  }
  return self;
}
