/* SPDX-License-Identifier: MIT */
/* Text that may hold names from files and servers, as a terminal may be given it. */
#ifndef COW_PRINTABLE_H
#define COW_PRINTABLE_H

#include <glib.h>

G_BEGIN_DECLS

/*
 * The text with control characters and marks that turn the direction of writing as \uHHHH, as JSON
 * has them, and bytes that are not UTF-8 as \xHH: nothing of it moves a cursor, colours, renames a
 * window or reads as something else. lines: ends of lines and tabs stay. Free with g_free.
 */
char *cow_printable (const char *text, gboolean lines);

G_END_DECLS

#endif
