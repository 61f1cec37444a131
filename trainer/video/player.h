/* SPDX-License-Identifier: MIT */
/*
 * A recording the whole way: decoded by GStreamer, upright and in whole pictures, through a
 * detector if there is one, and through the element `cowbehavior`, whose results come back frame by
 * frame. Nothing is dropped.
 */
#ifndef COW_TRAINER_PLAYER_H
#define COW_TRAINER_PLAYER_H

#include "model/files/error.h"
#include "trainer/video/boxes.h"
#include "trainer/video/observation.h"
#include "trainer/video/recording.h"

G_BEGIN_DECLS

typedef struct {
  const char *path;  /* of the recording */
  const char *model; /* NULL where the adapter holds a network */
  const char *adapter;
  const char *device, *precision; /* as the element takes them, or NULL */
  const char *zones, *detector;   /* likewise; elements of a pipeline; or NULL */
  const CowBoxes *boxes;          /* where the cows are, in place of a detector; or NULL */
  const char *const *properties;  /* "NAME=VALUE" of the element, ended by NULL */
  double rate; /* classifications a second of each zone; 0: as `properties` say, or each frame */
  gint64 from; /* ns of the first frame that is wanted; 0: all */
} CowPlayerOptions;

/* Called in a thread of GStreamer's. FALSE with an error ends the recording. */
typedef struct {
  /* Before anything else, when the first frame is there; fps is 0 where the recording does not
   * tell. */
  gboolean (*begin) (const char *const *classes, double fps, gpointer data, GError **error);
  /* From `time` on, for `duration`, both in ns, the subject had a label. fresh: it was classified
   * in the frame of that time, not carried over. */
  gboolean (*seen) (const CowSubjectName *who, gint64 time, gint64 duration, const char *label,
                    double confidence, gboolean fresh, gpointer data, GError **error);
} CowPlayerSink;

/* Plays as cow_recording_play () does; end->end is when the last frame with results ends. */
gboolean cow_player_run (const CowPlayerOptions *options, const CowPlayerSink *sink, gpointer data,
                         CowRecordingEnd *end, GError **error);

G_END_DECLS

#endif
