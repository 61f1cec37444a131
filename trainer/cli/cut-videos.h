/* SPDX-License-Identifier: MIT */
/* Recordings into a folder of pictures with a table, as `crop` leaves it and `eval` judges it. */
#ifndef COW_TRAINER_CUT_VIDEOS_H
#define COW_TRAINER_CUT_VIDEOS_H

#include "trainer/cli/video-arguments.h"

#define CUT_VIDEOS_EVERY 10   /* s, where nothing else is said */
#define CUT_VIDEOS_MOST  2000 /* pictures of a recording, likewise */

/* Cuts pictures out of all recordings and says what came of each: on standard output, or where
 * `quiet` on standard error. FALSE with an error that says what to do when it was stopped, a
 * recording could not be played to its end (the others were), or a file cannot be written. */
gboolean cut_videos (const VideoCutting *cutting, const char *folder, guint most, gboolean quiet,
                     GError **error);

#endif
