/* SPDX-License-Identifier: MIT */
/* Which name somebody may have meant who wrote another. */
#ifndef COW_SUGGEST_H
#define COW_SUGGEST_H

#include <glib.h>

G_BEGIN_DECLS

/* "did you mean A, B?" of the names that are nearest, three at most, or NULL where none is near.
 * names ends with NULL. Free with g_free. */
char *cow_suggest_near (const char *const *names, const char *wanted);
/* The same, or "there are A, B, C" where none is near. */
char *cow_suggest (const char *const *names, const char *wanted);

G_END_DECLS

#endif
