/* SPDX-License-Identifier: MIT */
/*
 * Finds what lies around an adapter: the folder of the run that made it (RUN/best, RUN/last), with
 * its settings and its history. So that who evaluates an adapter need not repeat what the training
 * was told.
 */
#ifndef COW_TRAINER_ADAPTER_RUN_H
#define COW_TRAINER_ADAPTER_RUN_H

#include "model/adapter/card.h"
#include "trainer/train/recipe.h"

G_BEGIN_DECLS

/* The run's settings, or NULL without error where there is no recipe.ini beside the adapter.
 * `adapter` is a located path. */
CowRecipe *adapter_run_recipe (const char *adapter, GError **error);
/* The run's epochs, of CowEpoch; NULL where there is no results.csv, or none that can be read
 * (which is said on standard error). */
GArray *adapter_run_history (const char *adapter);
/*
 * The model that an adapter belongs to, by its card or its run: a path that exists; NULL for a
 * network that needs none. Free with g_free. COW_ERROR_NOT_FOUND where nothing names one, or
 * nothing of that name is there.
 */
gboolean adapter_run_model (const char *adapter, char **model, GError **error);

G_END_DECLS

#endif
