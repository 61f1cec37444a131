/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/render-pose.h"

#include <math.h>

static const char *const labels[RENDER_N_BEHAVIOURS] = {
  "Drinking", "Feeding head down", "Feeding head up", "Lying", "Standing",
  "Walking",  "frontal_pushing",   "gallop",          "leap",
};

#define STANDING_LEGS                                                                              \
  {                                                                                                \
    { -24, 4, 0 }, { -20, 10, 5 }, { 14, -26, 4 },                                                 \
    {                                                                                              \
      20, -20, 8                                                                                   \
    }                                                                                              \
  }
/* A lying cow rests on its breastbone: forelegs folded under it, hind legs brought forward beside
 * the belly. */
#define FOLDED_LEGS                                                                                \
  {                                                                                                \
    { 10, 82, -96 }, { 20, 80, -80 }, { 62, -62, 86 },                                             \
    {                                                                                              \
      74, -50, 88                                                                                  \
    }                                                                                              \
  }

static const RenderPose typical[RENDER_N_BEHAVIOURS] = {
  [RENDER_DRINKING] = { .neck = -20, .head = -64, .leg = STANDING_LEGS, .tail = 4, .pitch = -2 },
  [RENDER_FEEDING_DOWN] = { .neck = -40,
                            .head = -72,
                            .leg = STANDING_LEGS,
                            .tail = 4,
                            .pitch = -3 },
  [RENDER_FEEDING_UP] = { .neck = 20, .head = -20, .leg = STANDING_LEGS, .tail = 4, .chewing = 1 },
  [RENDER_LYING] = { .neck = 34, .head = -34, .leg = FOLDED_LEGS, .tail = 12, .pitch = 1 },
  [RENDER_STANDING] = { .neck = 26, .head = -38, .leg = STANDING_LEGS, .tail = 3 },
  [RENDER_WALKING] = { .neck = 14, .head = -40, .leg = STANDING_LEGS, .tail = 8 },
  [RENDER_PUSHING] = { .neck = -8,
                       .head = -66,
                       .pitch = -5,
                       .arch = 0.05,
                       .leg = { { -10, 20, 18 },
                                { -30, -4, -10 },
                                { -8, -52, -26 },
                                { 8, -36, -14 } },
                       .tail = 24 },
  [RENDER_GALLOP] = { .neck = 22,
                      .head = -22,
                      .lift = 0.10,
                      .leg = { { 10, 62, 52 },
                               { 25, 76, 40 },
                               { -34, -62, -58 },
                               { -20, -54, -74 } },
                      .tail = 62 },
  [RENDER_LEAP] = { .neck = 30,
                    .head = -20,
                    .pitch = 24,
                    .arch = 0.10,
                    .lift = 0.45,
                    .leg = { { 5, 66, -62 },
                             { 20, 80, -40 },
                             { -26, -58, -44 },
                             { -14, -50, -60 } },
                    .tail = 95 },
};

/* A cow that lies with its chin on the bedding. */
static const RenderPose resting = { .neck = -20, .head = -8, .leg = FOLDED_LEGS, .tail = 10 };
/* The other extreme of the gallop: all legs gathered under the trunk. */
static const RenderPose gathered = {
  .neck = 14,
  .head = -28,
  .pitch = -3,
  .arch = 0.09,
  .lift = 0.16,
  .leg = { { -34, -12, -74 }, { -30, 6, -56 }, { 48, 8, 38 }, { 40, -10, 30 } },
  .tail = 48
};
/* The end of a leap: the calf comes down on its forelegs and kicks out behind. */
static const RenderPose buck = {
  .neck = 4,
  .head = -42,
  .pitch = -22,
  .arch = 0.12,
  .lift = 0.22,
  .leg = { { -6, 26, 14 }, { 8, 34, 6 }, { -38, -82, -84 }, { -30, -66, -98 } },
  .tail = 108
};

const char *
render_behaviour_label (RenderBehaviour behaviour)
{
  return labels[behaviour];
}

gboolean
render_behaviour_is_play (RenderBehaviour behaviour)
{
  return behaviour >= RENDER_PUSHING;
}

const RenderPose *
render_pose_typical (RenderBehaviour behaviour)
{
  return &typical[behaviour];
}

RenderPose
render_pose_mix (const RenderPose *a, const RenderPose *b, double part)
{
  RenderPose mixed;
  const double *from = (const double *)a, *to = (const double *)b;
  double *out = (double *)&mixed;

  for (gsize i = 0; i < sizeof mixed / sizeof *out; i++)
    out[i] = from[i] + (to[i] - from[i]) * part;
  return mixed;
}

/* Sets one leg of a walk. The hoof moves back on the ground for half of the phase and forward above
 * it for the other half. */
static void
step (double *leg, gboolean hind, double phase)
{
  const double swing = sin (2 * G_PI * phase), raised = MAX (cos (2 * G_PI * phase), 0);

  leg[0] = hind ? 15 + 20 * swing : -22 + 13 * swing;
  leg[1] = hind ? -25 + 15 * swing - 6 * raised : 5 + 25 * swing + 16 * raised;
  leg[2] = hind ? 3 + 23 * swing - 34 * raised : 25 * swing - 46 * raised;
}

/* A cow walks with the hind leg, then the foreleg of one side, then of the other, a quarter of the
 * phase apart. */
static RenderPose
walk_at (double phase)
{
  RenderPose pose = typical[RENDER_WALKING];

  step (pose.leg[RENDER_NEAR_HIND], TRUE, phase);
  step (pose.leg[RENDER_NEAR_FORE], FALSE, phase - 0.25);
  step (pose.leg[RENDER_FAR_HIND], TRUE, phase - 0.5);
  step (pose.leg[RENDER_FAR_FORE], FALSE, phase - 0.75);
  pose.neck += 5 * sin (4 * G_PI * phase);
  pose.tail += 6 * sin (2 * G_PI * phase);
  return pose;
}

static RenderPose
gallop_at (double phase)
{
  /* The legs never gather completely, because in a still picture that looks like a cow that stands
   * badly. */
  RenderPose pose =
      render_pose_mix (&typical[RENDER_GALLOP], &gathered, 0.85 * (1 - cos (2 * G_PI * phase)) / 2);

  pose.pitch += 7 * sin (2 * G_PI * phase);
  return pose;
}

/* A leap is the jump and then the kick. */
static RenderPose
leap_at (double phase)
{
  RenderPose pose = render_pose_mix (&typical[RENDER_LEAP], &buck, (1 - cos (G_PI * phase)) / 2);

  pose.lift = 0.12 + 0.45 * sin (G_PI * phase);
  return pose;
}

RenderPose
render_pose_at (RenderBehaviour behaviour, double phase)
{
  RenderPose pose;

  switch (behaviour) {
  case RENDER_WALKING:
    return walk_at (phase);
  case RENDER_GALLOP:
    return gallop_at (phase);
  case RENDER_LEAP:
    return leap_at (phase);
  default:
    pose = typical[behaviour];
    pose.head += 2.5 * sin (2 * G_PI * phase);
    pose.neck += 1.5 * sin (2 * G_PI * phase + 1);
    pose.tail += 3 * sin (2 * G_PI * phase);
    return pose;
  }
}

/* Varies all joints at random, the head by as much as the behaviour allows. */
static void
vary (RenderPose *pose, double head_spread, RenderDice *dice)
{
  const double nod = render_between (dice, -head_spread, head_spread);

  pose->neck += nod;
  pose->head += nod * 0.6 + render_between (dice, -head_spread, head_spread) * 0.7;
  pose->pitch += render_between (dice, -2, 2);
  pose->tail += render_between (dice, -3, 16);
  for (int leg = 0; leg < RENDER_N_LEGS; leg++) {
    const double swing = render_between (dice, -6, 6);
    for (int i = 0; i < RENDER_N_SEGMENTS; i++)
      pose->leg[leg][i] += swing + render_between (dice, -2, 2);
  }
}

RenderPose
render_pose_random (RenderBehaviour behaviour, RenderDice *dice)
{
  static const double head_spread[RENDER_N_BEHAVIOURS] = { 5, 6, 11, 13, 13, 9, 6, 10, 12 };
  /* The phases are taken from the part of the cycle in which strides are wide. A still picture of
   * legs that pass each other would show no gait. */
  static const double widest[RENDER_N_BEHAVIOURS] = {
    [RENDER_WALKING] = 1, [RENDER_GALLOP] = 0.7, [RENDER_LEAP] = 0.9
  };
  const double reach = widest[behaviour] > 0 ? widest[behaviour] : 1;
  double phase = render_between (dice, 0, reach) - (behaviour == RENDER_GALLOP ? reach / 2 : 0);
  RenderPose pose = render_pose_at (behaviour, phase);

  if (behaviour == RENDER_LYING && render_chance (dice, 0.25))
    pose = resting;
  vary (&pose, head_spread[behaviour], dice);
  return pose;
}
