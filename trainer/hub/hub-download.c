/* SPDX-License-Identifier: MIT */
/*
 * One file of a repository onto the disk. FILE.part grows, FILE.part.etag says which content it is
 * the beginning of (our hash and the server's ETag); only when size and hash are right does it take
 * the file's name.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "trainer/hub/hub-private.h"

#define BLOCK_BYTES (256 << 10)
#define MOST_ETAG   200

typedef struct {
  Hub *hub;
  const HubFile *file;
  const HubObserver *observer;
  char *path, *part_path, *etag_path;
  int fd;           /* of the part */
  guint64 have;     /* its bytes */
  gboolean pieced;  /* of more than one answer, perhaps of different contents */
  gboolean renewed; /* it was, and did not fit: all is downloaded anew, once */
  GChecksum *hash;  /* of them */
  char *sha256;     /* expected, or NULL */
  char *etag;       /* strong, or NULL */
  guint8 *block;    /* [BLOCK_BYTES] */
} Download;

static gboolean
fail (GError **error, const char *path, const char *doing)
{
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: %s failed: %s", path, doing,
               g_strerror (errno));
  return FALSE;
}

static void
download_clear (Download *self)
{
  if (self->fd >= 0)
    close (self->fd);
  g_clear_pointer (&self->hash, g_checksum_free);
  g_free (self->path);
  g_free (self->part_path);
  g_free (self->etag_path);
  g_free (self->sha256);
  g_free (self->etag);
  g_free (self->block);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Download, download_clear)

/* ---- Hashes ---------------------------------------------------------------------------------- */

/* The hash that the file is known by, begun: SHA-256 of the content, or Git's SHA-1 of "blob
 * SIZE\0" and the content. */
static GChecksum *
begin_hash (const char *sha256, const HubFile *file)
{
  GChecksum *hash = g_checksum_new (sha256 || !file->blob_id ? G_CHECKSUM_SHA256 : G_CHECKSUM_SHA1);
  if (!sha256 && file->blob_id) {
    g_autofree char *start = g_strdup_printf ("blob %" G_GUINT64_FORMAT, file->size);
    g_checksum_update (hash, (const guchar *)start, (gssize)strlen (start) + 1);
  }
  return hash;
}

static const char *
expected_hash (const Download *self)
{
  return self->sha256 ? self->sha256 : self->file->blob_id;
}

/* Adds the next n bytes of a file to the hash. */
static gboolean
hash_file (Download *self, int fd, const char *path, guint64 n, GError **error)
{
  for (guint64 done = 0; done < n;) {
    const gssize got = pread (fd, self->block, MIN (n - done, (guint64)BLOCK_BYTES), (off_t)done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0) {
      errno = got < 0 ? errno : EIO;
      return fail (error, path, "reading");
    }
    g_checksum_update (self->hash, self->block, got);
    done += (guint64)got;
  }
  return TRUE;
}

/* Whether the file is there already, with the content that it should have. */
static gboolean
is_there (Download *self)
{
  GStatBuf status;
  const char *expected = expected_hash (self);
  if (g_stat (self->path, &status) != 0 || !S_ISREG (status.st_mode) ||
      (guint64)status.st_size != self->file->size || !expected)
    return FALSE;
  const int fd = cow_open (self->path, O_RDONLY, 0);
  if (fd < 0)
    return FALSE;
  g_clear_pointer (&self->hash, g_checksum_free);
  self->hash = begin_hash (self->sha256, self->file);
  const gboolean same = hash_file (self, fd, self->path, self->file->size, NULL) &&
                        g_str_equal (g_checksum_get_string (self->hash), expected);
  close (fd);
  return same;
}

/* ---- The part -------------------------------------------------------------------------------- */

/* Throws away what the part holds. */
static gboolean
start_over (Download *self, GError **error)
{
  g_clear_pointer (&self->hash, g_checksum_free);
  g_clear_pointer (&self->etag, g_free);
  self->hash = begin_hash (self->sha256, self->file);
  self->have = 0;
  self->pieced = FALSE;
  if (!cow_truncate (self->fd, 0) || lseek (self->fd, 0, SEEK_SET) != 0)
    return fail (error, self->part_path, "emptying");
  return TRUE;
}

/* Whether an ETag stands for one exact content, and is fit to be sent back. */
static gboolean
is_strong (const char *etag)
{
  return etag && *etag == '"' && strlen (etag) <= MOST_ETAG && http_is_header_value (etag);
}

/* Whether the part is the beginning of this very content; its ETag. */
static gboolean
part_belongs (Download *self)
{
  g_autofree char *text = NULL;
  const char *expected = expected_hash (self);

  if (!expected || !g_file_get_contents (self->etag_path, &text, NULL, NULL))
    return FALSE;
  g_auto (GStrv) lines = g_strsplit (text, "\n", 3);
  if (g_strv_length (lines) < 2 || !g_str_equal (lines[0], expected))
    return FALSE;
  self->etag = is_strong (lines[1]) ? g_strdup (lines[1]) : NULL;
  return TRUE;
}

static gboolean
open_part (Download *self, GError **error)
{
  GStatBuf status, named;

  self->fd = cow_open (self->part_path, O_RDWR | O_CREAT | O_NOFOLLOW, 0666);
  if (self->fd < 0)
    return fail (error, self->part_path, "opening");
  /* A file system without locks cannot tell. */
  if (!cow_lock (self->fd, FALSE) && errno == EWOULDBLOCK) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: another cow-trainer is downloading this",
                 self->part_path);
    return FALSE;
  }
  if (fstat (self->fd, &status) != 0)
    return fail (error, self->part_path, "reading");
  /* Between opening and locking the other one may have finished, and this would be its file. */
  if (g_lstat (self->part_path, &named) != 0 || named.st_ino != status.st_ino ||
      named.st_dev != status.st_dev) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO,
                 "%s: another cow-trainer has just downloaded this; run this again",
                 self->part_path);
    return FALSE;
  }
  const guint64 size = (guint64)status.st_size;
  if (size == 0 || size > self->file->size || !part_belongs (self))
    return start_over (self, error);
  g_clear_pointer (&self->hash, g_checksum_free);
  self->hash = begin_hash (self->sha256, self->file);
  self->have = size;
  self->pieced = TRUE;
  if (lseek (self->fd, (off_t)size, SEEK_SET) < 0)
    return fail (error, self->part_path, "seeking");
  return hash_file (self, self->fd, self->part_path, size, error);
}

/* Remembers which content the part is of. */
static gboolean
note_etag (Download *self, SoupMessage *message, GError **error)
{
  const char *etag =
      soup_message_headers_get_one (soup_message_get_response_headers (message), "ETag");
  const char *expected = expected_hash (self);

  g_free (self->etag);
  self->etag = is_strong (etag) ? g_strdup (etag) : NULL;
  g_autofree char *text =
      g_strdup_printf ("%s\n%s\n", expected ? expected : "", self->etag ? self->etag : "");
  return cow_text_write (text, self->etag_path, error);
}

static gboolean
write_block (Download *self, gsize n, GError **error)
{
  if (!cow_write_all (self->fd, self->block, n))
    return fail (error, self->part_path, "writing");
  g_checksum_update (self->hash, self->block, (gssize)n);
  self->have += n;
  if (self->observer->progress)
    self->observer->progress (n, self->observer->user_data);
  return TRUE;
}

/* ---- The transfer ---------------------------------------------------------------------------- */

/* Checks that an answer is what was asked for, before a byte of it is written. *again: the part was
 * no use, ask once more. */
static gboolean
accept_answer (Download *self, HubAnswer *answer, gboolean *again, GError **error)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (answer->message);
  const guint status = soup_message_get_status (answer->message);
  goffset start = 0, end = 0, total = -1;

  *again = FALSE;
  if (answer->linked_sha256 && self->sha256 && !g_str_equal (answer->linked_sha256, self->sha256)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "%s: the hub now has SHA-256 %s, its listing said %s; run this again",
                 self->file->path, answer->linked_sha256, self->sha256);
    return FALSE;
  }
  if (!expected_hash (self) && answer->linked_sha256)
    self->sha256 = g_strdup (answer->linked_sha256);
  if (status == 416) {
    *again = TRUE;
    return start_over (self, error);
  }
  if (status == 206) {
    if (!soup_message_headers_get_content_range (headers, &start, &end, &total) ||
        (guint64)start != self->have || (total >= 0 && (guint64)total != self->file->size)) {
      *again = TRUE;
      return start_over (self, error);
    }
    self->pieced = TRUE;
    return TRUE;
  }
  if (self->have > 0 && !start_over (self, error))
    return FALSE;
  if (soup_message_headers_get_encoding (headers) == SOUP_ENCODING_CONTENT_LENGTH &&
      (guint64)soup_message_headers_get_content_length (headers) != self->file->size) {
    g_set_error (
        error, COW_ERROR, COW_ERROR_FORMAT,
        "%s: the server sends %" G_GOFFSET_FORMAT " bytes, the listing said %" G_GUINT64_FORMAT,
        self->file->path, soup_message_headers_get_content_length (headers), self->file->size);
    return FALSE;
  }
  return note_etag (self, answer->message, error);
}

static gboolean
refuse_more (const Download *self, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: the server sends more than the %" G_GUINT64_FORMAT " bytes that were announced",
               self->file->path, self->file->size);
  return FALSE;
}

/* Reads the body onto the part, never more than was announced. libsoup reads the lines behind the
 * last chunk into the same memory, and complains where that is a single byte: it always gets all of
 * the block. */
static gboolean
receive (Download *self, GInputStream *body, gboolean *transient, GError **error)
{
  *transient = FALSE;
  while (self->have < self->file->size) {
    g_autoptr (GError) why = NULL;
    const gssize n = g_input_stream_read (body, self->block, BLOCK_BYTES, NULL, &why);
    if (n <= 0) {
      *transient = TRUE;
      g_set_error (
          error, COW_ERROR, COW_ERROR_IO,
          "%s: the connection ended after %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes%s%s",
          self->file->path, self->have, self->file->size, why ? ": " : "", why ? why->message : "");
      return FALSE;
    }
    if ((guint64)n > self->file->size - self->have)
      return refuse_more (self, error);
    if (!write_block (self, (gsize)n, error))
      return FALSE;
  }
  /* Where no length was announced, more may follow. */
  return g_input_stream_read (body, self->block, BLOCK_BYTES, NULL, NULL) <= 0 ||
         refuse_more (self, error);
}

static gboolean
transfer_once (Download *self, const char *address, gboolean *transient, GError **error)
{
  for (guint i = 0; i < 2; i++) {
    g_auto (HubAnswer) answer = { 0 };
    gboolean again = FALSE;
    if (!hub_get (self->hub, address, self->have, self->etag, &answer, transient, error))
      return FALSE;
    if (!accept_answer (self, &answer, &again, error))
      return FALSE;
    if (!again)
      return receive (self, answer.body, transient, error);
  }
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: the server does not give what it is asked for", self->file->path);
  return FALSE;
}

/* Brings the part to the file's size, with as many connections as it takes. */
static gboolean
transfer (Download *self, GError **error)
{
  g_autofree char *path = g_uri_escape_string (self->file->path, "/", FALSE);
  g_autofree char *revision = g_uri_escape_string (
      self->hub->commit ? self->hub->commit : self->hub->revision, NULL, FALSE);
  g_autofree char *address =
      g_strdup_printf ("/%s/resolve/%s/%s", self->hub->repository, revision, path);
  guint failures = 0;

  while (self->have < self->file->size) {
    g_autoptr (GError) why = NULL;
    gboolean transient = FALSE;
    const guint64 before = self->have;
    if (transfer_once (self, address, &transient, &why))
      break;
    failures = self->have > before ? 1 : failures + 1;
    if (!transient || failures == HUB_TRIES) {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
    hub_pause (self->hub, self->observer, failures, why);
    /* Without a hash nothing would tell that the rest is of another content. */
    if (self->have > 0 && !self->etag && !expected_hash (self) && !start_over (self, error))
      return FALSE;
  }
  return TRUE;
}

/* Whether the content is right. Where it came in pieces, *again asks for all of it anew. */
static gboolean
verify (Download *self, gboolean *again, GError **error)
{
  const char *expected = expected_hash (self), *found = g_checksum_get_string (self->hash);

  *again = FALSE;
  if (!expected && self->observer->notice) {
    g_autofree char *text = g_strdup_printf (
        "%s: the hub gives no hash of it; only its size was checked", self->file->path);
    self->observer->notice (text, self->observer->user_data);
  }
  if (!expected || g_str_equal (found, expected))
    return TRUE;
  if (self->pieced && !self->renewed) {
    *again = self->renewed = TRUE;
    return start_over (self, error);
  }
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: the content is not what the hub announced: its %s is %s, expected %s; the "
               "download was removed (something between the hub "
               "and here changes files)",
               self->file->path, self->sha256 ? "SHA-256" : "Git hash", found, expected);
  g_unlink (self->part_path);
  g_unlink (self->etag_path);
  return FALSE;
}

static gboolean
take_name (Download *self, GError **error)
{
  if (!cow_sync (self->fd))
    return fail (error, self->part_path, "writing");
  if (!cow_file_rename (self->part_path, self->path, error))
    return FALSE;
  g_unlink (self->etag_path);
  return TRUE;
}

static gboolean
run (Download *self, gboolean *fetched, GError **error)
{
  gboolean again = TRUE;

  if (is_there (self)) {
    /* An earlier run may have been stopped between giving the name and clearing up. */
    g_unlink (self->etag_path);
    *fetched = FALSE;
    return TRUE;
  }
  if (!open_part (self, error))
    return FALSE;
  while (again)
    if (!transfer (self, error) || !verify (self, &again, error))
      return FALSE;
  return take_name (self, error);
}

static Download
download_make (Hub *hub, const HubFile *file, const char *folder, const HubObserver *observer)
{
  Download self = { .hub = hub, .file = file, .observer = observer, .fd = -1 };
  self.path = g_build_filename (folder, file->path, NULL);
  self.part_path = g_strconcat (self.path, ".part", NULL);
  self.etag_path = g_strconcat (self.part_path, ".etag", NULL);
  self.sha256 = g_strdup (file->sha256);
  self.block = g_malloc (BLOCK_BYTES);
  return self;
}

gboolean
hub_download (Hub *hub, const HubFile *file, const char *folder, const HubObserver *observer,
              gboolean *fetched, GError **error)
{
  g_auto (Download) self = download_make (hub, file, folder, observer);
  g_autofree char *parent = g_path_get_dirname (self.path);

  *fetched = TRUE;
  if (!cow_folder_make (parent, error))
    return FALSE;
  return run (&self, fetched, error);
}

guint64
hub_missing_bytes (const HubFile *file, const char *folder)
{
  const HubObserver nobody = { 0 };
  g_auto (Download) self = download_make (NULL, file, folder, &nobody);
  GStatBuf status;

  if (g_stat (self.path, &status) == 0 && (guint64)status.st_size == file->size)
    return 0;
  if (g_stat (self.part_path, &status) == 0 && (guint64)status.st_size <= file->size &&
      part_belongs (&self))
    return file->size - (guint64)status.st_size;
  return file->size;
}
