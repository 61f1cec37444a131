/* SPDX-License-Identifier: MIT */
/*
 * Pictures of cows for training, cut out of recordings: of each zone, cow or frame one now and
 * then, into a folder with a table (data/crop-table.h).
 */
#ifndef COW_TRAINER_CROPS_H
#define COW_TRAINER_CROPS_H

#include "trainer/data/crop-table.h"
#include "trainer/video/cutter.h"

G_BEGIN_DECLS

typedef struct {
  CowCutterOptions cutting; /* `most` counts what the table has, too */
  const char *folder;       /* of the table */
  CowCropTable *table;      /* rows are added */
} CowCropOptions;

typedef struct {
  guint n_new, n_before; /* pictures that were cut out, and that the table had already */
  guint n_labelled;      /* of those: without a label before, and with that of a bout now */
  CowCutterCounts cutter;
} CowCropCounts;

/* Cuts pictures out of a recording and saves the table, also when it ends with an error: those of
 * cow_cutter_run (), or COW_ERROR_IO. Pictures that the table has are left alone. */
gboolean cow_crops_cut (const CowCropOptions *options, CowCropCounts *counts, GError **error);

G_END_DECLS

#endif
