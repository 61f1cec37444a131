/* SPDX-License-Identifier: MIT */
/*
 * A ring of batches. Threads take pictures in order, one each, as long as their batch is in the
 * window that begins with the batch the trainer holds; each picture has its own place in its batch,
 * so that it does not matter who finishes when.
 */
#include "trainer/data/loader.h"

#include <vips/vips.h>

#include "trainer/data/pictures.h"

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
  gint64 waited_us;
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
  const gint64 start_us = g_get_monotonic_time ();

  while (slot->n_done < n)
    g_cond_wait (&self->done, &self->lock);
  self->waited_us += g_get_monotonic_time () - start_us;
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

double
cow_loader_waited (const CowLoader *self)
{
  return (double)self->waited_us / G_USEC_PER_SEC;
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
