/* SPDX-License-Identifier: MIT */
/*
 * crops.csv: the pictures that were cut out of recordings, a row each: where the picture is, its
 * label (empty until somebody gives it), of which recording, when, and of whom. It is a table that
 * training reads. People edit it meanwhile, with columns of their own, so that each save reads it
 * again and adds to it.
 */
#ifndef COW_TRAINER_CROP_TABLE_H
#define COW_TRAINER_CROP_TABLE_H

#include "model/files/error.h"

G_BEGIN_DECLS

#define COW_CROP_TABLE "crops.csv"

typedef enum {
  COW_CROP_PATH,  /* from the table's folder on */
  COW_CROP_LABEL, /* may be empty */
  COW_CROP_VIDEO, /* the recording's absolute path, as file_name_text () writes it */
  COW_CROP_TIME,  /* s from its beginning */
  COW_CROP_ZONE,
  COW_CROP_TRACK,
  COW_CROP_AREA,    /* "left top width height" in pixels of the frame */
  COW_CROP_SESSION, /* pictures that are near in time, which training keeps on one side */
  COW_CROP_N_COLUMNS
} CowCropColumn;

typedef struct _CowCropTable CowCropTable;

/* The table of a folder, which may have none yet. COW_ERROR_FORMAT for a table of another kind. */
CowCropTable *cow_crop_table_open (const char *folder, GError **error);
void cow_crop_table_free (CowCropTable *self);

guint cow_crop_table_n_rows (const CowCropTable *self);
const char *cow_crop_table_get (const CowCropTable *self, guint row, CowCropColumn column);
/* The time of a row, in ns. */
gint64 cow_crop_table_time (const CowCropTable *self, guint row);
/* The row of a picture, or -1. */
int cow_crop_table_find (const CowCropTable *self, const char *path);

/* Strings are copied. Both are kept until cow_crop_table_save (). */
void cow_crop_table_add (CowCropTable *self, const char *const fields[COW_CROP_N_COLUMNS]);
void cow_crop_table_set_label (CowCropTable *self, guint row, const char *label);
/* Reads what the file has now, adds rows that it lacks, sets the labels that were set, and writes
 * it, where there is anything to write. */
gboolean cow_crop_table_save (CowCropTable *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowCropTable, cow_crop_table_free)

G_END_DECLS

#endif
