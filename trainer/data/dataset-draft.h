/* SPDX-License-Identifier: MIT */
/* A set of pictures while it is being read: each reader adds what it finds. */
#ifndef COW_TRAINER_DATASET_DRAFT_H
#define COW_TRAINER_DATASET_DRAFT_H

#include "trainer/data/dataset.h"
#include "trainer/data/scan.h"

typedef struct {
  const CowDatasetOptions *options;
  CowDataset *set;   /* its samples' `label` is an index in `labels` until the classes are known;
                        with several labels a picture, in `sets` */
  GPtrArray *labels; /* of const char *, in order of appearance; they may have no picture */
  GHashTable *label_index; /* label -> its index + 1 */
  GPtrArray *label_places; /* where each was seen first: "table.csv:2", a folder; char * */
  guint n_tables;          /* that were read */
  GPtrArray *sets;         /* of GArray of int: combinations of `labels`, in order of appearance */
  GHashTable *set_index;   /* their indices as text -> its index + 1 */
  guint n_of_one;          /* with several labels a picture: pictures of layouts that tell one */
  guint n_ungrouped;       /* pictures of a grouped input without a group */
  const char *ways;        /* in which --group-by groups this input, for messages; NULL: those of
                              tables and folders */
  Scan *scan;              /* of all folders of the input */
  GArray *classes;         /* of DatasetClass: what the scan's tags mean */
} DatasetDraft;

/* A folder of a class. */
typedef struct {
  char *label, *place;
  CowSplit split;
  gboolean by_name; /* whether names group its pictures */
} DatasetClass;

/* A picture as a reader finds it; strings are copied. */
typedef struct {
  const char *path, *label, *source, *group; /* source and group may be NULL */
  gboolean several;                          /* `label` may name several classes, or none */
  CowSplit split;
  CowBoxKind box_kind;
  double box[4];
} DatasetEntry;

/* The index of a label in the composed form of Unicode, known from now on; -1 on error. `place` is
 * for messages. */
int dataset_draft_label (DatasetDraft *self, const char *label, const char *place, GError **error);
gboolean dataset_draft_add (DatasetDraft *self, const DatasetEntry *entry, const char *place,
                            GError **error);
void dataset_draft_note (DatasetDraft *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
void dataset_draft_warn (DatasetDraft *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Remembers what groups this input, for messages. */
void dataset_draft_grouped_by (DatasetDraft *self, const char *what);
/* A file's name without folders, extension and last run of digits: "cam1_0042.jpg" -> "cam1_"; free
 * with g_free. */
char *dataset_group_from_name (const char *path);
/* An unsigned number without sign or spaces, not above `most`; *end is behind it. */
gboolean dataset_number (const char *text, guint64 most, guint64 *value, const char **end);

#endif
