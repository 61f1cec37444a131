/* SPDX-License-Identifier: MIT */
/* The settings of a recipe as options of a verb: one flag a setting, made from their table, and
 * --config. */
#ifndef COW_TRAINER_RECIPE_FLAGS_H
#define COW_TRAINER_RECIPE_FLAGS_H

#include "trainer/train/recipe.h"

typedef struct {
  char *config;
  char *device; /* as cow_device_open () takes it; no setting, as `threads` is none */
  int threads;  /* that compute, 0: as many as processors; no setting, for it changes no result */
  char **texts; /* [settings] what a flag was given, NULL for none */
  char **old_texts;   /* [settings] the same under the old name of a setting that has one */
  char ***lists;      /* [settings] of flags that may be repeated */
  gboolean *switches; /* [settings] */
  GArray *entries;    /* of GOptionEntry */
} RecipeFlags;

/* Entries of the settings, after those of the verb (ended by G_OPTION_ENTRY_NULL); they belong to
 * the flags. */
const GOptionEntry *recipe_flags_entries (RecipeFlags *self, const GOptionEntry *own);
/* The preset that --recipe names, or NULL. */
const char *recipe_flags_preset (const RecipeFlags *self);
/* A recipe from a preset (or NULL), --config and flags, which may leave out what a run needs. */
CowRecipe *recipe_flags_fill (const RecipeFlags *self, const char *preset, GError **error);
/* A whole recipe from preset, --config and flags. Mistakes on the command line are errors of
 * G_OPTION_ERROR. */
CowRecipe *recipe_flags_recipe (const RecipeFlags *self, GError **error);
/* Changes a recipe that a run goes on with; flags that a resumed run cannot take are an error that
 * names them. */
gboolean recipe_flags_change (const RecipeFlags *self, CowRecipe *recipe, GError **error);
/* The table of presets. */
char *recipe_flags_list (void);
void recipe_flags_clear (RecipeFlags *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RecipeFlags, recipe_flags_clear)

#endif
