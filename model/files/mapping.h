/* SPDX-License-Identifier: MIT */
/* A file's bytes, mapped into memory read-only: what the readers of safetensors and .pth files
 * stand on. */
#ifndef COW_MAPPING_H
#define COW_MAPPING_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  char *path;
  const guint8 *data; /* NULL when the file is empty */
  gsize size;
  gboolean mapped; /* FALSE: the bytes belong to someone else */
} CowMapping;

/*
 * Maps a regular file. COW_ERROR_NOT_FOUND, COW_ERROR_IO. A file that someone shortens while it is
 * mapped kills the process with SIGBUS at the next read of the lost pages, as in every program that
 * maps files: replace model files by renaming, as our own writer does.
 */
gboolean cow_mapping_open (CowMapping *self, const char *path, GError **error);
/* Bytes that are in memory already and outlive the mapping; `path` is for messages. */
void cow_mapping_from_bytes (CowMapping *self, const char *path, const guint8 *data, gsize size);
void cow_mapping_close (CowMapping *self);
/* Lets the kernel drop the whole pages inside [data, data + n_bytes); they come back from the file
 * when they are read again. */
void cow_mapping_release (const CowMapping *self, const guint8 *data, gsize n_bytes);

G_END_DECLS

#endif
