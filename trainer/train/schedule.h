/* SPDX-License-Identifier: MIT */
/* The learning rate of each step: a linear warm-up, then a cosine to a share of it. */
#ifndef COW_TRAINER_SCHEDULE_H
#define COW_TRAINER_SCHEDULE_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  double learning_rate; /* the highest */
  double min_lr_ratio;  /* share of it that the cosine ends at */
  gint64 warmup, total; /* steps */
} CowSchedule;

/* `warmup` as a share of all steps: at least one step when it is not 0. */
CowSchedule cow_schedule_new (double learning_rate, double min_lr_ratio, double warmup,
                              gint64 total);
/* Of step 0, 1, ...; its end from `total` on. */
double cow_schedule_at (const CowSchedule *self, gint64 step);

G_END_DECLS

#endif
