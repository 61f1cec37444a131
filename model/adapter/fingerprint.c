/* SPDX-License-Identifier: MIT */
#include "model/adapter/fingerprint.h"

#include "model/files/digest.h"
#include "model/files/mapping.h"

#define TENSOR_PIECE 1024      /* bytes, of each of three pieces of a tensor */
#define FILE_PIECE   (1 << 16) /* likewise of a file */

/* What cannot be read any more, because the file was changed, adds nothing: the fingerprint is then
 * that of no weights. */
static void
add_piece (GChecksum *sum, const CowMapping *file, const guint8 *data, gsize n_bytes)
{
  g_autofree guint8 *bytes = g_malloc (n_bytes);
  if (cow_mapping_copy (file, data, n_bytes, bytes, NULL))
    g_checksum_update (sum, bytes, (gssize)n_bytes);
}

/* The beginning, the middle and the end; all of what is no longer than these. */
static void
add_pieces (GChecksum *sum, const CowMapping *file, const guint8 *data, gsize n_bytes, gsize piece)
{
  cow_digest_add_text (sum, "%" G_GSIZE_FORMAT, n_bytes);
  if (n_bytes <= 3 * piece) {
    add_piece (sum, file, data, n_bytes);
    return;
  }
  add_piece (sum, file, data, piece);
  add_piece (sum, file, data + (n_bytes - piece) / 2, piece);
  add_piece (sum, file, data + n_bytes - piece, piece);
}

static void
add_tensors (GChecksum *sum, const CowCheckpoint *checkpoint)
{
  g_autoptr (GPtrArray) tensors = cow_digest_tensors (checkpoint);
  for (guint i = 0; i < tensors->len; i++) {
    const CowTensor *tensor = tensors->pdata[i];
    cow_digest_add_tensor (sum, tensor);
    add_pieces (sum, tensor->mapping, tensor->data, tensor->n_bytes, TENSOR_PIECE);
  }
}

/* The files of an adapter and its head wherever they may lie; those that are not there add
 * nothing. */
static void
add_files (GChecksum *sum, const char *folder)
{
  static const char *const names[] = { "adapter_config.json", "adapter_model.safetensors",
                                       "adapter_model.bin", "classifier.safetensors",
                                       "best_classifier.pth" };
  static const char *const places[] = { ".", "lora_adapters", "dora_adapters", "classifier" };
  for (guint place = 0; place < G_N_ELEMENTS (places); place++)
    for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
      g_autofree char *path = g_build_filename (folder, places[place], names[i], NULL);
      CowMapping file = { 0 };
      if (!g_file_test (path, G_FILE_TEST_EXISTS) || !cow_mapping_open (&file, path, NULL))
        continue;
      cow_digest_add_text (sum, "%s/%s", places[place], names[i]);
      add_pieces (sum, &file, file.data, file.size, FILE_PIECE);
      cow_mapping_close (&file);
    }
}

char *
cow_fingerprint (const CowCheckpoint *checkpoint, const char *adapter, const CowCard *card)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  add_tensors (sum, checkpoint);
  if (adapter) {
    const CowPreprocess *preprocess = &card->preprocess;
    cow_digest_add_text (sum, "%d x %d %s %s", preprocess->width, preprocess->height,
                         cow_interpolation_name (preprocess->interpolation),
                         cow_normalisation_name (preprocess->normalisation));
    add_files (sum, adapter);
  }
  return g_strdup (g_checksum_get_string (sum));
}
