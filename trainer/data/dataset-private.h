/* SPDX-License-Identifier: MIT */
/* What the readers of the layouts (dataset-*.c) share: each adds its pictures to a draft; dataset.c
 * makes the set of it. */
#ifndef COW_TRAINER_DATASET_PRIVATE_H
#define COW_TRAINER_DATASET_PRIVATE_H

#include "trainer/data/dataset.h"

typedef struct {
  const CowDatasetOptions *options;
  CowDataset *set;   /* its samples' `label` is an index in `labels` until the classes are known */
  GPtrArray *labels; /* of const char *, in order of appearance; they may have no picture */
  GHashTable *label_index; /* label -> its index + 1 */
  GPtrArray *label_places; /* where each was seen first: "table.csv:2", a folder; char * */
  guint n_ungrouped;       /* pictures of a grouped input without a group */
} DatasetDraft;

/* A picture as a reader finds it; strings are copied. */
typedef struct {
  const char *path, *label, *source, *group; /* source and group may be NULL */
  CowSplit split;
  CowBoxKind box_kind;
  double box[4];
} DatasetEntry;

/* The index of a label, known from now on; -1 on error. `place` is for messages. */
int dataset_draft_label (DatasetDraft *self, const char *label, const char *place, GError **error);
gboolean dataset_draft_add (DatasetDraft *self, const DatasetEntry *entry, const char *place,
                            GError **error);
void dataset_draft_warn (DatasetDraft *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Remembers what groups this input, for messages. */
void dataset_draft_grouped_by (DatasetDraft *self, const char *what);
/* A file's name without folders, extension and last run of digits: "cam1_0042.jpg" -> "cam1_"; free
 * with g_free. */
char *dataset_group_from_name (const char *path);
/* An unsigned number without sign or spaces, not above `most`; *end is behind it. */
gboolean dataset_number (const char *text, guint64 most, guint64 *value, const char **end);

/* Readers; `split` is what the pictures belong to (COW_TRAIN, too, when they are not divided). */
gboolean dataset_read_folders (DatasetDraft *self, const char *folder, CowSplit split,
                               GError **error);
gboolean dataset_read_table (DatasetDraft *self, const char *path, CowSplit split, GError **error);
/* Whether a folder is laid out like MmCows' crops or its frames. */
gboolean dataset_is_mmcows (const char *folder);
gboolean dataset_is_mmcows_frames (const char *folder);
gboolean dataset_read_mmcows (DatasetDraft *self, const char *folder, CowSplit split,
                              GError **error);
gboolean dataset_read_mmcows_frames (DatasetDraft *self, const char *folder, CowSplit split,
                                     GError **error);

/* The parts are of the training pictures; what is taken becomes COW_VAL and COW_TEST. Warns of what
 * grouping could not do. */
void dataset_divide (DatasetDraft *self, double val_fraction, double test_fraction);

#endif
