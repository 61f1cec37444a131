/* SPDX-License-Identifier: MIT */
/* Models and single files; adapters are in describe-adapter.c. */
#include "trainer/eval/describe.h"

#include <glib/gstdio.h>

#include "model/files/error.h"
#include "model/files/nf4.h"
#include "model/network/backbones.h"
#include "trainer/eval/tensor-file.h"

static guint64
file_size (const char *path)
{
  GStatBuf status;
  return g_stat (path, &status) == 0 ? (guint64)status.st_size : 0;
}

/* ---- a file ---------------------------------------------------------------------------------- */

static JsonObject *
describe_tensor (const CowTensor *tensor)
{
  JsonObject *object = json_object_new ();
  JsonArray *shape = json_array_new ();

  for (guint i = 0; i < tensor->n_dims; i++)
    json_array_add_int_element (shape, tensor->dims[i]);
  json_object_set_string_member (object, "name", tensor->name);
  json_object_set_string_member (object, "type", cow_dtype_name (tensor->dtype));
  json_object_set_array_member (object, "shape", shape);
  return object;
}

gboolean
describe_tensors (JsonObject *object, const char *path, GError **error)
{
  g_auto (TensorFile) file = { 0 };

  if (!tensor_file_open (&file, path, error))
    return FALSE;
  JsonArray *tensors = json_array_new ();
  for (guint i = 0; i < tensor_file_n (&file); i++)
    json_array_add_object_element (tensors, describe_tensor (tensor_file_nth (&file, i)));
  json_object_set_string_member (object, "kind", "tensors");
  json_object_set_int_member (object, "disk_bytes", (gint64)file_size (path));
  json_object_set_int_member (object, "elements", (gint64)tensor_file_n_elements (&file));
  json_object_set_array_member (object, "tensors", tensors);
  return TRUE;
}

/* ---- a model --------------------------------------------------------------------------------- */

/* "NF4" or the type of the first linear layer's weight, of networks without any the first tensor's.
 */
static const char *
storage_name (const CowCheckpoint *checkpoint)
{
  const CowTensor *weight = cow_checkpoint_find (checkpoint, "layer.0.attention.q_proj.weight");

  if (cow_checkpoint_find (checkpoint, "layer.0.attention.q_proj.weight.absmax"))
    return "NF4";
  if (!weight && cow_checkpoint_n_tensors (checkpoint) > 0)
    weight = cow_checkpoint_nth (checkpoint, 0);
  return weight ? cow_dtype_name (weight->dtype) : "unknown";
}

/* The files that the tensors lie in, each counted once. */
static guint64
disk_bytes (const CowCheckpoint *checkpoint)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  guint64 bytes = 0;

  for (guint i = 0; i < cow_checkpoint_n_tensors (checkpoint); i++) {
    const char *file = cow_checkpoint_file_of (checkpoint, cow_checkpoint_nth (checkpoint, i));
    if (g_hash_table_add (seen, (gpointer)file))
      bytes += file_size (file);
  }
  return bytes;
}

/* The weights as stored: they are computed from the mapped file. */
static double
stored_bytes (const CowCheckpoint *checkpoint)
{
  double bytes = 0;
  for (guint i = 0; i < cow_checkpoint_n_tensors (checkpoint); i++)
    bytes += (double)cow_checkpoint_nth (checkpoint, i)->n_bytes;
  return bytes;
}

/* Sides of a picture for networks that say nothing of theirs, px. */
#define USUAL_SIDE 224

/*
 * The memory that a run for one picture of the model's own size touches: the weights, the restored
 * fp32 absmax of NF4, and the activations. Libraries, the picture and an adapter come on top.
 */
static double
memory_bytes (const CowCheckpoint *checkpoint, const CowBackboneConfig *config)
{
  const int side = config->vit.family ? config->vit.image_size : USUAL_SIDE;
  double bytes =
      stored_bytes (checkpoint) + (double)config->class->workspace_bytes (config, 1, side, side);

  if (g_str_equal (storage_name (checkpoint), "NF4"))
    bytes += (double)config->class->n_parameters (config) / COW_NF4_BLOCK * sizeof (float);
  return bytes;
}

static void
add_vit (JsonObject *object, const CowVitConfig *config)
{
  json_object_set_int_member (object, "layers", config->n_layers);
  json_object_set_int_member (object, "hidden_size", config->hidden_size);
  json_object_set_int_member (object, "heads", config->n_heads);
  json_object_set_int_member (object, "intermediate_size", config->intermediate_size);
  json_object_set_string_member (object, "mlp", config->gated ? "gated SiLU" : "GELU");
  json_object_set_int_member (object, "patch_size", config->patch_size);
  json_object_set_int_member (object, "registers", config->n_registers);
  json_object_set_int_member (object, "image_size", config->image_size);
}

static void
add_backbone (JsonObject *object, const CowCheckpoint *checkpoint, const CowBackboneConfig *config)
{
  json_object_set_string_member (object, "architecture", config->title);
  json_object_set_string_member (object, "storage", storage_name (checkpoint));
  json_object_set_int_member (object, "parameters", config->class->n_parameters (config));
  if (config->vit.family)
    add_vit (object, &config->vit);
  else
    json_object_set_int_member (object, "features", config->n_features);
  json_object_set_int_member (object, "estimated_memory_bytes",
                              (gint64)memory_bytes (checkpoint, config));
}

gboolean
describe_network (JsonObject *object, const char *path, GError **error)
{
  CowBackboneConfig config;
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (path, error);

  if (!checkpoint || !cow_backbone_config_read (path, checkpoint, NULL, &config, error))
    return FALSE;
  add_backbone (object, checkpoint, &config);
  json_object_set_int_member (object, "tensors", cow_checkpoint_n_tensors (checkpoint));
  json_object_set_int_member (object, "disk_bytes", (gint64)disk_bytes (checkpoint));
  return TRUE;
}

gboolean
describe_model (JsonObject *object, const char *path, GError **error)
{
  json_object_set_string_member (object, "kind", "model");
  return describe_network (object, path, error);
}

/* ---- either ---------------------------------------------------------------------------------- */

gboolean
describe_path (JsonObject *object, const char *path, GError **error)
{
  g_autofree char *config = g_build_filename (path, "config.json", NULL);
  g_autofree char *weights = g_build_filename (path, "model.safetensors", NULL);
  g_autofree char *shards = g_build_filename (path, "model.safetensors.index.json", NULL);

  if (!g_file_test (path, G_FILE_TEST_IS_DIR))
    return describe_tensors (object, path, error);
  if (describe_is_adapter (path))
    return describe_adapter (object, path, error);
  if (g_file_test (config, G_FILE_TEST_EXISTS) || g_file_test (weights, G_FILE_TEST_EXISTS) ||
      g_file_test (shards, G_FILE_TEST_EXISTS))
    return describe_model (object, path, error);
  g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
               "%s holds neither a model (config.json, model.safetensors) nor an adapter "
               "(adapter_config.json, cowbehavior.json, a head)",
               path);
  return FALSE;
}
