/* SPDX-License-Identifier: MIT */
/* A frame on its way: what of it was given to the engine, and what came back. Used by the streaming
 * thread alone, but for the tickets. */
#ifndef GST_COW_FLIGHT_H
#define GST_COW_FLIGHT_H

#include <gst/video/video.h>

#include "gst-plugin/behavior/message.h"
#include "gst-plugin/behavior/meta.h"
#include "gst-plugin/behavior/pace.h"
#include "gst-plugin/behavior/settings.h"
#include "model/engine/engine.h"

G_BEGIN_DECLS

typedef struct {
  GstBuffer *buffer; /* NULL once it went downstream */
  GstCowMoment moment;
  CowEngine *engine;
  GstCowFrameSettings *settings;
  GArray *mask;    /* of gboolean, by class: settings->classes; NULL: all */
  GArray *targets; /* of GstCowTarget */
  GArray *asked;   /* of guint: the targets that the engine was given, in the order of the tickets'
                      regions */
  GPtrArray *tickets; /* of CowTicket */
  GstCowVerdict verdict;
  GError *
      error; /* of GST_STREAM_ERROR, or cancelled: why the frame could not be given to the engine */
} GstCowFlight;

/* Takes the buffer and the targets; refers to the others. */
GstCowFlight *gst_cow_flight_new (GstBuffer *buffer, const GstCowMoment *moment, CowEngine *engine,
                                  GstCowFrameSettings *settings, GArray *mask, GArray *targets);
void gst_cow_flight_free (GstCowFlight *self);

/* Waits for a ticket. FALSE and an error of GST_STREAM_ERROR, or G_IO_ERROR_CANCELLED. */
typedef gboolean (*GstCowFlightWait) (gpointer user_data, CowTicket *ticket, GError **error);
/*
 * Gives the targets in `asked` to the engine, on behalf of `client`, and notes that in their
 * tracks. However many they are, only so many are prepared at a time that memory stays small: for
 * the rest `wait` is called with `client` until there is room. FALSE and self->error: the frame
 * could not be read or prepared; then nobody waits for any answer.
 */
gboolean gst_cow_flight_submit (GstCowFlight *self, const GstVideoInfo *info, gpointer client,
                                GstCowFlightWait wait);
/* Whether all answers are there, and whether the engine has begun with the last; both TRUE for a
 * frame that asked nothing. */
gboolean gst_cow_flight_is_done (const GstCowFlight *self);
gboolean gst_cow_flight_is_taken (const GstCowFlight *self);
/* Nothing comes after it that its pictures could share a batch with. */
void gst_cow_flight_hurry (const GstCowFlight *self);
/* Writes the answers to the tracks. Only when all tickets succeeded. */
void gst_cow_flight_land (GstCowFlight *self);
/* How its results are shown; borrows from the flight. */
GstCowPresentation gst_cow_flight_presentation (const GstCowFlight *self);
/*
 * The results of all targets of which something is known, as a GST_TYPE_ARRAY of objects for the
 * custom meta, to be unset by the caller. only_changed: of those that were asked for in this
 * flight, and whose label is not what the bus was told last; that is noted.
 */
void gst_cow_flight_objects (GstCowFlight *self, gboolean only_changed, GValue *objects);
/* After a failure or a flush: the tracks were not asked. */
void gst_cow_flight_forget (GstCowFlight *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstCowFlight, gst_cow_flight_free)

G_END_DECLS

#endif
