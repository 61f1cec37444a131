/* SPDX-License-Identifier: MIT */
/* How a cow looks. */
#include "gst-plugin/behavior/looks.h"

#include <math.h>
#include <string.h>

/* Of the mean so far that stays when a vector is added: light and posture change in a second or
 * two, and one bad picture is not to change whom we look for. */
#define STAYS 0.9

void
gst_cow_looks_clear (GstCowLooks *self)
{
  g_clear_pointer (&self->mean, g_free);
  self->n = 0;
}

static gdouble
dot (const float *a, const float *b, guint n)
{
  gdouble sum = 0;

  for (guint i = 0; i < n; i++)
    sum += (gdouble)a[i] * (gdouble)b[i];
  return sum;
}

/* 1 over its length; 0 where it has none. */
static gdouble
scale_of (const float *vector, guint n)
{
  const gdouble squares = dot (vector, vector, n);

  return squares > 0 && isfinite (squares) ? 1 / sqrt (squares) : 0;
}

void
gst_cow_looks_add (GstCowLooks *self, const float *embedding, guint n)
{
  gdouble scale = n > 0 && n <= GST_COW_LOOKS_MAX ? scale_of (embedding, n) : 0;

  if (scale == 0)
    return;
  if (n != self->n) {
    g_free (self->mean);
    self->mean = g_new0 (float, n);
    self->n = n;
  }
  for (guint i = 0; i < n; i++)
    self->mean[i] =
        (float)(STAYS * (gdouble)self->mean[i] + (1 - STAYS) * scale * (gdouble)embedding[i]);
  scale = scale_of (self->mean, n);
  for (guint i = 0; i < n; i++)
    self->mean[i] = (float)(scale * (gdouble)self->mean[i]);
}

gdouble
gst_cow_looks_compare (const GstCowLooks *self, const float *embedding, guint n)
{
  gdouble scale;

  if (!self->mean || !embedding || n != self->n)
    return NAN;
  scale = scale_of (embedding, n);
  return scale > 0 ? scale * dot (self->mean, embedding, n) : NAN;
}
