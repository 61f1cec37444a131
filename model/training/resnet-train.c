/* SPDX-License-Identifier: MIT */
#include "model/training/resnet-train.h"

#include <math.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "model/files/floats.h"
#include "model/files/json-object.h"
#include "model/files/safetensors.h"
#include "model/network/resnet.h"
#include "model/training/random.h"

/* A unit's trained tensors: the convolution and two of its norm. */
#define N_TRAINED 3

typedef struct {
  CowTrainedBackbone parent;
  guint first_parameter;
  CowResnetValues values[COW_RESNET_N_UNITS];
  gsize n_running; /* floats of all running means and variances */
  float *running;  /* device [n_running], mean then variance of each unit */
  float *saved;    /* device, alike: statistics of the last batch */
  float *host;     /* [n_running + 1], the copy that callers see, with the number of batches behind;
                      NULL before it was asked for */
  gboolean host_current; /* nothing was trained since the copy was made */
  double n_batches;

  CowResnetShape shape; /* of the last pass */
  int most_batch;       /* that the buffers hold, of pictures of that size; 0: there are none */
  gboolean training;
  CowResnetActs acts;
  /* Gradients on their way: [0] has room for the first unit's output, the others for what comes
   * after the pooling. */
  float *gradient[3];
} CowResnetTrain;

static guint
parameter_of (const CowResnetTrain *self, int unit, int part)
{
  return self->first_parameter + (guint)(unit * N_TRAINED + part);
}

static CowTrainedBackbone *
resnet_train_new (CowParameters *parameters, const CowBackboneConfig *config,
                  const CowTrainedOptions *options, GError **error)
{
  CowResnetTrain *self = g_new0 (CowResnetTrain, 1);
  self->parent = (CowTrainedBackbone){ .klass = &cow_resnet_train_class,
                                       .stream = parameters->stream,
                                       .parameters = parameters,
                                       .config = *config };
  self->first_parameter = parameters->list->len;
  for (int i = 0; i < COW_RESNET_N_UNITS; i++) {
    const CowResnetUnit *unit = &cow_resnet_units[i];
    const gint64 dims[] = { unit->out, unit->in, unit->kernel, unit->kernel };
    g_autofree char *kernel = g_strconcat (unit->convolution, ".weight", NULL);
    cow_parameters_add (parameters, kernel, 4, dims);
    for (int part = 0; part < N_TRAINED - 1; part++) {
      g_autofree char *name = g_strconcat (unit->norm, ".", cow_resnet_norm_names[part], NULL);
      cow_parameters_add (parameters, name, 1, dims);
    }
    self->n_running += 2 * (gsize)unit->out;
  }
  return &self->parent;
}

static void
clear_buffers (CowResnetTrain *self)
{
  CkStream *stream = self->parent.stream;
  CowResnetActs *acts = &self->acts;
  for (int i = 0; i < COW_RESNET_N_UNITS; i++) {
    ck_free (stream, acts->convolved[i]);
    ck_free (stream, acts->output[i]);
  }
  for (guint i = 0; i < G_N_ELEMENTS (self->gradient); i++) {
    ck_free (stream, self->gradient[i]);
    self->gradient[i] = NULL;
  }
  ck_free (stream, acts->input);
  ck_free (stream, acts->pooled);
  ck_free (stream, acts->places);
  ck_free (stream, acts->features);
  memset (acts, 0, sizeof *acts);
  self->most_batch = 0;
}

static void
resnet_train_free (CowTrainedBackbone *parent)
{
  CowResnetTrain *self = (CowResnetTrain *)parent;
  clear_buffers (self);
  ck_free (self->parent.stream, self->running);
  ck_free (self->parent.stream, self->saved);
  g_free (self->host);
  g_free (self);
}

/* ---- first values and running statistics ----------------------------------------------------- */

/* Points every unit at its parameters and statistics. */
static gboolean
attach (CowResnetTrain *self, GError **error)
{
  CkStream *stream = self->parent.stream;
  self->running = ck_alloc (stream, self->n_running * sizeof (float));
  self->saved = ck_alloc (stream, self->n_running * sizeof (float));
  if (!self->running || !self->saved)
    return cow_check (CK_NO_MEMORY, error, "running statistics");
  gsize at = 0;
  for (int i = 0; i < COW_RESNET_N_UNITS; i++) {
    const gsize out = (gsize)cow_resnet_units[i].out;
    self->values[i] = (CowResnetValues){
      .kernel = cow_parameters_value (self->parent.parameters, parameter_of (self, i, 0)),
      .weight = cow_parameters_value (self->parent.parameters, parameter_of (self, i, 1)),
      .bias = cow_parameters_value (self->parent.parameters, parameter_of (self, i, 2)),
      .mean = self->running + at,
      .variance = self->running + at + out,
      .saved_mean = self->saved + at,
      .saved_inverse = self->saved + at + out
    };
    at += 2 * out;
  }
  return TRUE;
}

static gboolean
initialise_unit (CowResnetTrain *self, int i, guint64 seed, GError **error)
{
  const CowResnetUnit *unit = &cow_resnet_units[i];
  const gsize n = cow_parameters_get (self->parent.parameters, parameter_of (self, i, 0))->count;
  const double deviation = sqrt (2. / (unit->out * unit->kernel * unit->kernel));
  const guint64 key = cow_random_key (seed, (guint64)i);
  g_autofree float *kernel = cow_floats_new (n, unit->convolution, error),
                   *ones = g_new (float, unit->out), *zeroes = g_new0 (float, unit->out);
  if (!kernel)
    return FALSE;
  for (gsize k = 0; k < n; k++)
    kernel[k] = (float)(deviation * cow_random_normal (key, k));
  for (int c = 0; c < unit->out; c++)
    ones[c] = 1;
  return cow_parameters_set (self->parent.parameters, parameter_of (self, i, 0), kernel, error) &&
         cow_parameters_set (self->parent.parameters, parameter_of (self, i, 1), ones, error) &&
         cow_parameters_set (self->parent.parameters, parameter_of (self, i, 2), zeroes, error) &&
         cow_check (self->parent.stream->operations->fill (self->parent.stream,
                                                           self->values[i].mean, unit->out, 0),
                    error, "running means") &&
         cow_check (self->parent.stream->operations->fill (self->parent.stream,
                                                           self->values[i].variance, unit->out, 1),
                    error, "running variances");
}

static gboolean
start (CowTrainedBackbone *parent, guint64 seed, GError **error)
{
  CowResnetTrain *self = (CowResnetTrain *)parent;
  if (!attach (self, error))
    return FALSE;
  for (int i = 0; i < COW_RESNET_N_UNITS; i++)
    if (!initialise_unit (self, i, seed, error))
      return FALSE;
  return TRUE;
}

/* The running statistics, copied to the host. */
static float *
running (CowTrainedBackbone *parent, gsize *count, GError **error)
{
  CowResnetTrain *self = (CowResnetTrain *)parent;
  const gsize n = self->n_running;
  if (!self->host)
    self->host = cow_floats_new (n + 1, "running statistics", error);
  if (!self->host)
    return NULL;
  if (!self->host_current &&
      !cow_check (ck_download (self->parent.stream, self->host, self->running, n * sizeof (float)),
                  error, "downloading running statistics"))
    return NULL;
  if (!self->host_current)
    self->host[n] = (float)self->n_batches;
  self->host_current = TRUE;
  *count = n + 1;
  return self->host;
}

static gboolean
refresh (CowTrainedBackbone *parent, GError **error)
{
  CowResnetTrain *self = (CowResnetTrain *)parent;
  if (!self->host_current)
    return TRUE;
  self->n_batches = self->host[self->n_running];
  return cow_check (
      ck_upload (self->parent.stream, self->running, self->host, self->n_running * sizeof (float)),
      error, "uploading running statistics");
}

/* ---- passes ---------------------------------------------------------------------------------- */

/* A buffer of a pass: where its pointer lies in a CowResnetTrain, and its bytes. */
typedef struct {
  gsize offset, bytes;
} Buffer;

#define N_BUFFERS (2 * COW_RESNET_N_UNITS + 7)

static void
list_buffers (const CowResnetShape *shape, Buffer buffers[N_BUFFERS])
{
  const gsize batch = (gsize)shape->batch, size = sizeof (float *),
              pooled = batch * (gsize)(shape->pooled_area * cow_resnet_units[0].out);
  const Buffer others[] = {
    { G_STRUCT_OFFSET (CowResnetTrain, acts.input),
      batch * 3 * (gsize)(shape->height * shape->width) * sizeof (float) },
    { G_STRUCT_OFFSET (CowResnetTrain, acts.pooled), pooled * sizeof (float) },
    { G_STRUCT_OFFSET (CowResnetTrain, acts.places), pooled },
    { G_STRUCT_OFFSET (CowResnetTrain, acts.features),
      batch * COW_RESNET_FEATURES * sizeof (float) },
    { G_STRUCT_OFFSET (CowResnetTrain, gradient),
      cow_resnet_unit_size (shape, 0) * sizeof (float) },
    { G_STRUCT_OFFSET (CowResnetTrain, gradient) + size, pooled * sizeof (float) },
    { G_STRUCT_OFFSET (CowResnetTrain, gradient) + 2 * size, pooled * sizeof (float) },
  };
  for (gsize i = 0; i < COW_RESNET_N_UNITS; i++) {
    const gsize bytes = cow_resnet_unit_size (shape, (int)i) * sizeof (float);
    buffers[2 * i] = (Buffer){ G_STRUCT_OFFSET (CowResnetTrain, acts.convolved) + i * size, bytes };
    buffers[2 * i + 1] =
        (Buffer){ G_STRUCT_OFFSET (CowResnetTrain, acts.output) + i * size, bytes };
  }
  memcpy (&buffers[2 * COW_RESNET_N_UNITS], others, sizeof others);
}

static gsize
activation_bytes (const CowBackboneConfig *config, const CowTrainedParts *parts, int batch,
                  int height, int width, gboolean checkpointing)
{
  CowResnetShape shape;
  Buffer buffers[N_BUFFERS];
  gsize bytes = 0;
  if (!cow_resnet_shape (&shape, batch, height, width, NULL))
    return 0;
  list_buffers (&shape, buffers);
  for (guint i = 0; i < N_BUFFERS; i++)
    bytes += buffers[i].bytes;
  return bytes;
}

static gboolean
reserve_all (CowResnetTrain *self)
{
  Buffer buffers[N_BUFFERS];
  list_buffers (&self->shape, buffers);
  for (guint i = 0; i < N_BUFFERS; i++) {
    void *memory = ck_alloc (self->parent.stream, buffers[i].bytes);
    /* Pointers to floats and, of `places`, to bytes: stored as what they are. */
    memcpy (G_STRUCT_MEMBER_P (self, buffers[i].offset), &memory, sizeof memory);
    if (!memory)
      return FALSE;
  }
  return TRUE;
}

static gboolean
ensure_buffers (CowResnetTrain *self, int batch, int height, int width, GError **error)
{
  CowResnetShape *shape = &self->shape;
  /* A smaller batch, an epoch's last, fits: to allocate anew each time would leave the heap in
   * pieces, and the system clears the memory. */
  const gboolean fits =
      batch <= self->most_batch && shape->height == height && shape->width == width;
  if (fits)
    return cow_resnet_shape (shape, batch, height, width, error);
  clear_buffers (self);
  if (cow_resnet_shape (shape, batch, height, width, error)) {
    self->most_batch = batch;
    if (reserve_all (self))
      return TRUE;
    cow_check (CK_NO_MEMORY, error,
               "activations of %d pictures of %d x %d in training (a smaller batch needs less)",
               batch, width, height);
  }
  clear_buffers (self);
  return FALSE;
}

static const float *
forward (CowTrainedBackbone *parent, const float *pixels, int batch, int height, int width,
         gboolean training, guint64 key, GError **error)
{
  CowResnetTrain *self = (CowResnetTrain *)parent;
  if (!ensure_buffers (self, batch, height, width, error))
    return NULL;
  self->training = training;
  if (training && batch * self->shape.area[COW_RESNET_N_UNITS - 1] < 2) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "a batch of one picture of %d x %d: batch norm needs two values a channel; take "
                 "larger pictures or batches",
                 width, height);
    return NULL;
  }
  if (training) {
    self->host_current = FALSE;
    self->n_batches++;
  }
  const CkStatus status = cow_resnet_pass (self->parent.stream, &self->shape, self->values,
                                           &self->acts, pixels, training);
  return cow_check (status, error, "ResNet-18") ? self->acts.features : NULL;
}

/* From the gradient of a unit's output, dy, to that of what it reads, dx (NULL: nobody asks). dy
 * becomes the gradient of the residual. The convolution's output is needed no more and takes its
 * own gradient. */
static CkStatus
unit_backward (CowResnetTrain *self, int i, float *dy, float *dx)
{
  const CkTraining *t = self->parent.stream->training;
  const CkBatchNorm norm = cow_resnet_norm (&self->shape, &self->acts, self->values, i);
  float *convolved = self->acts.convolved[i];
  CkStatus status = t->batch_norm_backward (
      self->parent.stream, &norm, convolved, self->acts.output[i], dy, convolved,
      cow_parameters_gradient (self->parent.parameters, parameter_of (self, i, 1)),
      cow_parameters_gradient (self->parent.parameters, parameter_of (self, i, 2)));
  if (status == CK_OK)
    status = t->convolution_backward (
        self->parent.stream, &self->shape.unit[i], cow_resnet_source (&self->acts, i),
        self->values[i].kernel, convolved, dx,
        cow_parameters_gradient (self->parent.parameters, parameter_of (self, i, 0)));
  return status;
}

/* sum += x, both as large as what unit i reads. */
static CkStatus
add (const CowResnetTrain *self, int i, const float *x, float *sum)
{
  const CkConvolution *shape = &self->shape.unit[i];
  return self->parent.stream->training->add_scaled (
      self->parent.stream, shape->batch * shape->height * shape->width, shape->in, x, NULL, sum);
}

/*
 * One block, given its last unit; the gradient of its output comes in *outer and that of its input
 * leaves there. *other and `inner` are free. Without downsampling the input's gradient is the
 * residual's plus the first convolution's.
 */
static CkStatus
block_backward (CowResnetTrain *self, int second, float *inner, float **outer, float **other)
{
  const int first = cow_resnet_units[second].from, input = cow_resnet_units[first].from,
            residual = cow_resnet_units[second].residual;
  CkStatus status = unit_backward (self, second, *outer, inner);
  if (status == CK_OK)
    status = unit_backward (self, first, inner, *other);
  if (status != CK_OK)
    return status;
  if (residual == input)
    return add (self, first, *other, *outer);
  status = unit_backward (self, residual, *outer, inner);
  if (status == CK_OK)
    status = add (self, first, inner, *other);
  float *kept = *outer;
  *outer = *other;
  *other = kept;
  return status;
}

static CkStatus
pass_backward (CowResnetTrain *self, const float *dfeatures)
{
  const CkTraining *t = self->parent.stream->training;
  const CowResnetShape *shape = &self->shape;
  const int last = COW_RESNET_N_UNITS - 1;
  float *outer = self->gradient[1], *other = self->gradient[2];
  CkStatus status = t->mean_pool_backward (self->parent.stream, shape->batch, shape->area[last],
                                           COW_RESNET_FEATURES, dfeatures, outer);
  for (int second = last; second > 0 && status == CK_OK;
       second = cow_resnet_units[cow_resnet_units[second].from].from)
    status = block_backward (self, second, self->gradient[0], &outer, &other);
  if (status == CK_OK) {
    const CkConvolution *next = &shape->unit[0];
    const gint64 height = (next->height + 2 * next->padding - next->kernel) / next->stride + 1;
    status =
        t->max_pool_backward (self->parent.stream, shape->batch, height, shape->area[0] / height,
                              next->out, outer, self->acts.places, self->gradient[0]);
  }
  return status == CK_OK ? unit_backward (self, 0, self->gradient[0], NULL) : status;
}

static gboolean
backward (CowTrainedBackbone *parent, const float *dfeatures, GError **error)
{
  CowResnetTrain *self = (CowResnetTrain *)parent;
  g_return_val_if_fail (self->training, FALSE);
  return cow_check (pass_backward (self, dfeatures), error, "ResNet-18's backward pass");
}

/* ---- writing --------------------------------------------------------------------------------- */

static void
declare (const CowResnetTrain *self, int i, CowSafetensorsWriter *writer)
{
  const CowResnetUnit *unit = &cow_resnet_units[i];
  const gint64 out = unit->out;
  for (int part = 0; part < N_TRAINED; part++) {
    const CowParameter *parameter =
        cow_parameters_get (self->parent.parameters, parameter_of (self, i, part));
    cow_safetensors_writer_declare (writer, parameter->name, COW_F32, parameter->dims,
                                    parameter->n_dims);
  }
  for (int part = N_TRAINED - 1; part < COW_RESNET_N_NORM; part++) {
    g_autofree char *name = g_strconcat (unit->norm, ".", cow_resnet_norm_names[part], NULL);
    cow_safetensors_writer_declare (writer, name, COW_F32, &out, 1);
  }
  /* torch counts the batches in every norm, and refuses a file without. */
  g_autofree char *count = g_strconcat (unit->norm, ".num_batches_tracked", NULL);
  cow_safetensors_writer_declare (writer, count, COW_I64, NULL, 0);
}

static gboolean
write_unit (const CowResnetTrain *self, int i, const float **next, CowSafetensorsWriter *writer,
            GError **error)
{
  const gsize bytes = 2 * (gsize)cow_resnet_units[i].out * sizeof (float);
  const gint64 n_batches = (gint64)self->n_batches;
  for (int part = 0; part < N_TRAINED; part++) {
    const guint parameter = parameter_of (self, i, part);
    const gsize count = cow_parameters_get (self->parent.parameters, parameter)->count;
    g_autofree float *host = cow_floats_new (count, "a parameter", error);
    if (!host || !cow_parameters_read (self->parent.parameters, parameter, host, error) ||
        !cow_safetensors_writer_write (writer, host, count * sizeof (float), error))
      return FALSE;
  }
  const float *statistics = *next;
  *next += 2 * cow_resnet_units[i].out;
  return cow_safetensors_writer_write (writer, statistics, bytes, error) &&
         cow_safetensors_writer_write (writer, &n_batches, sizeof n_batches, error);
}

static gboolean
write_weights (CowResnetTrain *self, const char *path, GError **error)
{
  gsize count;
  const float *statistics = running (&self->parent, &count, error);
  if (!statistics)
    return FALSE;
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
  cow_safetensors_writer_metadata (writer, "format", "pt");
  for (int i = 0; i < COW_RESNET_N_UNITS; i++)
    declare (self, i, writer);
  for (int i = 0; i < COW_RESNET_N_UNITS; i++)
    if (!write_unit (self, i, &statistics, writer, error))
      return FALSE;
  return cow_safetensors_writer_finish (writer, error);
}

static gboolean
write_folder (CowTrainedBackbone *parent, const char *folder, GError **error)
{
  CowResnetTrain *self = (CowResnetTrain *)parent;
  g_autofree char *weights = g_build_filename (folder, "model.safetensors", NULL),
                  *file = g_build_filename (folder, "config.json", NULL);
  g_autoptr (JsonObject) config = json_object_new ();
  g_autoptr (JsonArray) architectures = json_array_new ();
  json_array_add_string_element (architectures, "ResNet");
  json_object_set_array_member (config, "architectures", json_array_ref (architectures));
  json_object_set_string_member (config, "model_type", COW_RESNET_TYPE);
  g_autofree char *text = cow_json_object_text (config);
  return write_weights (self, weights, error) && cow_text_write (text, file, error);
}

const CowTrainedClass cow_resnet_train_class = {
  .create = resnet_train_new,
  .start = start,
  .forward = forward,
  .backward = backward,
  .refresh = refresh,
  .buffer_name = "running_statistics",
  .buffer = running,
  .write = write_folder,
  .activation_bytes = activation_bytes,
  .free = resnet_train_free,
};
