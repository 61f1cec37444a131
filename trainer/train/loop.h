/* SPDX-License-Identifier: MIT */
/* The training itself: epochs of steps of micro-batches, validation, early stopping. What a
 * checkpoint is, and who hears of an epoch, is the caller's. */
#ifndef COW_TRAINER_LOOP_H
#define COW_TRAINER_LOOP_H

#include "trainer/train/run-state.h"
#include "trainer/train/task.h"

G_BEGIN_DECLS

typedef enum {
  COW_LOOP_EPOCHS,     /* all epochs are done */
  COW_LOOP_PATIENCE,   /* no better for `patience` epochs */
  COW_LOOP_HOURS,      /* max_hours are over */
  COW_LOOP_INTERRUPTED /* the user asked to stop */
} CowLoopEnd;

typedef struct {
  const CowRecipe *recipe;
  CowNetwork *network;
  CowFeed *feed;
  CowRunState *state; /* where the loop begins, and then where it is */
  CowTask *task;
  /* Keeps `state` and the network; `best`: it is the best so far. Called where a step or an epoch
   * has ended. */
  gboolean (*save) (gboolean best, gpointer data, GError **error);
  /* After an epoch was saved. */
  void (*epoch_done) (const CowEpoch *epoch, gboolean best, gpointer data);
  gpointer data;
} CowLoop;

/* Steps of one epoch. */
gint64 cow_loop_steps (const CowRecipe *recipe, const CowFeed *feed);
/* Trains until `end`. A picture that cannot be read ends it too, after what was learned is saved.
 */
gboolean cow_loop_run (const CowLoop *self, CowLoopEnd *end, GError **error);

G_END_DECLS

#endif
