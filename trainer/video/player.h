/* SPDX-License-Identifier: MIT */
/*
 * A recording the whole way: decoded by GStreamer, upright and in whole pictures, through a
 * detector if there is one, and through the element `cowbehavior`, whose results come back frame by
 * frame. Nothing is dropped.
 */
#ifndef COW_TRAINER_PLAYER_H
#define COW_TRAINER_PLAYER_H

#include "model/files/error.h"
#include "trainer/host/progress.h"
#include "trainer/video/observation.h"

G_BEGIN_DECLS

typedef struct {
  const char *path;  /* of the recording */
  const char *model; /* NULL where the adapter holds a network */
  const char *adapter;
  const char *device, *precision; /* as the element takes them, or NULL */
  const char *zones, *detector;   /* likewise; elements of a pipeline; or NULL */
  const char *const *properties;  /* "NAME=VALUE" of the element, ended by NULL */
  double rate; /* classifications a second of each zone; 0: as `properties` say, or each frame */
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

typedef struct {
  guint64 n_frames;
  gint64 end;       /* ns: of the last frame */
  gint64 length;    /* ns that the recording says it has; 0 where it does not */
  gboolean stopped; /* before the end, because the user asked for it */
} CowPlayerEnd;

/* Plays until the end, an error or Ctrl-C (host/stop.h). Fills *end in any case. COW_ERROR_FORMAT
 * with what GStreamer says of the recording, COW_ERROR_ARGUMENT with what cowbehavior says of its
 * settings, COW_ERROR_NOT_FOUND where an element is missing. */
gboolean cow_player_run (const CowPlayerOptions *options, const CowPlayerSink *sink, gpointer data,
                         CowPlayerEnd *end, GError **error);

G_END_DECLS

#endif
