/* SPDX-License-Identifier: MIT */
#include "trainer/data/label-sets.h"

#include <string.h>

CowLabelSets *
cow_label_sets_new (guint n_classes)
{
  CowLabelSets *self = g_new0 (CowLabelSets, 1);

  self->n_classes = n_classes;
  self->texts = g_ptr_array_new_with_free_func (g_free);
  self->known = g_hash_table_new (g_str_hash, g_str_equal);
  return self;
}

void
cow_label_sets_free (CowLabelSets *self)
{
  if (!self)
    return;
  g_hash_table_unref (self->known);
  g_ptr_array_unref (self->texts);
  g_free (self->shown);
  g_free (self);
}

guint
cow_label_sets_add (CowLabelSets *self, const char *const *classes, const guint8 *shown)
{
  g_autofree char *text = cow_label_text (classes, shown, self->n_classes);
  const guint known = GPOINTER_TO_UINT (g_hash_table_lookup (self->known, text));

  if (known)
    return known - 1;
  self->shown = g_renew (guint8, self->shown, ((gsize)self->n + 1) * self->n_classes);
  memcpy (self->shown + (gsize)self->n * self->n_classes, shown, self->n_classes);
  g_ptr_array_add (self->texts, text);
  g_hash_table_insert (self->known, g_steal_pointer (&text), GUINT_TO_POINTER (++self->n));
  return self->n - 1;
}
