/* SPDX-License-Identifier: MIT */
/* cowbehavior.json of what a run makes: what the adapter is for, and how it came about. */
#ifndef COW_TRAINER_RUN_CARD_H
#define COW_TRAINER_RUN_CARD_H

#include "model/adapter/card.h"
#include "trainer/train/run-state.h"
#include "trainer/train/recipe.h"

/* The part that stays the same all through a run. base_path, base_hash and base_fingerprint are
 * NULL from scratch; `device`: "cpu (avx512)". */
CowCard *run_card_new (const CowRecipe *recipe, const CowDataset *dataset, const char *base_path,
                       const char *base_hash, const char *base_fingerprint, const char *device);
/* Adds what is known after the last whole epoch of `state`. It has no times: the same run gives the
 * same card. thresholds [n_classes]: with several labels a picture, from which probability on it
 * has them. */
void run_card_update (CowCard *card, const CowRunState *state, const CowDataset *dataset,
                      const float *thresholds);

#endif
