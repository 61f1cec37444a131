/* SPDX-License-Identifier: MIT */
/* Gives the loop its input batch by batch: pictures, or features that were computed before. The
 * loop cannot tell which. */
#ifndef COW_TRAINER_FEED_H
#define COW_TRAINER_FEED_H

#include "trainer/data/frames.h"
#include "trainer/train/features-cache.h"
#include "trainer/train/recipe.h"

G_BEGIN_DECLS

typedef struct {
  const float *data; /* [n, 3, height, width], or features [n, hidden] with height and width 0;
                        until the next batch */
  int height, width;
  const gint32 *labels;        /* [n] */
  const CowLoadItem *items;    /* [n]; NULL for features */
  const CowFrameBoxes *frames; /* [n] of whole frames, px of the pictures; else NULL */
  int n;                       /* 0 after the last */
} CowFeedBatch;

typedef struct _CowFeed CowFeed;

/* All that is given is borrowed. Where `frames` is not NULL, the set's samples are these
 * frames in their order, whose boxes come along. */
CowFeed *cow_feed_new_pictures (const CowRecipe *recipe, const CowDataset *dataset,
                                const CowFrames *frames, CkDevice *device);
/* Takes the caches. */
CowFeed *cow_feed_new_features (const CowRecipe *recipe, const CowDataset *dataset,
                                CowFeaturesCache *train, CowFeaturesCache *val);
void cow_feed_free (CowFeed *self);

/* Pictures of one epoch: of training with copies, of validation each once. */
gsize cow_feed_size (const CowFeed *self, CowSplit split);
/* Begins an epoch at a position. The same (recipe, data, epoch, position) gives the same batches.
 */
gboolean cow_feed_start (CowFeed *self, CowSplit split, guint epoch, gsize position,
                         GError **error);
gboolean cow_feed_next (CowFeed *self, CowFeedBatch *batch, GError **error);
/* Ends an epoch, or leaves it. */
void cow_feed_stop (CowFeed *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowFeed, cow_feed_free)

G_END_DECLS

#endif
