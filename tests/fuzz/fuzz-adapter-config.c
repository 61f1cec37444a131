/* SPDX-License-Identifier: MIT */
/* Any bytes as PEFT's adapter_config.json: what is read answers for every module of every layer,
 * with a rank that can be allocated, and soon, whatever expression a user wrote. */
#include <math.h>

#include "model/adapter/adapter-config.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"

static void
ask (CowAdapterConfig *config)
{
  for (int layer = 0; layer < 3; layer++)
    for (int module = 0; module < COW_N_MODULES; module++) {
      cow_adapter_config_name (config, layer, (CowModule)module, "blocks.1.attn.q_proj");
      cow_adapter_config_targets (config, layer, (CowModule)module);
      const int rank = cow_adapter_config_rank (config, layer, (CowModule)module);
      const double alpha = cow_adapter_config_alpha (config, layer, (CowModule)module);
      g_assert_true (rank >= 1 && rank <= 65536);
      g_assert_true (isfinite (alpha));
    }
  cow_adapter_config_saves (config, "base_model.model.classifier.0.weight");
  g_assert_true (config->dropout >= 0 && config->dropout < 1);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_auto (CowAdapterConfig) config = { 0 };
  g_autoptr (GError) error = NULL;

  fuzz_put ("adapter_config.json", data, size);
  const gboolean read = cow_adapter_config_read (fuzz_folder (), &config, &error);

  fuzz_check_outcome (read, error);
  if (read)
    ask (&config);
  return 0;
}
