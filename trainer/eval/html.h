/* SPDX-License-Identifier: MIT */
/* Pieces of a page of HTML. Text comes from files and is escaped. */
#ifndef COW_TRAINER_HTML_H
#define COW_TRAINER_HTML_H

#include <glib.h>

G_BEGIN_DECLS

/* Text, valid UTF-8 whatever it was, of which nothing means anything to a browser, in or out of an
 * attribute. */
void html_text (GString *html, const char *text);
/* An element with a text inside; `tag` may have attributes. */
void html_tag (GString *html, const char *tag, const char *text);
/* A number with spaces between thousands. */
void html_count (GString *html, guint64 count);
/* A cell of a table with a number of four decimals. */
void html_cell (GString *html, double value);
/* The same, with a bar below for a value from 0 to 1. */
void html_bar_cell (GString *html, double value);

G_END_DECLS

#endif
