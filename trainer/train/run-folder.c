/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* renameat2, syncfs */
#include "trainer/train/run-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "trainer/host/folder-lock.h"

#define MB 1e6

struct _CowRunFolder {
  char *path;
  int lock; /* says that the folder is in use */
};

static gboolean
fail (const char *path, const char *doing, GError **error)
{
  const int code = errno;
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: %s: %s%s", path, doing, g_strerror (code),
               code == EROFS || code == EACCES || code == EPERM
                   ? "; choose a folder that can be written (--out)"
                   : "");
  return FALSE;
}

/* Removes a folder of an earlier attempt and all below it; links are removed, not followed. */
static gboolean
remove_tree (const char *path, GError **error)
{
  if (cow_path_is_folder (path) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK)) {
    g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name (dir));) {
      g_autofree char *child = g_build_filename (path, name, NULL);
      if (!remove_tree (child, error))
        return FALSE;
    }
  }
  return g_remove (path) == 0 || errno == ENOENT || fail (path, "cannot be removed", error);
}

/* ---- opening --------------------------------------------------------------------------------- */

static gboolean
check_space (CowRunFolder *self, guint64 bytes, GError **error)
{
  struct statvfs status;
  if (statvfs (self->path, &status) != 0)
    return fail (self->path, "free space is unknown", error);
  const guint64 free_bytes = (guint64)status.f_bavail * status.f_frsize;
  if (free_bytes >= bytes)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_IO,
               "%s: %.0f MB are free there, the checkpoints of this run need %.0f MB", self->path,
               (double)free_bytes / MB, (double)bytes / MB);
  return FALSE;
}

/* Removes what a run that was killed while it exchanged folders left, for it may have been the last
 * time. */
static void
clear (CowRunFolder *self)
{
  static const char *const names[] = { "best", "last" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *new = g_strdup_printf ("%s/%s.new", self->path, names[i]);
    remove_tree (new, NULL);
  }
}

CowRunFolder *
cow_run_folder_open (const char *path, guint64 bytes, GError **error)
{
  g_autoptr (CowRunFolder) self = g_new0 (CowRunFolder, 1);
  self->path = g_strdup (path);
  self->lock = folder_lock (path, error);
  if (self->lock < 0 || !check_space (self, bytes, error))
    return NULL;
  clear (self);
  return g_steal_pointer (&self);
}

void
cow_run_folder_free (CowRunFolder *self)
{
  if (!self)
    return;
  folder_unlock (self->path, self->lock);
  g_free (self->path);
  g_free (self);
}

const char *
cow_run_folder_path (const CowRunFolder *self)
{
  return self->path;
}

/* ---- exchanging ------------------------------------------------------------------------------ */

gboolean
cow_run_folder_has_run (const char *path)
{
  g_autofree char *last = g_build_filename (path, "last", NULL),
                  *previous = g_build_filename (path, "last.previous", NULL);
  g_autofree char *state = g_build_filename (last, "state.safetensors", NULL);
  if (!cow_path_exists (last) && cow_path_is_folder (previous))
    (void)g_rename (previous, last);
  return cow_path_exists (state);
}

char *
cow_run_folder_begin (CowRunFolder *self, const char *name, GError **error)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.new", self->path, name);
  if (!remove_tree (path, error))
    return NULL;
  if (g_mkdir (path, 0777) != 0) {
    fail (path, "cannot be made", error);
    return NULL;
  }
  return g_steal_pointer (&path);
}

void
cow_run_folder_abandon (CowRunFolder *self, const char *name)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.new", self->path, name);
  remove_tree (path, NULL);
}

/* For file systems that cannot exchange: between the two renames only NAME.previous stands, which
 * cow_run_folder_has_run () knows. */
static gboolean
replace (const char *from, const char *to, GError **error)
{
  g_autofree char *previous = g_strconcat (to, ".previous", NULL);
  if (!remove_tree (previous, error))
    return FALSE;
  if ((g_rename (to, previous) != 0 && errno != ENOENT) || g_rename (from, to) != 0)
    return fail (to, "cannot be replaced", error);
  return cow_folder_sync (to, error) && remove_tree (previous, error);
}

static gboolean
sync_all (int fd)
{
  int status;
  do
    status = syncfs (fd);
  while (status != 0 && errno == EINTR);
  return status == 0;
}

gboolean
cow_run_folder_publish (CowRunFolder *self, const char *name, GError **error)
{
  g_autofree char *to = g_build_filename (self->path, name, NULL),
                  *from = g_strconcat (to, ".new", NULL);

  /* A name must not reach the disk before what it names. */
  if (!sync_all (self->lock))
    return fail (from, "cannot be written to the disk", error);
  if (!cow_path_exists (to))
    return cow_file_rename (from, to, error);
  /* What it replaces goes when the disk knows the new one by its name. */
  if (renameat2 (AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0)
    return cow_folder_sync (to, error) && remove_tree (from, error);
  return replace (from, to, error);
}

gboolean
cow_run_folder_write (CowRunFolder *self, const char *name, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename (self->path, name, NULL);
  return cow_text_write (text, path, error);
}
