/* SPDX-License-Identifier: MIT */
#include "model/adapter/base-find.h"

#include "model/adapter/base-check.h"
#include "model/files/file-writer.h"
#include "model/files/locate.h"

/* Models that are looked into at most, which bounds the time on a folder full of them. */
#define MOST_MODELS 100

/* A merged model: weights, head and card in one folder. */
static gboolean
is_model_too (const CowCard *card, const char *adapter)
{
  g_autofree char *config = g_build_filename (adapter, "config.json", NULL);
  return cow_card_kind (card)->cached && cow_path_is_file (config);
}

/* Whether the weights at a path are those that the card remembers. What is no model has others. */
static gboolean
has_weights (const char *path, const CowCard *card)
{
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (path, NULL);
  return checkpoint && cow_base_agrees (card, checkpoint);
}

/* The first model in a folder whose weights are the card's, or NULL. */
static char *
find_in_folder (const char *folder, const CowCard *card, guint *n_seen)
{
  g_autofree char *names = cow_folder_list_holding (folder, "config.json");
  g_auto (GStrv) all = g_strsplit (names ? names : "", ", ", -1);
  for (char **name = all; *name && **name && *n_seen < MOST_MODELS; name++) {
    g_autofree char *path = g_build_filename (folder, *name, NULL);
    (*n_seen)++;
    if (has_weights (path, card))
      return g_steal_pointer (&path);
  }
  return NULL;
}

static char *
find_weights (const CowCard *card)
{
  g_auto (GStrv) folders = cow_locate_folders ();
  guint n_seen = 0;
  for (char **folder = folders; *folder; folder++) {
    char *path = find_in_folder (*folder, card, &n_seen);
    if (path)
      return path;
  }
  return NULL;
}

gboolean
cow_base_find (const char *adapter, char **model, GError **error)
{
  g_autoptr (CowCard) card = cow_card_read (adapter, NULL, error);
  *model = NULL;
  if (!card || cow_card_holds_network (card))
    return card != NULL;
  if (is_model_too (card, adapter)) {
    *model = g_strdup (adapter);
    return TRUE;
  }
  g_autofree char *named = card->base_name ? cow_locate (card->base_name, NULL) : NULL;
  if ((card->base_fingerprint || card->base_hash) && !(named && has_weights (named, card)))
    *model = find_weights (card);
  if (!*model)
    *model = g_steal_pointer (&named);
  if (!*model && card->base_name)
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s belongs to the model \"%s\", which is not found here, nor below "
                 "$COWBEHAVIOR_PATH or the data folders; its path can be given",
                 adapter, card->base_name);
  else if (!*model)
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "%s does not say which model it belongs to",
                 adapter);
  return *model != NULL;
}

gboolean
cow_base_complete (const char *adapter, const char **model, char **found, GError **error)
{
  *found = NULL;
  if ((*model && **model) || !adapter || !*adapter)
    return TRUE;
  g_autofree char *path = cow_locate (adapter, error);
  if (!path || !cow_base_find (path, found, error))
    return FALSE;
  *model = *found;
  return TRUE;
}
