/* SPDX-License-Identifier: MIT */
/* A detector of chance on the golden network: its numbers are known, and mean nothing. */
#ifndef TEST_DETECTOR_FOLDER_H
#define TEST_DETECTOR_FOLDER_H

#include <glib.h>

/* px of a frame as it sees it */
#define DETECTOR_FOLDER_WIDTH  96
#define DETECTOR_FOLDER_HEIGHT 64

/* A new temporary adapter folder; `threshold` is what its evaluation says, or 0 for none. Free the
 * path. */
char *detector_folder_new (double threshold);
/* All files of such a folder, and the folder. */
void detector_folder_remove (const char *folder);

#endif
