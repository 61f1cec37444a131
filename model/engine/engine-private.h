/* SPDX-License-Identifier: MIT */
/*
 * An engine as its parts see it: what prepares crops (engine-crops.c), the worker
 * (engine-worker.c), and what finds, shares and asks engines (engine.c). Lock order: registry, then
 * an engine, then a ticket; the worker holds none of them while it computes, nor while it calls
 * those who listen.
 */
#ifndef COW_ENGINE_PRIVATE_H
#define COW_ENGINE_PRIVATE_H

#include "model/engine/engine-faults.h"
#include "model/engine/engine.h"
#include "model/engine/quantiles.h"
#include "model/engine/ticket-private.h"

G_BEGIN_DECLS

struct _CowEngine {
  char *key; /* in the registry: the network and the device */
  char *network;
  const char *device_name;
  guint refs;  /* under the registry's lock */
  guint forks; /* cow_forks () where it was made */
  gboolean loading;
  GError *load_error;
  CowClassifier *classifier;
  CkDevice device; /* what the classifier's was when it was loaded; not one that can be used */
  char *name;
  char *memory_text;    /* as it was when it was loaded; or NULL */
  char *warning, *note; /* the classifier's when it was loaded, or NULL */
  CowEngineFaults faults;
  void (*has_let_go) (void); /* of a lost device: other engines wait for that */

  GThread *worker;
  GMutex lock;
  GCond wake;
  GQueue queue;       /* of CowTicket by their links, each holding a reference */
  GPtrArray *streams; /* idle ones (CkStream) of one thread each, for whoever submits */
  GPtrArray *crops;   /* idle ones (CowCrops), the oldest first */
  CowTicketPool *tickets;
  gboolean stop;
  gboolean reopening;         /* the device, by the worker */
  char failure[160];          /* why: CkDeviceState's */
  guint submitting;           /* threads that prepare crops now */
  CowEngineCounters counters; /* without the quantiles */
  CowQuantiles times_ns;

  GMutex listening;  /* protects the listeners, also while they are called */
  GArray *listeners; /* of CowEngineListener */
};

typedef struct {
  CowEngineLost lost;
  gpointer user_data;
} CowEngineListener;

/* ---- crops on the device --------------------------------------------------------------------- */

/* A stream for the crops of one submission. */
CkStream *cow_engine_borrow_stream (CowEngine *self, GError **error);
void cow_engine_return_stream (CowEngine *self, CkStream *stream);
/* Prepares a ticket's regions on a stream, and waits: the picture is the caller's again when this
 * returns, and the regions are there for all streams. */
gboolean cow_engine_prepare_crops (CowEngine *self, CowTicket *ticket, CkStream *stream,
                                   const CkPicture *picture, const CowRegion *regions,
                                   GError **error);
/* One user less; engine locked. */
void cow_engine_release_crops (CowEngine *self, CowTicket *ticket);
/* Frees idle crops until no more than so many regions are kept; only the worker, or who has joined
 * it; engine locked. */
void cow_engine_trim_crops (CowEngine *self, guint kept);

/* ---- the worker ------------------------------------------------------------------------------ */

/* The worker's thread, of a CowEngine, until it is told to stop. */
gpointer cow_engine_work (gpointer engine);
/* Drops tickets that nobody waits for any more, so that a stream that is flushed often leaves
 * nothing behind; engine locked. */
void cow_engine_drop_cancelled (CowEngine *self);
/* Regions in the queue that no batch has taken yet; engine locked. */
guint cow_engine_count_waiting (CowEngine *self);
/* What those are told who come while the device is opened again; engine locked. */
GError *cow_engine_reopening_error (const CowEngine *self);

G_END_DECLS

#endif
