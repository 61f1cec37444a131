/* SPDX-License-Identifier: MIT */
/*
 * The forward pass of a vision transformer. Source of the formulas: transformers
 * modeling_dinov3_vit.py and the DINOv3 paper (Siméoni et al., 2025); timm vision_transformer.py.
 * All activations live in one workspace, which grows to the largest batch that comes and is kept.
 * Where nobody asks for the last layer's tokens, that layer computes the class tokens
 * alone: all tokens' keys and values, but one query, projection and MLP a picture.
 */
#include "model/network/vit.h"

#include <string.h>

#include "model/network/vit-graph.h"
#include "model/network/vit-parts.h"

/* Activations of the last input shape, in device memory for the largest one that came. */
typedef struct {
  gint64 batch, tokens;
  gsize rows, pictures;          /* that there is room for */
  float *x, *normed, *q, *k, *v; /* [batch * tokens, hidden] */
  float *mlp;                    /* [batch * tokens, intermediate] */
  /* [batch, hidden], before and after a norm: the last one, and that before the queries of a last
   * layer that computes class tokens alone */
  float *class_tokens, *features;
} Workspace;

#define AT(member) G_STRUCT_OFFSET (Workspace, member)

/* One row a token, */
static const CowVitBuffer token_buffers[] = {
  { AT (x), COW_VIT_HIDDEN, FALSE }, { AT (normed), COW_VIT_HIDDEN, FALSE },
  { AT (q), COW_VIT_HIDDEN, FALSE }, { AT (k), COW_VIT_HIDDEN, FALSE },
  { AT (v), COW_VIT_HIDDEN, FALSE }, { AT (mlp), COW_VIT_INTERMEDIATE, FALSE },
};
/* and one a picture. */
static const CowVitBuffer picture_buffers[] = {
  { AT (class_tokens), COW_VIT_HIDDEN, FALSE },
  { AT (features), COW_VIT_HIDDEN, FALSE },
};

typedef struct {
  CowBackbone parent;
  CowVitVectors vectors;
  CowLinear patches;
  CowLinear (*layers)[COW_N_MODULES]; /* [n_layers] */
  gboolean *streamed;                 /* [n_linear] */
  const CowCheckpoint *checkpoint;    /* that they are computed from; borrowed */
  Workspace work;
  CowRope rope;
} CowVit;

static const CowVitConfig *
config_of (const CowVit *self)
{
  return &self->parent.config.vit;
}

/* ---- what it is ------------------------------------------------------------------------------ */

static gboolean
has_type (const char *model_type)
{
  return cow_vit_family_find (model_type) != NULL;
}

static gboolean
has_tensors (const CowCheckpoint *checkpoint)
{
  return cow_checkpoint_find (checkpoint, "embeddings.patch_embeddings.weight") != NULL;
}

static void
complete_config (CowBackboneConfig *config)
{
  config->model_type = config->vit.family->model_type;
  config->title = config->vit.family->title;
  config->n_features = config->vit.hidden_size;
}

static gboolean
read_config (const char *path, const CowCheckpoint *checkpoint, CowBackboneConfig *config,
             GError **error)
{
  if (!cow_vit_config_for (path, checkpoint, &config->vit, error))
    return FALSE;
  complete_config (config);
  return TRUE;
}

static gboolean
check_size (const CowBackboneConfig *config, int width, int height, GError **error)
{
  return cow_vit_config_check_size (&config->vit, width, height, error);
}

static gint64
n_tokens (const CowBackboneConfig *config, int height, int width)
{
  return cow_vit_config_n_tokens (&config->vit, height, width);
}

static gsize
workspace_bytes (const CowBackboneConfig *config, int batch, int height, int width)
{
  const gsize tokens = (gsize)n_tokens (config, height, width), n = (gsize)batch;
  return cow_vit_buffers_bytes (&config->vit, token_buffers, G_N_ELEMENTS (token_buffers),
                                n * tokens) +
         cow_vit_buffers_bytes (&config->vit, picture_buffers, G_N_ELEMENTS (picture_buffers), n);
}

/* The modules [COW_N_MODULES] that this network's layers have; returns their number. */
static guint
list_modules (const CowVitConfig *config, CowModule *modules)
{
  gint64 out, in;
  gboolean bias;
  guint n = 0;
  for (CowModule module = 0; module < COW_N_MODULES; module++)
    if (cow_vit_config_module (config, module, &out, &in, &bias))
      modules[n++] = module;
  return n;
}

static guint
n_linear (const CowBackboneConfig *config)
{
  CowModule modules[COW_N_MODULES];
  return (guint)config->vit.n_layers * list_modules (&config->vit, modules);
}

static CkLinearShape
linear_shape (const CowBackboneConfig *config, guint i, gint64 rows, const CowAdapterShape *adapter)
{
  CowModule modules[COW_N_MODULES];
  const CowModule module = modules[i % list_modules (&config->vit, modules)];
  CkLinearShape shape = { .rows = rows };
  gboolean bias;
  cow_vit_config_module (&config->vit, module, &shape.source.out, &shape.source.in, &bias);
  if (adapter->modules & 1u << module) {
    shape.rank = adapter->rank;
    shape.dropout = adapter->dropout;
  }
  return shape;
}

static gint64
linear_size (const CowBackboneConfig *config, guint i)
{
  const CkLinearShape shape = linear_shape (config, i, 0, &(CowAdapterShape){ 0 });
  return shape.source.out * shape.source.in;
}

static void
shapes (const CowBackboneConfig *config, const CowAdapterShape *adapter, int batch, int height,
        int width, CowPassShapes *self)
{
  const CowVitConfig *vit = &config->vit;
  const gint64 tokens = n_tokens (config, height, width);
  self->linear = g_array_new (FALSE, FALSE, sizeof (CkLinearShape));
  self->convolutions = g_array_new (FALSE, FALSE, sizeof (CkConvolution));
  for (guint i = 0; i < n_linear (config); i++) {
    const CkLinearShape shape = linear_shape (config, i, batch * tokens, adapter);
    g_array_append_val (self->linear, shape);
  }
  self->attention = cow_vit_attention (vit, &(CowRope){ 0 }, batch, tokens, NULL, NULL, NULL, NULL);
  self->attention.products = ck_uses_factors (cow_precision_uses (config->precision));
  self->plan = (CkMemoryPlan){ .attention = &self->attention,
                               .rows = batch * tokens,
                               .cols = vit->hidden_size };
}

static gint64
n_parameters (const CowBackboneConfig *config)
{
  return cow_vit_config_n_parameters (&config->vit);
}

static gint64
n_trained (const CowBackboneConfig *config)
{
  return cow_vit_config_n_trained (&config->vit);
}

/* ---- loading --------------------------------------------------------------------------------- */

/* Pixels are embedded once, and everything follows from it: 8 bits and halves are too few. */
static CkWeightUses
patch_products (const CowVit *self)
{
  return self->parent.config.precision > COW_PRECISION_FP32
             ? (CkWeightUses)(self->parent.stream->device->products & CK_USE_INT16)
             : (CkWeightUses)0;
}

static gboolean
init_patches (CowVit *self, const CowCheckpoint *checkpoint, GError **error)
{
  const CowVitConfig *config = config_of (self);
  const gint64 dims[] = { config->hidden_size, config->n_channels, config->patch_size,
                          config->patch_size };
  g_autofree char *weight = g_strconcat (cow_vit_names.patches, ".weight", NULL);
  return cow_checkpoint_get (checkpoint, weight, 4, dims, error) &&
         cow_linear_init (&self->patches, self->parent.stream, checkpoint, cow_vit_names.patches,
                          dims[0], dims[1] * dims[2] * dims[3], TRUE, NULL, patch_products (self),
                          error);
}

static char *
module_name (int layer, CowModule module)
{
  return g_strdup_printf ("layer.%d.%s", layer, cow_module_name (module));
}

/* Of linear layer i in some precision. */
static CkWeightUses
uses_of (const CowVit *self, guint i, CowPrecision precision)
{
  return (CkWeightUses)(cow_precision_uses (precision) |
                        (self->streamed[i] ? CK_USE_STREAMED : (CkWeightUses)0));
}

static gboolean
init_module (CowVit *self, int layer, CowModule module, CkWeightUses uses,
             const CowCheckpoint *checkpoint, const CowAdapter *adapter, GError **error)
{
  gint64 out, in;
  gboolean bias;
  cow_vit_config_module (config_of (self), module, &out, &in, &bias);
  g_autofree char *name = module_name (layer, module);
  return cow_linear_init (&self->layers[layer][module], self->parent.stream, checkpoint, name, out,
                          in, bias, adapter ? cow_adapter_get (adapter, layer, module) : NULL, uses,
                          error);
}

static gboolean
load (CowVit *self, const CowCheckpoint *checkpoint, const CowAdapter *adapter, GError **error)
{
  if (!cow_vit_vectors_load (&self->vectors, self->parent.stream, config_of (self), checkpoint,
                             error) ||
      !init_patches (self, checkpoint, error))
    return FALSE;
  CowModule modules[COW_N_MODULES];
  const guint n = list_modules (config_of (self), modules);
  for (guint i = 0; i < n_linear (&self->parent.config); i++)
    if (!init_module (self, (int)(i / n), modules[i % n],
                      uses_of (self, i, self->parent.config.precision), checkpoint, adapter, error))
      return FALSE;
  return TRUE;
}

static void
clear_workspace (CowVit *self)
{
  CkStream *stream = self->parent.stream;
  cow_vit_buffers_clear (stream, token_buffers, G_N_ELEMENTS (token_buffers), &self->work);
  cow_vit_buffers_clear (stream, picture_buffers, G_N_ELEMENTS (picture_buffers), &self->work);
  self->work = (Workspace){ 0 };
}

static void
vit_free (CowBackbone *parent)
{
  CowVit *self = (CowVit *)parent;
  clear_workspace (self);
  cow_vit_vectors_free (&self->vectors, parent->stream, config_of (self));
  cow_linear_clear (&self->patches);
  for (int layer = 0; layer < config_of (self)->n_layers; layer++)
    for (CowModule module = 0; module < COW_N_MODULES; module++)
      cow_linear_clear (&self->layers[layer][module]);
  cow_rope_clear (&self->rope, parent->stream);
  cow_vit_vectors_clear (&self->vectors);
  g_free (self->layers);
  g_free (self->streamed);
  g_free (self);
}

static gboolean
check_channels (const CowBackboneConfig *config, const CowCheckpoint *checkpoint, GError **error)
{
  if (config->vit.n_channels == 3)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
               "%s: a network for pictures of %d channels; only 3 (RGB) are supported",
               cow_checkpoint_path (checkpoint), config->vit.n_channels);
  return FALSE;
}

static CowBackbone *
vit_open (CkStream *stream, const CowBackboneConfig *config, const CowCheckpoint *checkpoint,
          const CowAdapter *adapter, GError **error)
{
  if (!check_channels (config, checkpoint, error))
    return NULL;
  CowVit *self = g_new0 (CowVit, 1);
  self->parent = (CowBackbone){ .stream = stream, .config = *config };
  self->checkpoint = checkpoint;
  self->layers = g_malloc0_n ((gsize)config->vit.n_layers, sizeof *self->layers);
  self->streamed = cow_backbone_streamed (config);
  cow_vit_vectors_init (&self->vectors, &config->vit);
  if (load (self, checkpoint, adapter, error))
    return &self->parent;
  vit_free (&self->parent);
  return NULL;
}

/* ---- precision ------------------------------------------------------------------------------- */

static char *
linear_name (const CowBackboneConfig *config, guint i)
{
  CowModule modules[COW_N_MODULES];
  const guint n = list_modules (&config->vit, modules);
  return module_name ((int)(i / n), modules[i % n]);
}

static gboolean
set_precision (CowBackbone *parent, guint i, CowPrecision precision, GError **error)
{
  CowVit *self = (CowVit *)parent;
  CowModule modules[COW_N_MODULES];
  const guint n = list_modules (config_of (self), modules);
  g_autofree char *name = linear_name (&parent->config, i);
  return cow_linear_set_products (&self->layers[i / n][modules[i % n]], self->checkpoint, name,
                                  uses_of (self, i, precision), error);
}

/* ---- the forward pass ------------------------------------------------------------------------ */

/* Makes room for so many tokens and pictures, and for what there was room for before. */
static gboolean
grow_workspace (CowVit *self, gsize rows, gsize pictures)
{
  Workspace *work = &self->work;
  const CowVitConfig *config = config_of (self);
  CkStream *stream = self->parent.stream;
  rows = MAX (rows, work->rows);
  pictures = MAX (pictures, work->pictures);
  clear_workspace (self);
  if (!cow_vit_buffers_reserve (stream, config, token_buffers, G_N_ELEMENTS (token_buffers), rows,
                                work) ||
      !cow_vit_buffers_reserve (stream, config, picture_buffers, G_N_ELEMENTS (picture_buffers),
                                pictures, work)) {
    clear_workspace (self);
    return FALSE;
  }
  work->rows = rows;
  work->pictures = pictures;
  return TRUE;
}

static gboolean
ensure_workspace (CowVit *self, gint64 batch, gint64 tokens, GError **error)
{
  Workspace *work = &self->work;
  gsize rows, most;
  const gsize row =
      cow_vit_buffers_bytes (config_of (self), token_buffers, G_N_ELEMENTS (token_buffers), 1);
  if (!g_size_checked_mul (&rows, (gsize)batch, (gsize)tokens) ||
      !g_size_checked_mul (&most, rows, row))
    return cow_check (CK_BAD_SHAPE, error,
                      "a batch of %" G_GINT64_FORMAT " pictures of %" G_GINT64_FORMAT " tokens",
                      batch, tokens);
  if ((rows > work->rows || (gsize)batch > work->pictures) &&
      !grow_workspace (self, rows, (gsize)batch))
    return cow_check (CK_NO_MEMORY, error,
                      "activations of a batch of %" G_GINT64_FORMAT " pictures of %" G_GINT64_FORMAT
                      " tokens (%" G_GSIZE_FORMAT " MiB)",
                      batch, tokens, most >> 20);
  work->batch = batch;
  work->tokens = tokens;
  return TRUE;
}

/* What a linear layer does behind its own bias and adapter. */
typedef struct {
  CkActivation activation;
  const float *multiplier, *scale, *residual;
} After;

static CkStatus
apply (const CowLinear *linear, gint64 rows, CkActivations x, After after, CkActivations y)
{
  const CkLinear op = {
    .weight = linear->weight,
    .adapter = linear->adapter,
    .bias = linear->bias,
    .activation = after.activation,
    .multiplier = after.multiplier,
    .scale = after.scale,
    .residual = after.residual,
    .rows = rows,
    .x = x,
    .y = y,
  };
  return linear->stream->operations->linear (linear->stream, &op);
}

/*
 * A buffer of fp32 as what n linear layers read: the numbers that all of them multiply, so that
 * they are made whole once and where they are still in a cache. Otherwise, and where rows are so
 * short that whole numbers with all that belongs to them take more memory, it is fp32.
 */
static CkActivations
input_of (const CowLinear *const *linears, guint n, gint64 rows, float *buffer)
{
  const CkType type = ck_weight_product (linears[0]->weight);
  const CkDevice *device = linears[0]->stream->device;
  gint64 out, in;
  gsize bytes, room;
  ck_weight_shape (linears[0]->weight, &out, &in);
  gboolean fits = ck_activations_bytes (device, type, rows, in, &bytes) == CK_OK &&
                  ck_activations_bytes (device, CK_F32, rows, in, &room) == CK_OK && bytes <= room;
  for (guint i = 1; i < n; i++)
    fits = fits && ck_weight_product (linears[i]->weight) == type;
  return (CkActivations){ fits ? type : CK_F32, buffer };
}

static CkStatus
normalise (const CowVit *self, const float *weight, const float *bias, gint64 rows, const float *x,
           CkActivations y)
{
  const CkNorm op = { .weight = weight,
                      .bias = bias,
                      .epsilon = config_of (self)->norm_epsilon,
                      .rows = rows,
                      .cols = config_of (self)->hidden_size,
                      .x = x,
                      .y = y };
  CkStream *stream = self->parent.stream;
  return stream->operations->norm (stream, &op);
}

/* Which tokens a layer computes. */
typedef struct {
  float *x; /* [rows, hidden] */
  gint64 rows;
} Tokens;

static Tokens
all_tokens (const Workspace *work)
{
  return (Tokens){ work->x, work->batch * work->tokens };
}

/* The class tokens out of a row for each token. */
static CkStatus
gather_class_tokens (CowVit *self, const float *from, float *to)
{
  CkStream *stream = self->parent.stream;
  const Workspace *work = &self->work;
  const gint64 hidden = config_of (self)->hidden_size;
  return stream->operations->copy_rows (stream, work->batch, hidden, from, work->tokens * hidden,
                                        to, hidden);
}

/* Queries of some tokens, and keys and values of all of them, out of norm1 x. */
static CkStatus
project (CowVit *self, int i, Tokens some)
{
  Workspace *work = &self->work;
  const CowLinear *q = &self->layers[i][COW_Q], *k = &self->layers[i][COW_K],
                  *v = &self->layers[i][COW_V];
  float *const *vectors = self->vectors.layers[i];
  const Tokens all = all_tokens (work);
  const gboolean apart = some.rows < all.rows; /* the queries' tokens are rows of their own */
  const CkActivations normed =
      input_of ((const CowLinear *[]){ k, v, q }, apart ? 2 : 3, all.rows, work->normed);
  CkActivations of_queries = normed;
  CkStatus status =
      normalise (self, vectors[COW_NORM1_WEIGHT], vectors[COW_NORM1_BIAS], all.rows, all.x, normed);
  if (status == CK_OK && apart) {
    of_queries = input_of (&q, 1, some.rows, work->features);
    status = normalise (self, vectors[COW_NORM1_WEIGHT], vectors[COW_NORM1_BIAS], some.rows, some.x,
                        of_queries);
  }
  if (status == CK_OK)
    status = apply (q, some.rows, of_queries, (After){ 0 }, ck_f32 (work->q));
  if (status == CK_OK)
    status = apply (k, all.rows, normed, (After){ 0 }, ck_f32 (work->k));
  if (status == CK_OK)
    status = apply (v, all.rows, normed, (After){ 0 }, ck_f32 (work->v));
  return status;
}

/* As the queries': who raises all linear layers of a network raises its attention, too. */
static CkType
attention_products (const CowVit *self, int i)
{
  return cow_vit_attention_products (self->parent.stream->device,
                                     ck_weight_factors (self->layers[i][COW_Q].weight));
}

/* x += scale1 * Attention (norm1 x); of the class tokens alone, with keys and values of all tokens,
 * their x is what gather_class_tokens () gave. */
static CkStatus
attend (CowVit *self, int i, Tokens some)
{
  Workspace *work = &self->work;
  CkStream *stream = self->parent.stream;
  CkStatus status = project (self, i, some);
  if (status != CK_OK)
    return status;
  CkAttention attention = cow_vit_attention (config_of (self), &self->rope, work->batch,
                                             work->tokens, work->q, work->k, work->v, work->normed);
  attention.queries = some.rows / work->batch;
  attention.products = attention_products (self, i);
  status = stream->operations->attention (stream, &attention);
  if (status != CK_OK)
    return status;
  return apply (&self->layers[i][COW_O], some.rows, ck_f32 (work->normed),
                (After){ .scale = self->vectors.layers[i][COW_SCALE1], .residual = some.x },
                ck_f32 (some.x));
}

/* x += scale2 * MLP (norm2 x) */
static CkStatus
transform (CowVit *self, int i, Tokens some)
{
  Workspace *work = &self->work;
  const CowLinear *up = &self->layers[i][COW_UP], *gate = &self->layers[i][COW_GATE],
                  *down = &self->layers[i][COW_DOWN];
  float *const *vectors = self->vectors.layers[i];
  const gboolean gated = config_of (self)->gated;
  const CkActivations normed =
      input_of ((const CowLinear *[]){ up, gate }, gated ? 2 : 1, some.rows, work->normed);
  /* a gate is written over what it is multiplied with */
  const CkActivations mlp = gated ? ck_f32 (work->mlp) : input_of (&down, 1, some.rows, work->mlp);
  CkStatus status = normalise (self, vectors[COW_NORM2_WEIGHT], vectors[COW_NORM2_BIAS], some.rows,
                               some.x, normed);
  if (status == CK_OK)
    status =
        apply (up, some.rows, normed, (After){ .activation = gated ? CK_IDENTITY : CK_GELU }, mlp);
  if (status == CK_OK && gated)
    status = apply (gate, some.rows, normed,
                    (After){ .activation = CK_SILU, .multiplier = work->mlp }, mlp);
  if (status != CK_OK)
    return status;
  return apply (down, some.rows, mlp, (After){ .scale = vectors[COW_SCALE2], .residual = some.x },
                ck_f32 (some.x));
}

static gboolean
prepare (CowVit *self, int batch, int height, int width, GError **error)
{
  const CowVitConfig *config = config_of (self);
  if (batch < 1)
    return cow_check (CK_BAD_SHAPE, error, "%d pictures", batch);
  return cow_vit_config_check_size (config, width, height, error) &&
         ensure_workspace (self, batch, cow_vit_config_n_tokens (config, height, width), error) &&
         cow_vit_positions_ensure (&self->vectors, self->parent.stream, config, height, width,
                                   error) &&
         cow_vit_rope_ensure (&self->rope, self->parent.stream, config, height, width, 1, error);
}

/* Layer i; the last one may compute the class tokens alone, as work.class_tokens. */
static gboolean
run_layer (CowVit *self, int i, gboolean class_tokens_only, GError **error)
{
  Workspace *work = &self->work;
  Tokens some = all_tokens (work);
  CkStatus status = CK_OK;
  if (class_tokens_only) {
    some = (Tokens){ work->class_tokens, work->batch };
    status = gather_class_tokens (self, work->x, work->class_tokens);
  }
  return cow_check (status == CK_OK ? attend (self, i, some) : status, error,
                    "attention of layer %d", i) &&
         cow_check (transform (self, i, some), error, "MLP of layer %d", i);
}

static const float *
tokens (CowBackbone *parent, const float *pixels, int batch, int height, int width,
        const int *layers, guint n, float *const *out, GError **error)
{
  CowVit *self = (CowVit *)parent;
  Workspace *work = &self->work;
  guint next = 0;
  if (!prepare (self, batch, height, width, error))
    return NULL;
  const int last = config_of (self)->n_layers - 1;
  const gboolean all = n > 0 && layers[n - 1] == last; /* all tokens of the last layer */
  const CkEmbed embed = cow_vit_embed (config_of (self), &self->vectors, &self->patches, batch,
                                       height, width, pixels, work->x);
  if (!cow_check (parent->stream->operations->embed (parent->stream, &embed), error,
                  "patch embedding"))
    return NULL;
  for (int i = 0; i <= last; i++) {
    if (!run_layer (self, i, i == last && !all, error))
      return NULL;
    for (; next < n && layers[next] == i; next++)
      if (!cow_check (normalise (self, self->vectors.norm_weight, self->vectors.norm_bias,
                                 work->batch * work->tokens, work->x, ck_f32 (out[next])),
                      error, "tokens of layer %d", i))
        return NULL;
  }
  CkStatus status = all ? gather_class_tokens (self, work->x, work->class_tokens) : CK_OK;
  if (status == CK_OK)
    status = normalise (self, self->vectors.norm_weight, self->vectors.norm_bias, work->batch,
                        work->class_tokens, ck_f32 (work->features));
  return cow_check (status, error, "final norm") ? work->features : NULL;
}

static const float *
features (CowBackbone *self, const float *pixels, int batch, int height, int width, GError **error)
{
  return tokens (self, pixels, batch, height, width, NULL, 0, NULL, error);
}

static gboolean
graph_of (const CowBackboneConfig *config, CowGraph *graph, const char *pixels,
          const char *features, GError **error)
{
  return check_channels (config, graph->checkpoint, error) &&
         cow_vit_graph (&config->vit, graph, pixels, features, error);
}

const CowBackboneClass cow_vit_class = {
  .has_type = has_type,
  .has_tensors = has_tensors,
  .read_config = read_config,
  .complete_config = complete_config,
  .check_size = check_size,
  .n_tokens = n_tokens,
  .workspace_bytes = workspace_bytes,
  .shapes = shapes,
  .n_parameters = n_parameters,
  .n_trained = n_trained,
  .open = vit_open,
  .features = features,
  .tokens = tokens,
  .n_linear = n_linear,
  .linear_size = linear_size,
  .linear_name = linear_name,
  .set_precision = set_precision,
  .graph = graph_of,
  .free = vit_free,
};

gboolean
cow_vit_merged_weight (CowBackbone *parent, int layer, CowModule module, float *out, GError **error)
{
  CowVit *self = (CowVit *)parent;
  g_return_val_if_fail (layer >= 0 && layer < config_of (self)->n_layers &&
                            self->layers[layer][module].weight,
                        FALSE);
  return cow_linear_merged (&self->layers[layer][module], out, error);
}
