/* SPDX-License-Identifier: MIT */
/* Who a cow is: its build and its coat, both from one key; and where its joints are in a pose. */
#ifndef COW_RENDER_COW_H
#define COW_RENDER_COW_H

#include "pipelines/demo/render-paint.h"
#include "pipelines/demo/render-pose.h"

typedef struct {
  guint64 key; /* of its patches */
  gboolean calf, patched, blaze, horns;
  double size;                         /* 1: withers at 1.4 m */
  double length, depth, legs, muscles; /* of the trunk, of the legs; 1 is usual */
  double head;
  RenderColour coat, patch, face, muzzle, socks;
} RenderCow;

RenderCow render_cow (guint64 key, gboolean calf);

typedef struct {
  double left, bottom, right, top;
} RenderBounds;

/* Metres; the cow looks to the right and stands on y = 0, the middle of its trunk at x = 0. */
typedef struct {
  double trunk_cos, trunk_sin, trunk_length, trunk_depth, arch;
  RenderPoint trunk;                                     /* its middle */
  RenderPoint leg[RENDER_N_LEGS][RENDER_N_SEGMENTS + 1]; /* root to fetlock */
  RenderPoint hoof[RENDER_N_LEGS];                       /* its tip */
  RenderPoint neck, poll, muzzle, forehead, tail;
  double unit; /* metres a unit of the tables: radii are times this */
} RenderSkeleton;

RenderSkeleton render_skeleton (const RenderCow *cow, const RenderPose *pose);
/* A point of the trunk, given as on a cow of size 1 with the middle of the trunk as origin. */
RenderPoint render_trunk_point (const RenderSkeleton *self, double x, double y);
/* Radius of a leg at one of its joints, metres. */
double render_leg_radius (const RenderSkeleton *self, RenderLeg leg, int joint);
/* What the cow takes of the picture, without props. */
RenderBounds render_skeleton_bounds (const RenderSkeleton *self);

/* The trunk's outline, anticlockwise, for render_trunk_point. */
#define RENDER_N_OUTLINE 14
extern const RenderPoint render_outline[RENDER_N_OUTLINE];

#define RENDER_NECK_RADIUS   0.26
#define RENDER_POLL_RADIUS   0.145
#define RENDER_MUZZLE_RADIUS 0.092

/* Draws the cow with the pen at its origin and y up. `shine`: its eyes send an infrared lamp's
 * light back. */
void render_cow_draw (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *skeleton,
                      const RenderPose *pose, gboolean shine);
/* The trunk's patches and the neck's colours, inside whatever is clipped. */
void render_coat_draw (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *skeleton);
/* The head with ears, in front of the neck. */
void render_head_draw (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *skeleton,
                       const RenderPose *pose, gboolean shine);

#endif
