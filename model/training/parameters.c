/* SPDX-License-Identifier: MIT */
#include "model/training/parameters.h"

#include <math.h>

#include "model/files/safetensors.h"

static void
parameter_clear (gpointer data)
{
  g_free (((CowParameter *)data)->name);
}

CowParameters *
cow_parameters_new (CkBackend *backend)
{
  CowParameters *self = g_new0 (CowParameters, 1);
  self->backend = backend;
  self->list = g_array_new (FALSE, TRUE, sizeof (CowParameter));
  g_array_set_clear_func (self->list, parameter_clear);
  return self;
}

void
cow_parameters_free (CowParameters *self)
{
  if (!self)
    return;
  float *arrays[] = { self->values, self->gradients, self->first, self->second };
  for (guint i = 0; i < G_N_ELEMENTS (arrays); i++)
    self->backend->free (self->backend, arrays[i]);
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

gboolean
cow_parameters_allocate (CowParameters *self, GError **error)
{
  float **arrays[] = { &self->values, &self->gradients, &self->first, &self->second };
  for (guint i = 0; i < G_N_ELEMENTS (arrays); i++) {
    *arrays[i] = self->backend->alloc (self->backend, self->count * sizeof (float));
    if (!*arrays[i])
      return cow_check (CK_NO_MEMORY, error, "%" G_GSIZE_FORMAT " trained parameters", self->count);
    if (!cow_check (
            self->backend->training->fill (self->backend, *arrays[i], (int64_t)self->count, 0),
            error, "clearing parameters"))
      return FALSE;
  }
  return TRUE;
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
  return cow_check (self->backend->upload (self->backend, cow_parameters_value (self, i), host,
                                           parameter->count * sizeof (float)),
                    error, "uploading %s", parameter->name);
}

gboolean
cow_parameters_read (const CowParameters *self, guint i, float *host, GError **error)
{
  const CowParameter *parameter = cow_parameters_get (self, i);
  return cow_check (self->backend->download (self->backend, host, cow_parameters_value (self, i),
                                             parameter->count * sizeof (float)),
                    error, "downloading %s", parameter->name);
}

gboolean
cow_parameters_clear_gradients (CowParameters *self, GError **error)
{
  return cow_check (
      self->backend->training->fill (self->backend, self->gradients, (int64_t)self->count, 0),
      error, "clearing gradients");
}

gboolean
cow_parameters_step (CowParameters *self, const CkAdamW *settings, double max_norm, double *norm,
                     GError **error)
{
  const CkTraining *training = self->backend->training;
  double sum;
  if (!cow_check (
          training->sum_squares (self->backend, self->gradients, (int64_t)self->count, &sum), error,
          "the gradient's norm"))
    return FALSE;
  *norm = sqrt (sum);
  if (!isfinite (*norm)) {
    g_set_error (error, COW_ERROR, COW_ERROR_DEVICE,
                 "the gradient of step %" G_GINT64_FORMAT
                 " is not finite: the learning rate %g may be too high for this network",
                 settings->step, settings->learning_rate);
    return FALSE;
  }
  /* torch.nn.utils.clip_grad_norm_: the factor is max / (norm + 1e-6), at most 1. */
  const double factor = max_norm > 0 ? MIN (1, max_norm / (*norm + 1e-6)) : 1;
  return cow_check (training->adamw (self->backend, settings, (float)factor, (int64_t)self->count,
                                     self->gradients, self->first, self->second, self->values),
                    error, "the optimiser");
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
    g_autofree float *host = g_new (float, count);
    if (!cow_parameters_read (self, i, host, error) ||
        !cow_safetensors_writer_write (writer, host, count * sizeof (float), error))
      return FALSE;
  }
  return cow_safetensors_writer_finish (writer, error);
}
