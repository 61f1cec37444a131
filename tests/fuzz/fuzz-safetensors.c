/* SPDX-License-Identifier: MIT */
/* Any bytes as a safetensors file: what opens must be readable to its last byte, and translate. */
#include "model/files/checkpoint-names.h"
#include "model/files/safetensors.h"
#include "tests/fuzz/fuzz.h"

static void
translate (const CowTensor *tensor)
{
  CowTensor views[COW_TRANSLATE_MAX];
  guint n_views;

  const CowNameHints hints = { .file = "fuzz",
                               .k_bias = (tensor->dtype & 1) != 0,
                               .packed_mlp = (tensor->n_dims & 1) != 0 };
  cow_translate_tensor (tensor, &hints, views, &n_views, NULL);
  for (guint i = 0; i < n_views; i++) {
    fuzz_read_tensor (&views[i]);
    g_free (views[i].name);
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowSafetensors) file = cow_safetensors_open_bytes ("fuzz", data, size, &error);

  fuzz_check_outcome (file != NULL, error);
  for (guint i = 0; file != NULL && i < cow_safetensors_n_tensors (file); i++) {
    const CowTensor *tensor = cow_safetensors_nth (file, i);

    g_assert_true (cow_safetensors_get (file, tensor->name) == tensor);
    fuzz_read_tensor (tensor);
    translate (tensor);
  }
  return 0;
}
