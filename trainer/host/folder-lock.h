/* SPDX-License-Identifier: MIT */
/* Folders that one process at a time writes to: an open file in them is locked, and the system
 * drops the lock with the process, however that ends. */
#ifndef COW_TRAINER_FOLDER_LOCK_H
#define COW_TRAINER_FOLDER_LOCK_H

#include <glib.h>

G_BEGIN_DECLS

#define FOLDER_LOCK_NONE (-1)

/* Makes the folder where it is not there and locks it, without waiting. The lock, or
 * FOLDER_LOCK_NONE with COW_ERROR_IO where another process has it or nothing can be written there.
 * A file system without locks tells nobody. */
int folder_lock (const char *folder, GError **error);
/* Gives it back and takes the locked file away; FOLDER_LOCK_NONE is nothing. */
void folder_unlock (const char *folder, int lock);

G_END_DECLS

#endif
