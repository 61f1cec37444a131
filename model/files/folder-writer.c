/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* O_DIRECTORY, flock */
#include "model/files/folder-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/part.h"

struct _CowFolderWriter {
  char *folder, *part;
  gboolean inside; /* the part is in the folder, which was there */
  int lock;        /* the part, open and locked */
};

static gboolean
fail (const char *path, const char *doing, GError **error)
{
  const int code = errno;
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: cannot %s: %s", path, doing, g_strerror (code));
  return FALSE;
}

/* One who clears up may find it before it is locked, and removes it: then another is made. */
static gboolean
make_part (CowFolderWriter *self)
{
  g_autofree char *within = g_build_filename (self->folder, "new", NULL);
  for (guint i = 0; i < COW_PART_TRIES; i++) {
    struct stat info;
    g_free (self->part);
    self->part = cow_part_name (self->inside ? within : self->folder);
    if (mkdir (self->part, 0777) != 0) {
      if (errno == EEXIST)
        continue;
      break;
    }
    self->lock = cow_open (self->part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    const gboolean taken = self->lock >= 0 && !cow_lock (self->lock, FALSE) && errno == EWOULDBLOCK;
    if (self->lock >= 0 && !taken && fstat (self->lock, &info) == 0 && info.st_nlink > 0)
      return TRUE;
    const int code = errno;
    rmdir (self->part);
    if (self->lock >= 0)
      close (self->lock);
    self->lock = -1;
    errno = code;
    if (!taken && code != ENOENT)
      break;
  }
  g_clear_pointer (&self->part, g_free);
  return FALSE;
}

CowFolderWriter *
cow_folder_writer_new (const char *folder, GError **error)
{
  g_autoptr (CowFolderWriter) self = g_new0 (CowFolderWriter, 1);
  self->folder = g_strdup (folder);
  self->lock = -1;
  for (gsize n = strlen (folder); n > 1 && self->folder[n - 1] == '/'; n--)
    self->folder[n - 1] = '\0';
  g_autofree char *above = g_path_get_dirname (self->folder);
  struct stat info;
  self->inside = stat (self->folder, &info) == 0;
  if (!self->inside && errno != ENOENT) {
    fail (self->folder, "read", error);
    return NULL;
  }
  if (!cow_folder_make (above, error))
    return NULL;
  g_autofree char *within = g_build_filename (self->folder, "new", NULL);
  cow_part_clear (self->folder);
  if (self->inside)
    cow_part_clear (within);
  if (!make_part (self)) {
    fail (self->folder, "make a folder there", error);
    return NULL;
  }
  return g_steal_pointer (&self);
}

const char *
cow_folder_writer_path (const CowFolderWriter *self)
{
  return self->part;
}

/* ---- finishing ------------------------------------------------------------------------------- */

static gboolean
move (const char *from, const char *to, const char *name)
{
  g_autofree char *old = g_build_filename (from, name, NULL),
                  *new = g_build_filename (to, name, NULL);
  return rename (old, new) == 0;
}

/* Moves all files into the folder, or none. */
static gboolean
move_all (CowFolderWriter *self, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (self->part, 0, error);
  guint done = 0;
  if (!dir)
    return FALSE;
  for (const char *name; (name = g_dir_read_name (dir));)
    g_ptr_array_add (names, g_strdup (name));
  while (done < names->len && move (self->part, self->folder, names->pdata[done]))
    done++;
  if (done == names->len)
    return cow_folder_sync (names->len > 0 ? self->part : self->folder, error);
  fail (self->folder, "move what was written to it", error);
  while (done > 0)
    (void)move (self->folder, self->part, names->pdata[--done]);
  return FALSE;
}

gboolean
cow_folder_writer_finish (CowFolderWriter *self, GError **error)
{
  if (self->inside)
    return move_all (self, error);
  if (rename (self->part, self->folder) != 0)
    return fail (self->folder, "rename what was written", error);
  g_clear_pointer (&self->part, g_free);
  return cow_folder_sync (self->folder, error);
}

gboolean
cow_folder_writer_fail (const CowFolderWriter *self, GError **error)
{
  if (!self || !self->part || !error || !*error)
    return FALSE;
  g_auto (GStrv) pieces = g_strsplit ((*error)->message, self->part, -1);
  g_free ((*error)->message);
  (*error)->message = g_strjoinv (self->folder, pieces);
  return FALSE;
}

void
cow_folder_writer_free (CowFolderWriter *self)
{
  if (!self)
    return;
  /* The lock goes last: until then nobody else removes the part. */
  if (self->part)
    (void)cow_part_remove_tree (self->part);
  if (self->lock >= 0)
    close (self->lock);
  g_free (self->part);
  g_free (self->folder);
  g_free (self);
}
