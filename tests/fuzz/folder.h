/* SPDX-License-Identifier: MIT */
/* A folder of this process for what readers want as files. It is made at the first call, in memory
 * where the machine has a file system there, used again for each input, and removed at exit. */
#ifndef COW_TEST_FUZZ_FOLDER_H
#define COW_TEST_FUZZ_FOLDER_H

#include <glib.h>

/* $TMPDIR/cow-fuzz-XXXXXX, or else below /dev/shm; static. */
const char *fuzz_folder (void);
/* The path of a file in it; free with g_free. */
char *fuzz_path (const char *name);
/* Gives a file of the folder these bytes and no others. */
void fuzz_put (const char *name, gconstpointer bytes, gsize n_bytes);
/* Removes a file of the folder if it is there. */
void fuzz_remove (const char *name);

#endif
