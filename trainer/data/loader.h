/* SPDX-License-Identifier: MIT */
/*
 * Pictures on their way to the network: threads read, augment and prepare them some batches ahead
 * of the trainer. What comes out depends on the list of items alone, never on the threads.
 */
#ifndef COW_TRAINER_LOADER_H
#define COW_TRAINER_LOADER_H

#include "trainer/data/augment.h"
#include "trainer/data/dataset.h"

G_BEGIN_DECLS

/* One picture to load. */
typedef struct {
  guint sample; /* index in the set's samples */
  guint copy;   /* 0: as it is; others are augmented */
  guint64 key;  /* of the augmentation */
} CowLoadItem;

/*
 * The items of one epoch of a split, shuffled: each picture `copies` times (1, or 3 as the recipes
 * do: once as it is, twice augmented). `balanced`: as many items, but the same number of each class
 * that has pictures; rare ones come again with other augmentation. The same arguments give the same
 * items. Free with g_array_unref.
 */
GArray *cow_load_epoch (const CowDataset *dataset, CowSplit split, guint copies, gboolean balanced,
                        guint64 seed, guint epoch);
/* The items of a split in order, each with `copies`, the same ones always: evaluation (copies 1),
 * features kept on disk (3). */
GArray *cow_load_split (const CowDataset *dataset, CowSplit split, guint copies, guint64 seed);

typedef struct {
  const CowDataset *dataset; /* borrowed, as are items and device: all outlive the loader */
  const CowLoadItem *items;  /* [n_items] */
  gsize n_items;
  CkDevice *device; /* prepares the pictures, on a stream a thread */
  CowPreprocess preprocess;
  CowAugment augment;
  int batch;     /* pictures; the last batch may have fewer */
  int n_threads; /* 0: one a processor */
  int ahead;     /* batches ready or being made, at least 1; 0: 4 */
} CowLoaderOptions;

typedef struct {
  const float *pixels;      /* [n, 3, height, width] */
  const gint32 *labels;     /* [n] */
  const CowLoadItem *items; /* [n] */
  gsize first;              /* position of items[0] in the list */
  int n;
} CowBatch;

typedef struct _CowLoader CowLoader;

/* Starts the threads. */
CowLoader *cow_loader_new (const CowLoaderOptions *options, GError **error);
/*
 * Waits for the next batch, which is valid until the next call; batch->n is 0 after the last.
 * FALSE, with the error that names the file, when one of its pictures cannot be read: nothing is
 * put in its place, and the batches before it have all been given.
 */
gboolean cow_loader_next (CowLoader *self, CowBatch *batch, GError **error);
/* At any time; waits for pictures being decoded. */
void cow_loader_free (CowLoader *self);

/* One item as the loader prepares it, to out [3, height, width]. */
gboolean cow_load_one (const CowLoaderOptions *options, CowPreparer *preparer,
                       const CowLoadItem *item, float *out, GError **error);
/* The same before normalising: 8-bit RGB at the network's size, to rgb [height, width, 3]. For
 * people to look at. */
gboolean cow_load_rgb (const CowLoaderOptions *options, CowPreparer *preparer,
                       const CowLoadItem *item, guint8 *rgb, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowLoader, cow_loader_free)

G_END_DECLS

#endif
