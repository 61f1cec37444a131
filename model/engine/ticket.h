/* SPDX-License-Identifier: MIT */
/*
 * Tickets: what an engine (engine.h) hands out for pictures that it is to compute, and what comes
 * out. All functions are safe from any thread. A ticket may outlive its engine. In a child of
 * fork () the tickets of its parent have failed.
 */
#ifndef COW_TICKET_H
#define COW_TICKET_H

#include "model/network/detection.h"

G_BEGIN_DECLS

typedef struct _CowTicket CowTicket;

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
/* Of an engine that finds cows: those in the ticket's regions together, [*n], the surest first, in
 * px of the picture; NULL where there is none. Only after a successful wait. Owned by the
 * ticket. */
const CowDetection *cow_ticket_detections (const CowTicket *ticket, guint *n);
/* What is told of one of these: the probabilities of the engine's behaviours [n_behaviours], all
 * finite; NULL where it tells nothing. Owned by the ticket. */
const float *cow_ticket_told (const CowTicket *ticket, const CowDetection *detection);
/* How it looks (cow_classifier_looks ()), [*n]; NULL where that is not told. Owned by the
 * ticket. */
const float *cow_ticket_looks (const CowTicket *ticket, const CowDetection *detection, guint *n);
CowTicket *cow_ticket_ref (CowTicket *ticket);
void cow_ticket_unref (CowTicket *ticket);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowTicket, cow_ticket_unref)

G_END_DECLS

#endif
