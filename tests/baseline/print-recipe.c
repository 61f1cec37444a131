/* SPDX-License-Identifier: MIT */
/* print-recipe FILE: reads a recipe.ini as `train --config` and `--resume` do and prints the
 * settings that came of it, in the same form. */
#include "trainer/train/recipe.h"

int
main (int argc, char **argv)
{
  g_autoptr (CowRecipe) recipe = cow_recipe_new ();
  g_autoptr (GError) error = NULL;

  if (argc != 2 || !cow_recipe_apply_file (recipe, argv[1], TRUE, &error) ||
      !cow_recipe_check (recipe, &error)) {
    g_printerr ("print-recipe: %s\n", error ? error->message : "one FILE is expected");
    return 1;
  }
  g_autofree char *text = cow_recipe_to_text (recipe);
  g_print ("%s", text);
  return 0;
}
