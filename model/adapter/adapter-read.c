/* SPDX-License-Identifier: MIT */
/*
 * adapter_model.safetensors against adapter_config.json and the network: every targeted module gets
 * its matrices, every tensor has a module, all shapes and ranks fit. Names and scales:
 * huggingface/peft tuners/lora/layer.py.
 */
#include <math.h>
#include <string.h>

#include "model/adapter/adapter-private.h"
#include "model/files/error.h"
#include "model/files/floats.h"
#include "model/files/safetensors.h"

typedef enum { PART_A, PART_B, PART_MAGNITUDE, N_PARTS } Part;

typedef struct {
  const CowAdapterConfig *config;
  const CowVitConfig *vit;
  const char *file; /* of the tensors */
  CowAdapter *adapter;
} Reader;

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
    if (g_file_test (file, G_FILE_TEST_EXISTS))
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

/* "base_model.model.layer.3.attention.q_proj.lora_A.weight", with or without a second "model.",
 * taken apart. */
static gboolean
parse_name (const char *name, gint64 *layer, CowModule *module, Part *part)
{
  static const char *const suffixes[N_PARTS] = { ".lora_A.weight", ".lora_B.weight",
                                                 ".lora_magnitude_vector" };
  if (!g_str_has_prefix (name, "base_model.model."))
    return FALSE;
  name += strlen ("base_model.model.");
  if (g_str_has_prefix (name, "model."))
    name += strlen ("model.");
  if (!g_str_has_prefix (name, "layer."))
    return FALSE;
  name += strlen ("layer.");
  gsize digits = strspn (name, "0123456789");
  if (digits < 1 || digits > 9 || name[digits] != '.' || (name[0] == '0' && digits > 1))
    return FALSE;
  *layer = g_ascii_strtoll (name, NULL, 10);
  name += digits + 1;
  for (int m = 0; m < COW_N_MODULES; m++) {
    const char *known = cow_module_name ((CowModule)m);
    if (!g_str_has_prefix (name, known))
      continue;
    for (int p = 0; p < N_PARTS; p++)
      if (strcmp (name + strlen (known), suffixes[p]) == 0) {
        *module = (CowModule)m;
        *part = (Part)p;
        return TRUE;
      }
  }
  return FALSE;
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

static gboolean
read_tensor (Reader *r, const CowTensor *tensor, GError **error)
{
  gint64 layer;
  CowModule module;
  Part part;
  if (!parse_name (tensor->name, &layer, &module, &part))
    return refuse (r, tensor,
                   "is no part of a LoRA or DoRA on a linear layer of DINOv3 "
                   "(base_model.model.layer.N.MODULE.lora_A.weight, ...)",
                   error);
  CowLora *lora = lora_for (r, tensor, layer, module, error);
  if (lora == NULL)
    return FALSE;
  if (part == PART_MAGNITUDE && !r->config->dora)
    return refuse (r, tensor,
                   "is a DoRA's, but adapter_config.json does not say \"use_dora\": true", error);
  gint64 shapes[N_PARTS][2] = { { lora->rank, lora->in },
                                { lora->out, lora->rank },
                                { lora->out, 0 } };
  float **places[N_PARTS] = { &lora->a, &lora->b, &lora->magnitude };
  guint n_dims = part == PART_MAGNITUDE ? 1 : 2;
  if (*places[part] != NULL)
    return refuse (r, tensor, "is there twice, with and without \"model.\"", error);
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
  *places[part] = cow_tensor_dup_f32 (tensor, r->file, error);
  return *places[part] != NULL;
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

static CowSafetensors *
open_tensors (const char *folder, GError **error)
{
  g_autofree char *file = g_build_filename (folder, "adapter_model.safetensors", NULL);
  g_autofree char *pickled = g_build_filename (folder, "adapter_model.bin", NULL);
  if (g_file_test (file, G_FILE_TEST_EXISTS) || !g_file_test (pickled, G_FILE_TEST_EXISTS))
    return cow_safetensors_open (file, error);
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: only adapter_model.safetensors is read; save the adapter with PEFT's "
               "save_pretrained (safe_serialization=True)",
               pickled);
  return NULL;
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

CowAdapter *
cow_adapter_read (const char *folder, const CowVitConfig *vit, GError **error)
{
  g_autofree char *place = find_folder (folder);
  g_auto (CowAdapterConfig) config = { 0 };
  if (place == NULL) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s: no adapter_config.json in it, in lora_adapters/ or in dora_adapters/",
                 folder);
    return NULL;
  }
  if (!cow_adapter_config_read (place, &config, error))
    return NULL;
  g_autoptr (CowSafetensors) tensors = open_tensors (place, error);
  if (tensors == NULL)
    return NULL;
  g_autoptr (CowAdapter) self = adapter_new (place, &config, vit->n_layers);
  Reader reader = { &config, vit, cow_safetensors_path (tensors), self };
  for (guint i = 0; i < cow_safetensors_n_tensors (tensors); i++)
    if (!read_tensor (&reader, cow_safetensors_nth (tensors, i), error))
      return NULL;
  return check_all_complete (&reader, error) ? g_steal_pointer (&self) : NULL;
}
