/* SPDX-License-Identifier: MIT */
/*
 * A classifier with a worker thread and a queue, shared by all users of the same model, adapter,
 * device and precision in a process. Any thread may submit; the worker gathers waiting pictures
 * into batches. All functions are safe from any thread.
 */
#ifndef COW_ENGINE_H
#define COW_ENGINE_H

#include "model/network/classifier.h"

G_BEGIN_DECLS

typedef struct _CowEngine CowEngine;
typedef struct _CowTicket CowTicket;

/*
 * Returns a new reference to the engine for these options, which is loaded now unless somebody has
 * it already. Options that mean the same ("auto" and the device or precision that it stands for,
 * two paths of one folder) give the same engine. Loading may take seconds: do not call this from a
 * streaming thread. An engine needs an adapter folder with a head: without one, COW_ERROR_ARGUMENT.
 */
CowEngine *cow_engine_get (const CowClassifierOptions *options, GError **error);
CowEngine *cow_engine_ref (CowEngine *self);
/* The last unref stops the worker, cancels the tickets that still wait, and frees the weights. */
void cow_engine_unref (CowEngine *self);

const char *const *cow_engine_classes (const CowEngine *self);
guint cow_engine_n_classes (const CowEngine *self);
const CowPreprocess *cow_engine_preprocess (const CowEngine *self);
/* The model's name for metadata: the last part of the adapter's path. */
const char *cow_engine_name (const CowEngine *self);
const char *cow_engine_device_text (const CowEngine *self);
CowPrecision cow_engine_precision (const CowEngine *self);
/* [n_classes] the probability from which on a class is worth believing, as the adapter's card has
 * it; NULL where it has none. */
const float *cow_engine_thresholds (const CowEngine *self);

/* Regions that one ticket may hold; a frame with more is submitted in parts, so that its prepared
 * crops stay bounded. */
#define COW_ENGINE_MAX_REGIONS 64
/* Pictures of a forward pass: unless a submission sets a number (enough to fill two cores, few
 * enough that the first in the queue does not wait long), and at most. */
#define COW_ENGINE_BATCH     8
#define COW_ENGINE_MAX_BATCH 64

/* How a caller wants its pictures computed. All zero, or NULL instead of it: at once, with whatever
 * else waits. */
typedef struct {
  const void *client; /* identifies the submitter, so that batches of several can be counted;
                         never dereferenced */
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
/* Makes a ticket of this engine wait no longer for its batch to fill. */
void cow_engine_flush (CowEngine *self, CowTicket *ticket);
/* Pictures in the queue that no forward pass has taken yet. */
guint cow_engine_n_waiting (CowEngine *self);
/*
 * Waits until the ticket is done or cancelled. FALSE with the error that its forward pass had;
 * COW_ERROR_FORMAT where a feature or a result of a region is not a finite number.
 */
gboolean cow_ticket_wait (CowTicket *ticket, GError **error);
/* Whether cow_ticket_wait () would return at once. */
gboolean cow_ticket_is_done (CowTicket *ticket);
/* Whether a forward pass has taken the last of its regions: from here on it does not stand in the
 * way of another ticket. */
gboolean cow_ticket_is_taken (CowTicket *ticket);
/* Wakes up whoever waits (a flush, a stop); the ticket then fails with G_IO_ERROR_CANCELLED. Does
 * nothing to one that is done. */
void cow_ticket_cancel (CowTicket *ticket);
/* The result `name` (COW_RESULT_...) of region i, *n numbers (n may be NULL), all finite; NULL
 * where the network has no such result. Only after a successful wait. Owned by the ticket. */
const float *cow_ticket_result (const CowTicket *ticket, const char *name, guint i, gsize *n);
/* COW_RESULT_PROBABILITIES of region i [n_classes]. */
const float *cow_ticket_probabilities (const CowTicket *ticket, guint i);
guint cow_ticket_n_regions (const CowTicket *ticket);
CowTicket *cow_ticket_ref (CowTicket *ticket);
void cow_ticket_unref (CowTicket *ticket);

/* Counts what an engine did since it was loaded, for all of its users together. */
typedef struct {
  guint64 batches, pictures; /* forward passes; pictures in them */
  guint64 failures;          /* forward passes that failed or gave a number that is not finite */
  guint64 mixed;             /* forward passes with pictures of more than one client */
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
