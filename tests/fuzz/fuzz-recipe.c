/* SPDX-License-Identifier: MIT */
/* Any bytes as a recipe.ini: what is taken of it is a recipe that can be checked, and is the same
 * after it was written and read again. */
#include <string.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include "trainer/train/recipe.h"

static CowRecipe *
read_recipe (const char *path, GError **error)
{
  g_autoptr (CowRecipe) recipe = cow_recipe_new ();
  return cow_recipe_apply_file (recipe, path, TRUE, error) ? g_steal_pointer (&recipe) : NULL;
}

static void
use (const CowRecipe *recipe)
{
  g_auto (CowDatasetOptions) options = COW_DATASET_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;
  const gboolean fine = cow_recipe_check (recipe, &error);

  fuzz_check_outcome (fine, error);
  cow_recipe_dataset_options (recipe, &options);
  g_assert_true (options.val_fraction >= 0 && options.test_fraction >= 0);
  g_assert_true (recipe->rank >= 1 && recipe->batch >= 1 && recipe->epochs >= 1);
  g_assert_true (recipe->preprocess.width > 0 && recipe->preprocess.height > 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  fuzz_put ("recipe.ini", data, size);
  g_autofree char *path = fuzz_path ("recipe.ini");
  g_autoptr (GError) error = NULL;
  g_autoptr (CowRecipe) recipe = read_recipe (path, &error), again = NULL;

  fuzz_check_outcome (recipe != NULL, error);
  if (!recipe)
    return 0;
  use (recipe);
  g_autofree char *text = cow_recipe_to_text (recipe);
  fuzz_put ("recipe.ini", text, strlen (text));
  again = read_recipe (path, &error);
  g_assert_no_error (error);
  g_autofree char *text_again = cow_recipe_to_text (again);
  g_assert_cmpstr (text, ==, text_again);
  return 0;
}
