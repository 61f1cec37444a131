/* SPDX-License-Identifier: MIT */
/*
 * cowbehavior.json, the card that an adapter carries: classes, preprocessing, the base model it
 * belongs to, how sure its answers are. Folders without one (the published cow adapters) get the
 * recipes' defaults: nine classes, 224 x 224, bilinear, unit, not calibrated.
 */
#ifndef COW_CARD_H
#define COW_CARD_H

#include <json-glib/json-glib.h>

#include "model/adapter/kind.h"
#include "model/adapter/preprocess.h"

G_BEGIN_DECLS

typedef struct {
  char *kind;     /* the name of a CowKind */
  char **classes; /* NULL-terminated, by index */
  CowPreprocess preprocess;
  char *base_name;        /* or NULL */
  char *base_hash;        /* SHA-256 of the base's weights as the trainer wrote it, or NULL */
  char *base_fingerprint; /* cow_fingerprint () of the base, which is quick to compare; or NULL */
  /* Whether a picture has any number of labels: each class has a probability of its own, the
   * sigmoid of its logit. FALSE: one label, and probabilities are a softmax. */
  gboolean multiple;
  /* Whether it finds cows in whole frames; its classes are then what it finds. Not with
   * `multiple`. */
  gboolean detects;
  char **behaviours; /* NULL-terminated, by index: what it tells of each cow that it finds, where
                        it does; else NULL */
  /* What the member "calibration" says; read with the card, and left alone by cow_card_set_member
   * (). */
  double temperature; /* divides logits before softmax or sigmoid; 1 where nothing was fitted */
  float *thresholds;  /* [n_classes] the probability from which on a class is worth believing, 0
                         where nothing is known; NULL: none at all. Where there are several labels,
                         the member "thresholds": from which on a picture has the label, never
                         NULL */
  JsonObject *others; /* every other member of the file (head, metrics, provenance, calibration,
                         ...), written again as it was read */
} CowCard;

/* The nine behaviours in the order of their indices, NULL-terminated; static. */
extern const char *const cow_default_classes[];

/* The card of a folder, or the defaults where it has none (*found tells which). COW_ERROR_FORMAT on
 * a card that breaks its format. */
CowCard *cow_card_read (const char *folder, gboolean *found, GError **error);
gboolean cow_card_write (const CowCard *self, const char *folder, GError **error);
CowCard *cow_card_new_default (void);
guint cow_card_n_classes (const CowCard *self);
/* The names of what its head (COW_HEAD_FILE) tells, NULL-terminated: the classes of a picture, or
 * the behaviours of a cow that was found; NULL where it has none. */
const char *const *cow_card_told (const CowCard *self);
const CowKind *cow_card_kind (const CowCard *self);
/* Whether its kind is one whose folder holds a whole network. */
gboolean cow_card_holds_network (const CowCard *self);
/* Puts a member beside those above in the place of what the card has of that name; takes the value.
 * NULL removes it. */
void cow_card_set_member (CowCard *self, const char *name, JsonNode *value);
/* A member that is not one of those above, or NULL; the card's. */
JsonNode *cow_card_get_member (const CowCard *self, const char *name);
void cow_card_free (CowCard *self);

/* Makes it one of several labels a picture, with thresholds [n_classes], which are copied; NULL:
 * COW_CARD_THRESHOLD for each. */
void cow_card_set_multiple (CowCard *self, const float *thresholds);
#define COW_CARD_THRESHOLD 0.5f

/* The temperatures that a card may hold. */
#define COW_CARD_TEMPERATURE_MIN 0.001
#define COW_CARD_TEMPERATURE_MAX 1000.0
/* Softmax of logits / temperature; both [n_classes]. */
void cow_softmax (const float *logits, guint n_classes, double temperature, float *probabilities);
/* 1 / (1 + exp (-logit / temperature)), each class for itself; both [n_classes]. */
void cow_sigmoid (const float *logits, guint n_classes, double temperature, float *probabilities);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowCard, cow_card_free)

G_END_DECLS

#endif
