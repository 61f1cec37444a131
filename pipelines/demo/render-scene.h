/* SPDX-License-Identifier: MIT */
/* A barn with cows in it, drawn from back to front. Coordinates are pixels with y down. */
#ifndef COW_RENDER_SCENE_H
#define COW_RENDER_SCENE_H

#include "pipelines/demo/render-props.h"

typedef enum { RENDER_DAY, RENDER_DUSK, RENDER_NIGHT } RenderLight;

/* A cow and its place in the picture. */
typedef struct {
  RenderCow cow;
  RenderBehaviour behaviour;
  RenderPose pose;
  RenderProp prop;
  double x, y;  /* of its origin on the ground */
  double scale; /* pixels a metre */
  int facing;   /* 1 to the right, -1 to the left */
} RenderActor;

typedef struct {
  double x, y, width, height;
} RenderBox;

void render_actor_draw (cairo_t *cr, const RenderActor *actor, RenderLight light);
/* The box that a detector would put around the cow. A pushing cow's box includes the other's head,
 * without which it would not look like pushing. */
RenderBox render_actor_box (const RenderActor *actor);
/* Returns the second of two cows that push: its forehead touches the first one's. */
RenderActor render_opponent (const RenderActor *actor, const RenderCow *cow,
                             const RenderPose *pose);

/* The empty barn. */
typedef struct {
  RenderBox area;
  double floor_y; /* where the wall meets the floor */
  double unit;    /* pixels a metre near the camera */
  gboolean straw; /* or concrete */
  guint64 key;    /* of wall, windows, stains */
} RenderBarn;

void render_barn_draw (cairo_t *cr, const RenderBarn *barn, RenderLight light);

#endif
