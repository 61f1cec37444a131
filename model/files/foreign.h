/* SPDX-License-Identifier: MIT */
/* Files that are given as a model, an adapter or their configuration and are something else: a page
 * to log in, an archive, a pointer to the file. */
#ifndef COW_FOREIGN_H
#define COW_FOREIGN_H

#include "model/files/error.h"

G_BEGIN_DECLS

/* What is looked at of a file: whoever has more need give no more. */
#define COW_FOREIGN_BYTES 8192

/*
 * Called by a reader that cannot read `data` [size] of `path`. Where they are recognised as another
 * kind of file, *error (set by the reader) is replaced by COW_ERROR_FORMAT that says which, and
 * what to do.
 */
void cow_foreign_explain (const char *path, const guint8 *data, gsize size, GError **error);

G_END_DECLS

#endif
