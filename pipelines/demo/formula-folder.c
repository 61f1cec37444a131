/* SPDX-License-Identifier: MIT */
/* Writes model folders. */
#include "pipelines/demo/formula-folder.h"

#include <glib/gstdio.h>
#include <string.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/json-object.h"
#include "model/files/nf4-write.h"
#include "model/files/safetensors.h"
#include "pipelines/demo/formula-outliers.h"
#include "pipelines/demo/formula.h"

/* The sizes come from a CowVitConfig, whose limits keep their product far from overflow. */
static gsize
n_values (const CowVitTensor *tensor)
{
  gsize n = 1;

  for (guint i = 0; i < tensor->n_dims; i++)
    n *= (gsize)tensor->dims[i];
  return n;
}

/* NF4 is for the layers' weights alone. */
static gboolean
is_quantised (const CowVitTensor *tensor, const CowFormulaModel *how)
{
  return how->nf4 && tensor->part == COW_VIT_WEIGHT;
}

static gboolean
write_tensor (CowSafetensorsWriter *writer, const CowVitConfig *config, const CowVitTensor *tensor,
              const CowFormulaModel *how, GError **error)
{
  const gsize n = n_values (tensor);
  g_autofree float *values = g_new (float, n);

  cow_formula_fill (tensor->name, tensor->dims, tensor->n_dims, values);
  if (how->outliers)
    cow_formula_add_outliers (config, tensor, values);
  if (is_quantised (tensor, how)) {
    g_auto (CowNf4) quantised = { 0 };

    g_assert_true (cow_nf4_quantise (values, tensor->dims[0], tensor->dims[1], &quantised, NULL));
    return cow_nf4_write (writer, &quantised, "float32", error);
  }
  return cow_safetensors_writer_write (writer, values, n * sizeof *values, error);
}

static gboolean
write_file (const char *path, const CowVitConfig *config, const CowVitTensor *tensors, guint n,
            const CowFormulaModel *how, GError **error)
{
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);

  cow_safetensors_writer_metadata (writer, "format", "pt");
  for (guint i = 0; i < n; i++)
    if (is_quantised (&tensors[i], how))
      cow_nf4_declare (writer, tensors[i].name, tensors[i].dims[0], tensors[i].dims[1]);
    else
      cow_safetensors_writer_declare (writer, tensors[i].name, COW_F32, tensors[i].dims,
                                      tensors[i].n_dims);
  for (guint i = 0; i < n; i++)
    if (!write_tensor (writer, config, &tensors[i], how, error))
      return FALSE;
  return cow_safetensors_writer_finish (writer, error);
}

/* Adds the tensors of the file just written to the index. They are read back because a quantised
 * weight is several tensors. */
static gboolean
add_to_index (const char *path, const char *file, JsonObject *map, gint64 *total, GError **error)
{
  g_autoptr (CowSafetensors) written = cow_safetensors_open (path, error);

  if (written == NULL)
    return FALSE;
  for (guint i = 0; i < cow_safetensors_n_tensors (written); i++) {
    const CowTensor *tensor = cow_safetensors_nth (written, i);

    json_object_set_string_member (map, tensor->name, file);
    *total += (gint64)tensor->n_bytes;
  }
  return TRUE;
}

static gboolean
write_index (const char *folder, JsonObject *map, gint64 total, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "model.safetensors.index.json", NULL);
  g_autoptr (JsonObject) index = json_object_new ();
  JsonObject *metadata = json_object_new ();

  json_object_set_int_member (metadata, "total_size", total);
  json_object_set_object_member (index, "metadata", metadata);
  json_object_set_object_member (index, "weight_map", json_object_ref (map));
  g_autofree char *text = cow_json_object_text (index);
  return cow_text_write (text, path, error);
}

/* Returns the first tensor of a shard; all shards get about the same number of values, and at least
 * one tensor each. */
static guint
shard_start (const GArray *tensors, guint shard, guint n_shards)
{
  gsize all = 0, before = 0;
  guint i;

  for (i = 0; i < tensors->len; i++)
    all += n_values (&g_array_index (tensors, CowVitTensor, i));
  for (i = 0; i < tensors->len && before < all / n_shards * shard; i++)
    before += n_values (&g_array_index (tensors, CowVitTensor, i));
  return CLAMP (i, shard, tensors->len - (n_shards - shard));
}

static gboolean
write_shards (const char *folder, const CowVitConfig *config, const GArray *tensors,
              const CowFormulaModel *how, GError **error)
{
  g_autoptr (JsonObject) map = json_object_new ();
  gint64 total = 0;

  for (guint shard = 0; shard < how->n_shards; shard++) {
    guint first = shard_start (tensors, shard, how->n_shards);
    guint end =
        shard + 1 < how->n_shards ? shard_start (tensors, shard + 1, how->n_shards) : tensors->len;
    g_autofree char *file =
        g_strdup_printf ("model-%05u-of-%05u.safetensors", shard + 1, how->n_shards);
    g_autofree char *path = g_build_filename (folder, file, NULL);

    if (!write_file (path, config, &g_array_index (tensors, CowVitTensor, first), end - first, how,
                     error) ||
        !add_to_index (path, file, map, &total, error))
      return FALSE;
  }
  return write_index (folder, map, total, error);
}

/* An earlier run may have left files of the other layout, which readers would take for the
 * model. */
static void
remove_other_layout (const char *folder, guint n_shards)
{
  g_autofree char *path = g_build_filename (
      folder, n_shards == 1 ? "model.safetensors.index.json" : "model.safetensors", NULL);

  g_unlink (path);
}

gboolean
cow_formula_write_model (const char *folder, const CowVitConfig *config, const CowFormulaModel *how,
                         GError **error)
{
  g_autoptr (GArray) tensors = cow_vit_layout_new (config, COW_VIT_LOADED);
  g_autofree char *file = g_build_filename (folder, "model.safetensors", NULL);
  g_autofree char *config_file = g_build_filename (folder, "config.json", NULL);
  g_autofree char *text = cow_vit_config_to_json (config, how->nf4);

  if (how->n_shards < 1 || how->n_shards > tensors->len) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s: %u shards, expected 1 to %u, the number of tensors", folder, how->n_shards,
                 tensors->len);
    return FALSE;
  }
  if (!cow_folder_make (folder, error))
    return FALSE;
  remove_other_layout (folder, how->n_shards);
  return (how->n_shards == 1 ? write_file (file, config, &g_array_index (tensors, CowVitTensor, 0),
                                           tensors->len, how, error)
                             : write_shards (folder, config, tensors, how, error)) &&
         cow_text_write (text, config_file, error);
}
