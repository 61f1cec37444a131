/* SPDX-License-Identifier: MIT */
/*
 * The one way in which files that a user keeps are written: beside their name, then synced and
 * renamed, so that whatever is killed, fails or loses power the old file is whole or the new one.
 * While it is written a file is called NAME.cow-RANDOM.part and locked; what a killed process left
 * under such a name is removed by the next writer in that folder.
 */
#ifndef COW_FILE_WRITER_H
#define COW_FILE_WRITER_H

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

typedef struct _CowFileWriter CowFileWriter;

/*
 * Begins a file that will take this name, and with it the permissions of the file that has it now.
 * A symbolic link of this name is replaced and not followed. COW_ERROR_IO, also where the name is
 * that of a folder, a pipe or a device.
 */
CowFileWriter *cow_file_writer_new (const char *path, GError **error);
/* After a failure only cow_file_writer_free () is allowed. COW_ERROR_IO. */
gboolean cow_file_writer_write (CowFileWriter *self, const void *data, gsize n_bytes,
                                GError **error);
/* Syncs the file and gives it its name. COW_ERROR_IO: what had the name before has it still, unless
 * it is the folder that could not be synced. */
gboolean cow_file_writer_finish (CowFileWriter *self, GError **error);
/* What it is called until it is finished, for a library that writes it by its name in place of
 * cow_file_writer_write (); NULL afterwards. */
const char *cow_file_writer_part (const CowFileWriter *self);
/* Removes what was not finished. */
void cow_file_writer_free (CowFileWriter *self);

/* Writes a whole file so. COW_ERROR_IO. */
gboolean cow_bytes_write (const void *bytes, gsize n_bytes, const char *path, GError **error);
gboolean cow_text_write (const char *text, const char *path, GError **error);

/* Renames a file or folder whose bytes are synced already, and syncs the folder. COW_ERROR_IO. */
gboolean cow_file_rename (const char *from, const char *to, GError **error);
/* Syncs the folder that a file is in, after something there got its name or lost it. COW_ERROR_IO.
 */
gboolean cow_folder_sync (const char *path, GError **error);

/* Makes a folder and those above it where they are missing, and syncs where they are. COW_ERROR_IO.
 */
gboolean cow_folder_make (const char *path, GError **error);

/* Whether something is there, a folder, a regular file; also behind a link. Where a disk does not
 * say, TRUE, so that whoever then opens it gets the reason, and nobody takes it for absent. */
gboolean cow_path_exists (const char *path);
gboolean cow_path_is_folder (const char *path);
gboolean cow_path_is_file (const char *path);
/* What stat () says of a file or folder, behind a link too; size and time of the last change are
 * what callers want of it. COW_ERROR_NOT_FOUND. */
gboolean cow_path_size (const char *path, gint64 *bytes, gint64 *changed_ns, GError **error);
/* The error of a path that the calling thread has just been told is not there, by one of these or
 * by stat (): it does not exist, or the folders above it may not be entered, which is said.
 * COW_ERROR_NOT_FOUND. Reads errno. */
void cow_path_explain_absent (const char *path, GError **error);

/* The calls of these names, again where they were interrupted; -1 or FALSE with errno. cow_open ()
 * adds O_CLOEXEC; cow_sync () is content where a file system has nothing to do for this kind of
 * file; cow_lock () waits for others, or fails with EWOULDBLOCK. */
int cow_open (const char *path, int flags, mode_t permissions);
gboolean cow_sync (int fd);
gboolean cow_truncate (int fd, off_t size);
gboolean cow_lock (int fd, gboolean wait);
ssize_t cow_read (int fd, void *data, gsize n_bytes);
/* Writes all bytes to a descriptor, in as many pieces as it takes; FALSE with errno. */
gboolean cow_write_all (int fd, const void *data, gsize n_bytes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowFileWriter, cow_file_writer_free)

G_END_DECLS

#endif
