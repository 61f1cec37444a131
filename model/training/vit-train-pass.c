/* SPDX-License-Identifier: MIT */
/*
 * Forward and backward of a vision transformer in training. Each layer's forward writes everything
 * that its backward reads into a CowTrainActs; with checkpointing there is one such set, filled
 * again from the layer's input just before its backward.
 */
#include "model/training/vit-train-private.h"

#include <math.h>
#include <string.h>

#include "model/training/random.h"

/* Stops a chain of kernel calls at the first that fails. */
#define TRY(call)                                                                                  \
  do {                                                                                             \
    CkStatus status_ = (call);                                                                     \
    if (status_ != CK_OK)                                                                          \
      return status_;                                                                              \
  } while (0)

static gint64
rows_of (const CowVitTrain *self)
{
  return self->batch * self->tokens;
}

static float *
gradient_of (const CowVitTrain *self, const CowTrainVector *vector)
{
  return vector->parameter < 0
             ? NULL
             : cow_parameters_gradient (self->parameters, (guint)vector->parameter);
}

static CkStatus
normalise (const CowVitTrain *self, const CowTrainNorm *norm, gint64 rows, const float *x, float *y)
{
  const CkNorm op = { norm->weight.value, norm->bias.value, self->config.norm_epsilon };
  return self->backend->norm (self->backend, &op, rows, self->config.hidden_size, x, y);
}

static CkStatus
normalise_backward (const CowVitTrain *self, const CowTrainNorm *norm, gint64 rows, const float *x,
                    const float *dy, float *dx, gboolean add)
{
  const CkNormBackward op = {
    .weight = norm->weight.value,
    .epsilon = self->config.norm_epsilon,
    .rows = rows,
    .cols = self->config.hidden_size,
    .x = x,
    .dy = dy,
    .dx = dx,
    .add_dx = add,
    .dweight = gradient_of (self, &norm->weight),
    .dbias = gradient_of (self, &norm->bias),
  };
  return self->backend->training->norm_backward (self->backend, &op);
}

/* The random numbers of one module's dropout in this pass: another for each layer and module. */
static guint64
key_of (const CowVitTrain *self, int layer, CowModule module)
{
  return cow_random_key (self->key, (guint64)layer * COW_N_MODULES + module + 1);
}

static float
dropout_of (const CowVitTrain *self)
{
  return self->training ? self->options.adapter_dropout : 0;
}

static CkStatus
module_forward (const CowVitTrain *self, int layer, CowModule module, const float *x, float *y)
{
  return cow_train_linear_forward (&self->layers[layer].module[module], rows_of (self), x,
                                   dropout_of (self), key_of (self, layer, module), y);
}

static CkStatus
module_backward (const CowVitTrain *self, int layer, CowModule module, const float *x,
                 const float *y, const float *dy, float *dx, gboolean add)
{
  return cow_train_linear_backward (&self->layers[layer].module[module], rows_of (self), x, y, dy,
                                    dropout_of (self), key_of (self, layer, module), dx, add);
}

static CkAttention
attention_of (const CowVitTrain *self, const CowTrainActs *acts)
{
  return (CkAttention){
    .batch = self->batch,
    .tokens = self->tokens,
    .heads = self->config.n_heads,
    .head_dim = self->config.hidden_size / self->config.n_heads,
    .prefix = 1 + self->config.n_registers,
    .cos = self->rope.cos,
    .sin = self->rope.sin,
    .q = acts->q,
    .k = acts->k,
    .v = acts->v,
    .out = acts->attended,
  };
}

static CkStatus
copy (const CowVitTrain *self, gint64 n, const float *from, float *to)
{
  return self->backend->training->copy_rows (self->backend, 1, n, from, n, to, n);
}

static CkStatus
attention_forward (const CowVitTrain *self, int i, CowTrainActs *acts)
{
  const CowTrainLayer *layer = &self->layers[i];
  const gint64 rows = rows_of (self), hidden = self->config.hidden_size;
  TRY (normalise (self, &layer->norm1, rows, self->inputs[i], acts->n1));
  TRY (module_forward (self, i, COW_Q, acts->n1, acts->q));
  TRY (module_forward (self, i, COW_K, acts->n1, acts->k));
  TRY (module_forward (self, i, COW_V, acts->n1, acts->v));
  const CkAttention attention = attention_of (self, acts);
  TRY (self->backend->attention (self->backend, &attention));
  TRY (module_forward (self, i, COW_O, acts->attended, acts->o));
  TRY (copy (self, rows * hidden, self->inputs[i], acts->middle));
  return self->backend->training->add_scaled (self->backend, rows, hidden, acts->o,
                                              layer->scale1.value, acts->middle);
}

/* `output` NULL: only what the backward needs (a recomputation). */
static CkStatus
mlp_forward (const CowVitTrain *self, int i, CowTrainActs *acts, float *output)
{
  const CowTrainLayer *layer = &self->layers[i];
  const CkTraining *training = self->backend->training;
  const gint64 rows = rows_of (self), hidden = self->config.hidden_size,
               inner = rows * self->config.intermediate_size;
  TRY (normalise (self, &layer->norm2, rows, acts->middle, acts->n2));
  TRY (module_forward (self, i, COW_UP, acts->n2, acts->up));
  if (self->config.gated) {
    TRY (module_forward (self, i, COW_GATE, acts->n2, acts->gate));
    TRY (training->gate (self->backend, inner, acts->gate, acts->up, acts->act));
  } else {
    TRY (training->activate (self->backend, CK_GELU, inner, acts->up, acts->act));
  }
  /* The last product is needed again only for the gradients of DoRA's magnitude and of the layer
   * scale. */
  if (output || layer->scale2.parameter >= 0 || layer->module[COW_DOWN].magnitude >= 0)
    TRY (module_forward (self, i, COW_DOWN, acts->act, acts->down));
  if (!output)
    return CK_OK;
  TRY (copy (self, rows * hidden, acts->middle, output));
  return training->add_scaled (self->backend, rows, hidden, acts->down, layer->scale2.value,
                               output);
}

static CowTrainActs *
acts_of (const CowVitTrain *self, int i)
{
  return &self->acts[self->options.checkpointing ? 0 : i];
}

static CkStatus
embed_forward (const CowVitTrain *self)
{
  const CowVitConfig *config = &self->config;
  const CkEmbed op = {
    .batch = self->batch,
    .channels = config->n_channels,
    .height = self->height,
    .width = self->width,
    .patch = config->patch_size,
    .weight = self->patches.base.weight,
    .bias = self->patches.base.bias,
    .dim = config->hidden_size,
    .n_prefix = 1 + config->n_registers,
    .prefix = self->prefix.value,
    .position = self->position.value,
    .pixels = self->pixels,
    .tokens = self->inputs[0],
  };
  return self->backend->embed (self->backend, &op);
}

static CkStatus
forward (const CowVitTrain *self)
{
  const gint64 hidden = self->config.hidden_size;
  const int n = self->config.n_layers;
  TRY (embed_forward (self));
  for (int i = 0; i < n; i++) {
    TRY (attention_forward (self, i, acts_of (self, i)));
    TRY (mlp_forward (self, i, acts_of (self, i), self->inputs[i + 1]));
  }
  TRY (self->backend->training->copy_rows (self->backend, self->batch, hidden, self->inputs[n],
                                           self->tokens * hidden, self->class_tokens, hidden));
  return normalise (self, &self->norm, self->batch, self->class_tokens, self->features);
}

/* The random factor on positions in training: log-uniform in [1 / rescale, rescale]. */
static float
position_factor (const CowVitTrain *self)
{
  const double rescale = self->config.rope_rescale;
  if (!self->training || rescale <= 0)
    return 1;
  return (float)exp ((2 * cow_random_unit (self->key, 0) - 1) * log (rescale));
}

const float *
cow_vit_train_forward (CowVitTrain *self, const float *pixels, int batch, int height, int width,
                       gboolean training, guint64 key, GError **error)
{
  const int patch = self->config.patch_size;
  const gint64 tokens = 1 + self->config.n_registers + (gint64)(height / patch) * (width / patch);
  if (!cow_vit_train_ensure_buffers (self, batch, tokens, error))
    return NULL;
  self->height = height;
  self->width = width;
  self->training = training;
  self->key = key;
  self->pixels = pixels;
  if (!self->config.timm &&
      !cow_rope_ensure (&self->rope, self->backend, &self->config, height / patch, width / patch,
                        position_factor (self), error))
    return NULL;
  return cow_check (forward (self), error, "the forward pass") ? self->features : NULL;
}

/* ---- backward -------------------------------------------------------------------------------- */

static CkStatus
mlp_backward (const CowVitTrain *self, int i, const CowTrainActs *acts)
{
  const CowTrainLayer *layer = &self->layers[i];
  const CkTraining *training = self->backend->training;
  const gint64 rows = rows_of (self), hidden = self->config.hidden_size,
               inner = rows * self->config.intermediate_size;
  TRY (training->add_scaled_backward (self->backend, rows, hidden, self->dx, acts->down,
                                      layer->scale2.value, self->dhidden,
                                      gradient_of (self, &layer->scale2)));
  TRY (module_backward (self, i, COW_DOWN, acts->act, acts->down, self->dhidden, self->dinner[0],
                        FALSE));
  if (self->config.gated) {
    TRY (training->gate_backward (self->backend, inner, acts->gate, acts->up, self->dinner[0],
                                  self->dinner[1], self->dinner[0]));
    TRY (module_backward (self, i, COW_GATE, acts->n2, acts->gate, self->dinner[1], self->dhidden,
                          FALSE));
    TRY (module_backward (self, i, COW_UP, acts->n2, acts->up, self->dinner[0], self->dhidden,
                          TRUE));
  } else {
    TRY (training->activate_backward (self->backend, CK_GELU, inner, acts->up, self->dinner[0],
                                      self->dinner[0]));
    TRY (module_backward (self, i, COW_UP, acts->n2, acts->up, self->dinner[0], self->dhidden,
                          FALSE));
  }
  return normalise_backward (self, &layer->norm2, rows, acts->middle, self->dhidden, self->dx,
                             TRUE);
}

static CkStatus
attention_backward (const CowVitTrain *self, int i, const CowTrainActs *acts)
{
  const CowTrainLayer *layer = &self->layers[i];
  const CkTraining *training = self->backend->training;
  const gint64 rows = rows_of (self), hidden = self->config.hidden_size;
  /* Below the first trained layer nobody asks for a gradient. */
  const gboolean needed = self->scratch || i > self->first_trained;
  TRY (training->add_scaled_backward (self->backend, rows, hidden, self->dx, acts->o,
                                      layer->scale1.value, self->dhidden,
                                      gradient_of (self, &layer->scale1)));
  TRY (module_backward (self, i, COW_O, acts->attended, acts->o, self->dhidden, self->dattended,
                        FALSE));
  const CkAttentionBackward attention = { .forward = attention_of (self, acts),
                                          .dout = self->dattended,
                                          .dq = self->dq,
                                          .dk = self->dk,
                                          .dv = self->dv };
  TRY (training->attention_backward (self->backend, &attention));
  float *dn1 = needed ? self->dhidden : NULL;
  TRY (module_backward (self, i, COW_Q, acts->n1, acts->q, self->dq, dn1, FALSE));
  TRY (module_backward (self, i, COW_K, acts->n1, acts->k, self->dk, dn1, TRUE));
  TRY (module_backward (self, i, COW_V, acts->n1, acts->v, self->dv, dn1, TRUE));
  return needed ? normalise_backward (self, &layer->norm1, rows, self->inputs[i], self->dhidden,
                                      self->dx, TRUE)
                : CK_OK;
}

static CkStatus
embed_backward (const CowVitTrain *self)
{
  const CowVitConfig *config = &self->config;
  const CkEmbedBackward op = {
    .forward = { .batch = self->batch,
                 .channels = config->n_channels,
                 .height = self->height,
                 .width = self->width,
                 .patch = config->patch_size,
                 .weight = self->patches.base.weight,
                 .dim = config->hidden_size,
                 .n_prefix = 1 + config->n_registers,
                 .prefix = self->prefix.value,
                 .position = self->position.value,
                 .pixels = self->pixels },
    .dtokens = self->dx,
    .dweight = cow_parameters_gradient (self->parameters, (guint)self->patches.weight),
    .dbias = cow_parameters_gradient (self->parameters, (guint)self->patches.bias),
    .dprefix = gradient_of (self, &self->prefix),
    .dposition = gradient_of (self, &self->position),
  };
  return self->backend->training->embed_backward (self->backend, &op);
}

static CkStatus
backward (CowVitTrain *self, const float *dfeatures)
{
  const CkTraining *training = self->backend->training;
  const gint64 hidden = self->config.hidden_size;
  TRY (normalise_backward (self, &self->norm, self->batch, self->class_tokens, dfeatures,
                           self->dclass, FALSE));
  TRY (training->fill (self->backend, self->dx, rows_of (self) * hidden, 0));
  TRY (training->copy_rows (self->backend, self->batch, hidden, self->dclass, hidden, self->dx,
                            self->tokens * hidden));
  for (int i = self->config.n_layers - 1; i >= (self->scratch ? 0 : self->first_trained); i--) {
    CowTrainActs *acts = acts_of (self, i);
    /* The set still holds the last layer's values when its turn comes first. */
    if (self->options.checkpointing && i < self->config.n_layers - 1) {
      TRY (attention_forward (self, i, acts));
      TRY (mlp_forward (self, i, acts, NULL));
    }
    TRY (mlp_backward (self, i, acts));
    TRY (attention_backward (self, i, acts));
  }
  return self->scratch ? embed_backward (self) : CK_OK;
}

gboolean
cow_vit_train_backward (CowVitTrain *self, const float *dfeatures, GError **error)
{
  return cow_check (backward (self, dfeatures), error, "the backward pass");
}
