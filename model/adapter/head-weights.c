/* SPDX-License-Identifier: MIT */
/* See head-weights.h. */
#include "model/adapter/head-weights.h"

#include <string.h>

#include "model/files/error.h"
#include "model/files/file-writer.h"
#include "model/files/floats.h"
#include "model/files/tensor-file.h"
#include "model/files/tensor-names.h"

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

/* The file to read: ours before the published adapters' pickle. NULL when there is none. */
static char *
find_file (const char *folder)
{
  static const char *const names[] = { COW_HEAD_FILE, "best_classifier.pth" };
  for (int i = 0; i < 2; i++) {
    g_autofree char *here = g_build_filename (folder, names[i], NULL);
    g_autofree char *below = g_build_filename (folder, "classifier", names[i], NULL);
    if (cow_path_exists (here))
      return g_steal_pointer (&here);
    if (cow_path_exists (below))
      return g_steal_pointer (&below);
  }
  return NULL;
}

/* Where PEFT keeps the tensors of modules_to_save: the adapter's own file. NULL when there is
 * none. */
static char *
find_adapter_file (const char *folder)
{
  static const char *const places[] = { "", "lora_adapters", "dora_adapters" };
  static const char *const names[] = { "adapter_model.safetensors", "adapter_model.bin" };
  for (guint p = 0; p < G_N_ELEMENTS (places); p++)
    for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
      g_autofree char *path = g_build_filename (folder, places[p], names[i], NULL);
      if (cow_path_exists (path))
        return g_steal_pointer (&path);
    }
  return NULL;
}

/* A tensor and its name without what stands around a head. */
typedef struct {
  const CowTensor *tensor;
  char *name;
} Named;

static void
clear_named (gpointer named)
{
  g_free (((Named *)named)->name);
}

/* Whether a tensor is something else than a head's: an adapter's, the copy that PEFT keeps of what
 * a module was before, an optimiser's moments, a buffer that counts. */
static gboolean
is_beside (const char *name)
{
  static const char *const anywhere[] = { ".lora_", "original_module.", "num_batches_tracked" };
  static const char *const first[] = { "optim", "scheduler", "scaler" };
  for (guint i = 0; i < G_N_ELEMENTS (anywhere); i++)
    if (strstr (name, anywhere[i]))
      return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (first); i++)
    if (g_str_has_prefix (name, first[i]))
      return TRUE;
  return FALSE;
}

/* "classifier.modules_to_save.default.0.weight" is how a whole PEFT model calls
 * "classifier.0.weight". Takes the name. */
static char *
drop_saved (char *name)
{
  char *at = strstr (name, "modules_to_save."), *dot = at ? strchr (at + 16, '.') : NULL;
  if (dot)
    memmove (at, dot + 1, strlen (dot + 1) + 1);
  return name;
}

/* Whether a name is that of what programs call a head. */
static gboolean
is_in_head (const char *name)
{
  static const char *const heads[] = { "classifier.", "head.",     "heads.",
                                       "fc.",         "cls_head.", "linear_head." };
  g_autofree char *inner = cow_name_unwrap (name);
  for (guint i = 0; i < G_N_ELEMENTS (heads); i++)
    if (g_str_has_prefix (inner, heads[i]))
      return TRUE;
  return FALSE;
}

/* The head's tensors in a file: all, or where a whole network lies in it, those of its head. */
static GArray *
find_tensors (const CowTensorFile *tensors)
{
  GArray *found = g_array_new (FALSE, FALSE, sizeof (Named));
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree char *other = NULL, *network = NULL, *common = NULL;
  g_array_set_clear_func (found, clear_named);
  for (guint i = 0; i < cow_tensor_file_n (tensors); i++)
    g_ptr_array_add (names, cow_tensor_file_nth (tensors, i)->name);
  network = cow_names_find_network ((const char *const *)names->pdata, names->len, &other);
  g_ptr_array_set_size (names, 0);
  for (guint i = 0; i < cow_tensor_file_n (tensors); i++) {
    const CowTensor *tensor = cow_tensor_file_nth (tensors, i);
    if (is_beside (tensor->name) || (network && !is_in_head (tensor->name)))
      continue;
    const Named named = { tensor, drop_saved (cow_name_drop_transparent (tensor->name)) };
    g_array_append_val (found, named);
    g_ptr_array_add (names, named.name);
  }
  common = cow_names_common ((const char *const *)names->pdata, names->len);
  for (guint i = 0; i < found->len; i++) {
    char *name = g_array_index (found, Named, i).name;
    memmove (name, name + strlen (common), strlen (name + strlen (common)) + 1);
  }
  return found;
}

/* "3.weight" -> 3, TRUE; "3.bias" -> 3, FALSE; "weight" of a head of one layer -> 0, TRUE. */
static gboolean
parse_name (const char *name, guint *index, gboolean *is_weight)
{
  gsize digits = strspn (name, "0123456789");
  const char *rest = name + digits + (digits > 0 ? 1 : 0);
  if (digits > 6 || (name[0] == '0' && digits > 1) || (digits > 0 && name[digits] != '.'))
    return FALSE;
  *index = (guint)g_ascii_strtoull (name, NULL, 10);
  *is_weight = strcmp (rest, "weight") == 0;
  return *is_weight || strcmp (rest, "bias") == 0;
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
collect (const GArray *named, const char *file, GError **error)
{
  g_autoptr (GArray) linears = g_array_new (FALSE, FALSE, sizeof (Linear));
  for (guint i = 0; i < named->len; i++) {
    const Named *tensor = &g_array_index (named, Named, i);
    guint index;
    gboolean is_weight;
    if (!parse_name (tensor->name, &index, &is_weight)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: tensor %s: a head has only \"0.weight\", \"0.bias\", \"3.weight\", ... or "
                   "\"weight\" and \"bias\", behind names that all of them share",
                   file, tensor->tensor->name);
      return NULL;
    }
    Linear *linear = linear_at (linears, index);
    *(is_weight ? &linear->weight : &linear->bias) = tensor->tensor;
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

/* Of a file without a head `missing` is said. */
static CowHeadWeights *
read_file (const char *file, const char *missing, gint64 features, gint64 n_classes, GError **error)
{
  g_auto (CowTensorFile) tensors = { 0 };
  if (!cow_tensor_file_open (&tensors, file, error))
    return NULL;
  g_autoptr (GArray) named = find_tensors (&tensors);
  if (named->len == 0 && cow_tensor_file_n (&tensors) > 0) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND, "%sa head in %s", missing, file);
    return NULL;
  }
  g_autoptr (GArray) linears = collect (named, file, error);
  if (linears == NULL)
    return NULL;
  g_autoptr (CowHeadWeights) self = g_new0 (CowHeadWeights, 1);
  self->path = g_strdup (file);
  if (features == 0)
    features = input_width (linears);
  if (!read_norm (self, linears, features, error) ||
      !read_layers (self, linears, features, error) || !check_classes (self, n_classes, error))
    return NULL;
  return g_steal_pointer (&self);
}

CowHeadWeights *
cow_head_weights_read_file (const char *path, gint64 features, gint64 n_classes, GError **error)
{
  return read_file (path, "there is not ", features, n_classes, error);
}

CowHeadWeights *
cow_head_weights_read (const char *folder, gint64 features, gint64 n_classes, GError **error)
{
  g_autofree char *file = find_file (folder);
  g_autofree char *missing = g_strdup_printf (
      "%s: no classifier.safetensors and no best_classifier.pth in it or in classifier/", folder);
  g_autofree char *nor = g_strconcat (missing, ", nor ", NULL);
  if (file || (file = find_adapter_file (folder)))
    return read_file (file, nor, features, n_classes, error);
  g_set_error_literal (error, COW_ERROR, COW_ERROR_NOT_FOUND, missing);
  return NULL;
}

gint64
cow_head_weights_n_outputs (const CowHeadWeights *self)
{
  return self->layers[self->n_layers - 1].out;
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
  g_autofree char *path = g_build_filename (folder, COW_HEAD_FILE, NULL);
  if (!cow_folder_make (folder, error))
    return FALSE;
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
