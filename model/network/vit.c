/* SPDX-License-Identifier: MIT */
/*
 * DINOv3's forward pass. Source of the formulas: transformers modeling_dinov3_vit.py and the DINOv3
 * paper (Siméoni et al., 2025). All activations live in one workspace per (batch, tokens),
 * allocated when the shape first comes and kept.
 */
#include "model/network/vit.h"

#include <string.h>

#include "model/network/linear.h"
#include "model/network/rope.h"

typedef struct {
  float *weight, *bias; /* [hidden], device memory */
} Norm;

typedef struct {
  Norm norm1, norm2;
  float *scale1, *scale2; /* [hidden], device memory: the layer scales; NULL in a timm network */
  CowLinear module[COW_N_MODULES];
} Layer;

/* Activations of one input shape, device memory. */
typedef struct {
  gint64 batch, tokens;
  float *x, *normed, *q, *k, *v; /* [batch * tokens, hidden] */
  float *mlp;                    /* [batch * tokens, intermediate] */
} Workspace;

struct _CowVit {
  CkBackend *backend;
  CowVitConfig config;
  CowLinear patches;
  float *prefix;   /* [1 + registers, hidden], device memory */
  float *position; /* [tokens, hidden] in a timm network, else NULL */
  Layer *layers;   /* [n_layers] */
  Norm norm;
  Workspace work;
  CowRope rope;
};

static gboolean
init_norm (CowVit *self, Norm *norm, const CowCheckpoint *checkpoint, const char *name,
           GError **error)
{
  g_autofree char *weight = g_strconcat (name, ".weight", NULL),
                  *bias = g_strconcat (name, ".bias", NULL);
  norm->weight =
      cow_vector_upload (self->backend, checkpoint, weight, self->config.hidden_size, error);
  if (!norm->weight)
    return FALSE;
  norm->bias = cow_vector_upload (self->backend, checkpoint, bias, self->config.hidden_size, error);
  return norm->bias != NULL;
}

/* Class token and registers, one matrix. */
static gboolean
init_prefix (CowVit *self, const CowCheckpoint *checkpoint, GError **error)
{
  const char *names[] = { "embeddings.cls_token", "embeddings.register_tokens" };
  const gint64 counts[] = { 1, self->config.n_registers };
  const gint64 hidden = self->config.hidden_size;
  g_autofree float *host = g_new (float, (1 + self->config.n_registers) * hidden);
  gint64 at = 0;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    if (counts[i] == 0)
      continue;
    const gint64 dims[] = { 1, counts[i], hidden };
    const CowTensor *tensor = cow_checkpoint_get (checkpoint, names[i], 3, dims, error);
    if (!tensor || !cow_tensor_to_f32 (tensor, cow_checkpoint_file_of (checkpoint, tensor),
                                       host + at * hidden, error))
      return FALSE;
    at += counts[i];
  }
  const gsize bytes = (gsize)(at * hidden) * sizeof (float);
  self->prefix = self->backend->alloc (self->backend, bytes);
  return cow_check (self->prefix ? self->backend->upload (self->backend, self->prefix, host, bytes)
                                 : CK_NO_MEMORY,
                    error, "uploading tokens");
}

static gboolean
init_patches (CowVit *self, const CowCheckpoint *checkpoint, GError **error)
{
  const CowVitConfig *config = &self->config;
  const gint64 dims[] = { config->hidden_size, config->n_channels, config->patch_size,
                          config->patch_size };
  if (!cow_checkpoint_get (checkpoint, "embeddings.patch_embeddings.weight", 4, dims, error))
    return FALSE;
  return cow_linear_init (&self->patches, self->backend, checkpoint, "embeddings.patch_embeddings",
                          dims[0], dims[1] * dims[2] * dims[3], TRUE, NULL, error);
}

static gboolean
init_layer (CowVit *self, int i, const CowCheckpoint *checkpoint, const CowAdapter *adapter,
            GError **error)
{
  Layer *layer = &self->layers[i];
  g_autofree char *norm1 = g_strdup_printf ("layer.%d.norm1", i),
                  *norm2 = g_strdup_printf ("layer.%d.norm2", i);
  g_autofree char *scale1 = g_strdup_printf ("layer.%d.layer_scale1.lambda1", i);
  g_autofree char *scale2 = g_strdup_printf ("layer.%d.layer_scale2.lambda1", i);
  if (!init_norm (self, &layer->norm1, checkpoint, norm1, error) ||
      !init_norm (self, &layer->norm2, checkpoint, norm2, error))
    return FALSE;
  if (!self->config.timm) {
    layer->scale1 =
        cow_vector_upload (self->backend, checkpoint, scale1, self->config.hidden_size, error);
    if (!layer->scale1)
      return FALSE;
    layer->scale2 =
        cow_vector_upload (self->backend, checkpoint, scale2, self->config.hidden_size, error);
    if (!layer->scale2)
      return FALSE;
  }
  for (CowModule module = 0; module < COW_N_MODULES; module++) {
    gint64 out, in;
    gboolean bias;
    if (!cow_vit_config_module (&self->config, module, &out, &in, &bias))
      continue;
    g_autofree char *name = g_strdup_printf ("layer.%d.%s", i, cow_module_name (module));
    const CowLora *lora = adapter ? cow_adapter_get (adapter, i, module) : NULL;
    if (!cow_linear_init (&layer->module[module], self->backend, checkpoint, name, out, in, bias,
                          lora, error))
      return FALSE;
  }
  return TRUE;
}

/* timm's learned positions, which fit one size of picture. */
static gboolean
init_position (CowVit *self, const CowCheckpoint *checkpoint, GError **error)
{
  const char *name = "embeddings.position_embeddings";
  const gint64 tokens = cow_vit_n_tokens (self, self->config.image_size, self->config.image_size);
  if (!self->config.timm && !cow_checkpoint_find (checkpoint, name))
    return TRUE;
  if (!self->config.timm) {
    g_set_error (
        error, COW_ERROR, COW_ERROR_MISMATCH,
        "%s has learned positions, but its configuration describes a DINOv3, which has none",
        cow_checkpoint_path (checkpoint));
    return FALSE;
  }
  self->position =
      cow_vector_upload (self->backend, checkpoint, name, tokens * self->config.hidden_size, error);
  return self->position != NULL;
}

/* A checkpoint with more layers than its configuration would be computed wrongly, not partly:
 * refuse it. */
static gboolean
check_n_layers (const CowVit *self, const CowCheckpoint *checkpoint, GError **error)
{
  for (guint i = 0; i < cow_checkpoint_n_tensors (checkpoint); i++) {
    const CowTensor *tensor = cow_checkpoint_nth (checkpoint, i);
    if (!g_str_has_prefix (tensor->name, "layer."))
      continue;
    guint64 layer = g_ascii_strtoull (tensor->name + strlen ("layer."), NULL, 10);
    if (layer >= (guint64)self->config.n_layers) {
      g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                   "%s: tensor %s belongs to a network of more than the %d layers that its "
                   "configuration says",
                   cow_checkpoint_file_of (checkpoint, tensor), tensor->name,
                   self->config.n_layers);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
init (CowVit *self, const CowCheckpoint *checkpoint, const CowAdapter *adapter, GError **error)
{
  if (!check_n_layers (self, checkpoint, error) || !init_prefix (self, checkpoint, error) ||
      !init_position (self, checkpoint, error) || !init_patches (self, checkpoint, error))
    return FALSE;
  for (int i = 0; i < self->config.n_layers; i++)
    if (!init_layer (self, i, checkpoint, adapter, error))
      return FALSE;
  return init_norm (self, &self->norm, checkpoint, "norm", error);
}

CowVit *
cow_vit_new (CkBackend *backend, const CowVitConfig *config, const CowCheckpoint *checkpoint,
             const CowAdapter *adapter, GError **error)
{
  g_autoptr (CowVit) self = g_new0 (CowVit, 1);
  self->backend = backend;
  self->config = *config;
  self->layers = g_new0 (Layer, config->n_layers);
  return init (self, checkpoint, adapter, error) ? g_steal_pointer (&self) : NULL;
}

static void
clear_norm (CkBackend *backend, Norm *norm)
{
  backend->free (backend, norm->weight);
  backend->free (backend, norm->bias);
}

static void
clear_workspace (CkBackend *backend, Workspace *work)
{
  float *buffers[] = { work->x, work->normed, work->q, work->k, work->v, work->mlp };
  for (guint i = 0; i < G_N_ELEMENTS (buffers); i++)
    backend->free (backend, buffers[i]);
  memset (work, 0, sizeof *work);
}

void
cow_vit_free (CowVit *self)
{
  if (!self)
    return;
  CkBackend *backend = self->backend;
  cow_linear_clear (&self->patches);
  backend->free (backend, self->prefix);
  backend->free (backend, self->position);
  clear_norm (backend, &self->norm);
  for (int i = 0; i < self->config.n_layers; i++) {
    Layer *layer = &self->layers[i];
    clear_norm (backend, &layer->norm1);
    clear_norm (backend, &layer->norm2);
    backend->free (backend, layer->scale1);
    backend->free (backend, layer->scale2);
    for (CowModule module = 0; module < COW_N_MODULES; module++)
      cow_linear_clear (&layer->module[module]);
  }
  clear_workspace (backend, &self->work);
  cow_rope_clear (&self->rope, backend);
  g_free (self->layers);
  g_free (self);
}

const CowVitConfig *
cow_vit_config (const CowVit *self)
{
  return &self->config;
}

gint64
cow_vit_n_tokens (const CowVit *self, int height, int width)
{
  const int patch = self->config.patch_size;
  return 1 + self->config.n_registers + (gint64)(height / patch) * (width / patch);
}

static gboolean
ensure_workspace (CowVit *self, gint64 batch, gint64 tokens, GError **error)
{
  Workspace *work = &self->work;
  if (work->batch == batch && work->tokens == tokens)
    return TRUE;
  clear_workspace (self->backend, work);
  gsize rows, wide, inner, bytes = 0;
  float **buffers[] = { &work->x, &work->normed, &work->q, &work->k, &work->v };
  if (!g_size_checked_mul (&rows, (gsize)batch, (gsize)tokens) ||
      !g_size_checked_mul (&wide, rows, (gsize)self->config.hidden_size * sizeof (float)) ||
      !g_size_checked_mul (&inner, rows, (gsize)self->config.intermediate_size * sizeof (float)))
    return cow_check (CK_BAD_SHAPE, error,
                      "a batch of %" G_GINT64_FORMAT " pictures of %" G_GINT64_FORMAT " tokens",
                      batch, tokens);
  gboolean complete = (work->mlp = self->backend->alloc (self->backend, inner)) != NULL;
  bytes += inner;
  for (guint i = 0; i < G_N_ELEMENTS (buffers) && complete; i++, bytes += wide)
    complete = (*buffers[i] = self->backend->alloc (self->backend, wide)) != NULL;
  if (!complete) {
    clear_workspace (self->backend, work);
    return cow_check (CK_NO_MEMORY, error,
                      "activations of a batch of %" G_GINT64_FORMAT " pictures of %" G_GINT64_FORMAT
                      " tokens (more than %" G_GSIZE_FORMAT " MiB)",
                      batch, tokens, bytes >> 20);
  }
  work->batch = batch;
  work->tokens = tokens;
  return TRUE;
}

/* What follows a linear layer on its way, beside its own bias and adapter. */
typedef struct {
  CkActivation activation;
  const float *times, *scale, *residual;
} After;

static CkStatus
apply (const CowLinear *linear, gint64 rows, const float *x, After after, float *y)
{
  CkLinear layer = {
    .weight = linear->weight,
    .adapter = linear->adapted ? &linear->adapter : NULL,
    .bias = linear->bias,
    .activation = after.activation,
    .times = after.times,
    .scale = after.scale,
    .residual = after.residual,
  };
  CkInput input = { CK_F32, x };
  return linear->backend->linear (linear->backend, &layer, rows, &input, y);
}

static CkStatus
normalise (CowVit *self, const Norm *norm, gint64 rows)
{
  CkNorm op = { norm->weight, norm->bias, self->config.norm_epsilon };
  return self->backend->norm (self->backend, &op, rows, self->config.hidden_size, self->work.x,
                              self->work.normed);
}

/* x += scale1 * Attention (norm1 x) */
static CkStatus
attend (CowVit *self, const Layer *layer)
{
  Workspace *work = &self->work;
  const gint64 rows = work->batch * work->tokens;
  CkStatus status = normalise (self, &layer->norm1, rows);
  if (status == CK_OK)
    status = apply (&layer->module[COW_Q], rows, work->normed, (After){ 0 }, work->q);
  if (status == CK_OK)
    status = apply (&layer->module[COW_K], rows, work->normed, (After){ 0 }, work->k);
  if (status == CK_OK)
    status = apply (&layer->module[COW_V], rows, work->normed, (After){ 0 }, work->v);
  if (status != CK_OK)
    return status;
  CkAttention attention = {
    .batch = work->batch,
    .tokens = work->tokens,
    .heads = self->config.n_heads,
    .head_dim = self->config.hidden_size / self->config.n_heads,
    .prefix = 1 + self->config.n_registers,
    .cos = self->rope.cos,
    .sin = self->rope.sin,
    .q = work->q,
    .k = work->k,
    .v = work->v,
    .out = work->normed,
  };
  status = self->backend->attention (self->backend, &attention);
  if (status != CK_OK)
    return status;
  return apply (&layer->module[COW_O], rows, work->normed,
                (After){ .scale = layer->scale1, .residual = work->x }, work->x);
}

/* x += scale2 * MLP (norm2 x) */
static CkStatus
transform (CowVit *self, const Layer *layer)
{
  Workspace *work = &self->work;
  const gint64 rows = work->batch * work->tokens;
  const gboolean gated = self->config.gated;
  CkStatus status = normalise (self, &layer->norm2, rows);
  if (status == CK_OK)
    status = apply (&layer->module[COW_UP], rows, work->normed,
                    (After){ .activation = gated ? CK_IDENTITY : CK_GELU }, work->mlp);
  if (status == CK_OK && gated)
    status = apply (&layer->module[COW_GATE], rows, work->normed,
                    (After){ .activation = CK_SILU, .times = work->mlp }, work->mlp);
  if (status != CK_OK)
    return status;
  return apply (&layer->module[COW_DOWN], rows, work->mlp,
                (After){ .scale = layer->scale2, .residual = work->x }, work->x);
}

static gboolean
check_input (const CowVit *self, int batch, int height, int width, GError **error)
{
  const int patch = self->config.patch_size;
  const int side = self->config.image_size;
  const gboolean fits =
      batch > 0 && height >= patch && width >= patch && height % patch == 0 && width % patch == 0;
  if (fits && self->config.timm && (height != side || width != side)) {
    g_set_error (
        error, COW_ERROR, COW_ERROR_ARGUMENT,
        "pictures of %d x %d (width x height): this network has positions for %d x %d only", width,
        height, side, side);
    return FALSE;
  }
  if (fits)
    return TRUE;
  g_set_error (
      error, COW_ERROR, COW_ERROR_ARGUMENT,
      "pictures of %d x %d (width x height), %d of them: both sides must be multiples of %d", width,
      height, batch, patch);
  return FALSE;
}

static CkStatus
embed (CowVit *self, const float *pixels, int height, int width)
{
  const CowVitConfig *config = &self->config;
  CkEmbed op = {
    .batch = self->work.batch,
    .channels = config->n_channels,
    .height = height,
    .width = width,
    .patch = config->patch_size,
    .weight = self->patches.weight,
    .bias = self->patches.bias,
    .dim = config->hidden_size,
    .n_prefix = 1 + config->n_registers,
    .prefix = self->prefix,
    .position = self->position,
    .pixels = pixels,
    .tokens = self->work.x,
  };
  return self->backend->embed (self->backend, &op);
}

const float *
cow_vit_forward (CowVit *self, const float *pixels, int batch, int height, int width,
                 GError **error)
{
  const int patch = self->config.patch_size;
  if (!check_input (self, batch, height, width, error) ||
      !ensure_workspace (self, batch, cow_vit_n_tokens (self, height, width), error) ||
      (!self->config.timm && !cow_rope_ensure (&self->rope, self->backend, &self->config,
                                               height / patch, width / patch, 1, error)))
    return NULL;
  if (!cow_check (embed (self, pixels, height, width), error, "patch embedding"))
    return NULL;
  for (int i = 0; i < self->config.n_layers; i++) {
    if (!cow_check (attend (self, &self->layers[i]), error, "attention of layer %d", i) ||
        !cow_check (transform (self, &self->layers[i]), error, "MLP of layer %d", i))
      return NULL;
  }
  if (!cow_check (normalise (self, &self->norm, self->work.batch * self->work.tokens), error,
                  "final norm"))
    return NULL;
  return self->work.normed;
}

gboolean
cow_vit_merged_weight (CowVit *self, int layer, CowModule module, float *out, GError **error)
{
  g_return_val_if_fail (layer >= 0 && layer < self->config.n_layers &&
                            self->layers[layer].module[module].weight,
                        FALSE);
  return cow_linear_merged (&self->layers[layer].module[module], out, error);
}
