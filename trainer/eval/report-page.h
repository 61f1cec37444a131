/* SPDX-License-Identifier: MIT */
/* What pages about an evaluation share: the document around them, facts and cards at their top, and
 * figures in both themes. What comes from files is escaped. */
#ifndef COW_TRAINER_REPORT_PAGE_H
#define COW_TRAINER_REPORT_PAGE_H

#include "trainer/plot/plot.h"

G_BEGIN_DECLS

/* The beginning of a page; its end and its text, which is freed with g_free. `files` names what
 * lies beside it. */
GString *report_page_new (const char *title);
char *report_page_end (GString *html, const char *files);
/* The heading of an evaluation of an adapter; NULL: of one without a name. */
void report_page_title (GString *html, const char *adapter);
/* An item of a list of class "facts"; none where value is NULL. `name` is HTML. */
void report_page_fact (GString *html, const char *name, const char *value);
/* A large number in a div of class "cards"; both are HTML. */
void report_page_card (GString *html, const char *name, const char *value);
/* What is to be known before the numbers are believed, of char *; nothing where there is none. */
void report_page_warnings (GString *html, const GPtrArray *warnings);
/* The figures of these names (NULL at the end) that there are, side by side where the page is wide
 * enough. FALSE when one cannot be drawn. */
gboolean report_page_figures (GString *html, const GPtrArray *figures, const char *const *names,
                              GError **error);

G_END_DECLS

#endif
