/* SPDX-License-Identifier: MIT */
/*
 * Names for files and folders that are being written: NAME.cow-RANDOM.part beside NAME. Whoever
 * writes one has it locked, so that what nobody has locked is what a killed process left.
 */
#ifndef COW_PART_H
#define COW_PART_H

#include <glib.h>

G_BEGIN_DECLS

/* How often a name is tried that somebody who clears up may take away before it is locked. */
#define COW_PART_TRIES 16

/* A name beside the path's that nobody has; free with g_free. */
char *cow_part_name (const char *path);
/* Removes what killed processes left in the folder that this path is in. */
void cow_part_clear (const char *path);
/* Removes a folder and all below it; links are removed, not followed. FALSE with errno. */
gboolean cow_part_remove_tree (const char *path);

G_END_DECLS

#endif
