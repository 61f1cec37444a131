/* SPDX-License-Identifier: MIT */
/* The table of contents of a zip archive whose entries are stored uncompressed, which is what
 * PyTorch writes: each entry is then a view of the archive's bytes. Zip64 included. */
#ifndef COW_ZIPFILE_H
#define COW_ZIPFILE_H

#include "model/files/mapping.h"

G_BEGIN_DECLS

typedef struct _CowZip CowZip;

typedef struct {
  char *name;
  const guint8 *data; /* NULL when size is 0; read it with cow_mapping_read () first */
  gsize size;
} CowZipEntry;

/*
 * Reads the central directory of an archive and checks that every entry lies inside it. The mapping
 * outlives the table. COW_ERROR_FORMAT; COW_ERROR_UNSUPPORTED, naming the entry, for compressed and
 * encrypted ones and for archives in several parts; COW_ERROR_IO.
 */
CowZip *cow_zip_open (const CowMapping *mapping, GError **error);
void cow_zip_close (CowZip *self);
guint cow_zip_n_entries (const CowZip *self);
const CowZipEntry *cow_zip_nth (const CowZip *self, guint i);
/* NULL when there is none of that name. */
const CowZipEntry *cow_zip_find (const CowZip *self, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowZip, cow_zip_close)

G_END_DECLS

#endif
