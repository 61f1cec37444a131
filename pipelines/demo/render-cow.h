/* SPDX-License-Identifier: MIT */
/* A cow's looks (build and coat, both from one key) and the places of its joints in a pose. */
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

/* In metres; the cow looks to the right and stands on y = 0, with the middle of its trunk at x =
 * 0. */
typedef struct {
  double trunk_cos, trunk_sin, trunk_length, trunk_depth, arch;
  RenderPoint trunk;                                     /* its middle */
  RenderPoint leg[RENDER_N_LEGS][RENDER_N_SEGMENTS + 1]; /* root to fetlock */
  RenderPoint hoof[RENDER_N_LEGS];                       /* its tip */
  RenderPoint neck, poll, muzzle, forehead, tail;
  double unit; /* metres per unit of the tables, by which radii are multiplied */
} RenderSkeleton;

RenderSkeleton render_skeleton (const RenderCow *cow, const RenderPose *pose);
/* Maps a point of the trunk, given as on a cow of size 1 with the middle of the trunk as origin. */
RenderPoint render_trunk_point (const RenderSkeleton *self, double x, double y);
/* Returns the radius of a leg at one of its joints, metres. */
double render_leg_radius (const RenderSkeleton *self, RenderLeg leg, int joint);
/* The extent of the cow without props. */
RenderBounds render_skeleton_bounds (const RenderSkeleton *self);

/* The trunk's outline, anticlockwise, in the coordinates of render_trunk_point. */
#define RENDER_N_OUTLINE 14
extern const RenderPoint render_outline[RENDER_N_OUTLINE];

#define RENDER_NECK_RADIUS   0.26
#define RENDER_POLL_RADIUS   0.145
#define RENDER_MUZZLE_RADIUS 0.092

/* Draws the cow with the pen at its origin and y up. With `shine`, its eyes reflect the light of an
 * infrared lamp. */
void render_cow_draw (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *skeleton,
                      const RenderPose *pose, gboolean shine);
/* Draws the trunk's patches and the neck's colours, inside the current clip. */
void render_coat_draw (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *skeleton);
/* Draws the head with its ears, in front of the neck. */
void render_head_draw (cairo_t *cr, const RenderCow *cow, const RenderSkeleton *skeleton,
                       const RenderPose *pose, gboolean shine);

#endif
