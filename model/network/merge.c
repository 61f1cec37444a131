/* SPDX-License-Identifier: MIT */
#include "model/network/merge.h"

#include <math.h>
#include <string.h>

#include "model/adapter/card.h"
#include "model/adapter/head-weights.h"
#include "model/adapter/kept-pictures.h"
#include "model/adapter/preprocess-source.h"
#include "model/files/file-writer.h"
#include "model/files/json-object.h"
#include "model/network/linear.h"
#include "model/files/nf4-write.h"

typedef struct {
  const CowMergeOptions *options;
  CkStream *stream;
  const CowCheckpoint *checkpoint;
  CowVitConfig config;
  const CowAdapter *adapter;
  CowFolderWriter *folder;
  CowSafetensorsWriter *writer;
  CowMergeResult *result;
  float *values; /* the largest linear weight */
  guint64 total, done;
} Job;

const char *
cow_merge_storage_name (CowMergeStorage storage)
{
  static const char *const names[] = {
    [COW_MERGE_F32] = "fp32", [COW_MERGE_BF16] = "bf16", [COW_MERGE_NF4] = "nf4"
  };
  return names[storage];
}

/* ---- what is written ------------------------------------------------------------------------- */

/* One tensor of the base and what becomes of it. */
typedef struct {
  const CowTensor *tensor;
  gboolean linear, part; /* a linear layer's weight; a part of one, which goes with it */
  int layer;
  CowModule module;
  gint64 out, in;
  gboolean bias;
} Item;

static gboolean
look_at (const Job *job, guint i, Item *item, GError **error)
{
  const char *rest;
  *item = (Item){ .tensor = cow_checkpoint_nth (job->checkpoint, i) };
  if (!cow_linear_weight_parse (item->tensor->name, &item->layer, &item->module, &rest))
    return TRUE;
  item->part = *rest != '\0';
  item->linear = !item->part;
  if (item->part ||
      (item->layer < job->config.n_layers &&
       cow_vit_config_module (&job->config, item->module, &item->out, &item->in, &item->bias)))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s: tensor %s is of a layer that the model's configuration does not have",
               cow_checkpoint_file_of (job->checkpoint, item->tensor), item->tensor->name);
  return FALSE;
}

static void
declare_linear (Job *job, const Item *item)
{
  const char *name = item->tensor->name;
  const gint64 dims[] = { item->out, item->in };
  const CowDtype dtype = job->options->storage == COW_MERGE_BF16 ? COW_BF16 : COW_F32;
  if (job->options->storage == COW_MERGE_NF4) {
    job->result->bytes += cow_nf4_declare (job->writer, name, item->out, item->in);
    return;
  }
  cow_safetensors_writer_declare (job->writer, name, dtype, dims, 2);
  job->result->bytes += (guint64)(item->out * item->in) * cow_dtype_size (dtype);
}

/* Declares all tensors and reserves memory for the largest. */
static gboolean
declare_all (Job *job, GError **error)
{
  gint64 most = 0;
  for (guint i = 0; i < cow_checkpoint_n_tensors (job->checkpoint); i++) {
    Item item;
    if (!look_at (job, i, &item, error))
      return FALSE;
    job->total += item.tensor->n_bytes;
    if (item.linear) {
      declare_linear (job, &item);
      most = MAX (most, item.out * item.in);
    } else if (!item.part) {
      cow_safetensors_writer_declare (job->writer, item.tensor->name, item.tensor->dtype,
                                      item.tensor->dims, item.tensor->n_dims);
      job->result->bytes += item.tensor->n_bytes;
    }
  }
  job->values = g_try_new (float, (gsize)MAX (most, 1));
  return job->values ||
         cow_check (CK_NO_MEMORY, error, "a weight of %" G_GINT64_FORMAT " values", most);
}

/* Finite, in the type that it is written in. */
static gboolean
check_values (const Job *job, const Item *item, GError **error)
{
  const float most = job->options->storage == COW_MERGE_BF16 ? 3.38e38f : G_MAXFLOAT;
  const gsize n = (gsize)(item->out * item->in);
  gboolean good = TRUE;
  for (gsize i = 0; i < n; i++)
    good &= fabsf (job->values[i]) <= most;
  if (good)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: merged with %s it has values beyond what %s holds", item->tensor->name,
               job->options->adapter, cow_merge_storage_name (job->options->storage));
  return FALSE;
}

/* Rounds to the nearest bfloat16, ties to even; in place, the low half of what was there. */
static void
to_bf16 (float *values, gsize n)
{
  guint16 *to = (guint16 *)(void *)values;
  for (gsize i = 0; i < n; i++) {
    guint32 bits;
    memcpy (&bits, &values[i], sizeof bits);
    to[i] = GUINT16_TO_LE ((guint16)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16));
  }
}

static gboolean
write_linear (Job *job, const Item *item, GError **error)
{
  const gsize n = (gsize)(item->out * item->in);
  g_autofree char *module =
      g_strndup (item->tensor->name, strlen (item->tensor->name) - strlen (".weight"));
  const CowLora *lora = cow_adapter_get (job->adapter, item->layer, item->module);
  CowLinear linear;
  /* Its bias is a tensor of its own, so the layer is built without. */
  if (!cow_linear_init_weight (&linear, job->stream, job->checkpoint, module, item->out, item->in,
                               lora, error))
    return FALSE;
  const gboolean merged = cow_linear_merged (&linear, job->values, error);
  cow_linear_clear (&linear);
  if (!merged || !check_values (job, item, error))
    return FALSE;
  *(lora ? &job->result->n_merged : &job->result->n_plain) += 1;
  if (job->options->storage == COW_MERGE_NF4) {
    g_auto (CowNf4) nf4 = { 0 };
    return cow_nf4_quantise (job->values, item->out, item->in, &nf4, error) &&
           cow_nf4_write (job->writer, &nf4, "float32", error);
  }
  if (job->options->storage == COW_MERGE_BF16) {
    to_bf16 (job->values, n);
    return cow_safetensors_writer_write (job->writer, job->values, n * sizeof (guint16), error);
  }
  return cow_safetensors_writer_write (job->writer, job->values, n * sizeof (float), error);
}

static gboolean
write_kept (Job *job, const CowTensor *tensor, GError **error)
{
  if (cow_dtype_is_floating (tensor->dtype) &&
      !cow_tensor_check_finite (tensor, cow_checkpoint_file_of (job->checkpoint, tensor), error))
    return FALSE;
  job->result->n_kept++;
  return cow_safetensors_writer_copy (job->writer, tensor, error);
}

static gboolean
write_all (Job *job, GError **error)
{
  const CowMergeOptions *options = job->options;
  for (guint i = 0; i < cow_checkpoint_n_tensors (job->checkpoint); i++) {
    Item item;
    if (!look_at (job, i, &item, error) || (item.linear && !write_linear (job, &item, error)) ||
        (!item.linear && !item.part && !write_kept (job, item.tensor, error)))
      return FALSE;
    cow_checkpoint_release_pages (job->checkpoint, item.tensor);
    job->done += item.tensor->n_bytes;
    if (options->progress &&
        !options->progress (item.tensor->name, job->done, job->total, options->user_data)) {
      g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: cancelled", options->folder);
      return FALSE;
    }
  }
  return cow_checkpoint_check (job->checkpoint, error) &&
         cow_safetensors_writer_finish (job->writer, error);
}

/* An adapter of a layer that the base lacks would be lost without a word. */
static gboolean
check_all_merged (const Job *job, GError **error)
{
  guint n = 0;
  for (gsize i = 0; i < (gsize)job->adapter->n_layers * COW_N_MODULES; i++)
    n += job->adapter->loras[i] != NULL;
  if (n == job->result->n_merged)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s adapts %u linear layers, of which %s has %u", job->options->adapter, n,
               job->options->model, job->result->n_merged);
  return FALSE;
}

/* ---- what goes along ------------------------------------------------------------------------- */

/* Where the merged weights come from, for whoever finds them. */
static void
set_origin (CowCard *card, const CowMergeOptions *options)
{
  g_autofree char *model = g_path_get_basename (options->model),
                  *adapter = g_path_get_basename (options->adapter);
  g_autofree char *model_text = g_filename_display_name (model),
                  *adapter_text = g_filename_display_name (adapter);
  g_autoptr (JsonObject) object = json_object_new ();
  json_object_set_string_member (object, "kind", card->kind);
  json_object_set_string_member (object, "model", card->base_name ? card->base_name : model_text);
  json_object_set_string_member (object, "adapter", adapter_text);
  json_object_set_string_member (object, "weights", cow_merge_storage_name (options->storage));
  cow_card_set_member (card, "merged", json_node_init_object (json_node_alloc (), object));
}

/* Reads the head and makes the new card. An adapter that has neither (PEFT's own) leaves a network
 * for features: *head is NULL. */
static gboolean
read_head (const Job *job, CowHeadWeights **head, CowCard **card, GError **error)
{
  const CowMergeOptions *options = job->options;
  g_autoptr (GError) local = NULL;
  gboolean has_card;
  *head = NULL;
  if (!(*card = cow_card_read (options->adapter, &has_card, error)))
    return FALSE;
  *head = cow_head_weights_read (options->adapter, job->config.hidden_size,
                                 cow_card_n_classes (*card), &local);
  if (!*head && (has_card || !g_error_matches (local, COW_ERROR, COW_ERROR_NOT_FOUND))) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  set_origin (*card, options);
  g_free ((*card)->kind);
  (*card)->kind = g_strdup (cow_kind (COW_NETWORK_FROZEN)->name);
  /* The base is this folder now, wherever it goes. */
  g_clear_pointer (&(*card)->base_name, g_free);
  g_clear_pointer (&(*card)->base_hash, g_free);
  return TRUE;
}

/* ---- the folder ------------------------------------------------------------------------------ */

static const char *const companions[] = { "adapter_config.json",
                                          "adapter_model.safetensors",
                                          "classifier.safetensors",
                                          "best_classifier.pth",
                                          "cowbehavior.json",
                                          "pictures.safetensors",
                                          NULL };

static gboolean
write_folder (Job *job, GError **error)
{
  const CowMergeOptions *options = job->options;
  const char *folder = cow_folder_writer_path (job->folder);
  const char *dtype = options->storage == COW_MERGE_BF16 ? "bfloat16" : "float32";
  g_autofree char *weights = g_build_filename (folder, "model.safetensors", NULL);
  g_autofree char *config = g_build_filename (folder, "config.json", NULL);
  g_autofree char *text = cow_model_config_text (options->model, &job->config,
                                                 options->storage == COW_MERGE_NF4, dtype, error);
  g_autoptr (CowSafetensorsWriter) writer = job->writer = cow_safetensors_writer_new (weights);
  g_autoptr (CowHeadWeights) head = NULL;
  g_autoptr (CowCard) card = NULL;
  if (!text || !read_head (job, &head, &card, error))
    return FALSE;
  cow_safetensors_writer_metadata (writer, "format", "pt");
  return declare_all (job, error) && write_all (job, error) && check_all_merged (job, error) &&
         (!head || cow_kept_pictures_carry (options->adapter, folder, error)) &&
         (head ? cow_head_weights_write (head, folder, error) &&
                     cow_card_write (card, folder, error) &&
                     cow_preprocess_write_config (&card->preprocess, folder, error)
               : cow_preprocess_carry (options->model, folder, error)) &&
         cow_text_write (text, config, error);
}

gboolean
cow_merge (CkStream *stream, const CowMergeOptions *options, CowMergeResult *result, GError **error)
{
  CowMergeResult local;
  if (!cow_adapter_present (options->adapter)) {
    g_set_error (
        error, COW_ERROR, COW_ERROR_ARGUMENT,
        "%s holds no LoRA or DoRA adapter (adapter_config.json): there is nothing to merge",
        options->adapter);
    return FALSE;
  }
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (options->model, error);
  Job job = { .options = options,
              .stream = stream,
              .checkpoint = checkpoint,
              .result = result ? result : &local };
  *job.result = (CowMergeResult){ 0 };
  if (!checkpoint || !cow_vit_config_for (options->model, checkpoint, &job.config, error))
    return FALSE;
  g_autoptr (CowAdapter) adapter = cow_adapter_read (options->adapter, &job.config, error);
  g_autoptr (CowFolderWriter) folder =
      adapter ? cow_model_folder_begin (options->folder, companions, error) : NULL;
  if (!folder)
    return FALSE;
  job.adapter = adapter;
  job.folder = folder;
  const gboolean written =
      (write_folder (&job, error) && cow_folder_writer_finish (folder, error)) ||
      cow_folder_writer_fail (folder, error);
  g_free (job.values);
  return written;
}
