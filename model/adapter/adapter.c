/* SPDX-License-Identifier: MIT */
/* The adapter in memory, and the folder that PEFT opens: reading and writing it. */
#include "model/adapter/adapter.h"

#include <math.h>
#include <string.h>

#include "model/adapter/adapter-config.h"
#include "model/files/checkpoint-names.h"
#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/floats.h"
#include "model/files/json-object.h"
#include "model/files/locate.h"
#include "model/files/safetensors.h"
#include "model/files/tensor-file.h"
#include "model/files/tensor-names.h"

static void
lora_free (CowLora *lora)
{
  if (lora == NULL)
    return;
  g_free (lora->a);
  g_free (lora->b);
  g_free (lora->magnitude);
  g_free (lora);
}

void
cow_adapter_free (CowAdapter *self)
{
  if (self == NULL)
    return;
  for (gsize i = 0; self->loras != NULL && i < (gsize)self->n_layers * COW_N_MODULES; i++)
    lora_free (self->loras[i]);
  g_free (self->loras);
  g_free (self->path);
  g_free (self->base);
  g_strfreev (self->target_modules);
  g_free (self);
}

const CowLora *
cow_adapter_get (const CowAdapter *self, int layer, CowModule module)
{
  g_return_val_if_fail (
      layer >= 0 && layer < self->n_layers && (int)module >= 0 && module < COW_N_MODULES, NULL);
  return self->loras[layer * COW_N_MODULES + module];
}

gint64
cow_adapter_n_parameters (const CowAdapter *self)
{
  gint64 n = 0;
  for (gsize i = 0; i < (gsize)self->n_layers * COW_N_MODULES; i++) {
    const CowLora *lora = self->loras[i];
    if (lora != NULL)
      n += lora->rank * (lora->in + lora->out) + (lora->magnitude != NULL ? lora->out : 0);
  }
  return n;
}

/* ---- reading ----------------------------------------------------------------------------------
 * adapter_model.safetensors is checked against adapter_config.json and the network: every targeted
 * module gets its matrices, every tensor has a module, all shapes and ranks fit. Names and scales:
 * huggingface/peft tuners/lora/layer.py.
 */

typedef enum { PART_A, PART_B, PART_MAGNITUDE, N_PARTS } Part;

typedef struct {
  CowAdapterConfig *config;
  const CowVitConfig *vit;
  const char *file; /* of the tensors */
  CowAdapter *adapter;
  char *root; /* what stands before "layer.N." in all names, unwrapped */
} Reader;

/* A tensor's name, taken apart. */
typedef struct {
  int layer;
  CowModule modules[COW_TRANSLATE_MAX]; /* several of a fused layer, whose rows follow each other */
  guint n_modules;
  Part part;
} Place;

/* The folder itself or one of the published adapters' subfolders, whichever has the config first;
 * NULL when none. */
static char *
find_folder (const char *folder)
{
  static const char *const places[] = { ".", "lora_adapters", "dora_adapters" };
  for (gsize i = 0; i < G_N_ELEMENTS (places); i++) {
    g_autofree char *place =
        i == 0 ? g_strdup (folder) : g_build_filename (folder, places[i], NULL);
    g_autofree char *file = g_build_filename (place, "adapter_config.json", NULL);
    if (cow_path_exists (file))
      return g_steal_pointer (&place);
  }
  return NULL;
}

gboolean
cow_adapter_present (const char *folder)
{
  g_autofree char *place = find_folder (folder);
  return place != NULL;
}

/* What may follow a part's name: an adapter's name, as whole models are saved with it, and
 * "weight". */
static gboolean
is_end (const char *end, gboolean magnitude)
{
  if (*end == '.' && !g_str_equal (end, ".weight") && !strchr (end + 1, '.'))
    return magnitude;
  if (*end == '.' && !g_str_equal (end, ".weight"))
    end = strchr (end + 1, '.');
  return g_str_equal (end, ".weight") || (magnitude && *end == '\0');
}

/* Where "layer.N." or "blocks.N." begins, or NULL. */
static const char *
find_layer (const char *name)
{
  for (const char *at = name; at != NULL; at = strchr (at, '.'), at = at ? at + 1 : NULL)
    if ((g_str_has_prefix (at, "layer.") && g_ascii_isdigit (at[6])) ||
        (g_str_has_prefix (at, "blocks.") && g_ascii_isdigit (at[7])))
      return at;
  return NULL;
}

/* "base_model.model.layer.3.attention.q_proj.lora_A.weight", whatever stands before the layer,
 * taken apart: the module's name there (free with g_free) and what it means. */
static char *
parse_name (const char *name, Place *place, char **root)
{
  static const char *const parts[N_PARTS] = { ".lora_A", ".lora_B", ".lora_magnitude_vector" };
  static const char holder[] = "base_model.model.";
  g_autofree char *bare = cow_name_drop_transparent (name);
  for (int p = 0; p < N_PARTS; p++) {
    char *at = strstr (bare, parts[p]);
    if (at == NULL || !is_end (at + strlen (parts[p]), p == PART_MAGNITUDE))
      continue;
    *at = '\0';
    const char *layer = find_layer (bare);
    place->part = (Part)p;
    place->n_modules = layer ? cow_translate_module (layer, &place->layer, place->modules) : 0;
    if (place->n_modules == 0)
      return NULL;
    *root = g_strndup (bare, (gsize)(layer - bare));
    return g_strdup (g_str_has_prefix (bare, holder) ? bare + strlen (holder) : bare);
  }
  return NULL;
}

static gboolean
refuse (const Reader *r, const CowTensor *tensor, const char *why, GError **error)
{
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH, "%s: tensor %s %s", r->file, tensor->name,
               why);
  return FALSE;
}

/* The adapter of a module, made when its first tensor comes; NULL when the network or the config
 * has none there. */
static CowLora *
lora_for (Reader *r, const CowTensor *tensor, gint64 layer, CowModule module, GError **error)
{
  gint64 out, in;
  gboolean bias;
  if (layer >= r->vit->n_layers || !cow_vit_config_module (r->vit, module, &out, &in, &bias)) {
    refuse (r, tensor, "belongs to a layer or module that the base model does not have", error);
    return NULL;
  }
  if (!cow_adapter_config_targets (r->config, (int)layer, module)) {
    refuse (r, tensor, "belongs to a module that adapter_config.json does not target", error);
    return NULL;
  }
  CowLora **slot = &r->adapter->loras[layer * COW_N_MODULES + module];
  if (*slot == NULL) {
    *slot = g_new0 (CowLora, 1);
    (*slot)->out = out;
    (*slot)->in = in;
    (*slot)->rank = cow_adapter_config_rank (r->config, (int)layer, module);
    (*slot)->alpha = (float)cow_adapter_config_alpha (r->config, (int)layer, module);
    double rank = (double)(*slot)->rank;
    (*slot)->scale = (float)(cow_adapter_config_alpha (r->config, (int)layer, module) /
                             (r->config->rslora ? sqrt (rank) : rank));
  }
  return *slot;
}

/* Rows i of n of a tensor; all of it where its rows are not divided. */
static CowTensor
rows_of (const CowTensor *tensor, guint i, guint n)
{
  CowTensor rows = *tensor;
  rows.dims[0] /= n;
  rows.n_bytes /= n;
  rows.data += i * rows.n_bytes;
  return rows;
}

/* Module i of those that the tensor is of. A fused layer's modules share A. */
static gboolean
read_part (Reader *r, const CowTensor *tensor, const Place *place, guint i, GError **error)
{
  CowLora *lora = lora_for (r, tensor, place->layer, place->modules[i], error);
  if (lora == NULL)
    return FALSE;
  const Part part = place->part;
  const guint n = part == PART_A ? 1 : place->n_modules;
  gint64 shapes[N_PARTS][2] = { { lora->rank, lora->in },
                                { lora->out * n, lora->rank },
                                { lora->out * n, 0 } };
  float **places[N_PARTS] = { &lora->a, &lora->b, &lora->magnitude };
  guint n_dims = part == PART_MAGNITUDE ? 1 : 2;
  if (*places[part] != NULL)
    return refuse (r, tensor, "is there twice, by another name for the same module", error);
  if (!cow_tensor_has_shape (tensor, n_dims, shapes[part])) {
    const CowTensor expected = { .n_dims = n_dims, .dims = { shapes[part][0], shapes[part][1] } };
    g_autofree char *found = cow_tensor_shape_text (tensor),
                    *wanted = cow_tensor_shape_text (&expected);
    g_set_error (
        error, COW_ERROR, COW_ERROR_MISMATCH,
        "%s: tensor %s has shape %s, expected %s by the base model and rank %" G_GINT64_FORMAT,
        r->file, tensor->name, found, wanted, lora->rank);
    return FALSE;
  }
  const CowTensor rows = rows_of (tensor, n > 1 ? i : 0, n);
  *places[part] = cow_tensor_dup_f32 (&rows, r->file, error);
  return *places[part] != NULL;
}

/* Tensors of modules_to_save are the head's (head-weights.h), unless they are the network's own,
 * which nothing here can replace. */
static gboolean
check_saved (const Reader *r, const CowTensor *tensor, GError **error)
{
  g_autofree char *inner = cow_name_unwrap (tensor->name);
  static const char *const own[] = { "norm.", "layernorm.", "embeddings.", "patch_embed." };
  gboolean inside = find_layer (tensor->name) != NULL;
  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    inside |= g_str_has_prefix (inner, own[i]);
  if (!inside)
    return TRUE;
  return refuse (
      r, tensor,
      "is of \"modules_to_save\", but a part of the base: only a head is read from there", error);
}

/* Notes the names of modules, by which the config's expressions may mean them. */
static gboolean
name_modules (Reader *r, const CowTensor *tensor, GError **error)
{
  Place place;
  g_autofree char *root = NULL, *name = parse_name (tensor->name, &place, &root);
  if (name == NULL)
    return TRUE;
  /* What programs put around the same network does not matter, only what else stands there. */
  g_autofree char *whole = g_strconcat (root, "layer", NULL), *inner = cow_name_unwrap (whole);
  if (r->root == NULL)
    r->root = g_steal_pointer (&inner);
  else if (!g_str_equal (r->root, inner))
    return refuse (r, tensor, "belongs to another network than the tensors before it", error);
  for (guint i = 0; i < place.n_modules; i++)
    cow_adapter_config_name (r->config, place.layer, place.modules[i], name);
  return TRUE;
}

static gboolean
read_tensor (Reader *r, const CowTensor *tensor, GError **error)
{
  Place place;
  g_autofree char *root = NULL, *name = parse_name (tensor->name, &place, &root);
  if (name == NULL && !strstr (tensor->name, ".lora_") &&
      cow_adapter_config_saves (r->config, tensor->name))
    return check_saved (r, tensor, error);
  if (name == NULL)
    return refuse (r, tensor,
                   "is no part of a LoRA or DoRA on a linear layer of the base "
                   "(base_model.model.layer.N.MODULE.lora_A.weight, ...)",
                   error);
  if (place.part == PART_MAGNITUDE && !r->config->dora)
    return refuse (r, tensor,
                   "is a DoRA's, but adapter_config.json does not say \"use_dora\": true", error);
  for (guint i = 0; i < place.n_modules; i++)
    if (!read_part (r, tensor, &place, i, error))
      return FALSE;
  return TRUE;
}

static gboolean
check_complete (const Reader *r, int layer, CowModule module, gboolean *targeted, GError **error)
{
  gint64 out, in;
  gboolean bias;
  const CowLora *lora = cow_adapter_get (r->adapter, layer, module);
  *targeted = cow_vit_config_module (r->vit, module, &out, &in, &bias) &&
              cow_adapter_config_targets (r->config, layer, module);
  if (!*targeted)
    return TRUE;
  const char *missing = lora == NULL || lora->a == NULL              ? "lora_A.weight"
                        : lora->b == NULL                            ? "lora_B.weight"
                        : r->config->dora && lora->magnitude == NULL ? "lora_magnitude_vector"
                                                                     : NULL;
  if (missing == NULL)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s: no %s for layer.%d.%s, which adapter_config.json targets", r->file, missing,
               layer, cow_module_name (module));
  return FALSE;
}

static gboolean
check_all_complete (const Reader *r, GError **error)
{
  guint n_targeted = 0;
  for (int layer = 0; layer < r->vit->n_layers; layer++)
    for (int m = 0; m < COW_N_MODULES; m++) {
      gboolean targeted;
      if (!check_complete (r, layer, (CowModule)m, &targeted, error))
        return FALSE;
      n_targeted += targeted;
    }
  if (n_targeted > 0)
    return TRUE;
  g_autofree char *targets = g_strjoinv (", ", r->config->targets);
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s: \"target_modules\" (%s) names no module of the base model", r->config->path,
               targets);
  return FALSE;
}

static gboolean
open_tensors (CowTensorFile *tensors, const char *folder, GError **error)
{
  g_autofree char *file = g_build_filename (folder, "adapter_model.safetensors", NULL);
  g_autofree char *pickled = g_build_filename (folder, "adapter_model.bin", NULL);
  const gboolean is_pickled = !cow_path_exists (file) && cow_path_exists (pickled);
  return cow_tensor_file_open (tensors, is_pickled ? pickled : file, error);
}

static CowAdapter *
adapter_new (const char *folder, const CowAdapterConfig *config, int n_layers)
{
  CowAdapter *self = g_new0 (CowAdapter, 1);
  self->path = g_strdup (folder);
  self->dora = config->dora;
  self->rslora = config->rslora;
  self->rank = config->rank;
  self->alpha = (float)config->alpha;
  self->dropout = (float)config->dropout;
  self->base = g_strdup (config->base);
  self->target_modules = g_strdupv (config->targets);
  self->n_layers = n_layers;
  self->loras = g_new0 (CowLora *, (gsize)n_layers * COW_N_MODULES);
  return self;
}

static gboolean
read_all (Reader *r, const CowTensorFile *tensors, GError **error)
{
  for (guint i = 0; i < cow_tensor_file_n (tensors); i++)
    if (!name_modules (r, cow_tensor_file_nth (tensors, i), error))
      return FALSE;
  if (!cow_adapter_config_check (r->config, r->vit->n_layers, error))
    return FALSE;
  for (guint i = 0; i < cow_tensor_file_n (tensors); i++)
    if (!read_tensor (r, cow_tensor_file_nth (tensors, i), error))
      return FALSE;
  return check_all_complete (r, error);
}

/* Says what a folder without an adapter is, as far as its files tell. */
static void
refuse_folder (const char *folder, GError **error)
{
  g_autofree char *config = g_build_filename (folder, "config.json", NULL),
                  *below = cow_folder_list_holding (folder, "adapter_config.json");
  if (cow_path_exists (config) || !cow_path_is_folder (folder))
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s: is a model, not an adapter (no adapter_config.json): give it as --model "
                 "(model=)",
                 folder);
  else
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s: no adapter_config.json in it, in lora_adapters/ or in dora_adapters/%s%s",
                 folder, below ? "; name one of those that have it: " : "", below ? below : "");
}

CowAdapter *
cow_adapter_read (const char *folder, const CowVitConfig *vit, GError **error)
{
  g_autofree char *place = find_folder (folder);
  g_auto (CowAdapterConfig) config = { 0 };
  if (place == NULL) {
    refuse_folder (folder, error);
    return NULL;
  }
  if (!cow_adapter_config_read (place, &config, error))
    return NULL;
  g_auto (CowTensorFile) tensors = { 0 };
  if (!open_tensors (&tensors, place, error))
    return NULL;
  g_autoptr (CowAdapter) self = adapter_new (place, &config, vit->n_layers);
  Reader reader = { &config, vit, cow_tensor_file_path (&tensors), self, NULL };
  gboolean ok = read_all (&reader, &tensors, error);
  g_free (reader.root);
  return ok ? g_steal_pointer (&self) : NULL;
}

/* ---- writing ----------------------------------------------------------------------------------
 * The config is written so that PEFT's rules lead to exactly the modules, ranks and scales that are
 * in memory: where target_modules does not say it, modules are named one by one, and rank_pattern
 * and alpha_pattern name those that differ.
 */

/* The number that was meant: a whole one without a point, else the shortest decimal that gives the
 * float again. */
static void
set_number (JsonObject *object, const char *key, float value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd (text, sizeof text, "%.7g", value);
  double v = g_ascii_strtod (text, NULL);
  if (value == floorf (value) && fabsf (value) < 1e9f)
    json_object_set_int_member (object, key, (gint64)value);
  else
    json_object_set_double_member (object, key, (float)v == value ? v : (double)value);
}

static char *
module_path (int layer, CowModule module)
{
  return g_strdup_printf ("layer.%d.%s", layer, cow_module_name (module));
}

/* Whether target_modules covers the modules that have an adapter and no other; in the gate's case,
 * of networks that have one. */
static gboolean
targets_are_exact (const CowAdapter *self)
{
  gboolean any[COW_N_MODULES] = { FALSE };
  for (int layer = 0; layer < self->n_layers; layer++)
    for (int m = 0; m < COW_N_MODULES; m++)
      any[m] |= cow_adapter_get (self, layer, (CowModule)m) != NULL;
  for (int layer = 0; layer < self->n_layers; layer++)
    for (int m = 0; m < COW_N_MODULES; m++) {
      gboolean has = cow_adapter_get (self, layer, (CowModule)m) != NULL;
      gboolean named = cow_targets_match (self->target_modules, layer, (CowModule)m);
      if (has != named && !(m == COW_GATE && !any[m]))
        return FALSE;
    }
  return TRUE;
}

static void
set_targets (JsonObject *object, const CowAdapter *self)
{
  JsonArray *names = json_array_new ();
  if (!targets_are_exact (self)) {
    for (int layer = 0; layer < self->n_layers; layer++)
      for (int m = 0; m < COW_N_MODULES; m++)
        if (cow_adapter_get (self, layer, (CowModule)m) != NULL) {
          g_autofree char *path = module_path (layer, (CowModule)m);
          json_array_add_string_element (names, path);
        }
  } else if (g_strv_contains ((const char *const *)self->target_modules, "all-linear")) {
    json_array_unref (names);
    json_object_set_string_member (object, "target_modules", "all-linear");
    return;
  } else {
    for (char **name = self->target_modules; *name != NULL; name++)
      json_array_add_string_element (names, *name);
  }
  json_object_set_array_member (object, "target_modules", names);
}

static void
set_patterns (JsonObject *object, const CowAdapter *self)
{
  JsonObject *ranks = json_object_new (), *alphas = json_object_new ();
  for (int layer = 0; layer < self->n_layers; layer++)
    for (int m = 0; m < COW_N_MODULES; m++) {
      const CowLora *lora = cow_adapter_get (self, layer, (CowModule)m);
      g_autofree char *path = module_path (layer, (CowModule)m);
      if (lora != NULL && lora->rank != self->rank)
        json_object_set_int_member (ranks, path, lora->rank);
      if (lora != NULL && lora->alpha != self->alpha)
        set_number (alphas, path, lora->alpha);
    }
  json_object_set_object_member (object, "rank_pattern", ranks);
  json_object_set_object_member (object, "alpha_pattern", alphas);
}

static gboolean
write_config (const CowAdapter *self, const char *folder, GError **error)
{
  g_autoptr (JsonObject) o = json_object_new ();
  g_autofree char *path = g_build_filename (folder, "adapter_config.json", NULL);
  json_object_set_string_member (o, "peft_type", "LORA");
  json_object_set_string_member (o, "task_type", "FEATURE_EXTRACTION");
  if (self->base != NULL)
    json_object_set_string_member (o, "base_model_name_or_path", self->base);
  else
    json_object_set_null_member (o, "base_model_name_or_path");
  json_object_set_boolean_member (o, "inference_mode", TRUE);
  json_object_set_int_member (o, "r", self->rank);
  set_number (o, "lora_alpha", self->alpha);
  set_number (o, "lora_dropout", self->dropout);
  set_targets (o, self);
  set_patterns (o, self);
  json_object_set_boolean_member (o, "use_dora", self->dora);
  json_object_set_boolean_member (o, "use_rslora", self->rslora);
  json_object_set_string_member (o, "bias", "none");
  json_object_set_boolean_member (o, "fan_in_fan_out", FALSE);
  json_object_set_boolean_member (o, "init_lora_weights", TRUE);
  json_object_set_null_member (o, "modules_to_save");
  g_autofree char *text = cow_json_object_text (o);
  return cow_text_write (text, path, error);
}

typedef gboolean (*Visit) (CowSafetensorsWriter *writer, const char *name, const float *data,
                           const gint64 *dims, guint n_dims, GError **error);

static gboolean
declare (CowSafetensorsWriter *writer, const char *name, const float *data, const gint64 *dims,
         guint n_dims, GError **error)
{
  cow_safetensors_writer_declare (writer, name, COW_F32, dims, n_dims);
  return TRUE;
}

static gboolean
write_data (CowSafetensorsWriter *writer, const char *name, const float *data, const gint64 *dims,
            guint n_dims, GError **error)
{
  gsize n = (gsize)dims[0] * (n_dims > 1 ? (gsize)dims[1] : 1);
  return cow_safetensors_writer_write (writer, data, n * sizeof *data, error);
}

/*
 * Where PEFT finds a module since transformers 5, whose DINOv3ViTModel keeps its layers in
 * `.model`. PEFT leaves a tensor under another name unloaded and only warns, so that the name has
 * to be today's; transformers 4 needs key_mapping={"^model\\.layer": "layer"}.
 */
#define KEY_PREFIX "base_model.model.model."

static gboolean
visit_lora (const CowLora *lora, const char *module, Visit visit, CowSafetensorsWriter *writer,
            GError **error)
{
  g_autofree char *a = g_strdup_printf (KEY_PREFIX "%s.lora_A.weight", module);
  g_autofree char *b = g_strdup_printf (KEY_PREFIX "%s.lora_B.weight", module);
  g_autofree char *magnitude = g_strdup_printf (KEY_PREFIX "%s.lora_magnitude_vector", module);
  return visit (writer, a, lora->a, (gint64[]){ lora->rank, lora->in }, 2, error) &&
         visit (writer, b, lora->b, (gint64[]){ lora->out, lora->rank }, 2, error) &&
         (lora->magnitude == NULL ||
          visit (writer, magnitude, lora->magnitude, (gint64[]){ lora->out }, 1, error));
}

static gboolean
visit_all (const CowAdapter *self, Visit visit, CowSafetensorsWriter *writer, GError **error)
{
  for (int layer = 0; layer < self->n_layers; layer++)
    for (int m = 0; m < COW_N_MODULES; m++) {
      const CowLora *lora = cow_adapter_get (self, layer, (CowModule)m);
      g_autofree char *path = module_path (layer, (CowModule)m);
      if (lora != NULL && !visit_lora (lora, path, visit, writer, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
cow_adapter_write (const CowAdapter *self, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "adapter_model.safetensors", NULL);
  if (!cow_folder_make (folder, error))
    return FALSE;
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
  cow_safetensors_writer_metadata (writer, "format", "pt");
  return visit_all (self, declare, writer, error) && visit_all (self, write_data, writer, error) &&
         cow_safetensors_writer_finish (writer, error) && write_config (self, folder, error);
}
