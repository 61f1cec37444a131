/* SPDX-License-Identifier: MIT */
#include "model/network/resnet.h"

#include "model/files/error.h"
#include "model/files/floats.h"
#include "model/network/buffer.h"

#define MAX_SIDE 8192

/* ---- structure and forward pass -------------------------------------------------------------- */

const CowResnetUnit cow_resnet_units[COW_RESNET_N_UNITS] = {
  { "conv1", "bn1", 3, 64, 7, 2, 3, -1, -1, TRUE },
  { "layer1.0.conv1", "layer1.0.bn1", 64, 64, 3, 1, 1, 0, -1, TRUE },
  { "layer1.0.conv2", "layer1.0.bn2", 64, 64, 3, 1, 1, 1, 0, TRUE },
  { "layer1.1.conv1", "layer1.1.bn1", 64, 64, 3, 1, 1, 2, -1, TRUE },
  { "layer1.1.conv2", "layer1.1.bn2", 64, 64, 3, 1, 1, 3, 2, TRUE },
  { "layer2.0.conv1", "layer2.0.bn1", 64, 128, 3, 2, 1, 4, -1, TRUE },
  { "layer2.0.downsample.0", "layer2.0.downsample.1", 64, 128, 1, 2, 0, 4, -1, FALSE },
  { "layer2.0.conv2", "layer2.0.bn2", 128, 128, 3, 1, 1, 5, 6, TRUE },
  { "layer2.1.conv1", "layer2.1.bn1", 128, 128, 3, 1, 1, 7, -1, TRUE },
  { "layer2.1.conv2", "layer2.1.bn2", 128, 128, 3, 1, 1, 8, 7, TRUE },
  { "layer3.0.conv1", "layer3.0.bn1", 128, 256, 3, 2, 1, 9, -1, TRUE },
  { "layer3.0.downsample.0", "layer3.0.downsample.1", 128, 256, 1, 2, 0, 9, -1, FALSE },
  { "layer3.0.conv2", "layer3.0.bn2", 256, 256, 3, 1, 1, 10, 11, TRUE },
  { "layer3.1.conv1", "layer3.1.bn1", 256, 256, 3, 1, 1, 12, -1, TRUE },
  { "layer3.1.conv2", "layer3.1.bn2", 256, 256, 3, 1, 1, 13, 12, TRUE },
  { "layer4.0.conv1", "layer4.0.bn1", 256, 512, 3, 2, 1, 14, -1, TRUE },
  { "layer4.0.downsample.0", "layer4.0.downsample.1", 256, 512, 1, 2, 0, 14, -1, FALSE },
  { "layer4.0.conv2", "layer4.0.bn2", 512, 512, 3, 1, 1, 15, 16, TRUE },
  { "layer4.1.conv1", "layer4.1.bn1", 512, 512, 3, 1, 1, 17, -1, TRUE },
  { "layer4.1.conv2", "layer4.1.bn2", 512, 512, 3, 1, 1, 18, 17, TRUE },
};

const char *const cow_resnet_norm_names[COW_RESNET_N_NORM] = { "weight", "bias", "running_mean",
                                                               "running_var" };

/* Of a convolution or of the max pooling (kernel 3, stride 2, padding 1). */
static gint64
side_after (gint64 side, int kernel, int stride, int padding)
{
  return (side + 2 * padding - kernel) / stride + 1;
}

gboolean
cow_resnet_check_size (int width, int height, GError **error)
{
  if (MIN (height, width) >= COW_RESNET_MIN_SIDE && MAX (height, width) <= MAX_SIDE)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "pictures of %d x %d (width x height): ResNet-18 takes sides of %d to %d", width,
               height, COW_RESNET_MIN_SIDE, MAX_SIDE);
  return FALSE;
}

gint64
cow_resnet_n_parameters (void)
{
  gint64 n = 0;
  for (guint i = 0; i < COW_RESNET_N_UNITS; i++) {
    const CowResnetUnit *unit = &cow_resnet_units[i];
    n += (gint64)unit->in * unit->out * unit->kernel * unit->kernel + 2 * unit->out;
  }
  return n;
}

gboolean
cow_resnet_shape (CowResnetShape *shape, int batch, int height, int width, GError **error)
{
  gsize bytes;
  if (!cow_resnet_check_size (width, height, error))
    return FALSE;
  /* The largest of all arrays, the first unit's output, has 16 floats a pixel. */
  if (batch < 1 ||
      !g_size_checked_mul (&bytes, (gsize)height * (gsize)width * 16 * sizeof (float),
                           (gsize)batch) ||
      bytes > G_MAXSSIZE / COW_RESNET_N_UNITS)
    return cow_check (CK_BAD_SHAPE, error, "%d pictures of %d x %d", batch, width, height);
  *shape = (CowResnetShape){ .batch = batch, .height = height, .width = width };
  gint64 heights[COW_RESNET_N_UNITS], widths[COW_RESNET_N_UNITS];
  for (int i = 0; i < COW_RESNET_N_UNITS; i++) {
    const CowResnetUnit *unit = &cow_resnet_units[i];
    const gint64 h = unit->from < 0 ? height : heights[unit->from],
                 w = unit->from < 0 ? width : widths[unit->from];
    shape->unit[i] = (CkConvolution){ .batch = batch,
                                      .in = unit->in,
                                      .height = h,
                                      .width = w,
                                      .out = unit->out,
                                      .kernel = unit->kernel,
                                      .stride = unit->stride,
                                      .padding = unit->padding };
    heights[i] = side_after (h, unit->kernel, unit->stride, unit->padding);
    widths[i] = side_after (w, unit->kernel, unit->stride, unit->padding);
    shape->area[i] = heights[i] * widths[i];
    if (i == 0) { /* who reads the first unit reads it after the pooling */
      heights[0] = side_after (heights[0], 3, 2, 1);
      widths[0] = side_after (widths[0], 3, 2, 1);
      shape->pooled_area = heights[0] * widths[0];
    }
  }
  return TRUE;
}

gsize
cow_resnet_unit_size (const CowResnetShape *shape, int unit)
{
  return (gsize)(shape->batch * shape->area[unit] * cow_resnet_units[unit].out);
}

/* What others read of a unit. */
static float *
output_of (const CowResnetActs *acts, int unit)
{
  return unit == 0 ? acts->pooled : acts->output[unit];
}

float *
cow_resnet_source (const CowResnetActs *acts, int unit)
{
  const int from = cow_resnet_units[unit].from;
  return from < 0 ? acts->input : output_of (acts, from);
}

CkBatchNorm
cow_resnet_norm (const CowResnetShape *shape, const CowResnetActs *acts,
                 const CowResnetValues *values, int unit)
{
  const CowResnetUnit *u = &cow_resnet_units[unit];
  const CowResnetValues *v = &values[unit];
  return (CkBatchNorm){
    .rows = shape->batch * shape->area[unit],
    .channels = u->out,
    .epsilon = COW_RESNET_EPSILON,
    .weight = v->weight,
    .bias = v->bias,
    .residual = u->residual < 0 ? NULL : output_of (acts, u->residual),
    .activation = u->relu ? CK_RELU : CK_IDENTITY,
    .running_mean = v->mean,
    .running_variance = v->variance,
    .saved_mean = v->saved_mean,
    .saved_inverse = v->saved_inverse,
  };
}

CkStatus
cow_resnet_pass (CkStream *stream, const CowResnetShape *shape, const CowResnetValues *values,
                 const CowResnetActs *acts, const float *pixels, bool training)
{
  const CkOperations *ops = stream->operations;
  const int last = COW_RESNET_N_UNITS - 1;
  CkStatus status = ops->channels_last (stream, shape->batch, 3, shape->height * shape->width,
                                        pixels, acts->input);
  for (int i = 0; i < COW_RESNET_N_UNITS && status == CK_OK; i++) {
    const CkBatchNorm norm = cow_resnet_norm (shape, acts, values, i);
    status = ops->convolution (stream, &shape->unit[i], cow_resnet_source (acts, i),
                               values[i].kernel, acts->convolved[i]);
    if (status == CK_OK)
      status = ops->batch_norm (stream, &norm, training, acts->convolved[i], acts->output[i]);
    if (status == CK_OK && i == 0) {
      const CkConvolution *first = &shape->unit[0];
      status =
          ops->max_pool (stream, shape->batch,
                         side_after (first->height, first->kernel, first->stride, first->padding),
                         side_after (first->width, first->kernel, first->stride, first->padding),
                         first->out, acts->output[0], acts->pooled, acts->places);
    }
  }
  if (status != CK_OK)
    return status;
  return ops->mean_pool (stream, shape->batch, shape->area[last], COW_RESNET_FEATURES,
                         acts->output[last], acts->features);
}

/* ---- inference --------------------------------------------------------------------------------
 * Weights come from a checkpoint; five buffers serve the units in turn.
 */

/* The buffers, which lay_out () explains. */
enum { CONVOLVED, BETWEEN, BLOCK, OTHER, INPUT, FEATURES, PLACES, N_BUFFERS };

typedef struct {
  CowBackbone parent;
  CowResnetValues values[COW_RESNET_N_UNITS];
  CowResnetShape shape; /* of the last pass; batch 0: none */
  CowBuffer buffers[N_BUFFERS];
} CowResnet;

static gboolean
has_tensors (const CowCheckpoint *checkpoint)
{
  return cow_checkpoint_find (checkpoint, "layer4.1.conv2.weight") != NULL &&
         cow_checkpoint_find (checkpoint, "bn1.running_var") != NULL;
}

/* The values of a tensor of the checkpoint, checked to be of that shape and finite; NULL on error.
 */
static float *
read_tensor (const CowCheckpoint *checkpoint, const char *name, guint n_dims, const gint64 *dims,
             GError **error)
{
  const CowTensor *tensor = cow_checkpoint_get (checkpoint, name, n_dims, dims, error);
  return tensor ? cow_tensor_dup_f32 (tensor, cow_checkpoint_file_of (checkpoint, tensor), error)
                : NULL;
}

/* Copies them to device memory; NULL on error. */
static float *
upload (const CowResnet *self, const CowCheckpoint *checkpoint, const char *name, guint n_dims,
        const gint64 *dims, GError **error)
{
  CkStream *stream = self->parent.stream;
  g_autofree float *host = read_tensor (checkpoint, name, n_dims, dims, error);
  if (!host)
    return NULL;
  const gsize bytes = cow_tensor_count (cow_checkpoint_find (checkpoint, name)) * sizeof (float);
  float *device = ck_alloc (stream, bytes);
  if (cow_check (device ? ck_upload (stream, device, host, bytes) : CK_NO_MEMORY, error, "%s",
                 name))
    return device;
  ck_free (stream, device);
  return NULL;
}

/* A running variance below zero has no root. */
static gboolean
check_variance (const CowCheckpoint *checkpoint, const char *name, GError **error)
{
  const CowTensor *tensor = cow_checkpoint_find (checkpoint, name);
  const char *file = cow_checkpoint_file_of (checkpoint, tensor);
  g_autofree float *values = cow_tensor_dup_f32 (tensor, file, error);
  for (gsize i = 0; values && i < cow_tensor_count (tensor); i++)
    if (values[i] < 0) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: tensor %s: value %" G_GSIZE_FORMAT " is %g, a variance is at least 0", file,
                   name, i, values[i]);
      return FALSE;
    }
  return values != NULL;
}

static gboolean
init_unit (CowResnet *self, int i, const CowCheckpoint *checkpoint, GError **error)
{
  const CowResnetUnit *unit = &cow_resnet_units[i];
  CowResnetValues *values = &self->values[i];
  float **const norm[COW_RESNET_N_NORM] = { &values->weight, &values->bias, &values->mean,
                                            &values->variance };
  const gint64 dims[] = { unit->out, unit->in, unit->kernel, unit->kernel };
  g_autofree char *kernel = g_strconcat (unit->convolution, ".weight", NULL);
  values->kernel = upload (self, checkpoint, kernel, 4, dims, error);
  if (!values->kernel)
    return FALSE;
  for (int part = 0; part < COW_RESNET_N_NORM; part++) {
    g_autofree char *name = g_strconcat (unit->norm, ".", cow_resnet_norm_names[part], NULL);
    *norm[part] = upload (self, checkpoint, name, 1, dims, error);
    if (!*norm[part] ||
        (norm[part] == &values->variance && !check_variance (checkpoint, name, error)))
      return FALSE;
  }
  return TRUE;
}

static void
clear_buffers (CowResnet *self)
{
  for (guint i = 0; i < N_BUFFERS; i++)
    cow_buffer_clear (&self->buffers[i], self->parent.stream);
  self->shape.batch = 0;
}

static void
resnet_free (CowBackbone *parent)
{
  CowResnet *self = (CowResnet *)parent;
  clear_buffers (self);
  for (int i = 0; i < COW_RESNET_N_UNITS; i++) {
    const CowResnetValues *v = &self->values[i];
    float *const arrays[] = { v->kernel, v->weight, v->bias, v->mean, v->variance };
    for (guint a = 0; a < G_N_ELEMENTS (arrays); a++)
      ck_free (parent->stream, arrays[a]);
  }
  g_free (self);
}

static CowBackbone *
resnet_open (CkStream *stream, const CowBackboneConfig *config, const CowCheckpoint *checkpoint,
             const CowAdapter *adapter, GError **error)
{
  g_return_val_if_fail (adapter == NULL, NULL);
  CowResnet *self = g_new0 (CowResnet, 1);
  self->parent = (CowBackbone){ .stream = stream, .config = *config };
  for (int i = 0; i < COW_RESNET_N_UNITS; i++)
    if (!init_unit (self, i, checkpoint, error)) {
      resnet_free (&self->parent);
      return NULL;
    }
  return &self->parent;
}

static void
buffer_sizes (const CowResnetShape *shape, gsize bytes[N_BUFFERS])
{
  const gsize batch = (gsize)shape->batch,
              pooled = batch * (gsize)(shape->pooled_area * cow_resnet_units[0].out);
  /* Two hold the first unit's values, which are four times as many as any after the pooling. */
  bytes[CONVOLVED] = bytes[BETWEEN] = cow_resnet_unit_size (shape, 0) * sizeof (float);
  bytes[BLOCK] = bytes[OTHER] = pooled * sizeof (float);
  bytes[INPUT] = batch * 3 * (gsize)(shape->height * shape->width) * sizeof (float);
  bytes[FEATURES] = batch * COW_RESNET_FEATURES * sizeof (float);
  bytes[PLACES] = pooled;
}

static gboolean
ensure_buffers (CowResnet *self, int batch, int height, int width, GError **error)
{
  CowResnetShape *shape = &self->shape;
  gsize sizes[N_BUFFERS];
  gboolean complete = TRUE;
  if (shape->batch == batch && shape->height == height && shape->width == width)
    return TRUE;
  if (!cow_resnet_shape (shape, batch, height, width, error)) {
    shape->batch = 0;
    return FALSE;
  }
  buffer_sizes (shape, sizes);
  for (guint i = 0; i < N_BUFFERS && complete; i++)
    complete = cow_buffer_reserve (&self->buffers[i], self->parent.stream, sizes[i]);
  if (complete)
    return TRUE;
  clear_buffers (self);
  return cow_check (CK_NO_MEMORY, error, "a batch of %d pictures of %d x %d", batch, width, height);
}

/*
 * CONVOLVED takes every convolution, BETWEEN the output of a block's first unit, BLOCK and OTHER
 * the block's input and what is added at its end: the input itself or the output of its
 * downsampling. The block's output replaces the one of the two that nobody adds.
 */
static CowResnetActs
lay_out (const CowResnet *self)
{
  CowResnetActs acts = { .input = self->buffers[INPUT].data,
                         .places = self->buffers[PLACES].data,
                         .features = self->buffers[FEATURES].data,
                         .pooled = self->buffers[BLOCK].data };
  float *input = self->buffers[BLOCK].data, *other = self->buffers[OTHER].data;
  for (int i = 0; i < COW_RESNET_N_UNITS; i++) {
    const CowResnetUnit *unit = &cow_resnet_units[i];
    acts.convolved[i] = self->buffers[CONVOLVED].data;
    if (!unit->relu) { /* the downsampling: the block's input is not needed after it */
      acts.output[i] = other;
      other = input;
      input = acts.output[i];
    } else if (unit->residual >= 0) {
      acts.output[i] = other;
      other = input;
      input = acts.output[i];
    } else {
      acts.output[i] = self->buffers[BETWEEN].data;
    }
  }
  return acts;
}

static const float *
features (CowBackbone *parent, const float *pixels, int batch, int height, int width,
          GError **error)
{
  CowResnet *self = (CowResnet *)parent;
  if (!ensure_buffers (self, batch, height, width, error))
    return NULL;
  const CowResnetActs acts = lay_out (self);
  return cow_check (
             cow_resnet_pass (parent->stream, &self->shape, self->values, &acts, pixels, false),
             error, "ResNet-18")
             ? acts.features
             : NULL;
}

/* ---- as a graph ------------------------------------------------------------------------------ */

/* Adds a tensor of the checkpoint under its own name. */
static gboolean
add_tensor (CowGraph *graph, const char *name, guint n_dims, const gint64 *dims, GError **error)
{
  float *values = read_tensor (graph->checkpoint, name, n_dims, dims, error);
  if (values)
    cow_onnx_writer_floats (graph->onnx, name, n_dims, dims, values);
  return values != NULL;
}

static const char *
convolve (CowGraph *graph, const CowResnetUnit *unit, const char *x, GError **error)
{
  const gint64 dims[] = { unit->out, unit->in, unit->kernel, unit->kernel }, by = unit->stride,
               at = unit->padding;
  const CowOnnxAttribute attributes[] = { { "strides", COW_ONNX_INTS, 0, { by, by }, 2 },
                                          { "pads", COW_ONNX_INTS, 0, { at, at, at, at }, 4 } };
  const char *kernel = cow_graph_name (graph, "%s.weight", unit->convolution);
  return add_tensor (graph, kernel, 4, dims, error)
             ? cow_graph_node (graph, unit->convolution, "Conv", attributes, 2, x, kernel, NULL)
             : NULL;
}

static const char *
normalise (CowGraph *graph, const CowResnetUnit *unit, const char *x, GError **error)
{
  const gint64 dims[] = { unit->out };
  const CowOnnxAttribute epsilon = { "epsilon", COW_ONNX_FLOAT, COW_RESNET_EPSILON, { 0 }, 0 };
  const char *names[COW_RESNET_N_NORM];
  for (int part = 0; part < COW_RESNET_N_NORM; part++) {
    names[part] = cow_graph_name (graph, "%s.%s", unit->norm, cow_resnet_norm_names[part]);
    if (!add_tensor (graph, names[part], 1, dims, error))
      return NULL;
  }
  return check_variance (graph->checkpoint, names[COW_RESNET_N_NORM - 1], error)
             ? cow_graph_node (graph, unit->norm, "BatchNormalization", &epsilon, 1, x, names[0],
                               names[1], names[2], names[3], NULL)
             : NULL;
}

/* outputs: of the units before it, as others read them. */
static const char *
describe_unit (CowGraph *graph, const CowResnetUnit *unit, const char *const *outputs,
               const char *pixels, GError **error)
{
  const char *x = convolve (graph, unit, unit->from < 0 ? pixels : outputs[unit->from], error);
  x = x ? normalise (graph, unit, x, error) : NULL;
  if (x && unit->residual >= 0)
    x = cow_graph_plain (graph, cow_graph_name (graph, "%s.sum", unit->norm), "Add", x,
                         outputs[unit->residual]);
  return x && unit->relu ? cow_graph_activate (graph, CK_RELU, x) : x;
}

static gboolean
graph_of (const CowBackboneConfig *config, CowGraph *graph, const char *pixels,
          const char *features, GError **error)
{
  const CowOnnxAttribute pooling[] = { { "kernel_shape", COW_ONNX_INTS, 0, { 3, 3 }, 2 },
                                       { "strides", COW_ONNX_INTS, 0, { 2, 2 }, 2 },
                                       { "pads", COW_ONNX_INTS, 0, { 1, 1, 1, 1 }, 4 } };
  const char *outputs[COW_RESNET_N_UNITS];
  for (int i = 0; i < COW_RESNET_N_UNITS; i++) {
    outputs[i] = describe_unit (graph, &cow_resnet_units[i], outputs, pixels, error);
    if (!outputs[i])
      return FALSE;
    if (i == 0)
      outputs[0] = cow_graph_node (graph, "maxpool", "MaxPool", pooling, G_N_ELEMENTS (pooling),
                                   outputs[0], NULL);
  }
  const char *x =
      cow_graph_plain (graph, "avgpool", "GlobalAveragePool", outputs[COW_RESNET_N_UNITS - 1]);
  cow_graph_plain (graph, features, "Flatten", x);
  return TRUE;
}

/* ---- what it is ------------------------------------------------------------------------------ */

static gboolean
has_type (const char *model_type)
{
  return g_str_equal (model_type, COW_RESNET_TYPE);
}

static void
complete_config (CowBackboneConfig *config)
{
  config->model_type = COW_RESNET_TYPE;
  config->title = "ResNet-18 as torchvision's";
  config->n_features = COW_RESNET_FEATURES;
}

static gboolean
read_config (const char *path, const CowCheckpoint *checkpoint, CowBackboneConfig *config,
             GError **error)
{
  const CowResnetUnit *first = &cow_resnet_units[0];
  const gint64 dims[] = { first->out, first->in, first->kernel, first->kernel };
  complete_config (config);
  return cow_checkpoint_get (checkpoint, "conv1.weight", 4, dims, error) != NULL;
}

/* Batch norm needs two values a channel; on maps of one pixel each picture gives one. */
static int
smallest_batch (const CowBackboneConfig *config, int height, int width)
{
  CowResnetShape shape;
  return cow_resnet_shape (&shape, 1, height, width, NULL) && shape.area[COW_RESNET_N_UNITS - 1] < 2
             ? 2
             : 1;
}

static gboolean
check_size (const CowBackboneConfig *config, int width, int height, GError **error)
{
  return cow_resnet_check_size (width, height, error);
}

static gsize
workspace_bytes (const CowBackboneConfig *config, int batch, int height, int width)
{
  CowResnetShape shape;
  gsize sizes[N_BUFFERS], bytes = 0;
  if (!cow_resnet_shape (&shape, batch, height, width, NULL))
    return 0;
  buffer_sizes (&shape, sizes);
  for (guint i = 0; i < N_BUFFERS; i++)
    bytes += sizes[i];
  return bytes;
}

static void
shapes (const CowBackboneConfig *config, const CowAdapterShape *adapter, int batch, int height,
        int width, CowPassShapes *self)
{
  CowResnetShape shape;
  self->linear = g_array_new (FALSE, FALSE, sizeof (CkLinearShape));
  self->convolutions = g_array_new (FALSE, FALSE, sizeof (CkConvolution));
  if (cow_resnet_shape (&shape, batch, height, width, NULL))
    g_array_append_vals (self->convolutions, shape.unit, COW_RESNET_N_UNITS);
}

static gint64
n_parameters (const CowBackboneConfig *config)
{
  return cow_resnet_n_parameters ();
}

const CowBackboneClass cow_resnet_class = {
  .copies_weights = TRUE,
  .fp32_only = TRUE,
  .has_type = has_type,
  .has_tensors = has_tensors,
  .read_config = read_config,
  .complete_config = complete_config,
  .check_size = check_size,
  .smallest_batch = smallest_batch,
  .workspace_bytes = workspace_bytes,
  .shapes = shapes,
  .n_parameters = n_parameters,
  .n_trained = n_parameters,
  .open = resnet_open,
  .features = features,
  .graph = graph_of,
  .free = resnet_free,
};
