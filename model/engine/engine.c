/* SPDX-License-Identifier: MIT */
/*
 * An engine has one classifier, one worker and one queue. The registry maps options to the engine
 * that was loaded for them, so that the cameras of a process share weights.
 *
 * Tickets, crops and streams are kept for the next submission, and the network keeps its buffers,
 * so that an engine allocates nothing once it has seen as much as it will see at a time.
 */
#include "model/engine/engine.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "model/engine/engine-private.h"
#include "model/files/locate.h"
#include "model/network/precision-resolve.h"

static GMutex registry_lock;
static GCond registry_loaded;
static GHashTable *registry; /* key -> CowEngine, borrowed */

/* ---- a child of fork () ---------------------------------------------------------------------- */

static void
before_fork (void)
{
  g_mutex_lock (&registry_lock);
}

static void
in_parent (void)
{
  g_mutex_unlock (&registry_lock);
}

/* Engines of the parent stay in memory, because nothing of them can be locked or freed here. */
static void
in_child (void)
{
  registry = NULL;
  g_cond_init (&registry_loaded);
  g_mutex_unlock (&registry_lock);
}

static void
follow_forks (void)
{
  pthread_atfork (before_fork, in_parent, in_child);
}

/* Whether its worker is a thread of a parent of this process. */
static gboolean
is_foreign (const CowEngine *self)
{
  return self->forks != cow_forks ();
}

/* ---- engines and their registry -------------------------------------------------------------- */

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
  if (!cow_classifier_has_head (self->classifier) && !cow_classifier_detects (self->classifier)) {
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
  self->worker = g_thread_try_new ("cow-engine", cow_engine_work, self, error);
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
  cow_engine_trim_crops (self, 0);
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
  self->forks = cow_forks ();
  self->loading = TRUE;
  self->has_let_go = wake_all;
  g_mutex_init (&self->lock);
  g_mutex_init (&self->listening);
  g_cond_init (&self->wake);
  g_queue_init (&self->queue);
  self->streams = g_ptr_array_new_with_free_func ((GDestroyNotify)ck_stream_free);
  self->crops = g_ptr_array_new ();
  self->listeners = g_array_new (FALSE, FALSE, sizeof (CowEngineListener));
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
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  CowClassifierOptions resolved = *given;
  const CowClassifierOptions *options = &resolved;
  g_auto (CowPrecisionChoice) choice = { 0 };
  pthread_once (&once, follow_forks);
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
  if (last && !is_foreign (self))
    engine_free (self);
}

/* ---- what engines tell ----------------------------------------------------------------------- */

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

gboolean
cow_engine_is_multiple (const CowEngine *self)
{
  return cow_classifier_card (self->classifier)->multiple;
}

gboolean
cow_engine_detects (const CowEngine *self)
{
  return cow_classifier_detects (self->classifier);
}

const char *const *
cow_engine_behaviours (const CowEngine *self)
{
  return cow_classifier_behaviours (self->classifier);
}

guint
cow_engine_n_behaviours (const CowEngine *self)
{
  return cow_classifier_n_behaviours (self->classifier);
}

float
cow_engine_least_score (const CowEngine *self)
{
  return cow_classifier_least_score (self->classifier);
}

const float *
cow_engine_thresholds (const CowEngine *self)
{
  return cow_classifier_card (self->classifier)->thresholds;
}

void
cow_engine_get_counters (CowEngine *self, CowEngineCounters *counters)
{
  if (is_foreign (self)) {
    *counters = (CowEngineCounters){ 0 };
    return;
  }
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
  const CowEngineListener listener = { lost, user_data };
  if (is_foreign (self))
    return;
  g_mutex_lock (&self->listening);
  g_array_append_val (self->listeners, listener);
  g_mutex_unlock (&self->listening);
}

void
cow_engine_unlisten (CowEngine *self, gpointer user_data)
{
  if (is_foreign (self))
    return;
  g_mutex_lock (&self->listening);
  for (guint i = self->listeners->len; i > 0; i--)
    if (g_array_index (self->listeners, CowEngineListener, i - 1).user_data == user_data)
      g_array_remove_index (self->listeners, i - 1);
  g_mutex_unlock (&self->listening);
}

guint
cow_engine_n_waiting (CowEngine *self)
{
  if (is_foreign (self))
    return 0;
  g_mutex_lock (&self->lock);
  const guint n = cow_engine_count_waiting (self);
  g_mutex_unlock (&self->lock);
  return n;
}

void
cow_engine_flush (CowEngine *self, CowTicket *ticket)
{
  if (is_foreign (self))
    return;
  g_mutex_lock (&self->lock);
  ticket->deadline_us = 0;
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}

/* ---- submissions ----------------------------------------------------------------------------- */

/* FALSE while the device is opened again, and in a child of fork (). */
static gboolean
begin_submission (CowEngine *self, GError **error)
{
  if (is_foreign (self)) {
    g_propagate_error (error, cow_ticket_foreign_error ());
    return FALSE;
  }
  g_mutex_lock (&self->lock);
  const gboolean possible = !self->reopening;
  self->submitting += possible;
  if (!possible)
    g_propagate_error (error, cow_engine_reopening_error (self));
  g_mutex_unlock (&self->lock);
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

/* What is found in prepared regions is to be told in px of the picture. */
static void
note_places (CowTicket *ticket, const CkPicture *picture, const CowRegion *regions, guint n)
{
  ticket->across = picture->width;
  ticket->down = picture->height;
  for (guint i = 0; i < n; i++) {
    ticket->places[i] = regions ? regions[i] : (CowRegion){ 0, 0, picture->width, picture->height };
    /* One that lies outside is an error as soon as it is prepared. */
    cow_region_clip (&ticket->places[i], picture->width, picture->height, NULL);
  }
}

static CowTicket *
submit (CowEngine *self, const CkPicture *picture, const CowRegion *regions, guint n,
        const CowSubmission *how, GError **error)
{
  CkStream *stream = cow_engine_borrow_stream (self, error);
  if (!stream)
    return NULL;
  g_autoptr (CowTicket) ticket = cow_ticket_new (self->tickets, n, self->classifier, how);
  if (cow_engine_detects (self))
    note_places (ticket, picture, regions, n);
  const gboolean prepared =
      cow_engine_prepare_crops (self, ticket, stream, picture, regions, error);
  cow_engine_return_stream (self, stream);
  if (!prepared)
    return NULL;
  ticket->deadline_us =
      how->timeout_ms ? g_get_monotonic_time () + 1000 * (gint64)how->timeout_ms : 0;
  g_mutex_lock (&self->lock);
  cow_engine_drop_cancelled (self);
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
