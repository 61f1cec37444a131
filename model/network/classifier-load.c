/* SPDX-License-Identifier: MIT */
/* Loading a classifier: which network, which adapter, which head, and whether they fit. */
#include <string.h>

#include "model/network/classifier-private.h"
#include "model/network/linear.h"
#include "model/files/locate.h"

static gboolean
open_backend (CowClassifier *self, const char *device, GError **error)
{
  self->backend = cow_device_open (device, 0, error);
  if (!self->backend)
    return FALSE;
  self->device_text = g_strdup_printf ("%s (%s)", self->backend->name, self->backend->level);
  return TRUE;
}

static gboolean
upload_norm (CowClassifier *self, GError **error)
{
  CkBackend *backend = self->backend;
  const float *const host[] = { self->head->norm_weight, self->head->norm_bias };
  const gsize bytes = (gsize)self->head->layers[0].in * sizeof (float);
  for (int i = 0; i < 2 && self->head->norm_weight; i++) {
    self->head_norm[i] = backend->alloc (backend, bytes);
    if (!cow_check (self->head_norm[i]
                        ? backend->upload (backend, self->head_norm[i], host[i], bytes)
                        : CK_NO_MEMORY,
                    error, "%s: the layer norm of the head", self->head->path))
      return FALSE;
  }
  return TRUE;
}

/* Puts the head's layers on the backend. */
static gboolean
upload_head (CowClassifier *self, GError **error)
{
  CkBackend *backend = self->backend;
  if (!upload_norm (self, error))
    return FALSE;
  self->head_weight = g_new0 (CkWeight *, self->head->n_layers);
  self->head_bias = g_new0 (float *, self->head->n_layers);
  for (guint i = 0; i < self->head->n_layers; i++) {
    const CowHeadLayer *layer = &self->head->layers[i];
    CkWeightSource source = {
      .type = CK_F32, .out = layer->out, .in = layer->in, .data = layer->weight
    };
    const gsize bytes = (gsize)layer->out * sizeof (float);
    CkStatus status = backend->weight_new (backend, &source, &self->head_weight[i]);
    if (status == CK_OK && !(self->head_bias[i] = backend->alloc (backend, bytes)))
      status = CK_NO_MEMORY;
    if (status == CK_OK)
      status = backend->upload (backend, self->head_bias[i], layer->bias, bytes);
    if (!cow_check (status, error, "%s: layer %u of the head", self->head->path, i))
      return FALSE;
  }
  return TRUE;
}

/* The adapter, which is absent in a folder that holds a head alone or a whole network. NULL without
 * error when absent. */
static gboolean
read_adapter (CowClassifier *self, const CowVitConfig *config, CowAdapter **adapter, GError **error)
{
  *adapter = NULL;
  const gboolean present = cow_adapter_present (self->adapter_path);
  if (present && cow_card_holds_network (self->card)) {
    g_set_error (
        error, COW_ERROR, COW_ERROR_FORMAT,
        "%s: cowbehavior.json says \"%s\", a whole network, but adapter_config.json lies beside it",
        self->adapter_path, self->card->kind);
    return FALSE;
  }
  if (!present && !g_str_equal (self->card->kind, "lora") &&
      !g_str_equal (self->card->kind, "dora"))
    return TRUE;
  *adapter = cow_adapter_read (self->adapter_path, config, error);
  return *adapter != NULL;
}

/* The head: an adapter without one gives features only; a folder with neither is an error. */
static gboolean
read_head (CowClassifier *self, gboolean card_found, gboolean has_adapter, GError **error)
{
  GError *local = NULL;
  self->head = cow_head_read (self->adapter_path, cow_classifier_n_features (self),
                              cow_card_n_classes (self->card), &local);
  if (self->head) {
    const gsize n = cow_card_n_classes (self->card);
    self->results[0] = (CowResult){ .name = COW_RESULT_LOGITS, .n = n };
    self->results[1] = (CowResult){ .name = COW_RESULT_PROBABILITIES, .n = n };
    return upload_head (self, error);
  }
  if (has_adapter && !card_found && g_error_matches (local, COW_ERROR, COW_ERROR_NOT_FOUND)) {
    g_clear_error (&local);
    return TRUE;
  }
  g_propagate_error (error, local);
  return FALSE;
}

/* The path of the network: the adapter folder itself where it holds a whole one, which then stands
 * alone. */
static gboolean
find_model (CowClassifier *self, const char *name, GError **error)
{
  const char *model = name && *name ? name : NULL;
  const gboolean whole = self->card && cow_card_holds_network (self->card);
  if (whole && model) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s holds a whole network (\"%s\"), so that no model goes with it; %s was given",
                 self->adapter_path, self->card->kind, model);
    return FALSE;
  }
  if (!whole && self->card && !model) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "%s is an adapter (\"%s\") and needs the model that it was made for%s%s",
                 self->adapter_path, self->card->kind, self->card->base_name ? ": " : "",
                 self->card->base_name ? self->card->base_name : "");
    return FALSE;
  }
  self->model_path = whole ? g_strdup (self->adapter_path) : cow_locate (model, error);
  return self->model_path != NULL;
}

/* A folder that says what it is must be that. */
static gboolean
check_kind (const CowClassifier *self, GError **error)
{
  const CowVitConfig *config = &self->config;
  const char *kind = self->card->kind;
  if (!cow_card_holds_network (self->card) || config->timm == g_str_equal (kind, "vit-small"))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s: cowbehavior.json says \"%s\", but config.json describes %s", self->model_path,
               kind, config->timm ? "timm's vision transformer" : "a DINOv3");
  return FALSE;
}

static gboolean
check_preprocess (const CowClassifier *self, GError **error)
{
  const CowPreprocess *preprocess = &self->card->preprocess;
  return cow_classifier_check_size (self, self->adapter_path, preprocess->width, preprocess->height,
                                    error);
}

static gboolean
load_vit (CowClassifier *self, gboolean card_found, GError **error)
{
  const CowVitConfig *config = &self->config;
  g_autoptr (CowAdapter) adapter = NULL;
  if (!cow_vit_config_for (self->model_path, self->checkpoint, &self->config, error))
    return FALSE;
  if (config->n_channels != 3) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: a network for pictures of %d channels; only 3 (RGB) are supported",
                 self->model_path, config->n_channels);
    return FALSE;
  }
  if (self->adapter_path && (!check_kind (self, error) || !check_preprocess (self, error) ||
                             !read_adapter (self, config, &adapter, error) ||
                             !read_head (self, card_found, adapter != NULL, error)))
    return FALSE;
  self->vit = cow_vit_new (self->backend, config, self->checkpoint, adapter, error);
  return self->vit != NULL;
}

static gboolean
load_resnet (CowClassifier *self, GError **error)
{
  CowAdapter *adapter;
  if (!read_adapter (self, NULL, &adapter, error) || !check_preprocess (self, error))
    return FALSE;
  self->resnet = cow_resnet_new (self->backend, self->checkpoint, error);
  g_clear_pointer (&self->checkpoint, cow_checkpoint_close);
  return self->resnet && read_head (self, TRUE, FALSE, error);
}

gboolean
cow_classifier_load (CowClassifier *self, const CowClassifierOptions *options, GError **error)
{
  gboolean card_found = FALSE;
  self->precision = cow_precision_resolve (options->precision);
  if (!open_backend (self, options->device, error))
    return FALSE;
  if (options->adapter) {
    self->adapter_path = cow_locate (options->adapter, error);
    if (!self->adapter_path ||
        !(self->card = cow_card_read (self->adapter_path, &card_found, error)))
      return FALSE;
  }
  if (!find_model (self, options->model, error))
    return FALSE;
  self->checkpoint = cow_checkpoint_open (self->model_path, error);
  if (!self->checkpoint)
    return FALSE;
  if (!self->card)
    self->card = cow_card_new_default ();
  self->is_resnet = g_str_equal (self->card->kind, "resnet18");
  return self->is_resnet ? load_resnet (self, error) : load_vit (self, card_found, error);
}

gboolean
cow_classifier_needs_model (const char *adapter)
{
  g_autofree char *path = cow_locate (adapter, NULL);
  g_autoptr (CowCard) card = path ? cow_card_read (path, NULL, NULL) : NULL;
  return !card || !cow_card_holds_network (card);
}
