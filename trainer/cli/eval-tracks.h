/* SPDX-License-Identifier: MIT */
/* Cows that were followed, in files of MOT or COCO, against where they were: `eval --tracks`. */
#ifndef COW_TRAINER_EVAL_TRACKS_H
#define COW_TRAINER_EVAL_TRACKS_H

#include <glib.h>

/* Prints a row of scores for each of the files `found` (NULL-terminated) against the file `truth`.
 * Warns on standard error where two files count their frames from different numbers. */
gboolean eval_tracks (const char *truth, char *const *found, GError **error);

#endif
