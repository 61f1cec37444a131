/* SPDX-License-Identifier: MIT */
/*
 * Whether an adapter is used on the base that it was made on. Networks of the same sizes take each
 * other's adapters without an error, and their answers are worth nothing then.
 */
#ifndef COW_BASE_CHECK_H
#define COW_BASE_CHECK_H

#include "model/adapter/card.h"
#include "model/files/checkpoint.h"

G_BEGIN_DECLS

/*
 * A sentence for the user where the card names another base than the model, or names one without
 * what it can be recognised by; NULL where they agree or the card names none. The model's weights
 * are told by their fingerprint; by all their bytes where an older card has no fingerprint and they
 * are few. `adapter` is its folder. Free with g_free.
 */
char *cow_base_warning (const CowCard *card, const char *adapter, const CowCheckpoint *model);

/* Whether the model is the base that the card remembers, by its fingerprint or its weights. FALSE
 * where the card remembers none, or that cannot be told. */
gboolean cow_base_agrees (const CowCard *card, const CowCheckpoint *model);

G_END_DECLS

#endif
