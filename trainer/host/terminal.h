/* SPDX-License-Identifier: MIT */
/* How messages look on a terminal: lines that fit it, and colour where that helps to find them. */
#ifndef COW_TRAINER_TERMINAL_H
#define COW_TRAINER_TERMINAL_H

#include <glib.h>

G_BEGIN_DECLS

/* The columns that a line may have there; one stays free, since some terminals begin a new line
 * when the last one is written. 0: the file descriptor is no terminal. */
guint terminal_columns (int descriptor);
/* Whether colours are wanted there: on a terminal that is not "dumb", unless the environment has
 * NO_COLOR (no-color.org). */
gboolean terminal_has_colour (int descriptor);

/*
 * Lines that are sentences of ours ("cow-trainer: ...", "Warning: ...", an option's in a help)
 * broken between words, so that none is longer than `columns` (0: none is broken), and the word
 * that says how bad it is in colour. `failure`: the program ends with it. Other lines stay: tables,
 * and commands that are to be copied. Free with g_free.
 */
char *terminal_lay_out (const char *text, guint columns, gboolean colour, gboolean failure);

/* Help for a terminal of so many columns: lines of prose that follow one another become a paragraph
 * and are broken between words; indented ones that are too long, too, commands with a backslash. A
 * word that is longer stays as it is. Free with g_free. */
char *terminal_flow (const char *text, guint columns);

G_END_DECLS

#endif
