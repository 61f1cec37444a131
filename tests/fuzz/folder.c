/* SPDX-License-Identifier: MIT */
/* The folder of a fuzz target. */
#include "tests/fuzz/folder.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *folder;

static void
empty (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *child = g_build_filename (path, name, NULL);

    if (g_file_test (child, G_FILE_TEST_IS_DIR) && !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
      empty (child);
    g_remove (child);
  }
}

static void
remove_folder (void)
{
  empty (folder);
  g_rmdir (folder);
  g_clear_pointer (&folder, g_free);
}

const char *
fuzz_folder (void)
{
  if (!folder) {
    const char *above = g_getenv ("TMPDIR");

    if (!above)
      above = g_access ("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir ();
    folder = g_build_filename (above, "cow-fuzz-XXXXXX", NULL);
    g_assert_nonnull (g_mkdtemp (folder));
    atexit (remove_folder);
  }
  return folder;
}

char *
fuzz_path (const char *name)
{
  return g_build_filename (fuzz_folder (), name, NULL);
}

void
fuzz_put (const char *name, gconstpointer bytes, gsize n_bytes)
{
  g_autofree char *path = fuzz_path (name);
  const int fd = g_open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  g_assert_true (fd >= 0);
  g_assert_true (n_bytes == 0 || write (fd, bytes, n_bytes) == (gssize)n_bytes);
  close (fd);
}

void
fuzz_remove (const char *name)
{
  g_autofree char *path = fuzz_path (name);

  g_unlink (path);
}
