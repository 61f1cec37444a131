/* SPDX-License-Identifier: MIT */
#include "model/training/parameters.h"

#include <math.h>
#include <string.h>

#include "model/files/floats.h"
#include "model/files/safetensors.h"

static void
parameter_clear (gpointer data)
{
  g_free (((CowParameter *)data)->name);
}

CowParameters *
cow_parameters_new (CkStream *stream)
{
  CowParameters *self = g_new0 (CowParameters, 1);
  self->stream = stream;
  self->list = g_array_new (FALSE, TRUE, sizeof (CowParameter));
  g_array_set_clear_func (self->list, parameter_clear);
  return self;
}

void
cow_parameters_free (CowParameters *self)
{
  if (!self)
    return;
  void *arrays[] = { self->values, self->gradients, self->first,   self->second, self->earlier,
                     self->sum,    self->kept,      self->squares, self->factor, self->step };
  for (guint i = 0; i < G_N_ELEMENTS (arrays); i++)
    ck_free (self->stream, arrays[i]);
  g_array_unref (self->list);
  g_free (self);
}

guint
cow_parameters_add (CowParameters *self, const char *name, guint n_dims, const gint64 *dims)
{
  g_assert (!self->values && n_dims <= 4);
  CowParameter parameter = {
    .name = g_strdup (name), .n_dims = n_dims, .offset = self->count, .count = 1
  };
  for (guint i = 0; i < n_dims; i++) {
    parameter.dims[i] = dims[i];
    parameter.count *= (gsize)dims[i];
  }
  /* Each tensor starts on a cache line: rows of vectors then do too. */
  self->count += (parameter.count + 15) / 16 * 16;
  g_array_append_val (self->list, parameter);
  return self->list->len - 1;
}

/* [count] zeros. */
static gboolean
allocate_array (CowParameters *self, float **array, GError **error)
{
  *array = ck_alloc (self->stream, self->count * sizeof (float));
  if (!*array)
    return cow_check (CK_NO_MEMORY, error, "%" G_GSIZE_FORMAT " trained parameters", self->count);
  return cow_check (self->stream->operations->fill (self->stream, *array, (int64_t)self->count, 0),
                    error, "clearing parameters");
}

gboolean
cow_parameters_allocate (CowParameters *self, GError **error)
{
  float **arrays[] = { &self->values, &self->gradients, &self->first, &self->second };
  for (guint i = 0; i < G_N_ELEMENTS (arrays); i++)
    if (!allocate_array (self, arrays[i], error))
      return FALSE;
  self->squares = ck_alloc (self->stream, sizeof *self->squares);
  self->factor = ck_alloc (self->stream, sizeof *self->factor);
  self->step = ck_alloc (self->stream, COW_N_RATES * sizeof *self->step);
  return (self->squares && self->factor && self->step) ||
         cow_check (CK_NO_MEMORY, error, "the optimiser's numbers");
}

const CowParameter *
cow_parameters_get (const CowParameters *self, guint i)
{
  return &g_array_index (self->list, CowParameter, i);
}

float *
cow_parameters_value (const CowParameters *self, guint i)
{
  return self->values + cow_parameters_get (self, i)->offset;
}

float *
cow_parameters_gradient (const CowParameters *self, guint i)
{
  return self->gradients + cow_parameters_get (self, i)->offset;
}

gboolean
cow_parameters_set (CowParameters *self, guint i, const float *host, GError **error)
{
  const CowParameter *parameter = cow_parameters_get (self, i);
  return cow_check (ck_upload (self->stream, cow_parameters_value (self, i), host,
                               parameter->count * sizeof (float)),
                    error, "uploading %s", parameter->name);
}

gboolean
cow_parameters_read (const CowParameters *self, guint i, float *host, GError **error)
{
  const CowParameter *parameter = cow_parameters_get (self, i);
  return cow_check (ck_download (self->stream, host, cow_parameters_value (self, i),
                                 parameter->count * sizeof (float)),
                    error, "downloading %s", parameter->name);
}

static void
swap_gradients (CowParameters *self)
{
  float *kept = self->gradients;
  self->gradients = self->earlier;
  self->earlier = kept;
}

gboolean
cow_parameters_begin_batch (CowParameters *self, GError **error)
{
  CkStream *stream = self->stream;
  if (self->n_batches > 0) {
    if (!self->earlier && !(self->earlier = ck_alloc (stream, self->count * sizeof (float))))
      return cow_check (CK_NO_MEMORY, error,
                        "gradients of %" G_GSIZE_FORMAT " parameters for more than one micro-batch",
                        self->count);
    swap_gradients (self);
  }
  return cow_check (stream->operations->fill (stream, self->gradients, (gint64)self->count, 0),
                    error, "clearing gradients");
}

gboolean
cow_parameters_end_batch (CowParameters *self, GError **error)
{
  CkStream *stream = self->stream;
  if (self->n_batches++ == 0)
    return TRUE;
  const CkStatus status =
      stream->training->add (stream, (gint64)self->count, self->gradients, self->earlier);
  swap_gradients (self);
  return cow_check (status, error, "adding a micro-batch's gradients up");
}

static CowRate
rate_of (const CowParameter *parameter)
{
  if (!strstr (parameter->name, "lora_B") && parameter->n_dims != 1)
    return COW_RATE_A;
  return strstr (parameter->name, "bias") ? COW_RATE_B_NO_DECAY : COW_RATE_B;
}

static CkAdamWStep
step_of (const CowAdamW *settings, CowRate rate)
{
  const double ratio = rate == COW_RATE_A || settings->ratio == 0 ? 1 : settings->ratio,
               decay = rate == COW_RATE_B_NO_DECAY ? 0 : settings->weight_decay;
  return ck_adamw_step (ratio * settings->learning_rate, settings->beta1, settings->beta2,
                        settings->epsilon, decay, settings->step);
}

/* AdamW of all parameters from `first` up to `end`, in floats. */
static CkStatus
step_range (CowParameters *self, CowRate rate, gsize first, gsize end)
{
  const CkAdamW op = { .step = self->step + rate,
                       .factor = self->factor,
                       .n = (gint64)(end - first),
                       .gradients = self->gradients + first,
                       .first = self->first + first,
                       .second = self->second + first,
                       .parameters = self->values + first };
  return self->stream->training->adamw (self->stream, &op);
}

/* A call for each run of parameters of one rate. */
static CkStatus
step_by_rates (CowParameters *self)
{
  CkStatus status = CK_OK;
  gsize first = 0;
  for (guint i = 0; i < self->list->len && status == CK_OK; i++) {
    const gboolean last = i + 1 == self->list->len;
    const CowRate rate = rate_of (cow_parameters_get (self, i));
    if (!last && rate_of (cow_parameters_get (self, i + 1)) == rate)
      continue;
    const gsize end = last ? self->count : cow_parameters_get (self, i + 1)->offset;
    status = step_range (self, rate, first, end);
    first = end;
  }
  return status;
}

static CkStatus
add_to_mean (CowParameters *self)
{
  const CkTraining *training = self->stream->training;
  const CkStatus status =
      training->multiply (self->stream, self->sum, (gint64)self->count, (float)self->decay);
  return status == CK_OK
             ? training->add (self->stream, (gint64)self->count, self->values, self->sum)
             : status;
}

gboolean
cow_parameters_step (CowParameters *self, const CowAdamW *settings, double max_norm, GError **error)
{
  CkStream *stream = self->stream;
  const CkTraining *training = stream->training;
  const double zero = 0;
  const gboolean plain = settings->ratio == 0 || settings->ratio == 1;
  CkAdamWStep steps[COW_N_RATES];
  for (CowRate rate = 0; rate < COW_N_RATES; rate++)
    steps[rate] = step_of (settings, rate);
  self->n_batches = 0;
  CkStatus status = ck_upload (stream, self->squares, &zero, sizeof zero);
  if (status == CK_OK)
    status = training->add_squares (stream, self->gradients, (gint64)self->count, self->squares);
  if (status == CK_OK)
    status = training->clip_factor (stream, self->squares, max_norm, self->factor);
  if (status == CK_OK)
    status = ck_upload (stream, self->step, steps, sizeof steps);
  if (status == CK_OK)
    status = plain ? step_range (self, COW_RATE_A, 0, self->count) : step_by_rates (self);
  if (status == CK_OK && self->sum)
    status = add_to_mean (self);
  return cow_check (status, error, "the optimiser");
}

/* ---- the mean -------------------------------------------------------------------------------- */

gboolean
cow_parameters_keep_mean (CowParameters *self, double decay, GError **error)
{
  self->decay = decay;
  return allocate_array (self, &self->sum, error) && allocate_array (self, &self->kept, error);
}

static CkStatus
copy_array (CowParameters *self, const float *from, float *to)
{
  const gint64 n = (gint64)self->count;
  return self->stream->operations->copy_rows (self->stream, 1, n, from, n, to, n);
}

gboolean
cow_parameters_show_mean (CowParameters *self, gint64 n, GError **error)
{
  if (!self->sum || self->shown || n < 1)
    return TRUE;
  const double factor = (1 - self->decay) / (1 - pow (self->decay, (double)n));
  CkStatus status = copy_array (self, self->values, self->kept);
  if (status == CK_OK)
    status = copy_array (self, self->sum, self->values);
  if (status == CK_OK)
    status = self->stream->training->multiply (self->stream, self->values, (gint64)self->count,
                                               (float)factor);
  self->shown = status == CK_OK;
  return cow_check (status, error, "the mean of the parameters");
}

gboolean
cow_parameters_show_values (CowParameters *self, GError **error)
{
  if (!self->shown)
    return TRUE;
  self->shown = FALSE;
  return cow_check (copy_array (self, self->kept, self->values), error, "the parameters");
}

gboolean
cow_parameters_norm (const CowParameters *self, double *norm, GError **error)
{
  double squares;
  if (!cow_check (ck_download (self->stream, &squares, self->squares, sizeof squares), error,
                  "the gradient's norm"))
    return FALSE;
  *norm = sqrt (squares);
  return TRUE;
}

gboolean
cow_parameters_write (const CowParameters *self, guint first, guint n, const char *path,
                      GError **error)
{
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
  cow_safetensors_writer_metadata (writer, "format", "pt");
  for (guint i = first; i < first + n; i++) {
    const CowParameter *parameter = cow_parameters_get (self, i);
    cow_safetensors_writer_declare (writer, parameter->name, COW_F32, parameter->dims,
                                    parameter->n_dims);
  }
  for (guint i = first; i < first + n; i++) {
    const gsize count = cow_parameters_get (self, i)->count;
    g_autofree float *host = cow_floats_new (count, "a parameter", error);
    if (!host || !cow_parameters_read (self, i, host, error) ||
        !cow_safetensors_writer_write (writer, host, count * sizeof (float), error))
      return FALSE;
  }
  return cow_safetensors_writer_finish (writer, error);
}
