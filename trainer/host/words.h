/* SPDX-License-Identifier: MIT */
/* Numbers and lengths of time as people write them. */
#ifndef COW_TRAINER_WORDS_H
#define COW_TRAINER_WORDS_H

#include <glib.h>

G_BEGIN_DECLS

/* "s" behind the name of what there are n of, or nothing where n is 1. */
const char *words_s (guint64 n);
/* The word for 1, or for any other number: "is" or "are". */
const char *words_of (guint64 n, const char *one, const char *many);
/* A number of three digits at least, never with an exponent: "0.00", "3.21", "12300". Not finite:
 * "-". Free with g_free. */
char *words_number (double value);
/* A number with so many digits that count, never with an exponent: "0.001234", "12.3", "12300".
 * Not finite: "-". Free with g_free. */
char *words_digits (double value, guint digits);
/* Of a length of time: "less than 1 s", "3.2 s", "45 s", "13 min", "4.5 h", "6.1 days". Free with
 * g_free. */
char *words_time (double seconds);
/* The same as a clock shows it, "4:05" or "1:04:05", for what changes while one looks. Free with
 * g_free. */
char *words_clock (double seconds);
/* How many columns of a terminal the text takes. */
guint words_columns (const char *text);
/* The text cut to so many columns, with "..." at its end where that is needed. Free with g_free. */
char *words_fit (const char *text, guint columns);

G_END_DECLS

#endif
