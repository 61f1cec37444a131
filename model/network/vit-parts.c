/* SPDX-License-Identifier: MIT */
#include "model/network/vit-parts.h"

#include <string.h>

#include "model/files/floats.h"
#include "model/network/positions.h"

/* ---- vectors --------------------------------------------------------------------------------- */

void
cow_vit_vectors_init (CowVitVectors *self, const CowVitConfig *config)
{
  *self = (CowVitVectors){ .layers = g_malloc0_n ((gsize)config->n_layers, sizeof *self->layers) };
}

/* A checkpoint with more layers than its configuration would be computed wrongly, not partly:
 * refuse it. */
static gboolean
check_n_layers (const CowVitConfig *config, const CowCheckpoint *checkpoint, GError **error)
{
  for (guint i = 0; i < cow_checkpoint_n_tensors (checkpoint); i++) {
    const CowTensor *tensor = cow_checkpoint_nth (checkpoint, i);
    if (!g_str_has_prefix (tensor->name, "layer."))
      continue;
    guint64 layer = g_ascii_strtoull (tensor->name + strlen ("layer."), NULL, 10);
    if (layer >= (guint64)config->n_layers) {
      g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                   "%s: tensor %s belongs to a network of more than the %d layers that its "
                   "configuration says",
                   cow_checkpoint_file_of (checkpoint, tensor), tensor->name, config->n_layers);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
check_positions (const CowVitConfig *config, const CowCheckpoint *checkpoint, GError **error)
{
  if (config->family->learned_positions ||
      !cow_checkpoint_find (checkpoint, cow_vit_names.positions))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s has learned positions, but its configuration describes a %s, which has none",
               cow_checkpoint_path (checkpoint), config->family->title);
  return FALSE;
}

/* The names of what a layer may hold; what hangs on a weight's (".absmax") is weight-find's. */
static gboolean
is_known (const char *inside)
{
  for (guint v = 0; v < COW_N_VECTORS; v++)
    if (g_str_equal (inside, cow_vit_names.vectors[v]))
      return TRUE;
  for (guint m = 0; m < COW_N_MODULES; m++) {
    const gsize n = strlen (cow_vit_names.modules[m]);
    if (strncmp (inside, cow_vit_names.modules[m], n) == 0 && inside[n] == '.')
      return TRUE;
  }
  return FALSE;
}

/* A tensor in a layer that nothing computes with would change the results: a norm of queries, a
 * scale of another kind. */
static gboolean
check_known (const CowVitConfig *config, const CowCheckpoint *checkpoint, GError **error)
{
  for (guint i = 0; i < cow_checkpoint_n_tensors (checkpoint); i++) {
    const CowTensor *tensor = cow_checkpoint_nth (checkpoint, i);
    const char *dot =
        g_str_has_prefix (tensor->name, "layer.") ? strchr (tensor->name + 6, '.') : NULL;
    if (dot == NULL || is_known (dot + 1))
      continue;
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "%s: tensor %s is none of a %s: this is another network, which is not read",
                 cow_checkpoint_file_of (checkpoint, tensor), tensor->name, config->family->title);
    return FALSE;
  }
  return TRUE;
}

/* Keeps learned positions on the host, from which those of each size are made. */
static gboolean
load_learned (CowVitVectors *self, const CowCheckpoint *checkpoint, const CowVitTensor *part,
              GError **error)
{
  const CowTensor *tensor =
      cow_checkpoint_get (checkpoint, part->name, part->n_dims, part->dims, error);
  if (!tensor)
    return FALSE;
  g_free (self->learned);
  self->learned = cow_tensor_dup_f32 (tensor, cow_checkpoint_file_of (checkpoint, tensor), error);
  return self->learned != NULL;
}

/* Copies tokens to their rows of the prefix, which is allocated with the first. */
static gboolean
load_tokens (CowVitVectors *self, CkStream *stream, const CowVitConfig *config,
             const CowCheckpoint *checkpoint, const CowVitTensor *part, GError **error)
{
  const gsize hidden = (gsize)config->hidden_size, n = (gsize)part->dims[1] * hidden,
              first = part->part == COW_VIT_CLASS_TOKEN ? 0 : hidden;
  const CowTensor *tensor =
      cow_checkpoint_get (checkpoint, part->name, part->n_dims, part->dims, error);
  g_autofree float *host = tensor ? cow_floats_new (n, part->name, error) : NULL;
  if (!host ||
      !cow_tensor_to_f32 (tensor, cow_checkpoint_file_of (checkpoint, tensor), host, error))
    return FALSE;
  if (!self->prefix)
    self->prefix = ck_alloc (stream, (gsize)(1 + config->n_registers) * hidden * sizeof (float));
  return cow_check (self->prefix
                        ? ck_upload (stream, self->prefix + first, host, n * sizeof (float))
                        : CK_NO_MEMORY,
                    error, "uploading %s", part->name);
}

/* Where a tensor goes that is loaded as it is; NULL for those that are not. */
static float **
place_of (CowVitVectors *self, const CowVitTensor *tensor)
{
  switch (tensor->part) {
  case COW_VIT_POSITIONS:
    return &self->positions;
  case COW_VIT_VECTOR:
    return &self->layers[tensor->layer][tensor->index];
  case COW_VIT_NORM_WEIGHT:
    return &self->norm_weight;
  case COW_VIT_NORM_BIAS:
    return &self->norm_bias;
  default:
    return NULL;
  }
}

gboolean
cow_vit_vectors_load (CowVitVectors *self, CkStream *stream, const CowVitConfig *config,
                      const CowCheckpoint *checkpoint, GError **error)
{
  g_autoptr (GArray) layout = cow_vit_layout_new (config, COW_VIT_LOADED);
  if (!check_n_layers (config, checkpoint, error) || !check_known (config, checkpoint, error) ||
      !check_positions (config, checkpoint, error))
    return FALSE;
  for (guint i = 0; i < layout->len; i++) {
    const CowVitTensor *tensor = &g_array_index (layout, CowVitTensor, i);
    float **place = place_of (self, tensor);
    if (tensor->part == COW_VIT_CLASS_TOKEN || tensor->part == COW_VIT_REGISTERS) {
      if (!load_tokens (self, stream, config, checkpoint, tensor, error))
        return FALSE;
      continue;
    }
    if (tensor->part == COW_VIT_POSITIONS && config->family->any_size) {
      if (!load_learned (self, checkpoint, tensor, error))
        return FALSE;
      continue;
    }
    gint64 n = 1;
    for (guint d = 0; d < tensor->n_dims; d++)
      n *= tensor->dims[d];
    if (place && !(*place = cow_vector_upload (stream, checkpoint, tensor->name, n, error)))
      return FALSE;
  }
  return TRUE;
}

void
cow_vit_vectors_free (CowVitVectors *self, CkStream *stream, const CowVitConfig *config)
{
  float *single[] = { self->prefix, self->positions, self->norm_weight, self->norm_bias };
  for (guint i = 0; i < G_N_ELEMENTS (single); i++)
    ck_free (stream, single[i]);
  for (int layer = 0; self->layers && layer < config->n_layers; layer++)
    for (guint v = 0; v < COW_N_VECTORS; v++)
      ck_free (stream, self->layers[layer][v]);
}

void
cow_vit_vectors_clear (CowVitVectors *self)
{
  g_free (self->layers);
  g_free (self->learned);
  memset (self, 0, sizeof *self);
}

/* ---- operations ------------------------------------------------------------------------------ */

gboolean
cow_vit_positions_ensure (CowVitVectors *self, CkStream *stream, const CowVitConfig *config,
                          int height, int width, GError **error)
{
  const int rows = height / config->patch_size, columns = width / config->patch_size;
  if (!self->learned || (self->positions && rows == self->rows && columns == self->columns))
    return TRUE;
  const gsize n =
      (gsize)cow_vit_config_n_tokens (config, height, width) * (gsize)config->hidden_size;
  g_autofree float *host = g_try_new (float, n);
  CkStatus status = CK_NO_MEMORY;
  ck_free (stream, self->positions);
  self->positions = host ? ck_alloc (stream, n * sizeof (float)) : NULL;
  if (self->positions) {
    status = cow_positions_fit (config, self->learned, rows, columns, host, NULL)
                 ? ck_upload (stream, self->positions, host, n * sizeof (float))
                 : CK_NO_MEMORY;
  }
  if (status != CK_OK) {
    ck_free (stream, self->positions);
    self->positions = NULL;
    return cow_check (status, error, "positions of %d x %d patches", rows, columns);
  }
  self->rows = rows;
  self->columns = columns;
  return TRUE;
}

gboolean
cow_vit_rope_ensure (CowRope *rope, CkStream *stream, const CowVitConfig *config, int height,
                     int width, float factor, GError **error)
{
  return !config->family->rotary ||
         cow_rope_ensure (rope, stream, config, height / config->patch_size,
                          width / config->patch_size, factor, error);
}

CkEmbed
cow_vit_embed (const CowVitConfig *config, const CowVitVectors *vectors, const CowLinear *patches,
               gint64 batch, int height, int width, const float *pixels, float *tokens)
{
  return (CkEmbed){
    .batch = batch,
    .channels = config->n_channels,
    .height = height,
    .width = width,
    .patch = config->patch_size,
    .weight = patches->weight,
    .bias = patches->bias,
    .dim = config->hidden_size,
    .n_prefix = 1 + config->n_registers,
    .prefix = vectors->prefix,
    .position = vectors->positions,
    .pixels = pixels,
    .tokens = tokens,
  };
}

CkAttention
cow_vit_attention (const CowVitConfig *config, const CowRope *rope, gint64 batch, gint64 tokens,
                   const float *q, const float *k, const float *v, float *out)
{
  return (CkAttention){
    .batch = batch,
    .tokens = tokens,
    .heads = config->n_heads,
    .head_dim = config->hidden_size / config->n_heads,
    .prefix = 1 + config->n_registers,
    .cos = rope->cos,
    .sin = rope->sin,
    .q = q,
    .k = k,
    .v = v,
    .out = ck_f32 (out),
  };
}

CkType
cow_vit_attention_products (const CkDevice *device, CkType factors)
{
  return factors == CK_I8 && device->products & CK_USE_F16 ? CK_F16 : factors;
}
