/* SPDX-License-Identifier: MIT */
/*
 * Tickets as their engine sees them, and the pool that keeps those which nobody uses for the next
 * submission, so that running allocates nothing.
 */
#ifndef COW_TICKET_PRIVATE_H
#define COW_TICKET_PRIVATE_H

#include "model/engine/forks.h"
#include "model/engine/ticket.h"
#include "model/network/classifier.h"

G_BEGIN_DECLS

typedef struct _CowTicketPool CowTicketPool;

/* Memory for prepared regions, which the engine keeps too. */
typedef struct {
  float *pixels; /* device: [room, 3, height, width] */
  guint room;
} CowCrops;

/* What a ticket keeps of one CowResult. */
typedef struct {
  const char *name;
  gsize n;     /* numbers of a region */
  float *data; /* [COW_ENGINE_MAX_REGIONS, n] */
} CowKeptResult;

struct _CowTicket {
  GList link; /* in the engine's queue, or among the pool's idle tickets */
  CowTicketPool *pool;
  guint forks;   /* cow_forks () where it was made */
  guint n;       /* regions */
  gsize picture; /* floats of one prepared region */
  /* The prepared regions; they go back when the queue and the last batch that reads them have let
   * go of them. Both under the engine's lock */
  CowCrops *crops;
  guint crop_users;
  CowKeptResult results[COW_MAX_RESULTS];
  guint n_results;
  GArray *detections; /* of CowDetection; NULL where the engine finds none, as is the next */
  GArray *pieces;     /* of CowPiece: what they are made of */
  GArray *told;       /* of float: rows of n_told; NULL where nothing is told of a detection */
  GArray *looks;      /* of float: rows of n_looks; likewise */
  guint n_told;       /* behaviours */
  guint n_looks;
  guint n_rows;                             /* of either so far; the worker's */
  CowRegion places[COW_ENGINE_MAX_REGIONS]; /* the regions, inside the picture, where it finds */
  int across, down;                         /* px of the picture */
  const void *client;
  guint batch; /* 1..COW_ENGINE_MAX_BATCH */
  gint64
      deadline_us; /* monotonic time until which it may wait for its batch to fill; 0: it may not */
  guint next;      /* the first region that no batch has taken yet; under the engine's lock */
  guint n_done;    /* regions computed; the worker's */

  GMutex lock;
  GCond finished;
  guint refs;
  gboolean taken; /* all regions are in batches */
  gboolean done;
  GError *error; /* why it failed */
};

CowTicketPool *cow_ticket_pool_new (void);
/* Frees the idle tickets; the pool goes with the last ticket that somebody still has. */
void cow_ticket_pool_close (CowTicketPool *self);

/* A ticket of n regions with one reference, without crops. All tickets of a pool are for one
 * classifier. */
CowTicket *cow_ticket_new (CowTicketPool *pool, guint n, const CowClassifier *classifier,
                           const CowSubmission *how);
/* What those are told who use what a parent of this process made. */
GError *cow_ticket_foreign_error (void);
/* All regions are in batches now. */
void cow_ticket_take (CowTicket *self);
/* Completes a region that was computed, or failed with `error` (copied, or NULL), and gives the
 * caller's reference back, before anybody who waits can go on. */
void cow_ticket_complete_region (CowTicket *self, const GError *error);

G_END_DECLS

#endif
