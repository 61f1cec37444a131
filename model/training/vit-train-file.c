/* SPDX-License-Identifier: MIT */
/* A network trained from scratch: its first values, and the folder that it is written to. */
#include <math.h>
#include <string.h>

#include "model/files/json-object.h"
#include "model/training/random.h"
#include "model/files/safetensors.h"
#include "model/training/vit-train-private.h"

/* The deviation of weights and tokens that DINOv3 and timm start from. Both cut the normal off at
 * values of +-2, a hundred deviations. */
#define DEVIATION .02
/* timm's class token */
#define CLASS_DEVIATION 1e-6

/* torch's default of a convolution, which timm leaves its patch embedding: uniform in +-1 / sqrt
 * (inputs of an output). */
static void
fill_uniform (double inputs, gsize n, guint64 key, float *values)
{
  for (gsize i = 0; i < n; i++)
    values[i] = (float)((2 * cow_random_unit (key, i) - 1) / sqrt (inputs));
}

/* One-dimensional weights (norms) and layer scales start as 1, biases as 0, the rest at random. */
static void
fill (const CowVitTrain *self, const CowParameter *parameter, guint64 key, float *values)
{
  const CowVitConfig *config = &self->config;
  const gboolean bias = g_str_has_suffix (parameter->name, "bias"),
                 one = !bias && parameter->n_dims == 1;
  const double deviation =
      config->timm && g_str_equal (parameter->name, "cls_token") ? CLASS_DEVIATION : DEVIATION;
  if (config->timm && g_str_has_prefix (parameter->name, "patch_embed.")) {
    fill_uniform ((double)config->n_channels * config->patch_size * config->patch_size,
                  parameter->count, key, values);
    return;
  }
  for (gsize i = 0; i < parameter->count; i++)
    values[i] = bias ? 0 : one ? 1 : (float)(deviation * cow_random_normal (key, i));
}

gboolean
cow_vit_train_initialise (CowVitTrain *self, guint64 seed, GError **error)
{
  for (guint i = self->first_parameter; i < self->first_parameter + self->n_parameters; i++) {
    const CowParameter *parameter = cow_parameters_get (self->parameters, i);
    g_autofree float *values = g_new (float, parameter->count);
    fill (self, parameter, cow_random_key (seed, i), values);
    if (!cow_parameters_set (self->parameters, i, values, error))
      return FALSE;
  }
  return TRUE;
}

/* A DINOv3's prefix is three tensors in a file: class token, mask token (of no use here, but
 * readers expect it), registers. */
static void
declare_tokens (const CowVitTrain *self, CowSafetensorsWriter *writer)
{
  const gint64 hidden = self->config.hidden_size, registers = self->config.n_registers;
  cow_safetensors_writer_declare (writer, "embeddings.cls_token", COW_F32,
                                  (gint64[]){ 1, 1, hidden }, 3);
  if (registers > 0)
    cow_safetensors_writer_declare (writer, "embeddings.register_tokens", COW_F32,
                                    (gint64[]){ 1, registers, hidden }, 3);
  cow_safetensors_writer_declare (writer, "embeddings.mask_token", COW_F32,
                                  (gint64[]){ 1, 1, hidden }, 3);
}

static gboolean
write_weights (const CowVitTrain *self, const char *path, GError **error)
{
  const CowParameters *parameters = self->parameters;
  const guint first = self->first_parameter, end = first + self->n_parameters;
  g_autofree float *mask = g_new0 (float, self->config.hidden_size);
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
  cow_safetensors_writer_metadata (writer, "format", "pt");
  for (guint i = first; i < end; i++) {
    const CowParameter *parameter = cow_parameters_get (parameters, i);
    if ((int)i == self->prefix.parameter && !self->config.timm)
      declare_tokens (self, writer);
    else
      cow_safetensors_writer_declare (writer, parameter->name, COW_F32, parameter->dims,
                                      parameter->n_dims);
  }
  for (guint i = first; i < end; i++) {
    const gsize count = cow_parameters_get (parameters, i)->count;
    g_autofree float *host = g_new (float, count);
    if (!cow_parameters_read (parameters, i, host, error) ||
        !cow_safetensors_writer_write (writer, host, count * sizeof (float), error))
      return FALSE;
    if ((int)i == self->prefix.parameter && !self->config.timm &&
        !cow_safetensors_writer_write (writer, mask,
                                       (gsize)self->config.hidden_size * sizeof (float), error))
      return FALSE;
  }
  return cow_safetensors_writer_finish (writer, error);
}

gboolean
cow_vit_train_write (const CowVitTrain *self, const char *folder, GError **error)
{
  g_autofree char *weights = g_build_filename (folder, "model.safetensors", NULL),
                  *file = g_build_filename (folder, "config.json", NULL);
  g_autofree char *json = cow_vit_config_to_json (&self->config, FALSE);
  return write_weights (self, weights, error) && cow_text_write (json, file, error);
}
