/* SPDX-License-Identifier: MIT */
/* Events as lines of a file, which is rotated, or of the standard output. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gst-plugin/publish/target.h"

/* As much as a pipe takes without blocking once poll () says that it takes something. */
#define BLOCK PIPE_BUF

typedef struct {
  GstCowPublishTarget target;
  char *path; /* NULL: the standard output */
  guint64 max_size;
  guint max_files;
  int fd; /* -1: closed */
  gboolean regular;
  guint64 size; /* of a regular file */
} File;

static const char *
name_of (const File *self)
{
  return self->path ? self->path : "the standard output";
}

static gboolean
fail (const File *self, const char *what, GError **error)
{
  const int code = errno;

  g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (code), "file: %s %s: %s", what,
               name_of (self), g_strerror (code));
  return FALSE;
}

static void
file_disconnect (GstCowPublishTarget *target, gboolean politely, GCancellable *cancellable)
{
  File *self = (File *)target;

  if (self->fd >= 0 && self->path)
    close (self->fd);
  self->fd = -1;
}

static gboolean
file_open (File *self, GError **error)
{
  struct stat info;

  /* A pipe that nobody reads yet does not hold up the thread. */
  self->fd = self->path
                 ? open (self->path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666)
                 : STDOUT_FILENO;
  if (self->fd < 0 || fstat (self->fd, &info) < 0) {
    fail (self, "cannot open", error);
    file_disconnect (&self->target, FALSE, NULL);
    return FALSE;
  }
  self->regular = self->path && S_ISREG (info.st_mode);
  self->size = self->regular ? (guint64)info.st_size : 0;
  return TRUE;
}

static gboolean
file_connect (GstCowPublishTarget *target, GCancellable *cancellable, GError **error)
{
  return file_open ((File *)target, error);
}

/* FILE.2 becomes FILE.3, FILE.1 becomes FILE.2, FILE becomes FILE.1; where only one is kept it is
 * emptied. */
static gboolean
rotate (File *self, GError **error)
{
  if (self->max_files == 1) {
    if (ftruncate (self->fd, 0) < 0)
      return fail (self, "cannot empty", error);
    self->size = 0;
    return TRUE;
  }
  for (guint i = self->max_files - 1; i > 0; i--) {
    g_autofree char *to = g_strdup_printf ("%s.%u", self->path, i);
    g_autofree char *from =
        i > 1 ? g_strdup_printf ("%s.%u", self->path, i - 1) : g_strdup (self->path);

    if (rename (from, to) < 0 && errno != ENOENT)
      return fail (self, "cannot rotate", error);
  }
  file_disconnect (&self->target, TRUE, NULL);
  return file_open (self, error);
}

/* Whether the name is still that of the file that is open: a logrotate, or a person, may have moved
 * it. */
static gboolean
is_in_place (const File *self)
{
  struct stat named, opened;

  return stat (self->path, &named) == 0 && fstat (self->fd, &opened) == 0 &&
         named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

static gboolean
wait_writable (const File *self, GCancellable *cancellable, GError **error)
{
  GPollFD cancelled = { .fd = -1 };
  const gboolean can_cancel = g_cancellable_make_pollfd (cancellable, &cancelled);
  struct pollfd fds[2] = { { .fd = self->fd, .events = POLLOUT },
                           { .fd = can_cancel ? cancelled.fd : -1, .events = POLLIN } };

  while (poll (fds, 2, -1) < 0 && errno == EINTR)
    ;
  if (can_cancel)
    g_cancellable_release_fd (cancellable);
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}

static gboolean
write_all (const File *self, const char *data, gsize n, GCancellable *cancellable, GError **error)
{
  while (n > 0) {
    gssize written;

    if (!self->regular && !wait_writable (self, cancellable, error))
      return FALSE;
    written = write (self->fd, data, self->regular ? n : MIN (n, BLOCK));
    if (written < 0 && errno != EINTR && errno != EAGAIN)
      return fail (self, "cannot write to", error);
    if (written > 0) {
      data += written;
      n -= (gsize)written;
    }
  }
  return TRUE;
}

static gboolean
write_line (File *self, const char *line, GCancellable *cancellable, GError **error)
{
  g_autofree char *text = g_strconcat (line, "\n", NULL);
  const gsize n = strlen (text);

  if (self->regular && self->max_size > 0 && self->size > 0 && self->size + n > self->max_size &&
      !rotate (self, error))
    return FALSE;
  if (!write_all (self, text, n, cancellable, error)) {
    /* No half lines on a full disk; where that fails too, the first error is the one to tell. */
    if (self->regular && ftruncate (self->fd, (off_t)self->size) < 0)
      GST_DEBUG ("%s: half a line stays", name_of (self));
    return FALSE;
  }
  self->size += n;
  return TRUE;
}

static GstCowDelivery
file_send (GstCowPublishTarget *target, char *const *lines, guint n, guint *n_sent,
           GCancellable *cancellable, GError **error)
{
  File *self = (File *)target;

  if (self->regular && !is_in_place (self)) {
    file_disconnect (target, TRUE, NULL);
    if (!file_open (self, error))
      return GST_COW_DELIVERY_RETRY;
  }
  for (; *n_sent < n; (*n_sent)++)
    if (!write_line (self, lines[*n_sent], cancellable, error))
      return GST_COW_DELIVERY_RETRY;
  return GST_COW_DELIVERY_DONE;
}

static void
file_free (GstCowPublishTarget *target)
{
  File *self = (File *)target;

  file_disconnect (target, FALSE, NULL);
  g_free (self->path);
  g_free (self);
}

GstCowPublishTarget *
gst_cow_publish_file_new (const GstCowPublishSettings *settings, GError **error)
{
  static const GstCowPublishTargetClass class = { .name = "file",
                                                  .connect = file_connect,
                                                  .send = file_send,
                                                  .disconnect = file_disconnect,
                                                  .free = file_free };
  File *self = g_new0 (File, 1);

  self->target = (GstCowPublishTarget){ .class = &class, .most_lines = 64 };
  self->path = g_str_equal (settings->file, "-") ? NULL : g_strdup (settings->file);
  self->max_size = settings->max_file_size;
  self->max_files = settings->max_files;
  /* Told at once what will not pass by itself. A pipe without a reader does. */
  if (!file_open (self, error) &&
      (!error || !g_error_matches (*error, G_IO_ERROR, g_io_error_from_errno (ENXIO)))) {
    file_free (&self->target);
    return NULL;
  }
  g_clear_error (error);
  file_disconnect (&self->target, TRUE, NULL);
  return &self->target;
}
