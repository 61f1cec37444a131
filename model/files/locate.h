/* SPDX-License-Identifier: MIT */
/* Where models and adapters are looked for. */
#ifndef COW_LOCATE_H
#define COW_LOCATE_H

#include "model/files/error.h"

G_BEGIN_DECLS

/*
 * The path of a model or adapter that a user named: as it stands when it exists; else, for a
 * relative name, below each folder of $COWBEHAVIOR_PATH (colon-separated), then the user's data
 * folder (XDG_DATA_HOME/cowbehavior), then the installed data folder; then OWNER/NAME in the
 * Hugging Face caches (HF_HUB_CACHE, HF_HOME). A folder of such a cache stands for the state of the
 * repository in it, one that holds a single adapter's folder and nothing else for that, and the
 * folder of a training run for its best adapter.
 * COW_ERROR_NOT_FOUND lists every place that was tried, or the command that fetches a repository.
 * Free with g_free.
 */
char *cow_locate (const char *name, GError **error);
/* The folders below which a relative name is looked for, in order of preference, NULL-terminated;
 * free with g_strfreev. */
char **cow_locate_folders (void);
/* Names of the folders below one that hold such a file, "a, b"; NULL: none. Free with g_free. */
char *cow_folder_list_holding (const char *folder, const char *file);

/*
 * What is used where nobody names a model and an adapter: names for cow_locate () of the
 * demonstration, a small network that was trained on drawings of cows
 * (pipelines/demo/model/README.md). Whoever uses it says COW_DEMONSTRATION_WARNING to the user.
 */
#define COW_DEMONSTRATION_MODEL   "drawn-cows"
#define COW_DEMONSTRATION_ADAPTER "drawn-cows-day"
/* Shipped as well: for the night, and one that finds the cows of a whole frame. */
#define COW_DEMONSTRATION_NIGHT  "drawn-cows-night"
#define COW_DEMONSTRATION_DETECT "drawn-cows-detect"
#define COW_DEMONSTRATION_WARNING                                                                  \
  "No model and no adapter are set: the demonstration model is used. It was trained on drawings, " \
  "and knows nothing of real cows."

G_END_DECLS

#endif
