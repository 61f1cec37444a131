/* SPDX-License-Identifier: MIT */
/* The target `file`: events as lines of JSON or rows of a table, in a file, which is rotated, a
 * pipe, or the standard output. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gst-plugin/publish/append.h"
#include "gst-plugin/publish/event-rows.h"
#include "gst-plugin/publish/targets.h"
#include "model/files/printable.h"

/* The bytes that a pipe takes without blocking when poll () says that it is writable. */
#define BLOCK PIPE_BUF

/* How long others may keep rotating the file before its lock is given up. */
#define PATIENCE (5 * G_USEC_PER_SEC)

/* ---- properties ------------------------------------------------------------------------------ */

typedef enum { FORMAT_AUTO, FORMAT_JSONL, FORMAT_CSV } Format;

static GType
format_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { FORMAT_AUTO, "CSV where the name of the file ends in .csv, else JSON lines", "auto" },
    { FORMAT_JSONL, "JSON, an event on a line", "jsonl" },
    { FORMAT_CSV, "A table of comma-separated values with a header, an object on a row", "csv" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type)) {
    const GType new = g_enum_register_static ("GstCowPublishFileFormat", values);

    gst_type_mark_as_plugin_api (new, 0);
    g_once_init_leave (&type, new);
  }
  return type;
}

typedef struct {
  gchar *path;      /* "-": the standard output */
  gint format;      /* Format */
  guint64 max_size; /* bytes; 0: any */
  guint max_files;
} Settings;

static const GstCowPublishProperty rows[] = {
  { .type = GST_COW_PUBLISH_TEXT,
    GST_COW_PUBLISH_MEMBER (Settings, path),
    .name = "file",
    .nick = "File",
    .blurb = "File to append events to, one line each; \"-\": the standard output; unset: none" },
  { .type = GST_COW_PUBLISH_ENUM,
    GST_COW_PUBLISH_MEMBER (Settings, format),
    .name = "file-format",
    .nick = "Format of the file",
    .blurb = "What the file has: JSON lines, or a table for spreadsheets and statistics",
    .number = FORMAT_AUTO,
    .enum_type = format_get_type },
  { .type = GST_COW_PUBLISH_UINT64,
    GST_COW_PUBLISH_MEMBER (Settings, max_size),
    .name = "max-file-size",
    .nick = "Largest file",
    .blurb = "Bytes after which FILE becomes FILE.1 and a new one is begun (0 = never)",
    .number = G_GUINT64_CONSTANT (100) << 20,
    .max = G_MAXUINT64 },
  { .type = GST_COW_PUBLISH_UINT,
    GST_COW_PUBLISH_MEMBER (Settings, max_files),
    .name = "max-files",
    .nick = "Most files",
    .blurb = "Files that are kept: FILE, FILE.1, FILE.2 and so on",
    .number = 5,
    .min = 1,
    .max = 1000 },
};

/* ---- open and closed ------------------------------------------------------------------------- */

typedef struct {
  GstCowPublishTarget target;
  char *path; /* NULL: the standard output */
  guint64 max_size;
  guint max_files;
  GstCowAppend file; /* fd -1: closed */
  gboolean regular;
  gboolean headed; /* the open file begins with the names of the columns, as far as it has rows */
  gboolean torn;   /* the standard output has half a line */
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

  g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (code), "file: %s %s: %s%s", what,
               name_of (self), g_strerror (code), code == EBUSY ? " with other programs" : "");
  return FALSE;
}

static void
file_disconnect (GstCowPublishTarget *target, gboolean politely, GCancellable *cancellable)
{
  File *self = (File *)target;

  if (self->file.fd >= 0 && self->path)
    close (self->file.fd);
  if (self->file.beside >= 0)
    close (self->file.beside);
  self->file = (GstCowAppend){ .fd = -1, .beside = -1, .rows = self->target.rows };
  self->headed = FALSE;
}

static gboolean
is_same (int fd, const struct stat *other)
{
  struct stat info;

  return fstat (fd, &info) == 0 && info.st_ino == other->st_ino && info.st_dev == other->st_dev;
}

/* O_NONBLOCK: opening a pipe that nobody reads must not block the thread. */
static int
open_path (const File *self, int flags)
{
  int fd;

  do
    fd = open (self->path, flags | O_NONBLOCK | O_CLOEXEC, 0666);
  while (fd < 0 && errno == EINTR);
  return fd;
}

/* Opens it to read as well, unless that is not allowed, or another file has its name by now. */
static gboolean
open_beside (File *self, const struct stat *info, GError **error)
{
  struct stat beside;

  self->file.beside = open_path (self, O_RDWR);
  if (self->file.beside < 0 && errno != EACCES && errno != EPERM && errno != ENOENT) {
    fail (self, "cannot read", error);
    file_disconnect (&self->target, FALSE, NULL);
    return FALSE;
  }
  if (self->file.beside >= 0 && fstat (self->file.beside, &beside) < 0) {
    fail (self, "cannot read", error);
    file_disconnect (&self->target, FALSE, NULL);
    return FALSE;
  }
  if (self->file.beside >= 0 && (beside.st_ino != info->st_ino || beside.st_dev != info->st_dev)) {
    close (self->file.beside);
    self->file.beside = -1;
  }
  return TRUE;
}

static gboolean
file_open (File *self, GError **error)
{
  struct stat info;

  self->file.fd = self->path ? open_path (self, O_WRONLY | O_APPEND | O_CREAT) : STDOUT_FILENO;
  if (self->file.fd < 0 || fstat (self->file.fd, &info) < 0) {
    fail (self, "cannot open", error);
    file_disconnect (&self->target, FALSE, NULL);
    return FALSE;
  }
  self->regular = self->path && S_ISREG (info.st_mode);
  return !self->regular || open_beside (self, &info, error);
}

static gboolean
file_connect (GstCowPublishTarget *target, GCancellable *cancellable, GError **error)
{
  File *self = (File *)target;

  return self->file.fd >= 0 || file_open (self, error);
}

/* ---- the header of a table ------------------------------------------------------------------- */

static char *
with_header (const char *line)
{
  return g_strconcat (GST_COW_PUBLISH_COLUMNS, "\n", line, NULL);
}

/* Says which columns a file has, as far as they are a line of text. */
static gboolean
refuse_header (const File *self, const char *first, gsize n, GError **error)
{
  g_autofree char *line = g_strndup (first, MIN (n, 60)), *shown = NULL;

  line[strcspn (line, "\r\n")] = '\0';
  shown = cow_printable (line, FALSE);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
               "file: %s begins with \"%s\" and not with the columns of this version's events "
               "(\"" COW_EVENT_COLUMNS ",...\"), so that no row is appended to it: move it "
               "away, name another file, or set file-format=jsonl if it has JSON lines",
               self->path, shown);
  return FALSE;
}

/* Notes whether the open regular file has a header: FALSE for one that has something else. A file
 * that somebody empties needs another one, so its size is looked at each time. */
static gboolean
check_header (File *self, GError **error)
{
  char first[sizeof GST_COW_PUBLISH_COLUMNS];
  struct stat info;
  gssize n;

  if (fstat (self->file.fd, &info) < 0)
    return fail (self, "cannot read", error);
  if (info.st_size == 0 || self->headed) {
    self->headed = info.st_size > 0;
    return TRUE;
  }
  if (self->file.beside < 0) {
    errno = EACCES;
    return fail (self, "cannot read the columns of", error);
  }
  do
    n = pread (self->file.beside, first, sizeof first, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return fail (self, "cannot read", error);
  self->headed = n == (gssize)sizeof first && strchr ("\r\n", first[n - 1]) &&
                 strncmp (first, GST_COW_PUBLISH_COLUMNS, sizeof first - 1) == 0;
  return self->headed || refuse_header (self, first, (gsize)n, error);
}

/* ---- a file that others write to and rotate too ---------------------------------------------- */

/* Whether the open file still has its name: another element, logrotate or a person may have moved
 * it. */
static gboolean
is_in_place (const File *self)
{
  struct stat named;

  return stat (self->path, &named) == 0 && is_same (self->file.fd, &named);
}

/* Takes the lock of the file that has the name now. While it waited, the open file may have been
 * rotated; holding its lock allows neither to write nor to rotate, and so the file of that name is
 * opened and locked. */
static gboolean
lock (File *self, GCancellable *cancellable, GError **error)
{
  const gint64 until = g_get_monotonic_time () + PATIENCE;

  while (gst_cow_append_lock (&self->file, cancellable)) {
    if (is_in_place (self))
      return TRUE;
    file_disconnect (&self->target, TRUE, NULL);
    if (!file_open (self, error))
      return FALSE;
    if (g_get_monotonic_time () > until) {
      errno = EBUSY;
      break;
    }
  }
  return fail (self, "cannot write to", error);
}

/* The first of FILE.1, FILE.2, ... that does not exist, or that may be lost. */
static guint
first_free (const File *self)
{
  guint i = 1;

  for (; i + 1 < self->max_files; i++) {
    g_autofree char *path = g_strdup_printf ("%s.%u", self->path, i);
    struct stat info;

    if (lstat (path, &info) < 0)
      break;
  }
  return i;
}

/* FILE.2 becomes FILE.3, FILE.1 becomes FILE.2, FILE becomes FILE.1; with max-files=1 FILE is
 * emptied. Other writers wait for the lock of the file that is FILE until the last step, and then
 * find another file there. */
static gboolean
rotate (File *self, GCancellable *cancellable, GError **error)
{
  if (self->max_files == 1)
    return ftruncate (self->file.fd, 0) == 0 || fail (self, "cannot empty", error);
  for (guint i = first_free (self); i > 0; i--) {
    g_autofree char *to = g_strdup_printf ("%s.%u", self->path, i);
    g_autofree char *from =
        i > 1 ? g_strdup_printf ("%s.%u", self->path, i - 1) : g_strdup (self->path);

    if (rename (from, to) < 0 && errno != ENOENT)
      return fail (self, "cannot rotate", error);
  }
  file_disconnect (&self->target, TRUE, NULL);
  return file_open (self, error) && lock (self, cancellable, error);
}

/* Whether n more bytes are too many for the file, as large as it is now. */
static gboolean
is_full (const File *self, gsize n)
{
  struct stat info;

  return self->max_size > 0 && fstat (self->file.fd, &info) == 0 && info.st_size > 0 &&
         (guint64)info.st_size + n > self->max_size;
}

static gboolean
append_line (File *self, const char *line, GCancellable *cancellable, GError **error)
{
  g_autofree char *headed = NULL;

  while (is_full (self, strlen (line) + 1))
    if (!rotate (self, cancellable, error))
      return FALSE;
  if (self->target.rows && !check_header (self, error))
    return FALSE;
  if (self->target.rows && !self->headed)
    line = headed = with_header (line);
  if (!gst_cow_append_line (&self->file, line))
    return fail (self, "cannot write to", error);
  return TRUE;
}

/* ---- pipes, devices and the standard output -------------------------------------------------- */

static gboolean
wait_writable (const File *self, GCancellable *cancellable, GError **error)
{
  GPollFD cancelled = { .fd = -1 };
  const gboolean can_cancel = g_cancellable_make_pollfd (cancellable, &cancelled);
  struct pollfd fds[2] = { { .fd = self->file.fd, .events = POLLOUT },
                           { .fd = can_cancel ? cancelled.fd : -1, .events = POLLIN } };

  while (poll (fds, 2, -1) < 0 && errno == EINTR)
    ;
  if (can_cancel)
    g_cancellable_release_fd (cancellable);
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}

/* The bytes of a text that are written at once. Of a table these are whole rows where a row is not
 * longer than that, because elements of a process may share the standard output. */
static gsize
piece (const File *self, const char *text, gsize n)
{
  const char *end = n > BLOCK && self->target.rows ? g_strrstr_len (text, BLOCK, "\n") : NULL;

  return end ? (gsize)(end + 1 - text) : MIN (n, BLOCK);
}

static gboolean
write_text (File *self, const char *line, GCancellable *cancellable, GError **error)
{
  g_autofree char *text = g_strconcat (self->torn ? "\n" : "", line, "\n", NULL);
  const gsize n = strlen (text);

  for (gsize done = 0; done < n;) {
    gssize written = -1;

    if (wait_writable (self, cancellable, error)) {
      written = write (self->file.fd, text + done, piece (self, text + done, n - done));
      if (written < 0 && errno != EINTR && errno != EAGAIN)
        fail (self, "cannot write to", error);
      else
        written = MAX (written, 0);
    }
    if (written < 0) {
      /* A named pipe is opened again after this, and a reader of the new one has no half line. */
      self->torn |= done > 0 && !self->path;
      return FALSE;
    }
    done += (gsize)written;
  }
  self->torn = FALSE;
  return TRUE;
}

/* A reader that opens a pipe gets a header. The standard output gets one in the life of the
 * process, from the first element that writes a table to it; the others wait until it is there. */
static gboolean
write_line (File *self, const char *line, GCancellable *cancellable, GError **error)
{
  static GMutex lock;
  static gboolean standard_output_headed;
  gboolean *headed = self->path ? &self->headed : &standard_output_headed;
  gboolean ok = TRUE;

  if (self->target.rows) {
    g_mutex_lock (&lock);
    if (!*headed)
      ok = *headed = write_text (self, GST_COW_PUBLISH_COLUMNS, cancellable, error);
    g_mutex_unlock (&lock);
  }
  return ok && write_text (self, line, cancellable, error);
}

/* ---- the target ------------------------------------------------------------------------------ */

/* Unlike that of a named pipe, a reader of the standard output that went away does not come
 * back. */
static gboolean
is_gone (const File *self, GError **error)
{
  if (self->path || !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE))
    return FALSE;
  g_clear_error (error);
  g_set_error (error, GST_COW_PUBLISH_CAUSE, GST_COW_PUBLISH_CAUSE_READER_GONE,
               "file: nobody reads the standard output any more");
  return TRUE;
}

static GstCowDelivery
file_send (GstCowPublishTarget *target, char *const *lines, guint n, GstCowLine *fates,
           GCancellable *cancellable, GError **error)
{
  File *self = (File *)target;
  gboolean (*put) (File *, const char *, GCancellable *, GError **) =
      self->regular ? append_line : write_line;
  gboolean ok = !self->regular || lock (self, cancellable, error);

  for (guint i = 0; ok && i < n; i++) {
    ok = put (self, lines[i], cancellable, error);
    fates[i] = ok ? GST_COW_LINE_SENT : GST_COW_LINE_LEFT;
  }
  gst_cow_append_unlock (&self->file);
  if (ok)
    return GST_COW_DELIVERY_DONE;
  return is_gone (self, error) ? GST_COW_DELIVERY_GONE : GST_COW_DELIVERY_RETRY;
}

static void
file_free (GstCowPublishTarget *target)
{
  File *self = (File *)target;

  file_disconnect (target, FALSE, NULL);
  g_free (self->path);
  g_free (self);
}

/* A file that can be written to may be in a folder that does not allow to rename it, which would
 * only be noticed when it is full. */
static gboolean
can_rotate (const File *self, GError **error)
{
  g_autofree char *folder = NULL;
  struct stat named, above;
  gboolean ok;

  if (!self->regular || self->max_size == 0 || self->max_files == 1)
    return TRUE;
  folder = g_path_get_dirname (self->path);
  ok = access (folder, W_OK | X_OK) == 0;
  /* In a folder such as /tmp only the owner of a file may rename it. */
  if (ok && geteuid () != 0 && stat (folder, &above) == 0 && above.st_mode & S_ISVTX &&
      stat (self->path, &named) == 0 && named.st_uid != geteuid () && above.st_uid != geteuid ()) {
    errno = EPERM;
    ok = FALSE;
  }
  if (!ok)
    g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (errno),
                 "file: %s could not be rotated, because its folder does not allow that: %s. Set "
                 "max-file-size=0 if it need not be, or name another file",
                 self->path, g_strerror (errno));
  return ok;
}

static gboolean
is_table (const Settings *settings)
{
  if (settings->format != FORMAT_AUTO)
    return settings->format == FORMAT_CSV;
  return g_str_has_suffix (settings->path, ".csv") || g_str_has_suffix (settings->path, ".CSV");
}

static GstCowPublishTarget *
file_new (gconstpointer values, const char *source, GError **error)
{
  const Settings *settings = values;
  File *self = g_new0 (File, 1);
  g_autoptr (GError) trouble = NULL;

  self->target.most_lines = 64;
  self->path = g_str_equal (settings->path, "-") ? NULL : g_strdup (settings->path);
  self->max_size = settings->max_size;
  self->max_files = settings->max_files;
  self->file = (GstCowAppend){ .fd = -1, .beside = -1, .rows = is_table (settings) };
  self->target.rows = self->file.rows;
  /* An error at once, unless waiting helps: a pipe may get a reader. */
  if (!file_open (self, &trouble) &&
      !g_error_matches (trouble, G_IO_ERROR, (gint)g_io_error_from_errno (ENXIO))) {
    g_propagate_error (error, g_steal_pointer (&trouble));
    file_free (&self->target);
    return NULL;
  }
  if (!trouble && (!can_rotate (self, error) ||
                   (self->regular && self->target.rows && !check_header (self, error)))) {
    file_free (&self->target);
    return NULL;
  }
  /* It stays open: the reader of a pipe takes the end of a writer for the end of all. */
  return &self->target;
}

const GstCowPublishTargetClass gst_cow_publish_file = {
  .name = "file",
  .properties = GST_COW_PUBLISH_PROPERTIES (Settings, rows),
  .open = file_new,
  .connect = file_connect,
  .send = file_send,
  .disconnect = file_disconnect,
  .free = file_free,
};
