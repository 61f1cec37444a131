/* SPDX-License-Identifier: MIT */
/* A network trained from scratch: its first values, and the folder that it is written to. */
#include <math.h>
#include <string.h>

#include "model/files/file-writer.h"
#include "model/files/floats.h"
#include "model/files/safetensors.h"
#include "model/training/random.h"
#include "model/training/vit-train-private.h"

/* The deviation of weights and positions that DINOv3 and timm start from. Both cut the normal off
 * at values of +-2, a hundred deviations. */
#define DEVIATION .02

/* ---- first values ---------------------------------------------------------------------------- */

static void
fill_constant (float *values, gsize n, float value)
{
  for (gsize i = 0; i < n; i++)
    values[i] = value;
}

static void
fill_normal (float *values, gsize n, double deviation, guint64 key)
{
  for (gsize i = 0; i < n; i++)
    values[i] = (float)(deviation * cow_random_normal (key, i));
}

/* torch's default of a convolution: uniform in +-1 / sqrt (inputs of an output). */
static void
fill_uniform (float *values, gsize n, double inputs, guint64 key)
{
  for (gsize i = 0; i < n; i++)
    values[i] = (float)((2 * cow_random_unit (key, i) - 1) / sqrt (inputs));
}

static void
fill_patches (const CowVitConfig *config, gboolean bias, gsize n, guint64 key, float *values)
{
  if (config->family->uniform_patches)
    fill_uniform (values, n, (double)config->n_channels * config->patch_size * config->patch_size,
                  key);
  else if (bias)
    fill_constant (values, n, 0);
  else
    fill_normal (values, n, DEVIATION, key);
}

/* Norms' weights and layer scales start as 1, biases as 0, all else at random. */
static void
fill (const CowVitConfig *config, const CowVitTensor *tensor, gsize n, guint64 key, float *values)
{
  switch (tensor->part) {
  case COW_VIT_PREFIX:
    fill_normal (values, n, config->family->class_deviation, key);
    break;
  case COW_VIT_PATCH_WEIGHT:
  case COW_VIT_PATCH_BIAS:
    fill_patches (config, tensor->part == COW_VIT_PATCH_BIAS, n, key, values);
    break;
  case COW_VIT_VECTOR:
    fill_constant (values, n,
                   tensor->index == COW_NORM1_BIAS || tensor->index == COW_NORM2_BIAS ? 0 : 1);
    break;
  case COW_VIT_NORM_WEIGHT:
    fill_constant (values, n, 1);
    break;
  case COW_VIT_NORM_BIAS:
  case COW_VIT_BIAS:
  case COW_VIT_QKV_BIAS:
    fill_constant (values, n, 0);
    break;
  default:
    fill_normal (values, n, DEVIATION, key);
  }
}

gboolean
cow_vit_train_initialise (CowVitTrain *self, guint64 seed, GError **error)
{
  const CowVitConfig *config = &self->parent.config.vit;
  g_autoptr (GArray) layout = cow_vit_layout_new (config, COW_VIT_TRAINED);
  for (guint i = 0; i < layout->len; i++) {
    const guint parameter = self->first_parameter + i;
    const gsize n = cow_parameters_get (self->parent.parameters, parameter)->count;
    g_autofree float *values = cow_floats_new (n, "a parameter", error);
    if (!values)
      return FALSE;
    fill (config, &g_array_index (layout, CowVitTensor, i), n, cow_random_key (seed, parameter),
          values);
    if (!cow_parameters_set (self->parent.parameters, parameter, values, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- the folder ------------------------------------------------------------------------------ */

/* The values of parameter i in host memory; free with g_free. NULL on error. */
static float *
read_parameter (const CowVitTrain *self, guint i, GError **error)
{
  const gsize n = cow_parameters_get (self->parent.parameters, i)->count;
  g_autofree float *host = cow_floats_new (n, "a parameter", error);
  return host && cow_parameters_read (self->parent.parameters, i, host, error)
             ? g_steal_pointer (&host)
             : NULL;
}

/* Tensors of the file, whose tokens lie in one parameter; all others have their own, in the same
 * order. */
static gboolean
write_tensors (const CowVitTrain *self, const GArray *layout, CowSafetensorsWriter *writer,
               GError **error)
{
  const gsize hidden = (gsize)self->parent.config.vit.hidden_size;
  guint next = self->first_parameter;
  g_autofree float *prefix = read_parameter (self, next++, error), *mask = g_new0 (float, hidden);
  if (!prefix)
    return FALSE;
  for (guint i = 0; i < layout->len; i++) {
    const CowVitTensor *tensor = &g_array_index (layout, CowVitTensor, i);
    const float *values = tensor->part == COW_VIT_CLASS_TOKEN  ? prefix
                          : tensor->part == COW_VIT_REGISTERS  ? prefix + hidden
                          : tensor->part == COW_VIT_MASK_TOKEN ? mask
                                                               : NULL;
    g_autofree float *own = values ? NULL : read_parameter (self, next++, error);
    gsize n = 1;
    for (guint d = 0; d < tensor->n_dims; d++)
      n *= (gsize)tensor->dims[d];
    if ((!values && !own) ||
        !cow_safetensors_writer_write (writer, values ? values : own, n * sizeof (float), error))
      return FALSE;
  }
  return TRUE;
}

gboolean
cow_vit_train_write (const CowVitTrain *self, const char *folder, GError **error)
{
  const CowVitConfig *config = &self->parent.config.vit;
  g_autofree char *weights = g_build_filename (folder, "model.safetensors", NULL),
                  *file = g_build_filename (folder, "config.json", NULL),
                  *json = cow_vit_config_to_json (config, FALSE);
  g_autoptr (GArray) layout = cow_vit_layout_new (config, COW_VIT_WRITTEN);
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (weights);
  cow_safetensors_writer_metadata (writer, "format", "pt");
  for (guint i = 0; i < layout->len; i++) {
    const CowVitTensor *tensor = &g_array_index (layout, CowVitTensor, i);
    cow_safetensors_writer_declare (writer, tensor->name, COW_F32, tensor->dims, tensor->n_dims);
  }
  return write_tensors (self, layout, writer, error) &&
         cow_safetensors_writer_finish (writer, error) && cow_text_write (json, file, error);
}
