/* SPDX-License-Identifier: MIT */
/*
 * A classifier with a worker thread and a queue, shared by all who ask for the same model, adapter, device and precision in a process. Any
 * thread may submit; the worker gathers what waits into batches. All functions are safe from any thread.
 */
#ifndef COW_ENGINE_H
#define COW_ENGINE_H

#include "model/classifier.h"

G_BEGIN_DECLS

typedef struct _CowEngine CowEngine;
typedef struct _CowTicket CowTicket;

/*
 * The engine for these options, loaded now if nobody has it yet; a new reference. Loading may take seconds: not for a streaming thread.
 * An engine needs an adapter folder with a head: without one, COW_ERROR_ARGUMENT.
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

/* Regions that one ticket may hold; a frame with more is submitted in parts, so that its prepared crops stay bounded. */
#define COW_ENGINE_MAX_REGIONS 64

/*
 * Prepares n regions of a picture in the calling thread (the picture is not touched afterwards) and queues them as one ticket. Regions are
 * clipped to the picture; one with nothing left is COW_ERROR_ARGUMENT. `regions` NULL and n 1: the whole picture.
 */
CowTicket *cow_engine_submit (CowEngine *self, const CkPicture *picture, const CowRegion *regions, guint n, GError **error);
/* Waits until the ticket is done or cancelled. */
gboolean cow_ticket_wait (CowTicket *ticket, GError **error);
/* Whether cow_ticket_wait () would return at once. */
gboolean cow_ticket_is_done (CowTicket *ticket);
/* Wakes up whoever waits (a flush, a stop); the ticket then fails with G_IO_ERROR_CANCELLED. Does nothing to one that is done. */
void cow_ticket_cancel (CowTicket *ticket);
/* Probabilities of region i [n_classes]; only after a successful wait. Owned by the ticket. */
const float *cow_ticket_probabilities (const CowTicket *ticket, guint i);
guint cow_ticket_n_regions (const CowTicket *ticket);
CowTicket *cow_ticket_ref (CowTicket *ticket);
void cow_ticket_unref (CowTicket *ticket);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowEngine, cow_engine_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CowTicket, cow_ticket_unref)

G_END_DECLS

#endif
