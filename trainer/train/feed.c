/* SPDX-License-Identifier: MIT */
#include "trainer/train/feed.h"

#include <string.h>

#include "trainer/data/frame-places.h"

/* What a frame shows. */
typedef struct {
  GArray *boxes;                   /* of CowBounds */
  GArray *which;                   /* of guint: which of the frame's they are */
  GArray *behaviours, *identities; /* of gint32 */
} Places;

struct _CowFeed {
  const CowRecipe *recipe;
  const CowDataset *dataset;
  CkDevice *device;                  /* pictures */
  const CowFrames *frames;           /* or NULL; with them */
  Places *places;                    /* [batch] */
  CowFrameBoxes *boxes;              /* [batch] what says so */
  CowFeaturesCache *cache[COW_TEST]; /* features, by COW_TRAIN and COW_VAL; NULL for pictures */
  /* The epoch that runs */
  CowSplit split;
  GArray *items; /* of CowLoadItem */
  gsize position;
  CowLoader *loader; /* pictures */
  float *rows;       /* features: a batch */
  gint32 *labels;
};

CowFeed *
cow_feed_new_pictures (const CowRecipe *recipe, const CowDataset *dataset, const CowFrames *frames,
                       CkDevice *device)
{
  CowFeed *self = g_new0 (CowFeed, 1);
  self->recipe = recipe;
  self->dataset = dataset;
  self->frames = frames;
  self->device = device;
  if (!frames)
    return self;
  self->places = g_new (Places, recipe->batch);
  for (int i = 0; i < recipe->batch; i++)
    self->places[i] = (Places){ g_array_new (FALSE, FALSE, sizeof (CowBounds)),
                                g_array_new (FALSE, FALSE, sizeof (guint)),
                                g_array_new (FALSE, FALSE, sizeof (gint32)),
                                g_array_new (FALSE, FALSE, sizeof (gint32)) };
  self->boxes = g_new (CowFrameBoxes, recipe->batch);
  return self;
}

CowFeed *
cow_feed_new_features (const CowRecipe *recipe, const CowDataset *dataset, CowFeaturesCache *train,
                       CowFeaturesCache *val)
{
  CowFeed *self = g_new0 (CowFeed, 1);
  self->recipe = recipe;
  self->dataset = dataset;
  self->cache[COW_TRAIN] = train;
  self->cache[COW_VAL] = val;
  self->rows = g_new (float, (gsize)recipe->batch *(gsize)cow_features_cache_width (train));
  self->labels = g_new (gint32, (gsize)recipe->batch);
  return self;
}

static void
places_clear (Places *self)
{
  g_array_unref (self->boxes);
  g_array_unref (self->which);
  g_array_unref (self->behaviours);
  g_array_unref (self->identities);
}

void
cow_feed_free (CowFeed *self)
{
  if (!self)
    return;
  cow_feed_stop (self);
  g_clear_pointer (&self->cache[COW_TRAIN], cow_features_cache_free);
  g_clear_pointer (&self->cache[COW_VAL], cow_features_cache_free);
  for (int i = 0; self->places && i < self->recipe->batch; i++)
    places_clear (&self->places[i]);
  g_free (self->places);
  g_free (self->boxes);
  g_free (self->rows);
  g_free (self->labels);
  g_free (self);
}

static guint
copies (const CowFeed *self, CowSplit split)
{
  return split == COW_TRAIN ? cow_recipe_copies (self->recipe) : 1;
}

gsize
cow_feed_size (const CowFeed *self, CowSplit split)
{
  return (gsize)self->dataset->splits[split]->len * copies (self, split);
}

gboolean
cow_feed_start (CowFeed *self, CowSplit split, guint epoch, gsize position, GError **error)
{
  const CowRecipe *recipe = self->recipe;
  const guint64 seed = (guint64)recipe->seed;

  cow_feed_stop (self);
  self->split = split;
  self->position = position;
  self->items = split == COW_TRAIN
                    ? cow_load_epoch (self->dataset, split, copies (self, split),
                                      recipe->balance == COW_BALANCE_SAMPLER, seed, epoch)
                    : cow_load_split (self->dataset, split, 1, seed);
  if (self->cache[split] || position >= self->items->len)
    return TRUE;
  const CowLoaderOptions options = {
    .dataset = self->dataset,
    .items = (const CowLoadItem *)self->items->data + position,
    .n_items = self->items->len - position,
    .device = self->device,
    .preprocess = recipe->preprocess,
    .augment = (CowAugment)recipe->augment,
    .batch = recipe->batch,
    .n_threads = recipe->workers,
  };
  self->loader = cow_loader_new (&options, error);
  return self->loader != NULL;
}

static void
gather_features (CowFeed *self, CowFeedBatch *batch)
{
  const CowFeaturesCache *cache = self->cache[self->split];
  const gsize width = (gsize)cow_features_cache_width (cache);

  batch->n = (int)MIN ((gsize)self->recipe->batch, self->items->len - self->position);
  for (int i = 0; i < batch->n; i++) {
    const CowLoadItem *item = &g_array_index (self->items, CowLoadItem, self->position + (gsize)i);
    /* A balanced epoch may ask for more copies of a rare picture than are kept. */
    const float *row =
        cow_features_cache_row (cache, item->sample, item->copy % copies (self, self->split));
    memcpy (self->rows + (gsize)i * width, row, width * sizeof (float));
    self->labels[i] = cow_dataset_sample (self->dataset, item->sample)->label;
  }
  batch->data = self->rows;
  batch->labels = self->labels;
  self->position += (gsize)batch->n;
}

/* What the boxes of a frame show, and who is in them. */
static void
label (Places *self, const CowFrameBox *boxes)
{
  g_array_set_size (self->behaviours, 0);
  g_array_set_size (self->identities, 0);
  for (guint i = 0; i < self->which->len; i++) {
    const CowFrameBox *box = &boxes[g_array_index (self->which, guint, i)];
    const gint32 behaviour = box->behaviour, identity = box->identity;
    g_array_append_val (self->behaviours, behaviour);
    g_array_append_val (self->identities, identity);
  }
}

static void
place_boxes (CowFeed *self, const CowBatch *loaded)
{
  const CowPreprocess *preprocess = &self->recipe->preprocess;

  for (int i = 0; i < loaded->n; i++) {
    const CowFrame *frame = cow_frames_get (self->frames, loaded->items[i].sample);
    Places *places = &self->places[i];
    cow_frame_places (self->frames, frame, &loaded->items[i], (CowAugment)self->recipe->augment,
                      preprocess, places->boxes, places->which);
    label (places, cow_frames_boxes (self->frames, frame));
    self->boxes[i] =
        (CowFrameBoxes){ (const CowBounds *)(void *)places->boxes->data,
                         (const gint32 *)(void *)places->behaviours->data,
                         (const gint32 *)(void *)places->identities->data, places->boxes->len };
  }
}

gboolean
cow_feed_next (CowFeed *self, CowFeedBatch *batch, GError **error)
{
  CowBatch loaded;

  *batch = (CowFeedBatch){ 0 };
  if (self->cache[self->split]) {
    gather_features (self, batch);
    return TRUE;
  }
  if (!self->loader)
    return TRUE;
  if (!cow_loader_next (self->loader, &loaded, error))
    return FALSE;
  batch->data = loaded.pixels;
  batch->labels = loaded.labels;
  batch->items = loaded.items;
  batch->n = loaded.n;
  batch->height = self->recipe->preprocess.height;
  batch->width = self->recipe->preprocess.width;
  if (self->frames) {
    place_boxes (self, &loaded);
    batch->frames = self->boxes;
  }
  return TRUE;
}

void
cow_feed_stop (CowFeed *self)
{
  g_clear_pointer (&self->loader, cow_loader_free);
  g_clear_pointer (&self->items, g_array_unref);
}
