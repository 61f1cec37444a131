/* SPDX-License-Identifier: MIT */
/* Models, adapters and single files, each as what it says by itself. */
#include "trainer/eval/describe.h"

#include <glib/gstdio.h>
#include <math.h>

#include "model/adapter/adapter.h"
#include "model/adapter/card.h"
#include "model/adapter/head-weights.h"
#include "model/adapter/kept-pictures.h"
#include "model/adapter/preprocess-source.h"
#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/json-object.h"
#include "model/files/nf4.h"
#include "model/files/safetensors.h"
#include "model/files/tensor-file.h"
#include "model/network/backbones.h"
#include "model/network/detector-file.h"
#include "model/network/memory.h"

static guint64
file_size (const char *path)
{
  GStatBuf status;
  return g_stat (path, &status) == 0 ? (guint64)status.st_size : 0;
}

static JsonArray *
string_array (const char *const *strings)
{
  JsonArray *array = json_array_new ();
  for (; *strings; strings++)
    json_array_add_string_element (array, *strings);
  return array;
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
  g_auto (CowTensorFile) file = { 0 };

  if (!cow_tensor_file_open (&file, path, error))
    return FALSE;
  JsonArray *tensors = json_array_new ();
  for (guint i = 0; i < cow_tensor_file_n (&file); i++)
    json_array_add_object_element (tensors, describe_tensor (cow_tensor_file_nth (&file, i)));
  json_object_set_string_member (object, "kind", "tensors");
  json_object_set_int_member (object, "disk_bytes", (gint64)file_size (path));
  json_object_set_int_member (object, "elements", (gint64)cow_tensor_file_n_elements (&file));
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

#define MOST_README (1 << 20) /* bytes of a README whose head is read */

/* Sides of a picture for networks that say nothing of theirs, px. */
#define USUAL_SIDE 224

static int
usual_side (const CowBackboneConfig *config)
{
  return config->vit.family ? config->vit.image_size : USUAL_SIDE;
}

/* One picture of the model's own size, without an adapter. */
static CowMemoryUse
memory_use (const CowCheckpoint *checkpoint, const CowBackboneConfig *config)
{
  const int side = usual_side (config);

  return (CowMemoryUse){ .backbone = config,
                         .storage = cow_memory_storage (checkpoint),
                         .batch = 1,
                         .height = side,
                         .width = side,
                         .activations = config->klass->workspace_bytes (config, 1, side, side) };
}

/* Of kernels of the CPU, for the time of a call. */
static double
scratch_bytes (const CowMemoryUse *use)
{
  g_autoptr (CkDevice) cpu = cow_device_open ("cpu", 0, NULL);
  CowMemory memory = { 0 };

  if (cpu)
    cow_memory_plan (&memory, cpu, use, 0);
  return (double)memory.scratch;
}

/*
 * The memory that a run for one picture of the model's own size touches: the weights, the restored
 * fp32 absmax of NF4, the activations and what kernels need. Libraries, the picture and an adapter
 * come on top.
 */
static double
memory_bytes (const CowCheckpoint *checkpoint, const CowBackboneConfig *config)
{
  const CowMemoryUse use = memory_use (checkpoint, config);
  double bytes = stored_bytes (checkpoint) + (double)use.activations + scratch_bytes (&use);

  if (g_str_equal (storage_name (checkpoint), "NF4"))
    bytes += (double)config->klass->n_parameters (config) / COW_NF4_BLOCK * sizeof (float);
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
  json_object_set_int_member (object, "parameters", config->klass->n_parameters (config));
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
  if (cow_checkpoint_note (checkpoint))
    json_object_set_string_member (object, "names", cow_checkpoint_note (checkpoint));
  json_object_set_int_member (object, "tensors", cow_checkpoint_n_tensors (checkpoint));
  json_object_set_int_member (object, "disk_bytes", (gint64)disk_bytes (checkpoint));
  return TRUE;
}

/* ---- what comes with a model ----------------------------------------------------------------- */

/* A value of the lines "key: value" between "---" that a README of the hub begins with; NULL where
 * there is none. Free with g_free. */
static char *
readme_value (const char *text, const char *key)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", 200);
  if (!lines[0] || strcmp (g_strchomp (lines[0]), "---") != 0)
    return NULL;
  for (guint i = 1; lines[i] && strcmp (g_strchomp (lines[i]), "---") != 0; i++) {
    const gsize n = strlen (key);
    if (strncmp (lines[i], key, n) != 0 || lines[i][n] != ':')
      continue;
    g_autofree char *valid = g_utf8_make_valid (lines[i] + n + 1, -1);
    g_strdelimit (valid, "\"'", ' ');
    return g_strstrip (valid)[0] ? g_strdup (valid) : NULL;
  }
  return NULL;
}

/* The licence by the names that the folder's files give it: timm's config.json, the README of the
 * hub. */
static gboolean
add_licence (JsonObject *object, const char *folder, GError **error)
{
  static const char *const keys[] = { "license_name", "license" };
  g_autofree char *config = g_build_filename (folder, "config.json", NULL),
                  *readme = g_build_filename (folder, "README.md", NULL), *text = NULL,
                  *found = NULL;
  if (cow_path_exists (config)) {
    g_autoptr (JsonObject) json = cow_json_read_object (config, error);
    JsonObject *pretrained = NULL;
    const char *licence = NULL;
    if (!json || !cow_json_get_object (json, config, "pretrained_cfg", &pretrained, error) ||
        (pretrained && !cow_json_get_string (pretrained, config, "license", &licence, error)))
      return FALSE;
    found = g_strdup (licence);
  }
  if (!found && file_size (readme) < MOST_README && g_file_get_contents (readme, &text, NULL, NULL))
    for (guint i = 0; i < G_N_ELEMENTS (keys) && !found; i++)
      found = readme_value (text, keys[i]);
  if (found)
    json_object_set_string_member (object, "licence", found);
  return TRUE;
}

/* How the model's own files have pictures prepared. */
static gboolean
add_own_preprocess (JsonObject *object, const char *path, GError **error)
{
  g_auto (CowPreprocessSource) source = { 0 };
  if (!cow_preprocess_source_read_model (&source, path, error))
    return FALSE;
  if (!source.path)
    return TRUE;
  JsonObject *preprocess = json_object_new ();
  json_object_set_string_member (preprocess, "file", source.name);
  if (source.given & COW_PREPROCESS_SIZE) {
    json_object_set_int_member (preprocess, "width", source.preprocess.width);
    json_object_set_int_member (preprocess, "height", source.preprocess.height);
  }
  if (source.given & COW_PREPROCESS_INTERPOLATION)
    json_object_set_string_member (preprocess, "interpolation",
                                   cow_interpolation_name (source.preprocess.interpolation));
  if (source.given & COW_PREPROCESS_NORMALISATION)
    json_object_set_string_member (preprocess, "normalisation",
                                   cow_normalisation_name (source.preprocess.normalisation));
  if (source.notes->len > 0) {
    g_ptr_array_add (source.notes, NULL);
    json_object_set_array_member (preprocess, "notes",
                                  string_array ((const char *const *)source.notes->pdata));
  }
  json_object_set_object_member (object, "preprocess", preprocess);
  return TRUE;
}

static gboolean
add_source (JsonObject *object, const char *path, GError **error)
{
  return add_licence (object, path, error) && add_own_preprocess (object, path, error);
}

gboolean
describe_model (JsonObject *object, const char *path, GError **error)
{
  json_object_set_string_member (object, "kind", "model");
  return describe_network (object, path, error) && add_source (object, path, error);
}

static JsonObject *
memory_object (const CowMemory *memory, CkDevice *device)
{
  JsonObject *object = json_object_new ();
  g_autofree char *text = cow_memory_text (memory, device);
  const struct {
    const char *name;
    guint64 value;
  } sizes[] = { { "all_bytes", memory->device },
                { "weight_bytes", memory->weights },
                { "activation_bytes", memory->activations },
                { "scratch_bytes", memory->scratch },
                { "slot_bytes", memory->slots },
                { "streamed_bytes", memory->streamed } };

  json_object_set_string_member (object, "device", device->name);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    json_object_set_int_member (object, sizes[i].name, (gint64)sizes[i].value);
  if (text)
    json_object_set_string_member (object, "streaming", text);
  return object;
}

gboolean
describe_on_device (JsonObject *object, const char *path, CkDevice *device, GError **error)
{
  const char *kind = json_object_get_string_member_with_default (object, "kind", "");
  CowBackboneConfig config;
  CowMemory memory;
  guint64 available;
  double streamed;

  if (device->host_memory || !g_str_equal (kind, "model"))
    return TRUE;
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (path, error);
  if (!checkpoint || !cow_backbone_config_read (path, checkpoint, NULL, &config, error) ||
      !cow_memory_available (device, &available, error))
    return FALSE;
  const CowMemoryUse use = memory_use (checkpoint, &config);
  const gboolean fits = cow_memory_fit (&memory, device, &use, available, &streamed);
  JsonObject *described = memory_object (&memory, device);
  json_object_set_int_member (described, "available_bytes", (gint64)available);
  json_object_set_boolean_member (described, "fits", fits);
  json_object_set_object_member (object, "device_memory", described);
  return TRUE;
}

/* ---- either ---------------------------------------------------------------------------------- */

gboolean
describe_path (JsonObject *object, const char *path, GError **error)
{
  g_autofree char *config = g_build_filename (path, "config.json", NULL);
  g_autofree char *weights = g_build_filename (path, "model.safetensors", NULL);
  g_autofree char *shards = g_build_filename (path, "model.safetensors.index.json", NULL);
  g_autofree char *pickled = g_build_filename (path, "pytorch_model.bin", NULL);

  if (!cow_path_is_folder (path))
    return describe_tensors (object, path, error);
  if (describe_is_adapter (path))
    return describe_adapter (object, path, error);
  if (cow_path_exists (config) || cow_path_exists (weights) || cow_path_exists (shards) ||
      cow_path_exists (pickled))
    return describe_model (object, path, error);
  g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
               "%s holds neither a model (config.json, model.safetensors) nor an adapter "
               "(adapter_config.json, cowbehavior.json, a head)",
               path);
  return FALSE;
}

/* ---- adapter folders ------------------------------------------------------------------------- */

/* An adapter folder without its model: what PEFT's files or its own network, the head and the card
 * say by themselves. */

/* The first of these below a folder that exists, or NULL. */
static char *
find_below (const char *folder, const char *const *names)
{
  for (; *names; names++) {
    g_autofree char *path = g_build_filename (folder, *names, NULL);
    if (cow_path_exists (path))
      return g_steal_pointer (&path);
  }
  return NULL;
}

/* The places of model/adapter/adapter.h and model/adapter/head-weights.h. */
static const char *const peft_files[] = { "adapter_config.json",
                                          "lora_adapters/adapter_config.json",
                                          "dora_adapters/adapter_config.json", NULL };
static const char *const peft_weights[] = { "adapter_model.safetensors", "adapter_model.bin",
                                            NULL };
static const char *const head_files[] = { "classifier.safetensors",
                                          "classifier/classifier.safetensors",
                                          "best_classifier.pth", "classifier/best_classifier.pth",
                                          NULL };
static const char *const card_files[] = { "cowbehavior.json", NULL };

gboolean
describe_is_adapter (const char *path)
{
  g_autofree char *peft = find_below (path, peft_files), *head = find_below (path, head_files),
                  *card = find_below (path, card_files);
  /* A model's folder may have a head beside it; what has a network of its own and no adapter is a
   * model. */
  g_autofree char *config = g_build_filename (path, "config.json", NULL);
  return peft || card || (head && !cow_path_exists (config));
}

/* ---- PEFT ------------------------------------------------------------------------------------ */

/* adapter_config.json's own words: this is to tell what is there, also of variants that this
 * program refuses to run. */
static gboolean
add_peft_config (JsonObject *object, const char *file, GError **error)
{
  g_autoptr (JsonObject) config = cow_json_read_object (file, error);
  gint64 rank = 0;
  double alpha = 0, dropout = 0;
  gboolean dora = FALSE, rslora = FALSE;
  const char *base = NULL, *type = NULL;

  if (!config || !cow_json_require (config, file, "r", error) ||
      !cow_json_get_int (config, file, "r", 1, G_MAXINT, &rank, error) ||
      !cow_json_get_double (config, file, "lora_alpha", &alpha, error) ||
      !cow_json_get_double (config, file, "lora_dropout", &dropout, error) ||
      !cow_json_get_bool (config, file, "use_dora", &dora, error) ||
      !cow_json_get_bool (config, file, "use_rslora", &rslora, error) ||
      !cow_json_get_string (config, file, "peft_type", &type, error) ||
      !cow_json_get_string (config, file, "base_model_name_or_path", &base, error))
    return FALSE;
  g_autofree char *method = g_ascii_strdown (type ? type : "lora", -1);
  json_object_set_string_member (object, "method", dora ? "dora" : method);
  json_object_set_int_member (object, "rank", rank);
  json_object_set_double_member (object, "alpha", alpha);
  json_object_set_double_member (object, "scale",
                                 alpha / (rslora ? sqrt ((double)rank) : (double)rank));
  json_object_set_double_member (object, "dropout", dropout);
  JsonNode *targets = json_object_get_member (config, "target_modules");
  if (targets && !JSON_NODE_HOLDS_NULL (targets))
    json_object_set_member (object, "targets", json_node_copy (targets));
  if (base)
    json_object_set_string_member (object, "base", base);
  return TRUE;
}

static gboolean
add_peft (JsonObject *object, const char *file, GError **error)
{
  g_autofree char *place = g_path_get_dirname (file);
  g_autofree char *weights = find_below (place, peft_weights);
  g_auto (CowTensorFile) tensors = { 0 };
  if (!weights)
    weights = g_build_filename (place, peft_weights[0], NULL);
  if (!add_peft_config (object, file, error) || !cow_tensor_file_open (&tensors, weights, error))
    return FALSE;
  json_object_set_int_member (object, "adapter_parameters",
                              (gint64)cow_tensor_file_n_elements (&tensors));
  return TRUE;
}

/* Describes what turns pictures into features: PEFT's adapter on a base, the base alone, or a
 * network of the folder's own. */
static gboolean
add_method (JsonObject *object, const char *folder, const CowCard *card, GError **error)
{
  g_autofree char *file = find_below (folder, peft_files);

  if (file)
    return add_peft (object, file, error);
  if (!cow_card_holds_network (card)) {
    json_object_set_string_member (
        object, "method", card->detects ? card->kind : cow_kind (COW_NETWORK_FROZEN)->name);
    return TRUE;
  }
  JsonObject *network = json_object_new ();
  json_object_set_string_member (object, "method", card->kind);
  json_object_set_object_member (object, "network", network);
  return describe_network (network, folder, error);
}

/* ---- head ------------------------------------------------------------------------------------ */

static gboolean
add_head (JsonObject *object, const char *folder, GError **error)
{
  GError *local = NULL;
  /* Any width will do here; whether it fits a model is for the model to say. */
  g_autoptr (CowHeadWeights) head = cow_head_weights_read (folder, 0, 0, &local);

  if (!head && g_error_matches (local, COW_ERROR, COW_ERROR_NOT_FOUND)) {
    g_clear_error (&local);
    json_object_set_null_member (object, "head");
    return TRUE;
  }
  if (!head) {
    g_propagate_error (error, local);
    return FALSE;
  }
  gint64 parameters = head->norm_weight ? 2 * head->layers[0].in : 0;
  for (guint i = 0; i < head->n_layers; i++)
    parameters += (head->layers[i].in + 1) * head->layers[i].out;
  JsonObject *described = json_object_new ();
  JsonArray *widths = json_array_new ();
  json_array_add_int_element (widths, head->layers[0].in);
  for (guint i = 0; i < head->n_layers; i++)
    json_array_add_int_element (widths, head->layers[i].out);
  json_object_set_string_member (described, "file", head->path);
  json_object_set_array_member (described, "widths", widths);
  json_object_set_int_member (described, "parameters", parameters);
  json_object_set_object_member (object, "head", described);
  return TRUE;
}

/* What an adapter that finds cows says of them. */
static const char *
finds_text (const char *folder, const CowCard *card)
{
  g_autofree char *identity = g_build_filename (folder, COW_IDENTITY_FILE, NULL);
  const gboolean looks = g_file_test (identity, G_FILE_TEST_EXISTS);

  return card->behaviours ? looks ? "cows in whole frames, what they do, and how they look"
                                  : "cows in whole frames, and what they do"
         : looks          ? "cows in whole frames, and how they look"
                          : "cows in whole frames";
}

/* The head of an adapter that finds cows; whether it fits a model is for the model to say. */
static gboolean
add_detector (JsonObject *object, const char *folder, const CowCard *card, GError **error)
{
  g_autofree char *path = g_build_filename (folder, COW_DETECTOR_FILE, NULL);
  g_autoptr (CowSafetensors) file = cow_safetensors_open (path, error);
  gsize parameters = 0;

  if (!file)
    return FALSE;
  const CowTensor *join = cow_safetensors_get (file, "join.weight");
  const char *layers = cow_safetensors_metadata (file, "layers");
  for (guint i = 0; i < cow_safetensors_n_tensors (file); i++)
    parameters += cow_tensor_count (cow_safetensors_nth (file, i));
  JsonObject *described = json_object_new ();
  json_object_set_string_member (described, "finds", finds_text (folder, card));
  json_object_set_string_member (described, "file", path);
  if (layers)
    json_object_set_string_member (described, "layers", layers);
  if (join && join->n_dims == 4)
    json_object_set_int_member (described, "width", join->dims[0]);
  json_object_set_int_member (described, "parameters", (gint64)parameters);
  json_object_set_object_member (object, "head", described);
  return TRUE;
}

/* ---- card ------------------------------------------------------------------------------------ */

/* Describes what `eval --calibrate` fitted: the temperature, and thresholds by class. */
static void
add_calibration (JsonObject *object, const CowCard *card)
{
  if (cow_card_get_member (card, "calibration"))
    json_object_set_double_member (object, "temperature", card->temperature);
  if (!card->thresholds)
    return;
  JsonObject *thresholds = json_object_new ();
  for (guint c = 0; card->classes[c]; c++)
    if (card->thresholds[c] > 0)
      json_object_set_double_member (thresholds, card->classes[c], (double)card->thresholds[c]);
  json_object_set_object_member (object, "thresholds", thresholds);
}

/* How many pictures an adapter keeps, if it keeps any. */
static gboolean
add_kept (JsonObject *object, const char *path, GError **error)
{
  g_auto (CowKeptPictures) kept = { 0 };
  if (!cow_kept_pictures_read (&kept, path, COW_KEPT_PICTURES_MOST, error))
    return FALSE;
  if (kept.n > 0)
    json_object_set_int_member (object, "kept_pictures", kept.n);
  return TRUE;
}

static void
add_card (JsonObject *object, const CowCard *card, gboolean found)
{
  JsonObject *preprocess = json_object_new ();
  json_object_set_int_member (preprocess, "width", card->preprocess.width);
  json_object_set_int_member (preprocess, "height", card->preprocess.height);
  json_object_set_string_member (preprocess, "interpolation",
                                 cow_interpolation_name (card->preprocess.interpolation));
  if (card->preprocess.fit != COW_STRETCH)
    json_object_set_string_member (preprocess, "fit", cow_fit_name (card->preprocess.fit));
  json_object_set_string_member (preprocess, "normalisation",
                                 cow_normalisation_name (card->preprocess.normalisation));
  json_object_set_string_member (object, "card",
                                 found ? "cowbehavior.json" : "none: the recipes' defaults");
  json_object_set_array_member (object, "classes",
                                string_array ((const char *const *)card->classes));
  if (card->behaviours)
    json_object_set_array_member (object, "behaviours",
                                  string_array ((const char *const *)card->behaviours));
  if (card->multiple)
    json_object_set_string_member (object, "labels", "several a picture");
  json_object_set_object_member (object, "preprocess", preprocess);
  if (card->base_name)
    json_object_set_string_member (object, "base", card->base_name);
  if (card->base_hash)
    json_object_set_string_member (object, "base_sha256", card->base_hash);
  JsonNode *merged = cow_card_get_member (card, "merged");
  if (merged)
    json_object_set_member (object, "merged", json_node_copy (merged));
  add_calibration (object, card);
}

gboolean
describe_adapter (JsonObject *object, const char *path, GError **error)
{
  gboolean found = FALSE;
  g_autoptr (CowCard) card = cow_card_read (path, &found, error);

  json_object_set_string_member (object, "kind", "adapter");
  if (!card || !add_method (object, path, card, error) ||
      !(card->detects ? add_detector (object, path, card, error) : add_head (object, path, error)))
    return FALSE;
  add_card (object, card, found);
  return add_kept (object, path, error);
}
