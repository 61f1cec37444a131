/* SPDX-License-Identifier: MIT */
/*
 * Pictures of cows for training, cut out of recordings: of each zone, cow or frame one now and
 * then, into a folder with a table (data/crop-table.h).
 */
#ifndef COW_TRAINER_CROPS_H
#define COW_TRAINER_CROPS_H

#include "trainer/data/crop-table.h"
#include "trainer/video/boxes.h"
#include "trainer/video/recording.h"

G_BEGIN_DECLS

typedef struct {
  const char *folder, *video; /* of the table; the recording */
  CowCropTable *table;        /* of that folder; rows are added */
  const GArray *zones;        /* of GstCowZone, or NULL */
  const CowBoxes *boxes;      /* or NULL; without both, the whole frame */
  gint64 apart;               /* ns between two pictures of one subject, at least */
  guint most;                 /* pictures of this recording in the table */
} CowCropOptions;

typedef struct {
  guint n_new, n_before;    /* pictures that were cut out, and that the table had already */
  guint n_small, n_outside; /* boxes that were too small, or outside of the frame */
  gint64 apart;             /* ns: what it took to stay below `most` */
  gboolean full;            /* whether `most` ended it before the recording did */
  CowRecordingEnd end;
} CowCropCounts;

/* Cuts pictures out of a recording and saves the table, also when it ends with an error: those of
 * cow_recording_play (), or COW_ERROR_IO. Pictures that the table has are left alone. */
gboolean cow_crops_cut (const CowCropOptions *options, CowCropCounts *counts, GError **error);

G_END_DECLS

#endif
