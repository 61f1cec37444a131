/* SPDX-License-Identifier: MIT */
/* Which pictures the paths of a command line mean. */
#include <string.h>

#include "trainer/data/pictures.h"

gboolean
pictures_is_name (const char *name)
{
  static const char *const extensions[] = { "jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff" };
  const char *dot = strrchr (name, '.');

  for (guint i = 0; dot && i < G_N_ELEMENTS (extensions); i++)
    if (g_ascii_strcasecmp (dot + 1, extensions[i]) == 0)
      return TRUE;
  return FALSE;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
pictures_folder_names (const char *folder, GError **error)
{
  GError *local = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &local);
  const char *name;

  if (!dir) {
    g_set_error_literal (error, COW_ERROR, COW_ERROR_IO, local->message);
    g_error_free (local);
    return NULL;
  }
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  while ((name = g_dir_read_name (dir)))
    if (name[0] != '.')
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  return names;
}

/* Folders that are links are not entered: they could lead in a circle. How deep folders nest is
 * bounded by the length of a path. */
static gboolean
add_folder (GPtrArray *pictures, const char *folder, GError **error)
{
  g_autoptr (GPtrArray) names = pictures_folder_names (folder, error);

  for (guint i = 0; names && i < names->len; i++) {
    g_autofree char *path = g_build_filename (folder, names->pdata[i], NULL);
    if (!g_file_test (path, G_FILE_TEST_IS_DIR)) {
      if (pictures_is_name (path))
        g_ptr_array_add (pictures, g_steal_pointer (&path));
    } else if (!g_file_test (path, G_FILE_TEST_IS_SYMLINK) && !add_folder (pictures, path, error)) {
      return FALSE;
    }
  }
  return names != NULL;
}

GPtrArray *
pictures_find (char *const *paths, GError **error)
{
  g_autoptr (GPtrArray) pictures = g_ptr_array_new_with_free_func (g_free);

  for (; *paths; paths++) {
    const guint before = pictures->len;
    if (!g_file_test (*paths, G_FILE_TEST_EXISTS)) {
      g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s does not exist", *paths);
      return NULL;
    }
    if (!g_file_test (*paths, G_FILE_TEST_IS_DIR)) {
      g_ptr_array_add (pictures, g_strdup (*paths));
      continue;
    }
    if (!add_folder (pictures, *paths, error))
      return NULL;
    if (pictures->len == before) {
      g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                   "%s holds no pictures (jpg, jpeg, png, webp, bmp, tif, tiff)", *paths);
      return NULL;
    }
  }
  return g_steal_pointer (&pictures);
}
