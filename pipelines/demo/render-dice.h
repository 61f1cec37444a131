/* SPDX-License-Identifier: MIT */
/* A stream of random numbers from one key, for the renderer. Every part of a picture has its own
 * key, so that one more rail does not change the cow. */
#ifndef COW_RENDER_DICE_H
#define COW_RENDER_DICE_H

#include "model/training/random.h"

typedef struct {
  guint64 key, next;
} RenderDice;

static inline RenderDice
render_dice (guint64 key, guint64 part)
{
  return (RenderDice){ .key = cow_random_key (key, part) };
}

static inline double
render_unit (RenderDice *dice)
{
  return cow_random_unit (dice->key, dice->next++);
}

static inline double
render_between (RenderDice *dice, double low, double high)
{
  return low + (high - low) * render_unit (dice);
}

static inline gboolean
render_chance (RenderDice *dice, double probability)
{
  return render_unit (dice) < probability;
}

/* 0 to n - 1 */
static inline int
render_pick (RenderDice *dice, int n)
{
  return (int)(render_unit (dice) * n);
}

#endif
