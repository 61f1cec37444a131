/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* O_NOFOLLOW, flock */
#include "model/files/file-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/files/error.h"

#define MARK         ".cow-"
#define END          ".part"
#define RANDOM_CHARS 16 /* hexadecimal digits */
#define MARK_CHARS   (sizeof MARK - 1 + RANDOM_CHARS + sizeof END - 1)
#define TRIES        16
#define ROOM         (64 << 10) /* bytes that are gathered before they are written */

struct _CowFileWriter {
  char *path, *part; /* the name to be, the name while writing; NULL once it is renamed */
  int fd;
  gsize n; /* bytes in `gathered` */
  char gathered[ROOM];
};

static gboolean
fail (const char *path, const char *doing, GError **error)
{
  const int code = errno;
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: cannot %s: %s", path, doing, g_strerror (code));
  return FALSE;
}

gboolean
cow_write_all (int fd, const void *data, gsize n_bytes)
{
  const char *bytes = data;
  while (n_bytes > 0) {
    const gssize written = write (fd, bytes, n_bytes);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0) {
      errno = written < 0 ? errno : EIO;
      return FALSE;
    }
    bytes += written;
    n_bytes -= (gsize)written;
  }
  return TRUE;
}

/* ---- syncing --------------------------------------------------------------------------------- */

/* Some file systems cannot sync this kind of file, and say so: then there is nothing to do. */
static gboolean
sync_descriptor (int fd)
{
  int status;
  do
    status = fsync (fd);
  while (status != 0 && errno == EINTR);
  return status == 0 || errno == EINVAL || errno == ENOSYS || errno == ENOTSUP;
}

gboolean
cow_folder_sync (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  const int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  /* A folder may allow to write to it, and not to list it. */
  if (fd < 0)
    return errno == EACCES || fail (folder, "open", error);
  const gboolean ok = sync_descriptor (fd) || fail (folder, "write its entries to the disk", error);
  close (fd);
  return ok;
}

gboolean
cow_file_rename (const char *from, const char *to, GError **error)
{
  return (rename (from, to) == 0 || fail (to, "rename what was written", error)) &&
         cow_folder_sync (to, error);
}

/* ---- what killed processes left -------------------------------------------------------------- */

static gboolean
is_part (const char *name)
{
  const gsize n = strlen (name);
  if (n <= MARK_CHARS || !g_str_has_suffix (name, END))
    return FALSE;
  const char *mark = name + n - MARK_CHARS;
  if (!g_str_has_prefix (mark, MARK))
    return FALSE;
  for (guint i = 0; i < RANDOM_CHARS; i++)
    if (!g_ascii_isxdigit (mark[sizeof MARK - 1 + i]))
      return FALSE;
  return TRUE;
}

/* Whoever writes a part has it locked; a file system without locks tells nothing, and keeps it. */
static void
remove_abandoned (const char *path)
{
  struct stat open_file, named;
  const int fd = open (path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return;
  if (fstat (fd, &open_file) == 0 && S_ISREG (open_file.st_mode) &&
      flock (fd, LOCK_EX | LOCK_NB) == 0 && lstat (path, &named) == 0 &&
      named.st_ino == open_file.st_ino && named.st_dev == open_file.st_dev)
    unlink (path);
  close (fd);
}

static void
remove_leftovers (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    g_autofree char *leftover = is_part (name) ? g_build_filename (folder, name, NULL) : NULL;
    if (leftover)
      remove_abandoned (leftover);
  }
}

/* ---- writing --------------------------------------------------------------------------------- */

/* A name beside the path's that nobody has; one that would be too long loses its end. */
static char *
part_name (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path), *name = g_path_get_basename (path);
  g_autofree char *part = g_strdup_printf ("%.*s" MARK "%08x%08x" END, (int)(NAME_MAX - MARK_CHARS),
                                           name, g_random_int (), g_random_int ());
  return g_build_filename (folder, part, NULL);
}

/* Makes the part and locks it. One who clears up may have found it before it was locked, and
 * removed it: then another is made. */
static gboolean
make_part (CowFileWriter *self)
{
  for (guint i = 0; i < TRIES; i++) {
    struct stat info;
    g_free (self->part);
    self->part = part_name (self->path);
    self->fd = open (self->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (self->fd < 0 && errno != EEXIST && errno != EINTR)
      break;
    if (self->fd < 0)
      continue;
    const gboolean taken = flock (self->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!taken && fstat (self->fd, &info) == 0 && info.st_nlink > 0)
      return TRUE;
    unlink (self->part);
    close (self->fd);
    self->fd = -1;
  }
  g_clear_pointer (&self->part, g_free);
  return FALSE;
}

/* Renaming would put a file in the place of a device. */
static gboolean
check_place (const char *path, gboolean *there, struct stat *info, GError **error)
{
  struct stat target;
  *there = lstat (path, info) == 0;
  if (!*there || stat (path, &target) != 0 || S_ISREG (target.st_mode))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: is %s, the name of a file was expected", path,
               S_ISDIR (target.st_mode) ? "a folder" : "a pipe or a device");
  return FALSE;
}

CowFileWriter *
cow_file_writer_new (const char *path, GError **error)
{
  gboolean there;
  struct stat info;
  if (!check_place (path, &there, &info, error))
    return NULL;
  g_autoptr (CowFileWriter) self = g_new0 (CowFileWriter, 1);
  self->path = g_strdup (path);
  self->fd = -1;
  remove_leftovers (path);
  if (!make_part (self)) {
    fail (path, "create", error);
    return NULL;
  }
  /* Where this fails the file has the usual permissions. */
  if (there && S_ISREG (info.st_mode))
    (void)!fchmod (self->fd, info.st_mode & 0777);
  return g_steal_pointer (&self);
}

static gboolean
flush (CowFileWriter *self, GError **error)
{
  const gsize n = self->n;
  self->n = 0;
  return cow_write_all (self->fd, self->gathered, n) || fail (self->path, "write", error);
}

gboolean
cow_file_writer_write (CowFileWriter *self, const void *data, gsize n_bytes, GError **error)
{
  if (n_bytes > ROOM - self->n && !flush (self, error))
    return FALSE;
  if (n_bytes > ROOM)
    return cow_write_all (self->fd, data, n_bytes) || fail (self->path, "write", error);
  if (n_bytes > 0)
    memcpy (self->gathered + self->n, data, n_bytes);
  self->n += n_bytes;
  return TRUE;
}

gboolean
cow_file_writer_finish (CowFileWriter *self, GError **error)
{
  if (!flush (self, error))
    return FALSE;
  if (!sync_descriptor (self->fd))
    return fail (self->path, "write", error);
  if (rename (self->part, self->path) != 0)
    return fail (self->path, "rename what was written", error);
  g_clear_pointer (&self->part, g_free);
  return cow_folder_sync (self->path, error);
}

void
cow_file_writer_free (CowFileWriter *self)
{
  if (!self)
    return;
  /* The lock goes last: until then nobody else removes the part. */
  if (self->part)
    unlink (self->part);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->part);
  g_free (self->path);
  g_free (self);
}

gboolean
cow_bytes_write (const void *bytes, gsize n_bytes, const char *path, GError **error)
{
  g_autoptr (CowFileWriter) writer = cow_file_writer_new (path, error);
  return writer && cow_file_writer_write (writer, bytes, n_bytes, error) &&
         cow_file_writer_finish (writer, error);
}

gboolean
cow_text_write (const char *text, const char *path, GError **error)
{
  return cow_bytes_write (text, strlen (text), path, error);
}
