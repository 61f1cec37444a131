/* SPDX-License-Identifier: MIT */
/* Any bytes as a model's config.json: sizes that pass the check can be multiplied without a second
 * thought, and our own text of them says the same. */
#include <math.h>
#include <string.h>

#include "model/files/vit-config.h"
#include "model/files/vit-layout.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"

static void
check_modules (const CowVitConfig *config)
{
  for (int module = 0; module < COW_N_MODULES; module++) {
    gint64 dims[2];
    gsize count, n_bytes;
    gboolean bias;

    if (cow_vit_config_module (config, (CowModule)module, &dims[0], &dims[1], &bias))
      g_assert_true (dims[0] > 0 && dims[1] > 0 &&
                     cow_shape_count (dims, 2, COW_F32, &count, &n_bytes));
  }
}

static void
check (const CowVitConfig *config)
{
  g_assert_true (config->hidden_size > 0 && config->n_layers > 0 && config->n_heads > 0 &&
                 config->intermediate_size > 0 && config->patch_size > 0 &&
                 config->n_channels > 0 && config->n_registers >= 0 && config->image_size >= 0);
  g_assert_true (config->hidden_size % config->n_heads == 0);
  g_assert_true (isfinite (config->norm_epsilon) && config->norm_epsilon > 0);
  g_assert_true (cow_vit_config_n_parameters (config) > 0);
  g_assert_true (cow_vit_config_n_tokens (config, 1024, 1024) > 0);
  check_modules (config);
}

static void
write_again (const CowVitConfig *config)
{
  g_autofree char *text = cow_vit_config_to_json (config, FALSE), *text_again = NULL;
  g_autoptr (GError) error = NULL;
  CowVitConfig again;

  fuzz_put ("config.json", text, strlen (text));
  cow_vit_config_read (fuzz_folder (), &again, &error);
  g_assert_no_error (error);
  text_again = cow_vit_config_to_json (&again, FALSE);
  g_assert_cmpstr (text, ==, text_again);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  fuzz_put ("config.json", data, size);
  g_autofree char *type = NULL;
  g_autoptr (GError) error = NULL, type_error = NULL;
  CowVitConfig config;
  const gboolean read = cow_vit_config_read (fuzz_folder (), &config, &error);

  fuzz_check_outcome (read, error);
  const gboolean typed = cow_config_model_type (fuzz_folder (), &type, &type_error);
  fuzz_check_outcome (typed, type_error);
  if (read) {
    check (&config);
    write_again (&config);
  }
  return 0;
}
