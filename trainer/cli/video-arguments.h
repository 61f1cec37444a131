/* SPDX-License-Identifier: MIT */
/* Recordings on a command line, and where the cows in them are. */
#ifndef COW_TRAINER_VIDEO_ARGUMENTS_H
#define COW_TRAINER_VIDEO_ARGUMENTS_H

#include "trainer/video/cutter.h"

#define VIDEO_ARGUMENTS_ZONES(text)                                                                \
  {                                                                                                \
    "zones", 'z', 0, G_OPTION_ARG_STRING, &(text),                                                 \
        "Parts of the frame, each a subject: \"pen 1=0,0,0.5,1; pen 2=0.5,0,0.5,1\"", "ZONES"      \
  }
/* letter: of the short option, or 0 */
#define VIDEO_ARGUMENTS_BOXES(paths, letter)                                                       \
  {                                                                                                \
    "boxes", letter, 0, G_OPTION_ARG_FILENAME_ARRAY, &(paths),                                     \
        "Where the cows are, frame by frame: a MOT or COCO file; once for each recording", "FILE"  \
  }
#define VIDEO_ARGUMENTS_BOUTS(path)                                                                \
  {                                                                                                \
    "bouts", 0, 0, G_OPTION_ARG_FILENAME, &(path),                                                 \
        "What cows did and when: a table with label, start and end", "TABLE"                       \
  }
/* usual: the default, as text */
#define VIDEO_ARGUMENTS_EVERY(seconds, usual)                                                      \
  {                                                                                                \
    "every", 'e', 0, G_OPTION_ARG_DOUBLE, &(seconds),                                              \
        "Least seconds between two pictures of one zone or cow (" usual ")", "SECONDS"             \
  }

/* What of recordings become pictures. The first four are the command line's. */
typedef struct {
  char *zones_text, **boxes_paths, *bouts_path;
  double every;
  GPtrArray *videos; /* of char * */
  GPtrArray *boxes;  /* of CowBoxes, one a video, or none */
  GPtrArray *bouts;  /* of CowScoredBouts, likewise */
  GArray *zones;     /* of GstCowZone, or NULL */
} VideoCutting;

/* The name of an option that is given and means nothing without recordings; NULL: none is. */
const char *video_cutting_needs (const VideoCutting *self, double usual_every);
/* Opens what the options name for recordings, and says what was understood of boxes and bouts. */
gboolean video_cutting_open (VideoCutting *self, char *const *videos, GError **error);
/* For the recording of that number; all are borrowed. */
CowCutterOptions video_cutting_of (const VideoCutting *self, guint number, guint most);
/* What was not found as expected in a recording, on standard error: parts that were too small,
 * boxes that do not fit, bouts without a picture. */
void video_cutting_say (const VideoCutting *self, guint number, const CowCutterCounts *counts);
void video_cutting_clear (VideoCutting *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VideoCutting, video_cutting_clear)

/* Whether a file is a recording, by what GStreamer finds in it; one that is called like a picture
 * is none. */
gboolean video_arguments_is_video (const char *path);
/* Which of the arguments are recordings, and which are something else: both of char * that are
 * borrowed and, behind them, a NULL that `len` does not count. Free with g_ptr_array_unref. */
void video_arguments_sort (char *const *arguments, GPtrArray **videos, GPtrArray **others);
/* COW_ERROR_NOT_FOUND where one of the paths is no file. */
gboolean video_arguments_check (const GPtrArray *videos, GError **error);
/* "barn-cows" of "dir/barn.mp4" and "cows"; free with g_free. */
char *video_arguments_folder (const char *video, const char *what);
/* Reads the files, one for each recording in their order, and says what was understood. Of
 * CowBoxes, none without any; NULL with an error, also of the command line. */
GPtrArray *video_arguments_boxes (char **paths, const GPtrArray *videos, GError **error);

#endif
