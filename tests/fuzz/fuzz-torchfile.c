/* SPDX-License-Identifier: MIT */
/* Any bytes as a .pth file: what opens must be readable to its last byte. */
#include "model/files/torchfile.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowTorchfile) file = cow_torchfile_open_bytes ("fuzz", data, size, &error);

  fuzz_check_outcome (file != NULL, error);
  for (guint i = 0; file != NULL && i < cow_torchfile_n_tensors (file); i++) {
    g_assert_true (cow_torchfile_get (file, cow_torchfile_nth (file, i)->name) ==
                   cow_torchfile_nth (file, i));
    fuzz_read_tensor (cow_torchfile_nth (file, i));
  }
  return 0;
}
