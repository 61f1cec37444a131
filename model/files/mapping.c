/* SPDX-License-Identifier: MIT */
/* Mapping files: mmap(2) itself and not GMappedFile, because streaming over a network larger than
 * memory needs madvise(2). */
#define _GNU_SOURCE
#include "model/files/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/files/error.h"

#define MOST_BLOB 128 /* bytes of a blob's name, which is a hash */

static gboolean
fail (const char *path, const char *doing, GError **error)
{
  int code = errno;

  g_set_error (error, COW_ERROR,
               code == ENOENT || code == ENOTDIR ? COW_ERROR_NOT_FOUND : COW_ERROR_IO,
               "%s: cannot %s: %s", path, doing, g_strerror (code));
  return FALSE;
}

static gboolean
map_descriptor (CowMapping *self, int fd, const char *path, GError **error)
{
  struct stat info;
  void *data;

  if (fstat (fd, &info) != 0)
    return fail (path, "read", error);
  if (!S_ISREG (info.st_mode)) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: is %s, an ordinary file was expected", path,
                 S_ISDIR (info.st_mode) ? "a folder" : "a pipe or a device");
    return FALSE;
  }
  if (info.st_size > 0) {
    data = mmap (NULL, (gsize)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
      return fail (path, "map", error);
    self->data = data;
    self->size = (gsize)info.st_size;
    self->mapped = TRUE;
  }
  self->path = g_strdup (path);
  return TRUE;
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
  if (self->size <= before || self->size > before + MOST_BLOB ||
      memcmp (self->data, BLOBS, before) != 0)
    return NULL;
  for (gsize i = before; i < self->size; i++)
    if (!g_ascii_isalnum (self->data[i]))
      return NULL;
  g_autofree char *folder = g_path_get_dirname (self->path),
                  *link = g_strndup ((const char *)self->data, self->size);
  return g_build_filename (folder, link, NULL);
}

static gboolean
open_and_map (CowMapping *self, const char *path, GError **error)
{
  memset (self, 0, sizeof *self);
  /* O_NONBLOCK: opening a named pipe must not wait for a writer; it means nothing for ordinary
   * files. */
  const int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return fail (path, "open", error);
  const gboolean ok = map_descriptor (self, fd, path, error);
  close (fd);
  return ok;
}

gboolean
cow_mapping_open (CowMapping *self, const char *path, GError **error)
{
  if (!open_and_map (self, path, error))
    return FALSE;
  g_autofree char *blob = linked_blob (self);
  if (!blob)
    return TRUE;
  cow_mapping_close (self);
  return open_and_map (self, blob, error);
}

void
cow_mapping_from_bytes (CowMapping *self, const char *path, const guint8 *data, gsize size)
{
  self->path = g_strdup (path);
  self->data = data;
  self->size = size;
  self->mapped = FALSE;
}

void
cow_mapping_close (CowMapping *self)
{
  if (self->mapped)
    munmap ((void *)self->data, self->size);
  g_clear_pointer (&self->path, g_free);
  self->data = NULL;
  self->size = 0;
  self->mapped = FALSE;
}

void
cow_mapping_release (const CowMapping *self, const guint8 *data, gsize n_bytes)
{
  gsize page = (gsize)sysconf (_SC_PAGESIZE);
  guintptr start = ((guintptr)data + page - 1) / page * page;
  guintptr end = ((guintptr)data + n_bytes) / page * page;

  if (self->mapped && start < end)
    madvise ((void *)start, end - start, MADV_DONTNEED);
}
