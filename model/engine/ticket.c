/* SPDX-License-Identifier: MIT */
#include "model/engine/ticket-private.h"

#include <gio/gio.h>

#include "model/engine/pieces.h"

struct _CowTicketPool {
  GMutex lock;
  guint n_tickets; /* that exist */
  GQueue idle;     /* of CowTicket, by their links */
  gboolean closed;
};

/* ---- the pool -------------------------------------------------------------------------------- */

CowTicketPool *
cow_ticket_pool_new (void)
{
  CowTicketPool *self = g_new0 (CowTicketPool, 1);
  g_mutex_init (&self->lock);
  g_queue_init (&self->idle);
  return self;
}

static void
ticket_free (CowTicket *self)
{
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->finished);
  for (guint r = 0; r < self->n_results; r++)
    g_free (self->results[r].data);
  g_clear_pointer (&self->detections, g_array_unref);
  g_clear_pointer (&self->pieces, g_array_unref);
  g_clear_pointer (&self->told, g_array_unref);
  g_clear_pointer (&self->looks, g_array_unref);
  g_free (self);
}

/* Frees what is idle, and the pool where nothing else is left; unlocks it. */
static void
empty_and_unlock (CowTicketPool *self)
{
  while (!g_queue_is_empty (&self->idle)) {
    ticket_free (g_queue_pop_head_link (&self->idle)->data);
    self->n_tickets--;
  }
  const gboolean last = self->n_tickets == 0;
  g_mutex_unlock (&self->lock);
  if (!last)
    return;
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
cow_ticket_pool_close (CowTicketPool *self)
{
  g_mutex_lock (&self->lock);
  self->closed = TRUE;
  empty_and_unlock (self);
}

static void
give_back (CowTicket *ticket)
{
  CowTicketPool *pool = ticket->pool;
  g_assert (!ticket->crops); /* the engine's to free */
  g_clear_error (&ticket->error);
  g_mutex_lock (&pool->lock);
  g_queue_push_head_link (&pool->idle, &ticket->link);
  if (pool->closed)
    empty_and_unlock (pool);
  else
    g_mutex_unlock (&pool->lock);
}

/* An idle ticket, or NULL and one more is about to exist. */
static CowTicket *
take_idle (CowTicketPool *pool)
{
  g_mutex_lock (&pool->lock);
  GList *link = g_queue_pop_head_link (&pool->idle);
  pool->n_tickets += !link;
  g_mutex_unlock (&pool->lock);
  return link ? link->data : NULL;
}

static CowTicket *
ticket_alloc (CowTicketPool *pool, const CowClassifier *classifier)
{
  const CowResult *results;
  CowTicket *self = g_new0 (CowTicket, 1);
  g_mutex_init (&self->lock);
  g_cond_init (&self->finished);
  self->link.data = self;
  self->pool = pool;
  self->forks = cow_forks ();
  self->picture = cow_preprocess_size (cow_classifier_preprocess (classifier));
  results = cow_classifier_results (classifier, &self->n_results);
  for (guint r = 0; r < self->n_results; r++)
    self->results[r] = (CowKeptResult){ results[r].name, results[r].n,
                                        g_new (float, COW_ENGINE_MAX_REGIONS *results[r].n) };
  if (cow_classifier_detects (classifier)) {
    self->detections = g_array_sized_new (FALSE, FALSE, sizeof (CowDetection), COW_FIND_MOST);
    self->pieces = g_array_sized_new (FALSE, FALSE, sizeof (CowPiece), COW_FIND_MOST);
    self->n_told = cow_classifier_n_behaviours (classifier);
    self->n_looks = cow_classifier_n_looks (classifier);
  }
  if (self->n_told > 0)
    self->told = g_array_sized_new (FALSE, FALSE, sizeof (float), COW_FIND_MOST * self->n_told);
  if (self->n_looks > 0)
    self->looks = g_array_sized_new (FALSE, FALSE, sizeof (float), COW_FIND_MOST * self->n_looks);
  return self;
}

CowTicket *
cow_ticket_new (CowTicketPool *pool, guint n, const CowClassifier *classifier,
                const CowSubmission *how)
{
  CowTicket *self = take_idle (pool);
  if (!self)
    self = ticket_alloc (pool, classifier);
  self->n = n;
  self->refs = 1;
  self->client = how->client;
  self->batch = how->batch ? MIN (how->batch, COW_ENGINE_MAX_BATCH) : COW_ENGINE_BATCH;
  if (self->detections) {
    /* A region is a batch of its own: it fills the processor alone. */
    self->batch = 1;
    g_array_set_size (self->detections, 0);
    g_array_set_size (self->pieces, 0);
  }
  if (self->told)
    g_array_set_size (self->told, 0);
  if (self->looks)
    g_array_set_size (self->looks, 0);
  self->deadline_us = 0;
  self->next = self->n_done = self->n_rows = 0;
  self->taken = self->done = FALSE;
  return self;
}

/* ---- a child of fork () ---------------------------------------------------------------------- */

GError *
cow_ticket_foreign_error (void)
{
  return g_error_new_literal (COW_ERROR, COW_ERROR_DEVICE,
                              "this process is a child of fork () and has none of its parent's "
                              "threads; it has to open the model itself");
}

/* Nothing of it can be waited for, locked or freed. */
static gboolean
is_foreign (const CowTicket *self)
{
  return self->forks != cow_forks ();
}

/* ---- references ------------------------------------------------------------------------------ */

CowTicket *
cow_ticket_ref (CowTicket *self)
{
  if (is_foreign (self))
    return self;
  g_mutex_lock (&self->lock);
  self->refs++;
  g_mutex_unlock (&self->lock);
  return self;
}

/* Gives one reference of a locked ticket back, and unlocks it. */
static void
unref_and_unlock (CowTicket *self)
{
  const gboolean last = --self->refs == 0;
  g_mutex_unlock (&self->lock);
  if (last)
    give_back (self);
}

void
cow_ticket_unref (CowTicket *self)
{
  if (!self || is_foreign (self))
    return;
  g_mutex_lock (&self->lock);
  unref_and_unlock (self);
}

/* ---- completion ------------------------------------------------------------------------------ */

/* Only the first completion counts; takes the error. */
static void
finish_locked (CowTicket *self, GError *error)
{
  if (self->done)
    g_clear_error (&error);
  else
    self->error = error;
  self->done = TRUE;
  g_cond_broadcast (&self->finished);
}

void
cow_ticket_cancel (CowTicket *self)
{
  if (is_foreign (self))
    return;
  GError *error =
      g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "classification was cancelled");
  g_mutex_lock (&self->lock);
  finish_locked (self, error);
  g_mutex_unlock (&self->lock);
}

void
cow_ticket_take (CowTicket *self)
{
  g_mutex_lock (&self->lock);
  self->taken = TRUE;
  g_mutex_unlock (&self->lock);
}

void
cow_ticket_complete_region (CowTicket *self, const GError *error)
{
  g_mutex_lock (&self->lock);
  if (error)
    finish_locked (self, g_error_copy (error));
  else if (++self->n_done == self->n)
    finish_locked (self, NULL);
  unref_and_unlock (self);
}

gboolean
cow_ticket_wait (CowTicket *self, GError **error)
{
  if (is_foreign (self)) {
    g_propagate_error (error, cow_ticket_foreign_error ());
    return FALSE;
  }
  g_mutex_lock (&self->lock);
  while (!self->done)
    g_cond_wait (&self->finished, &self->lock);
  g_mutex_unlock (&self->lock);
  if (!self->error)
    return TRUE;
  g_propagate_error (error, g_error_copy (self->error));
  return FALSE;
}

gboolean
cow_ticket_is_done (CowTicket *self)
{
  if (is_foreign (self))
    return TRUE;
  g_mutex_lock (&self->lock);
  gboolean done = self->done;
  g_mutex_unlock (&self->lock);
  return done;
}

gboolean
cow_ticket_is_taken (CowTicket *self)
{
  if (is_foreign (self))
    return TRUE;
  g_mutex_lock (&self->lock);
  gboolean taken = self->taken || self->done;
  g_mutex_unlock (&self->lock);
  return taken;
}

/* ---- results --------------------------------------------------------------------------------- */

const float *
cow_ticket_result (const CowTicket *self, const char *name, guint i, gsize *n)
{
  g_return_val_if_fail (i < self->n, NULL);
  for (guint r = 0; r < self->n_results; r++) {
    const CowKeptResult *result = &self->results[r];
    if (!g_str_equal (result->name, name))
      continue;
    if (n)
      *n = result->n;
    return result->data + i * result->n;
  }
  return NULL;
}

const float *
cow_ticket_probabilities (const CowTicket *self, guint i)
{
  return cow_ticket_result (self, COW_RESULT_PROBABILITIES, i, NULL);
}

guint
cow_ticket_n_regions (const CowTicket *self)
{
  return self->n;
}

const CowDetection *
cow_ticket_detections (const CowTicket *self, guint *n)
{
  *n = self->detections ? self->detections->len : 0;
  return *n > 0 ? &g_array_index (self->detections, CowDetection, 0) : NULL;
}

const float *
cow_ticket_told (const CowTicket *self, const CowDetection *detection)
{
  return self->told ? &g_array_index (self->told, float, detection->row * self->n_told) : NULL;
}

const float *
cow_ticket_looks (const CowTicket *self, const CowDetection *detection, guint *n)
{
  *n = self->n_looks;
  return self->looks ? &g_array_index (self->looks, float, detection->row * self->n_looks) : NULL;
}
