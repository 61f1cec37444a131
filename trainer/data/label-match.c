/* SPDX-License-Identifier: MIT */
#include "trainer/data/label-match.h"

#include <string.h>

#define MANY G_MAXUINT /* several pictures have this name */

struct _CowLabels {
  CowCropTable *table;
  CowLabelCounts *counts;
  GHashTable *by_name; /* the last part of a path -> its row + 1, or MANY */
};

CowLabels *
cow_labels_new (CowCropTable *table, CowLabelCounts *counts)
{
  CowLabels *self = g_new0 (CowLabels, 1);

  self->table = table;
  self->counts = counts;
  self->by_name = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < cow_crop_table_n_rows (table); i++) {
    char *name = g_path_get_basename (cow_crop_table_get (table, i, COW_CROP_PATH));
    const gboolean known = g_hash_table_contains (self->by_name, name);

    g_hash_table_insert (self->by_name, name, GUINT_TO_POINTER (known ? MANY : i + 1));
  }
  return self;
}

void
cow_labels_free (CowLabels *self)
{
  g_hash_table_unref (self->by_name);
  g_free (self);
}

/* What Label Studio puts before the name of a file that is uploaded: eight digits and "-". */
static const char *
without_prefix (const char *name)
{
  const gsize n = strspn (name, "0123456789abcdef");

  return n == 8 && name[8] == '-' ? name + 9 : name;
}

/* By the longest end of the path that is a path of the table; else by the name, where it is that of
 * one picture alone. -1: none. */
static int
find_row (const CowLabels *self, const char *picture)
{
  for (const char *end = picture; end; end = strchr (end, '/')) {
    end += *end == '/';
    const int row = cow_crop_table_find (self->table, end);
    if (row >= 0)
      return row;
  }
  g_autofree char *name = g_path_get_basename (picture);
  guint found = GPOINTER_TO_UINT (g_hash_table_lookup (self->by_name, name));
  if (found == 0)
    found = GPOINTER_TO_UINT (g_hash_table_lookup (self->by_name, without_prefix (name)));
  return found == 0 || found == MANY ? -1 : (int)found - 1;
}

static void
note (guint *n, char **first, const char *picture)
{
  if ((*n)++ == 0)
    *first = g_strdup (picture);
}

void
cow_labels_take (CowLabels *self, const char *picture, const GPtrArray *labels)
{
  CowLabelCounts *counts = self->counts;
  g_autofree char *label = NULL;
  const int row = find_row (self, picture);

  if (row < 0) {
    note (&counts->n_unknown, &counts->unknown, picture);
    return;
  }
  for (guint i = 0; i < labels->len; i++) {
    g_autofree char *one = labels->pdata[i] ? g_strstrip (g_strdup (labels->pdata[i])) : NULL;

    if (!one || !*one)
      continue;
    if (label && !g_str_equal (label, one)) {
      note (&counts->n_several, &counts->several, picture);
      return;
    }
    if (!label)
      label = g_steal_pointer (&one);
  }
  const char *before = cow_crop_table_get (self->table, (guint)row, COW_CROP_LABEL);
  if (!label)
    counts->n_without++;
  else if (g_str_equal (before, label))
    counts->n_same++;
  else {
    *(*before ? &counts->n_changed : &counts->n_new) += 1;
    cow_crop_table_set_label (self->table, (guint)row, label);
  }
}

char *
cow_labels_beside (const char *path, const char *ending)
{
  const char *slash = strrchr (path, '/'), *dot = strrchr (slash ? slash : path, '.');
  g_autofree char *stem = dot ? g_strndup (path, (gsize)(dot - path)) : g_strdup (path);

  return g_strconcat (stem, ending, NULL);
}
