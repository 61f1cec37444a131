/* SPDX-License-Identifier: MIT */
/* How a cow moves in the picture. */
#include "gst-plugin/behavior/motion.h"

#include <math.h>

/* Standard deviations as fractions of the box's width, for x and w, or of its height. */
#define SEEN  0.05 /* of a side that a detector draws */
#define START 0.03 /* of the velocity of a cow that was not seen before, a frame */
#define TURN  0.01 /* of the change of velocity in a frame */
#define GROW  0.02 /* of the change of a side in a frame */
/* A cow that is out of sight keeps so much of her velocity from frame to frame: the longer she is
 * hidden, the likelier she stands. */
#define KEPT 0.97
/* Longer gaps count as this: then she may be anywhere. */
#define MOST_FRAMES 1000

CowBounds
gst_cow_bounds_of (const CowRegion *region)
{
  return (CowBounds){ region->x, region->y, region->w, region->h };
}

static gdouble
square (gdouble x)
{
  return x * x;
}

/* ---- one number of a box --------------------------------------------------------------------- */

static GstCowAxis
axis_start (gdouble at, gdouble side, gboolean moves)
{
  return (GstCowAxis){ .at = at,
                       .at_var = square (SEEN * side),
                       .rate_var = moves ? square (START * side) : 0 };
}

/* The frames that a velocity counts for in a gap of n frames: 1 + KEPT + KEPT^2 + ... */
static gdouble
effect (gdouble n)
{
  return (1 - pow (KEPT, n)) / (1 - KEPT);
}

/* `turn` and `grow`: variances of what changes in a frame by chance, of velocity and place. */
static void
axis_predict (GstCowAxis *self, gdouble n, gdouble turn, gdouble grow)
{
  const gdouble moved = effect (n), kept = pow (KEPT, n);

  self->at += self->rate * moved;
  self->at_var += 2 * moved * self->both_var + square (moved) * self->rate_var +
                  turn * n * n * n / 3 + grow * n;
  self->both_var = kept * (self->both_var + moved * self->rate_var) + turn * n * n / 2;
  self->rate *= kept;
  self->rate_var = square (kept) * self->rate_var + turn * n;
}

static void
axis_update (GstCowAxis *self, gdouble seen, gdouble side)
{
  const gdouble sum = self->at_var + square (SEEN * side);
  const gdouble at_gain = self->at_var / sum, rate_gain = self->both_var / sum;
  const gdouble surprise = seen - self->at;

  self->at += at_gain * surprise;
  self->rate += rate_gain * surprise;
  self->rate_var -= rate_gain * self->both_var;
  self->both_var *= 1 - at_gain;
  self->at_var *= 1 - at_gain;
}

/* ---- a box ----------------------------------------------------------------------------------- */

static void
advance (GstCowMotion *self, guint64 frames)
{
  const gdouble n = (gdouble)MIN (frames, MOST_FRAMES);
  const gdouble w = self->w.at, h = self->h.at;

  axis_predict (&self->x, n, square (TURN * w), 0);
  axis_predict (&self->y, n, square (TURN * h), 0);
  axis_predict (&self->w, n, 0, square (GROW * w));
  axis_predict (&self->h, n, 0, square (GROW * h));
}

void
gst_cow_motion_start (GstCowMotion *self, const CowRegion *box)
{
  self->x = axis_start (box->x + box->w / 2., box->w, TRUE);
  self->y = axis_start (box->y + box->h / 2., box->h, TRUE);
  self->w = axis_start (box->w, box->w, FALSE);
  self->h = axis_start (box->h, box->h, FALSE);
}

CowBounds
gst_cow_motion_predict (const GstCowMotion *self, guint64 frames)
{
  const gdouble n = effect ((gdouble)MIN (frames, MOST_FRAMES));
  const gdouble x = self->x.at + self->x.rate * n, y = self->y.at + self->y.rate * n;

  return (CowBounds){ x - self->w.at / 2, y - self->h.at / 2, self->w.at, self->h.at };
}

void
gst_cow_motion_update (GstCowMotion *self, guint64 frames, const CowRegion *box)
{
  advance (self, frames);
  axis_update (&self->x, box->x + box->w / 2., box->w);
  axis_update (&self->y, box->y + box->h / 2., box->h);
  axis_update (&self->w, box->w, box->w);
  axis_update (&self->h, box->h, box->h);
}
