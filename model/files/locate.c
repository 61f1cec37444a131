/* SPDX-License-Identifier: MIT */
#include "model/files/locate.h"

#include "cow-build.h"

/* The folders below which a relative name is looked for, in order of preference; a new
 * NULL-terminated array. */
static char **
search_folders (void)
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

char *
cow_locate (const char *name, GError **error)
{
  if (!name || !*name) {
    g_set_error_literal (error, COW_ERROR, COW_ERROR_ARGUMENT, "an empty model or adapter path");
    return NULL;
  }
  if (g_file_test (name, G_FILE_TEST_EXISTS))
    return g_strdup (name);
  if (g_path_is_absolute (name)) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s does not exist", name);
    return NULL;
  }
  g_auto (GStrv) folders = search_folders ();
  for (char **folder = folders; *folder; folder++) {
    g_autofree char *path = g_build_filename (*folder, name, NULL);
    if (g_file_test (path, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&path);
  }
  g_autofree char *tried = g_strjoinv (", ", folders);
  g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s does not exist here, nor below %s", name,
               tried);
  return NULL;
}
