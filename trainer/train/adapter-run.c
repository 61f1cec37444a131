/* SPDX-License-Identifier: MIT */
#include "trainer/train/adapter-run.h"

#include "model/adapter/base-find.h"
#include "model/files/file-writer.h"
#include "model/files/locate.h"
#include "trainer/eval/history.h"

/* A file beside the adapter's folder, or NULL; free with g_free. */
static char *
find_beside (const char *adapter, const char *name)
{
  g_autofree char *absolute = g_canonicalize_filename (adapter, NULL),
                  *folder = g_path_get_dirname (absolute);
  g_autofree char *path = g_build_filename (folder, name, NULL);
  return cow_path_is_file (path) ? g_steal_pointer (&path) : NULL;
}

CowRecipe *
adapter_run_recipe (const char *adapter, GError **error)
{
  g_autofree char *path = find_beside (adapter, "recipe.ini");
  g_autoptr (CowRecipe) recipe = cow_recipe_new ();
  return path && cow_recipe_apply_file (recipe, path, TRUE, error) ? g_steal_pointer (&recipe)
                                                                   : NULL;
}

GArray *
adapter_run_history (const char *adapter)
{
  g_autofree char *path = find_beside (adapter, "results.csv");
  g_autoptr (GError) error = NULL;
  GArray *history = path ? cow_history_read (path, &error) : NULL;
  if (error)
    g_printerr ("cow-trainer: no training history: %s\n", error->message);
  return history;
}

/* The path of the model that the adapter's run was given, where it is there; NULL where there is no
 * run, or another machine's. FALSE for settings that cannot be read. */
static gboolean
find_runs_model (const char *adapter, char **model, GError **error)
{
  g_autoptr (GError) unreadable = NULL;
  g_autoptr (CowRecipe) recipe = adapter_run_recipe (adapter, &unreadable);
  *model = NULL;
  if (unreadable) {
    g_propagate_error (error, g_steal_pointer (&unreadable));
    return FALSE;
  }
  if (recipe && *recipe->model)
    *model = cow_locate (recipe->model, NULL);
  return TRUE;
}

gboolean
adapter_run_model (const char *adapter, char **model, GError **error)
{
  g_autoptr (GError) nowhere = NULL;
  g_autoptr (CowCard) card = cow_card_read (adapter, NULL, error);
  *model = NULL;
  if (!card)
    return FALSE;
  /* The run has a path, the card just a name, which something else may have here. */
  if (!cow_card_holds_network (card) && !find_runs_model (adapter, model, error))
    return FALSE;
  if (*model || cow_base_find (adapter, model, &nowhere))
    return TRUE;
  if (card->base_name)
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s; --model tells where it is",
                 nowhere->message);
  else
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "--model is missing, and %s names none",
                 adapter);
  return FALSE;
}
