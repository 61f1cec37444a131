/* SPDX-License-Identifier: MIT */
/* Boxes in the columns of a table, under the names that people and programs give them. */
#ifndef COW_TRAINER_TABLE_BOXES_H
#define COW_TRAINER_TABLE_BOXES_H

#include "trainer/data/csv.h"
#include "trainer/data/dataset.h"

G_BEGIN_DECLS

typedef enum { BOX_CORNERS, BOX_SIZE, BOX_CENTRE } BoxLayout;

typedef struct {
  int columns[4]; /* -1 in the first: there are none */
  BoxLayout layout;
  guint n, n_whole; /* rows with a box; rows without, which mean the whole picture */
  double most;      /* of all numbers */
  guint small_line; /* the first row whose box is smaller than a pixel; 0: none */
  char *unread;     /* columns that look like boxes and are not read, or NULL */
} TableBoxes;

/* Finds the columns. COW_ERROR_FORMAT when two of a name are there. */
gboolean table_boxes_find (TableBoxes *self, const Csv *csv, GError **error);
/*
 * The box of the current row as x, y, w, h, in whatever units it has; *whole when its fields are
 * empty. COW_ERROR_FORMAT, naming the line.
 */
gboolean table_boxes_read (TableBoxes *self, const Csv *csv, double box[4], gboolean *whole,
                           GError **error);
/* After the last row: pixels, or parts of the picture where no number is above 1. COW_ERROR_FORMAT
 * for pixels when a box is smaller than one. */
gboolean table_boxes_finish (const TableBoxes *self, const Csv *csv, CowBoxKind *kind,
                             GError **error);
/* What was understood, for people; free with g_free. */
char *table_boxes_text (const TableBoxes *self, const Csv *csv, CowBoxKind kind);
void table_boxes_clear (TableBoxes *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TableBoxes, table_boxes_clear)

G_END_DECLS

#endif
