/* SPDX-License-Identifier: MIT */
#include "pipelines/demo/render-cow.h"

typedef struct {
  RenderColour coat, patch, face, muzzle, socks;
  gboolean patched;
  double share; /* cumulative share of the herd */
} Breed;

static const RenderColour white = { 0.94, 0.92, 0.88 }, black = { 0.13, 0.12, 0.13 },
                          pink = { 0.85, 0.66, 0.62 };

/* The recipes' pictures come from milk barns, where most cows are Holsteins. */
static const Breed breeds[] = {
  { { 0.94, 0.92, 0.88 },
    { 0.13, 0.12, 0.13 },
    { 0.15, 0.14, 0.14 },
    { 0.72, 0.58, 0.56 },
    { 0.94, 0.92, 0.88 },
    TRUE,
    0.40 },
  { { 0.14, 0.13, 0.14 },
    { 0.93, 0.91, 0.88 },
    { 0.14, 0.13, 0.14 },
    { 0.40, 0.36, 0.36 },
    { 0.90, 0.88, 0.85 },
    TRUE,
    0.60 },
  { { 0.93, 0.90, 0.85 },
    { 0.56, 0.27, 0.15 },
    { 0.58, 0.29, 0.17 },
    { 0.87, 0.68, 0.62 },
    { 0.93, 0.90, 0.85 },
    TRUE,
    0.73 },
  { { 0.55, 0.35, 0.22 },
    { 0.47, 0.29, 0.18 },
    { 0.48, 0.30, 0.20 },
    { 0.86, 0.80, 0.72 },
    { 0.42, 0.27, 0.18 },
    FALSE,
    0.87 },
  { { 0.76, 0.59, 0.40 },
    { 0.70, 0.53, 0.35 },
    { 0.64, 0.47, 0.31 },
    { 0.30, 0.26, 0.25 },
    { 0.55, 0.40, 0.28 },
    FALSE,
    0.95 },
  { { 0.20, 0.17, 0.16 },
    { 0.17, 0.15, 0.14 },
    { 0.18, 0.15, 0.15 },
    { 0.33, 0.29, 0.28 },
    { 0.19, 0.16, 0.16 },
    FALSE,
    1.00 },
};

static void
choose_coat (RenderCow *cow, RenderDice *dice)
{
  const double share = render_unit (dice);
  const Breed *breed = breeds;

  while (share >= breed->share)
    breed++;
  const double tone = render_between (dice, 0.9, 1.08);

  cow->patched = breed->patched;
  cow->coat = render_shade (breed->coat, tone);
  cow->patch = render_shade (breed->patch, tone);
  cow->face =
      render_chance (dice, 0.2) && breed->patched ? white : render_shade (breed->face, tone);
  cow->muzzle = render_mix (breed->muzzle, render_chance (dice, 0.5) ? pink : black,
                            render_between (dice, 0, 0.4));
  cow->socks = render_shade (breed->socks, tone);
  cow->blaze = breed->patched && render_chance (dice, 0.7);
}

RenderCow
render_cow (guint64 key, gboolean calf)
{
  RenderDice dice = render_dice (key, 0);
  RenderCow cow = {
    .key = key,
    .calf = calf,
    .size = calf ? render_between (&dice, 0.52, 0.66) : render_between (&dice, 0.92, 1.07),
    .length = calf ? render_between (&dice, 0.80, 0.88) : render_between (&dice, 0.95, 1.06),
    .depth = calf ? render_between (&dice, 0.74, 0.82) : render_between (&dice, 0.92, 1.08),
    .legs = calf ? render_between (&dice, 1.05, 1.15) : render_between (&dice, 0.95, 1.05),
    .muscles = calf ? render_between (&dice, 0.80, 0.92) : render_between (&dice, 0.92, 1.06),
    .head = calf ? render_between (&dice, 1.02, 1.12) : render_between (&dice, 0.94, 1.05),
  };

  cow.horns = !calf && render_chance (&dice, 0.15);
  choose_coat (&cow, &dice);
  return cow;
}
