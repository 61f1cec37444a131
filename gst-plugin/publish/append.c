/* SPDX-License-Identifier: MIT */
/* Lines appended to a file that others append to at the same time. */
#define _GNU_SOURCE /* fallocate */
#include "gst-plugin/publish/append.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long another writer may hold the lock, and the time between attempts to get it: flock () can
 * neither be cancelled nor given a timeout. */
#define PATIENCE (5 * G_USEC_PER_SEC)
#define ASK_MS   2

/* ---- the lock -------------------------------------------------------------------------------- */

static gboolean
is_cancelled_within (GCancellable *cancellable, gint ms)
{
  GPollFD cancelled;

  if (!g_cancellable_make_pollfd (cancellable, &cancelled)) {
    g_usleep ((gulong)ms * 1000);
    return g_cancellable_is_cancelled (cancellable);
  }
  g_poll (&cancelled, 1, ms);
  g_cancellable_release_fd (cancellable);
  return g_cancellable_is_cancelled (cancellable);
}

gboolean
gst_cow_append_lock (GstCowAppend *self, GCancellable *cancellable)
{
  const gint64 until = g_get_monotonic_time () + PATIENCE;

  while (flock (self->fd, LOCK_EX | LOCK_NB) < 0) {
    if (errno == EINTR)
      continue;
    if (errno != EWOULDBLOCK) {
      self->locked = FALSE;
      return TRUE;
    }
    if (is_cancelled_within (cancellable, ASK_MS)) {
      errno = ECANCELED;
      return FALSE;
    }
    if (g_get_monotonic_time () > until) {
      errno = EBUSY;
      return FALSE;
    }
  }
  self->locked = TRUE;
  return TRUE;
}

void
gst_cow_append_unlock (GstCowAppend *self)
{
  if (!self->locked)
    return;
  flock (self->fd, LOCK_UN);
  self->locked = FALSE;
  /* Writers ask for the lock now and then: one that took it again at once would never leave it to
   * them. */
  g_usleep (2 * ASK_MS * 1000);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static gboolean
cut (int fd, off_t size)
{
  int status;

  do
    status = ftruncate (fd, size);
  while (status < 0 && errno == EINTR);
  return status == 0;
}

gboolean
gst_cow_append_withdraw (GstCowAppend *self, off_t from, off_t to)
{
  char nothing[512], first[2];
  gssize n_first;
  struct stat info;

  if (fstat (self->fd, &info) < 0)
    return FALSE;
  if (self->locked && info.st_size == to && cut (self->fd, from))
    return TRUE;
  /* Somebody has cut the file off: writing behind its end would fill the hole with NUL bytes. */
  to = MIN (to, info.st_size);
  if (from >= to)
    return TRUE;
  /* What ends somebody else's half line stays, or what follows would be joined to it. */
  n_first = pread (self->beside, first, sizeof first, from);
  if (n_first > 0 && first[0] == '\n')
    from++;
  else if (self->rows && n_first == 2 && first[0] == '"' && first[1] == '\n')
    from += 2;
  memset (nothing, self->rows ? '\n' : ' ', sizeof nothing);
  while (from < to) {
    const gsize n = MIN ((gsize)(to - from), sizeof nothing);
    const gssize written = pwrite (self->beside, nothing, n, from);

    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return FALSE;
    from += written;
  }
  return TRUE;
}

/* Reserves n bytes at the end of a file of `size` bytes, so that a full disk is noticed before a
 * part of a line is written. All other errors are ignored: write () may succeed nevertheless. */
static gboolean
reserve (GstCowAppend *self, off_t size, gsize n)
{
  return fallocate (self->fd, FALLOC_FL_KEEP_SIZE, size, (off_t)n) == 0 ||
         (errno != ENOSPC && errno != EDQUOT);
}

/* After a write with O_APPEND the file position is the end of what was written, even when others
 * write, too. When bytes of others came between two pieces of a line, both are withdrawn. */
static gboolean
write_whole (GstCowAppend *self, const char *text, gsize n)
{
  off_t begin = 0, end = 0;

  for (gsize done = 0; done < n;) {
    const gssize written = write (self->fd, text + done, n - done);
    const off_t position = written > 0 ? lseek (self->fd, 0, SEEK_CUR) : 0;
    const gboolean torn = written > 0 && done > 0 && position - written != end;
    int code = written < 0 ? errno : EIO;

    if (written < 0 && code == EINTR)
      continue;
    if (written <= 0 || torn) {
      if (torn) {
        gst_cow_append_withdraw (self, position - written, position);
        code = EBUSY;
      }
      if (done > 0)
        gst_cow_append_withdraw (self, begin, end);
      errno = code;
      return FALSE;
    }
    end = position;
    begin = end - written - (off_t)done;
    done += (gsize)written;
  }
  return TRUE;
}

/* Whether the file's byte before `end` could be read, if anybody may read it. */
static gboolean
read_last (const GstCowAppend *self, off_t end, char *last)
{
  gssize got;

  if (self->beside < 0)
    return TRUE;
  do
    got = pread (self->beside, last, 1, end - 1);
  while (got < 0 && errno == EINTR);
  return got >= 0;
}

/* Gives the size of the file and whether its last line is only half. A line that is being written
 * looks the same for a moment, so that only one that does not change is taken for half a line. */
static gboolean
look_at_end (GstCowAppend *self, off_t *size, gboolean *half)
{
  off_t before = -1;
  struct stat info;
  char last = '\n';

  for (;; before = info.st_size) {
    if (fstat (self->fd, &info) < 0 || (info.st_size > 0 && !read_last (self, info.st_size, &last)))
      return FALSE;
    *size = info.st_size;
    *half = last != '\n';
    if (!*half || info.st_size == before)
      return TRUE;
    g_usleep (ASK_MS * 1000);
  }
}

/* Whether the half row at the end of a file of `size` bytes ends within quotes, where a newline
 * would not end it. Rows are far shorter than what is looked at. */
static gboolean
is_in_quotes (const GstCowAppend *self, off_t size)
{
  char tail[65536];
  const gsize wanted = (gsize)MIN (size, (off_t)sizeof tail);
  const gssize n = pread (self->beside, tail, wanted, size - (off_t)wanted);
  gboolean inside = FALSE;

  for (gssize i = n - 1; i >= 0 && tail[i] != '\n'; i--)
    inside ^= tail[i] == '"';
  return inside;
}

gboolean
gst_cow_append_line (GstCowAppend *self, const char *line)
{
  const char *end_of_half = "";
  g_autofree char *text = NULL;
  gboolean half;
  off_t size;

  if (!look_at_end (self, &size, &half))
    return FALSE;
  if (half)
    end_of_half = self->rows && is_in_quotes (self, size) ? "\"\n" : "\n";
  text = g_strconcat (end_of_half, line, "\n", NULL);
  return reserve (self, size, strlen (text)) && write_whole (self, text, strlen (text));
}
