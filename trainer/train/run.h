/* SPDX-License-Identifier: MIT */
/*
 * One training run from its recipe to its folder:
 *   recipe.ini                      all settings, for --config
 *   contact-sheet.png               what the network is shown
 *   results.csv                     a row an epoch; plots/ drawn of it at the end
 *   best/, last/                    adapter folders, each whole at any moment
 *   last/state.safetensors          the state that --resume goes on from
 * run-open.c puts a run together, run.c trains and saves it.
 */
#ifndef COW_TRAINER_RUN_H
#define COW_TRAINER_RUN_H

#include "trainer/train/loop.h"
#include "trainer/train/plan.h"
#include "trainer/tracking/run-tracking.h"

G_BEGIN_DECLS

typedef struct _CowRun CowRun;

typedef struct {
  CowRecipe *recipe; /* borrowed; its paths become absolute */
  const char *folder;
  gboolean resume;    /* go on with the run that the folder holds */
  gboolean force;     /* although memory seems not to suffice */
  const char *device; /* as cow_device_open () takes it; NULL is auto */
  int threads;        /* that compute; 0: as many as processors */
} CowRunOptions;

/*
 * Reads the data, checks memory and disk, says on standard output what will be done and how long it
 * may take, and loads everything. Nothing is trained yet. G_IO_ERROR_CANCELLED when the user asks
 * to stop meanwhile.
 */
CowRun *cow_run_open (const CowRunOptions *options, GError **error);
void cow_run_free (CowRun *self);
/* Trains, with a table of epochs on standard output. */
gboolean cow_run_train (CowRun *self, CowLoopEnd *end, GError **error);

/* Where it stands, and on what; the run's. */
const CowRunState *cow_run_state (const CowRun *self);
const CowDataset *cow_run_dataset (const CowRun *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowRun, cow_run_free)

G_END_DECLS

#endif
