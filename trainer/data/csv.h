/* SPDX-License-Identifier: MIT */
/*
 * Tables of comma-separated values (RFC 4180), read a row at a time. The first row names the
 * columns. Lines may end in LF, CRLF or CR; byte-order marks and empty lines are skipped. What
 * separates fields is a comma, semicolon, tab or bar: the one that a first line "sep=;" names, else
 * the one that gives the columns that are needed, else the one that the first line has.
 */
#ifndef COW_TRAINER_CSV_H
#define COW_TRAINER_CSV_H

#include "model/files/error.h"

G_BEGIN_DECLS

#define CSV_MOST_BYTES   (1 << 30)
#define CSV_MOST_COLUMNS 10000

typedef struct {
  char *path;
  GStrv columns; /* names, from the first row */
  guint n_columns;
  /* The current row. */
  const char **fields;  /* [n_columns], valid until the next csv_next () */
  guint line;           /* where it begins, from 1 */
  const char *encoding; /* NULL: UTF-8 */

  char *text, *next, *end; /* the whole file; fields are unquoted in place */
  guint next_line;
  char separator;
} Csv;

/* COW_ERROR_NOT_FOUND, _IO, or _FORMAT for what is not text in UTF-8 or UTF-16, is too large or has
 * no columns. `needed`: NULL, or names of columns, NULL-terminated, that choose the separator. */
Csv *csv_open (const char *path, const char *const *needed, GError **error);
void csv_free (Csv *self);
/* The index of a column, or -1: of that name, or else of one that differs in case alone. */
int csv_column (const Csv *self, const char *name);
/* COW_ERROR_FORMAT when another column is called like this one, in any case: which of them is meant
 * is not known. */
gboolean csv_check_single (const Csv *self, int column, GError **error);
/* As csv_column (), but COW_ERROR_NOT_FOUND that lists the columns there are, or COW_ERROR_FORMAT
 * when there are two; `what` says what it should hold. */
gboolean csv_require (const Csv *self, const char *name, const char *what, guint *index,
                      GError **error);
/* Moves to the next row; *more is FALSE after the last. COW_ERROR_FORMAT, naming the line: other
 * quotes, more or fewer fields. */
gboolean csv_next (Csv *self, gboolean *more, GError **error);

/* Whether a field is a word for a value that is missing: NA, NaN, null, -, ... */
gboolean csv_is_missing (const char *field);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Csv, csv_free)

G_END_DECLS

#endif
