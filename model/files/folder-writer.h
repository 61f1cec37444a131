/* SPDX-License-Identifier: MIT */
/*
 * A folder whose files belong together, and appear together: they are written to a folder of
 * another name (part.h), which takes the right one when all of them are on the disk. Where the
 * folder exists, they are moved into it one after the other, and out again when one cannot be.
 */
#ifndef COW_FOLDER_WRITER_H
#define COW_FOLDER_WRITER_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct _CowFolderWriter CowFolderWriter;

/* Begins the content of a folder; makes those above it. COW_ERROR_IO. */
CowFolderWriter *cow_folder_writer_new (const char *folder, GError **error);
/* Where its files are written until they are finished. */
const char *cow_folder_writer_path (const CowFolderWriter *self);
/* Gives the folder its name. COW_ERROR_IO: no file has come to it, unless it is the folder above it
 * that could not be synced. */
gboolean cow_folder_writer_finish (CowFolderWriter *self, GError **error);
/* FALSE; an error's message names the folder in place of what it is called while it is written. */
gboolean cow_folder_writer_fail (const CowFolderWriter *self, GError **error);
/* Removes what was not finished. */
void cow_folder_writer_free (CowFolderWriter *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowFolderWriter, cow_folder_writer_free)

G_END_DECLS

#endif
