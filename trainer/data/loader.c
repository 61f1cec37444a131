/* SPDX-License-Identifier: MIT */
/* Which pictures an epoch has, how one becomes the network's input, and the ring of batches that
 * threads fill. */
#include "trainer/data/loader.h"

#include <math.h>
#include <vips/vips.h>

#include "model/training/random.h"
#include "trainer/data/pictures.h"

/* ---- which pictures an epoch has ------------------------------------------------------------- */

/* Which pictures an epoch is made of, and in which order: functions of the seed and the epoch's
 * number alone. */

/* The purposes that keys are made of the seed for. */
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

/* ---- one picture's way ----------------------------------------------------------------------- */

/*
 * One picture's way to the network. A copy that is not augmented takes exactly the way of
 * evaluation and of the element. The others are resized by the same code, augmented as 8-bit RGB at
 * the network's size, then normalised by the same code, whose resizing from a size to itself
 * changes nothing.
 */

/* The sample's part of its picture, resized and normalised. */
static gboolean
prepare (const CowLoaderOptions *options, CowPreparer *preparer, const CowSample *sample,
         const CowPreprocess *preprocess, float *out, GError **error)
{
  g_auto (Picture) decoded = { 0 };
  CowRegion region;

  if (!picture_read (sample->path, &decoded, error))
    return FALSE;
  cow_picture_remarks_add (options->dataset->remarks, sample->path, &decoded);
  const CkPicture picture = picture_view (decoded.rgb, decoded.width, decoded.height);
  const gboolean part = cow_sample_region (sample, decoded.width, decoded.height, &region);
  if (cow_preparer_run (preparer, preprocess, &picture, part ? &region : NULL, out, error))
    return TRUE;
  g_prefix_error (error, "%s: ", sample->path);
  return FALSE;
}

/* `floats` [3, height, width] is scratch. */
static gboolean
load_rgb (const CowLoaderOptions *options, CowPreparer *preparer, const CowLoadItem *item,
          float *floats, guint8 *rgb, GError **error)
{
  const CowSample *sample = cow_dataset_sample (options->dataset, item->sample);
  CowPreprocess unit = options->preprocess;

  unit.normalisation = COW_UNIT;
  if (!prepare (options, preparer, sample, &unit, floats, error))
    return FALSE;
  /* Values are n / 255 for whole n, so nothing is lost here. */
  const gsize plane = (gsize)unit.width * (gsize)unit.height;
  for (gsize i = 0; i < plane; i++)
    for (gsize c = 0; c < 3; c++)
      rgb[3 * i + c] = (guint8)lrintf (floats[c * plane + i] * 255);
  if (item->copy == 0 ||
      cow_augment_run (options->augment, item->key, rgb, unit.width, unit.height, error))
    return TRUE;
  g_prefix_error (error, "%s: ", sample->path);
  return FALSE;
}

gboolean
cow_load_rgb (const CowLoaderOptions *options, CowPreparer *preparer, const CowLoadItem *item,
              guint8 *rgb, GError **error)
{
  g_autofree float *floats = g_try_new (float, cow_preprocess_size (&options->preprocess));

  if (!floats)
    return cow_check (CK_NO_MEMORY, error, "a picture");
  return load_rgb (options, preparer, item, floats, rgb, error);
}

gboolean
cow_load_one (const CowLoaderOptions *options, CowPreparer *preparer, const CowLoadItem *item,
              float *out, GError **error)
{
  const CowPreprocess *preprocess = &options->preprocess;

  if (item->copy == 0 || options->augment == COW_AUGMENT_NONE)
    return prepare (options, preparer, cow_dataset_sample (options->dataset, item->sample),
                    preprocess, out, error);
  g_autofree guint8 *rgb = g_try_malloc (cow_preprocess_size (preprocess));
  if (!rgb)
    return cow_check (CK_NO_MEMORY, error, "a picture");
  if (!load_rgb (options, preparer, item, out, rgb, error))
    return FALSE;
  const CkPicture picture = picture_view (rgb, preprocess->width, preprocess->height);
  return cow_preparer_run (preparer, preprocess, &picture, NULL, out, error);
}

/* ---- the ring of batches --------------------------------------------------------------------- */

/*
 * A ring of batches. Threads take pictures in order, one each, as long as their batch is in the
 * window that begins with the batch the trainer holds; each picture has its own place in its batch,
 * so that it does not matter who finishes when.
 */

#define MOST_THREADS  256
#define DEFAULT_AHEAD 4

/* One batch of the ring; fields but pixels and labels are under the lock. */
typedef struct {
  float *pixels;  /* [batch, 3, height, width] */
  gint32 *labels; /* [batch] */
  int n_done;     /* pictures that are ready or failed */
  GError *error;  /* of the first picture that failed, by position */
  gsize error_at;
} Slot;

typedef struct {
  CowLoader *loader;
  CowPreparer *preparer; /* its own */
  GThread *thread;
} Worker;

struct _CowLoader {
  CowLoaderOptions options;
  gsize picture_size; /* floats */
  gsize n_batches;
  Slot *slots; /* [n_slots]; batch b is in slots[b % n_slots] */
  gsize n_slots;
  Worker *workers; /* [n_workers] */
  guint n_workers;

  GMutex lock;
  GCond work; /* a place in the ring became free, or stop */
  GCond done; /* a batch became complete */
  gsize next; /* the first picture that nobody took */
  gsize held; /* the batch the trainer holds or waits for */
  gboolean started, stop;
};

/* Pictures of a batch. */
static int
batch_length (const CowLoader *self, gsize batch)
{
  return (int)MIN ((gsize)self->options.batch,
                   self->options.n_items - batch * (gsize)self->options.batch);
}

/* ---- threads --------------------------------------------------------------------------------- */

/* Waits for a picture to load; FALSE when there is none left, or the loader is being freed. */
static gboolean
take (CowLoader *self, gsize *position)
{
  g_mutex_lock (&self->lock);
  while (!self->stop && self->next < self->options.n_items &&
         self->next / (gsize)self->options.batch >= self->held + self->n_slots)
    g_cond_wait (&self->work, &self->lock);
  const gboolean ok = !self->stop && self->next < self->options.n_items;
  if (ok)
    *position = self->next++;
  g_mutex_unlock (&self->lock);
  return ok;
}

static void
load (CowLoader *self, CowPreparer *preparer, gsize position)
{
  const gsize batch = position / (gsize)self->options.batch,
              place = position % (gsize)self->options.batch;
  const CowLoadItem *item = &self->options.items[position];
  Slot *slot = &self->slots[batch % self->n_slots];
  GError *error = NULL;

  slot->labels[place] = cow_dataset_sample (self->options.dataset, item->sample)->label;
  cow_load_one (&self->options, preparer, item, slot->pixels + place * self->picture_size, &error);
  g_mutex_lock (&self->lock);
  if (error && (!slot->error || position < slot->error_at)) {
    GError *later = slot->error;
    slot->error = error;
    slot->error_at = position;
    error = later;
  }
  if (++slot->n_done == batch_length (self, batch))
    g_cond_signal (&self->done);
  g_mutex_unlock (&self->lock);
  g_clear_error (&error);
}

static gpointer
run (gpointer data)
{
  const Worker *worker = data;
  gsize position;

  while (take (worker->loader, &position))
    load (worker->loader, worker->preparer, position);
  vips_thread_shutdown ();
  return NULL;
}

/* ---- the trainer's side ---------------------------------------------------------------------- */

static gboolean
allocate (CowLoader *self, GError **error)
{
  gsize floats, bytes = 0;
  gboolean ok = g_size_checked_mul (&floats, (gsize)self->options.batch, self->picture_size) &&
                g_size_checked_mul (&bytes, floats, sizeof (float));

  self->slots = g_new0 (Slot, self->n_slots);
  for (gsize i = 0; ok && i < self->n_slots; i++) {
    self->slots[i].pixels = g_try_malloc (bytes);
    self->slots[i].labels = g_try_new (gint32, self->options.batch);
    ok = self->slots[i].pixels && self->slots[i].labels;
  }
  return ok || cow_check (CK_NO_MEMORY, error, "%" G_GSIZE_FORMAT " batches of %d pictures",
                          self->n_slots, self->options.batch);
}

static gboolean
start_threads (CowLoader *self, GError **error)
{
  const guint wanted =
      self->options.n_threads > 0 ? (guint)self->options.n_threads : g_get_num_processors ();
  const guint n = (guint)MIN (MIN (wanted, MOST_THREADS), self->options.n_items);

  self->workers = g_new0 (Worker, n);
  for (guint i = 0; i < n; i++) {
    g_autoptr (GError) local = NULL;
    Worker *worker = &self->workers[i];
    worker->loader = self;
    worker->preparer = cow_preparer_new (self->options.device, error);
    if (!worker->preparer)
      return FALSE;
    worker->thread = g_thread_try_new ("cow-loader", run, worker, &local);
    self->n_workers++;
    if (!worker->thread) {
      g_set_error (error, COW_ERROR, COW_ERROR_MEMORY, "a thread that loads pictures: %s",
                   local->message);
      return FALSE;
    }
  }
  return TRUE;
}

CowLoader *
cow_loader_new (const CowLoaderOptions *options, GError **error)
{
  g_autoptr (CowLoader) self = g_new0 (CowLoader, 1);

  g_mutex_init (&self->lock);
  g_cond_init (&self->work);
  g_cond_init (&self->done);
  self->options = *options;
  if (options->batch < 1 || options->preprocess.width < 1 || options->preprocess.height < 1) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "a batch of %d pictures of %d x %d",
                 options->batch, options->preprocess.width, options->preprocess.height);
    return NULL;
  }
  self->picture_size = cow_preprocess_size (&options->preprocess);
  self->n_batches =
      options->n_items / (gsize)options->batch + (options->n_items % (gsize)options->batch != 0);
  /* One more than those ahead: the one that the trainer works on. */
  self->n_slots = MIN ((gsize)(options->ahead > 0 ? options->ahead : DEFAULT_AHEAD) + 1,
                       MAX (self->n_batches, 1));
  if (!pictures_start (error) || !allocate (self, error) || !start_threads (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

/* Gives the batch that the trainer held back to the ring. Under the lock. */
static void
advance (CowLoader *self)
{
  if (self->started && self->held < self->n_batches) {
    self->slots[self->held % self->n_slots].n_done = 0;
    self->held++;
    g_cond_broadcast (&self->work);
  }
  self->started = TRUE;
}

static gboolean
wait_for_batch (CowLoader *self, GError **error)
{
  const int n = batch_length (self, self->held);
  Slot *slot = &self->slots[self->held % self->n_slots];

  while (slot->n_done < n)
    g_cond_wait (&self->done, &self->lock);
  if (!slot->error)
    return TRUE;
  if (error)
    *error = g_error_copy (slot->error);
  /* The same answer next time. */
  self->started = FALSE;
  return FALSE;
}

gboolean
cow_loader_next (CowLoader *self, CowBatch *batch, GError **error)
{
  *batch = (CowBatch){ 0 };
  g_mutex_lock (&self->lock);
  advance (self);
  const gboolean more = self->held < self->n_batches;
  const gboolean ok = !more || wait_for_batch (self, error);
  g_mutex_unlock (&self->lock);
  if (ok && more) {
    const Slot *slot = &self->slots[self->held % self->n_slots];
    batch->first = self->held * (gsize)self->options.batch;
    batch->n = batch_length (self, self->held);
    batch->pixels = slot->pixels;
    batch->labels = slot->labels;
    batch->items = self->options.items + batch->first;
  }
  return ok;
}

void
cow_loader_free (CowLoader *self)
{
  if (!self)
    return;
  g_mutex_lock (&self->lock);
  self->stop = TRUE;
  g_cond_broadcast (&self->work);
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < self->n_workers; i++) {
    if (self->workers[i].thread)
      g_thread_join (self->workers[i].thread);
    cow_preparer_free (self->workers[i].preparer);
  }
  for (gsize i = 0; self->slots && i < self->n_slots; i++) {
    g_free (self->slots[i].pixels);
    g_free (self->slots[i].labels);
    g_clear_error (&self->slots[i].error);
  }
  g_free (self->slots);
  g_free (self->workers);
  g_cond_clear (&self->work);
  g_cond_clear (&self->done);
  g_mutex_clear (&self->lock);
  g_free (self);
}
