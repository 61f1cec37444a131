/* SPDX-License-Identifier: MIT */
/*
 * A frame in flight: what of it was submitted to the engine, and the tickets of its results. Only
 * the streaming thread uses it. The lifecycle is drawn in stream.c.
 */
#ifndef GST_COW_FLIGHT_H
#define GST_COW_FLIGHT_H

#include <gst/video/video.h>

#include "gst-plugin/behavior/message.h"
#include "gst-plugin/behavior/regions.h"
#include "gst-plugin/behavior/settings.h"
#include "gst-plugin/behavior/slots.h"
#include "gst-plugin/behavior/stats.h"
#include "model/engine/engine.h"

G_BEGIN_DECLS

typedef struct {
  GstBuffer *buffer; /* NULL once the frame went downstream */
  GstCowMoment moment;
  CowEngine *engine;
  GstCowFrameSettings *settings;
  GArray *mask;    /* of gboolean, by class, as gst_cow_frame_settings_mask () made it */
  GArray *targets; /* of GstCowTarget */
  GArray
      *chosen; /* of guint: the targets that are classified, in the order of the tickets' regions */
  GPtrArray *tickets; /* of CowTicket, each with COW_ENGINE_MAX_REGIONS regions but the last */
  int x, y;           /* where the frame begins in the picture that was submitted, px */
  guint n_still;      /* targets that were due and have not changed */
  GstCowVerdict verdict;
  GError
      *error; /* why the frame could not be submitted: GST_STREAM_ERROR or G_IO_ERROR_CANCELLED */
} GstCowFlight;

/* Takes the buffer and the targets; refers to the others. */
GstCowFlight *gst_cow_flight_new (GstBuffer *buffer, const GstCowMoment *moment, CowEngine *engine,
                                  GstCowFrameSettings *settings, GArray *mask, GArray *targets);
/* Cancels the tickets first. */
void gst_cow_flight_free (GstCowFlight *self);

/*
 * Submits the chosen targets: their crops are resampled now, in this thread, into the slots, and
 * the buffer is neither mapped nor needed afterwards. It waits where the slots have no room. FALSE
 * and self->error: the frame could not be read or prepared, or a flush came; it then has no
 * tickets.
 */
gboolean gst_cow_flight_submit (GstCowFlight *self, const GstVideoInfo *info, GstCowSlots *slots);
/* Waits for all results. FALSE and an error as that of gst_cow_slots_wait (), or self->error. */
gboolean gst_cow_flight_wait (const GstCowFlight *self, GstCowSlots *slots, GError **error);
/* Whether all results are there, and whether a forward pass has begun with the last of them; both
 * are TRUE for a frame without tickets. */
gboolean gst_cow_flight_is_done (const GstCowFlight *self);
gboolean gst_cow_flight_is_taken (const GstCowFlight *self);
/* Its pictures no longer wait for their batch to fill. */
void gst_cow_flight_flush_batch (const GstCowFlight *self);
/* Drops the tickets and the choice of targets: nobody waits for their results. */
void gst_cow_flight_cancel (GstCowFlight *self);
/* The i-th chosen target. */
GstCowTarget *gst_cow_flight_chosen (const GstCowFlight *self, guint i);
/* Probabilities of the i-th chosen target [n_classes]; only after gst_cow_flight_wait () succeeded.
 */
const float *gst_cow_flight_probabilities (const GstCowFlight *self, guint i);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstCowFlight, gst_cow_flight_free)

G_END_DECLS

#endif
