/* SPDX-License-Identifier: MIT */
/*
 * An engine has one classifier, one worker and one queue. The registry maps options to the engine
 * that was loaded for them, so that the cameras of a process share weights. Lock order: registry,
 * then an engine, then a ticket; the worker holds none of them while it computes, nor while it
 * calls those who listen.
 *
 * Streams of the device: the classifier's is the worker's. A thread that submits borrows an idle
 * one, prepares its crops there and waits. The crops are idle again when the forward pass that
 * reads them is done.
 *
 * A device that is lost (a GPU's context after a failure) is opened again by the worker: it turns
 * submissions away, waits for those that are under way, fails the tickets that wait, and frees all
 * that lies on the device. Engines on the same device do so together, because it begins anew when
 * nobody has it.
 *
 * Tickets, crops and streams are kept for the next submission, and the network keeps its buffers,
 * so that an engine allocates nothing once it has seen as much as it will see at a time.
 */
#include "model/engine/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/engine/engine-faults.h"
#include "model/engine/quantiles.h"
#include "model/engine/ticket-private.h"
#include "model/files/locate.h"
#include "model/network/precision-resolve.h"

/* Prepared regions that there is memory for while nobody uses it: what came beyond is freed. */
#define KEPT_REGIONS (2 * COW_ENGINE_MAX_REGIONS)

struct _CowEngine {
  char *key; /* in the registry: the network and the device */
  char *network;
  const char *device_name;
  guint refs; /* under the registry's lock */
  gboolean loading;
  GError *load_error;
  CowClassifier *classifier;
  CkDevice device; /* what the classifier's was when it was loaded; not one that can be used */
  char *name;
  char *memory_text; /* as it was when it was loaded; or NULL */
  char *warning, *note; /* the classifier's when it was loaded, or NULL */
  CowEngineFaults faults;

  GThread *worker;
  GMutex lock;
  GCond wake;
  GQueue queue;       /* of CowTicket by their links, each holding a reference */
  GPtrArray *streams; /* idle ones (CkStream) of one thread each, for whoever submits */
  GPtrArray *crops;   /* idle ones (CowCrops), the oldest first */
  CowTicketPool *tickets;
  gboolean stop;
  gboolean reopening;         /* the device, by the worker */
  guint submitting;           /* threads that prepare crops now */
  CowEngineCounters counters; /* without the quantiles */
  CowQuantiles times_ns;

  GMutex listening;  /* protects the listeners, also while they are called */
  GArray *listeners; /* of Listener */
};

typedef struct {
  CowEngineLost lost;
  gpointer user_data;
} Listener;

static GMutex registry_lock;
static GCond registry_loaded;
static GHashTable *registry; /* key -> CowEngine, borrowed */

/* ---- crops on the device --------------------------------------------------------------------- */

/* One user less; engine locked. */
static void
release_crops (CowEngine *self, CowTicket *ticket)
{
  if (--ticket->crop_users > 0)
    return;
  g_ptr_array_add (self->crops, ticket->crops);
  ticket->crops = NULL;
}

static void
free_crops (CowEngine *self, CowCrops *crops)
{
  ck_free (cow_classifier_stream (self->classifier), crops->pixels);
  g_free (crops);
}

/* Frees idle crops until no more than so many regions are kept; only the worker, or who has joined
 * it; engine locked. */
static void
trim_crops (CowEngine *self, guint kept)
{
  guint room = 0, n = self->crops->len;
  while (n > 0 && room + ((const CowCrops *)self->crops->pdata[n - 1])->room <= kept)
    room += ((const CowCrops *)self->crops->pdata[--n])->room;
  for (guint i = 0; i < n; i++)
    free_crops (self, self->crops->pdata[i]);
  if (n > 0)
    g_ptr_array_remove_range (self->crops, 0, n);
}

/* The smallest idle crops that have room for n regions, NULL without any. */
static CowCrops *
take_crops (CowEngine *self, guint n)
{
  guint best = G_MAXUINT, room = G_MAXUINT;
  CowCrops *crops = NULL;
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->crops->len; i++) {
    const CowCrops *idle = self->crops->pdata[i];
    if (idle->room >= n && idle->room < room) {
      best = i;
      room = idle->room;
    }
  }
  if (best != G_MAXUINT)
    crops = g_ptr_array_remove_index (self->crops, best);
  g_mutex_unlock (&self->lock);
  return crops;
}

/* New ones for n regions, or a few more so that they will serve other tickets; NULL when there is
 * no memory. */
static CowCrops *
new_crops (CkStream *stream, guint n, gsize picture)
{
  guint room = 1;
  while (room < n)
    room *= 2;
  float *pixels = ck_alloc (stream, room * picture * sizeof (float));
  if (!pixels)
    return NULL;
  CowCrops *crops = g_new (CowCrops, 1);
  *crops = (CowCrops){ pixels, room };
  return crops;
}

/* A stream for the crops of one submission. */
static CkStream *
borrow_stream (CowEngine *self, GError **error)
{
  CkStream *stream = NULL;
  g_mutex_lock (&self->lock);
  if (self->streams->len > 0)
    stream = g_ptr_array_steal_index (self->streams, self->streams->len - 1);
  g_mutex_unlock (&self->lock);
  return stream ? stream : cow_stream_new (cow_classifier_device (self->classifier), 1, error);
}

static void
return_stream (CowEngine *self, CkStream *stream)
{
  g_mutex_lock (&self->lock);
  g_ptr_array_add (self->streams, stream);
  g_mutex_unlock (&self->lock);
}

static gboolean
enqueue_crops (CowEngine *self, CowTicket *ticket, CkStream *stream, const CkPicture *picture,
               const CowRegion *regions, GError **error)
{
  const CowPreprocess *preprocess = cow_engine_preprocess (self);
  ticket->crops = take_crops (self, ticket->n);
  if (!ticket->crops)
    ticket->crops = new_crops (stream, ticket->n, ticket->picture);
  if (!cow_check (ticket->crops ? CK_OK : CK_NO_MEMORY, error, "%u crops of %d x %d", ticket->n,
                  preprocess->width, preprocess->height))
    return FALSE;
  for (guint i = 0; i < ticket->n; i++)
    if (!cow_preprocess_run (preprocess, stream, picture, regions ? &regions[i] : NULL,
                             ticket->crops->pixels + i * ticket->picture, error))
      return FALSE;
  return TRUE;
}

/* Prepares a ticket's regions on a stream, and waits: the picture is the caller's again when this
 * returns, and the regions are there for all streams. */
static gboolean
prepare_crops (CowEngine *self, CowTicket *ticket, CkStream *stream, const CkPicture *picture,
               const CowRegion *regions, GError **error)
{
  ticket->crop_users = 1;
  const gboolean enqueued = enqueue_crops (self, ticket, stream, picture, regions, error);
  const CkStatus status = ck_synchronize (stream);
  if (enqueued && cow_check (status, error, "preparing %u crops", ticket->n))
    return TRUE;
  ck_stream_reset (stream);
  cow_device_explain (cow_classifier_device (self->classifier), error);
  g_mutex_lock (&self->lock);
  if (ticket->crops)
    release_crops (self, ticket);
  g_mutex_unlock (&self->lock);
  return FALSE;
}

/* ---- the worker ------------------------------------------------------------------------------ */

/* The regions of one forward pass: which ticket, which of its regions. */
typedef struct {
  CowTicket *ticket; /* a reference, which goes when the region is complete */
  guint region;
} Slot;

/* Gives the queue's reference to its first ticket back. */
static void
drop_head (CowEngine *self)
{
  CowTicket *ticket = g_queue_pop_head_link (&self->queue)->data;
  release_crops (self, ticket);
  cow_ticket_unref (ticket);
}

/* Drops tickets that nobody waits for any more, so that a stream that is flushed often leaves
 * nothing behind; engine locked. */
static void
drop_cancelled (CowEngine *self)
{
  for (GList *link = self->queue.head, *next; link; link = next) {
    next = link->next;
    if (cow_ticket_is_done (link->data)) {
      CowTicket *ticket = link->data;
      g_queue_unlink (&self->queue, link);
      release_crops (self, ticket);
      cow_ticket_unref (ticket);
    }
  }
}

static guint
n_waiting (CowEngine *self)
{
  guint n = 0;
  for (GList *link = self->queue.head; link; link = link->next) {
    const CowTicket *ticket = link->data;
    n += ticket->n - ticket->next;
  }
  return n;
}

/* Tells when the next batch may start: 0 for at once, else the monotonic time until which all
 * waiting tickets can wait for more; engine locked. */
static gint64
batch_due_us (CowEngine *self)
{
  const guint waiting = n_waiting (self);
  gint64 due = G_MAXINT64;
  for (GList *link = self->queue.head; link; link = link->next) {
    const CowTicket *ticket = link->data;
    if (waiting >= ticket->batch)
      return 0;
    due = MIN (due, ticket->deadline_us);
  }
  return due > g_get_monotonic_time () ? due : 0;
}

/* Puts regions of a ticket into a batch of n that may grow to *limit, which the ticket may lower.
 */
static guint
take_regions (CowTicket *ticket, Slot *slots, guint n, guint *limit)
{
  if (n >= ticket->batch)
    return n;
  *limit = MIN (*limit, ticket->batch);
  for (; n < *limit && ticket->next < ticket->n; n++) {
    slots[n] = (Slot){ cow_ticket_ref (ticket), ticket->next++ };
    ticket->crop_users++;
  }
  if (ticket->next == ticket->n)
    cow_ticket_take (ticket);
  return n;
}

/* Takes a batch, oldest ticket first; engine locked. */
static guint
take_batch (CowEngine *self, Slot *slots)
{
  guint n = 0, limit = COW_ENGINE_MAX_BATCH;
  while (n < limit && !g_queue_is_empty (&self->queue)) {
    CowTicket *ticket = g_queue_peek_head (&self->queue);
    const guint before = n;
    n = take_regions (ticket, slots, n, &limit);
    if (ticket->next == ticket->n) {
      drop_head (self);
      continue;
    }
    /* A ticket with many regions goes to the end of the queue, so that others have their turn
     * before its remaining ones. */
    if (n > before)
      g_queue_push_tail_link (&self->queue, g_queue_pop_head_link (&self->queue));
    break;
  }
  return n;
}

static void
count_batch (CowEngine *self, const Slot *slots, guint n, gboolean ok, gint64 took_ns)
{
  CowEngineCounters *counters = &self->counters;
  gboolean mixed = FALSE;
  for (guint i = 1; i < n; i++)
    mixed |= slots[i].ticket->client != slots[0].ticket->client;
  counters->batches++;
  counters->pictures += n;
  counters->failures += !ok;
  counters->mixed += mixed;
  counters->fill[n]++;
  counters->busy_ns += took_ns;
  cow_quantiles_add (&self->times_ns, took_ns);
}

static gboolean
run_batch (CowEngine *self, const Slot *slots, guint n, guint64 number, CowOutput *output,
           GError **error)
{
  const CowPreprocess *preprocess = cow_engine_preprocess (self);
  const float *pictures[COW_ENGINE_MAX_BATCH];
  for (guint i = 0; i < n; i++) {
    const CowTicket *ticket = slots[i].ticket;
    pictures[i] = ticket->crops->pixels + slots[i].region * ticket->picture;
  }
  return cow_engine_faults_run (&self->faults, number, error) &&
         cow_classifier_run_prepared (self->classifier, pictures, (int)n, preprocess->height,
                                      preprocess->width, output, error);
}

/* FALSE with an error unless all n values of a slot are finite: a NaN would otherwise become the
 * label "unknown" without a word. */
static gboolean
check_finite (const CowEngine *self, const Slot *slot, const char *name, const float *values,
              gsize n, GError **error)
{
  for (gsize i = 0; i < n; i++)
    if (!isfinite (values[i])) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "%s: number %" G_GSIZE_FORMAT " of the %s of region %u is %g, expected a finite "
                   "number: the weights are too large for this computation",
                   cow_classifier_adapter_path (self->classifier), i, name, slot->region,
                   (double)values[i]);
      return FALSE;
    }
  return TRUE;
}

/* Checks the features and results of picture i of a batch, and copies the results to its ticket. */
static gboolean
take_results (const CowEngine *self, const Slot *slot, guint i, const CowOutput *output,
              GError **error)
{
  const gsize n_features = (gsize)cow_classifier_n_features (self->classifier);
  guint n_results;
  const CowResult *results = cow_classifier_results (self->classifier, &n_results);
  if (!check_finite (self, slot, COW_RESULT_FEATURES, output->pooler_output + i * n_features,
                     n_features, error))
    return FALSE;
  for (guint r = 0; r < n_results; r++) {
    const gsize n = results[r].n;
    const float *values = results[r].data + i * n;
    if (!check_finite (self, slot, results[r].name, values, n, error))
      return FALSE;
    memcpy (slot->ticket->results[r].data + slot->region * n, values, n * sizeof (float));
  }
  return TRUE;
}

/* Computes batch `number`, counted from 1, and completes its slots. A result that is not finite
 * fails the ticket of its region alone. */
static void
compute_batch (CowEngine *self, const Slot *slots, guint n, guint64 number)
{
  CowOutput output;
  GError *errors[COW_ENGINE_MAX_BATCH] = { NULL };
  g_autoptr (GError) error = NULL;
  const gint64 start = g_get_monotonic_time ();
  gboolean ok = run_batch (self, slots, n, number, &output, &error);
  const gint64 took_ns = 1000 * (g_get_monotonic_time () - start);
  for (guint i = 0; i < n; i++)
    if (error)
      errors[i] = g_error_copy (error);
    else
      ok &= take_results (self, &slots[i], i, &output, &errors[i]);
  g_mutex_lock (&self->lock);
  count_batch (self, slots, n, ok, took_ns);
  for (guint i = 0; i < n; i++)
    release_crops (self, slots[i].ticket);
  trim_crops (self, KEPT_REGIONS);
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < n; i++) {
    cow_ticket_complete_region (slots[i].ticket, errors[i]);
    g_clear_error (&errors[i]);
  }
}

/* ---- a lost device --------------------------------------------------------------------------- */

#define REOPEN_AGAIN_US G_USEC_PER_SEC

/* Whoever waits for the device to be closed by others makes them look. */
static void
wake_all (void)
{
  GHashTableIter iter;
  CowEngine *engine;
  g_mutex_lock (&registry_lock);
  if (registry) {
    g_hash_table_iter_init (&iter, registry);
    while (g_hash_table_iter_next (&iter, NULL, (gpointer *)&engine)) {
      g_mutex_lock (&engine->lock);
      g_cond_broadcast (&engine->wake);
      g_mutex_unlock (&engine->lock);
    }
  }
  g_mutex_unlock (&registry_lock);
}

/* What those are told who come while the device is opened again. */
static GError *
reopening_error (const CowEngine *self)
{
  return g_error_new (COW_ERROR, COW_ERROR_DEVICE, "%s has failed and is opened again",
                      cow_classifier_device_text (self->classifier));
}

/* Fails the tickets that wait, and frees crops and streams, when nobody submits any more; engine
 * locked. */
static void
let_go_of_device (CowEngine *self)
{
  g_autoptr (GError) error = reopening_error (self);
  while (self->submitting > 0)
    g_cond_wait (&self->wake, &self->lock);
  while (!g_queue_is_empty (&self->queue)) {
    CowTicket *ticket = g_queue_peek_head (&self->queue);
    cow_ticket_complete_region (cow_ticket_ref (ticket), error);
    drop_head (self);
  }
  trim_crops (self, 0);
  g_ptr_array_set_size (self->streams, 0);
}

static void
tell_listeners (CowEngine *self)
{
  CkDeviceState state = { 0 };
  CkDevice *device = cow_classifier_device (self->classifier);
  if (device)
    ck_device_state (device, &state);
  g_mutex_lock (&self->listening);
  for (guint i = 0; i < self->listeners->len; i++) {
    const Listener *listener = &g_array_index (self->listeners, Listener, i);
    listener->lost (listener->user_data, state.failure);
  }
  g_mutex_unlock (&self->listening);
}

/* Until it works, or the engine is told to stop; engine locked. */
static void
reopen (CowEngine *self)
{
  self->reopening = TRUE;
  g_mutex_unlock (&self->lock);
  tell_listeners (self);
  g_mutex_lock (&self->lock);
  let_go_of_device (self);
  g_mutex_unlock (&self->lock);
  wake_all ();
  g_mutex_lock (&self->lock);
  while (!self->stop && self->reopening) {
    g_autoptr (GError) error = NULL;
    g_mutex_unlock (&self->lock);
    const gboolean opened = cow_classifier_reopen (self->classifier, &error);
    g_mutex_lock (&self->lock);
    self->reopening = !opened;
    if (opened)
      g_message ("%s works again", cow_classifier_device_text (self->classifier));
    else if (!self->stop)
      g_cond_wait_until (&self->wake, &self->lock, g_get_monotonic_time () + REOPEN_AGAIN_US);
  }
}

static gpointer
work (gpointer data)
{
  CowEngine *self = data;
  Slot slots[COW_ENGINE_MAX_BATCH];
  g_mutex_lock (&self->lock);
  while (!self->stop) {
    if (cow_classifier_is_lost (self->classifier)) {
      reopen (self);
      continue;
    }
    drop_cancelled (self);
    trim_crops (self, KEPT_REGIONS);
    const gint64 due = g_queue_is_empty (&self->queue) ? G_MAXINT64 : batch_due_us (self);
    const guint n = due == 0 ? take_batch (self, slots) : 0;
    if (n == 0) {
      if (due == G_MAXINT64)
        g_cond_wait (&self->wake, &self->lock);
      else if (due > 0)
        g_cond_wait_until (&self->wake, &self->lock, due);
      continue;
    }
    const guint64 number = self->counters.batches + 1;
    g_mutex_unlock (&self->lock);
    compute_batch (self, slots, n, number);
    g_mutex_lock (&self->lock);
  }
  while (!g_queue_is_empty (&self->queue)) {
    cow_ticket_cancel (g_queue_peek_head (&self->queue));
    drop_head (self);
  }
  g_mutex_unlock (&self->lock);
  return NULL;
}

/* ---- engines and their registry -------------------------------------------------------------- */

/* The real path of a name, so that two spellings of a path share an engine. */
static char *
canonical (const char *name, GError **error)
{
  g_autofree char *path = cow_locate (name, error);
  if (!path)
    return NULL;
  char *real = realpath (path, NULL);
  if (!real)
    return g_steal_pointer (&path);
  char *copy = g_strdup (real);
  free (real);
  return copy;
}

/* What options say of a network, with a resolved precision: options that mean the same have the
 * same text. */
static char *
network_of (const CowClassifierOptions *options, GError **error)
{
  /* An adapter folder that holds a whole network has no model. */
  g_autofree char *model =
      options->model && *options->model ? canonical (options->model, error) : g_strdup ("");
  if (!model)
    return NULL;
  g_autofree char *adapter = canonical (options->adapter, error);
  if (!adapter)
    return NULL;
  g_autofree char *raised =
      options->raised ? g_strjoinv ("\n", (char **)options->raised) : g_strdup ("");
  return g_strjoin ("\n", model, adapter, cow_precision_name (options->precision), raised, NULL);
}

/*
 * The one of several GPUs of a name that an engine of a network is on: that which has such an
 * engine already; else the one with the fewest engines of this process, of equals the first.
 * Registry locked.
 */
static const char *
choose_gpu (const char *network, const char *name, int n)
{
  g_autofree guint *loads = g_new0 (guint, n);
  GHashTableIter iter;
  CowEngine *engine;
  int best = 0;
  g_hash_table_iter_init (&iter, registry);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *)&engine)) {
    const gsize length = strlen (name);
    if (strncmp (engine->device_name, name, length) != 0 || engine->device_name[length] != ':')
      continue;
    if (g_str_equal (engine->network, network))
      return engine->device_name;
    const gint64 i = g_ascii_strtoll (engine->device_name + length + 1, NULL, 10);
    if (i < n)
      loads[i]++;
  }
  for (int i = 1; i < n; i++)
    if (loads[i] < loads[best])
      best = i;
  g_autofree char *chosen = g_strdup_printf ("%s:%d", name, best);
  return g_intern_string (chosen);
}

static gboolean
engine_load (CowEngine *self, const CowClassifierOptions *options, GError **error)
{
  self->classifier = cow_classifier_new (options, error);
  if (!self->classifier)
    return FALSE;
  if (!cow_classifier_has_head (self->classifier)) {
    g_set_error (
        error, COW_ERROR, COW_ERROR_NOT_FOUND,
        "%s has no classifier head (classifier.safetensors or best_classifier.pth), without which "
        "there is no label",
        cow_classifier_adapter_path (self->classifier));
    return FALSE;
  }
  self->name = g_path_get_basename (cow_classifier_adapter_path (self->classifier));
  self->warning = g_strdup (cow_classifier_warning (self->classifier));
  self->note = g_strdup (cow_classifier_note (self->classifier));
  self->device = *cow_classifier_device (self->classifier);
  self->device.name = g_intern_string (self->device.name);
  self->device.features = g_intern_string (self->device.features);
  self->memory_text = g_strdup (cow_classifier_memory_text (self->classifier));
  cow_engine_faults_init (&self->faults);
  self->worker = g_thread_try_new ("cow-engine", work, self, error);
  return self->worker != NULL;
}

static void
engine_free (CowEngine *self)
{
  if (self->worker) {
    g_mutex_lock (&self->lock);
    self->stop = TRUE;
    g_cond_signal (&self->wake);
    g_mutex_unlock (&self->lock);
    g_thread_join (self->worker);
  }
  trim_crops (self, 0);
  g_ptr_array_unref (self->crops);
  g_ptr_array_unref (self->streams);
  g_array_unref (self->listeners);
  cow_ticket_pool_close (self->tickets);
  cow_classifier_free (self->classifier);
  g_clear_error (&self->load_error);
  g_mutex_clear (&self->lock);
  g_mutex_clear (&self->listening);
  g_cond_clear (&self->wake);
  g_free (self->name);
  g_free (self->memory_text);
  g_free (self->network);
  g_free (self->warning);
  g_free (self->note);
  g_free (self->key);
  g_free (self);
}

/* Adds an engine that is still to be loaded; registry locked. */
static CowEngine *
registry_add (char *key, const char *network, const char *device_name)
{
  CowEngine *self = g_new0 (CowEngine, 1);
  self->key = key;
  self->network = g_strdup (network);
  self->device_name = device_name;
  self->refs = 1;
  self->loading = TRUE;
  g_mutex_init (&self->lock);
  g_mutex_init (&self->listening);
  g_cond_init (&self->wake);
  g_queue_init (&self->queue);
  self->streams = g_ptr_array_new_with_free_func ((GDestroyNotify)ck_stream_free);
  self->crops = g_ptr_array_new ();
  self->listeners = g_array_new (FALSE, FALSE, sizeof (Listener));
  self->tickets = cow_ticket_pool_new ();
  g_hash_table_insert (registry, self->key, self);
  return self;
}

/* Loads a new engine, or waits until another thread has; in either case the caller holds a
 * reference. */
static void
load_or_wait (CowEngine *self, gboolean first, const CowClassifierOptions *options)
{
  if (!first) {
    while (self->loading)
      g_cond_wait (&registry_loaded, &registry_lock);
    return;
  }
  g_mutex_unlock (&registry_lock);
  GError *error = NULL;
  engine_load (self, options, &error);
  g_mutex_lock (&registry_lock);
  self->load_error = error;
  self->loading = FALSE;
  if (error) /* the next cow_engine_get () tries again */
    g_hash_table_remove (registry, self->key);
  g_cond_broadcast (&registry_loaded);
}

CowEngine *
cow_engine_get (const CowClassifierOptions *given, GError **error)
{
  CowClassifierOptions resolved = *given;
  const CowClassifierOptions *options = &resolved;
  g_auto (CowPrecisionChoice) choice = { 0 };
  cow_precision_resolve (&resolved, &choice);
  if (!options->adapter) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT,
                 "an engine needs an adapter, which has the classes");
    return NULL;
  }
  g_autofree char *network = network_of (options, error);
  if (!network)
    return NULL;
  /* Of one among several it is known when the registry is. */
  const int n = options->device ? ck_device_count (options->device) : 1;
  if (n <= 1 && !(resolved.device = cow_device_resolve (options->device, error)))
    return NULL;
  g_mutex_lock (&registry_lock);
  if (!registry)
    registry = g_hash_table_new (g_str_hash, g_str_equal);
  if (n > 1)
    resolved.device = choose_gpu (network, options->device, n);
  g_autofree char *key = g_strjoin ("\n", network, resolved.device, NULL);
  CowEngine *self = g_hash_table_lookup (registry, key);
  const gboolean first = self == NULL;
  if (first)
    self = registry_add (g_steal_pointer (&key), network, resolved.device);
  else
    self->refs++;
  load_or_wait (self, first, options);
  GError *failed = self->load_error ? g_error_copy (self->load_error) : NULL;
  g_mutex_unlock (&registry_lock);
  if (!failed)
    return self;
  cow_engine_unref (self);
  g_propagate_error (error, failed);
  return NULL;
}

CowEngine *
cow_engine_ref (CowEngine *self)
{
  g_mutex_lock (&registry_lock);
  self->refs++;
  g_mutex_unlock (&registry_lock);
  return self;
}

void
cow_engine_unref (CowEngine *self)
{
  if (!self)
    return;
  g_mutex_lock (&registry_lock);
  const gboolean last = --self->refs == 0;
  if (last && registry && g_hash_table_lookup (registry, self->key) == self)
    g_hash_table_remove (registry, self->key);
  if (last && registry && g_hash_table_size (registry) == 0)
    g_clear_pointer (&registry, g_hash_table_unref);
  g_mutex_unlock (&registry_lock);
  if (last)
    engine_free (self);
}

const char *const *
cow_engine_classes (const CowEngine *self)
{
  return cow_classifier_classes (self->classifier);
}

guint
cow_engine_n_classes (const CowEngine *self)
{
  return cow_classifier_n_classes (self->classifier);
}

const CowPreprocess *
cow_engine_preprocess (const CowEngine *self)
{
  return cow_classifier_preprocess (self->classifier);
}

const char *
cow_engine_name (const CowEngine *self)
{
  return self->name;
}

const char *
cow_engine_warning (const CowEngine *self)
{
  return self->warning;
}

const char *
cow_engine_note (const CowEngine *self)
{
  return self->note;
}

const char *
cow_engine_device_text (const CowEngine *self)
{
  return cow_classifier_device_text (self->classifier);
}

const CkDevice *
cow_engine_device (const CowEngine *self)
{
  return &self->device;
}

CowPrecision
cow_engine_precision (const CowEngine *self)
{
  return cow_classifier_precision (self->classifier);
}

const char *
cow_engine_precision_text (const CowEngine *self)
{
  return cow_classifier_precision_text (self->classifier);
}

const char *
cow_engine_memory_text (const CowEngine *self)
{
  return self->memory_text;
}

const float *
cow_engine_thresholds (const CowEngine *self)
{
  return cow_classifier_card (self->classifier)->thresholds;
}

void
cow_engine_get_counters (CowEngine *self, CowEngineCounters *counters)
{
  g_mutex_lock (&self->lock);
  *counters = self->counters;
  const CowQuantiles times_ns = self->times_ns;
  g_mutex_unlock (&self->lock);
  counters->p50_ns = cow_quantiles_get (&times_ns, 0.5);
  counters->p95_ns = cow_quantiles_get (&times_ns, 0.95);
  counters->p99_ns = cow_quantiles_get (&times_ns, 0.99);
}

void
cow_engine_listen (CowEngine *self, CowEngineLost lost, gpointer user_data)
{
  const Listener listener = { lost, user_data };
  g_mutex_lock (&self->listening);
  g_array_append_val (self->listeners, listener);
  g_mutex_unlock (&self->listening);
}

void
cow_engine_unlisten (CowEngine *self, gpointer user_data)
{
  g_mutex_lock (&self->listening);
  for (guint i = self->listeners->len; i > 0; i--)
    if (g_array_index (self->listeners, Listener, i - 1).user_data == user_data)
      g_array_remove_index (self->listeners, i - 1);
  g_mutex_unlock (&self->listening);
}

guint
cow_engine_n_waiting (CowEngine *self)
{
  g_mutex_lock (&self->lock);
  const guint n = n_waiting (self);
  g_mutex_unlock (&self->lock);
  return n;
}

void
cow_engine_flush (CowEngine *self, CowTicket *ticket)
{
  g_mutex_lock (&self->lock);
  ticket->deadline_us = 0;
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}

/* FALSE while the device is opened again. */
static gboolean
begin_submission (CowEngine *self, GError **error)
{
  g_mutex_lock (&self->lock);
  const gboolean possible = !self->reopening;
  self->submitting += possible;
  g_mutex_unlock (&self->lock);
  if (!possible)
    g_propagate_error (error, reopening_error (self));
  return possible;
}

/* The worker looks whether there is a batch, and whether the device is lost. */
static void
end_submission (CowEngine *self)
{
  g_mutex_lock (&self->lock);
  self->submitting--;
  g_cond_broadcast (&self->wake);
  g_mutex_unlock (&self->lock);
}

static CowTicket *
submit (CowEngine *self, const CkPicture *picture, const CowRegion *regions, guint n,
        const CowSubmission *how, GError **error)
{
  CkStream *stream = borrow_stream (self, error);
  if (!stream)
    return NULL;
  g_autoptr (CowTicket) ticket = cow_ticket_new (self->tickets, n, self->classifier, how);
  const gboolean prepared = prepare_crops (self, ticket, stream, picture, regions, error);
  return_stream (self, stream);
  if (!prepared)
    return NULL;
  ticket->deadline_us =
      how->timeout_ms ? g_get_monotonic_time () + 1000 * (gint64)how->timeout_ms : 0;
  g_mutex_lock (&self->lock);
  drop_cancelled (self);
  cow_ticket_ref (ticket);
  g_queue_push_tail_link (&self->queue, &ticket->link);
  g_mutex_unlock (&self->lock);
  return g_steal_pointer (&ticket);
}

CowTicket *
cow_engine_submit (CowEngine *self, const CkPicture *picture, const CowRegion *regions, guint n,
                   const CowSubmission *how, GError **error)
{
  static const CowSubmission at_once = { 0 };
  if (n < 1 || n > COW_ENGINE_MAX_REGIONS || (!regions && n > 1)) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "%u regions in one ticket, expected 1 to %d",
                 n, COW_ENGINE_MAX_REGIONS);
    return NULL;
  }
  if (!begin_submission (self, error))
    return NULL;
  g_autoptr (CowTicket) ticket = submit (self, picture, regions, n, how ? how : &at_once, error);
  end_submission (self);
  return g_steal_pointer (&ticket);
}
