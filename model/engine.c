/* SPDX-License-Identifier: MIT */
/*
 * One classifier, one worker, one queue. The registry maps what was asked for to the engine that has it, so that the cameras of a process
 * share weights. Lock order: registry, then an engine, then a ticket; the worker holds none of them while it computes.
 */
#include "model/engine.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

#include "model/locate.h"

/* Pictures that one forward pass takes at most: enough to fill two cores, small enough that the first in the queue doesn't wait long. */
#define MAX_BATCH 8

struct _CowTicket {
  gatomicrefcount refs;
  guint n; /* regions */
  guint n_classes;
  gsize picture;        /* floats of one prepared region */
  float *pixels;        /* [n, 3, height, width]; freed once computed */
  float *probabilities; /* [n, n_classes] */
  guint next;           /* the first region that no batch has taken yet; the worker's */
  guint n_done;         /* regions computed; the worker's */

  GMutex lock;
  GCond finished;
  gboolean done;
  GError *error; /* why it failed */
};

struct _CowEngine {
  char *key;  /* in the registry */
  guint refs; /* under the registry's lock */
  gboolean loading;
  GError *load_error;
  CowClassifier *classifier;
  char *name;
  float *pixels; /* [MAX_BATCH, 3, height, width]; the worker's */

  GThread *worker;
  GMutex lock;
  GCond wake;
  GQueue queue; /* of CowTicket, each holding a reference */
  gboolean stop;
};

static GMutex registry_lock;
static GCond registry_loaded;
static GHashTable *registry; /* key -> CowEngine, borrowed */

/* ---- tickets ---- */

static void
ticket_finish (CowTicket *ticket, GError *error)
{
  g_mutex_lock (&ticket->lock);
  if (ticket->done)
    g_clear_error (&error);
  else
    ticket->error = error;
  ticket->done = TRUE;
  g_cond_broadcast (&ticket->finished);
  g_mutex_unlock (&ticket->lock);
}

gboolean
cow_ticket_wait (CowTicket *ticket, GError **error)
{
  g_mutex_lock (&ticket->lock);
  while (!ticket->done)
    g_cond_wait (&ticket->finished, &ticket->lock);
  g_mutex_unlock (&ticket->lock);
  if (!ticket->error)
    return TRUE;
  g_propagate_error (error, g_error_copy (ticket->error));
  return FALSE;
}

gboolean
cow_ticket_is_done (CowTicket *ticket)
{
  g_mutex_lock (&ticket->lock);
  gboolean done = ticket->done;
  g_mutex_unlock (&ticket->lock);
  return done;
}

void
cow_ticket_cancel (CowTicket *ticket)
{
  ticket_finish (ticket, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "classification was cancelled"));
}

const float *
cow_ticket_probabilities (const CowTicket *ticket, guint i)
{
  g_return_val_if_fail (i < ticket->n, NULL);
  return ticket->probabilities + (gsize)i * ticket->n_classes;
}

guint
cow_ticket_n_regions (const CowTicket *ticket)
{
  return ticket->n;
}

CowTicket *
cow_ticket_ref (CowTicket *ticket)
{
  g_atomic_ref_count_inc (&ticket->refs);
  return ticket;
}

void
cow_ticket_unref (CowTicket *ticket)
{
  if (!ticket || !g_atomic_ref_count_dec (&ticket->refs))
    return;
  g_mutex_clear (&ticket->lock);
  g_cond_clear (&ticket->finished);
  g_clear_error (&ticket->error);
  g_free (ticket->pixels);
  g_free (ticket->probabilities);
  g_free (ticket);
}

static CowTicket *
ticket_new (guint n, gsize picture, guint n_classes)
{
  CowTicket *ticket = g_new0 (CowTicket, 1);
  g_atomic_ref_count_init (&ticket->refs);
  g_mutex_init (&ticket->lock);
  g_cond_init (&ticket->finished);
  ticket->n = n;
  ticket->n_classes = n_classes;
  ticket->picture = picture;
  ticket->pixels = g_try_new (float, n *picture);
  ticket->probabilities = g_new0 (float, n *n_classes);
  return ticket;
}

/* ---- the worker ---- */

/* The regions of one forward pass: which ticket, which of its regions. */
typedef struct {
  CowTicket *ticket; /* a reference */
  guint region;
} Slot;

/* Takes up to MAX_BATCH waiting regions, oldest ticket first; engine locked. */
static guint
take_batch (CowEngine *self, Slot *slots)
{
  guint n = 0;
  while (n < MAX_BATCH && !g_queue_is_empty (&self->queue)) {
    CowTicket *ticket = g_queue_peek_head (&self->queue);
    if (!cow_ticket_is_done (ticket)) {
      while (n < MAX_BATCH && ticket->next < ticket->n)
        slots[n++] = (Slot){ cow_ticket_ref (ticket), ticket->next++ };
      if (ticket->next < ticket->n)
        break;
    }
    cow_ticket_unref (g_queue_pop_head (&self->queue));
  }
  return n;
}

/* Computes a batch and hands its answers out. */
static void
compute_batch (CowEngine *self, const Slot *slots, guint n)
{
  const CowPreprocess *preprocess = cow_engine_preprocess (self);
  const gsize picture = cow_preprocess_size (preprocess);
  CowOutput output;
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < n; i++)
    memcpy (self->pixels + i * picture, slots[i].ticket->pixels + slots[i].region * picture, picture * sizeof (float));
  gboolean ok = cow_classifier_run (self->classifier, self->pixels, (int)n, preprocess->height, preprocess->width, &output, &error);
  for (guint i = 0; i < n; i++) {
    CowTicket *ticket = slots[i].ticket;
    if (!ok) {
      ticket_finish (ticket, g_error_copy (error));
      continue;
    }
    memcpy (ticket->probabilities + (gsize)slots[i].region * ticket->n_classes, output.probabilities + (gsize)i * ticket->n_classes,
            ticket->n_classes * sizeof (float));
    if (++ticket->n_done == ticket->n)
      ticket_finish (ticket, NULL);
  }
}

static gpointer
work (gpointer data)
{
  CowEngine *self = data;
  Slot slots[MAX_BATCH];
  g_mutex_lock (&self->lock);
  while (!self->stop) {
    guint n = take_batch (self, slots);
    if (n == 0) {
      g_cond_wait (&self->wake, &self->lock);
      continue;
    }
    g_mutex_unlock (&self->lock);
    compute_batch (self, slots, n);
    for (guint i = 0; i < n; i++)
      cow_ticket_unref (slots[i].ticket);
    g_mutex_lock (&self->lock);
  }
  CowTicket *left;
  while ((left = g_queue_pop_head (&self->queue))) {
    cow_ticket_cancel (left);
    cow_ticket_unref (left);
  }
  g_mutex_unlock (&self->lock);
  return NULL;
}

/* ---- engines and their registry ---- */

/* One name for one thing: two spellings of a path share an engine. */
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

static char *
key_of (const CowClassifierOptions *options, GError **error)
{
  g_autofree char *model = canonical (options->model, error);
  if (!model)
    return NULL;
  g_autofree char *adapter = canonical (options->adapter, error);
  if (!adapter)
    return NULL;
  return g_strjoin ("\n", model, adapter, options->device ? options->device : "auto", cow_precision_name (options->precision), NULL);
}

static gboolean
engine_load (CowEngine *self, const CowClassifierOptions *options, GError **error)
{
  self->classifier = cow_classifier_new (options, error);
  if (!self->classifier)
    return FALSE;
  if (!cow_classifier_has_head (self->classifier)) {
    g_set_error (error, COW_ERROR, COW_ERROR_NOT_FOUND,
                 "%s has no classifier head (classifier.safetensors or best_classifier.pth), without which "
                 "there is no label",
                 cow_classifier_adapter_path (self->classifier));
    return FALSE;
  }
  self->name = g_path_get_basename (cow_classifier_adapter_path (self->classifier));
  self->pixels = g_try_new (float, MAX_BATCH *cow_preprocess_size (cow_engine_preprocess (self)));
  if (!self->pixels)
    return cow_check (CK_NO_MEMORY, error, "a batch of %d pictures", MAX_BATCH);
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
  cow_classifier_free (self->classifier);
  g_clear_error (&self->load_error);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->wake);
  g_free (self->pixels);
  g_free (self->name);
  g_free (self->key);
  g_free (self);
}

/* Adds an engine that is still to be loaded; registry locked. */
static CowEngine *
registry_add (char *key)
{
  CowEngine *self = g_new0 (CowEngine, 1);
  self->key = key;
  self->refs = 1;
  self->loading = TRUE;
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  g_queue_init (&self->queue);
  g_hash_table_insert (registry, self->key, self);
  return self;
}

/* Loads a new engine, or waits until another thread has; in either case the caller holds a reference. */
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
  if (error) /* the next who asks tries again */
    g_hash_table_remove (registry, self->key);
  g_cond_broadcast (&registry_loaded);
}

CowEngine *
cow_engine_get (const CowClassifierOptions *options, GError **error)
{
  if (!options->model || !options->adapter) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "an engine needs both a model and an adapter");
    return NULL;
  }
  g_autofree char *key = key_of (options, error);
  if (!key)
    return NULL;
  g_mutex_lock (&registry_lock);
  if (!registry)
    registry = g_hash_table_new (g_str_hash, g_str_equal);
  CowEngine *self = g_hash_table_lookup (registry, key);
  const gboolean first = self == NULL;
  if (first)
    self = registry_add (g_steal_pointer (&key));
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
cow_engine_device_text (const CowEngine *self)
{
  return cow_classifier_device_text (self->classifier);
}

CowTicket *
cow_engine_submit (CowEngine *self, const CkPicture *picture, const CowRegion *regions, guint n, GError **error)
{
  if (n < 1 || n > COW_ENGINE_MAX_REGIONS || (!regions && n > 1)) {
    g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "%u regions in one ticket, expected 1 to %d", n, COW_ENGINE_MAX_REGIONS);
    return NULL;
  }
  const CowPreprocess *preprocess = cow_engine_preprocess (self);
  g_autoptr (CowTicket) ticket = ticket_new (n, cow_preprocess_size (preprocess), cow_engine_n_classes (self));
  if (!ticket->pixels) {
    cow_check (CK_NO_MEMORY, error, "%u crops of %d x %d", n, preprocess->width, preprocess->height);
    return NULL;
  }
  for (guint i = 0; i < n; i++)
    if (!cow_preprocess_run (preprocess, cow_classifier_backend (self->classifier), picture, regions ? &regions[i] : NULL,
                             ticket->pixels + i * ticket->picture, error))
      return NULL;
  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->queue, cow_ticket_ref (ticket));
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
  return g_steal_pointer (&ticket);
}
