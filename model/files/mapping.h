/* SPDX-License-Identifier: MIT */
/*
 * A file's bytes at addresses of their own, read when they are asked for: what the readers of
 * safetensors and .pth files stand on. It is memory of this process and no map of the file, so that
 * whoever shortens or overwrites a model changes no weight of a network that is loaded, and raises
 * no SIGBUS in one that is loading.
 */
#ifndef COW_MAPPING_H
#define COW_MAPPING_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct _CowMappedFile CowMappedFile;

typedef struct {
  char *path;
  const guint8 *data; /* NULL when the file is empty; see cow_mapping_read () */
  gsize size;
  CowMappedFile *file; /* NULL: the bytes are in memory already and belong to someone else */
} CowMapping;

/* Reserves addresses for a regular file and reads nothing of it: touching bytes before
 * cow_mapping_read () ends the process. COW_ERROR_NOT_FOUND, COW_ERROR_IO. */
gboolean cow_mapping_open (CowMapping *self, const char *path, GError **error);
/* Bytes that are in memory already and outlive the mapping; `path` is for messages. */
void cow_mapping_from_bytes (CowMapping *self, const char *path, const guint8 *data, gsize size);
void cow_mapping_close (CowMapping *self);

/*
 * Brings the bytes [data, data + n_bytes) into memory, where they stay until they are released or
 * the mapping is closed. COW_ERROR_IO, also where the file was written to since it was opened.
 */
gboolean cow_mapping_read (const CowMapping *self, const guint8 *data, gsize n_bytes,
                           GError **error);
/* Copies them instead, and brings nothing into memory that is not there. */
gboolean cow_mapping_copy (const CowMapping *self, const guint8 *data, gsize n_bytes, void *to,
                           GError **error);
/* Where they can be read: there, where they are in memory, or in the buffer, to which they were
 * copied. NULL on error. */
const guint8 *cow_mapping_view (const CowMapping *self, const guint8 *data, gsize n_bytes,
                                void *buffer, GError **error);
/* Gives the memory of the whole pages inside [data, data + n_bytes) back; they are to be read again
 * before they are touched. */
void cow_mapping_release (const CowMapping *self, const guint8 *data, gsize n_bytes);
/* COW_ERROR_IO where the file was written to since it was opened, or another has its name now. */
gboolean cow_mapping_check (const CowMapping *self, GError **error);

G_END_DECLS

#endif
