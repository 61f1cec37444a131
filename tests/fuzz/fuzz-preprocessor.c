/* SPDX-License-Identifier: MIT */
/* Any bytes as preprocessor_config.json: what it gives can be computed, what it asks for otherwise
 * is a note that can be shown, and what is written from it gives the same. */
#include "model/adapter/preprocess-source.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"

static void
check (const CowPreprocessSource *source)
{
  const CowPreprocess *p = &source->preprocess;

  g_assert_true (p->width >= 1 && p->width <= 8192 && p->height >= 1 && p->height <= 8192);
  g_assert_true (cow_interpolation_name (p->interpolation) &&
                 cow_normalisation_name (p->normalisation));
  for (guint i = 0; i < source->notes->len; i++)
    g_assert_true (g_utf8_validate (source->notes->pdata[i], -1, NULL));
}

static void
write_again (const CowPreprocessSource *source)
{
  g_auto (CowPreprocessSource) again = { 0 };
  g_autoptr (GError) error = NULL;

  cow_preprocess_write_config (&source->preprocess, fuzz_folder (), &error);
  g_assert_no_error (error);
  cow_preprocess_source_read_model (&again, fuzz_folder (), &error);
  g_assert_no_error (error);
  g_assert_true (again.given & COW_PREPROCESS_SIZE && again.given & COW_PREPROCESS_NORMALISATION);
  g_assert_true (again.preprocess.width == source->preprocess.width &&
                 again.preprocess.height == source->preprocess.height &&
                 again.preprocess.normalisation == source->preprocess.normalisation);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_auto (CowPreprocessSource) source = { 0 };
  g_autoptr (GError) error = NULL;

  fuzz_put ("preprocessor_config.json", data, size);
  const gboolean read = cow_preprocess_source_read_model (&source, fuzz_folder (), &error);

  fuzz_check_outcome (read, error);
  if (read) {
    check (&source);
    write_again (&source);
  }
  return 0;
}
