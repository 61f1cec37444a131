/* SPDX-License-Identifier: MIT */
/* Zip archives of stored entries, whole or with one thing wrong, for the tests of .pth files. */
#ifndef COW_TEST_ZIP_BUILDER_H
#define COW_TEST_ZIP_BUILDER_H

#include <glib.h>

typedef struct {
  const char *name;
  const void *data;
  gsize size;
} ZipPart;

/* What to do to the first entry and to the end. */
typedef enum {
  ZIP_WHOLE,
  ZIP_64,           /* all numbers in the zip64 records, which is right */
  ZIP_64_LOST,      /* they say zip64, and there is no such record */
  ZIP_64_SHORT,     /* the extra field is too small */
  ZIP_COMPRESSED,   /* method 8 */
  ZIP_ENCRYPTED,    /* flag 1 */
  ZIP_SIZES_DIFFER, /* stored and original size */
  ZIP_TOO_LONG,     /* the entry reaches beyond the archive */
  ZIP_OFFSET,       /* its header is elsewhere */
  ZIP_LOCAL_NAME,   /* the header has another name */
  ZIP_TWO_DISKS,
  ZIP_DIRECTORY_OUTSIDE,
  ZIP_ONE_MORE /* the end counts an entry that is not there */
} ZipFault;

/* Free with g_string_free. */
GString *zip_build (const ZipPart *parts, guint n_parts, ZipFault fault);

#endif
