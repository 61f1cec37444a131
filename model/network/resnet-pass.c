/* SPDX-License-Identifier: MIT */
/* ResNet-18's structure and its forward pass. */
#include "model/files/error.h"
#include "model/network/resnet.h"

#define MAX_SIDE 8192

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
cow_resnet_shape (CowResnetShape *shape, int batch, int height, int width, GError **error)
{
  gsize bytes;
  if (height < COW_RESNET_MIN_SIDE || width < COW_RESNET_MIN_SIDE || height > MAX_SIDE ||
      width > MAX_SIDE) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "pictures of %d x %d (width x height): ResNet-18 takes sides of %d to %d", width,
                 height, COW_RESNET_MIN_SIDE, MAX_SIDE);
    return FALSE;
  }
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
cow_resnet_pass (CkBackend *backend, const CowResnetShape *shape, const CowResnetValues *values,
                 const CowResnetActs *acts, const float *pixels, bool training)
{
  const CkTraining *t = backend->training;
  const int last = COW_RESNET_N_UNITS - 1;
  CkStatus status = t->channels_last (backend, shape->batch, 3, shape->height * shape->width,
                                      pixels, acts->input);
  for (int i = 0; i < COW_RESNET_N_UNITS && status == CK_OK; i++) {
    const CkBatchNorm norm = cow_resnet_norm (shape, acts, values, i);
    status = t->convolution (backend, &shape->unit[i], cow_resnet_source (acts, i),
                             values[i].kernel, acts->convolved[i]);
    if (status == CK_OK)
      status = t->batch_norm (backend, &norm, training, acts->convolved[i], acts->output[i]);
    if (status == CK_OK && i == 0) {
      const CkConvolution *first = &shape->unit[0];
      status =
          t->max_pool (backend, shape->batch,
                       side_after (first->height, first->kernel, first->stride, first->padding),
                       side_after (first->width, first->kernel, first->stride, first->padding),
                       first->out, acts->output[0], acts->pooled, acts->places);
    }
  }
  if (status != CK_OK)
    return status;
  return t->mean_pool (backend, shape->batch, shape->area[last], COW_RESNET_FEATURES,
                       acts->output[last], acts->features);
}
