/* SPDX-License-Identifier: MIT */
/* The header of a safetensors file alone: the first two bytes say how many bytes of data follow it,
 * and its length is put right, so that mutations reach names, types, shapes and offsets. */
#include <string.h>

#include "model/files/safetensors.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  FuzzInput input = { data, size };
  const gsize low = fuzz_byte (&input), n_data = low | (gsize)fuzz_byte (&input) << 8,
              n_bytes = 8 + input.left + n_data;
  const guint64 n_header = GUINT64_TO_LE ((guint64)input.left);
  g_autofree guint8 *bytes = g_malloc0 (n_bytes);
  g_autoptr (GError) error = NULL;

  memcpy (bytes, &n_header, 8);
  if (input.left > 0)
    memcpy (bytes + 8, input.next, input.left);
  g_autoptr (CowSafetensors) file = cow_safetensors_open_bytes ("fuzz", bytes, n_bytes, &error);
  fuzz_check_outcome (file != NULL, error);
  for (guint i = 0; file != NULL && i < cow_safetensors_n_tensors (file); i++) {
    const CowTensor *tensor = cow_safetensors_nth (file, i);

    g_assert_true (cow_safetensors_get (file, tensor->name) == tensor);
    fuzz_read_tensor (tensor);
  }
  return 0;
}
