/* SPDX-License-Identifier: MIT */
/* What classes, groups and paths tell without a look at the pictures. */
#include "trainer/data/check.h"

#include <string.h>

#define FEW_PICTURES                                                                               \
  2 /* of a class: where most have no more, the column of classes holds something else */

/* ---- classes --------------------------------------------------------------------------------- */

/* Whether our own division left a class out of a split, as it may. */
static gboolean
ours (const CowDataset *dataset, CowSplit split, guint label)
{
  return dataset->divided && split != COW_TRAIN &&
         cow_dataset_count (dataset, COW_TRAIN, (int)label) > 0;
}

static void
find_missing (Check *self)
{
  const CowDataset *dataset = self->dataset;

  for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
    for (guint c = 0; c < dataset->n_classes && dataset->splits[split]->len > 0; c++)
      if (cow_dataset_count (dataset, split, (int)c) == 0)
        check_add (self, ours (dataset, split, c) ? CHECK_UNMEASURED : CHECK_CLASS, FALSE,
                   g_array_new (FALSE, FALSE, sizeof (guint)),
                   g_strdup_printf ("\"%s\" has no pictures in %s", dataset->classes[c],
                                    cow_split_name (split)));
}

static gboolean
is_number (const char *text)
{
  char *end;
  g_ascii_strtod (text, &end);
  return end != text && *end == '\0';
}

/* Names of pictures, numbers, or nearly as many classes as pictures. */
static void
find_odd_column (Check *self)
{
  const CowDataset *dataset = self->dataset;
  guint n_numbers = 0, n_pictures = 0, n_rare = 0;
  GArray *none = g_array_new (FALSE, FALSE, sizeof (guint));
  char *text = NULL;

  for (guint c = 0; c < dataset->n_classes; c++) {
    guint n = 0;
    for (CowSplit split = COW_TRAIN; split < COW_N_SPLITS; split++)
      n += cow_dataset_count (dataset, split, (int)c);
    n_numbers += is_number (dataset->classes[c]);
    n_pictures += pictures_is_name (dataset->classes[c]);
    n_rare += n <= FEW_PICTURES;
  }
  if (n_pictures > 0)
    text = g_strdup_printf ("%u of %u classes are called like pictures", n_pictures,
                            dataset->n_classes);
  else if (n_numbers == dataset->n_classes)
    text = g_strdup_printf ("all %u classes are numbers: an adapter will answer with numbers, too",
                            dataset->n_classes);
  else if (n_rare > dataset->n_classes / 2 && dataset->n_classes > 10)
    text = g_strdup_printf ("%u of %u classes have at most %d pictures: is this the column, or the "
                            "folder, of the classes?",
                            n_rare, dataset->n_classes, FEW_PICTURES);
  if (text)
    check_add (self, CHECK_COLUMN, FALSE, g_array_ref (none), text);
  g_array_unref (none);
}

/* The class that a part of a path is called like, or -1; the last such part counts. */
static int
class_of_folder (const CowDataset *dataset, const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_auto (GStrv) parts = g_strsplit (folder, "/", -1);

  for (guint i = g_strv_length (parts); i > 0; i--)
    for (guint c = 0; c < dataset->n_classes; c++)
      if (g_ascii_strcasecmp (parts[i - 1], dataset->classes[c]) == 0)
        return (int)c;
  return -1;
}

static void
find_other_folder (Check *self)
{
  for (guint i = 0; i < self->dataset->samples->len; i++) {
    const CowSample *sample = cow_dataset_sample (self->dataset, i);
    const int folder = class_of_folder (self->dataset, sample->path);
    if (folder < 0 || folder == sample->label)
      continue;
    GArray *samples = g_array_new (FALSE, FALSE, sizeof (guint));
    g_array_append_val (samples, i);
    check_add (self, CHECK_FOLDER, FALSE, samples,
               g_strdup_printf ("is labelled \"%s\"", self->dataset->classes[sample->label]));
  }
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* One finding a group, with its pictures outside of training. */
static void
find_torn_groups (Check *self)
{
  const CowDataset *dataset = self->dataset;
  g_autoptr (GHashTable) train = g_hash_table_new (g_str_hash, g_str_equal),
                         torn = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < dataset->samples->len; i++) {
    const CowSample *sample = cow_dataset_sample (dataset, i);
    if (sample->group && sample->split == COW_TRAIN)
      g_hash_table_add (train, (gpointer)sample->group);
  }
  for (guint i = 0; i < dataset->samples->len; i++) {
    const CowSample *sample = cow_dataset_sample (dataset, i);
    if (!sample->group || sample->split == COW_TRAIN ||
        !g_hash_table_contains (train, sample->group))
      continue;
    GArray *samples = g_hash_table_lookup (torn, sample->group);
    if (!samples) {
      samples = g_array_new (FALSE, FALSE, sizeof (guint));
      g_hash_table_insert (torn, (gpointer)sample->group, samples);
      check_add (self, CHECK_GROUP, FALSE, samples,
                 g_strdup_printf ("%s %s is also in train", dataset->grouped_by, sample->group));
    }
    g_array_append_val (samples, i);
  }
}

void
check_find_in_labels (Check *self)
{
  find_missing (self);
  find_odd_column (self);
  find_other_folder (self);
  find_torn_groups (self);
}
