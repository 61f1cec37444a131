/* SPDX-License-Identifier: MIT */
#include "trainer/train/schedule.h"

#include <math.h>

CowSchedule
cow_schedule_new (double learning_rate, double min_lr_ratio, double warmup, gint64 total)
{
  const gint64 steps = warmup > 0 ? MAX (1, (gint64)round (warmup * (double)total)) : 0;
  return (CowSchedule){ .learning_rate = learning_rate,
                        .min_lr_ratio = min_lr_ratio,
                        .warmup = MIN (steps, total),
                        .total = total };
}

double
cow_schedule_at (const CowSchedule *self, gint64 step)
{
  if (step < self->warmup)
    return self->learning_rate * (double)(step + 1) / (double)self->warmup;
  if (step >= self->total)
    return self->learning_rate * self->min_lr_ratio;
  const double part = (double)(step - self->warmup) / (double)(self->total - self->warmup);
  return self->learning_rate *
         (self->min_lr_ratio + (1 - self->min_lr_ratio) / 2 * (1 + cos (G_PI * part)));
}
