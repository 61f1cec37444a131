/* SPDX-License-Identifier: MIT */
/* A field of a row of comma-separated values that is written (RFC 4180). Any thread. */
#ifndef COW_CSV_FIELD_H
#define COW_CSV_FIELD_H

#include <glib.h>

G_BEGIN_DECLS

/* Appends a field to a row: quoted when it must be, quotes doubled. */
void cow_csv_append_field (GString *row, const char *field);
/* The same for a name that comes from outside, in a table that people open in a spreadsheet: what
 * is not UTF-8 is made so, control characters become spaces, so that a row is always one line, and
 * a name that a spreadsheet would compute (it begins with =, +, - or @) gets an apostrophe before
 * it, which says that it is text. NULL is an empty field. */
void cow_csv_append_name (GString *row, const char *name);

G_END_DECLS

#endif
