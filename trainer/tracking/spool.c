/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memrchr */
#include "trainer/tracking/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/files/file-writer.h"
#include "model/files/json-object.h"

#define STATE_NAME "mlflow.json"
#define LINES_NAME "mlflow-spool.jsonl"
#define FORMAT     1
#define READ_BYTES (512 << 10) /* at least a line; below MLflow's 1 MB a request */

struct _Spool {
  char *state_path, *lines_path;
  SpoolRun run;
  GMutex lock; /* of what follows; only the sending thread changes `sent` */
  int fd;
  guint64 size, sent; /* bytes of the file */
};

static gboolean
fail (GError **error, const char *path, const char *doing)
{
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: %s failed: %s", path, doing,
               g_strerror (errno));
  return FALSE;
}

gboolean
spool_exists (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, STATE_NAME, NULL);
  return cow_path_is_file (path);
}

/* ---- The state ------------------------------------------------------------------------------- */

static gboolean
take_string (JsonObject *object, const char *where, const char *key, char **out, GError **error)
{
  const char *value = NULL;
  if (!cow_json_get_string (object, where, key, &value, error))
    return FALSE;
  *out = g_strdup (value);
  return TRUE;
}

static gboolean
read_state (Spool *self, GError **error)
{
  const char *where = self->state_path;
  gint64 format = 0, sent = 0;
  g_autoptr (JsonObject) state = cow_json_read_object (where, error);
  if (!state || !cow_json_get_int (state, where, "format", FORMAT, FORMAT, &format, error) ||
      !cow_json_get_int (state, where, "sent", 0, G_MAXINT64, &sent, error) ||
      !cow_json_get_int (state, where, "start_ms", 0, G_MAXINT64, &self->run.start_ms, error) ||
      !take_string (state, where, "uri", &self->run.uri, error) ||
      !take_string (state, where, "experiment", &self->run.experiment, error) ||
      !take_string (state, where, "run_name", &self->run.run_name, error) ||
      !take_string (state, where, "key", &self->run.key, error) ||
      !take_string (state, where, "run_id", &self->run.run_id, error) ||
      !take_string (state, where, "artifact_uri", &self->run.artifact_uri, error))
    return FALSE;
  if (!self->run.uri || !self->run.experiment || !self->run.key ||
      !g_uuid_string_is_valid (self->run.key)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: \"uri\", \"experiment\" and a UUID as \"key\" are expected", where);
    return FALSE;
  }
  /* Emptying the file comes after saving 0, so more than its size means that somebody else
   * shortened it: send all. */
  self->sent = (guint64)sent <= self->size ? (guint64)sent : 0;
  return TRUE;
}

static void
set_member (JsonObject *state, const char *key, const char *value)
{
  if (value)
    json_object_set_string_member (state, key, value);
}

static gboolean
save_state (Spool *self, guint64 sent, GError **error)
{
  g_autoptr (JsonObject) state = json_object_new ();
  json_object_set_int_member (state, "format", FORMAT);
  set_member (state, "uri", self->run.uri);
  set_member (state, "experiment", self->run.experiment);
  set_member (state, "run_name", self->run.run_name);
  set_member (state, "key", self->run.key);
  set_member (state, "run_id", self->run.run_id);
  set_member (state, "artifact_uri", self->run.artifact_uri);
  json_object_set_int_member (state, "start_ms", self->run.start_ms);
  json_object_set_int_member (state, "sent", (gint64)sent);
  g_autofree char *text = cow_json_object_text (state);
  return cow_text_write (text, self->state_path, error);
}

SpoolRun *
spool_run (Spool *self)
{
  return &self->run;
}

gboolean
spool_save (Spool *self, GError **error)
{
  return save_state (self, self->sent, error);
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* Cuts off a line that a killed process left without its end. */
static gboolean
drop_broken_line (Spool *self, GError **error)
{
  char block[4096];
  guint64 end = self->size;

  while (end > 0) {
    const gsize n = MIN (end, sizeof block);
    if (pread (self->fd, block, n, (off_t)(end - n)) != (gssize)n)
      return fail (error, self->lines_path, "reading");
    const char *newline = memrchr (block, '\n', n);
    if (newline) {
      end = end - n + (guint64)(newline - block) + 1;
      break;
    }
    end -= n;
  }
  if (end != self->size && ftruncate (self->fd, (off_t)end) != 0)
    return fail (error, self->lines_path, "shortening");
  self->size = end;
  return TRUE;
}

static gboolean
open_lines (Spool *self, GError **error)
{
  struct stat status;

  /* A link could lead to a file that is no spool, and would be emptied. */
  self->fd = open (self->lines_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (self->fd < 0)
    return fail (error, self->lines_path, "opening");
  if (flock (self->fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return fail (error, self->lines_path, "locking");
    g_set_error (error, COW_ERROR, COW_ERROR_IO,
                 "%s: another process is logging this run or sending it", self->lines_path);
    return FALSE;
  }
  if (fstat (self->fd, &status) != 0)
    return fail (error, self->lines_path, "reading");
  self->size = (guint64)status.st_size;
  return TRUE;
}

static gboolean
begin (Spool *self, GError **error)
{
  if (ftruncate (self->fd, 0) != 0)
    return fail (error, self->lines_path, "emptying");
  self->size = self->sent = 0;
  self->run.key = g_uuid_string_random ();
  self->run.start_ms = g_get_real_time () / 1000;
  return TRUE;
}

Spool *
spool_open (const char *folder, gboolean resume, GError **error)
{
  g_autoptr (Spool) self = g_new0 (Spool, 1);
  g_mutex_init (&self->lock);
  self->fd = -1;
  self->state_path = g_build_filename (folder, STATE_NAME, NULL);
  self->lines_path = g_build_filename (folder, LINES_NAME, NULL);
  if (!open_lines (self, error))
    return NULL;
  if (resume && spool_exists (folder) ? drop_broken_line (self, error) && read_state (self, error)
                                      : begin (self, error))
    return g_steal_pointer (&self);
  /* The lock is ours: nobody misses a file that holds nothing. */
  if (self->size == 0)
    unlink (self->lines_path);
  return NULL;
}

void
spool_free (Spool *self)
{
  if (!self)
    return;
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->run.uri);
  g_free (self->run.experiment);
  g_free (self->run.run_name);
  g_free (self->run.key);
  g_free (self->run.run_id);
  g_free (self->run.artifact_uri);
  g_free (self->state_path);
  g_free (self->lines_path);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

gboolean
spool_append (Spool *self, const char *line, GError **error)
{
  g_autofree char *text = g_strconcat (line, "\n", NULL);
  const gsize n = strlen (text);
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  if (n > SPOOL_MOST_LINE || self->size + n > SPOOL_MOST_BYTES) {
    g_set_error (error, COW_ERROR, COW_ERROR_MEMORY,
                 "%s is full: %" G_GUINT64_FORMAT " bytes wait, %d is the most", self->lines_path,
                 self->size, SPOOL_MOST_BYTES);
    return FALSE;
  }
  if (cow_write_all (self->fd, text, n)) {
    self->size += n;
    return TRUE;
  }
  fail (error, self->lines_path, "writing");
  /* Half a line would swallow the next one. Where it cannot be cut off, it counts. */
  struct stat status;
  if (ftruncate (self->fd, (off_t)self->size) != 0 && fstat (self->fd, &status) == 0)
    self->size = (guint64)status.st_size;
  return FALSE;
}

GPtrArray *
spool_next (Spool *self, guint n, GError **error)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  const gsize available = (gsize)MIN (self->size - self->sent, (guint64)READ_BYTES);
  g_autofree char *block = g_malloc (available + 1);

  if (available == 0)
    return g_steal_pointer (&lines);
  if (pread (self->fd, block, available, (off_t)self->sent) != (gssize)available) {
    fail (error, self->lines_path, "reading");
    return NULL;
  }
  /* Damage must not make a line look shorter than it is. */
  for (gsize i = 0; i < available; i++)
    if (!block[i])
      block[i] = ' ';
  const char *end = block + available, *newline;
  for (char *p = block; lines->len < n && p < end && (newline = memchr (p, '\n', (gsize)(end - p)));
       p += newline - p + 1)
    g_ptr_array_add (lines, g_strndup (p, (gsize)(newline - p)));
  /* No line is that long, so the file was damaged; as one line that no one understands it is passed
   * over. */
  if (lines->len == 0)
    g_ptr_array_add (lines, g_strndup (block, available - 1));
  return g_steal_pointer (&lines);
}

/* Empties the file if nothing was added since all of it was sent; what is left of it is still to be
 * saved where this is FALSE. */
static gboolean
empty_lines (Spool *self, gboolean *emptied, GError **error)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  *emptied = self->sent == self->size;
  if (!*emptied)
    return TRUE;
  if (ftruncate (self->fd, 0) != 0)
    return fail (error, self->lines_path, "emptying");
  self->size = self->sent = 0;
  return TRUE;
}

gboolean
spool_sent (Spool *self, const GPtrArray *lines, guint n, GError **error)
{
  gboolean emptied = FALSE;

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < n; i++)
    self->sent += strlen (lines->pdata[i]) + 1;
  const gboolean all = self->sent == self->size;
  g_mutex_unlock (&self->lock);
  /* The state is written without the lock: a slow disk must not keep a run from adding lines. It
   * says 0 before the file is emptied: a kill in between leads to lines sent twice, the other order
   * to lines never sent. */
  if (all && (!save_state (self, 0, error) || !empty_lines (self, &emptied, error)))
    return FALSE;
  return emptied || save_state (self, self->sent, error);
}

gboolean
spool_is_empty (Spool *self)
{
  return spool_unsent_bytes (self) == 0;
}

guint64
spool_unsent_bytes (Spool *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  return self->size - self->sent;
}
