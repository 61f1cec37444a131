/* SPDX-License-Identifier: MIT */
/* Which pictures an epoch is made of, and in which order: functions of the seed and the epoch's
 * number alone. */
#include "model/training/random.h"
#include "trainer/data/loader.h"

/* What a key of the seed is for. */
enum { KEY_AUGMENTATION, KEY_ORDER, KEY_CLASSES };

static CowLoadItem
make_item (guint64 key, guint sample, guint copy)
{
  return (CowLoadItem){ .sample = sample,
                        .copy = copy,
                        .key = cow_random_key (cow_random_key (key, sample), copy) };
}

/* Fisher and Yates, from the end. */
static void
shuffle (CowLoadItem *items, guint n, guint64 key)
{
  for (guint i = n; i > 1; i--) {
    const guint other = (guint)(cow_random_unit (key, i) * i);
    const CowLoadItem item = items[i - 1];
    items[i - 1] = items[other];
    items[other] = item;
  }
}

static GArray *
list_split (const CowDataset *dataset, CowSplit split, guint copies, guint64 key)
{
  const GArray *indices = dataset->splits[split];
  GArray *items = g_array_sized_new (FALSE, FALSE, sizeof (CowLoadItem), indices->len * copies);

  for (guint i = 0; i < indices->len; i++)
    for (guint copy = 0; copy < copies; copy++) {
      const CowLoadItem item = make_item (key, g_array_index (indices, guint, i), copy);
      g_array_append_val (items, item);
    }
  return items;
}

/*
 * As many items, spread evenly over the classes: each class goes round its own shuffled list as
 * often as its share needs. A second round takes the next copies, so that it brings no picture
 * unchanged a second time.
 */
static GArray *
balance (const CowDataset *dataset, const GArray *items, guint copies, guint64 key,
         guint64 class_key)
{
  GArray *balanced = g_array_sized_new (FALSE, FALSE, sizeof (CowLoadItem), items->len);
  g_autoptr (GPtrArray) classes = g_ptr_array_new_with_free_func ((GDestroyNotify)g_array_unref);

  for (guint c = 0; c < dataset->n_classes; c++) {
    g_autoptr (GArray) own = g_array_new (FALSE, FALSE, sizeof (CowLoadItem));
    for (guint i = 0; i < items->len; i++)
      if (cow_dataset_sample (dataset, g_array_index (items, CowLoadItem, i).sample)->label ==
          (int)c)
        g_array_append_val (own, g_array_index (items, CowLoadItem, i));
    shuffle ((CowLoadItem *)(void *)own->data, own->len, cow_random_key (class_key, c));
    if (own->len > 0)
      g_ptr_array_add (classes, g_steal_pointer (&own));
  }
  for (guint i = 0; i < items->len; i++) {
    const GArray *own = classes->pdata[i % classes->len];
    const guint at = i / classes->len, round = at / own->len;
    CowLoadItem item = g_array_index (own, CowLoadItem, at % own->len);
    if (round > 0)
      item = make_item (key, item.sample, item.copy + round * copies);
    g_array_append_val (balanced, item);
  }
  return balanced;
}

GArray *
cow_load_epoch (const CowDataset *dataset, CowSplit split, guint copies, gboolean balanced,
                guint64 seed, guint epoch)
{
  const guint64 epoch_key = cow_random_key (seed, epoch),
                key = cow_random_key (epoch_key, KEY_AUGMENTATION);
  GArray *items = list_split (dataset, split, copies, key);

  if (balanced && items->len > 0) {
    GArray *all = items;
    items = balance (dataset, all, copies, key, cow_random_key (epoch_key, KEY_CLASSES));
    g_array_unref (all);
  }
  shuffle ((CowLoadItem *)(void *)items->data, items->len, cow_random_key (epoch_key, KEY_ORDER));
  return items;
}

GArray *
cow_load_split (const CowDataset *dataset, CowSplit split, guint copies, guint64 seed)
{
  return list_split (dataset, split, copies, cow_random_key (seed, KEY_AUGMENTATION));
}
