/* SPDX-License-Identifier: MIT */
/* A recording, as the files about it name it. */
#ifndef COW_TRAINER_VIDEO_SOURCE_H
#define COW_TRAINER_VIDEO_SOURCE_H

#include <glib.h>

typedef struct {
  const char *path;   /* of the file */
  const char *source; /* its name in the rows, another for each recording */
  double fps;         /* 0: not known */
  gint64 length;      /* ns */
  GDateTime *start;   /* when it began, in the time zone of the rows; NULL: nobody knows */
} CowVideoSource;

/* When it began, or where nobody knows, when its file was last written, in UTC: a date for files
 * that need one, the same when they are made again. Free with g_date_time_unref. */
GDateTime *cow_video_source_date (const CowVideoSource *self);

#endif
