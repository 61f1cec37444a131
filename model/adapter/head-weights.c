/* SPDX-License-Identifier: MIT */
/* See head-weights.h. */
#include "model/adapter/head-weights.h"

#include <errno.h>
#include <string.h>

#include <glib/gstdio.h>

#include "model/files/error.h"
#include "model/files/floats.h"
#include "model/files/safetensors.h"
#include "model/files/torchfile.h"

#define MAX_LAYERS 64
#define MAX_WIDTH  65536

/* ---- styles ---------------------------------------------------------------------------------- */

guint
cow_head_style_widths (CowHeadStyle style, gint64 features, gint64 n_classes,
                       gint64 widths[COW_HEAD_MAX_STYLED + 1])
{
  guint n = 0;
  widths[n++] = features;
  if (style == COW_HEAD_TAPERED) {
    widths[n++] = MAX (features / 4, 1);
    widths[n++] = MAX (features / 8, 1);
  } else {
    widths[n++] = style == COW_HEAD_NORMED ? features : features / 2;
  }
  widths[n] = n_classes;
  return n;
}

gint64
cow_head_style_n_parameters (CowHeadStyle style, gint64 features, gint64 n_classes)
{
  gint64 widths[COW_HEAD_MAX_STYLED + 1], n = style == COW_HEAD_NORMED ? 2 * features : 0;
  const guint n_layers = cow_head_style_widths (style, features, n_classes, widths);
  for (guint i = 0; i < n_layers; i++)
    n += (widths[i] + 1) * widths[i + 1];
  return n;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The two kinds of file behind one pair of functions. */
typedef struct {
  CowSafetensors *safetensors;
  CowTorchfile *torchfile;
} Tensors;

static void
tensors_clear (Tensors *t)
{
  g_clear_pointer (&t->safetensors, cow_safetensors_close);
  g_clear_pointer (&t->torchfile, cow_torchfile_close);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Tensors, tensors_clear)

static guint
n_tensors (const Tensors *t)
{
  return t->safetensors != NULL ? cow_safetensors_n_tensors (t->safetensors)
                                : cow_torchfile_n_tensors (t->torchfile);
}

static const CowTensor *
nth_tensor (const Tensors *t, guint i)
{
  return t->safetensors != NULL ? cow_safetensors_nth (t->safetensors, i)
                                : cow_torchfile_nth (t->torchfile, i);
}

/* The file to read: ours before the published adapters' pickle. NULL when there is none. */
static char *
find_file (const char *folder, gboolean *torch)
{
  static const char *const names[] = { "classifier.safetensors", "best_classifier.pth" };
  for (int i = 0; i < 2; i++) {
    g_autofree char *here = g_build_filename (folder, names[i], NULL);
    g_autofree char *below = g_build_filename (folder, "classifier", names[i], NULL);
    *torch = i == 1;
    if (g_file_test (here, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&here);
    if (g_file_test (below, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&below);
  }
  return NULL;
}

/* "3.weight" -> 3, TRUE; "3.bias" -> 3, FALSE. */
static gboolean
parse_name (const char *name, guint *index, gboolean *is_weight)
{
  gsize digits = strspn (name, "0123456789");
  if (digits < 1 || digits > 6 || (name[0] == '0' && digits > 1))
    return FALSE;
  *index = (guint)g_ascii_strtoull (name, NULL, 10);
  *is_weight = strcmp (name + digits, ".weight") == 0;
  return *is_weight || strcmp (name + digits, ".bias") == 0;
}

/* The tensors of one torch.nn.Linear. */
typedef struct {
  guint index;
  const CowTensor *weight, *bias;
} Linear;

static int
compare_linears (gconstpointer a, gconstpointer b)
{
  guint i = ((const Linear *)a)->index, j = ((const Linear *)b)->index;
  return (i > j) - (i < j);
}

static Linear *
linear_at (GArray *linears, guint index)
{
  for (guint i = 0; i < linears->len; i++)
    if (g_array_index (linears, Linear, i).index == index)
      return &g_array_index (linears, Linear, i);
  g_array_append_val (linears, ((Linear){ .index = index }));
  return &g_array_index (linears, Linear, linears->len - 1);
}

/* All linears in the order of their numbers, of which dropouts and ReLUs leave some out. */
static GArray *
collect (const Tensors *tensors, const char *file, GError **error)
{
  g_autoptr (GArray) linears = g_array_new (FALSE, FALSE, sizeof (Linear));
  for (guint i = 0; i < n_tensors (tensors); i++) {
    const CowTensor *tensor = nth_tensor (tensors, i);
    guint index;
    gboolean is_weight;
    if (!parse_name (tensor->name, &index, &is_weight)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: tensor %s: a head has only \"0.weight\", \"0.bias\", \"3.weight\", ...",
                   file, tensor->name);
      return NULL;
    }
    Linear *linear = linear_at (linears, index);
    *(is_weight ? &linear->weight : &linear->bias) = tensor;
    if (linears->len > MAX_LAYERS) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: more than %d layers", file, MAX_LAYERS);
      return NULL;
    }
  }
  g_array_sort (linears, compare_linears);
  return g_steal_pointer (&linears);
}

static gboolean
check_linear (const Linear *linear, gint64 in, const char *file, GError **error)
{
  if (linear->weight == NULL || linear->bias == NULL) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: no tensor %u.%s", file, linear->index,
                 linear->weight == NULL ? "weight" : "bias");
    return FALSE;
  }
  const CowTensor *w = linear->weight, *b = linear->bias;
  if (w->n_dims == 2 && w->dims[0] >= 1 && w->dims[0] <= MAX_WIDTH && w->dims[1] == in &&
      cow_tensor_has_shape (b, 1, w->dims))
    return TRUE;
  g_autofree char *weight = cow_tensor_shape_text (w), *bias = cow_tensor_shape_text (b);
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
               "%s: %s has shape %s and %s %s, expected [n, %" G_GINT64_FORMAT
               "] and [n]: %" G_GINT64_FORMAT " features come from the %s before it",
               file, w->name, weight, b->name, bias, in, in,
               linear->index == 0 ? "network" : "layer");
  return FALSE;
}

/* A layer norm in front: takes it out of the list of linears. */
static gboolean
read_norm (CowHeadWeights *self, GArray *linears, gint64 features, GError **error)
{
  const Linear *first = linears->len > 0 ? &g_array_index (linears, Linear, 0) : NULL;
  self->activation = CK_RELU;
  if (first == NULL || first->weight == NULL || first->weight->n_dims != 1)
    return TRUE;
  if (!cow_tensor_has_shape (first->weight, 1, &features) || first->bias == NULL ||
      !cow_tensor_has_shape (first->bias, 1, &features)) {
    g_autofree char *shape = cow_tensor_shape_text (first->weight);
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s: %s has shape %s; a layer norm on %" G_GINT64_FORMAT
                 " features needs a weight and a bias of [%" G_GINT64_FORMAT "]",
                 self->path, first->weight->name, shape, features, features);
    return FALSE;
  }
  self->activation = CK_GELU;
  self->norm_weight = cow_tensor_dup_f32 (first->weight, self->path, error);
  self->norm_bias =
      self->norm_weight == NULL ? NULL : cow_tensor_dup_f32 (first->bias, self->path, error);
  if (self->norm_bias == NULL)
    return FALSE;
  g_array_remove_index (linears, 0);
  return TRUE;
}

static gboolean
read_layers (CowHeadWeights *self, const GArray *linears, gint64 features, GError **error)
{
  gint64 in = features;
  self->layers = g_new0 (CowHeadLayer, linears->len);
  self->n_layers = linears->len;
  for (guint i = 0; i < linears->len; i++) {
    const Linear *linear = &g_array_index (linears, Linear, i);
    CowHeadLayer *layer = &self->layers[i];
    if (!check_linear (linear, in, self->path, error))
      return FALSE;
    layer->in = in;
    layer->out = in = linear->weight->dims[0];
    layer->weight = cow_tensor_dup_f32 (linear->weight, self->path, error);
    layer->bias =
        layer->weight == NULL ? NULL : cow_tensor_dup_f32 (linear->bias, self->path, error);
    if (layer->bias == NULL)
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_classes (const CowHeadWeights *self, gint64 n_classes, GError **error)
{
  gint64 found = self->n_layers > 0 ? self->layers[self->n_layers - 1].out : 0;
  if (found > 0 && (n_classes == 0 || found == n_classes))
    return TRUE;
  if (found == 0)
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: no layer in it", self->path);
  else
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH,
                 "%s: the head has %" G_GINT64_FORMAT " outputs, expected %" G_GINT64_FORMAT
                 " classes",
                 self->path, found, n_classes);
  return FALSE;
}

/* What the first layer seems to be made for; whether it is well-formed is for others to see. */
static gint64
input_width (const GArray *linears)
{
  const CowTensor *weight = linears->len > 0 ? g_array_index (linears, Linear, 0).weight : NULL;
  return weight != NULL && weight->n_dims > 0 && weight->dims[weight->n_dims - 1] > 0
             ? weight->dims[weight->n_dims - 1]
             : 1;
}

CowHeadWeights *
cow_head_weights_read (const char *folder, gint64 features, gint64 n_classes, GError **error)
{
  gboolean torch;
  g_auto (Tensors) tensors = { 0 };
  g_autofree char *file = find_file (folder, &torch);
  if (file == NULL) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s: no classifier.safetensors and no best_classifier.pth in it or in classifier/",
                 folder);
    return NULL;
  }
  if (torch)
    tensors.torchfile = cow_torchfile_open (file, error);
  else
    tensors.safetensors = cow_safetensors_open (file, error);
  if (tensors.torchfile == NULL && tensors.safetensors == NULL)
    return NULL;
  g_autoptr (GArray) linears = collect (&tensors, file, error);
  if (linears == NULL)
    return NULL;
  g_autoptr (CowHeadWeights) self = g_new0 (CowHeadWeights, 1);
  self->path = g_steal_pointer (&file);
  if (features == 0)
    features = input_width (linears);
  if (!read_norm (self, linears, features, error) ||
      !read_layers (self, linears, features, error) || !check_classes (self, n_classes, error))
    return NULL;
  return g_steal_pointer (&self);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The numbers that torch gives: Linear, ReLU, Dropout, Linear, ... or LayerNorm, Dropout, Linear,
 * GELU, Dropout, Linear. */
static void
declare_all (const CowHeadWeights *self, CowSafetensorsWriter *writer)
{
  const guint first = self->norm_weight != NULL ? 2 : 0;
  if (self->norm_weight != NULL) {
    cow_safetensors_writer_declare (writer, "0.weight", COW_F32, &self->layers[0].in, 1);
    cow_safetensors_writer_declare (writer, "0.bias", COW_F32, &self->layers[0].in, 1);
  }
  for (guint i = 0; i < self->n_layers; i++) {
    const CowHeadLayer *layer = &self->layers[i];
    g_autofree char *weight = g_strdup_printf ("%u.weight", first + 3 * i),
                    *bias = g_strdup_printf ("%u.bias", first + 3 * i);
    cow_safetensors_writer_declare (writer, weight, COW_F32, (gint64[]){ layer->out, layer->in },
                                    2);
    cow_safetensors_writer_declare (writer, bias, COW_F32, (gint64[]){ layer->out }, 1);
  }
}

gboolean
cow_head_weights_write (const CowHeadWeights *self, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "classifier.safetensors", NULL);
  if (g_mkdir_with_parents (folder, 0777) != 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO, "%s: no such folder can be made: %s", folder,
                 g_strerror (errno));
    return FALSE;
  }
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
  cow_safetensors_writer_metadata (writer, "format", "pt");
  declare_all (self, writer);
  const gsize norm_bytes =
      self->norm_weight != NULL ? (gsize)self->layers[0].in * sizeof (float) : 0;
  if (norm_bytes > 0 &&
      (!cow_safetensors_writer_write (writer, self->norm_weight, norm_bytes, error) ||
       !cow_safetensors_writer_write (writer, self->norm_bias, norm_bytes, error)))
    return FALSE;
  for (guint i = 0; i < self->n_layers; i++) {
    const CowHeadLayer *layer = &self->layers[i];
    gsize out = (gsize)layer->out;
    if (!cow_safetensors_writer_write (writer, layer->weight,
                                       out * (gsize)layer->in * sizeof (float), error) ||
        !cow_safetensors_writer_write (writer, layer->bias, out * sizeof (float), error))
      return FALSE;
  }
  return cow_safetensors_writer_finish (writer, error);
}

void
cow_head_weights_free (CowHeadWeights *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_layers; i++) {
    g_free (self->layers[i].weight);
    g_free (self->layers[i].bias);
  }
  g_free (self->norm_weight);
  g_free (self->norm_bias);
  g_free (self->layers);
  g_free (self->path);
  g_free (self);
}
