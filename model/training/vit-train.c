/* SPDX-License-Identifier: MIT */
/* Which tensors of a vision transformer train and which are frozen; the passes themselves are in
 * vit-train-pass.c. */
#include "model/training/vit-train.h"

#include <string.h>

#include "model/training/vit-train-private.h"

static const CowVitConfig *
config_of (const CowVitTrain *self)
{
  return &self->parent.config.vit;
}

/* ---- registering: adapters on a frozen network ----------------------------------------------- */

/* `uses`: of its products, and whether it is streamed. */
static gboolean
freeze_module (CowVitTrain *self, int layer, CowModule module, CkWeightUses uses, GError **error)
{
  gint64 out, in;
  gboolean bias;
  if (!cow_vit_config_module (config_of (self), module, &out, &in, &bias))
    return TRUE;
  g_autofree char *name = g_strdup_printf ("layer.%d.%s", layer, cow_module_name (module));
  const CowLora *lora = cow_adapter_get (self->options.adapter, layer, module);
  if (lora)
    self->first_trained = MIN (self->first_trained, layer);
  return cow_train_linear_init_adapted (&self->layers[layer][module], self->parent.parameters,
                                        self->options.checkpoint, name, out, in, bias, lora, uses,
                                        error);
}

static gboolean
register_adapted (CowVitTrain *self, GError **error)
{
  const CowVitConfig *config = config_of (self);
  const gint64 patch = config->patch_size;
  const CkWeightUses products = cow_precision_uses (self->options.precision);
  g_autofree gboolean *streamed = cow_backbone_streamed (&self->parent.config);
  if (!cow_vit_vectors_load (&self->vectors, self->parent.stream, config, self->options.checkpoint,
                             error) ||
      !cow_train_linear_init_adapted (
          &self->patches, self->parent.parameters, self->options.checkpoint, cow_vit_names.patches,
          config->hidden_size, config->n_channels * patch * patch, TRUE, NULL, products, error))
    return FALSE;
  guint i = 0; /* of those layers that there are */
  for (int layer = 0; layer < config->n_layers; layer++)
    for (CowModule module = 0; module < COW_N_MODULES; module++) {
      if (module == COW_GATE && !config->gated)
        continue;
      const int from_host = streamed[i++] ? CK_USE_STREAMED : 0;
      if (!freeze_module (self, layer, module, (CkWeightUses)(products | from_host), error))
        return FALSE;
    }
  return TRUE;
}

/* ---- registering: every weight --------------------------------------------------------------- */

/* A fused qkv is one tensor for three layers. */
static void
add_qkv (CowVitTrain *self, int layer, int weight)
{
  const gint64 hidden = config_of (self)->hidden_size;
  for (int part = 0; part < 3; part++)
    cow_train_linear_init_dense (&self->layers[layer][COW_Q + part], self->parent.parameters,
                                 hidden, hidden, weight, (gsize)(part * hidden * hidden), -1, 0,
                                 self->options.precision);
}

static void
add_qkv_bias (CowVitTrain *self, int layer, int bias)
{
  for (int part = 0; part < 3; part++) {
    CowTrainLinear *linear = &self->layers[layer][COW_Q + part];
    linear->bias = bias;
    linear->bias_offset = (gsize)(part * config_of (self)->hidden_size);
  }
}

/* Registers a tensor and remembers where; a weight comes before its bias. */
static void
add_tensor (CowVitTrain *self, const CowVitTensor *tensor)
{
  CowParameters *parameters = self->parent.parameters;
  const int i = (int)cow_parameters_add (parameters, tensor->name, tensor->n_dims, tensor->dims);
  switch (tensor->part) {
  case COW_VIT_PREFIX:
    self->indices.prefix = i;
    break;
  case COW_VIT_POSITIONS:
    self->indices.positions = i;
    break;
  case COW_VIT_PATCH_WEIGHT:
    cow_train_linear_init_dense (&self->patches, parameters, tensor->dims[0],
                                 tensor->dims[1] * tensor->dims[2] * tensor->dims[3], i, 0, -1, 0,
                                 COW_PRECISION_FP32);
    break;
  case COW_VIT_PATCH_BIAS:
    self->patches.bias = i;
    break;
  case COW_VIT_VECTOR:
    self->indices.layers[tensor->layer][tensor->index] = i;
    break;
  case COW_VIT_WEIGHT:
    cow_train_linear_init_dense (&self->layers[tensor->layer][tensor->index], parameters,
                                 tensor->dims[0], tensor->dims[1], i, 0, -1, 0,
                                 self->options.precision);
    break;
  case COW_VIT_BIAS:
    self->layers[tensor->layer][tensor->index].bias = i;
    break;
  case COW_VIT_QKV_WEIGHT:
    add_qkv (self, tensor->layer, i);
    break;
  case COW_VIT_QKV_BIAS:
    add_qkv_bias (self, tensor->layer, i);
    break;
  case COW_VIT_NORM_WEIGHT:
    self->indices.norm_weight = i;
    break;
  case COW_VIT_NORM_BIAS:
    self->indices.norm_bias = i;
    break;
  case COW_VIT_CLASS_TOKEN:
  case COW_VIT_REGISTERS:
  case COW_VIT_MASK_TOKEN:
    g_assert_not_reached (); /* not in COW_VIT_TRAINED */
  }
}

static void
register_scratch (CowVitTrain *self)
{
  g_autoptr (GArray) layout = cow_vit_layout_new (config_of (self), COW_VIT_TRAINED);
  self->scratch = TRUE;
  self->first_trained = 0;
  self->first_parameter = self->parent.parameters->list->len;
  self->n_parameters = layout->len;
  for (guint i = 0; i < layout->len; i++)
    add_tensor (self, &g_array_index (layout, CowVitTensor, i));
}

/* ---- the object ------------------------------------------------------------------------------ */

static void
vit_train_free (CowTrainedBackbone *parent)
{
  CowVitTrain *self = (CowVitTrain *)parent;
  cow_vit_train_clear_buffers (self);
  ck_free (parent->stream, self->keys);
  cow_rope_clear (&self->rope, parent->stream);
  if (!self->scratch)
    cow_vit_vectors_free (&self->vectors, parent->stream, config_of (self));
  cow_train_linear_clear (&self->patches);
  for (int layer = 0; layer < config_of (self)->n_layers; layer++)
    for (CowModule module = 0; module < COW_N_MODULES; module++)
      cow_train_linear_clear (&self->layers[layer][module]);
  cow_vit_vectors_clear (&self->vectors);
  g_free (self->indices.layers);
  g_free (self->layers);
  g_free (self);
}

static CowTrainedBackbone *
vit_train_new (CowParameters *parameters, const CowBackboneConfig *config,
               const CowTrainedOptions *options, GError **error)
{
  const gsize n_layers = (gsize)config->vit.n_layers;
  CowVitTrain *self = g_new0 (CowVitTrain, 1);
  self->parent = (CowTrainedBackbone){ .klass = &cow_vit_train_class,
                                       .stream = parameters->stream,
                                       .parameters = parameters,
                                       .config = *config };
  self->options = *options;
  self->layers = g_malloc0_n (n_layers, sizeof *self->layers);
  self->first_trained = config->vit.n_layers;
  cow_vit_vectors_init (&self->vectors, &config->vit);
  self->indices =
      (CowVitIndices){ -1, -1, -1, -1, g_malloc_n (n_layers, sizeof *self->indices.layers) };
  for (gsize layer = 0; layer < n_layers; layer++)
    for (guint v = 0; v < COW_N_VECTORS; v++)
      self->indices.layers[layer][v] = -1;
  if (!options->adapter)
    register_scratch (self);
  else if (!register_adapted (self, error)) {
    vit_train_free (&self->parent);
    return NULL;
  }
  return &self->parent;
}

/* ---- starting, refreshing, finishing --------------------------------------------------------- */

static void
point (CowVitTrain *self, int parameter, float **value)
{
  if (parameter >= 0)
    *value = cow_parameters_value (self->parent.parameters, (guint)parameter);
}

static gboolean
start (CowTrainedBackbone *parent, guint64 seed, GError **error)
{
  CowVitTrain *self = (CowVitTrain *)parent;
  const CowAdapter *adapter = self->options.adapter;
  point (self, self->indices.prefix, &self->vectors.prefix);
  point (self, self->indices.positions, &self->vectors.positions);
  point (self, self->indices.norm_weight, &self->vectors.norm_weight);
  point (self, self->indices.norm_bias, &self->vectors.norm_bias);
  if (!cow_train_linear_attach (&self->patches, NULL, FALSE, error))
    return FALSE;
  for (int layer = 0; layer < config_of (self)->n_layers; layer++) {
    for (guint v = 0; v < COW_N_VECTORS; v++)
      point (self, self->indices.layers[layer][v], &self->vectors.layers[layer][v]);
    for (CowModule module = 0; module < COW_N_MODULES; module++)
      if (self->layers[layer][module].base.stream &&
          !cow_train_linear_attach (&self->layers[layer][module],
                                    adapter ? cow_adapter_get (adapter, layer, module) : NULL,
                                    self->options.fresh, error))
        return FALSE;
  }
  return !self->scratch || cow_vit_train_initialise (self, seed, error);
}

/* Calls a function on every linear layer that the network has. */
static gboolean
each_module (CowTrainedBackbone *parent, gboolean (*function) (CowTrainLinear *, GError **),
             GError **error)
{
  CowVitTrain *self = (CowVitTrain *)parent;
  for (int layer = 0; layer < config_of (self)->n_layers; layer++)
    for (CowModule module = 0; module < COW_N_MODULES; module++)
      if (self->layers[layer][module].base.stream &&
          !function (&self->layers[layer][module], error))
        return FALSE;
  return TRUE;
}

static gboolean
refresh (CowTrainedBackbone *self, GError **error)
{
  return each_module (self, cow_train_linear_refresh, error);
}

static gboolean
finish (CowTrainedBackbone *self, GError **error)
{
  return each_module (self, cow_train_linear_finish, error);
}

static gboolean
write_adapter (const CowVitTrain *self, const char *folder, GError **error)
{
  CowAdapter *adapter = self->options.adapter;
  for (int layer = 0; layer < config_of (self)->n_layers; layer++)
    for (CowModule module = 0; module < COW_N_MODULES; module++) {
      CowLora *lora = adapter->loras[layer * COW_N_MODULES + module];
      if (lora && !cow_train_linear_read (&self->layers[layer][module], lora, error))
        return FALSE;
    }
  return cow_adapter_write (adapter, folder, error);
}

static gboolean
write_folder (CowTrainedBackbone *parent, const char *folder, GError **error)
{
  const CowVitTrain *self = (CowVitTrain *)parent;
  return self->scratch ? cow_vit_train_write (self, folder, error)
                       : write_adapter (self, folder, error);
}

const CowTrainedClass cow_vit_train_class = {
  .checkpoints = TRUE,
  .create = vit_train_new,
  .start = start,
  .forward = cow_vit_train_forward,
  .backward = cow_vit_train_backward,
  .tokens = cow_vit_train_tokens,
  .tokens_backward = cow_vit_train_tokens_backward,
  .finish = finish,
  .refresh = refresh,
  .write = write_folder,
  .activation_bytes = cow_vit_train_activation_bytes,
  .free = vit_train_free,
};
