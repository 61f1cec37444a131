/* SPDX-License-Identifier: MIT */
/*
 * Which parts of which frames of a recording are pictures of cows: of each zone, cow or frame one
 * now and then, and, where bouts are given (scored-bouts.h), only while one goes on.
 */
#ifndef COW_TRAINER_CUTTER_H
#define COW_TRAINER_CUTTER_H

#include <gst/video/video.h>

#include "trainer/host/progress.h"
#include "trainer/video/scored-bouts.h"
#include "trainer/video/boxes.h"
#include "trainer/video/recording.h"

G_BEGIN_DECLS

/* Of frames for a cutter's sink: bytes of a pixel, and the places of R, G and B in it. They are
 * Cairo's words of the machine. */
#define COW_CUTTER_FORMAT      (G_BYTE_ORDER == G_LITTLE_ENDIAN ? "BGRx" : "xRGB")
#define COW_CUTTER_PIXEL       4
#define COW_CUTTER_PLACE_OF(c) (G_BYTE_ORDER == G_LITTLE_ENDIAN ? 2 - (c) : 1 + (c))

typedef struct {
  const char *path;      /* of the recording */
  const GArray *zones;   /* of GstCowZone, or NULL */
  const CowBoxes *boxes; /* or NULL; without both, the whole frame */
  CowScoredBouts *bouts; /* or NULL; those that get a picture are marked */
  gint64 apart;          /* ns between two pictures of one subject, at least */
  guint most;            /* pictures */
} CowCutterOptions;

typedef struct {
  guint n_small, n_outside; /* boxes that were too small, or outside of the frame */
  gint64 apart;             /* ns: what it took to stay below `most` */
  gboolean full;            /* whether `most` ended it before the recording did */
  CowRecordingEnd end;
} CowCutterCounts;

/* A part of a frame. */
typedef struct {
  char *zone, *track; /* one of them, or none */
  int place[4];       /* left, top, width, height, px, inside of the frame */
  const char *label;  /* of its bout; NULL: none is known */
} CowCut;

typedef struct {
  /* The `number`-th cut (from 0) of a frame at `time`, in ns; in a thread of GStreamer's. FALSE
   * with an error ends the recording. */
  gboolean (*cut) (const GstVideoFrame *frame, const CowCut *cut, guint number, gint64 time,
                   gpointer data, GError **error);
  /* As in CowRecordingSink, or NULL. */
  gboolean (*look) (Progress *progress, gpointer data, GError **error);
} CowCutterSink;

typedef struct _CowCutter CowCutter;

/* Options and sink are borrowed. */
CowCutter *cow_cutter_new (const CowCutterOptions *options);
void cow_cutter_free (CowCutter *self);
/* There is a picture already of this zone or track ("": none) at this time; the label that its bout
 * gives it, or NULL. */
const char *cow_cutter_note (CowCutter *self, const char *zone, const char *track, gint64 time);
/* Plays the recording as cow_recording_play () does, and fails as that. */
gboolean cow_cutter_run (CowCutter *self, const CowCutterSink *sink, gpointer data,
                         CowCutterCounts *counts, GError **error);
/* ns that the recording says it has, from its first cut on; 0: it does not. */
gint64 cow_cutter_length (const CowCutter *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowCutter, cow_cutter_free)

G_END_DECLS

#endif
