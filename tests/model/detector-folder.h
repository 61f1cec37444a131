/* SPDX-License-Identifier: MIT */
/* A detector of chance: its numbers are the same each time, and mean nothing. */
#ifndef TEST_DETECTOR_FOLDER_H
#define TEST_DETECTOR_FOLDER_H

#include <glib.h>

/* px of a frame as that of detector_folder_new () sees it */
#define DETECTOR_FOLDER_WIDTH  96
#define DETECTOR_FOLDER_HEIGHT 64

/* Writes such a detector, for frames of these sides and networks whose tokens have so many
 * features, to a folder that exists; `threshold` is what its evaluation says, or 0 for none. */
void detector_folder_write (const char *folder, int n_features, int width, int height,
                            double threshold);
/* Makes it tell behaviours, and how cows look, likewise of chance. */
void detector_folder_tell (const char *folder);
extern const char *const detector_folder_behaviours[]; /* ended by NULL */
/* A new temporary folder with one for the golden network. Free the path. */
char *detector_folder_new (double threshold);
/* All files of such a folder, and the folder. */
void detector_folder_remove (const char *folder);

#endif
