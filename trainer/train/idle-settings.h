/* SPDX-License-Identifier: MIT */
/* Settings that somebody gave for a run and that decide nothing there. */
#ifndef COW_TRAINER_IDLE_SETTINGS_H
#define COW_TRAINER_IDLE_SETTINGS_H

#include "trainer/data/dataset.h"
#include "trainer/train/recipe.h"

G_BEGIN_DECLS

/* What decides which settings have an effect. */
typedef struct {
  const CowRecipe *recipe;
  gboolean start_has_layers; /* the adapter to start from gives more than a head */
  gboolean checkpoints;      /* whether layers of the network can be computed twice */
  gboolean divided;          /* whether pictures were divided here */
  gboolean tracked;          /* whether a server is told of the run */
} CowIdleCase;

/* A sentence for each setting of the command line (those of a file are all settings of another run)
 * that has no effect; of char *. Free with g_ptr_array_unref. */
GPtrArray *cow_idle_settings (const CowIdleCase *self);

G_END_DECLS

#endif
