/* SPDX-License-Identifier: MIT */
/* Recordings on a command line, and where the cows in them are. */
#ifndef COW_TRAINER_VIDEO_ARGUMENTS_H
#define COW_TRAINER_VIDEO_ARGUMENTS_H

#include <glib.h>

#define VIDEO_ARGUMENTS_BOXES(paths)                                                               \
  {                                                                                                \
    "boxes", 'b', 0, G_OPTION_ARG_FILENAME_ARRAY, &(paths),                                        \
        "Where the cows are, frame by frame: a MOT or COCO file; once for each recording", "FILE"  \
  }

/* COW_ERROR_NOT_FOUND where one of the paths is no file. */
gboolean video_arguments_check (const GPtrArray *videos, GError **error);
/* "barn-cows" of "dir/barn.mp4" and "cows"; free with g_free. */
char *video_arguments_folder (const char *video, const char *what);
/* Reads the files, one for each recording in their order, and says what was understood. Of
 * CowBoxes, none without any; NULL with an error, also of the command line. */
GPtrArray *video_arguments_boxes (char **paths, const GPtrArray *videos, GError **error);

#endif
