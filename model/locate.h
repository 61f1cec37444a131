/* SPDX-License-Identifier: MIT */
/* Where models and adapters are looked for. */
#ifndef COW_LOCATE_H
#define COW_LOCATE_H

#include "model/error.h"

G_BEGIN_DECLS

/*
 * The path of a model or adapter that a user named: as it stands when it exists; else, for a relative name, below each folder of
 * $COWBEHAVIOR_PATH (colon-separated), then the user's data folder (XDG_DATA_HOME/cowbehavior), then the installed data folder.
 * COW_ERROR_NOT_FOUND lists every place that was tried. Free with g_free.
 */
char *cow_locate (const char *name, GError **error);

G_END_DECLS

#endif
