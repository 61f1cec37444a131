/* SPDX-License-Identifier: MIT */
/* Finds the model that an adapter was made on, so that nobody has to name it again. */
#ifndef COW_BASE_FIND_H
#define COW_BASE_FIND_H

#include "model/files/error.h"

G_BEGIN_DECLS

/*
 * The base of the adapter in a folder, which is a located path: the folder itself where it holds a
 * merged model; else what has the name in its card, in the places of cow_locate (); where nothing
 * has it, or something with other weights, the model in those folders whose weights are the card's.
 * One of that name with other weights is taken when no other fits: opening it says so. *model is
 * NULL for an adapter that is a whole network. Free with g_free. COW_ERROR_NOT_FOUND where the base
 * is nowhere, COW_ERROR_ARGUMENT where the card names none, errors of a card that cannot be read.
 * Reads a few KB of each tensor of the models that it looks at; all of a small one where the card
 * has no fingerprint.
 */
gboolean cow_base_find (const char *adapter, char **model, GError **error);
/*
 * The same where nobody names a model: *model, NULL or empty, becomes that of the adapter of this
 * name (cow_locate ()), if there is one. *found is what the caller frees with g_free, and *model
 * borrows it. TRUE where there is nothing to find.
 */
gboolean cow_base_complete (const char *adapter, const char **model, char **found, GError **error);

G_END_DECLS

#endif
