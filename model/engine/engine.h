/* SPDX-License-Identifier: MIT */
/*
 * A classifier with a worker thread and a queue, shared by all users of the same model, adapter,
 * device and precision in a process. Any thread may submit; the worker gathers waiting pictures
 * into batches. All functions are safe from any thread. A child of fork () loads engines of its
 * own: what is submitted to one of its parent's is COW_ERROR_DEVICE.
 */
#ifndef COW_ENGINE_H
#define COW_ENGINE_H

#include "model/engine/ticket.h"
#include "model/network/classifier.h"

G_BEGIN_DECLS

typedef struct _CowEngine CowEngine;

/*
 * Returns a new reference to the engine for these options, which is loaded now unless somebody has
 * it already. Options that mean the same ("auto" and the device or precision that it stands for,
 * two paths of one folder) give the same engine. A device without a number ("cuda") is, where there
 * are several, the one that has this engine already, else the one with the fewest engines of this
 * process, of equals the first. Loading may take seconds: do not call this from a
 * streaming thread. An engine needs an adapter folder with a head: without one, COW_ERROR_ARGUMENT.
 * With `detects` it needs one that finds cows.
 */
CowEngine *cow_engine_get (const CowClassifierOptions *options, GError **error);
CowEngine *cow_engine_ref (CowEngine *self);
/* The last unref stops the worker, cancels the tickets that still wait, and frees the weights. */
void cow_engine_unref (CowEngine *self);

const char *const *cow_engine_classes (const CowEngine *self);
guint cow_engine_n_classes (const CowEngine *self);
/* The model's name for metadata: the last part of the adapter's path. */
const char *cow_engine_name (const CowEngine *self);
const char *cow_engine_device_text (const CowEngine *self);
/* cow_classifier_warning () and _note () as they were when it was loaded, or NULL. */
const char *cow_engine_warning (const CowEngine *self);
const char *cow_engine_note (const CowEngine *self);
/* What it computes on, to be looked at alone: the device itself may be closed and opened again. */
const CkDevice *cow_engine_device (const CowEngine *self);
CowPrecision cow_engine_precision (const CowEngine *self);
/* "int8, with 3 of 72 layers in int16: ..." */
const char *cow_engine_precision_text (const CowEngine *self);
/* cow_classifier_memory_text () */
const char *cow_engine_memory_text (const CowEngine *self);
/* Whether a picture has any number of labels (CowCard.multiple). */
gboolean cow_engine_is_multiple (const CowEngine *self);
/* Whether it finds cows in whole frames (CowClassifierOptions.detects): its tickets then have
 * detections and no other results. Of several regions, such as tiles, they are one list. */
gboolean cow_engine_detects (const CowEngine *self);
/* What such an engine tells of each cow (cow_ticket_told ()): names by index, NULL-terminated; NULL
 * where it only finds them. */
const char *const *cow_engine_behaviours (const CowEngine *self);
guint cow_engine_n_behaviours (const CowEngine *self);
/* cow_classifier_least_score () of such an engine. Its tickets have detections from
 * COW_ENGINE_LEAST_SCORE on. */
float cow_engine_least_score (const CowEngine *self);
#define COW_ENGINE_LEAST_SCORE 0.05f
/* [n_classes] the probability from which on a class is worth believing, or with several labels a
 * picture has it, as the adapter's card says; NULL where it has none. */
const float *cow_engine_thresholds (const CowEngine *self);

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
 * Calls back when the device is lost, before it is opened again: from a thread of the engine's own,
 * in which the engine must not be given back. `failure` is the driver's name for what happened, or
 * "" where the device was lost to another engine.
 */
typedef void (*CowEngineLost) (gpointer user_data, const char *failure);
void cow_engine_listen (CowEngine *self, CowEngineLost lost, gpointer user_data);
/* No more calls with this user_data; waits for one that is under way. */
void cow_engine_unlisten (CowEngine *self, gpointer user_data);

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

G_END_DECLS

#endif
