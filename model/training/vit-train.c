/* SPDX-License-Identifier: MIT */
/* What of a vision transformer trains, and where its buffers lie; the passes themselves are in
 * vit-train-pass.c. */
#include "model/training/vit-train.h"

#include <string.h>

#include "model/training/vit-train-private.h"

/* ---- registering: adapters on a frozen network ----------------------------------------------- */

static gboolean freeze_vector (CowVitTrain *self, CowTrainVector *vector,
                               const CowCheckpoint *checkpoint, gint64 n, GError **error,
                               const char *format, ...) G_GNUC_PRINTF (6, 7);

static gboolean
freeze_vector (CowVitTrain *self, CowTrainVector *vector, const CowCheckpoint *checkpoint, gint64 n,
               GError **error, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *name = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  vector->parameter = -1;
  vector->value = cow_vector_upload (self->backend, checkpoint, name, n, error);
  return vector->value != NULL;
}

static gboolean
freeze_layer (CowVitTrain *self, int i, const CowCheckpoint *checkpoint, const CowAdapter *adapter,
              GError **error)
{
  CowTrainLayer *layer = &self->layers[i];
  const gint64 hidden = self->config.hidden_size;
  if (!freeze_vector (self, &layer->norm1.weight, checkpoint, hidden, error,
                      "layer.%d.norm1.weight", i) ||
      !freeze_vector (self, &layer->norm1.bias, checkpoint, hidden, error, "layer.%d.norm1.bias",
                      i) ||
      !freeze_vector (self, &layer->norm2.weight, checkpoint, hidden, error,
                      "layer.%d.norm2.weight", i) ||
      !freeze_vector (self, &layer->norm2.bias, checkpoint, hidden, error, "layer.%d.norm2.bias",
                      i) ||
      !freeze_vector (self, &layer->scale1, checkpoint, hidden, error,
                      "layer.%d.layer_scale1.lambda1", i) ||
      !freeze_vector (self, &layer->scale2, checkpoint, hidden, error,
                      "layer.%d.layer_scale2.lambda1", i))
    return FALSE;
  for (CowModule module = 0; module < COW_N_MODULES; module++) {
    gint64 out, in;
    gboolean bias;
    if (!cow_vit_config_module (&self->config, module, &out, &in, &bias))
      continue;
    g_autofree char *name = g_strdup_printf ("layer.%d.%s", i, cow_module_name (module));
    const CowLora *lora = cow_adapter_get (adapter, i, module);
    if (!cow_train_linear_init_adapted (&layer->module[module], self->parameters, checkpoint, name,
                                        out, in, bias, lora, error))
      return FALSE;
    if (lora)
      self->first_trained = MIN (self->first_trained, i);
  }
  return TRUE;
}

/* Class token and registers as one matrix. */
static gboolean
freeze_prefix (CowVitTrain *self, const CowCheckpoint *checkpoint, GError **error)
{
  CkBackend *backend = self->backend;
  const gint64 hidden = self->config.hidden_size, registers = self->config.n_registers;
  CowTrainVector token = { 0 }, others = { 0 };
  gboolean ok = freeze_vector (self, &token, checkpoint, hidden, error, "embeddings.cls_token") &&
                (registers == 0 || freeze_vector (self, &others, checkpoint, registers * hidden,
                                                  error, "embeddings.register_tokens"));
  self->prefix.parameter = -1;
  self->prefix.value = backend->alloc (backend, (gsize)((1 + registers) * hidden) * sizeof (float));
  if (ok && !self->prefix.value)
    ok = cow_check (CK_NO_MEMORY, error, "tokens");
  if (ok)
    ok = cow_check (backend->training->copy_rows (backend, 1, hidden, token.value, hidden,
                                                  self->prefix.value, hidden),
                    error, "tokens");
  if (ok && registers > 0)
    ok = cow_check (backend->training->copy_rows (backend, registers, hidden, others.value, hidden,
                                                  self->prefix.value + hidden, hidden),
                    error, "tokens");
  backend->free (backend, token.value);
  backend->free (backend, others.value);
  return ok;
}

static CowVitTrain *
new_train (CowParameters *parameters, const CowVitConfig *config, const CowVitTrainOptions *options)
{
  CowVitTrain *self = g_new0 (CowVitTrain, 1);
  self->backend = parameters->backend;
  self->parameters = parameters;
  self->config = *config;
  self->options = *options;
  self->layers = g_new0 (CowTrainLayer, config->n_layers);
  self->first_trained = config->n_layers;
  self->position.parameter = -1;
  return self;
}

CowVitTrain *
cow_vit_train_new_adapted (CowParameters *parameters, const CowVitConfig *config,
                           const CowCheckpoint *checkpoint, const CowAdapter *adapter,
                           const CowVitTrainOptions *options, GError **error)
{
  g_autoptr (CowVitTrain) self = new_train (parameters, config, options);
  const gint64 patch = config->patch_size;
  if (!freeze_prefix (self, checkpoint, error) ||
      !cow_train_linear_init_adapted (&self->patches, parameters, checkpoint,
                                      "embeddings.patch_embeddings", config->hidden_size,
                                      config->n_channels * patch * patch, TRUE, NULL, error))
    return NULL;
  for (int i = 0; i < config->n_layers; i++)
    if (!freeze_layer (self, i, checkpoint, adapter, error))
      return NULL;
  if (!freeze_vector (self, &self->norm.weight, checkpoint, config->hidden_size, error,
                      "norm.weight") ||
      !freeze_vector (self, &self->norm.bias, checkpoint, config->hidden_size, error, "norm.bias"))
    return NULL;
  return g_steal_pointer (&self);
}

/* ---- registering: every weight --------------------------------------------------------------- */

static int add_tensor (CowVitTrain *self, const gint64 *dims, guint n_dims, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

static int
add_tensor (CowVitTrain *self, const gint64 *dims, guint n_dims, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *name = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  return (int)cow_parameters_add (self->parameters, name, n_dims, dims);
}

static void
add_norm (CowVitTrain *self, CowTrainNorm *norm, const char *name)
{
  const gint64 dims[] = { self->config.hidden_size };
  norm->weight.parameter = add_tensor (self, dims, 1, "%s.weight", name);
  norm->bias.parameter = add_tensor (self, dims, 1, "%s.bias", name);
}

/* timm's names of the modules that are not part of the fused qkv. */
static const char *
timm_name (CowModule module)
{
  return module == COW_O ? "attn.proj" : module == COW_UP ? "mlp.fc1" : "mlp.fc2";
}

/* q, k and v are thirds of one tensor in timm's networks. */
static void
add_fused_qkv (CowVitTrain *self, int i)
{
  const gint64 hidden = self->config.hidden_size, weight_dims[] = { 3 * hidden, hidden },
               bias_dims[] = { 3 * hidden };
  const int weight = add_tensor (self, weight_dims, 2, "blocks.%d.attn.qkv.weight", i);
  const int bias = add_tensor (self, bias_dims, 1, "blocks.%d.attn.qkv.bias", i);
  for (int part = 0; part < 3; part++)
    cow_train_linear_init_dense (&self->layers[i].module[COW_Q + part], self->parameters, hidden,
                                 hidden, weight, (gsize)(part * hidden * hidden), bias,
                                 (gsize)(part * hidden));
}

static void
add_module (CowVitTrain *self, int i, CowModule module)
{
  gint64 out, in;
  gboolean has_bias;
  if (!cow_vit_config_module (&self->config, module, &out, &in, &has_bias))
    return;
  g_autofree char *name = self->config.timm
                              ? g_strdup_printf ("blocks.%d.%s", i, timm_name (module))
                              : g_strdup_printf ("layer.%d.%s", i, cow_module_name (module));
  const gint64 weight_dims[] = { out, in }, bias_dims[] = { out };
  const int weight = add_tensor (self, weight_dims, 2, "%s.weight", name);
  const int bias = has_bias ? add_tensor (self, bias_dims, 1, "%s.bias", name) : -1;
  cow_train_linear_init_dense (&self->layers[i].module[module], self->parameters, out, in, weight,
                               0, bias, 0);
}

static void
add_layer (CowVitTrain *self, int i)
{
  CowTrainLayer *layer = &self->layers[i];
  const gboolean timm = self->config.timm;
  const gint64 dims[] = { self->config.hidden_size };
  g_autofree char *name = g_strdup_printf (timm ? "blocks.%d" : "layer.%d", i);
  g_autofree char *norm1 = g_strconcat (name, ".norm1", NULL),
                  *norm2 = g_strconcat (name, ".norm2", NULL);
  add_norm (self, &layer->norm1, norm1);
  if (timm)
    add_fused_qkv (self, i);
  for (CowModule module = timm ? COW_O : COW_Q; module < COW_N_MODULES; module++)
    add_module (self, i, module);
  add_norm (self, &layer->norm2, norm2);
  layer->scale1.parameter = timm ? -1 : add_tensor (self, dims, 1, "%s.layer_scale1.lambda1", name);
  layer->scale2.parameter = timm ? -1 : add_tensor (self, dims, 1, "%s.layer_scale2.lambda1", name);
}

static void
add_embedding (CowVitTrain *self)
{
  const CowVitConfig *config = &self->config;
  const gint64 hidden = config->hidden_size, patch = config->patch_size,
               side = config->image_size / patch;
  const gint64 weight_dims[] = { hidden, config->n_channels, patch, patch },
               bias_dims[] = { hidden };
  const gint64 token_dims[] = { 1, 1, hidden }, position_dims[] = { 1, 1 + side * side, hidden };
  /* Class token and registers of a DINOv3 train as one matrix, whose two parts a file names apart.
   */
  const gint64 prefix_dims[] = { 1, 1 + config->n_registers, hidden };
  const char *patches = config->timm ? "patch_embed.proj" : "embeddings.patch_embeddings";
  self->prefix.parameter = config->timm
                               ? add_tensor (self, token_dims, 3, "cls_token")
                               : add_tensor (self, prefix_dims, 3, "embeddings.prefix_tokens");
  self->position.parameter = config->timm ? add_tensor (self, position_dims, 3, "pos_embed") : -1;
  const int weight = add_tensor (self, weight_dims, 4, "%s.weight", patches),
            bias = add_tensor (self, bias_dims, 1, "%s.bias", patches);
  cow_train_linear_init_dense (&self->patches, self->parameters, hidden,
                               config->n_channels * patch * patch, weight, 0, bias, 0);
}

CowVitTrain *
cow_vit_train_new_scratch (CowParameters *parameters, const CowVitConfig *config,
                           const CowVitTrainOptions *options, GError **error)
{
  CowVitTrain *self = new_train (parameters, config, options);
  self->scratch = TRUE;
  self->first_trained = 0;
  self->first_parameter = parameters->list->len;
  add_embedding (self);
  for (int i = 0; i < config->n_layers; i++)
    add_layer (self, i);
  add_norm (self, &self->norm, "norm");
  self->n_parameters = parameters->list->len - self->first_parameter;
  return self;
}

/* ---- starting, refreshing, finishing --------------------------------------------------------- */

static void
point_vector (CowVitTrain *self, CowTrainVector *vector)
{
  if (vector->parameter >= 0)
    vector->value = cow_parameters_value (self->parameters, (guint)vector->parameter);
}

static void
point_norm (CowVitTrain *self, CowTrainNorm *norm)
{
  point_vector (self, &norm->weight);
  point_vector (self, &norm->bias);
}

gboolean
cow_vit_train_start (CowVitTrain *self, const CowAdapter *adapter, gboolean fresh, GError **error)
{
  point_vector (self, &self->prefix);
  point_vector (self, &self->position);
  point_norm (self, &self->norm);
  if (!cow_train_linear_attach (&self->patches, NULL, FALSE, error))
    return FALSE;
  for (int i = 0; i < self->config.n_layers; i++) {
    CowTrainLayer *layer = &self->layers[i];
    point_norm (self, &layer->norm1);
    point_norm (self, &layer->norm2);
    point_vector (self, &layer->scale1);
    point_vector (self, &layer->scale2);
    for (CowModule module = 0; module < COW_N_MODULES; module++)
      if (layer->module[module].base.backend &&
          !cow_train_linear_attach (&layer->module[module],
                                    adapter ? cow_adapter_get (adapter, i, module) : NULL, fresh,
                                    error))
        return FALSE;
  }
  return TRUE;
}

/* Calls a function on every linear layer that the network has. */
static gboolean
each_module (CowVitTrain *self, gboolean (*function) (CowTrainLinear *, GError **), GError **error)
{
  for (int i = 0; i < self->config.n_layers; i++)
    for (CowModule module = 0; module < COW_N_MODULES; module++)
      if (self->layers[i].module[module].base.backend &&
          !function (&self->layers[i].module[module], error))
        return FALSE;
  return TRUE;
}

gboolean
cow_vit_train_refresh (CowVitTrain *self, GError **error)
{
  return each_module (self, cow_train_linear_refresh, error);
}

gboolean
cow_vit_train_finish (CowVitTrain *self, GError **error)
{
  return each_module (self, cow_train_linear_finish, error);
}

gboolean
cow_vit_train_read (const CowVitTrain *self, CowAdapter *adapter, GError **error)
{
  for (int i = 0; i < self->config.n_layers; i++)
    for (CowModule module = 0; module < COW_N_MODULES; module++) {
      CowLora *lora = adapter->loras[i * COW_N_MODULES + module];
      if (lora && !cow_train_linear_read (&self->layers[i].module[module], lora, error))
        return FALSE;
    }
  return TRUE;
}

/* ---- buffers --------------------------------------------------------------------------------- */

static void
clear_array (CkBackend *backend, float **buffers, guint n)
{
  for (guint i = 0; i < n; i++) {
    backend->free (backend, buffers[i]);
    buffers[i] = NULL;
  }
}

static int
n_acts (const CowVitTrain *self)
{
  return self->options.checkpointing ? 1 : self->config.n_layers;
}

/* A CowTrainActs, the passes' own buffers: structs of pointers, seen as arrays where each is
 * treated alike. */
#define N_ACTS (sizeof (CowTrainActs) / sizeof (float *))

void
cow_vit_train_clear_buffers (CowVitTrain *self)
{
  CkBackend *backend = self->backend;
  float **single[] = { &self->class_tokens, &self->features,  &self->dx,    &self->dhidden,
                       &self->dattended,    &self->dq,        &self->dk,    &self->dv,
                       &self->dinner[0],    &self->dinner[1], &self->dclass };
  for (guint i = 0; i < G_N_ELEMENTS (single); i++)
    clear_array (backend, single[i], 1);
  if (self->inputs)
    clear_array (backend, self->inputs, (guint)self->config.n_layers + 1);
  for (int i = 0; self->acts && i < n_acts (self); i++)
    clear_array (backend, (float **)&self->acts[i], N_ACTS);
  g_clear_pointer (&self->inputs, g_free);
  g_clear_pointer (&self->acts, g_free);
  self->batch = self->tokens = self->most_batch = self->most_rows = 0;
}

static gboolean
reserve (CowVitTrain *self, float **buffer, gsize floats)
{
  *buffer = self->backend->alloc (self->backend, floats * sizeof (float));
  return *buffer != NULL;
}

static gboolean
reserve_acts (CowVitTrain *self, CowTrainActs *acts, gsize wide, gsize inner)
{
  return reserve (self, &acts->n1, wide) && reserve (self, &acts->q, wide) &&
         reserve (self, &acts->k, wide) && reserve (self, &acts->v, wide) &&
         reserve (self, &acts->attended, wide) && reserve (self, &acts->o, wide) &&
         reserve (self, &acts->middle, wide) && reserve (self, &acts->n2, wide) &&
         reserve (self, &acts->down, wide) && reserve (self, &acts->up, inner) &&
         reserve (self, &acts->act, inner) &&
         (!self->config.gated || reserve (self, &acts->gate, inner));
}

static gboolean
reserve_all (CowVitTrain *self, gint64 batch, gsize wide, gsize inner)
{
  const gsize classes = (gsize)(batch * self->config.hidden_size);
  self->inputs = g_new0 (float *, self->config.n_layers + 1);
  self->acts = g_new0 (CowTrainActs, n_acts (self));
  for (int i = 0; i <= self->config.n_layers; i++)
    if (!reserve (self, &self->inputs[i], wide))
      return FALSE;
  for (int i = 0; i < n_acts (self); i++)
    if (!reserve_acts (self, &self->acts[i], wide, inner))
      return FALSE;
  return reserve (self, &self->class_tokens, classes) && reserve (self, &self->features, classes) &&
         reserve (self, &self->dclass, classes) && reserve (self, &self->dx, wide) &&
         reserve (self, &self->dhidden, wide) && reserve (self, &self->dattended, wide) &&
         reserve (self, &self->dq, wide) && reserve (self, &self->dk, wide) &&
         reserve (self, &self->dv, wide) && reserve (self, &self->dinner[0], inner) &&
         (!self->config.gated || reserve (self, &self->dinner[1], inner));
}

gboolean
cow_vit_train_ensure_buffers (CowVitTrain *self, gint64 batch, gint64 tokens, GError **error)
{
  /* A smaller batch, an epoch's last, fits: to allocate anew each time would leave the heap in
   * pieces. */
  if (batch <= self->most_batch && batch * tokens <= self->most_rows) {
    self->batch = batch;
    self->tokens = tokens;
    return TRUE;
  }
  cow_vit_train_clear_buffers (self);
  const gsize rows = (gsize)(batch * tokens);
  if (!reserve_all (self, batch, rows * (gsize)self->config.hidden_size,
                    rows * (gsize)self->config.intermediate_size)) {
    cow_vit_train_clear_buffers (self);
    return cow_check (
        CK_NO_MEMORY, error,
        "activations of %" G_GINT64_FORMAT
        " pictures in training (a smaller batch, or gradient checkpointing, needs less)",
        batch);
  }
  self->batch = self->most_batch = batch;
  self->tokens = tokens;
  self->most_rows = batch * tokens;
  return TRUE;
}

static void
free_vector (CowVitTrain *self, CowTrainVector *vector)
{
  if (!self->scratch)
    self->backend->free (self->backend, vector->value);
}

static void
free_norm (CowVitTrain *self, CowTrainNorm *norm)
{
  free_vector (self, &norm->weight);
  free_vector (self, &norm->bias);
}

void
cow_vit_train_free (CowVitTrain *self)
{
  if (!self)
    return;
  cow_vit_train_clear_buffers (self);
  cow_rope_clear (&self->rope, self->backend);
  cow_train_linear_clear (&self->patches);
  free_vector (self, &self->prefix);
  free_norm (self, &self->norm);
  for (int i = 0; i < self->config.n_layers; i++) {
    CowTrainLayer *layer = &self->layers[i];
    free_norm (self, &layer->norm1);
    free_norm (self, &layer->norm2);
    free_vector (self, &layer->scale1);
    free_vector (self, &layer->scale2);
    for (CowModule module = 0; module < COW_N_MODULES; module++)
      cow_train_linear_clear (&layer->module[module]);
  }
  g_free (self->layers);
  g_free (self);
}
