/* SPDX-License-Identifier: MIT */
/* Models and single files; adapters are in describe-adapter.c. */
#include "trainer/eval/describe.h"

#include <glib/gstdio.h>

#include "model/files/config.h"
#include "model/files/error.h"
#include "model/files/nf4.h"
#include "model/network/resnet.h"
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

/* "NF4" or the type of the first linear layer's weight. */
static const char *
storage_name (const CowCheckpoint *checkpoint)
{
  const CowTensor *weight = cow_checkpoint_find (checkpoint, "layer.0.attention.q_proj.weight");

  if (cow_checkpoint_find (checkpoint, "layer.0.attention.q_proj.weight.absmax"))
    return "NF4";
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

/*
 * What a run for one picture of the model's own size touches: the weights, the restored fp32 absmax
 * of NF4, and the activations of model/network/vit.c. Libraries, the picture and an adapter come on
 * top.
 */
static double
memory_bytes (const CowCheckpoint *checkpoint, const CowVitConfig *config)
{
  const double side = config->image_size / config->patch_size,
               tokens = 1 + config->n_registers + side * side;
  double bytes = stored_bytes (checkpoint);

  if (g_str_equal (storage_name (checkpoint), "NF4"))
    bytes += (double)cow_vit_config_n_parameters (config) / COW_NF4_BLOCK * sizeof (float);
  return bytes +
         tokens *
             (5.0 * config->hidden_size + (config->gated ? 2.0 : 1.0) * config->intermediate_size) *
             sizeof (float);
}

static void
add_vit (JsonObject *object, const CowCheckpoint *checkpoint, const CowVitConfig *config)
{
  json_object_set_string_member (object, "architecture",
                                 config->timm ? "vision transformer as timm's"
                                              : "DINOv3 vision transformer");
  json_object_set_string_member (object, "storage", storage_name (checkpoint));
  json_object_set_int_member (object, "parameters", cow_vit_config_n_parameters (config));
  json_object_set_int_member (object, "layers", config->n_layers);
  json_object_set_int_member (object, "hidden_size", config->hidden_size);
  json_object_set_int_member (object, "heads", config->n_heads);
  json_object_set_int_member (object, "intermediate_size", config->intermediate_size);
  json_object_set_string_member (object, "mlp", config->gated ? "gated SiLU" : "GELU");
  json_object_set_int_member (object, "patch_size", config->patch_size);
  json_object_set_int_member (object, "registers", config->n_registers);
  json_object_set_int_member (object, "image_size", config->image_size);
  json_object_set_int_member (object, "estimated_memory_bytes",
                              (gint64)memory_bytes (checkpoint, config));
}

/* A pass over one picture of 224 x 224 uses two arrays of the first unit's size and two of a
 * quarter of it (model/network/resnet.c). */
static void
add_resnet (JsonObject *object, const CowCheckpoint *checkpoint)
{
  CowResnetShape shape;
  gint64 parameters = 0;

  for (int i = 0; i < COW_RESNET_N_UNITS; i++) {
    const CowResnetUnit *unit = &cow_resnet_units[i];
    parameters += (gint64)unit->out * unit->in * unit->kernel * unit->kernel + 2 * unit->out;
  }
  cow_resnet_shape (&shape, 1, 224, 224, NULL);
  const double passes = 2.5 * (double)cow_resnet_unit_size (&shape, 0) * sizeof (float);
  json_object_set_string_member (object, "architecture", "ResNet-18 as torchvision's");
  json_object_set_string_member (object, "storage",
                                 cow_dtype_name (cow_checkpoint_nth (checkpoint, 0)->dtype));
  json_object_set_int_member (object, "parameters", parameters);
  json_object_set_int_member (object, "features", COW_RESNET_FEATURES);
  json_object_set_int_member (object, "estimated_memory_bytes",
                              (gint64)(stored_bytes (checkpoint) + passes));
}

gboolean
describe_network (JsonObject *object, const char *path, GError **error)
{
  CowVitConfig config;
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (path, error);

  if (!checkpoint)
    return FALSE;
  if (cow_resnet_present (checkpoint))
    add_resnet (object, checkpoint);
  else if (cow_vit_config_for (path, checkpoint, &config, error))
    add_vit (object, checkpoint, &config);
  else
    return FALSE;
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
