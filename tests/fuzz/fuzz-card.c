/* SPDX-License-Identifier: MIT */
/* Any bytes as cowbehavior.json: what is believed of it can be computed with, and is the same after
 * it was written again. */
#include <math.h>

#include "model/adapter/card.h"
#include "model/files/json-object.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"

static void
check (const CowCard *card)
{
  const guint n = cow_card_n_classes (card);
  const CowPreprocess *p = &card->preprocess;

  g_assert_true (n > 0 && cow_card_kind (card));
  for (guint i = 0; i < n; i++) {
    g_assert_true (g_utf8_validate (card->classes[i], -1, NULL) && *card->classes[i]);
    g_assert_true (!card->thresholds || (card->thresholds[i] >= 0 && card->thresholds[i] <= 1));
  }
  g_assert_true (p->width > 0 && p->width <= 16384 && p->height > 0 && p->height <= 16384);
  g_assert_true (card->temperature >= COW_CARD_TEMPERATURE_MIN &&
                 card->temperature <= COW_CARD_TEMPERATURE_MAX);
}

static void
check_same (const CowCard *a, const CowCard *b)
{
  g_assert_true (g_strv_equal ((const char *const *)a->classes, (const char *const *)b->classes));
  g_assert_cmpstr (a->kind, ==, b->kind);
  g_assert_cmpstr (a->base_name, ==, b->base_name);
  g_assert_cmpstr (a->base_hash, ==, b->base_hash);
  g_assert_cmpstr (a->base_fingerprint, ==, b->base_fingerprint);
  g_assert_true (a->temperature == b->temperature && !a->thresholds == !b->thresholds);
  g_assert_true (a->preprocess.width == b->preprocess.width &&
                 a->preprocess.height == b->preprocess.height &&
                 a->preprocess.interpolation == b->preprocess.interpolation &&
                 a->preprocess.normalisation == b->preprocess.normalisation);
  g_autofree char *others = cow_json_object_text (a->others),
                  *others_again = cow_json_object_text (b->others);
  g_assert_cmpstr (others, ==, others_again);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  fuzz_put ("cowbehavior.json", data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCard) card = cow_card_read (fuzz_folder (), NULL, &error), again = NULL;

  fuzz_check_outcome (card != NULL, error);
  if (!card)
    return 0;
  check (card);
  cow_card_write (card, fuzz_folder (), &error);
  g_assert_no_error (error);
  again = cow_card_read (fuzz_folder (), NULL, &error);
  g_assert_no_error (error);
  check_same (card, again);
  return 0;
}
