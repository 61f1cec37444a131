/* SPDX-License-Identifier: MIT */
#include "trainer/train/adapter-run.h"

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

/* A merged model: weights, head and card in one folder. */
static gboolean
is_model_too (const CowCard *card, const char *adapter)
{
  g_autofree char *config = g_build_filename (adapter, "config.json", NULL);
  return cow_card_kind (card)->cached && cow_path_is_file (config);
}

gboolean
adapter_run_model (const char *adapter, char **model, GError **error)
{
  g_autoptr (GError) unreadable = NULL;
  g_autoptr (CowCard) card = cow_card_read (adapter, NULL, error);
  *model = NULL;
  if (!card || cow_card_holds_network (card))
    return card != NULL;
  if (is_model_too (card, adapter)) {
    *model = g_strdup (adapter);
    return TRUE;
  }
  g_autoptr (CowRecipe) recipe = adapter_run_recipe (adapter, &unreadable);
  if (unreadable) {
    g_propagate_error (error, g_steal_pointer (&unreadable));
    return FALSE;
  }
  /* The run has a path, the card just a name, which something else may have here. */
  const char *names[] = { recipe && *recipe->model ? recipe->model : NULL, card->base_name };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i] && (*model = cow_locate (names[i], NULL)))
      return TRUE;
  if (names[0] || names[1])
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s belongs to the model \"%s\", which is not found; --model tells where it is",
                 adapter, names[0] ? names[0] : names[1]);
  else
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "--model is missing, and %s names none",
                 adapter);
  return FALSE;
}
