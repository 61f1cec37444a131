/* SPDX-License-Identifier: MIT */
/* Tells whether a model, with or without an adapter, is the one that something was measured of. */
#ifndef COW_FINGERPRINT_H
#define COW_FINGERPRINT_H

#include "model/adapter/card.h"
#include "model/files/checkpoint.h"

G_BEGIN_DECLS

/*
 * SHA-256 in hexadecimal of the weights of a model and of an adapter's folder: name, type, shape
 * and the beginning, middle and end of each tensor's data in the order of names, so that sharding
 * and the container do not matter; then the files of the adapter and its head, likewise, and how
 * its card prepares pictures. It reads a few KB of each tensor, because a 7B would otherwise have
 * to be read whole at each start: other trainings differ everywhere, but a change of a few numbers
 * may go unseen. `adapter` and `card` are both NULL without an adapter. Free with g_free.
 * COW_ERROR_* where something cannot be read: the fingerprint of the rest would be that of another
 * network.
 */
char *cow_fingerprint (const CowCheckpoint *checkpoint, const char *adapter, const CowCard *card,
                       GError **error);

G_END_DECLS

#endif
