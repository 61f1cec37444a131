/* SPDX-License-Identifier: MIT */
#include "model/adapter/base-check.h"

#include "model/adapter/fingerprint.h"
#include "model/files/digest.h"

/* Bytes of weights that are read whole at each load, for a card without a fingerprint. */
#define MOST_READ (256 << 20)

/* The hash of all weights that the trainer writes; NULL where they are too many. */
static char *
hash_small (const CowCheckpoint *model)
{
  g_autoptr (GPtrArray) tensors = cow_digest_tensors (model);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize total = 0;
  for (guint i = 0; i < tensors->len; i++) {
    const CowTensor *tensor = tensors->pdata[i];
    if (tensor->n_bytes > MOST_READ || (total += tensor->n_bytes) > MOST_READ)
      return NULL;
  }
  for (guint i = 0; i < tensors->len; i++) {
    const CowTensor *tensor = tensors->pdata[i];
    cow_digest_add_tensor (sum, tensor);
    if (!cow_digest_add_bytes (sum, tensor, 0, tensor->n_bytes, NULL))
      return NULL;
  }
  return g_strdup (g_checksum_get_string (sum));
}

/* What the card remembers its base by. */
static const char *
mark_of (const CowCard *card)
{
  return card->base_fingerprint ? card->base_fingerprint : card->base_hash;
}

/* The same of a model. */
static char *
mark_model (const CowCard *card, const CowCheckpoint *model, GError **error)
{
  return card->base_fingerprint ? cow_fingerprint (model, NULL, NULL, error) : hash_small (model);
}

gboolean
cow_base_agrees (const CowCard *card, const CowCheckpoint *model)
{
  g_autofree char *ours = mark_of (card) ? mark_model (card, model, NULL) : NULL;
  return ours && g_ascii_strcasecmp (mark_of (card), ours) == 0;
}

char *
cow_base_warning (const CowCard *card, const char *adapter, const CowCheckpoint *model)
{
  const char *theirs = mark_of (card),
             *name = card->base_name ? card->base_name : "a model without a name";
  if (!theirs)
    return NULL;
  g_autoptr (GError) unread = NULL;
  g_autofree char *ours = mark_model (card, model, &unread);
  if (unread)
    return g_strdup_printf ("whether %s was made on this base was not checked: %s", adapter,
                            unread->message);
  if (!ours)
    return g_strdup_printf (
        "%s was made on %s by a version that left no fingerprint of it: whether "
        "%s is the same base was not checked",
        adapter, name, cow_checkpoint_path (model));
  if (g_ascii_strcasecmp (theirs, ours) == 0)
    return NULL;
  return g_strdup_printf (
      "%s was made on another base, %s (%.8s...), than %s (%.8s...): unless that "
      "is the same network in another precision, its answers are worth nothing",
      adapter, name, theirs, cow_checkpoint_path (model), ours);
}
