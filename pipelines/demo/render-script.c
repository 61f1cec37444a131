/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/render-script.h"

#include <math.h>

#define MOST_ACTS 4
#define NOBODY    -1

/* One behaviour of a role's round and its range of seconds. */
typedef struct {
  RenderBehaviour behaviour;
  double shortest, longest;
} Act;

typedef struct {
  const char *name;
  gboolean calf;
  double x, y, scale; /* pixels; pixels a metre */
  double left, right; /* where a moving animal turns round, pixels */
  int facing;
  RenderBehaviour place; /* the trough, fence or bedding of this behaviour always stands there */
  int n_acts;
  Act acts[MOST_ACTS];
  int opponent; /* index of the earlier role that it pushes, or NOBODY */
} Role;

/* The roles from back to front. The second calf of the pair follows the first, so its acts have no
 * length of their own. */
static const Role roles[RENDER_N_ROLES] = {
  {
      .name = "rest-1",
      .x = 88,
      .y = 178,
      .scale = 50,
      .facing = 1,
      .place = RENDER_LYING,
      .n_acts = 2,
      .acts = { { RENDER_LYING, 6, 9 }, { RENDER_STANDING, 3, 5 } },
      .opponent = NOBODY,
  },
  {
      .name = "feed-1",
      .x = 262,
      .y = 180,
      .scale = 50,
      .facing = 1,
      .place = RENDER_FEEDING_DOWN,
      .n_acts = 2,
      .acts = { { RENDER_FEEDING_DOWN, 3, 6 }, { RENDER_FEEDING_UP, 3, 5 } },
      .opponent = NOBODY,
  },
  {
      .name = "water-1",
      .x = 568,
      .y = 180,
      .scale = 50,
      .facing = -1,
      .place = RENDER_DRINKING,
      .n_acts = 2,
      .acts = { { RENDER_DRINKING, 4, 6 }, { RENDER_STANDING, 3, 4 } },
      .opponent = NOBODY,
  },
  {
      .name = "push-1",
      .calf = TRUE,
      .x = 452,
      .y = 252,
      .scale = 66,
      .facing = 1,
      .place = RENDER_PUSHING,
      .n_acts = 2,
      .acts = { { RENDER_PUSHING, 4, 6 }, { RENDER_STANDING, 2, 3 } },
      .opponent = NOBODY,
  },
  {
      .name = "push-2",
      .calf = TRUE,
      .x = 0,
      .y = 252,
      .scale = 66,
      .facing = -1,
      .place = RENDER_PUSHING,
      .n_acts = 2,
      .acts = { { RENDER_PUSHING, 0, 0 }, { RENDER_STANDING, 0, 0 } },
      .opponent = 3,
  },
  {
      .name = "walk-1",
      .x = 130,
      .y = 262,
      .scale = 56,
      .facing = 1,
      .place = RENDER_WALKING,
      .n_acts = 2,
      .acts = { { RENDER_WALKING, 4, 6 }, { RENDER_STANDING, 2, 4 } },
      .left = 112,
      .right = 300,
      .opponent = NOBODY,
  },
  {
      .name = "play-1",
      .calf = TRUE,
      .x = 90,
      .y = 345,
      .scale = 74,
      .facing = 1,
      .place = RENDER_GALLOP,
      .n_acts = 4,
      .acts = { { RENDER_GALLOP, 2.4, 3.6 },
                { RENDER_LEAP, 1.8, 2.7 },
                { RENDER_WALKING, 1.5, 3 },
                { RENDER_STANDING, 1.5, 2.5 } },
      .left = 84,
      .right = 556,
      .opponent = NOBODY,
  },
};

/* Metres per second and cycles per second, on a cow of size 1; a smaller animal makes shorter
 * steps, and more of them. */
static const double speeds[RENDER_N_BEHAVIOURS] = {
  [RENDER_WALKING] = 0.8, [RENDER_GALLOP] = 3.4, [RENDER_LEAP] = 1.6
};
static const double cadences[RENDER_N_BEHAVIOURS] = {
  [RENDER_DRINKING] = 0.5, [RENDER_FEEDING_DOWN] = 0.6, [RENDER_FEEDING_UP] = 0.9,
  [RENDER_LYING] = 0.2,    [RENDER_STANDING] = 0.25,    [RENDER_WALKING] = 0.75,
  [RENDER_PUSHING] = 0.6,  [RENDER_GALLOP] = 2.1,       [RENDER_LEAP] = 1.1,
};

#define CHANGE_SECONDS 0.6
#define STEP_BACK                                                                                  \
  0.45 /* metres, on a cow of size 1: two that have pushed step apart, or their heads would cross */

/* The place of a role in its round. */
typedef struct {
  RenderDice dice;
  int act;
  double elapsed, length; /* of the act, seconds */
  double phase;
  double home;       /* x of an animal that pushes, pixels */
  RenderPose before; /* the pose in which the act began */
} Progress;

struct _RenderScript {
  RenderRoleState states[RENDER_N_ROLES];
  Progress progress[RENDER_N_ROLES];
  guint64 frame;
};

static const Act *
current_act (const RenderScript *self, int role)
{
  return &roles[role].acts[self->progress[role].act];
}

static void
begin_act (RenderScript *self, int role, int act)
{
  Progress *progress = &self->progress[role];
  const Act *next = &roles[role].acts[act];

  progress->act = act;
  progress->elapsed = 0;
  progress->length = render_between (&progress->dice, next->shortest, next->longest);
  progress->before = self->states[role].actor.pose;
  progress->phase = 0;
}

/* Between two acts the pose changes smoothly, and the label changes half-way. */
static void
pose_role (RenderScript *self, int role)
{
  const Progress *progress = &self->progress[role];
  RenderRoleState *state = &self->states[role];
  const RenderBehaviour behaviour = current_act (self, role)->behaviour;
  const RenderPose pose = render_pose_at (behaviour, progress->phase);
  const double part = MIN (progress->elapsed / CHANGE_SECONDS, 1),
               smooth = part * part * (3 - 2 * part);

  state->changing = part < 1;
  state->actor.pose = render_pose_mix (&progress->before, &pose, smooth);
  if (part >= 0.5)
    state->actor.behaviour = behaviour;
}

/* Moves an animal to its opponent while it pushes, and away again. */
static void
move_pushing (RenderScript *self, int role)
{
  const Progress *progress = &self->progress[role];
  RenderActor *actor = &self->states[role].actor;
  const double change = MIN (progress->elapsed / CHANGE_SECONDS, 1);
  const double away = current_act (self, role)->behaviour == RENDER_PUSHING ? 1 - change : change;

  actor->x = progress->home - actor->facing * away * STEP_BACK * actor->cow.size * actor->scale;
}

static void
move_role (RenderScript *self, int role, double seconds)
{
  RenderActor *actor = &self->states[role].actor;

  actor->x += actor->facing * speeds[actor->behaviour] * actor->cow.size * actor->scale * seconds;
  if (roles[role].right > 0 && (actor->x < roles[role].left || actor->x > roles[role].right)) {
    actor->x = CLAMP (actor->x, roles[role].left, roles[role].right);
    actor->facing = -actor->facing;
  }
}

static void
place_prop (RenderScript *self, int role)
{
  RenderActor *actor = &self->states[role].actor;

  if (actor->behaviour == RENDER_GALLOP)
    actor->prop = render_prop_for (RENDER_GALLOP, &actor->cow, &actor->pose, self->frame / 2);
  else if (actor->prop.kind == RENDER_PROP_DUST)
    actor->prop.kind = RENDER_PROP_NONE;
}

static void
advance_role (RenderScript *self, int role)
{
  const double seconds = 1.0 / RENDER_VIDEO_RATE;
  Progress *progress = &self->progress[role];
  const int leader = roles[role].opponent;

  progress->elapsed += seconds;
  progress->phase =
      fmod (progress->phase + cadences[current_act (self, role)->behaviour] * seconds, 1);
  if (leader != NOBODY) {
    if (self->progress[leader].act != progress->act)
      begin_act (self, role, self->progress[leader].act);
  } else if (progress->elapsed >= progress->length)
    begin_act (self, role, (progress->act + 1) % roles[role].n_acts);
  pose_role (self, role);
  if (roles[role].place == RENDER_PUSHING)
    move_pushing (self, role);
  else
    move_role (self, role, seconds);
  place_prop (self, role);
}

/* Places the second of a pair where its forehead meets the first one's. */
static void
place_opponent (RenderScript *self, int role)
{
  const RenderPose *pushing = render_pose_typical (RENDER_PUSHING);
  RenderActor leader = self->states[roles[role].opponent].actor, *actor = &self->states[role].actor;

  leader.pose = *pushing;
  actor->x = render_opponent (&leader, &actor->cow, pushing).x;
}

static void
start_role (RenderScript *self, int role, guint64 seed)
{
  const Role *given = &roles[role];
  Progress *progress = &self->progress[role];
  RenderActor *actor = &self->states[role].actor;

  progress->dice = render_dice (seed, 10 + (guint64)role);
  self->states[role].name = given->name;
  *actor = (RenderActor){
    .cow = render_cow (cow_random_key (seed, 20 + (guint64)role), given->calf),
    .behaviour = given->acts[0].behaviour,
    .pose = render_pose_at (given->acts[0].behaviour, 0),
    .x = given->x,
    .y = given->y,
    .scale = given->scale,
    .facing = given->facing,
  };
  actor->prop = render_prop_for (given->place, &actor->cow, render_pose_typical (given->place),
                                 cow_random_key (seed, 30 + (guint64)role));
  begin_act (self, role, 0);
  progress->elapsed = CHANGE_SECONDS;
  if (given->opponent != NOBODY)
    place_opponent (self, role);
  progress->home = actor->x;
  pose_role (self, role);
  place_prop (self, role);
}

RenderScript *
render_script_new (guint64 seed)
{
  RenderScript *self = g_new0 (RenderScript, 1);

  for (int role = 0; role < RENDER_N_ROLES; role++)
    start_role (self, role, seed);
  return self;
}

void
render_script_free (RenderScript *self)
{
  g_free (self);
}

const RenderRoleState *
render_script_states (const RenderScript *self)
{
  return self->states;
}

void
render_script_step (RenderScript *self)
{
  self->frame++;
  for (int role = 0; role < RENDER_N_ROLES; role++)
    advance_role (self, role);
}
