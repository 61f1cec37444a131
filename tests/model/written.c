/* SPDX-License-Identifier: MIT */
#include "tests/model/written.h"

#include <glib/gstdio.h>
#include <string.h>

static char *folder;

char *
written_path (const char *name)
{
  g_autoptr (GError) error = NULL;

  if (folder == NULL)
    folder = g_dir_make_tmp ("cow-test-XXXXXX", &error);
  g_assert_no_error (error);
  return g_build_filename (folder, name, NULL);
}

char *
write_bytes (const char *name, const void *data, gsize n_bytes)
{
  g_autoptr (GError) error = NULL;
  char *path = written_path (name);

  g_file_set_contents (path, data, (gssize)n_bytes, &error);
  g_assert_no_error (error);
  return path;
}

char *
data_path (const char *name)
{
  g_assert_nonnull (g_getenv ("COW_TEST_DATA"));
  return g_build_filename (g_getenv ("COW_TEST_DATA"), name, NULL);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *inside = g_build_filename (path, name, NULL);

    if (g_file_test (inside, G_FILE_TEST_IS_DIR) && !g_file_test (inside, G_FILE_TEST_IS_SYMLINK))
      remove_tree (inside);
    else
      g_unlink (inside);
  }
  g_rmdir (path);
}

int
run_and_clean (void)
{
  int status = g_test_run ();

  if (folder != NULL)
    remove_tree (folder);
  g_clear_pointer (&folder, g_free);
  return status;
}

void
expect_error (GError **error, CowError code, ...)
{
  va_list texts;
  const char *text;

  g_assert_error (*error, COW_ERROR, (int)code);
  g_assert_true (g_utf8_validate ((*error)->message, -1, NULL));
  va_start (texts, code);
  while ((text = va_arg (texts, const char *)) != NULL)
    if (strstr ((*error)->message, text) == NULL)
      g_error ("\"%s\" does not say \"%s\"", (*error)->message, text);
  va_end (texts);
  g_clear_error (error);
}

GString *
safetensors_bytes (const char *header, gsize n_data)
{
  GString *bytes = g_string_new (NULL);
  guint64 length = GUINT64_TO_LE (strlen (header));

  g_string_append_len (bytes, (const char *)&length, 8);
  g_string_append (bytes, header);
  for (gsize i = 0; i < n_data; i++)
    g_string_append_c (bytes, (char)i);
  return bytes;
}
