/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* O_NOFOLLOW, flock */
#include "model/files/file-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/files/error.h"
#include "model/files/part.h"

#define ROOM (64 << 10) /* bytes that are gathered before they are written */

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

int
cow_open (const char *path, int flags, mode_t permissions)
{
  int fd;
  do
    fd = open (path, flags | O_CLOEXEC, permissions);
  while (fd < 0 && errno == EINTR);
  return fd;
}

static gboolean
is_absent (int code)
{
  return code == ENOENT || code == ENOTDIR || code == ELOOP || code == EACCES ||
         code == ENAMETOOLONG;
}

/* A disk that does not say what is there is asked once more. */
static int
ask (const char *path, struct stat *info)
{
  const int status = stat (path, info);
  return status == 0 || is_absent (errno) ? status : stat (path, info);
}

gboolean
cow_path_is_folder (const char *path)
{
  struct stat info;
  return ask (path, &info) == 0 ? S_ISDIR (info.st_mode) : !is_absent (errno);
}

gboolean
cow_path_is_file (const char *path)
{
  struct stat info;
  return ask (path, &info) == 0 ? S_ISREG (info.st_mode) : !is_absent (errno);
}

gboolean
cow_path_exists (const char *path)
{
  struct stat info;
  return ask (path, &info) == 0 || !is_absent (errno);
}

void
cow_path_explain_absent (const char *path, GError **error)
{
  const int code = errno;

  if (code == ENOENT || code == ENOTDIR)
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s does not exist", path);
  else
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%s: cannot read: %s", path,
                 g_strerror (code));
}

gboolean
cow_path_size (const char *path, gint64 *bytes, gint64 *changed_ns, GError **error)
{
  struct stat info;
  if (ask (path, &info) != 0) {
    cow_path_explain_absent (path, error);
    return FALSE;
  }
  *bytes = info.st_size;
  *changed_ns = (gint64)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
  return TRUE;
}

gboolean
cow_truncate (int fd, off_t size)
{
  int status;
  do
    status = ftruncate (fd, size);
  while (status != 0 && errno == EINTR);
  return status == 0;
}

gboolean
cow_lock (int fd, gboolean wait)
{
  int status;
  do
    status = flock (fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
  while (status != 0 && errno == EINTR);
  return status == 0;
}

ssize_t
cow_read (int fd, void *data, gsize n_bytes)
{
  ssize_t n;
  do
    n = read (fd, data, n_bytes);
  while (n < 0 && errno == EINTR);
  return n;
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

gboolean
cow_sync (int fd)
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
  const int fd = cow_open (folder, O_RDONLY | O_DIRECTORY, 0);
  /* A folder may allow to write to it, and not to list it. */
  if (fd < 0)
    return errno == EACCES || fail (folder, "open", error);
  const gboolean ok = cow_sync (fd) || fail (folder, "write its entries to the disk", error);
  close (fd);
  return ok;
}

/* The path, without slashes at its end. */
static char *
plain_path (const char *path)
{
  gsize n = strlen (path);
  while (n > 1 && path[n - 1] == '/')
    n--;
  return g_strndup (path, n);
}

/* `whole` is the path that was asked for, of which this is the beginning. */
static gboolean
make_folder (const char *path, const char *whole, GError **error)
{
  g_autofree char *plain = plain_path (path), *above = g_path_get_dirname (plain);
  struct stat info;
  gboolean made = mkdir (plain, 0777) == 0;
  if (!made && errno == ENOENT && !g_str_equal (above, plain)) {
    if (!make_folder (above, whole, error))
      return FALSE;
    made = mkdir (plain, 0777) == 0;
  }
  if (made)
    return cow_folder_sync (plain, error);
  const int code = errno == EEXIST ? ENOTDIR : errno;
  if (stat (plain, &info) == 0 && S_ISDIR (info.st_mode))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: no such folder can be made: %s", whole,
               g_strerror (code));
  return FALSE;
}

gboolean
cow_folder_make (const char *path, GError **error)
{
  return make_folder (path, path, error);
}

gboolean
cow_file_rename (const char *from, const char *to, GError **error)
{
  return (rename (from, to) == 0 || fail (to, "rename what was written", error)) &&
         cow_folder_sync (to, error);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Makes the part and locks it. One who clears up may have found it before it was locked, and
 * removed it: then another is made. */
static gboolean
make_part (CowFileWriter *self)
{
  for (guint i = 0; i < COW_PART_TRIES; i++) {
    struct stat info;
    g_free (self->part);
    self->part = cow_part_name (self->path);
    self->fd = open (self->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (self->fd < 0 && errno != EEXIST && errno != EINTR)
      break;
    if (self->fd < 0)
      continue;
    const gboolean taken = !cow_lock (self->fd, FALSE) && errno == EWOULDBLOCK;
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
  cow_part_clear (path);
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
  if (!cow_sync (self->fd))
    return fail (self->path, "write", error);
  if (rename (self->part, self->path) != 0)
    return fail (self->path, "rename what was written", error);
  g_clear_pointer (&self->part, g_free);
  return cow_folder_sync (self->path, error);
}

const char *
cow_file_writer_part (const CowFileWriter *self)
{
  return self->part;
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
