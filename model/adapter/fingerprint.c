/* SPDX-License-Identifier: MIT */
#include "model/adapter/fingerprint.h"

#include "model/files/digest.h"
#include "model/files/file-writer.h"
#include "model/files/mapping.h"

#define TENSOR_PIECE 1024      /* bytes, of each of three pieces of a tensor */
#define FILE_PIECE   (1 << 16) /* likewise of a file */

static gboolean
add_piece (GChecksum *sum, const CowMapping *file, const guint8 *data, gsize n_bytes,
           GError **error)
{
  g_autofree guint8 *bytes = g_malloc (n_bytes);
  if (!cow_mapping_copy (file, data, n_bytes, bytes, error))
    return FALSE;
  g_checksum_update (sum, bytes, (gssize)n_bytes);
  return TRUE;
}

/* The beginning, the middle and the end; all of what is no longer than these. */
static gboolean
add_pieces (GChecksum *sum, const CowMapping *file, const guint8 *data, gsize n_bytes, gsize piece,
            GError **error)
{
  cow_digest_add_text (sum, "%" G_GSIZE_FORMAT, n_bytes);
  if (n_bytes <= 3 * piece)
    return add_piece (sum, file, data, n_bytes, error);
  return add_piece (sum, file, data, piece, error) &&
         add_piece (sum, file, data + (n_bytes - piece) / 2, piece, error) &&
         add_piece (sum, file, data + n_bytes - piece, piece, error);
}

static gboolean
add_tensors (GChecksum *sum, const CowCheckpoint *checkpoint, GError **error)
{
  g_autoptr (GPtrArray) tensors = cow_digest_tensors (checkpoint);
  for (guint i = 0; i < tensors->len; i++) {
    const CowTensor *tensor = tensors->pdata[i];
    cow_digest_add_tensor (sum, tensor);
    if (!add_pieces (sum, tensor->mapping, tensor->data, tensor->n_bytes, TENSOR_PIECE, error))
      return FALSE;
  }
  return TRUE;
}

/* A file that is not there adds nothing. */
static gboolean
add_file (GChecksum *sum, const char *folder, const char *place, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (folder, place, name, NULL);
  CowMapping file = { 0 };
  if (!cow_path_exists (path))
    return TRUE;
  if (!cow_mapping_open (&file, path, error))
    return FALSE;
  cow_digest_add_text (sum, "%s/%s", place, name);
  const gboolean added = add_pieces (sum, &file, file.data, file.size, FILE_PIECE, error);
  cow_mapping_close (&file);
  return added;
}

/* The files of an adapter and its head wherever they may lie. */
static gboolean
add_files (GChecksum *sum, const char *folder, GError **error)
{
  static const char *const names[] = { "adapter_config.json", "adapter_model.safetensors",
                                       "adapter_model.bin", "classifier.safetensors",
                                       "best_classifier.pth" };
  static const char *const places[] = { ".", "lora_adapters", "dora_adapters", "classifier" };
  for (guint place = 0; place < G_N_ELEMENTS (places); place++)
    for (guint i = 0; i < G_N_ELEMENTS (names); i++)
      if (!add_file (sum, folder, places[place], names[i], error))
        return FALSE;
  return TRUE;
}

char *
cow_fingerprint (const CowCheckpoint *checkpoint, const char *adapter, const CowCard *card,
                 GError **error)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  if (!add_tensors (sum, checkpoint, error))
    return NULL;
  if (adapter) {
    const CowPreprocess *preprocess = &card->preprocess;
    cow_digest_add_text (sum, "%d x %d %s %s", preprocess->width, preprocess->height,
                         cow_interpolation_name (preprocess->interpolation),
                         cow_normalisation_name (preprocess->normalisation));
    if (preprocess->fit != COW_STRETCH)
      cow_digest_add_text (sum, "%s", cow_fit_name (preprocess->fit));
    if (!add_files (sum, adapter, error))
      return NULL;
  }
  return g_strdup (g_checksum_get_string (sum));
}
