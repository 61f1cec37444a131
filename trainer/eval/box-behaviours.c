/* SPDX-License-Identifier: MIT */
#include "trainer/eval/box-behaviours.h"

#include "trainer/data/file-names.h"

/* The index of a name, which is added where there is none like it. */
static guint
place_of (GPtrArray *names, GHashTable *keys, const char *name)
{
  g_autofree char *key = file_name_key (name);
  gpointer index;

  if (g_hash_table_lookup_extended (keys, key, NULL, &index))
    return GPOINTER_TO_UINT (index);
  g_hash_table_insert (keys, g_steal_pointer (&key), GUINT_TO_POINTER (names->len));
  g_ptr_array_add (names, g_strdup (name));
  return names->len - 1;
}

CowBoxBehaviours *
cow_box_behaviours_new (const char *const *told, const char *const *classes)
{
  g_autoptr (GHashTable) keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GPtrArray *names = g_ptr_array_new ();
  CowBoxBehaviours *self = g_new0 (CowBoxBehaviours, 1);
  const guint n_classes = g_strv_length ((char **)classes);

  /* What a network tells has its index, whatever its names are. */
  for (guint i = 0; told[i]; i++) {
    g_hash_table_insert (keys, file_name_key (told[i]), GUINT_TO_POINTER (i));
    g_ptr_array_add (names, g_strdup (told[i]));
  }
  self->n_told = names->len;
  self->place = g_new (guint, MAX (n_classes, 1));
  for (guint i = 0; i < n_classes; i++)
    self->place[i] = place_of (names, keys, classes[i]);
  self->n = names->len;
  g_ptr_array_add (names, NULL);
  self->names = (GStrv)g_ptr_array_free (names, FALSE);
  self->confusion = cow_confusion_new (self->n);
  self->missed = g_new0 (guint64, self->n);
  self->ghosts = g_new0 (guint64, self->n);
  return self;
}

void
cow_box_behaviours_free (CowBoxBehaviours *self)
{
  if (!self)
    return;
  g_strfreev (self->names);
  g_free (self->place);
  cow_confusion_free (self->confusion);
  g_clear_pointer (&self->metrics, cow_metrics_free);
  g_clear_pointer (&self->whole, cow_confusion_free);
  g_strfreev (self->rows);
  g_strfreev (self->columns);
  g_free (self->missed);
  g_free (self->ghosts);
  g_free (self);
}

void
cow_box_behaviours_add (CowBoxBehaviours *self, int behaviour, int said)
{
  if (behaviour < 0)
    self->n_unknown += said >= 0;
  else if (said < 0)
    self->missed[self->place[behaviour]]++;
  else
    cow_confusion_add (self->confusion, self->place[behaviour], (guint)said);
}

void
cow_box_behaviours_add_ghost (CowBoxBehaviours *self, guint said)
{
  self->ghosts[said]++;
}

gboolean
cow_box_behaviours_is_right (const CowBoxBehaviours *self, int behaviour, guint said)
{
  return behaviour >= 0 && self->place[behaviour] == said;
}

/* The names and one more; g_strfreev. */
static GStrv
names_and (const CowBoxBehaviours *self, const char *last)
{
  GStrv names = g_new (char *, self->n + 2);

  for (guint i = 0; i < self->n; i++)
    names[i] = g_strdup (self->names[i]);
  names[self->n] = g_strdup (last);
  names[self->n + 1] = NULL;
  return names;
}

static void
put (CowConfusion *whole, guint row, guint column, guint64 count)
{
  whole->counts[(gsize)row * whole->n_classes + column] = count;
  whole->n += count;
}

void
cow_box_behaviours_compute (CowBoxBehaviours *self)
{
  const guint n = self->n;

  self->metrics = cow_metrics_new (self->confusion);
  self->whole = cow_confusion_new (n + 1);
  for (guint row = 0; row < n; row++) {
    for (guint column = 0; column < n; column++)
      put (self->whole, row, column, cow_confusion_get (self->confusion, row, column));
    put (self->whole, row, n, self->missed[row]);
    put (self->whole, n, row, self->ghosts[row]);
  }
  self->rows = names_and (self, "ghost (no cow)");
  self->columns = names_and (self, "missed");
}
