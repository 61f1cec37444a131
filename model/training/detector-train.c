/* SPDX-License-Identifier: MIT */
#include "model/training/detector-train.h"

#include <math.h>

#include "model/files/floats.h"
#include "model/network/detector-file.h"
#include "model/training/random.h"

#define FIRST_HEAT .01
struct _CowDetectorTrain {
  CkStream *stream;
  CowParameters *parameters;
  CowDetectorConfig config;
  guint first; /* of its tensors among the parameters */
  CowDetectorPass pass;
  /* Of the last pass */
  int batch, height, width;
  gint64 n_prefix;
  float *cells;      /* host [rows, outputs] */
  gsize cells_bytes; /* of it */
  float *map;        /* host [rows, width] */
  gsize map_bytes;   /* of it */
  /* Gradients, floats */
  CowBuffer dout, dx, dy; /* [rows, outputs], [rows, width] twice */
  CowBuffer djoined;      /* [rows, n_levels * n_features] */
  CowBuffer dmap;         /* [rows, width] */
};

CowDetectorTrain *
cow_detector_train_new (CowParameters *parameters, const CowDetectorConfig *config)
{
  CowDetectorTrain *self = g_new0 (CowDetectorTrain, 1);
  self->stream = parameters->stream;
  self->parameters = parameters;
  self->config = *config;
  self->first = parameters->list->len;
  for (int i = 0; i < COW_DETECTOR_TENSORS; i++) {
    const char *name;
    gint64 dims[4];
    const guint n = cow_detector_tensor (config, i, &name, dims);
    cow_parameters_add (parameters, name, n, dims);
  }
  return self;
}

void
cow_detector_train_free (CowDetectorTrain *self)
{
  if (!self)
    return;
  cow_detector_pass_clear (&self->pass);
  cow_buffer_clear (&self->dout, self->stream);
  cow_buffer_clear (&self->dx, self->stream);
  cow_buffer_clear (&self->dy, self->stream);
  cow_buffer_clear (&self->djoined, self->stream);
  cow_buffer_clear (&self->dmap, self->stream);
  g_free (self->cells);
  g_free (self->map);
  g_free (self);
}

/* ---- first values ---------------------------------------------------------------------------- */

/* Of tensor i of the head, [count]. */
static void
first_values (const CowDetectorTrain *self, int i, guint64 key, const CowParameter *parameter,
              float *values)
{
  const gboolean weight = parameter->n_dims == 4,
                 one = i < COW_DETECTOR_OUT_WEIGHT &&
                       i % COW_DETECTOR_UNIT_TENSORS == COW_DETECTOR_NORM_WEIGHT;
  const double inputs =
      weight ? (double)(parameter->dims[1] * parameter->dims[2] * parameter->dims[3]) : 1;
  for (gsize k = 0; k < parameter->count; k++)
    values[k] = weight ? (float)(sqrt (2 / inputs) * cow_random_normal (key, k)) : one ? 1 : 0;
  if (i == COW_DETECTOR_OUT_BIAS)
    for (gsize k = 0; k < parameter->count; k += COW_CELL_VALUES)
      values[k + COW_CELL_HEAT] = (float)log (FIRST_HEAT / (1 - FIRST_HEAT));
}

gboolean
cow_detector_train_start (CowDetectorTrain *self, guint64 seed, const float *const *tensors,
                          GError **error)
{
  for (int i = 0; i < COW_DETECTOR_TENSORS; i++) {
    const CowParameter *parameter = cow_parameters_get (self->parameters, self->first + (guint)i);
    g_autofree float *first = tensors ? NULL : cow_floats_new (parameter->count, "the head", error);
    if (first)
      first_values (self, i, cow_random_key (seed, (guint64)i), parameter, first);
    else if (!tensors)
      return FALSE;
    if (!cow_parameters_set (self->parameters, self->first + (guint)i, first ? first : tensors[i],
                             error))
      return FALSE;
  }
  return TRUE;
}

gboolean
cow_detector_train_write (const CowDetectorTrain *self, const char *folder, GError **error)
{
  g_autoptr (CowDetectorFile) file = g_new0 (CowDetectorFile, 1);

  file->config = self->config;
  for (int i = 0; i < COW_DETECTOR_TENSORS; i++) {
    const guint index = self->first + (guint)i;
    file->tensors[i] =
        cow_floats_new (cow_parameters_get (self->parameters, index)->count, "the head", error);
    if (!file->tensors[i] ||
        !cow_parameters_read (self->parameters, index, file->tensors[i], error))
      return FALSE;
  }
  return cow_detector_file_write (file, folder, error);
}

/* ---- passes ---------------------------------------------------------------------------------- */

static float *
value (const CowDetectorTrain *self, int tensor)
{
  return cow_parameters_value (self->parameters, self->first + (guint)tensor);
}

static float *
gradient (const CowDetectorTrain *self, int tensor)
{
  return cow_parameters_gradient (self->parameters, self->first + (guint)tensor);
}

static gsize
bytes_of (const CowDetectorTrain *self)
{
  return (gsize)self->pass.rows * (gsize)cow_detector_n_outputs (&self->config) * sizeof (float);
}

/* From the device to *host, which has room for *room bytes and grows. */
static CkStatus
read_back (CkStream *stream, const CowBuffer *buffer, gsize bytes, float **host, gsize *room)
{
  if (bytes > *room) {
    g_free (*host);
    *host = g_try_malloc (bytes);
    *room = *host ? bytes : 0;
  }
  return *host ? ck_download (stream, *host, buffer->data, bytes) : CK_NO_MEMORY;
}

const float *
cow_detector_train_forward (CowDetectorTrain *self, const float *const *tokens, gint64 n_prefix,
                            int batch, int height, int width, GError **error)
{
  float *weights[COW_DETECTOR_TENSORS];
  if (!cow_detector_pass_ensure (&self->pass, self->stream, &self->config, batch, height, width,
                                 error))
    return NULL;
  self->batch = batch;
  self->height = height;
  self->width = width;
  self->n_prefix = n_prefix;
  for (int i = 0; i < COW_DETECTOR_TENSORS; i++)
    weights[i] = value (self, i);
  CkStatus status = cow_detector_forward (&self->config, weights, tokens, n_prefix, batch, height,
                                          width, &self->pass);
  if (status == CK_OK)
    status = read_back (self->stream, &self->pass.out, bytes_of (self), &self->cells,
                        &self->cells_bytes);
  return cow_check (status, error, "the head") ? self->cells : NULL;
}

static gsize
map_bytes (const CowDetectorTrain *self)
{
  return (gsize)self->pass.rows * (gsize)self->config.width * sizeof (float);
}

const float *
cow_detector_train_map (CowDetectorTrain *self, GError **error)
{
  return cow_check (read_back (self->stream, &self->pass.activated[COW_DETECTOR_UNITS - 1],
                               map_bytes (self), &self->map, &self->map_bytes),
                    error, "the map of %d frames", self->batch)
             ? self->map
             : NULL;
}

static gboolean
ensure_gradients (CowDetectorTrain *self, GError **error)
{
  const gsize rows = (gsize)self->pass.rows, width = (gsize)self->config.width * sizeof (float),
              joined = self->config.n_levels * (gsize)self->config.n_features * sizeof (float);
  return (cow_buffer_reserve (&self->dout, self->stream, bytes_of (self)) &&
          cow_buffer_reserve (&self->dx, self->stream, rows * width) &&
          cow_buffer_reserve (&self->dy, self->stream, rows * width) &&
          cow_buffer_reserve (&self->dmap, self->stream, map_bytes (self)) &&
          cow_buffer_reserve (&self->djoined, self->stream, rows * joined)) ||
         cow_check (CK_NO_MEMORY, error, "gradients of the head of %d frames", self->batch);
}

/* The convolution of a unit: from the gradient of what it gave to that of what it read. */
static CkStatus
convolution_backward (CowDetectorTrain *self, int unit, const float *dy, float *dx)
{
  const CkConvolution shape =
      cow_detector_convolution (&self->config, unit, self->batch, self->height, self->width);
  const int tensor = unit * COW_DETECTOR_UNIT_TENSORS + COW_DETECTOR_CONVOLUTION;
  const float *x = unit == 0 ? self->pass.joined.data : self->pass.activated[unit - 1].data;
  return self->stream->training->convolution_backward (
      self->stream, &shape, x, value (self, tensor), dy, dx, gradient (self, tensor));
}

/* From the gradient behind a unit, dy, to that before its norm, in place. */
static CkStatus
unit_backward (CowDetectorTrain *self, int unit, float *dy)
{
  const CkTraining *training = self->stream->training;
  const int tensor = unit * COW_DETECTOR_UNIT_TENSORS;
  const CkNormBackward norm = { .weight = value (self, tensor + COW_DETECTOR_NORM_WEIGHT),
                                .epsilon = COW_DETECTOR_NORM_EPSILON,
                                .rows = self->pass.rows,
                                .cols = self->config.width,
                                .x = self->pass.convolved[unit].data,
                                .dy = dy,
                                .dx = dy,
                                .dweight = gradient (self, tensor + COW_DETECTOR_NORM_WEIGHT),
                                .dbias = gradient (self, tensor + COW_DETECTOR_NORM_BIAS) };
  COW_TRY (training->activate_backward (self->stream, CK_GELU, self->pass.rows * self->config.width,
                                        self->pass.normed[unit].data, dy, dy));
  return training->norm_backward (self->stream, &norm);
}

/* The gradients of the joined tokens back to the levels'. */
static CkStatus
part (const CowDetectorTrain *self, float *const *dtokens)
{
  const CkOperations *operations = self->stream->operations;
  const CowDetectorConfig *config = &self->config;
  const gint64 cols = config->n_features, all = config->n_levels * cols,
               rows = self->pass.rows / self->batch, tokens = self->n_prefix + rows;
  for (guint level = 0; level < config->n_levels; level++) {
    COW_TRY (operations->fill (self->stream, dtokens[level], self->batch * tokens * cols, 0));
    for (int i = 0; i < self->batch; i++) {
      const float *from = (const float *)self->djoined.data + i * rows * all + level * cols;
      float *to = dtokens[level] + (i * tokens + self->n_prefix) * cols;
      COW_TRY (operations->copy_rows (self->stream, rows, cols, from, all, to, cols));
    }
  }
  return CK_OK;
}

/* Adds the gradient of the map to dy, that of what the last unit gave, which is the map. */
static CkStatus
add_map (CowDetectorTrain *self, const float *dmap, float *dy)
{
  COW_TRY (ck_upload (self->stream, self->dmap.data, dmap, map_bytes (self)));
  return self->stream->training->add_scaled (self->stream, self->pass.rows, self->config.width,
                                             self->dmap.data, NULL, dy);
}

static CkStatus
backward (CowDetectorTrain *self, const float *dcells, const float *dmap, float *const *dtokens)
{
  const CkTraining *training = self->stream->training;
  const gint64 outputs = cow_detector_n_outputs (&self->config);
  float *dy = self->dy.data, *dx = self->dx.data;
  COW_TRY (ck_upload (self->stream, self->dout.data, dcells, bytes_of (self)));
  /* It writes d out to itself, and adds the bias's. */
  COW_TRY (training->add_scaled_backward (self->stream, self->pass.rows, outputs, self->dout.data,
                                          self->pass.ones.data, NULL, self->pass.out.data,
                                          gradient (self, COW_DETECTOR_OUT_BIAS)));
  COW_TRY (convolution_backward (self, COW_DETECTOR_UNITS, self->dout.data, dy));
  if (dmap)
    COW_TRY (add_map (self, dmap, dy));
  for (int unit = COW_DETECTOR_UNITS - 1; unit > 0; unit--) {
    COW_TRY (unit_backward (self, unit, dy));
    COW_TRY (convolution_backward (self, unit, dy, dx));
    float *swapped = dy;
    dy = dx;
    dx = swapped;
  }
  COW_TRY (unit_backward (self, 0, dy));
  COW_TRY (convolution_backward (self, 0, dy, dtokens ? self->djoined.data : NULL));
  return dtokens ? part (self, dtokens) : CK_OK;
}

gboolean
cow_detector_train_backward (CowDetectorTrain *self, const float *dcells, const float *dmap,
                             float *const *dtokens, GError **error)
{
  return ensure_gradients (self, error) &&
         cow_check (backward (self, dcells, dmap, dtokens), error, "the head's backward pass");
}
