/* SPDX-License-Identifier: MIT */
#include "trainer/host/folder-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"

static char *
path_in (const char *folder)
{
  return g_build_filename (folder, ".lock", NULL);
}

static int
fail_to_write (const char *folder, const char *path, GError **error)
{
  const int code = errno;

  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: cannot be written to: %s%s",
               code == ELOOP ? path : folder, g_strerror (code),
               code == EROFS || code == EACCES || code == EPERM
                   ? "; choose a folder that can be written (--out)"
                   : "");
  return FOLDER_LOCK_NONE;
}

int
folder_lock (const char *folder, GError **error)
{
  g_autofree char *path = path_in (folder);
  struct stat status;

  if (!cow_folder_make (folder, error))
    return FOLDER_LOCK_NONE;
  for (;;) {
    const int lock = cow_open (path, O_RDWR | O_CREAT | O_NOFOLLOW, 0666);

    if (lock < 0)
      return fail_to_write (folder, path, error);
    if (!cow_lock (lock, FALSE) && errno == EWOULDBLOCK) {
      close (lock);
      g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: another cow-trainer is writing there",
                   folder);
      return FOLDER_LOCK_NONE;
    }
    /* Whoever had it may have taken the file away between the two calls. */
    if (fstat (lock, &status) != 0 || status.st_nlink > 0)
      return lock;
    close (lock);
  }
}

void
folder_unlock (const char *folder, int lock)
{
  g_autofree char *path = path_in (folder);

  if (lock < 0)
    return;
  g_unlink (path);
  close (lock);
}
