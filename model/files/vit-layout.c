/* SPDX-License-Identifier: MIT */
#include "model/files/vit-layout.h"

#include "model/files/error.h"

/* ---- tensors --------------------------------------------------------------------------------- */

static void
clear_tensor (gpointer data)
{
  g_free (((CowVitTensor *)data)->name);
}

/* Adds a tensor; takes its name. */
static void
add (GArray *tensors, CowVitPart part, int layer, int index, char *name, guint n_dims,
     const gint64 *dims)
{
  CowVitTensor tensor = {
    .part = part, .layer = layer, .index = index, .name = name, .n_dims = n_dims
  };
  for (guint i = 0; i < n_dims; i++)
    tensor.dims[i] = dims[i];
  g_array_append_val (tensors, tensor);
}

static void
add_tokens (GArray *tensors, CowVitPart part, const char *name, gint64 n, gint64 hidden)
{
  if (name && n > 0)
    add (tensors, part, -1, 0, g_strdup (name), 3, (const gint64[]){ 1, n, hidden });
}

/* A family without names for registers or a mask token has none. */
static void
add_embedding (GArray *tensors, const CowVitConfig *config, const CowVitNames *names,
               CowVitView view)
{
  const gint64 hidden = config->hidden_size, patch = config->patch_size,
               side = config->image_size / patch;
  const gint64 weight[] = { hidden, config->n_channels, patch, patch };
  if (view == COW_VIT_TRAINED) {
    add_tokens (tensors, COW_VIT_PREFIX, names->prefix, 1 + config->n_registers, hidden);
  } else {
    add_tokens (tensors, COW_VIT_CLASS_TOKEN, names->class_token, 1, hidden);
    add_tokens (tensors, COW_VIT_REGISTERS, names->registers, config->n_registers, hidden);
    if (config->family->names->mask_token)
      add_tokens (tensors, COW_VIT_MASK_TOKEN, names->mask_token, 1, hidden);
  }
  if (config->family->learned_positions)
    add_tokens (tensors, COW_VIT_POSITIONS, names->positions,
                side * side + (config->no_class_position ? 0 : 1), hidden);
  add (tensors, COW_VIT_PATCH_WEIGHT, -1, 0, g_strconcat (names->patches, ".weight", NULL), 4,
       weight);
  add (tensors, COW_VIT_PATCH_BIAS, -1, 0, g_strconcat (names->patches, ".bias", NULL), 1, weight);
}

static void
add_vector (GArray *tensors, const CowVitConfig *config, const CowVitNames *names, int layer,
            CowVitVector vector)
{
  add (tensors, COW_VIT_VECTOR, layer, vector,
       g_strdup_printf ("%s.%d.%s", names->layer, layer, names->vectors[vector]), 1,
       (const gint64[]){ config->hidden_size });
}

static void
add_linear (GArray *tensors, CowVitPart weight, int layer, int module, const char *group,
            const char *name, const gint64 *dims, gboolean bias)
{
  add (tensors, weight, layer, module, g_strdup_printf ("%s.%d.%s.weight", group, layer, name), 2,
       dims);
  if (bias)
    add (tensors, weight + 1, layer, module, g_strdup_printf ("%s.%d.%s.bias", group, layer, name),
         1, dims);
}

static void
add_layer (GArray *tensors, const CowVitConfig *config, const CowVitNames *names, int layer)
{
  const gint64 hidden = config->hidden_size;
  add_vector (tensors, config, names, layer, COW_NORM1_WEIGHT);
  add_vector (tensors, config, names, layer, COW_NORM1_BIAS);
  if (names->qkv)
    add_linear (tensors, COW_VIT_QKV_WEIGHT, layer, COW_Q, names->layer, names->qkv,
                (const gint64[]){ 3 * hidden, hidden }, TRUE);
  for (CowModule module = names->qkv ? COW_O : COW_Q; module < COW_N_MODULES; module++) {
    gint64 dims[2];
    gboolean bias;
    if (cow_vit_config_module (config, module, &dims[0], &dims[1], &bias))
      add_linear (tensors, COW_VIT_WEIGHT, layer, module, names->layer, names->modules[module],
                  dims, bias);
  }
  add_vector (tensors, config, names, layer, COW_NORM2_WEIGHT);
  add_vector (tensors, config, names, layer, COW_NORM2_BIAS);
  if (!config->family->layer_scale)
    return;
  add_vector (tensors, config, names, layer, COW_SCALE1);
  add_vector (tensors, config, names, layer, COW_SCALE2);
}

GArray *
cow_vit_layout_new (const CowVitConfig *config, CowVitView view)
{
  const CowVitNames *names = view == COW_VIT_LOADED ? &cow_vit_names : config->family->names;
  const gint64 hidden = config->hidden_size;
  GArray *tensors = g_array_new (FALSE, FALSE, sizeof (CowVitTensor));
  g_array_set_clear_func (tensors, clear_tensor);
  add_embedding (tensors, config, names, view);
  for (int layer = 0; layer < config->n_layers; layer++)
    add_layer (tensors, config, names, layer);
  add (tensors, COW_VIT_NORM_WEIGHT, -1, 0, g_strdup (names->norm_weight), 1, &hidden);
  add (tensors, COW_VIT_NORM_BIAS, -1, 0, g_strdup (names->norm_bias), 1, &hidden);
  return tensors;
}

static gint64
count (const CowVitConfig *config, CowVitView view)
{
  g_autoptr (GArray) tensors = cow_vit_layout_new (config, view);
  gint64 n = 0;
  for (guint i = 0; i < tensors->len; i++) {
    const CowVitTensor *tensor = &g_array_index (tensors, CowVitTensor, i);
    gint64 values = 1;
    for (guint d = 0; d < tensor->n_dims; d++)
      values *= tensor->dims[d];
    n += values;
  }
  return n;
}

gint64
cow_vit_config_n_parameters (const CowVitConfig *config)
{
  return count (config, COW_VIT_LOADED);
}

gint64
cow_vit_config_n_trained (const CowVitConfig *config)
{
  return count (config, COW_VIT_TRAINED);
}

/* ---- pictures -------------------------------------------------------------------------------- */

gint64
cow_vit_config_n_tokens (const CowVitConfig *config, int height, int width)
{
  const int patch = config->patch_size;
  return 1 + config->n_registers + (gint64)(height / patch) * (width / patch);
}

gboolean
cow_vit_config_check_size (const CowVitConfig *config, int width, int height, GError **error)
{
  const int patch = config->patch_size, side = config->image_size;
  const gboolean fixed = config->family->learned_positions && !config->family->any_size,
                 fits = width > 0 && height > 0 && width % patch == 0 && height % patch == 0 &&
                        (!fixed || (width == side && height == side));
  if (!fits)
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "pictures of %d x %d (width x height), but this network takes %s %d", width,
                 height, fixed ? "squares of" : "sides that are multiples of",
                 fixed ? side : patch);
  return fits;
}

/* ---- buffers --------------------------------------------------------------------------------- */

static gsize
width_of (const CowVitConfig *config, const CowVitBuffer *buffer)
{
  if (buffer->gated && !config->gated)
    return 0;
  return (gsize)(buffer->width == COW_VIT_HIDDEN ? config->hidden_size : config->intermediate_size);
}

gsize
cow_vit_buffers_bytes (const CowVitConfig *config, const CowVitBuffer *buffers, guint n, gsize rows)
{
  gsize width = 0;
  for (guint i = 0; i < n; i++)
    width += width_of (config, &buffers[i]);
  return rows * width * sizeof (float);
}

static float **
pointer_of (const CowVitBuffer *buffer, void *in)
{
  return G_STRUCT_MEMBER_P (in, buffer->offset);
}

gboolean
cow_vit_buffers_reserve (CkStream *stream, const CowVitConfig *config, const CowVitBuffer *buffers,
                         guint n, gsize rows, void *in)
{
  for (guint i = 0; i < n; i++) {
    const gsize width = width_of (config, &buffers[i]);
    float **buffer = pointer_of (&buffers[i], in);
    if (width > 0 && !(*buffer = ck_alloc (stream, rows * width * sizeof (float))))
      return FALSE;
  }
  return TRUE;
}

void
cow_vit_buffers_clear (CkStream *stream, const CowVitBuffer *buffers, guint n, void *in)
{
  for (guint i = 0; i < n; i++) {
    float **buffer = pointer_of (&buffers[i], in);
    ck_free (stream, *buffer);
    *buffer = NULL;
  }
}
