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

static const CowVitConfig *
config_of (const CowVitTrain *self)
{
  return &self->parent.config.vit;
}

/* ---- buffers --------------------------------------------------------------------------------- */

#define ACT(member)  G_STRUCT_OFFSET (CowTrainActs, member)
#define PASS(member) G_STRUCT_OFFSET (CowVitTrain, member)

/* Of a layer's forward, one row a token; */
static const CowVitBuffer act_buffers[] = {
  { ACT (n1), COW_VIT_HIDDEN, FALSE },        { ACT (q), COW_VIT_HIDDEN, FALSE },
  { ACT (k), COW_VIT_HIDDEN, FALSE },         { ACT (v), COW_VIT_HIDDEN, FALSE },
  { ACT (attended), COW_VIT_HIDDEN, FALSE },  { ACT (o), COW_VIT_HIDDEN, FALSE },
  { ACT (middle), COW_VIT_HIDDEN, FALSE },    { ACT (n2), COW_VIT_HIDDEN, FALSE },
  { ACT (up), COW_VIT_INTERMEDIATE, FALSE },  { ACT (gate), COW_VIT_INTERMEDIATE, TRUE },
  { ACT (act), COW_VIT_INTERMEDIATE, FALSE },
};
/* of the backward, one row a token; */
static const CowVitBuffer gradient_buffers[] = {
  { PASS (dx), COW_VIT_HIDDEN, FALSE },           { PASS (dhidden), COW_VIT_HIDDEN, FALSE },
  { PASS (dattended), COW_VIT_HIDDEN, FALSE },    { PASS (dq), COW_VIT_HIDDEN, FALSE },
  { PASS (dk), COW_VIT_HIDDEN, FALSE },           { PASS (dv), COW_VIT_HIDDEN, FALSE },
  { PASS (dinner), COW_VIT_INTERMEDIATE, FALSE }, { PASS (dgate), COW_VIT_INTERMEDIATE, TRUE },
};
/* of both, one row a picture; */
static const CowVitBuffer picture_buffers[] = {
  { PASS (class_tokens), COW_VIT_HIDDEN, FALSE },
  { PASS (features), COW_VIT_HIDDEN, FALSE },
  { PASS (dclass), COW_VIT_HIDDEN, FALSE },
};
/* and one row a token, before each layer and after the last, and of a layer's last product. */
static const CowVitBuffer hidden_buffer = { 0, COW_VIT_HIDDEN, FALSE };

static int
n_acts (const CowVitConfig *config, gboolean checkpointing)
{
  return checkpointing ? 1 : config->n_layers;
}

/* Whether the backward of layer i reads what its last product gave: for the gradients of DoRA's
 * magnitude and of the layer scale. To compute it again would be a third of a recomputation. */
static gboolean
keeps_down (const CowVitTrain *self, int i)
{
  return self->indices.layers[i][COW_SCALE2] >= 0 || self->layers[i][COW_DOWN].magnitude >= 0;
}

static gsize
mask_bytes (gsize rows, gint64 in)
{
  return rows * (gsize)ck_mask_bytes (in);
}

static gsize
low_bytes (gsize rows, gint64 rank)
{
  return rows * (gsize)rank * sizeof (float);
}

/* Bytes of what dropout leaves behind in one layer. */
static gsize
kept_bytes (const CowVitConfig *config, const CowTrainedParts *parts, gsize rows)
{
  gsize bytes = 0;
  for (CowModule module = 0; parts->dropout && module < COW_N_MODULES; module++) {
    gint64 out, in;
    gboolean bias;
    if (parts->adapted & 1u << module && cow_vit_config_module (config, module, &out, &in, &bias))
      bytes += mask_bytes (rows, in) + low_bytes (rows, parts->rank);
  }
  return bytes;
}

gsize
cow_vit_train_activation_bytes (const CowBackboneConfig *backbone, const CowTrainedParts *parts,
                                int batch, int height, int width, gboolean checkpointing)
{
  const CowVitConfig *config = &backbone->vit;
  const gsize rows = (gsize)batch * (gsize)cow_vit_config_n_tokens (config, height, width);
  const gboolean keeps =
      parts->adapted ? parts->dora && parts->adapted & 1u << COW_DOWN : config->family->layer_scale;
  const gsize inputs = (gsize)config->n_layers + 1, downs = keeps ? (gsize)config->n_layers : 1;
  return (inputs + downs) * cow_vit_buffers_bytes (config, &hidden_buffer, 1, rows) +
         (gsize)config->n_layers * kept_bytes (config, parts, rows) +
         (gsize)n_acts (config, checkpointing) *
             cow_vit_buffers_bytes (config, act_buffers, G_N_ELEMENTS (act_buffers), rows) +
         cow_vit_buffers_bytes (config, gradient_buffers, G_N_ELEMENTS (gradient_buffers), rows) +
         cow_vit_buffers_bytes (config, picture_buffers, G_N_ELEMENTS (picture_buffers),
                                (gsize)batch);
}

static void
clear_kept (CowVitTrain *self)
{
  CkStream *stream = self->parent.stream;
  for (int layer = 0; self->kept && layer < config_of (self)->n_layers; layer++)
    for (CowModule module = 0; module < COW_N_MODULES; module++) {
      ck_free (stream, self->kept[layer][module].mask);
      ck_free (stream, self->kept[layer][module].low);
    }
  g_clear_pointer (&self->kept, g_free);
}

void
cow_vit_train_clear_buffers (CowVitTrain *self)
{
  CkStream *stream = self->parent.stream;
  const CowVitConfig *config = config_of (self);
  cow_vit_buffers_clear (stream, gradient_buffers, G_N_ELEMENTS (gradient_buffers), self);
  cow_vit_buffers_clear (stream, picture_buffers, G_N_ELEMENTS (picture_buffers), self);
  for (int i = 0; self->inputs && i <= config->n_layers; i++)
    cow_vit_buffers_clear (stream, &hidden_buffer, 1, &self->inputs[i]);
  for (int i = 0; self->down && i < config->n_layers; i++)
    if (keeps_down (self, i))
      cow_vit_buffers_clear (stream, &hidden_buffer, 1, &self->down[i]);
  cow_vit_buffers_clear (stream, &hidden_buffer, 1, &self->shared_down);
  for (int i = 0; self->acts && i < n_acts (config, self->options.checkpointing); i++)
    cow_vit_buffers_clear (stream, act_buffers, G_N_ELEMENTS (act_buffers), &self->acts[i]);
  clear_kept (self);
  g_clear_pointer (&self->inputs, g_free);
  g_clear_pointer (&self->down, g_free);
  g_clear_pointer (&self->acts, g_free);
  self->batch = self->tokens = self->most_batch = self->most_rows = 0;
}

static gboolean
reserve_down (CowVitTrain *self, gsize rows)
{
  const CowVitConfig *config = config_of (self);
  gboolean complete = TRUE;
  self->down = g_new0 (float *, config->n_layers);
  for (int i = 0; i < config->n_layers && complete; i++) {
    float **buffer = keeps_down (self, i) ? &self->down[i] : &self->shared_down;
    complete = *buffer || cow_vit_buffers_reserve (self->parent.stream, config, &hidden_buffer, 1,
                                                   rows, buffer);
    self->down[i] = *buffer;
  }
  return complete;
}

static gboolean
reserve_kept (CowVitTrain *self, gsize rows)
{
  CkStream *stream = self->parent.stream;
  const gsize n_layers = (gsize)config_of (self)->n_layers;
  self->kept = g_malloc0_n (n_layers, sizeof *self->kept);
  const gboolean keeps = self->options.adapter_dropout > 0 && stream->device->keeps_dropout;
  for (gsize layer = 0; keeps && layer < n_layers; layer++)
    for (CowModule module = 0; module < COW_N_MODULES; module++) {
      const CowLinear *linear = &self->layers[layer][module].base;
      CowTrainKept *kept = &self->kept[layer][module];
      if (linear->adapter.rank > 0 &&
          (!(kept->mask = ck_alloc (stream, mask_bytes (rows, linear->in))) ||
           !(kept->low = ck_alloc (stream, low_bytes (rows, linear->adapter.rank)))))
        return FALSE;
    }
  return TRUE;
}

static gboolean
reserve (CowVitTrain *self, gsize batch, gsize rows)
{
  CkStream *stream = self->parent.stream;
  const CowVitConfig *config = config_of (self);
  const int acts = n_acts (config, self->options.checkpointing);
  gboolean complete = TRUE;
  self->inputs = g_new0 (float *, config->n_layers + 1);
  self->acts = g_new0 (CowTrainActs, acts);
  for (int i = 0; i <= config->n_layers && complete; i++)
    complete = cow_vit_buffers_reserve (stream, config, &hidden_buffer, 1, rows, &self->inputs[i]);
  for (int i = 0; i < acts && complete; i++)
    complete = cow_vit_buffers_reserve (stream, config, act_buffers, G_N_ELEMENTS (act_buffers),
                                        rows, &self->acts[i]);
  return complete && reserve_down (self, rows) && reserve_kept (self, rows) &&
         cow_vit_buffers_reserve (stream, config, picture_buffers, G_N_ELEMENTS (picture_buffers),
                                  batch, self) &&
         cow_vit_buffers_reserve (stream, config, gradient_buffers, G_N_ELEMENTS (gradient_buffers),
                                  rows, self);
}

static gboolean
ensure_buffers (CowVitTrain *self, gint64 batch, gint64 tokens, GError **error)
{
  /* A smaller batch, an epoch's last, fits: to allocate anew each time would leave the heap in
   * pieces. */
  if (batch <= self->most_batch && batch * tokens <= self->most_rows) {
    self->batch = batch;
    self->tokens = tokens;
    return TRUE;
  }
  cow_vit_train_clear_buffers (self);
  if (!reserve (self, (gsize)batch, (gsize)(batch * tokens))) {
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

/* ---- forward --------------------------------------------------------------------------------- */

static gint64
rows_of (const CowVitTrain *self)
{
  return self->batch * self->tokens;
}

/* NULL for what is frozen. */
static float *
gradient_of (const CowVitTrain *self, int parameter)
{
  return parameter < 0 ? NULL : cow_parameters_gradient (self->parent.parameters, (guint)parameter);
}

/* A norm with its gradients. */
typedef struct {
  const float *weight, *bias;
  float *dweight, *dbias;
} Norm;

static Norm
last_norm (const CowVitTrain *self)
{
  return (Norm){ self->vectors.norm_weight, self->vectors.norm_bias,
                 gradient_of (self, self->indices.norm_weight),
                 gradient_of (self, self->indices.norm_bias) };
}

/* The norm of layer i whose weight is this vector; its bias is the next one. */
static Norm
norm_of (const CowVitTrain *self, int i, CowVitVector weight)
{
  return (Norm){ self->vectors.layers[i][weight], self->vectors.layers[i][weight + 1],
                 gradient_of (self, self->indices.layers[i][weight]),
                 gradient_of (self, self->indices.layers[i][weight + 1]) };
}

static CkStatus
normalise (const CowVitTrain *self, Norm norm, gint64 rows, const float *x, float *y)
{
  const CkNorm op = { .weight = norm.weight,
                      .bias = norm.bias,
                      .epsilon = config_of (self)->norm_epsilon,
                      .rows = rows,
                      .cols = config_of (self)->hidden_size,
                      .x = x,
                      .y = ck_f32 (y) };
  return self->parent.stream->operations->norm (self->parent.stream, &op);
}

static CkStatus
normalise_backward (const CowVitTrain *self, Norm norm, gint64 rows, const float *x,
                    const float *dy, float *dx, gboolean add)
{
  const CkNormBackward op = {
    .weight = norm.weight,
    .epsilon = config_of (self)->norm_epsilon,
    .rows = rows,
    .cols = config_of (self)->hidden_size,
    .x = x,
    .dy = dy,
    .dx = dx,
    .add_dx = add,
    .dweight = norm.dweight,
    .dbias = norm.dbias,
  };
  return self->parent.stream->training->norm_backward (self->parent.stream, &op);
}

static float
dropout_of (const CowVitTrain *self)
{
  return self->training ? self->options.adapter_dropout : 0;
}

/* One module's dropout in this pass, with random numbers of its own. `kept`: the forward has been
 * there, and this is a recomputation or the backward. */
static CowTrainDropout
module_dropout (const CowVitTrain *self, int layer, CowModule module, gboolean kept)
{
  const float p = dropout_of (self);
  const CowTrainKept *place = &self->kept[layer][module];
  return p > 0 ? (CowTrainDropout){ p, self->keys + layer * COW_N_MODULES + module, place->mask,
                                    place->low, kept && place->mask }
               : (CowTrainDropout){ 0 };
}

static CkStatus
put_keys (CowVitTrain *self)
{
  CkStream *stream = self->parent.stream;
  const gsize n = (gsize)config_of (self)->n_layers * COW_N_MODULES, bytes = n * sizeof (guint64);
  if (!(dropout_of (self) > 0))
    return CK_OK;
  if (!self->keys && !(self->keys = ck_alloc (stream, bytes)))
    return CK_NO_MEMORY;
  g_autofree guint64 *keys = g_new (guint64, n);
  for (gsize i = 0; i < n; i++)
    keys[i] = cow_random_key (self->key, i + 1);
  return ck_upload (stream, self->keys, keys, bytes);
}

static CkStatus
module_forward (const CowVitTrain *self, int layer, CowModule module, gboolean again,
                const float *x, float *y)
{
  const CowTrainDropout dropout = module_dropout (self, layer, module, again);
  return cow_train_linear_forward (&self->layers[layer][module], rows_of (self), x, &dropout, y);
}

static CkStatus
module_backward (const CowVitTrain *self, int layer, CowModule module, const float *x,
                 const float *y, const float *dy, float *dx, gboolean add)
{
  const CowTrainDropout dropout = module_dropout (self, layer, module, TRUE);
  return cow_train_linear_backward (&self->layers[layer][module], rows_of (self), x, y, dy,
                                    &dropout, dx, add);
}

static CkAttention
attention_of (const CowVitTrain *self, const CowTrainActs *acts)
{
  return cow_vit_attention (config_of (self), &self->rope, self->batch, self->tokens, acts->q,
                            acts->k, acts->v, acts->attended);
}

static CkStatus
copy (const CowVitTrain *self, gint64 n, const float *from, float *to)
{
  return self->parent.stream->operations->copy_rows (self->parent.stream, 1, n, from, n, to, n);
}

/* `again`: a recomputation. */
static CkStatus
attention_forward (const CowVitTrain *self, int i, gboolean again, CowTrainActs *acts)
{
  const gint64 rows = rows_of (self), hidden = config_of (self)->hidden_size;
  COW_TRY (normalise (self, norm_of (self, i, COW_NORM1_WEIGHT), rows, self->inputs[i], acts->n1));
  COW_TRY (module_forward (self, i, COW_Q, again, acts->n1, acts->q));
  COW_TRY (module_forward (self, i, COW_K, again, acts->n1, acts->k));
  COW_TRY (module_forward (self, i, COW_V, again, acts->n1, acts->v));
  const CkAttention attention = attention_of (self, acts);
  COW_TRY (self->parent.stream->operations->attention (self->parent.stream, &attention));
  COW_TRY (module_forward (self, i, COW_O, again, acts->attended, acts->o));
  COW_TRY (copy (self, rows * hidden, self->inputs[i], acts->middle));
  return self->parent.stream->training->add_scaled (self->parent.stream, rows, hidden, acts->o,
                                                    self->vectors.layers[i][COW_SCALE1],
                                                    acts->middle);
}

/* `output` NULL: only what the backward needs and was not kept (a recomputation). */
static CkStatus
mlp_forward (const CowVitTrain *self, int i, CowTrainActs *acts, float *output)
{
  const CkTraining *training = self->parent.stream->training;
  const gint64 rows = rows_of (self), hidden = config_of (self)->hidden_size,
               inner = rows * config_of (self)->intermediate_size;
  const gboolean again = output == NULL;
  COW_TRY (normalise (self, norm_of (self, i, COW_NORM2_WEIGHT), rows, acts->middle, acts->n2));
  COW_TRY (module_forward (self, i, COW_UP, again, acts->n2, acts->up));
  if (config_of (self)->gated) {
    COW_TRY (module_forward (self, i, COW_GATE, again, acts->n2, acts->gate));
    COW_TRY (training->gate (self->parent.stream, inner, acts->gate, acts->up, acts->act));
  } else {
    COW_TRY (self->parent.stream->operations->activate (self->parent.stream, CK_GELU, inner,
                                                        acts->up, acts->act));
  }
  if (again)
    return CK_OK;
  COW_TRY (module_forward (self, i, COW_DOWN, again, acts->act, self->down[i]));
  COW_TRY (copy (self, rows * hidden, acts->middle, output));
  return training->add_scaled (self->parent.stream, rows, hidden, self->down[i],
                               self->vectors.layers[i][COW_SCALE2], output);
}

static CowTrainActs *
acts_of (const CowVitTrain *self, int i)
{
  return &self->acts[self->options.checkpointing ? 0 : i];
}

static CkEmbed
embed_of (const CowVitTrain *self, float *tokens)
{
  return cow_vit_embed (config_of (self), &self->vectors, &self->patches.base, self->batch,
                        self->height, self->width, self->pixels, tokens);
}

/* Some layers and what goes with each: the places of their tokens or of the gradients of these. */
typedef struct {
  const int *layers; /* [n], ascending */
  guint n;
  float *const *tokens;          /* [n], of the forward */
  const float *const *gradients; /* [n], of the backward */
} Levels;

/* Which of the levels is behind layer i; n: none. */
static guint
level_of (const Levels *levels, int i)
{
  guint level = 0;
  while (level < levels->n && levels->layers[level] != i)
    level++;
  return level;
}

static CkStatus
forward (CowVitTrain *self, const Levels *levels)
{
  const CkEmbed embed = embed_of (self, self->inputs[0]);
  COW_TRY (put_keys (self));
  COW_TRY (self->parent.stream->operations->embed (self->parent.stream, &embed));
  for (int i = 0; i < config_of (self)->n_layers; i++) {
    const guint level = level_of (levels, i);
    COW_TRY (attention_forward (self, i, FALSE, acts_of (self, i)));
    COW_TRY (mlp_forward (self, i, acts_of (self, i), self->inputs[i + 1]));
    if (level < levels->n)
      COW_TRY (normalise (self, last_norm (self), rows_of (self), self->inputs[i + 1],
                          levels->tokens[level]));
  }
  return CK_OK;
}

static CkStatus
class_features (CowVitTrain *self)
{
  const gint64 hidden = config_of (self)->hidden_size;
  COW_TRY (self->parent.stream->operations->copy_rows (
      self->parent.stream, self->batch, hidden, self->inputs[config_of (self)->n_layers],
      self->tokens * hidden, self->class_tokens, hidden));
  return normalise (self, last_norm (self), self->batch, self->class_tokens, self->features);
}

/* The random factor on positions in training: log-uniform in [1 / rescale, rescale]. */
static float
position_factor (const CowVitTrain *self)
{
  const double rescale = config_of (self)->rope_rescale;
  if (!self->training || rescale <= 0)
    return 1;
  return (float)exp ((2 * cow_random_unit (self->key, 0) - 1) * log (rescale));
}

static gboolean
run (CowVitTrain *self, const float *pixels, int batch, int height, int width, gboolean training,
     guint64 key, const Levels *levels, GError **error)
{
  const CowVitConfig *config = config_of (self);
  if (!ensure_buffers (self, batch, cow_vit_config_n_tokens (config, height, width), error))
    return FALSE;
  self->height = height;
  self->width = width;
  self->training = training;
  self->key = key;
  self->pixels = pixels;
  return cow_vit_rope_ensure (&self->rope, self->parent.stream, config, height, width,
                              position_factor (self), error) &&
         cow_check (forward (self, levels), error, "the forward pass");
}

const float *
cow_vit_train_forward (CowTrainedBackbone *parent, const float *pixels, int batch, int height,
                       int width, gboolean training, guint64 key, GError **error)
{
  CowVitTrain *self = (CowVitTrain *)parent;
  return run (self, pixels, batch, height, width, training, key, &(Levels){ 0 }, error) &&
                 cow_check (class_features (self), error, "the class tokens")
             ? self->features
             : NULL;
}

gboolean
cow_vit_train_tokens (CowTrainedBackbone *self, const float *pixels, int batch, int height,
                      int width, gboolean training, guint64 key, const int *layers, guint n,
                      float *const *out, GError **error)
{
  const Levels levels = { .layers = layers, .n = n, .tokens = out };
  return run ((CowVitTrain *)self, pixels, batch, height, width, training, key, &levels, error);
}

/* ---- backward -------------------------------------------------------------------------------- */

static CkStatus
mlp_backward (const CowVitTrain *self, int i, const CowTrainActs *acts)
{
  const CkTraining *training = self->parent.stream->training;
  const gint64 rows = rows_of (self), hidden = config_of (self)->hidden_size,
               inner = rows * config_of (self)->intermediate_size;
  COW_TRY (training->add_scaled_backward (self->parent.stream, rows, hidden, self->dx,
                                          self->down[i], self->vectors.layers[i][COW_SCALE2],
                                          self->dhidden,
                                          gradient_of (self, self->indices.layers[i][COW_SCALE2])));
  COW_TRY (module_backward (self, i, COW_DOWN, acts->act, self->down[i], self->dhidden,
                            self->dinner, FALSE));
  if (config_of (self)->gated) {
    COW_TRY (training->gate_backward (self->parent.stream, inner, acts->gate, acts->up,
                                      self->dinner, self->dgate, self->dinner));
    COW_TRY (module_backward (self, i, COW_GATE, acts->n2, acts->gate, self->dgate, self->dhidden,
                              FALSE));
    COW_TRY (
        module_backward (self, i, COW_UP, acts->n2, acts->up, self->dinner, self->dhidden, TRUE));
  } else {
    COW_TRY (training->activate_backward (self->parent.stream, CK_GELU, inner, acts->up,
                                          self->dinner, self->dinner));
    COW_TRY (
        module_backward (self, i, COW_UP, acts->n2, acts->up, self->dinner, self->dhidden, FALSE));
  }
  return normalise_backward (self, norm_of (self, i, COW_NORM2_WEIGHT), rows, acts->middle,
                             self->dhidden, self->dx, TRUE);
}

static CkStatus
attention_backward (const CowVitTrain *self, int i, const CowTrainActs *acts)
{
  const CkTraining *training = self->parent.stream->training;
  const gint64 rows = rows_of (self), hidden = config_of (self)->hidden_size;
  /* Below the first trained layer nobody asks for a gradient. */
  const gboolean needed = self->scratch || i > self->first_trained;
  COW_TRY (training->add_scaled_backward (self->parent.stream, rows, hidden, self->dx, acts->o,
                                          self->vectors.layers[i][COW_SCALE1], self->dhidden,
                                          gradient_of (self, self->indices.layers[i][COW_SCALE1])));
  COW_TRY (module_backward (self, i, COW_O, acts->attended, acts->o, self->dhidden, self->dattended,
                            FALSE));
  const CkAttentionBackward attention = { .forward = attention_of (self, acts),
                                          .dout = self->dattended,
                                          .dq = self->dq,
                                          .dk = self->dk,
                                          .dv = self->dv };
  COW_TRY (training->attention_backward (self->parent.stream, &attention));
  float *dn1 = needed ? self->dhidden : NULL;
  COW_TRY (module_backward (self, i, COW_Q, acts->n1, acts->q, self->dq, dn1, FALSE));
  COW_TRY (module_backward (self, i, COW_K, acts->n1, acts->k, self->dk, dn1, TRUE));
  COW_TRY (module_backward (self, i, COW_V, acts->n1, acts->v, self->dv, dn1, TRUE));
  return needed ? normalise_backward (self, norm_of (self, i, COW_NORM1_WEIGHT), rows,
                                      self->inputs[i], self->dhidden, self->dx, TRUE)
                : CK_OK;
}

static CkStatus
embed_backward (const CowVitTrain *self)
{
  const CkEmbedBackward op = {
    .forward = embed_of (self, NULL),
    .dtokens = self->dx,
    .dweight = gradient_of (self, self->patches.weight),
    .dbias = gradient_of (self, self->patches.bias),
    .dprefix = gradient_of (self, self->indices.prefix),
    .dposition = gradient_of (self, self->indices.positions),
  };
  return self->parent.stream->training->embed_backward (self->parent.stream, &op);
}

/* From dx, the gradient behind the last layer, down to the first that trains; the levels' gradients
 * join it where they are. */
static CkStatus
descend (CowVitTrain *self, const Levels *levels)
{
  const int last = config_of (self)->n_layers - 1;
  for (int i = last; i >= (self->scratch ? 0 : self->first_trained); i--) {
    CowTrainActs *acts = acts_of (self, i);
    const guint level = level_of (levels, i);
    if (level < levels->n)
      COW_TRY (normalise_backward (self, last_norm (self), rows_of (self), self->inputs[i + 1],
                                   levels->gradients[level], self->dx, TRUE));
    /* The set still holds the last layer's values when its turn comes first. */
    if (self->options.checkpointing && i < last) {
      COW_TRY (attention_forward (self, i, TRUE, acts));
      COW_TRY (mlp_forward (self, i, acts, NULL));
    }
    COW_TRY (mlp_backward (self, i, acts));
    COW_TRY (attention_backward (self, i, acts));
  }
  return self->scratch ? embed_backward (self) : CK_OK;
}

static CkStatus
clear_dx (CowVitTrain *self)
{
  return self->parent.stream->operations->fill (self->parent.stream, self->dx,
                                                rows_of (self) * config_of (self)->hidden_size, 0);
}

static CkStatus
backward (CowVitTrain *self, const float *dfeatures)
{
  const gint64 hidden = config_of (self)->hidden_size;
  COW_TRY (normalise_backward (self, last_norm (self), self->batch, self->class_tokens, dfeatures,
                               self->dclass, FALSE));
  COW_TRY (clear_dx (self));
  COW_TRY (self->parent.stream->operations->copy_rows (self->parent.stream, self->batch, hidden,
                                                       self->dclass, hidden, self->dx,
                                                       self->tokens * hidden));
  return descend (self, &(Levels){ 0 });
}

gboolean
cow_vit_train_backward (CowTrainedBackbone *self, const float *dfeatures, GError **error)
{
  return cow_check (backward ((CowVitTrain *)self, dfeatures), error, "the backward pass");
}

gboolean
cow_vit_train_tokens_backward (CowTrainedBackbone *parent, const int *layers, guint n,
                               const float *const *dtokens, GError **error)
{
  CowVitTrain *self = (CowVitTrain *)parent;
  const Levels levels = { .layers = layers, .n = n, .gradients = dtokens };
  CkStatus status = clear_dx (self);
  if (status == CK_OK)
    status = descend (self, &levels);
  return cow_check (status, error, "the backward pass");
}
