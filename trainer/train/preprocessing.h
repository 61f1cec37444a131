/* SPDX-License-Identifier: MIT */
/*
 * How a run prepares its pictures. A network answers well only for pictures that are prepared like
 * those it learned from, so what a run stands on goes before what the preset says. For each of
 * size, fit, interpolation and normalisation the first that gives a value wins: a flag, --config,
 * the card of the adapter that the run starts from, the base's card, the base's
 * preprocessor_config.json, the preset. Of crops' size and fit a run on whole frames takes nothing.
 */
#ifndef COW_TRAINER_PREPROCESSING_H
#define COW_TRAINER_PREPROCESSING_H

#include "trainer/train/recipe.h"

G_BEGIN_DECLS

typedef struct {
  char *text; /* "96x64, bilinear-antialiased, imagenet, from the base's card" */
  /* of char *: explicit values that contradict what the run stands on, and what a
   * preprocessor_config.json asks for that cannot be done */
  GPtrArray *warnings;
} CowPreprocessing;

/* Puts the values into recipe->preprocess. recipe->model and recipe->start are located paths or
 * empty. COW_ERROR_FORMAT for a file that breaks its format. */
gboolean cow_preprocessing_resolve (CowPreprocessing *self, CowRecipe *recipe, GError **error);
/* Says text and warnings on standard error. */
void cow_preprocessing_say (const CowPreprocessing *self);
void cow_preprocessing_clear (CowPreprocessing *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CowPreprocessing, cow_preprocessing_clear)

G_END_DECLS

#endif
