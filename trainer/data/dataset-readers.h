/* SPDX-License-Identifier: MIT */
/* The readers of the layouts that pictures come in: dataset-folder.c, dataset-table.c,
 * dataset-mmcows.c. */
#ifndef COW_TRAINER_DATASET_READERS_H
#define COW_TRAINER_DATASET_READERS_H

#include "trainer/data/dataset-draft.h"

/* Readers; `split` is what the pictures belong to (COW_TRAIN, too, when they are not divided). */
gboolean dataset_read_folders (DatasetDraft *self, const char *folder, CowSplit split,
                               GError **error);
/* After all inputs were read: the pictures that their folders of classes have. */
gboolean dataset_add_scanned (DatasetDraft *self, GError **error);
gboolean dataset_read_table (DatasetDraft *self, const char *path, CowSplit split, GError **error);
/* Whether a file is a table that says of every picture what the folders beside it say, in which the
 * picture lies: SPLIT/CLASS/NAME. */
gboolean dataset_table_repeats_folders (const char *path, const CowDatasetOptions *options);
/* Whether a folder is laid out like MmCows' crops or its frames. COW_ERROR_IO where the disk does
 * not say. */
gboolean dataset_is_mmcows (const char *folder, gboolean *is, GError **error);
gboolean dataset_is_mmcows_frames (const char *folder, gboolean *is, GError **error);
gboolean dataset_read_mmcows (DatasetDraft *self, const char *folder, CowSplit split,
                              GError **error);
gboolean dataset_read_mmcows_frames (DatasetDraft *self, const char *folder, CowSplit split,
                                     GError **error);

#endif
