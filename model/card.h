/* SPDX-License-Identifier: MIT */
/*
 * cowbehavior.json, the card that an adapter carries: classes, preprocessing, the base model it belongs to. Folders without one (the
 * published cow adapters) get the recipes' defaults: nine classes, 224 x 224, bilinear, unit.
 */
#ifndef COW_CARD_H
#define COW_CARD_H

#include <glib.h>

#include "model/preprocess.h"

G_BEGIN_DECLS

typedef struct {
  char *kind;     /* "lora", "dora", "frozen" */
  char **classes; /* NULL-terminated, by index */
  CowPreprocess preprocess;
  char *base_name; /* or NULL */
  char *base_hash; /* SHA-256 of the base's weights as the trainer wrote it, or NULL */
} CowCard;

/* The nine behaviours in the order of their indices, NULL-terminated; static. */
extern const char *const cow_default_classes[];

/* The card of a folder, or the defaults where it has none (*found tells which). COW_ERROR_FORMAT on a card that breaks its format. */
CowCard *cow_card_read (const char *folder, gboolean *found, GError **error);
gboolean cow_card_write (const CowCard *self, const char *folder, GError **error);
CowCard *cow_card_new_default (void);
guint cow_card_n_classes (const CowCard *self);
void cow_card_free (CowCard *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowCard, cow_card_free)

G_END_DECLS

#endif
