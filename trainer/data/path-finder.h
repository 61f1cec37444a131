/* SPDX-License-Identifier: MIT */
/* Finds the files that a table means although another system wrote their paths. */
#ifndef COW_TRAINER_PATH_FINDER_H
#define COW_TRAINER_PATH_FINDER_H

#include "model/files/error.h"

G_BEGIN_DECLS

typedef struct {
  guint n_backslashes; /* paths whose backslashes were taken for slashes */
  guint n_forms;       /* paths found under a name in another case or form of Unicode */
  GHashTable *folders; /* folder -> GHashTable of key -> name, "/" where names clash */
} PathFinder;

void path_finder_init (PathFinder *self);
void path_finder_clear (PathFinder *self);

/*
 * The path of the file that is meant; free with g_free. The path itself where it exists; else with
 * slashes for backslashes, with the bytes that file_name_text () wrote as \xHH, with names in
 * another form of Unicode or case. The path with slashes where none exists. NULL and COW_ERROR_
 * MISMATCH where names in two forms fit.
 */
char *path_finder_find (PathFinder *self, const char *path, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PathFinder, path_finder_clear)

G_END_DECLS

#endif
