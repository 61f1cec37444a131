/* SPDX-License-Identifier: MIT */
#include "model/files/locate.h"

#include <errno.h>
#include <string.h>

#include "cow-build.h"
#include "model/files/file-writer.h"
#include "model/files/suggest.h"

char **
cow_locate_folders (void)
{
  g_autoptr (GStrvBuilder) folders = g_strv_builder_new ();
  const char *path = g_getenv ("COWBEHAVIOR_PATH");
  if (path) {
    g_auto (GStrv) parts = g_strsplit (path, G_SEARCHPATH_SEPARATOR_S, -1);
    for (char **part = parts; *part; part++)
      if (**part)
        g_strv_builder_add (folders, *part);
  }
  g_autofree char *user = g_build_filename (g_get_user_data_dir (), "cowbehavior", NULL);
  g_strv_builder_add (folders, user);
  g_strv_builder_add (folders, COW_DATA_DIR);
  return g_strv_builder_end (folders);
}

/* ---- folders that lead to others ------------------------------------------------------------- */

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* The folders below one that hold a file of that name, in order. */
static GPtrArray *
folders_holding (const char *folder, const char *file)
{
  GPtrArray *found = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    g_autofree char *path = g_build_filename (folder, name, file, NULL);
    if (*name != '.' && cow_path_exists (path))
      g_ptr_array_add (found, g_strdup (name));
  }
  g_ptr_array_sort (found, compare_names);
  return found;
}

char *
cow_folder_list_holding (const char *folder, const char *file)
{
  g_autoptr (GPtrArray) found = folders_holding (folder, file);
  if (found->len == 0)
    return NULL;
  g_ptr_array_add (found, NULL);
  return g_strjoinv (", ", (char **)found->pdata);
}

/* Whether a folder holds a model, an adapter or a head itself, in one of the ways that are read. */
static gboolean
holds_something (const char *folder)
{
  static const char *const names[] = {
    "config.json",         "adapter_config.json", "cowbehavior.json",
    "model.safetensors",   "pytorch_model.bin",   "lora_adapters",
    "dora_adapters",       "classifier",          "classifier.safetensors",
    "best_classifier.pth", "recipe.ini"
  };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL);
    if (cow_path_exists (path))
      return TRUE;
  }
  return FALSE;
}

/* The state of a repository that a folder of the hub's cache (models--OWNER--NAME) holds: the one
 * that refs/main names, else the only one. */
static char *
find_snapshot (const char *folder, GError **error)
{
  g_autofree char *snapshots = g_build_filename (folder, "snapshots", NULL),
                  *main = g_build_filename (folder, "refs", "main", NULL), *commit = NULL;
  if (g_file_get_contents (main, &commit, NULL, NULL)) {
    g_strstrip (commit);
    const gsize n = strspn (commit, "0123456789abcdef");
    g_autofree char *path = g_build_filename (snapshots, commit, NULL);
    if (n > 0 && commit[n] == '\0' && cow_path_is_folder (path))
      return g_steal_pointer (&path);
  }
  g_autoptr (GPtrArray) all = folders_holding (snapshots, ".");
  if (all->len == 1)
    return g_build_filename (snapshots, all->pdata[0], NULL);
  g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
               "%s is a folder of the Hugging Face cache with %u states of its repository, and "
               "refs/main names none of them: name one of the folders in snapshots/, or run "
               "\"cow-trainer fetch OWNER/NAME\"",
               folder, all->len);
  return NULL;
}

/* What a folder that was found stands for: that of the hub's cache for a state of its repository,
 * one that holds nothing but the folder of an adapter (PEFT's save_pretrained () of one with a
 * name) for that. Takes the path. */
static char *
resolve (char *path, GError **error)
{
  g_autofree char *recipe = g_build_filename (path, "recipe.ini", NULL),
                  *best = g_build_filename (path, "best", NULL);
  if (cow_path_exists (recipe) && holds_something (best)) {
    g_free (path);
    return g_steal_pointer (&best);
  }
  g_autofree char *given = path, *snapshots = g_build_filename (path, "snapshots", NULL);
  if (!cow_path_is_folder (path) || holds_something (path))
    return g_steal_pointer (&given);
  if (cow_path_is_folder (snapshots))
    return find_snapshot (path, error);
  g_autoptr (GPtrArray) below = folders_holding (path, "adapter_config.json");
  return below->len == 1 ? g_build_filename (path, below->pdata[0], NULL)
                         : g_steal_pointer (&given);
}

/* ---- names of the hub ------------------------------------------------------------------------ */

/* Whether a name is OWNER/NAME, as a repository of the hub. */
static gboolean
is_repository (const char *name)
{
  const char *slash = strchr (name, '/');
  const gsize n =
      strspn (name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/");
  return slash && slash != name && slash[1] && !strchr (slash + 1, '/') && name[n] == '\0' &&
         *name != '.' && slash[1] != '.' && !strstr (name, "..");
}

/* The folders in which the programs of the hub keep what they download; a new NULL-terminated
 * array. */
static char **
cache_folders (void)
{
  g_autoptr (GStrvBuilder) folders = g_strv_builder_new ();
  static const char *const variables[] = { "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE" };
  for (guint i = 0; i < G_N_ELEMENTS (variables); i++) {
    const char *value = g_getenv (variables[i]);
    if (value && *value)
      g_strv_builder_add (folders, value);
  }
  const char *home = g_getenv ("HF_HOME");
  g_autofree char *own = home && *home ? g_build_filename (home, "hub", NULL) : NULL;
  g_autofree char *usual = g_build_filename (g_get_user_cache_dir (), "huggingface", "hub", NULL);
  g_strv_builder_add (folders, own ? own : usual);
  return g_strv_builder_end (folders);
}

/* The folder of OWNER/NAME in a cache of the hub, NULL where there is none. */
static char *
find_cached (const char *name)
{
  g_auto (GStrv) folders = cache_folders (), parts = g_strsplit (name, "/", 2);
  g_autofree char *entry = g_strdup_printf ("models--%s--%s", parts[0], parts[1]);
  for (char **folder = folders; *folder; folder++) {
    g_autofree char *path = g_build_filename (*folder, entry, NULL);
    if (cow_path_is_folder (path))
      return g_steal_pointer (&path);
  }
  return NULL;
}

/* OWNER/NAME is nowhere: the command that fetches it, or what it may be called already. */
static void
explain_repository (const char *name, char *const *folders, GError **error)
{
  const char *last = strchr (name, '/') + 1;
  for (; *folders; folders++) {
    g_autofree char *path = g_build_filename (*folders, last, NULL);
    if (cow_path_exists (path)) {
      g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                   "%s does not exist here; what \"cow-trainer fetch\" has put into %s is named %s",
                   name, path, last);
      return;
    }
  }
  g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
               "%s does not exist here, nor in the Hugging Face cache: \"cow-trainer fetch %s\" "
               "downloads it, and its name is %s then",
               name, name, last);
}

/* Of what there is below the folders; NULL where nothing is near. */
static char *
suggest_below (char *const *folders, const char *name)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  for (; *folders; folders++) {
    g_autoptr (GDir) folder = g_dir_open (*folders, 0, NULL);
    const char *entry;
    while (folder && (entry = g_dir_read_name (folder)))
      g_strv_builder_add (builder, entry);
  }
  g_auto (GStrv) names = g_strv_builder_end (builder);
  return cow_suggest_near ((const char *const *)names, name);
}

char *
cow_locate (const char *name, GError **error)
{
  if (!name || !*name) {
    g_set_error_literal (error, COW_ERROR, COW_ERROR_ARGUMENT, "an empty model or adapter path");
    return NULL;
  }
  if (cow_path_exists (name))
    return resolve (g_strdup (name), error);
  if (g_path_is_absolute (name) || errno == EACCES) {
    cow_path_explain_absent (name, error);
    return NULL;
  }
  g_auto (GStrv) folders = cow_locate_folders ();
  for (char **folder = folders; *folder; folder++) {
    g_autofree char *path = g_build_filename (*folder, name, NULL);
    if (cow_path_exists (path))
      return resolve (g_steal_pointer (&path), error);
  }
  if (is_repository (name)) {
    char *cached = find_cached (name);
    if (cached)
      return resolve (cached, error);
    explain_repository (name, folders, error);
    return NULL;
  }
  g_autofree char *tried = g_strjoinv (", ", folders), *near = suggest_below (folders, name);
  g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s does not exist here, nor below %s%s%s",
               name, tried, near ? ": " : "", near ? near : "");
  return NULL;
}
