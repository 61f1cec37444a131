/* SPDX-License-Identifier: MIT */
/* How a cow holds itself: tables of joint angles by behaviour, and gaits as functions of their
 * phase. */
#ifndef COW_RENDER_POSE_H
#define COW_RENDER_POSE_H

#include "pipelines/demo/render-dice.h"

/* In the order of the recipes' nine classes. */
typedef enum {
  RENDER_DRINKING,
  RENDER_FEEDING_DOWN,
  RENDER_FEEDING_UP,
  RENDER_LYING,
  RENDER_STANDING,
  RENDER_WALKING,
  RENDER_PUSHING,
  RENDER_GALLOP,
  RENDER_LEAP,
  RENDER_N_BEHAVIOURS
} RenderBehaviour;

/* The class's label, which is also its folder's name. */
const char *render_behaviour_label (RenderBehaviour behaviour);
/* Whether it is play, which only calves do. */
gboolean render_behaviour_is_play (RenderBehaviour behaviour);

typedef enum {
  RENDER_NEAR_FORE,
  RENDER_FAR_FORE,
  RENDER_NEAR_HIND,
  RENDER_FAR_HIND,
  RENDER_N_LEGS
} RenderLeg;

#define RENDER_N_SEGMENTS                                                                          \
  3 /* of a leg, without the hoof: shoulder to elbow to knee to fetlock; hip to stifle to hock to  \
       fetlock */

/* All members are doubles, so that two poses can be mixed number by number. Unless said otherwise,
 * they are degrees. */
typedef struct {
  double pitch;      /* of the trunk; nose up */
  double arch;       /* of the back: how far its ends hang down, metres */
  double lift;       /* of the lowest point above the ground, metres */
  double neck, head; /* above the horizontal */
  double leg[RENDER_N_LEGS][RENDER_N_SEGMENTS]; /* from straight down; forward */
  double tail;                                  /* away from the body; 0 hangs */
  double chewing;                               /* 0 to 1: stalks in the mouth */
} RenderPose;

/* Returns a pose at a random moment of the behaviour. */
RenderPose render_pose_random (RenderBehaviour behaviour, RenderDice *dice);
/* Returns the pose of a gait or of a jump at a phase in [0, 1); in other behaviours the cow sways a
 * little. */
RenderPose render_pose_at (RenderBehaviour behaviour, double phase);
/* The behaviour's pose without any variation. */
const RenderPose *render_pose_typical (RenderBehaviour behaviour);
RenderPose render_pose_mix (const RenderPose *a, const RenderPose *b, double part_of_b);

#endif
