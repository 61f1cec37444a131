/* SPDX-License-Identifier: MIT */
/* Writes model folders. */
#include "pipelines/demo/formula-folder.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "model/files/error.h"
#include "model/files/json-object.h"
#include "model/files/nf4-write.h"
#include "model/files/safetensors.h"
#include "pipelines/demo/formula.h"

/* A tensor of the network before it is written. */
typedef struct {
  char *name;
  guint n_dims;
  gint64 dims[4];
  gsize n_values;
  gboolean linear; /* one of those that NF4 quantises */
} Plan;

static void
plan_clear (gpointer data)
{
  g_free (((Plan *)data)->name);
}

/* Takes ownership of the name. The sizes come from a CowVitConfig, whose limits keep their product
 * far from overflow. */
static void
add (GArray *plans, gboolean linear, char *name, guint n_dims, gint64 d0, gint64 d1, gint64 d2,
     gint64 d3)
{
  Plan plan = {
    .name = name, .n_dims = n_dims, .dims = { d0, d1, d2, d3 }, .n_values = 1, .linear = linear
  };

  for (guint i = 0; i < n_dims; i++)
    plan.n_values *= (gsize)plan.dims[i];
  g_array_append_val (plans, plan);
}

static void
add_vector (GArray *plans, char *name, gint64 n)
{
  add (plans, FALSE, name, 1, n, 0, 0, 0);
}

static void
add_module (GArray *plans, const CowVitConfig *config, int layer, CowModule module)
{
  gint64 out, in;
  gboolean bias;

  if (!cow_vit_config_module (config, module, &out, &in, &bias))
    return;
  add (plans, TRUE, g_strdup_printf ("layer.%d.%s.weight", layer, cow_module_name (module)), 2, out,
       in, 0, 0);
  if (bias)
    add_vector (plans, g_strdup_printf ("layer.%d.%s.bias", layer, cow_module_name (module)), out);
}

static void
add_layer (GArray *plans, const CowVitConfig *config, int layer)
{
  gint64 hidden = config->hidden_size;

  for (int i = 1; i <= 2; i++) {
    add_vector (plans, g_strdup_printf ("layer.%d.norm%d.weight", layer, i), hidden);
    add_vector (plans, g_strdup_printf ("layer.%d.norm%d.bias", layer, i), hidden);
    add_vector (plans, g_strdup_printf ("layer.%d.layer_scale%d.lambda1", layer, i), hidden);
  }
  for (int module = 0; module < COW_N_MODULES; module++)
    add_module (plans, config, layer, (CowModule)module);
}

/* Returns every tensor of the network, in the order in which it is computed. */
static GArray *
plan_model (const CowVitConfig *config)
{
  GArray *plans = g_array_new (FALSE, FALSE, sizeof (Plan));
  gint64 hidden = config->hidden_size, patch = config->patch_size;

  g_array_set_clear_func (plans, plan_clear);
  add (plans, FALSE, g_strdup ("embeddings.cls_token"), 3, 1, 1, hidden, 0);
  add (plans, FALSE, g_strdup ("embeddings.mask_token"), 3, 1, 1, hidden, 0);
  add (plans, FALSE, g_strdup ("embeddings.register_tokens"), 3, 1, config->n_registers, hidden, 0);
  add (plans, FALSE, g_strdup ("embeddings.patch_embeddings.weight"), 4, hidden, config->n_channels,
       patch, patch);
  add_vector (plans, g_strdup ("embeddings.patch_embeddings.bias"), hidden);
  for (int layer = 0; layer < config->n_layers; layer++)
    add_layer (plans, config, layer);
  add_vector (plans, g_strdup ("norm.weight"), hidden);
  add_vector (plans, g_strdup ("norm.bias"), hidden);
  return plans;
}

static gboolean
write_tensor (CowSafetensorsWriter *writer, const Plan *plan, gboolean nf4, GError **error)
{
  g_autofree float *values = g_new (float, plan->n_values);

  cow_formula_fill (plan->name, plan->dims, plan->n_dims, values);
  if (nf4 && plan->linear) {
    g_auto (CowNf4) quantised = { 0 };

    cow_nf4_quantise (values, plan->dims[0], plan->dims[1], &quantised);
    return cow_nf4_write (writer, &quantised, "float32", error);
  }
  return cow_safetensors_writer_write (writer, values, plan->n_values * sizeof *values, error);
}

static gboolean
write_file (const char *path, const Plan *plans, guint n, gboolean nf4, GError **error)
{
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);

  cow_safetensors_writer_metadata (writer, "format", "pt");
  for (guint i = 0; i < n; i++)
    if (nf4 && plans[i].linear)
      cow_nf4_declare (writer, plans[i].name, plans[i].dims[0], plans[i].dims[1]);
    else
      cow_safetensors_writer_declare (writer, plans[i].name, COW_F32, plans[i].dims,
                                      plans[i].n_dims);
  for (guint i = 0; i < n; i++)
    if (!write_tensor (writer, &plans[i], nf4, error))
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
shard_start (const GArray *plans, guint shard, guint n_shards)
{
  gsize all = 0, before = 0;
  guint i;

  for (i = 0; i < plans->len; i++)
    all += g_array_index (plans, Plan, i).n_values;
  for (i = 0; i < plans->len && before < all / n_shards * shard; i++)
    before += g_array_index (plans, Plan, i).n_values;
  return CLAMP (i, shard, plans->len - (n_shards - shard));
}

static gboolean
write_shards (const char *folder, const GArray *plans, const CowFormulaModel *how, GError **error)
{
  g_autoptr (JsonObject) map = json_object_new ();
  gint64 total = 0;

  for (guint shard = 0; shard < how->n_shards; shard++) {
    guint first = shard_start (plans, shard, how->n_shards);
    guint end =
        shard + 1 < how->n_shards ? shard_start (plans, shard + 1, how->n_shards) : plans->len;
    g_autofree char *file =
        g_strdup_printf ("model-%05u-of-%05u.safetensors", shard + 1, how->n_shards);
    g_autofree char *path = g_build_filename (folder, file, NULL);

    if (!write_file (path, &g_array_index (plans, Plan, first), end - first, how->nf4, error) ||
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
  g_autoptr (GArray) plans = plan_model (config);
  g_autofree char *file = g_build_filename (folder, "model.safetensors", NULL);
  g_autofree char *config_file = g_build_filename (folder, "config.json", NULL);
  g_autofree char *text = cow_vit_config_to_json (config, how->nf4);

  if (how->n_shards < 1 || how->n_shards > plans->len) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s: %u shards, expected 1 to %u, the number of tensors", folder, how->n_shards,
                 plans->len);
    return FALSE;
  }
  if (g_mkdir_with_parents (folder, 0777) != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: no such folder can be made: %s", folder,
                 g_strerror (errno));
    return FALSE;
  }
  remove_other_layout (folder, how->n_shards);
  return (how->n_shards == 1
              ? write_file (file, &g_array_index (plans, Plan, 0), plans->len, how->nf4, error)
              : write_shards (folder, plans, how, error)) &&
         cow_text_write (text, config_file, error);
}
