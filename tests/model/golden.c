/* SPDX-License-Identifier: MIT */
#include "tests/model/golden.h"

#include "model/adapter/head-weights.h"

char *
golden_path (const char *name)
{
  const char *data = g_getenv ("COW_TEST_DATA");
  g_assert_nonnull (data);
  return g_build_filename (data, "golden", name, NULL);
}

CowSafetensors *
golden_open (const char *folder, const char *file)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *inside = golden_path (folder), *path = g_build_filename (inside, file, NULL);
  CowSafetensors *opened = cow_safetensors_open (path, &error);
  g_assert_no_error (error);
  return opened;
}

const CowTensor *
golden_tensor (const CowSafetensors *file, const char *name)
{
  const CowTensor *tensor = cow_safetensors_get (file, name);
  if (!tensor)
    g_error ("%s has no tensor %s", cow_safetensors_path (file), name);
  return tensor;
}

float *
golden_floats (const CowTensor *tensor)
{
  g_autoptr (GError) error = NULL;
  float *values = g_new (float, cow_tensor_count (tensor));
  cow_tensor_to_f32 (tensor, "golden data", values, &error);
  g_assert_no_error (error);
  return values;
}

float *
golden_head_logits (const char *folder, const float *features, gint64 batch, gint64 hidden)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowHeadWeights) head = cow_head_weights_read (folder, hidden, 0, &error);
  g_assert_no_error (error);
  float *x = g_memdup2 (features, (gsize)(batch * hidden) * sizeof (float));
  for (guint l = 0; l < head->n_layers; l++) {
    const CowHeadLayer *layer = &head->layers[l];
    float *y = g_new (float, batch * layer->out);
    for (gint64 i = 0; i < batch; i++)
      for (gint64 o = 0; o < layer->out; o++) {
        double sum = layer->bias[o];
        for (gint64 c = 0; c < layer->in; c++)
          sum += (double)layer->weight[o * layer->in + c] * x[i * layer->in + c];
        y[i * layer->out + o] = l + 1 < head->n_layers ? (float)MAX (sum, 0) : (float)sum;
      }
    g_free (x);
    x = y;
  }
  return x;
}
