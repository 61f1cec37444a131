/* SPDX-License-Identifier: MIT */
/*
 * The same formulas as in vit.c. Tokens are rows [batch * tokens, hidden] all along, so that each
 * linear layer is one Gemm of the weight as files have it; only attention looks at them as [batch,
 * heads, tokens, head_dim].
 */
#include "model/network/vit-graph.h"

#include <math.h>
#include <string.h>

#include "model/files/floats.h"
#include "model/network/vit-parts.h"

typedef struct {
  CowGraph *graph;
  const CowVitConfig *config;
  CowVitVectors vectors;
  CowRope rope;
  gint64 tokens, head_dim;
  const char *cosines, *sines;            /* [tokens, 1, head_dim]; NULL: no rotation */
  const char *as_heads, *as_rows, *scale; /* constants that all layers share */
} Vit;

/* ---- weights --------------------------------------------------------------------------------- */

/* A linear layer's weight, merged when its turn comes. */
typedef struct {
  CowGraph *graph;
  char *name; /* without ".weight" */
  gint64 out, in;
  const CowLora *lora;
} Weight;

static void
weight_free (gpointer data)
{
  g_free (((Weight *)data)->name);
  g_free (data);
}

static gboolean
check_finite (const Weight *self, const float *values, GError **error)
{
  const gsize n = (gsize)(self->out * self->in);
  for (gsize i = 0; i < n; i++)
    if (!isfinite (values[i])) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s.weight: merged it has values beyond what fp32 holds", self->name);
      return FALSE;
    }
  return TRUE;
}

static gboolean
fill_weight (gpointer data, float *values, GError **error)
{
  const Weight *self = data;
  CowGraph *graph = self->graph;
  g_autofree char *weight = g_strconcat (self->name, ".weight", NULL);
  CowLinear linear;
  if (!cow_linear_init_weight (&linear, graph->stream, graph->checkpoint, self->name, self->out,
                               self->in, self->lora, error))
    return FALSE;
  const gboolean merged = cow_linear_merged (&linear, values, error);
  cow_linear_clear (&linear);
  if (!merged || !check_finite (self, values, error))
    return FALSE;
  cow_checkpoint_release_pages (graph->checkpoint, cow_checkpoint_find (graph->checkpoint, weight));
  graph->done += (guint64)(self->out * self->in) * sizeof (float);
  if (!graph->progress || graph->progress (weight, graph->done, graph->total, graph->user_data))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: cancelled", graph->path);
  return FALSE;
}

/* Declares NAME.weight, and NAME.bias where it has one; the bias's name, or NULL without. */
static gboolean
add_linear (Vit *self, const char *name, guint n_dims, const gint64 *dims, gboolean has_bias,
            const CowLora *lora, const char **bias, GError **error)
{
  CowGraph *graph = self->graph;
  const gint64 out = dims[0], bias_dims[] = { out };
  Weight *weight = g_new (Weight, 1);
  float *device = NULL;
  *weight = (Weight){ .graph = graph, .name = g_strdup (name), .out = out, .in = 1, .lora = lora };
  for (guint i = 1; i < n_dims; i++)
    weight->in *= dims[i];
  graph->total += (guint64)(out * weight->in) * sizeof (float);
  cow_onnx_writer_weight (graph->onnx, cow_graph_name (graph, "%s.weight", name), n_dims, dims,
                          fill_weight, weight, weight_free);
  *bias = NULL;
  if (!cow_linear_bias (graph->stream, graph->checkpoint, name, out, has_bias, &device, error))
    return FALSE;
  if (device)
    *bias = cow_graph_device (graph, cow_graph_name (graph, "%s.bias", name), 1, bias_dims, device,
                              error);
  ck_free (graph->stream, device);
  return !device || *bias;
}

/* ---- constants ------------------------------------------------------------------------------- */

static const char *
add_shape (Vit *self, const char *name, guint n, const gint64 *values)
{
  cow_onnx_writer_integers (self->graph->onnx, name, n, values);
  return name;
}

/* What is added to the patches, which stand behind rows of zeros: class token and registers, and
 * positions. */
static float *
tokens_of (const Vit *self, GError **error)
{
  const gsize hidden = (gsize)self->config->hidden_size, n = (gsize)self->tokens * hidden,
              n_prefix = (gsize)(1 + self->config->n_registers) * hidden;
  CkStream *stream = self->graph->stream;
  g_autofree float *rows = cow_floats_new (n, "tokens", error),
                   *prefix = rows ? cow_floats_new (n_prefix, "tokens", error) : NULL;
  CkStatus status = CK_OK;
  if (!prefix)
    return NULL;
  if (self->vectors.positions)
    status = ck_download (stream, rows, self->vectors.positions, n * sizeof *rows);
  if (status == CK_OK)
    status = ck_download (stream, prefix, self->vectors.prefix, n_prefix * sizeof *prefix);
  for (gsize i = 0; i < n_prefix; i++)
    rows[i] += prefix[i];
  return cow_check (status, error, "downloading tokens") ? g_steal_pointer (&rows) : NULL;
}

/* The prefix is not rotated: cosine 1, sine 0. The first half of the sines changes its sign, since
 * (x1, x2) cos + (-x2, x1) sin is (x1, x2) cos + (x2, x1) (-sin, sin). */
static gboolean
add_rotation (Vit *self, GError **error)
{
  const gsize dim = (gsize)self->head_dim, n_prefix = (gsize)(1 + self->config->n_registers) * dim,
              n = (gsize)self->tokens * dim, bytes = (n - n_prefix) * sizeof (float);
  const gint64 dims[] = { self->tokens, 1, self->head_dim };
  CowGraph *graph = self->graph;
  g_autofree float *cosines = cow_floats_new (n, "cosines", error),
                   *sines = cosines ? cow_floats_new (n, "sines", error) : NULL;
  if (!sines)
    return FALSE;
  CkStatus status = ck_download (graph->stream, cosines + n_prefix, self->rope.cos, bytes);
  if (status == CK_OK)
    status = ck_download (graph->stream, sines + n_prefix, self->rope.sin, bytes);
  for (gsize i = 0; i < n_prefix; i++)
    cosines[i] = 1;
  for (gsize i = n_prefix; i < n; i++)
    if (i % dim < dim / 2)
      sines[i] = -sines[i];
  self->cosines = "rotation.cosines";
  self->sines = "rotation.sines";
  cow_onnx_writer_floats (graph->onnx, self->cosines, 3, dims, g_steal_pointer (&cosines));
  cow_onnx_writer_floats (graph->onnx, self->sines, 3, dims, g_steal_pointer (&sines));
  return cow_check (status, error, "downloading rotations");
}

static gboolean
add_constants (Vit *self, GError **error)
{
  const gint64 heads[] = { -1, self->tokens, self->config->n_heads, self->head_dim },
               rows[] = { -1, self->config->hidden_size };
  self->as_heads = add_shape (self, "as_heads", 4, heads);
  self->as_rows = add_shape (self, "as_rows", 2, rows);
  self->scale =
      cow_graph_number (self->graph, "attention.scale", (float)(1 / sqrt ((double)self->head_dim)));
  return !self->config->family->rotary || add_rotation (self, error);
}

static const char *
vector (Vit *self, int layer, CowVitVector which, GError **error)
{
  const gint64 dims[] = { self->config->hidden_size };
  const char *name = cow_graph_name (self->graph, "%s.%d.%s", cow_vit_names.layer, layer,
                                     cow_vit_names.vectors[which]);
  return cow_graph_device (self->graph, name, 1, dims, self->vectors.layers[layer][which], error);
}

/* ---- operations ------------------------------------------------------------------------------ */

static const char *
in_layer (Vit *self, int layer, const char *what)
{
  return cow_graph_name (self->graph, "%s.%d/%s", cow_vit_names.layer, layer, what);
}

static const char *
embed (Vit *self, const char *pixels, GError **error)
{
  const CowVitConfig *config = self->config;
  CowGraph *graph = self->graph;
  const gint64 side = config->patch_size, hidden = config->hidden_size,
               dims[] = { hidden, config->n_channels, side, side },
               n_prefix = 1 + config->n_registers, token_dims[] = { 1, self->tokens, hidden },
               patches[] = { 0, hidden, self->tokens - n_prefix },
               behind[] = { 0, n_prefix, 0, 0, 0, 0 };
  const CowOnnxAttribute strides = { "strides", COW_ONNX_INTS, 0, { side, side }, 2 },
                         order = { "perm", COW_ONNX_INTS, 0, { 0, 2, 1 }, 3 };
  const char *bias;
  float *tokens = tokens_of (self, error);
  if (!tokens || !add_linear (self, cow_vit_names.patches, 4, dims, TRUE, NULL, &bias, error))
    return NULL;
  cow_onnx_writer_floats (graph->onnx, "tokens", 3, token_dims, tokens);
  const char *x =
      cow_graph_node (graph, "patches", "Conv", &strides, 1, pixels,
                      cow_graph_name (graph, "%s.weight", cow_vit_names.patches), bias, NULL);
  x = cow_graph_plain (graph, "patches/flat", "Reshape", x,
                       add_shape (self, "as_patches", 3, patches));
  x = cow_graph_node (graph, "patches/rows", "Transpose", &order, 1, x, NULL);
  x = cow_graph_plain (graph, "patches/behind", "Pad", x, add_shape (self, "behind", 6, behind));
  x = cow_graph_plain (graph, "patches/tokens", "Add", x, "tokens");
  return cow_graph_plain (graph, "layer.0/input", "Reshape", x, self->as_rows);
}

static const char *
linear (Vit *self, int layer, CowModule module, const char *x, GError **error)
{
  CowGraph *graph = self->graph;
  gint64 dims[2];
  gboolean has_bias;
  const char *bias, *name = cow_graph_name (graph, "%s.%d.%s", cow_vit_names.layer, layer,
                                            cow_module_name (module));
  cow_vit_config_module (self->config, module, &dims[0], &dims[1], &has_bias);
  if (!x || !add_linear (self, name, 2, dims, has_bias,
                         graph->adapter ? cow_adapter_get (graph->adapter, layer, module) : NULL,
                         &bias, error))
    return NULL;
  return cow_graph_linear (graph, name, x, cow_graph_name (graph, "%s.weight", name), bias);
}

static const char *
norm (Vit *self, int layer, CowVitVector weight, CowVitVector bias, const char *output,
      const char *x, GError **error)
{
  const char *w = vector (self, layer, weight, error),
             *b = w ? vector (self, layer, bias, error) : NULL;
  return b ? cow_graph_norm (self->graph, in_layer (self, layer, output), x, w, b,
                             self->config->norm_epsilon)
           : NULL;
}

/* [batch, tokens, heads, head_dim] to the same, turned by the tokens' positions. */
static const char *
rotate (Vit *self, const char *x)
{
  CowGraph *graph = self->graph;
  const CowOnnxAttribute last = { .name = "axis", .type = COW_ONNX_INT, .values = { 3 } };
  const char *first = cow_graph_name (graph, "%s.first", x),
             *second = cow_graph_name (graph, "%s.second", x), *const inputs[] = { x, NULL },
             *const outputs[] = { first, second, NULL };
  if (!self->cosines)
    return x;
  cow_onnx_writer_node (graph->onnx, "Split", inputs, outputs, &last, 1);
  const char *y = cow_graph_node (graph, cow_graph_name (graph, "%s.swapped", x), "Concat", &last,
                                  1, second, first, NULL);
  y = cow_graph_plain (graph, cow_graph_name (graph, "%s.sine", x), "Mul", y, self->sines);
  const char *z =
      cow_graph_plain (graph, cow_graph_name (graph, "%s.cosine", x), "Mul", x, self->cosines);
  return cow_graph_plain (graph, cow_graph_name (graph, "%s.rotated", x), "Add", z, y);
}

/* Queries, keys or values of a layer [batch, heads, tokens, head_dim], keys the other way round. */
static const char *
heads (Vit *self, int layer, CowModule module, const char *normed, GError **error)
{
  CowGraph *graph = self->graph;
  const CowOnnxAttribute order = { "perm", COW_ONNX_INTS, 0, { 0, 2, 1, 3 }, 4 },
                         turned = { "perm", COW_ONNX_INTS, 0, { 0, 2, 3, 1 }, 4 };
  const char *x = linear (self, layer, module, normed, error);
  if (!x)
    return NULL;
  x = cow_graph_plain (graph, cow_graph_name (graph, "%s.heads", x), "Reshape", x, self->as_heads);
  if (module != COW_V)
    x = rotate (self, x);
  return cow_graph_node (graph, cow_graph_name (graph, "%s.ordered", x), "Transpose",
                         module == COW_K ? &turned : &order, 1, x, NULL);
}

/* x + scale * y */
static const char *
add_scaled (Vit *self, int layer, CowVitVector scale, const char *x, const char *y,
            const char *output, GError **error)
{
  if (!y)
    return NULL;
  if (self->vectors.layers[layer][scale]) {
    const char *factor = vector (self, layer, scale, error);
    if (!factor)
      return NULL;
    y = cow_graph_plain (self->graph, cow_graph_name (self->graph, "%s.scaled", y), "Mul", y,
                         factor);
  }
  return cow_graph_plain (self->graph, output, "Add", x, y);
}

static const char *
attend (Vit *self, int layer, const char *x, GError **error)
{
  CowGraph *graph = self->graph;
  const CowOnnxAttribute last = { .name = "axis", .type = COW_ONNX_INT, .values = { -1 } },
                         order = { "perm", COW_ONNX_INTS, 0, { 0, 2, 1, 3 }, 4 };
  const char *normed = norm (self, layer, COW_NORM1_WEIGHT, COW_NORM1_BIAS, "norm1", x, error),
             *q = normed ? heads (self, layer, COW_Q, normed, error) : NULL,
             *k = q ? heads (self, layer, COW_K, normed, error) : NULL,
             *v = k ? heads (self, layer, COW_V, normed, error) : NULL;
  if (!v)
    return NULL;
  const char *y = cow_graph_plain (graph, in_layer (self, layer, "products"), "MatMul", q, k);
  y = cow_graph_plain (graph, in_layer (self, layer, "scores"), "Mul", y, self->scale);
  y = cow_graph_node (graph, in_layer (self, layer, "attention"), "Softmax", &last, 1, y, NULL);
  y = cow_graph_plain (graph, in_layer (self, layer, "attended"), "MatMul", y, v);
  y = cow_graph_node (graph, in_layer (self, layer, "joined"), "Transpose", &order, 1, y, NULL);
  y = cow_graph_plain (graph, in_layer (self, layer, "rows"), "Reshape", y, self->as_rows);
  return add_scaled (self, layer, COW_SCALE1, x, linear (self, layer, COW_O, y, error),
                     in_layer (self, layer, "middle"), error);
}

static const char *
transform (Vit *self, int layer, const char *x, GError **error)
{
  CowGraph *graph = self->graph;
  const char *normed = norm (self, layer, COW_NORM2_WEIGHT, COW_NORM2_BIAS, "norm2", x, error),
             *y = normed ? linear (self, layer, COW_UP, normed, error) : NULL;
  if (y && self->config->gated) {
    const char *gate = linear (self, layer, COW_GATE, normed, error);
    if (!gate)
      return NULL;
    y = cow_graph_plain (graph, in_layer (self, layer, "gated"), "Mul",
                         cow_graph_activate (graph, CK_SILU, gate), y);
  } else if (y) {
    y = cow_graph_activate (graph, CK_GELU, y);
  }
  return y ? add_scaled (self, layer, COW_SCALE2, x, linear (self, layer, COW_DOWN, y, error),
                         in_layer (self, layer, "output"), error)
           : NULL;
}

/* The class tokens out of all, and the last norm. */
static const char *
finish (Vit *self, const char *x, const char *features, GError **error)
{
  CowGraph *graph = self->graph;
  const gint64 dims[] = { self->config->hidden_size }, first[] = { 0 },
               tokens[] = { -1, self->tokens, self->config->hidden_size };
  const CowOnnxAttribute axis = { .name = "axis", .type = COW_ONNX_INT, .values = { 1 } };
  const char *weight = cow_graph_device (graph, cow_vit_names.norm_weight, 1, dims,
                                         self->vectors.norm_weight, error),
             *bias = weight ? cow_graph_device (graph, cow_vit_names.norm_bias, 1, dims,
                                                self->vectors.norm_bias, error)
                            : NULL;
  if (!bias)
    return NULL;
  x = cow_graph_plain (graph, "tokens/all", "Reshape", x, add_shape (self, "as_tokens", 3, tokens));
  x = cow_graph_node (graph, "tokens/class", "Gather", &axis, 1, x,
                      add_shape (self, "class", 1, first), NULL);
  x = cow_graph_plain (graph, "tokens/rows", "Reshape", x, self->as_rows);
  return cow_graph_norm (graph, features, x, weight, bias, self->config->norm_epsilon);
}

static gboolean
describe (Vit *self, const char *pixels, const char *features, GError **error)
{
  CowGraph *graph = self->graph;
  const int height = graph->height, width = graph->width;
  if (!cow_vit_vectors_load (&self->vectors, graph->stream, self->config, graph->checkpoint,
                             error) ||
      !cow_vit_positions_ensure (&self->vectors, graph->stream, self->config, height, width,
                                 error) ||
      !cow_vit_rope_ensure (&self->rope, graph->stream, self->config, height, width, 1, error) ||
      !add_constants (self, error))
    return FALSE;
  const char *x = embed (self, pixels, error);
  for (int layer = 0; x && layer < self->config->n_layers; layer++) {
    x = attend (self, layer, x, error);
    x = x ? transform (self, layer, x, error) : NULL;
  }
  return x && finish (self, x, features, error);
}

gboolean
cow_vit_graph (const CowVitConfig *config, CowGraph *graph, const char *pixels,
               const char *features, GError **error)
{
  Vit self = { .graph = graph,
               .config = config,
               .tokens = cow_vit_config_n_tokens (config, graph->height, graph->width),
               .head_dim = config->hidden_size / config->n_heads };
  cow_vit_vectors_init (&self.vectors, config);
  const gboolean done = describe (&self, pixels, features, error);
  cow_rope_clear (&self.rope, graph->stream);
  cow_vit_vectors_free (&self.vectors, graph->stream, config);
  cow_vit_vectors_clear (&self.vectors);
  return done;
}
