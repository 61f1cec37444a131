/* SPDX-License-Identifier: MIT */
/* Any bytes as a precision.json: what is believed of it is a precision that can be computed in, and
 * names of layers that are text. */
#include "kernels/kernels.h"
#include "model/files/json-object.h"
#include "model/network/precision-file.h"
#include "tests/fuzz/fuzz.h"

#define WEIGHTS "58bc4bca012bf31b9bcbcf9d467a958b8873fb54a9613ebee99de3e6de3804fa"
#define LEVEL   "cpu (avx512-vnni)"

static void
check_entry (const CowPrecisionEntry *entry)
{
  g_assert_true (entry->precision > COW_PRECISION_AUTO && entry->precision <= COW_PRECISION_LAST);
  g_assert_true (entry->n_pictures > 0);
  g_assert_true (!entry->raised ||
                 (entry->finer > COW_PRECISION_AUTO && entry->finer < entry->precision));
  g_assert_true (!entry->raised || entry->raised[0]);
  for (guint i = 0; entry->raised && entry->raised[i]; i++)
    g_assert_true (g_utf8_validate (entry->raised[i], -1, NULL));
}

/* As the bytes have it. */
static void
read_choices (JsonObject *root)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) choices = cow_precision_file_choices (root, "fuzz", WEIGHTS, &error);

  fuzz_check_outcome (choices != NULL, error);
}

/* With what few mutations leave right put right. */
static void
read_entry (JsonObject *root)
{
  g_autoptr (GError) error = NULL;
  g_auto (CowPrecisionEntry) entry = { 0 };
  gboolean found = FALSE;

  json_object_set_int_member (root, "format", 1);
  json_object_set_int_member (root, "arithmetic", CK_ARITHMETIC);
  json_object_set_string_member (root, "weights", WEIGHTS);
  g_autoptr (JsonObject) choices = cow_precision_file_choices (root, "fuzz", WEIGHTS, &error);
  const gboolean read =
      choices && cow_precision_file_entry (choices, "fuzz", LEVEL, &entry, &found, &error);
  fuzz_check_outcome (read, error);
  if (found)
    check_entry (&entry);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) root = cow_json_parse_object ((const char *)data, size, "fuzz", &error);

  fuzz_check_outcome (root != NULL, error);
  if (root) {
    read_choices (root);
    read_entry (root);
  }
  return 0;
}
