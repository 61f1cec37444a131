/* SPDX-License-Identifier: MIT */
#include "trainer/data/dataset-classes.h"

#include <string.h>

#include "trainer/data/file-names.h"

static int
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* All labels, sorted; of those that differ in case alone the first. */
static GStrv
list_labels (DatasetDraft *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autoptr (GPtrArray) sorted = g_ptr_array_copy (self->labels, NULL, NULL);
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  g_ptr_array_sort (sorted, compare_strings);
  for (guint i = 0; i < sorted->len; i++) {
    char *key = file_name_key (sorted->pdata[i]);
    const char *other = g_hash_table_lookup (known, key);
    if (other) {
      dataset_draft_warn (self,
                          "the classes \"%s\" and \"%s\" differ in case alone: they are one, "
                          "\"%s\" (--classes keeps them apart)",
                          other, (char *)sorted->pdata[i], other);
      g_free (key);
      continue;
    }
    g_hash_table_insert (known, key, sorted->pdata[i]);
    g_strv_builder_add (builder, sorted->pdata[i]);
  }
  return g_strv_builder_end (builder);
}

/* The classes that were asked for, or all labels. */
static GStrv
list_classes (DatasetDraft *self, GError **error)
{
  const CowDatasetOptions *options = self->options;
  GStrv given = options->classes        ? g_strdupv (options->classes)
                : options->classes_text ? g_strsplit (options->classes_text, ",", -1)
                                        : list_labels (self);

  for (guint i = 0; given[i]; i++) {
    g_strstrip (given[i]);
    for (guint k = 0; k < i; k++)
      if (g_str_equal (given[i], given[k])) {
        g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "the class \"%s\" is listed twice",
                     given[i]);
        g_strfreev (given);
        return NULL;
      }
  }
  return given;
}

/* The class that a label means: of its name, or of the only one that differs in case or form of
 * Unicode alone; -1: none. */
static int
find_class (const CowDataset *set, const char *label)
{
  g_autofree char *key = file_name_key (label);
  int found = -1;

  for (guint c = 0; c < set->n_classes; c++)
    if (g_str_equal (label, set->classes[c]))
      return (int)c;
  for (guint c = 0; c < set->n_classes; c++) {
    g_autofree char *other = file_name_key (set->classes[c]);
    if (!g_str_equal (key, other))
      continue;
    if (found >= 0)
      return -1;
    found = (int)c;
  }
  return found;
}

gboolean
dataset_classes_find (DatasetDraft *self, int *place, GError **error)
{
  CowDataset *set = self->set;
  const gboolean given = self->options->classes || self->options->classes_text;

  set->classes = list_classes (self, error);
  if (!set->classes)
    return FALSE;
  set->n_classes = g_strv_length (set->classes);
  for (guint i = 0; i < self->labels->len; i++) {
    place[i] = find_class (set, self->labels->pdata[i]);
    if (place[i] >= 0) {
      if (given && !g_str_equal (set->classes[place[i]], self->labels->pdata[i]))
        dataset_draft_warn (self, "the class \"%s\" is taken for \"%s\"",
                            (char *)self->labels->pdata[i], set->classes[place[i]]);
      continue;
    }
    g_autofree char *classes = g_strjoinv (", ", set->classes);
    g_set_error (error, COW_ERROR, COW_ERROR_MISMATCH, "%s: \"%s\" is none of the classes: %s",
                 (char *)self->label_places->pdata[i], (char *)self->labels->pdata[i], classes);
    return FALSE;
  }
  return TRUE;
}
