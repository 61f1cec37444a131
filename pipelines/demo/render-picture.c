/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/render-picture.h"

#include <math.h>

const char *const render_styles[] = { "day", "night", "mixed", NULL };

/* The parts that have keys of their own within a shot. */
enum {
  PART_POSE = 10,
  PART_FRAME,
  PART_BEHIND,
  PART_BEFORE,
  PART_OPPONENT,
  PART_PROP,
  PART_GRAIN,
  PART_BARN,
  PART_TILT,
  PART_SENSOR
};

RenderLight
render_style_light (RenderStyle style, guint64 camera_key)
{
  RenderDice dice = render_dice (camera_key, 0);
  const double choice = render_unit (&dice);

  if (style == RENDER_STYLE_NIGHT || (style == RENDER_STYLE_MIXED && choice > 0.7))
    return RENDER_NIGHT;
  return choice < 0.5 ? RENDER_DAY : RENDER_DUSK;
}

const char *
render_light_name (RenderLight light)
{
  static const char *const names[] = { "day", "dusk", "night" };
  return names[light];
}

static RenderActor
make_actor (const RenderShot *shot)
{
  RenderDice dice = render_dice (shot->key, PART_POSE);
  RenderActor actor = { .cow = render_cow (shot->cow_key, shot->calf),
                        .behaviour = shot->behaviour,
                        .scale = 1 };
  const guint64 prop_key = cow_random_key (shot->key, PART_PROP);

  actor.facing = render_chance (&dice, 0.5) ? 1 : -1;
  actor.pose = render_pose_random (shot->behaviour, &dice);
  actor.prop = render_prop_for (shot->behaviour, &actor.cow, &actor.pose, prop_key);
  /* A cow that stands at a trough need not drink, so some standing cows get one. */
  if (shot->behaviour == RENDER_STANDING && render_chance (&dice, 0.15))
    actor.prop = render_prop_for (RENDER_DRINKING, &actor.cow,
                                  render_pose_typical (RENDER_DRINKING), prop_key);
  return actor;
}

/* The camera's view of this cow. */
typedef struct {
  int width, height;
  double turn, squash, shear; /* radians; vertical factor; shift to the side per unit of height */
} Frame;

/* Makes the picture from a detector's box with its margins and errors, and places the actor in
 * it. */
static Frame
frame_actor (RenderActor *actor, const RenderShot *shot)
{
  RenderDice dice = render_dice (shot->key, PART_FRAME),
             tilt = render_dice (shot->camera_key, PART_TILT);
  RenderBox box = render_actor_box (actor);
  const double left = render_between (&dice, -0.03, 0.12) * box.width,
               right = render_between (&dice, -0.03, 0.12) * box.width;
  const double top = render_between (&dice, -0.02, 0.16) * box.height,
               bottom = render_between (&dice, 0, 0.14) * box.height;
  Frame frame = { .squash = render_between (&tilt, 0.86, 1.04) };

  frame.shear = render_between (&tilt, -0.12, 0.12);
  frame.turn = render_between (&tilt, -0.06, 0.06) + render_between (&dice, -0.03, 0.03);
  box.x -= left;
  box.y -= top;
  box.width += left + right;
  box.height += top + bottom;
  const double scale = shot->size / MAX (box.width, box.height * frame.squash);
  frame.width = MAX ((int)lround (box.width * scale), 8);
  frame.height = MAX ((int)lround (box.height * frame.squash * scale), 8);
  actor->scale = scale;
  actor->x = -box.x * scale;
  actor->y = -box.y * scale;
  return frame;
}

static void
draw_barn (cairo_t *cr, const RenderActor *actor, const Frame *frame, const RenderShot *shot)
{
  RenderDice dice = render_dice (shot->camera_key, PART_BARN),
             place = render_dice (shot->key, PART_BARN);
  const double width = frame->width, height = frame->height / frame->squash;
  const gboolean often_straw =
      shot->behaviour == RENDER_LYING || render_behaviour_is_play (shot->behaviour);
  const RenderBarn barn = {
    .area = { -0.4 * width - render_unit (&place) * width, -height, 2.8 * width, 2.6 * height },
    .floor_y = actor->y - actor->scale * render_between (&place, 0.25, 1.0) * actor->cow.size,
    .unit = actor->scale,
    .straw = render_chance (&place, often_straw ? 0.7 : 0.3),
    .key = dice.key,
  };

  render_barn_draw (cr, &barn, shot->light);
}

/* Draws other cows of the herd, farther away. */
static void
draw_behind (cairo_t *cr, const RenderActor *actor, const RenderShot *shot)
{
  static const RenderBehaviour idle[] = { RENDER_STANDING, RENDER_LYING, RENDER_WALKING,
                                          RENDER_FEEDING_DOWN };
  RenderDice dice = render_dice (shot->key, PART_BEHIND);

  for (int count = render_chance (&dice, 0.25) ? 1 + render_pick (&dice, 2) : 0; count > 0;
       count--) {
    const guint64 key = cow_random_key (dice.key, 100 + (guint64)count);
    RenderActor other = { .cow = render_cow (key, shot->calf),
                          .behaviour = idle[render_pick (&dice, G_N_ELEMENTS (idle))] };
    other.pose = render_pose_random (other.behaviour, &dice);
    other.facing = render_chance (&dice, 0.5) ? 1 : -1;
    other.scale = actor->scale * render_between (&dice, 0.6, 0.8);
    other.x = actor->x + actor->scale * render_between (&dice, -1.9, 1.9) * actor->cow.size;
    other.y = actor->y - actor->scale * render_between (&dice, 0.25, 0.6) * actor->cow.size;
    render_actor_draw (cr, &other, shot->light);
  }
}

/* Draws a rail or a post between camera and cow. */
static void
draw_pipes (cairo_t *cr, const RenderActor *actor, const RenderBox *box, RenderDice *dice)
{
  const RenderColour colour =
      render_shade ((RenderColour){ 0.58, 0.60, 0.62 }, render_between (dice, 0.6, 1.2));
  const double width = actor->scale * render_between (dice, 0.04, 0.09), far = 2 * box->width;

  if (render_chance (dice, 0.65)) {
    const double y = box->y + box->height * render_between (dice, 0.3, 1),
                 slope = render_between (dice, -0.08, 0.08) * far;
    render_pipe (cr, (RenderPoint){ box->x - far, y - slope },
                 (RenderPoint){ box->x + far, y + slope }, width, colour);
  }
  if (render_chance (dice, 0.55)) {
    const double x = box->x + box->width * render_unit (dice);
    render_pipe (cr, (RenderPoint){ x, box->y - far }, (RenderPoint){ x, box->y + far },
                 width * 1.3, colour);
  }
}

/* Draws part of a nearer cow at one edge. */
static void
draw_neighbour (cairo_t *cr, const RenderActor *actor, const RenderBox *box, const RenderShot *shot,
                RenderDice *dice)
{
  RenderActor other = { .cow = render_cow (cow_random_key (dice->key, 100), shot->calf),
                        .behaviour = RENDER_STANDING };
  const gboolean at_left = render_chance (dice, 0.5);

  other.pose = render_pose_random (RENDER_STANDING, dice);
  other.scale = actor->scale * render_between (dice, 1.05, 1.25);
  other.y = actor->y + actor->scale * render_between (dice, 0.2, 0.4);
  /* Its rump covers up to a fifth of the picture from the edge. */
  const double reach = box->width * render_between (dice, 0.05, 0.2),
               rump = 0.95 * other.scale * other.cow.size * other.cow.length;
  other.facing = at_left ? -1 : 1;
  other.x = at_left ? box->x + reach - rump : box->x + box->width - reach + rump;
  render_actor_draw (cr, &other, shot->light);
}

static void
draw_before (cairo_t *cr, const RenderActor *actor, const RenderShot *shot)
{
  RenderDice dice = render_dice (shot->key, PART_BEFORE);
  const RenderBox box = render_actor_box (actor);

  if (render_chance (&dice, 0.12))
    draw_neighbour (cr, actor, &box, shot, &dice);
  if (render_chance (&dice, 0.3))
    draw_pipes (cr, actor, &box, &dice);
}

static void
draw_opponent (cairo_t *cr, const RenderActor *actor, const RenderShot *shot)
{
  RenderDice dice = render_dice (shot->key, PART_OPPONENT);
  const RenderCow cow = render_cow (cow_random_key (dice.key, 0), shot->calf);
  const RenderPose pose = render_pose_random (RENDER_PUSHING, &dice);
  const RenderActor opponent = render_opponent (actor, &cow, &pose);

  render_actor_draw (cr, &opponent, shot->light);
}

cairo_surface_t *
render_picture (const RenderShot *shot)
{
  RenderActor actor = make_actor (shot);
  const Frame frame = frame_actor (&actor, shot);
  cairo_surface_t *surface =
      cairo_image_surface_create (CAIRO_FORMAT_RGB24, frame.width, frame.height);
  cairo_t *cr = cairo_create (surface);
  const double middle_x = frame.width / 2.0, middle_y = frame.height / 2.0;

  cairo_translate (cr, middle_x, middle_y);
  cairo_rotate (cr, frame.turn);
  cairo_transform (cr, &(cairo_matrix_t){ 1, 0, frame.shear, frame.squash, 0, 0 });
  cairo_translate (cr, -middle_x, -middle_y / frame.squash);
  draw_barn (cr, &actor, &frame, shot);
  draw_behind (cr, &actor, shot);
  if (shot->behaviour == RENDER_PUSHING)
    draw_opponent (cr, &actor, shot);
  render_actor_draw (cr, &actor, shot->light);
  draw_before (cr, &actor, shot);
  cairo_destroy (cr);
  const RenderCamera camera =
      render_camera (cow_random_key (shot->camera_key, PART_SENSOR), shot->light);
  render_camera_apply (&camera, surface, cow_random_key (shot->key, PART_GRAIN));
  return surface;
}
