/* SPDX-License-Identifier: MIT */
#include "model/network/detector-file.h"

#include "model/files/floats.h"
#include "model/files/safetensors.h"

#define LAYERS    "layers"
#define MAX_WIDTH 4096

/* ---- what fits ------------------------------------------------------------------------------- */

gboolean
cow_detector_config_equal (const CowDetectorConfig *a, const CowDetectorConfig *b)
{
  gboolean equal = a->n_levels == b->n_levels && a->n_features == b->n_features &&
                   a->width == b->width && a->patch == b->patch && a->split == b->split;

  for (guint i = 0; i < a->n_levels && equal; i++)
    equal = a->layers[i] == b->layers[i];
  return equal;
}

static gboolean
layers_ascend (const CowDetectorConfig *self, int n_layers)
{
  gboolean ok = self->n_levels >= 1 && self->n_levels <= COW_DETECTOR_MAX_LEVELS;

  for (guint i = 0; ok && i < self->n_levels; i++)
    ok = self->layers[i] >= 0 && self->layers[i] < n_layers &&
         (i == 0 || self->layers[i] > self->layers[i - 1]);
  return ok;
}

gboolean
cow_detector_config_check (const CowDetectorConfig *self, const CowBackboneConfig *backbone,
                           GError **error)
{
  const int patch = backbone->vit.patch_size;

  if (!layers_ascend (self, backbone->vit.n_layers)) {
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "the detector reads 1 to %d layers in ascending order, of those from 0 to %d that "
                 "the network has",
                 COW_DETECTOR_MAX_LEVELS, backbone->vit.n_layers - 1);
    return FALSE;
  }
  if (self->n_features != backbone->n_features || self->patch != patch) {
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "the detector is for tokens of %" G_GINT64_FORMAT
                 " numbers and %d px, the network has %" G_GINT64_FORMAT " and %d",
                 self->n_features, self->patch, backbone->n_features, patch);
    return FALSE;
  }
  if (self->width >= 1 && self->width <= MAX_WIDTH && self->split >= 1 && patch % self->split == 0)
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
               "a detector is 1 to %d wide and divides a token's %d px, not %d wide and by %d",
               MAX_WIDTH, patch, self->width, self->split);
  return FALSE;
}

gboolean
cow_detector_config_for (CowDetectorConfig *self, const CowBackboneConfig *backbone, int width,
                         int stride, GError **error)
{
  const int patch = backbone->vit.patch_size, n_layers = backbone->vit.n_layers;

  *self = (CowDetectorConfig){ .n_levels = (guint)MIN (n_layers, COW_DETECTOR_MAX_LEVELS),
                               .n_features = backbone->n_features,
                               .width = width,
                               .patch = patch,
                               .split = patch / MAX (stride, 1) };
  if (!backbone->klass->n_tokens) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED,
                 "a %s has no tokens, in which cows could be found", backbone->title);
    return FALSE;
  }
  if (stride < 1 || patch % stride != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "cells of %d px do not divide a token's %d px", stride, patch);
    return FALSE;
  }
  for (int i = 0; i < (int)self->n_levels; i++)
    self->layers[i] = n_layers * (i + 1) / (int)self->n_levels - 1;
  return cow_detector_config_check (self, backbone, error);
}

gint64
cow_detector_n_parameters (const CowDetectorConfig *self)
{
  gint64 n = 0;

  for (int i = 0; i < COW_DETECTOR_TENSORS; i++)
    n += (gint64)cow_detector_tensor_count (self, i);
  return n;
}

gsize
cow_detector_bytes (const CowDetectorConfig *self, int batch, int height, int width)
{
  const gsize rows = (gsize)batch * (gsize)(height / self->patch) * (gsize)(width / self->patch),
              joined = self->n_levels * (gsize)self->n_features;
  /* Tokens, joined and their gradients; three units of three arrays and two of gradients; outputs
   * four times. */
  const gsize floats = 4 * joined + (3 * COW_DETECTOR_UNITS + 2) * (gsize)self->width +
                       4 * (gsize)cow_detector_n_outputs (self);

  return rows * floats * sizeof (float);
}

double
cow_detector_operations (const CowDetectorConfig *self, int height, int width)
{
  double operations = 0;

  for (int unit = 0; unit <= COW_DETECTOR_UNITS; unit++) {
    const CkConvolution shape = cow_detector_convolution (self, unit, 1, height, width);
    operations +=
        (double)shape.height * shape.width * shape.in * shape.out * shape.kernel * shape.kernel;
  }
  return operations;
}

gsize
cow_detector_tensor_count (const CowDetectorConfig *self, int tensor)
{
  const char *name;
  gint64 dims[4];
  gsize count, n_bytes;
  const guint n = cow_detector_tensor (self, tensor, &name, dims);

  return cow_shape_count (dims, n, COW_F32, &count, &n_bytes) ? count : 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

void
cow_detector_file_free (CowDetectorFile *self)
{
  if (!self)
    return;
  for (int i = 0; i < COW_DETECTOR_TENSORS; i++)
    g_free (self->tensors[i]);
  g_free (self);
}

/* "1 3" */
static gboolean
parse_layers (const char *text, CowDetectorConfig *config)
{
  g_auto (GStrv) words = g_strsplit (text ? text : "", " ", COW_DETECTOR_MAX_LEVELS + 1);

  config->n_levels = 0;
  for (char **word = words; *word; word++) {
    guint64 layer;
    if (config->n_levels == COW_DETECTOR_MAX_LEVELS ||
        !g_ascii_string_to_unsigned (*word, 10, 0, G_MAXINT32, &layer, NULL))
      return FALSE;
    config->layers[config->n_levels++] = (int)layer;
  }
  return config->n_levels > 0;
}

/* The cells along a token's side of which there are n numbers a token, 0 where that is none. */
static int
split_of (gint64 n_outputs)
{
  for (int split = 1; split <= 64; split++)
    if ((gint64)split * split * COW_CELL_VALUES == n_outputs)
      return split;
  return 0;
}

/* The sizes that the tensors' shapes tell; what does not fit is found when each is read. */
static gboolean
read_config (CowDetectorConfig *config, const CowSafetensors *file,
             const CowBackboneConfig *backbone, GError **error)
{
  const CowTensor *join = cow_safetensors_get (file, "join.weight"),
                  *out = cow_safetensors_get (file, "out.bias");

  config->n_features = backbone->n_features;
  config->patch = backbone->vit.patch_size;
  if (join && out && join->n_dims == 4 && out->n_dims == 1 && join->dims[0] <= MAX_WIDTH &&
      parse_layers (cow_safetensors_metadata (file, LAYERS), config)) {
    config->width = (int)join->dims[0];
    config->split = split_of (out->dims[0]);
    return TRUE;
  }
  g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
               "%s: not the head of a detector: it has join.weight, out.bias and in its metadata "
               "the \"" LAYERS "\" that it reads",
               cow_safetensors_path (file));
  return FALSE;
}

static gboolean
read_tensor (CowDetectorFile *self, int i, const CowSafetensors *file, GError **error)
{
  const char *name;
  gint64 dims[4];
  const guint n = cow_detector_tensor (&self->config, i, &name, dims);
  const CowTensor *tensor = cow_safetensors_get (file, name);

  if (!tensor || !cow_tensor_has_shape (tensor, n, dims)) {
    g_autofree char *found = tensor ? cow_tensor_shape_text (tensor) : g_strdup ("missing");
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s: %s is %s, which does not fit this network", cow_safetensors_path (file), name,
                 found);
    return FALSE;
  }
  self->tensors[i] = cow_floats_new (cow_tensor_count (tensor), "the head", error);
  return self->tensors[i] &&
         cow_tensor_to_f32 (tensor, cow_safetensors_path (file), self->tensors[i], error);
}

CowDetectorFile *
cow_detector_file_read (const char *folder, const CowBackboneConfig *backbone,
                        const CowDetectorConfig *expected, GError **error)
{
  g_autofree char *path = g_build_filename (folder, COW_DETECTOR_FILE, NULL);
  g_autoptr (CowSafetensors) file = cow_safetensors_open (path, error);
  g_autoptr (CowDetectorFile) self = g_new0 (CowDetectorFile, 1);

  if (!file || !read_config (&self->config, file, backbone, error))
    return NULL;
  if (!cow_detector_config_check (&self->config, backbone, error)) {
    g_prefix_error (error, "%s: ", path);
    return NULL;
  }
  if (expected && !cow_detector_config_equal (&self->config, expected)) {
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s: the head reads other layers or has other sizes than the one that is trained",
                 path);
    return NULL;
  }
  for (int i = 0; i < COW_DETECTOR_TENSORS; i++)
    if (!read_tensor (self, i, file, error))
      return NULL;
  return cow_safetensors_check (file, error) ? g_steal_pointer (&self) : NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

static char *
layers_text (const CowDetectorConfig *config)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < config->n_levels; i++)
    g_string_append_printf (text, "%s%d", i > 0 ? " " : "", config->layers[i]);
  return g_string_free (text, FALSE);
}

gboolean
cow_detector_file_write (const CowDetectorFile *self, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, COW_DETECTOR_FILE, NULL),
                  *layers = layers_text (&self->config);
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);

  cow_safetensors_writer_metadata (writer, "format", "pt");
  cow_safetensors_writer_metadata (writer, LAYERS, layers);
  for (int i = 0; i < COW_DETECTOR_TENSORS; i++) {
    const char *name;
    gint64 dims[4];
    const guint n = cow_detector_tensor (&self->config, i, &name, dims);
    cow_safetensors_writer_declare (writer, name, COW_F32, dims, n);
  }
  for (int i = 0; i < COW_DETECTOR_TENSORS; i++)
    if (!cow_safetensors_writer_write (
            writer, self->tensors[i], cow_detector_tensor_count (&self->config, i) * sizeof (float),
            error))
      return FALSE;
  return cow_safetensors_writer_finish (writer, error);
}
