/* SPDX-License-Identifier: MIT */
#include "model/network/detector.h"

#define KERNEL 3
/* ---- shapes ---------------------------------------------------------------------------------- */

static gint64
n_joined (const CowDetectorConfig *config)
{
  return config->n_levels * config->n_features;
}

gint64
cow_detector_n_outputs (const CowDetectorConfig *config)
{
  return (gint64)config->split * config->split * COW_CELL_VALUES;
}

CkConvolution
cow_detector_convolution (const CowDetectorConfig *config, int unit, int batch, int height,
                          int width)
{
  const gboolean narrow = unit == 0 || unit == COW_DETECTOR_UNITS; /* a product of each token */
  return (CkConvolution){ .batch = batch,
                          .in = unit == 0 ? n_joined (config) : config->width,
                          .height = height / config->patch,
                          .width = width / config->patch,
                          .out = unit == COW_DETECTOR_UNITS ? cow_detector_n_outputs (config)
                                                            : config->width,
                          .kernel = narrow ? 1 : KERNEL,
                          .stride = 1,
                          .padding = narrow ? 0 : KERNEL / 2 };
}

CowCells
cow_detector_cells (const CowDetectorConfig *config, int height, int width)
{
  return (CowCells){ height / config->patch, width / config->patch, config->split,
                     config->patch / config->split };
}

CowRoiMap
cow_detector_map (const CowDetectorConfig *config, int height, int width)
{
  return (CowRoiMap){ height / config->patch, width / config->patch, config->patch, config->width };
}

guint
cow_detector_tensor (const CowDetectorConfig *config, int tensor, const char **name, gint64 dims[4])
{
  static const char *const names[COW_DETECTOR_TENSORS] = {
    "join.weight",  "norm1.weight", "norm1.bias", "conv1.weight", "norm2.weight", "norm2.bias",
    "conv2.weight", "norm3.weight", "norm3.bias", "out.weight",   "out.bias",
  };
  const gboolean out = tensor >= COW_DETECTOR_OUT_WEIGHT;
  const CkConvolution shape =
      cow_detector_convolution (config, tensor / COW_DETECTOR_UNIT_TENSORS, 1, 1, 1);
  *name = names[tensor];
  dims[0] = out ? cow_detector_n_outputs (config) : config->width;
  if (tensor != COW_DETECTOR_OUT_WEIGHT &&
      (out || tensor % COW_DETECTOR_UNIT_TENSORS != COW_DETECTOR_CONVOLUTION))
    return 1;
  dims[1] = shape.in;
  dims[2] = dims[3] = shape.kernel;
  return 4;
}

/* ---- a pass ---------------------------------------------------------------------------------- */

void
cow_detector_pass_clear (CowDetectorPass *self)
{
  if (!self->stream)
    return;
  cow_buffer_clear (&self->joined, self->stream);
  for (int unit = 0; unit < COW_DETECTOR_UNITS; unit++) {
    cow_buffer_clear (&self->convolved[unit], self->stream);
    cow_buffer_clear (&self->normed[unit], self->stream);
    cow_buffer_clear (&self->activated[unit], self->stream);
  }
  cow_buffer_clear (&self->out, self->stream);
  cow_buffer_clear (&self->ones, self->stream);
}

static gboolean
reserve (CowDetectorPass *self, CowBuffer *buffer, gint64 cols)
{
  gsize n, bytes;
  return g_size_checked_mul (&n, (gsize)self->rows, (gsize)cols) &&
         g_size_checked_mul (&bytes, n, sizeof (float)) &&
         cow_buffer_reserve (buffer, self->stream, bytes);
}

static gboolean
reserve_ones (CowDetectorPass *self, gint64 cols)
{
  const gsize before = self->ones.bytes;
  return reserve (self, &self->ones, cols) &&
         (self->ones.bytes == before ||
          self->stream->operations->fill (self->stream, self->ones.data, self->rows * cols, 1) ==
              CK_OK);
}

gboolean
cow_detector_pass_ensure (CowDetectorPass *self, CkStream *stream, const CowDetectorConfig *config,
                          int batch, int height, int width, GError **error)
{
  const gint64 outputs = cow_detector_n_outputs (config);
  self->stream = stream;
  self->rows = (gint64)batch * (height / config->patch) * (width / config->patch);
  gboolean complete = reserve (self, &self->joined, n_joined (config)) &&
                      reserve (self, &self->out, outputs) && reserve_ones (self, outputs);
  for (int unit = 0; unit < COW_DETECTOR_UNITS && complete; unit++)
    complete = reserve (self, &self->convolved[unit], config->width) &&
               reserve (self, &self->normed[unit], config->width) &&
               reserve (self, &self->activated[unit], config->width);
  return complete || cow_check (CK_NO_MEMORY, error, "the head of %d frames of %d x %d px", batch,
                                width, height);
}

/* Every level's tokens beside each other, without the class token and the registers. */
static CkStatus
join (const CowDetectorConfig *config, const float *const *tokens, gint64 n_prefix, int batch,
      CowDetectorPass *pass)
{
  const gint64 cols = config->n_features, all = n_joined (config), rows = pass->rows / batch;
  for (guint level = 0; level < config->n_levels; level++)
    for (int i = 0; i < batch; i++) {
      const float *from = tokens[level] + (i * (n_prefix + rows) + n_prefix) * cols;
      float *to = (float *)pass->joined.data + i * rows * all + level * cols;
      COW_TRY (pass->stream->operations->copy_rows (pass->stream, rows, cols, from, cols, to, all));
    }
  return CK_OK;
}

CkStatus
cow_detector_forward (const CowDetectorConfig *config, float *const *weights,
                      const float *const *tokens, gint64 n_prefix, int batch, int height, int width,
                      CowDetectorPass *pass)
{
  CkStream *stream = pass->stream;
  const CkOperations *operations = stream->operations;
  const float *x = pass->joined.data;
  if (!stream->training)
    return CK_UNSUPPORTED; /* nothing adds the last bias */
  COW_TRY (join (config, tokens, n_prefix, batch, pass));
  for (int unit = 0; unit < COW_DETECTOR_UNITS; unit++) {
    float *const *of_unit = weights + unit * COW_DETECTOR_UNIT_TENSORS;
    const CkConvolution shape = cow_detector_convolution (config, unit, batch, height, width);
    const CkNorm norm = { .weight = of_unit[COW_DETECTOR_NORM_WEIGHT],
                          .bias = of_unit[COW_DETECTOR_NORM_BIAS],
                          .epsilon = COW_DETECTOR_NORM_EPSILON,
                          .rows = pass->rows,
                          .cols = config->width,
                          .x = pass->convolved[unit].data,
                          .y = ck_f32 (pass->normed[unit].data) };
    COW_TRY (operations->convolution (stream, &shape, x, of_unit[COW_DETECTOR_CONVOLUTION],
                                      pass->convolved[unit].data));
    COW_TRY (operations->norm (stream, &norm));
    COW_TRY (operations->activate (stream, CK_GELU, pass->rows * config->width,
                                   pass->normed[unit].data, pass->activated[unit].data));
    x = pass->activated[unit].data;
  }
  const CkConvolution last =
      cow_detector_convolution (config, COW_DETECTOR_UNITS, batch, height, width);
  COW_TRY (
      operations->convolution (stream, &last, x, weights[COW_DETECTOR_OUT_WEIGHT], pass->out.data));
  return stream->training->add_scaled (stream, pass->rows, last.out, pass->ones.data,
                                       weights[COW_DETECTOR_OUT_BIAS], pass->out.data);
}
