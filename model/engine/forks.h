/* SPDX-License-Identifier: MIT */
/*
 * Whose process something is. A child of fork () has the memory of its parent, and none of its
 * threads: an engine or a ticket of the parent would be waited for without end, and its locks may
 * have been held by a thread that is not here.
 */
#ifndef COW_FORKS_H
#define COW_FORKS_H

#include <glib.h>

G_BEGIN_DECLS

/* How many forks lie between the first call in a program and this process. What keeps the number
 * that it began with was made by a parent if the number is another one now. */
guint cow_forks (void);

G_END_DECLS

#endif
