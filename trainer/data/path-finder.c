/* SPDX-License-Identifier: MIT */
#include "trainer/data/path-finder.h"

#include <string.h>

#include "model/files/file-writer.h"
#include "trainer/data/file-names.h"

/* A key that two names of a folder have. */
#define CLASH "/"

static void
free_names (gpointer names)
{
  g_hash_table_unref (names);
}

void
path_finder_init (PathFinder *self)
{
  *self = (PathFinder){ .folders =
                            g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_names) };
}

void
path_finder_clear (PathFinder *self)
{
  g_clear_pointer (&self->folders, g_hash_table_unref);
}

static gboolean
exists (const char *path)
{
  return cow_path_exists (path);
}

/* The names in a folder by their keys; read once. */
static GHashTable *
names_of (PathFinder *self, const char *folder)
{
  GHashTable *names = g_hash_table_lookup (self->folders, folder);

  if (names)
    return names;
  names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_insert (self->folders, g_strdup (folder), names);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir))) {
    char *key = file_name_key (name);
    g_hash_table_insert (names, key, g_strdup (g_hash_table_contains (names, key) ? CLASH : name));
  }
  return names;
}

/* The file whose names differ from a path's in case and form alone; NULL without an error: none. */
static char *
find_form (PathFinder *self, const char *path, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  g_autofree char *found = g_strdup (g_path_is_absolute (path) ? "/" : ".");

  for (guint i = 0; parts[i]; i++) {
    if (!*parts[i])
      continue;
    g_autofree char *exact = g_build_filename (found, parts[i], NULL);
    g_autofree char *key = file_name_key (parts[i]);
    const char *name =
        exists (exact) ? parts[i] : g_hash_table_lookup (names_of (self, found), key);
    if (!name)
      return NULL;
    if (g_str_equal (name, CLASH)) {
      g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                   "%s: %s has more than one file whose name differs from \"%s\" in case or form "
                   "of Unicode alone",
                   path, found, parts[i]);
      return NULL;
    }
    char *next = g_build_filename (found, name, NULL);
    g_free (found);
    found = next;
  }
  return g_steal_pointer (&found);
}

char *
path_finder_find (PathFinder *self, const char *path, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (exists (path))
    return g_strdup (path);
  g_autofree char *bytes = file_name_from_text (path);
  if (exists (bytes))
    return g_steal_pointer (&bytes);
  g_autofree char *slashes = g_strdelimit (g_strdup (path), "\\", '/');
  const gboolean turned = !g_str_equal (slashes, path);
  if (turned && exists (slashes)) {
    self->n_backslashes++;
    return g_steal_pointer (&slashes);
  }
  char *form = find_form (self, slashes, &local);
  if (local) {
    g_propagate_error (error, g_steal_pointer (&local));
    return NULL;
  }
  self->n_backslashes += form && turned;
  self->n_forms += form != NULL;
  return form ? form : g_strdup (path);
}
