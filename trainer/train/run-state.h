/* SPDX-License-Identifier: MIT */
/*
 * Where a run stands, and the file that keeps it: last/state.safetensors, with every parameter,
 * Adam's moments and the counters below. Random numbers are functions of (seed, epoch, position),
 * so that nothing else is needed to go on bit for bit.
 */
#ifndef COW_TRAINER_RUN_STATE_H
#define COW_TRAINER_RUN_STATE_H

#include "model/training/network.h"
#include "trainer/eval/history.h"

G_BEGIN_DECLS

/* All whole numbers in it are exact as doubles. */
typedef struct {
  double epoch; /* that is being trained, from 0; the recipe's number of epochs when all are done */
  double position;    /* pictures of it that are done; always where an optimiser step ended */
  double step;        /* optimiser steps of all epochs */
  double total_steps; /* that the schedule reckons with */
  double best_accuracy, best_epoch,
      waited; /* waited: epochs since the best; best_epoch 0: none yet */
  double loss_sum, correct, norm_sum, norms; /* of this epoch's pictures and steps so far */
  double learning_rate;                      /* of the last step */
  double seconds;                            /* spent on this epoch so far */
  double started;                            /* when the run began, Unix time */
} CowRunCounters;

typedef struct {
  CowRunCounters at;
  GArray *history;     /* of CowEpoch */
  char *data_hash;     /* of the pictures' names, labels, splits and sizes in bytes */
  char *pictures_hash; /* the same without sizes */
} CowRunState;

CowRunState *cow_run_state_new (const char *data_hash, const char *pictures_hash);
void cow_run_state_free (CowRunState *self);

/* Writes FOLDER/state.safetensors. */
gboolean cow_run_state_save (const CowRunState *self, CowNetwork *network, const char *folder,
                             GError **error);
/*
 * Reads it, into the network too. COW_ERROR_MISMATCH when the file is of another network or of
 * other pictures. *changed tells whether only sizes differ: pictures were replaced by others of the
 * same names, as one repairs a broken one.
 */
CowRunState *cow_run_state_load (const char *folder, CowNetwork *network, const char *data_hash,
                                 const char *pictures_hash, gboolean *changed, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowRunState, cow_run_state_free)

G_END_DECLS

#endif
