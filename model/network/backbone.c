/* SPDX-License-Identifier: MIT */
#include "model/network/backbone.h"

void
cow_backbone_free (CowBackbone *self)
{
  if (self)
    self->config.klass->free (self);
}

gint64
cow_backbone_n_tokens (const CowBackboneConfig *config, int height, int width)
{
  return config->klass->n_tokens ? config->klass->n_tokens (config, height, width) : 0;
}

guint
cow_backbone_n_linear (const CowBackboneConfig *config)
{
  return config->klass->n_linear ? config->klass->n_linear (config) : 0;
}

/* Marks the layer of each name, and takes the names out of the set. */
static gboolean *
mark_layers (const CowBackboneConfig *config, GHashTable *names)
{
  const guint n = cow_backbone_n_linear (config);
  gboolean *marked = g_new0 (gboolean, MAX (n, 1));
  for (guint i = 0; i < n; i++) {
    g_autofree char *name = config->klass->linear_name (config, i);
    marked[i] = g_hash_table_remove (names, name);
  }
  return marked;
}

gboolean *
cow_backbone_find_linear (const CowBackboneConfig *config, const char *const *names, GError **error)
{
  g_autoptr (GHashTable) set = g_hash_table_new (g_str_hash, g_str_equal);
  for (; *names; names++)
    if (!g_hash_table_add (set, (char *)*names)) {
      g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH, "layer \"%s\" is named twice", *names);
      return NULL;
    }
  g_autofree gboolean *marked = mark_layers (config, set);
  if (g_hash_table_size (set) == 0)
    return g_steal_pointer (&marked);
  GHashTableIter iter;
  gpointer name;
  g_hash_table_iter_init (&iter, set);
  g_hash_table_iter_next (&iter, &name, NULL);
  g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH, "this %s has no linear layer \"%s\"",
               config->title, (const char *)name);
  return NULL;
}

gboolean
cow_backbone_takes_adapters (const CowBackboneConfig *config)
{
  return config->vit.family && config->vit.family->adapters;
}

gboolean
cow_backbone_takes_heads (const CowBackboneConfig *config)
{
  return cow_backbone_takes_adapters (config) ||
         (config->vit.family && config->vit.family->any_size);
}

/* Half of a layer's size decides, so that small shares choose some, too. */
gboolean *
cow_backbone_streamed (const CowBackboneConfig *config)
{
  const guint n = cow_backbone_n_linear (config);
  gboolean *streamed = g_new0 (gboolean, MAX (n, 1));
  double due = 0;
  for (guint i = 0; i < n && config->streamed > 0; i++) {
    const double size = (double)config->klass->linear_size (config, i);
    due += config->streamed * size;
    streamed[i] = config->streamed >= 1 || due >= size / 2;
    due -= streamed[i] ? size : 0;
  }
  return streamed;
}

void
cow_pass_shapes_clear (CowPassShapes *self)
{
  g_clear_pointer (&self->linear, g_array_unref);
  g_clear_pointer (&self->convolutions, g_array_unref);
}
