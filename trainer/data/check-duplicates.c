/* SPDX-License-Identifier: MIT */
/* Pictures that are there more than once: equal files (with equal boxes), and pictures that look
 * alike. */
#include "trainer/data/check.h"

static gboolean
differ (const Check *self, const GArray *samples, gboolean by_label)
{
  const CowSample *first = cow_dataset_sample (self->dataset, g_array_index (samples, guint, 0));

  for (guint i = 1; i < samples->len; i++) {
    const CowSample *other = cow_dataset_sample (self->dataset, g_array_index (samples, guint, i));
    if (by_label ? other->label != first->label : other->split != first->split)
      return TRUE;
  }
  return FALSE;
}

/* What is wrong with a set of pictures that are one and the same. */
static void
judge (Check *self, GArray *samples, gboolean near)
{
  const gboolean labels = differ (self, samples, TRUE), splits = differ (self, samples, FALSE);

  if (labels)
    check_add (self, CHECK_TWO_LABELS, near, g_array_ref (samples), NULL);
  if (splits)
    check_add (self, CHECK_TWO_SPLITS, near, g_array_ref (samples), NULL);
  if (!labels && !splits)
    check_add (self, CHECK_DUPLICATE, near, g_array_ref (samples), NULL);
}

/* Most places of the list below have no set. */
static void
free_set (gpointer set)
{
  if (set)
    g_array_unref (set);
}

/* Judges the sets of two and more that numbers [samples] make; those of G_MAXUINT belong to none.
 */
static void
judge_sets (Check *self, const guint *numbers, gboolean near)
{
  const guint n = self->dataset->samples->len;
  g_autoptr (GPtrArray) sets = g_ptr_array_new_with_free_func (free_set);

  g_ptr_array_set_size (sets, (int)n);
  for (guint i = 0; i < n; i++) {
    if (numbers[i] == G_MAXUINT)
      continue;
    if (!sets->pdata[numbers[i]])
      sets->pdata[numbers[i]] = g_array_new (FALSE, FALSE, sizeof (guint));
    GArray *set = sets->pdata[numbers[i]];
    g_array_append_val (set, i);
  }
  for (guint i = 0; i < n; i++)
    if (sets->pdata[i] && ((GArray *)sets->pdata[i])->len > 1)
      judge (self, sets->pdata[i], near);
}

/* The first sample of the same file and box as each; G_MAXUINT for those that could not be read. */
static void
number_equal (const Check *self, guint *numbers)
{
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < self->dataset->samples->len; i++) {
    const CowSample *sample = cow_dataset_sample (self->dataset, i);
    numbers[i] = G_MAXUINT;
    if (!self->pictures[i].readable)
      continue;
    char *key =
        g_strdup_printf ("%s %d %a %a %a %a", self->pictures[i].content, (int)sample->box_kind,
                         sample->box[0], sample->box[1], sample->box[2], sample->box[3]);
    const guint old = GPOINTER_TO_UINT (g_hash_table_lookup (known, key));
    numbers[i] = old ? old - 1 : i;
    if (old)
      g_free (key);
    else
      g_hash_table_insert (known, key, GUINT_TO_POINTER (i + 1));
  }
}

void
check_find_duplicates (Check *self)
{
  const guint n = self->dataset->samples->len;
  g_autofree guint *equal = g_new (guint, n), *alike = g_new (guint, n);
  g_autofree PictureHash *hashes = g_new (PictureHash, n);

  number_equal (self, equal);
  judge_sets (self, equal, FALSE);
  /* Of equal ones the first stands for all: the others were told already. */
  for (guint i = 0; i < n; i++) {
    hashes[i] = self->pictures[i].hash;
    hashes[i].flat |= equal[i] != i;
  }
  picture_hash_sets (hashes, n, alike);
  judge_sets (self, alike, TRUE);
}
