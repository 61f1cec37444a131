/* SPDX-License-Identifier: MIT */
/*
 * A classifier with a worker thread and a queue, shared by all who ask for the same model, adapter,
 * device and precision in a process. Any thread may submit; the worker gathers what waits into
 * batches. All functions are safe from any thread.
 */
#ifndef COW_ENGINE_H
#define COW_ENGINE_H

#include "model/network/classifier.h"

G_BEGIN_DECLS

typedef struct _CowEngine CowEngine;
typedef struct _CowTicket CowTicket;

/*
 * The engine for these options, loaded now if nobody has it yet; a new reference. Loading may take
 * seconds: not for a streaming thread. An engine needs an adapter folder with a head: without one,
 * COW_ERROR_ARGUMENT.
 */
CowEngine *cow_engine_get (const CowClassifierOptions *options, GError **error);
CowEngine *cow_engine_ref (CowEngine *self);
/* The last one stops the worker, fails what still waits, and frees the weights. */
void cow_engine_unref (CowEngine *self);

const char *const *cow_engine_classes (const CowEngine *self);
guint cow_engine_n_classes (const CowEngine *self);
const CowPreprocess *cow_engine_preprocess (const CowEngine *self);
/* The model's name for metadata: the last part of the adapter's path. */
const char *cow_engine_name (const CowEngine *self);
const char *cow_engine_device_text (const CowEngine *self);
/* [n_classes] the probability from which on a class is worth believing, as the adapter's card has
 * it; NULL where it has none. */
const float *cow_engine_thresholds (const CowEngine *self);

/* Regions that one ticket may hold; a frame with more is submitted in parts, so that its prepared
 * crops stay bounded. */
#define COW_ENGINE_MAX_REGIONS 64
/* Pictures of a forward pass: where nobody asks for a number (enough to fill two cores, few enough
 * that the first in the queue does not wait long), and at most. */
#define COW_ENGINE_BATCH     8
#define COW_ENGINE_MAX_BATCH 64

/* How a caller wants its pictures computed. All zero, or NULL instead of it: at once, with whatever
 * else waits. */
typedef struct {
  const void *client; /* who asks, so that batches of several can be counted; never looked into */
  guint batch;        /* pictures that a forward pass with these has at most, and should have; 0:
                         COW_ENGINE_BATCH at most */
  guint
      timeout_ms; /* how long they may wait for others to fill that batch. Holds up nobody else's */
} CowSubmission;

/*
 * Prepares n regions of a picture in the calling thread (the picture is not touched afterwards) and
 * queues them as one ticket. Regions are clipped to the picture; one with nothing left is
 * COW_ERROR_ARGUMENT. `regions` NULL and n 1: the whole picture.
 */
CowTicket *cow_engine_submit (CowEngine *self, const CkPicture *picture, const CowRegion *regions,
                              guint n, const CowSubmission *how, GError **error);
/* A ticket of this engine waits no longer for its batch to fill: nothing more will come. */
void cow_engine_hurry (CowEngine *self, CowTicket *ticket);
/* Pictures in the queue that no forward pass has taken yet. */
guint cow_engine_n_waiting (CowEngine *self);
/* Waits until the ticket is done or cancelled. */
gboolean cow_ticket_wait (CowTicket *ticket, GError **error);
/* Whether cow_ticket_wait () would return at once. */
gboolean cow_ticket_is_done (CowTicket *ticket);
/* Whether a forward pass has taken the last of its regions: from here on it does not stand in the
 * way of another ticket. */
gboolean cow_ticket_is_taken (CowTicket *ticket);
/* Wakes up whoever waits (a flush, a stop); the ticket then fails with G_IO_ERROR_CANCELLED. Does
 * nothing to one that is done. */
void cow_ticket_cancel (CowTicket *ticket);
/* Probabilities of region i [n_classes]; only after a successful wait. Owned by the ticket. */
const float *cow_ticket_probabilities (const CowTicket *ticket, guint i);
guint cow_ticket_n_regions (const CowTicket *ticket);
CowTicket *cow_ticket_ref (CowTicket *ticket);
void cow_ticket_unref (CowTicket *ticket);

/* What an engine did since it was loaded, for all of its users together. */
typedef struct {
  guint64 batches, pictures, failures;    /* forward passes; pictures in them; those that failed */
  guint64 mixed;                          /* forward passes with pictures of more than one client */
  guint64 fill[COW_ENGINE_MAX_BATCH + 1]; /* forward passes by their number of pictures */
  gint64 busy_ns;                         /* time in forward passes */
  gint64 p50_ns, p95_ns,
      p99_ns; /* quantiles of the last COW_QUANTILES_WINDOW of them; 0 before the first */
} CowEngineCounters;

void cow_engine_get_counters (CowEngine *self, CowEngineCounters *counters);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowEngine, cow_engine_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowTicket, cow_ticket_unref)

G_END_DECLS

#endif
