/* SPDX-License-Identifier: MIT */
/* A table of text that fits a terminal: where that is narrow, columns that tell least are left out,
 * and it says which. */
#ifndef COW_TRAINER_TEXT_TABLE_H
#define COW_TRAINER_TEXT_TABLE_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  const char *name;
  gboolean left; /* aligned to the left; else to the right */
  guint rank;    /* the columns with the highest are left out first, those with 0 never */
} TextColumn;

typedef struct _TextTable TextTable;

/* `columns` [n] is borrowed. */
TextTable *text_table_new (const TextColumn *columns, guint n);
/* `cells` [n] and, behind them, NULL or a remark that follows the row; all are taken, the array is
 * not. */
void text_table_add (TextTable *self, char *const *cells);
/* `width` columns of a terminal; 0: as wide as it gets. `where` says what has the columns that are
 * left out ("--json has them"). Free with g_free. */
char *text_table_text (const TextTable *self, guint width, const char *where);
void text_table_free (TextTable *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TextTable, text_table_free)

G_END_DECLS

#endif
