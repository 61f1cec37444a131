/* SPDX-License-Identifier: MIT */
#include "trainer/train/keep-pictures.h"

#include "trainer/data/loader.h"

/* The samples of a split by their class, or by their labels where they may have several: arrays of
 * guint. */
static GPtrArray *
group_by_class (const CowDataset *dataset, CowSplit split)
{
  const GArray *samples = dataset->splits[split];
  GPtrArray *classes = g_ptr_array_new_with_free_func ((GDestroyNotify)g_array_unref);

  for (guint c = 0; c < cow_dataset_n_labels (dataset); c++)
    g_ptr_array_add (classes, g_array_new (FALSE, FALSE, sizeof (guint)));
  for (guint i = 0; i < samples->len; i++) {
    const guint sample = g_array_index (samples, guint, i);
    g_array_append_val (classes->pdata[cow_dataset_sample (dataset, sample)->label], sample);
  }
  return classes;
}

/* How many of each class: one more of each in turns, until there are n. Free with g_free. */
static guint *
count_shares (const GPtrArray *classes, guint n)
{
  guint *shares = g_new0 (guint, MAX (classes->len, 1));

  for (guint before = G_MAXUINT; n > 0 && n != before;) {
    before = n;
    for (guint c = 0; c < classes->len && n > 0; c++)
      if (shares[c] < ((const GArray *)classes->pdata[c])->len) {
        shares[c]++;
        n--;
      }
  }
  return shares;
}

/* The samples (guint), in turns by class. */
static GArray *
choose (const CowDataset *dataset, CowSplit split, guint n)
{
  g_autoptr (GPtrArray) classes = group_by_class (dataset, split);
  g_autofree guint *shares = count_shares (classes, n);
  GArray *chosen = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint round = 0, before = G_MAXUINT; chosen->len != before; round++) {
    before = chosen->len;
    for (guint c = 0; c < classes->len; c++) {
      const GArray *samples = classes->pdata[c];
      if (round < shares[c])
        g_array_append_val (
            chosen, g_array_index (samples, guint, (guint64)round * samples->len / shares[c]));
    }
  }
  return chosen;
}

gboolean
keep_pictures (const CowDataset *dataset, CowSplit split, guint n, const CowPreprocess *preprocess,
               CkDevice *device, CowKeptPictures *kept, GError **error)
{
  const gsize size = cow_preprocess_size (preprocess);
  const CowLoaderOptions options = { .dataset = dataset, .preprocess = *preprocess };
  g_autoptr (CowPreparer) preparer = cow_preparer_new (device, error);
  g_autoptr (GArray) chosen = choose (dataset, split, n);

  *kept = (CowKeptPictures){ .width = preprocess->width, .height = preprocess->height };
  if (!preparer)
    return FALSE;
  kept->rgb = g_try_malloc (MAX (chosen->len * size, 1));
  if (!kept->rgb)
    return cow_check (CK_NO_MEMORY, error, "%u pictures that are kept", chosen->len);
  for (; kept->n < chosen->len; kept->n++) {
    const CowLoadItem item = { .sample = g_array_index (chosen, guint, kept->n) };
    if (!cow_load_rgb (&options, preparer, &item, kept->rgb + kept->n * size, error))
      return FALSE;
  }
  return TRUE;
}
