/* SPDX-License-Identifier: MIT */
/* Labels that people gave elsewhere, on their way into the table of crops: whose they are, and what
 * became of them. */
#ifndef COW_TRAINER_LABEL_MATCH_H
#define COW_TRAINER_LABEL_MATCH_H

#include "trainer/data/crop-table.h"

G_BEGIN_DECLS

typedef struct {
  guint n_new, n_changed, n_same; /* labels that the table got, got in place of others, or had */
  guint n_without;                /* pictures that have no label there */
  guint n_several;                /* to which people gave different ones, of which none is taken */
  guint n_unknown;                /* pictures that are not in the table, or not one alone */
  guint n_shapes;                 /* boxes and the like, which are not read */
  char *unknown, *several;        /* the first of them, or NULL; free with g_free */
} CowLabelCounts;

typedef struct _CowLabels CowLabels;

/* Takes labels into a table, which is not saved. The counts are added to. */
CowLabels *cow_labels_new (CowCropTable *table, CowLabelCounts *counts);
void cow_labels_free (CowLabels *self);
/* What somebody called a picture, by its path in the table or the end of it; labels are those that
 * were given, of which NULLs count as none. */
void cow_labels_take (CowLabels *self, const char *picture, const GPtrArray *labels);

/* PATH with another ending; free with g_free. */
char *cow_labels_beside (const char *path, const char *ending);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowLabels, cow_labels_free)

G_END_DECLS

#endif
