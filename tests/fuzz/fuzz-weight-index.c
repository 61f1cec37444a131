/* SPDX-License-Identifier: MIT */
/* Any bytes as model.safetensors.index.json beside two shards: no name in it leads out of the
 * folder, and each tensor is read from the file that holds it. */
#include <string.h>

#include "model/files/checkpoint.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"

/* A safetensors file of one tensor of four bytes. */
static void
put_shard (const char *name, const char *tensor)
{
  g_autofree char *header =
      g_strdup_printf ("{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", tensor);
  const guint64 n_header = GUINT64_TO_LE ((guint64)strlen (header));
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  g_byte_array_append (bytes, (const guint8 *)&n_header, 8);
  g_byte_array_append (bytes, (const guint8 *)header, (guint)strlen (header));
  g_byte_array_append (bytes, (const guint8 *)"\0\0\200?", 4);
  fuzz_put (name, bytes->data, bytes->len);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  static gboolean started;
  g_autoptr (GError) error = NULL;

  if (!started) {
    put_shard ("model-00001-of-00002.safetensors", "norm.weight");
    put_shard ("model-00002-of-00002.safetensors", "norm.bias");
    started = TRUE;
  }
  fuzz_put ("model.safetensors.index.json", data, size);
  g_autofree char *inside = g_strconcat (fuzz_folder (), "/model-", NULL);
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (fuzz_folder (), &error);
  fuzz_check_outcome (checkpoint != NULL, error);
  for (guint i = 0; checkpoint && i < cow_checkpoint_n_tensors (checkpoint); i++) {
    const CowTensor *tensor = cow_checkpoint_nth (checkpoint, i);
    const char *file = cow_checkpoint_file_of (checkpoint, tensor);

    fuzz_read_tensor (tensor);
    g_assert_true (g_str_has_prefix (file, inside));
    g_assert_true (!strchr (file + strlen (inside), '/'));
  }
  return 0;
}
