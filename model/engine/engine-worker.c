/* SPDX-License-Identifier: MIT */
/*
 * The worker takes batches out of the queue and completes their tickets.
 *
 * A device that is lost (a GPU's context after a failure) is opened again by the worker: it turns
 * submissions away, waits for those that are under way, fails the tickets that wait, and frees all
 * that lies on the device. Engines on the same device do so together, because it begins anew when
 * nobody has it.
 */
#include <string.h>

#include "model/engine/engine-private.h"
#include "model/engine/pieces.h"

/* Prepared regions that there is memory for while nobody uses it: what came beyond is freed. */
#define KEPT_REGIONS (2 * COW_ENGINE_MAX_REGIONS)

/* ---- batches --------------------------------------------------------------------------------- */

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
  cow_engine_release_crops (self, ticket);
  cow_ticket_unref (ticket);
}

void
cow_engine_drop_cancelled (CowEngine *self)
{
  for (GList *link = self->queue.head, *next; link; link = next) {
    next = link->next;
    if (cow_ticket_is_done (link->data)) {
      CowTicket *ticket = link->data;
      g_queue_unlink (&self->queue, link);
      cow_engine_release_crops (self, ticket);
      cow_ticket_unref (ticket);
    }
  }
}

guint
cow_engine_count_waiting (CowEngine *self)
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
  const guint waiting = cow_engine_count_waiting (self);
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
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->classifier);
  const float *pictures[COW_ENGINE_MAX_BATCH];
  for (guint i = 0; i < n; i++) {
    const CowTicket *ticket = slots[i].ticket;
    pictures[i] = ticket->crops->pixels + slots[i].region * ticket->picture;
  }
  return cow_engine_faults_run (&self->faults, number, error) &&
         cow_classifier_run_prepared (self->classifier, pictures, (int)n, preprocess->height,
                                      preprocess->width, output, error);
}

/* Checks the features and results of picture i of a batch, and copies the results to its ticket. */
static gboolean
take_results (const CowEngine *self, const Slot *slot, guint i, const CowOutput *output,
              GError **error)
{
  guint n_results;
  const CowResult *results = cow_classifier_results (self->classifier, &n_results);
  char region[32];
  g_snprintf (region, sizeof region, "region %u", slot->region);
  if (!cow_classifier_check_output (self->classifier, output, (int)i, region, error))
    return FALSE;
  for (guint r = 0; r < n_results; r++) {
    const gsize n = results[r].n;
    memcpy (slot->ticket->results[r].data + slot->region * n, results[r].data + i * n,
            n * sizeof (float));
  }
  return TRUE;
}

/* Keeps what is told of n cows with the ticket; the number of their first row there. */
static guint
keep_told (const CowEngine *self, CowTicket *ticket, guint n)
{
  const guint first = ticket->n_rows;
  if (n > 0 && ticket->told)
    g_array_append_vals (ticket->told, cow_classifier_told (self->classifier), n * ticket->n_told);
  if (n > 0 && ticket->looks)
    g_array_append_vals (ticket->looks, cow_classifier_looks (self->classifier),
                         n * ticket->n_looks);
  ticket->n_rows += n;
  return first;
}

/* Finds the cows in a batch of one region; the ticket has them all with its last. */
static gboolean
find_in_region (CowEngine *self, const Slot *slot, guint64 number, GError **error)
{
  const CowPreprocess *preprocess = cow_classifier_preprocess (self->classifier);
  CowTicket *ticket = slot->ticket;
  GArray *found = ticket->detections;
  CowFindLimits limits = COW_FIND_LIMITS_DEFAULT;
  limits.least = COW_ENGINE_LEAST_SCORE;
  if (!cow_engine_faults_run (&self->faults, number, error) ||
      !cow_classifier_find_prepared (self->classifier,
                                     ticket->crops->pixels + slot->region * ticket->picture,
                                     preprocess->height, preprocess->width, &limits, found, error))
    return FALSE;
  cow_pieces_add (ticket->pieces, (const CowDetection *)found->data, found->len,
                  keep_told (self, ticket, found->len), preprocess, &ticket->places[slot->region],
                  ticket->across, ticket->down);
  if (ticket->n_done + 1 == ticket->n)
    cow_pieces_merge (ticket->pieces, ticket->n, COW_FIND_MOST, found);
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
  const gboolean detects = cow_classifier_detects (self->classifier);
  gboolean ok = detects ? find_in_region (self, slots, number, &error)
                        : run_batch (self, slots, n, number, &output, &error);
  const gint64 took_ns = 1000 * (g_get_monotonic_time () - start);
  for (guint i = 0; i < n; i++)
    if (error)
      errors[i] = g_error_copy (error);
    else if (!detects)
      ok &= take_results (self, &slots[i], i, &output, &errors[i]);
  g_mutex_lock (&self->lock);
  count_batch (self, slots, n, ok, took_ns);
  for (guint i = 0; i < n; i++)
    cow_engine_release_crops (self, slots[i].ticket);
  cow_engine_trim_crops (self, KEPT_REGIONS);
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < n; i++) {
    cow_ticket_complete_region (slots[i].ticket, errors[i]);
    g_clear_error (&errors[i]);
  }
}

/* ---- a lost device --------------------------------------------------------------------------- */

#define REOPEN_AGAIN_US G_USEC_PER_SEC

GError *
cow_engine_reopening_error (const CowEngine *self)
{
  return g_error_new (COW_ERROR, COW_ERROR_DEVICE, "%s has failed and is opened again: %s",
                      cow_classifier_device_text (self->classifier), self->failure);
}

/* What the device says is kept for those who come while it is opened again, and told to those who
 * listen. */
static void
tell_listeners (CowEngine *self)
{
  CkDeviceState state = { 0 };
  CkDevice *device = cow_classifier_device (self->classifier);
  if (device)
    ck_device_state (device, &state);
  g_mutex_lock (&self->lock);
  g_strlcpy (self->failure, state.failure, sizeof self->failure);
  self->reopening = TRUE;
  g_mutex_unlock (&self->lock);
  g_mutex_lock (&self->listening);
  for (guint i = 0; i < self->listeners->len; i++) {
    const CowEngineListener *listener = &g_array_index (self->listeners, CowEngineListener, i);
    listener->lost (listener->user_data, state.failure);
  }
  g_mutex_unlock (&self->listening);
}

/* Fails the tickets that wait, and frees crops and streams, when nobody submits any more; engine
 * locked. */
static void
let_go_of_device (CowEngine *self)
{
  g_autoptr (GError) error = cow_engine_reopening_error (self);
  while (self->submitting > 0)
    g_cond_wait (&self->wake, &self->lock);
  while (!g_queue_is_empty (&self->queue)) {
    CowTicket *ticket = g_queue_peek_head (&self->queue);
    cow_ticket_complete_region (cow_ticket_ref (ticket), error);
    drop_head (self);
  }
  cow_engine_trim_crops (self, 0);
  g_ptr_array_set_size (self->streams, 0);
}

/* Until it works, or the engine is told to stop; engine locked. */
static void
reopen (CowEngine *self)
{
  g_mutex_unlock (&self->lock);
  tell_listeners (self);
  g_mutex_lock (&self->lock);
  let_go_of_device (self);
  g_mutex_unlock (&self->lock);
  self->has_let_go ();
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

/* ---- the thread ------------------------------------------------------------------------------ */

gpointer
cow_engine_work (gpointer data)
{
  CowEngine *self = data;
  Slot slots[COW_ENGINE_MAX_BATCH];
  g_mutex_lock (&self->lock);
  while (!self->stop) {
    if (cow_classifier_is_lost (self->classifier)) {
      reopen (self);
      continue;
    }
    cow_engine_drop_cancelled (self);
    cow_engine_trim_crops (self, KEPT_REGIONS);
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
