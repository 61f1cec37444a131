/* SPDX-License-Identifier: MIT */
/* The parts of a card that have a file of their own. */
#ifndef COW_CARD_PRIVATE_H
#define COW_CARD_PRIVATE_H

#include "model/adapter/card.h"

G_BEGIN_DECLS

/* Reads the member "calibration" of a card's object, if it has one, into temperature and
 * thresholds; `where` opens the messages. */
gboolean cow_card_read_calibration (JsonObject *card, const char *where, CowCard *self,
                                    GError **error);

G_END_DECLS

#endif
