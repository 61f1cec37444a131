/* SPDX-License-Identifier: MIT */
/*
 * A recording through GStreamer: decoded, upright and in whole pictures, then through what the
 * caller wants of each frame. Decoding, the caller's elements and what is done with frames overlap.
 */
#ifndef COW_TRAINER_RECORDING_H
#define COW_TRAINER_RECORDING_H

#include <gst/gst.h>

#include "model/files/error.h"
#include "trainer/host/progress.h"

G_BEGIN_DECLS

typedef struct {
  const char *path;
  const char *elements; /* "a ! b ! c": what upright frames go through */
  const char *settings; /* the name of the one of them whose errors are about its settings; or NULL
                         */
  gint64 from;          /* ns of the first frame that is wanted; 0: all */
} CowRecordingOptions;

typedef enum { COW_FRAME_TAKE, COW_FRAME_SKIP, COW_FRAME_ENOUGH } CowFrameChoice;

/* Called in threads of GStreamer's; `frame` may run in another one than the first two. */
typedef struct {
  /* What decoded frames are like, before the first of them; it may change. fps is 0 where the
   * recording does not tell. Or NULL. */
  void (*format) (GstElement *pipeline, int width, int height, double fps, gpointer data);
  /* A decoded frame, in front of the elements; `number` counts from 0. It may add metadata to a
   * frame that it made writable. COW_FRAME_ENOUGH ends the recording before the frame. NULL: all
   * are taken. */
  CowFrameChoice (*choose) (GstBuffer **buffer, guint64 number, gint64 time, gpointer data);
  /* A frame behind the elements, with the ns for which it is nominally shown. FALSE with an error
   * ends the recording. */
  gboolean (*frame) (GstBuffer *buffer, GstCaps *caps, gint64 time, gint64 duration, gpointer data,
                     GError **error);
  /* Some times a second, in the thread that plays; `progress` (NULL before there is one) has to be
   * cleared by whoever writes to the terminal. FALSE with an error ends the recording. Or NULL. */
  gboolean (*look) (Progress *progress, gpointer data, GError **error);
} CowRecordingSink;

typedef struct {
  guint64 n_frames; /* that were decoded */
  gint64 end;       /* ns: of the last decoded frame */
  gint64 length;    /* ns that the recording says it has; 0 where it does not */
  gboolean stopped; /* before the end, because the user asked for it */
} CowRecordingEnd;

/* Plays until the end, an error or Ctrl-C (host/stop.h), with a line of progress. Fills *end in any
 * case. COW_ERROR_FORMAT with what GStreamer says of the recording, COW_ERROR_ARGUMENT with what
 * the element `settings` says of its settings, COW_ERROR_NOT_FOUND where an element is missing,
 * COW_ERROR_UNSUPPORTED where it cannot begin at `from`. */
gboolean cow_recording_play (const CowRecordingOptions *options, const CowRecordingSink *sink,
                             gpointer data, CowRecordingEnd *end, GError **error);

G_END_DECLS

#endif
