/* SPDX-License-Identifier: MIT */
/* Anonymous memory without access, which pread () fills page by page: a tensor keeps its address
 * wherever it is known, and a byte that nobody asked for is an error and no zero. */
#define _GNU_SOURCE
#include "model/files/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"

#define MOST_BLOB 128 /* bytes of a blob's name, which is a hash */
#define HUGE_PAGE ((gsize)2 << 20)
#define PIECE     ((gsize)1 << 30) /* bytes of a read; the system reads no more than 2 GB at once */

struct _CowMappedFile {
  int fd;
  struct stat info; /* as it was opened */
  gsize page;       /* bytes */
  GMutex lock;      /* of what is present */
  guint8 *present;  /* [pages]: whether a page is in memory */
};

static gboolean
fail (const char *path, const char *doing, GError **error)
{
  int code = errno;

  g_set_error (error, COW_ERROR,
               code == ENOENT || code == ENOTDIR ? COW_ERROR_NOT_FOUND
               : code == ENOMEM                  ? COW_ERROR_MEMORY
                                                 : COW_ERROR_IO,
               "%s: cannot %s: %s", path, doing, g_strerror (code));
  return FALSE;
}

/* ---- changes --------------------------------------------------------------------------------- */

static gboolean
is_same (const struct stat *a, const struct stat *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
         a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static gboolean
refuse_change (const CowMapping *self, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_IO,
               "%s: was changed while it was read; replace such files by renaming, and load again",
               self->path);
  return FALSE;
}

static gboolean
check_written (const CowMapping *self, GError **error)
{
  struct stat info;

  if (fstat (self->file->fd, &info) != 0)
    return fail (self->path, "read", error);
  return is_same (&info, &self->file->info) || refuse_change (self, error);
}

gboolean
cow_mapping_check (const CowMapping *self, GError **error)
{
  struct stat named;

  if (self->file == NULL)
    return TRUE;
  if (!check_written (self, error))
    return FALSE;
  if (stat (self->path, &named) != 0)
    return cow_path_exists (self->path) ? fail (self->path, "read", error)
                                        : refuse_change (self, error);
  return is_same (&named, &self->file->info) || refuse_change (self, error);
}

/* ---- opening --------------------------------------------------------------------------------- */

static gboolean
reserve (CowMapping *self, CowMappedFile *file, GError **error)
{
  const gsize n_pages = self->size / file->page + (self->size % file->page != 0);
  void *data = MAP_FAILED;

  file->present = g_try_malloc0 (n_pages);
  if (file->present != NULL)
    data = mmap (NULL, self->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    return fail (self->path, "reserve memory", error);
  /* As with a map of the file: its bytes are no part of a core file. */
  (void)madvise (data, self->size, MADV_DONTDUMP);
  self->data = data;
  return TRUE;
}

static gboolean
open_descriptor (CowMapping *self, CowMappedFile *file, GError **error)
{
  if (fstat (file->fd, &file->info) != 0)
    return fail (self->path, "read", error);
  if (!S_ISREG (file->info.st_mode)) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: is %s, an ordinary file was expected",
                 self->path, S_ISDIR (file->info.st_mode) ? "a folder" : "a pipe or a device");
    return FALSE;
  }
  file->page = (gsize)sysconf (_SC_PAGESIZE);
  self->size = (gsize)file->info.st_size;
  return self->size == 0 || reserve (self, file, error);
}

static gboolean
open_file (CowMapping *self, const char *path, GError **error)
{
  /* O_NONBLOCK: opening a named pipe must not wait for a writer; it means nothing for ordinary
   * files. */
  const int fd = cow_open (path, O_RDONLY | O_NONBLOCK, 0);

  memset (self, 0, sizeof *self);
  if (fd < 0)
    return fail (path, "open", error);
  self->path = g_strdup (path);
  self->file = g_new0 (CowMappedFile, 1);
  self->file->fd = fd;
  g_mutex_init (&self->file->lock);
  if (open_descriptor (self, self->file, error))
    return TRUE;
  cow_mapping_close (self);
  return FALSE;
}

#define BLOBS "../../blobs/"

/*
 * Where the links of a Hugging Face cache (snapshots/COMMIT/FILE -> ../../blobs/HASH) were copied
 * as texts, the path that such a text means; NULL for every other file. Nothing but the name of a
 * blob is followed, so that no file leads elsewhere. Free with g_free.
 */
static char *
linked_blob (const CowMapping *self)
{
  const gsize before = strlen (BLOBS);
  char text[sizeof BLOBS + MOST_BLOB] = { 0 };
  if (self->size <= before || self->size > before + MOST_BLOB ||
      !cow_mapping_copy (self, self->data, self->size, text, NULL) ||
      memcmp (text, BLOBS, before) != 0)
    return NULL;
  for (gsize i = before; i < self->size; i++)
    if (!g_ascii_isalnum (text[i]))
      return NULL;
  g_autofree char *folder = g_path_get_dirname (self->path);
  return g_build_filename (folder, text, NULL);
}

gboolean
cow_mapping_open (CowMapping *self, const char *path, GError **error)
{
  if (!open_file (self, path, error))
    return FALSE;
  g_autofree char *blob = linked_blob (self);
  if (!blob)
    return TRUE;
  cow_mapping_close (self);
  return open_file (self, blob, error);
}

void
cow_mapping_from_bytes (CowMapping *self, const char *path, const guint8 *data, gsize size)
{
  *self = (CowMapping){ .path = g_strdup (path), .data = data, .size = size };
}

void
cow_mapping_close (CowMapping *self)
{
  CowMappedFile *file = self->file;

  if (file != NULL) {
    if (self->data != NULL)
      munmap ((void *)self->data, self->size);
    close (file->fd);
    g_mutex_clear (&file->lock);
    g_free (file->present);
    g_free (file);
  }
  g_free (self->path);
  *self = (CowMapping){ 0 };
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Bytes of the file from `at` on; fewer are there only where it was shortened. */
static gboolean
read_bytes (const CowMapping *self, gsize at, gsize n_bytes, void *to, GError **error)
{
  for (gsize done = 0; done < n_bytes;) {
    const gssize got =
        pread (self->file->fd, (char *)to + done, MIN (n_bytes - done, PIECE), (off_t)(at + done));

    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return fail (self->path, "read", error);
    if (got == 0)
      return refuse_change (self, error);
    done += (gsize)got;
  }
  return TRUE;
}

/* Fills the pages [first, end), none of which is present. */
static gboolean
read_pages (const CowMapping *self, gsize first, gsize end, GError **error)
{
  CowMappedFile *file = self->file;
  const gsize at = first * file->page, n_bytes = MIN (end * file->page, self->size) - at;
  void *data = (guint8 *)self->data + at;

  if (mprotect (data, n_bytes, PROT_READ | PROT_WRITE) != 0)
    return fail (self->path, "get memory", error);
  /* Weights that are multiplied again and again; it is no matter where this is refused. */
  if (n_bytes >= HUGE_PAGE)
    (void)madvise (data, n_bytes, MADV_HUGEPAGE);
  if (!read_bytes (self, at, n_bytes, data, error) || !check_written (self, error)) {
    (void)madvise (data, n_bytes, MADV_DONTNEED);
    (void)mprotect (data, n_bytes, PROT_NONE);
    return FALSE;
  }
  memset (file->present + first, 1, end - first);
  (void)mprotect (data, n_bytes, PROT_READ);
  return TRUE;
}

static gboolean
read_missing (const CowMapping *self, gsize first, gsize end, GError **error)
{
  const guint8 *present = self->file->present;

  while (first < end) {
    gsize next = first;

    while (next < end && !present[next])
      next++;
    if (next > first && !read_pages (self, first, next, error))
      return FALSE;
    for (first = next; first < end && present[first];)
      first++;
  }
  return TRUE;
}

gboolean
cow_mapping_read (const CowMapping *self, const guint8 *data, gsize n_bytes, GError **error)
{
  if (self->file == NULL || n_bytes == 0)
    return TRUE;
  CowMappedFile *file = self->file;
  const gsize at = (gsize)(data - self->data);
  g_mutex_lock (&file->lock);
  const gboolean ok =
      read_missing (self, at / file->page, (at + n_bytes - 1) / file->page + 1, error);
  g_mutex_unlock (&file->lock);
  return ok;
}

/* Whether all of the bytes are in memory. */
static gboolean
is_present (const CowMapping *self, gsize at, gsize n_bytes)
{
  CowMappedFile *file = self->file;
  gsize page = at / file->page;
  const gsize end = (at + n_bytes - 1) / file->page + 1;

  g_mutex_lock (&file->lock);
  while (page < end && file->present[page])
    page++;
  g_mutex_unlock (&file->lock);
  return page == end;
}

gboolean
cow_mapping_copy (const CowMapping *self, const guint8 *data, gsize n_bytes, void *to,
                  GError **error)
{
  if (n_bytes == 0)
    return TRUE;
  const gsize at = (gsize)(data - self->data);
  if (self->file != NULL && !is_present (self, at, n_bytes))
    return read_bytes (self, at, n_bytes, to, error) && check_written (self, error);
  memcpy (to, data, n_bytes);
  return TRUE;
}

const guint8 *
cow_mapping_view (const CowMapping *self, const guint8 *data, gsize n_bytes, void *buffer,
                  GError **error)
{
  if (self->file == NULL || n_bytes == 0 || is_present (self, (gsize)(data - self->data), n_bytes))
    return data;
  return cow_mapping_copy (self, data, n_bytes, buffer, error) ? buffer : NULL;
}

void
cow_mapping_release (const CowMapping *self, const guint8 *data, gsize n_bytes)
{
  CowMappedFile *file = self->file;

  if (file == NULL)
    return;
  const gsize at = (gsize)(data - self->data), first = (at + file->page - 1) / file->page,
              end = (at + n_bytes) / file->page;
  if (first >= end)
    return;
  void *start = (guint8 *)self->data + first * file->page;
  g_mutex_lock (&file->lock);
  (void)madvise (start, (end - first) * file->page, MADV_DONTNEED);
  (void)mprotect (start, (end - first) * file->page, PROT_NONE);
  memset (file->present + first, 0, end - first);
  g_mutex_unlock (&file->lock);
}
