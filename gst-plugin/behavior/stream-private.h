/* SPDX-License-Identifier: MIT */
/* What the files of the stream share: stream.c (frames in and out), stream-ask.c, stream-answer.c.
 */
#ifndef GST_COW_STREAM_PRIVATE_H
#define GST_COW_STREAM_PRIVATE_H

#include "gst-plugin/behavior/stream.h"

G_BEGIN_DECLS

/* ---- stream.c -------------------------------------------------------------------------------- */

/* The end of a frame that was pending. */
void gst_cow_stream_settle (GstCowStream *self, const GstCowFlight *flight, GstCowVerdict verdict);

/* ---- stream-ask.c ---------------------------------------------------------------------------- */

/* Takes a reference: these count from now on. */
void gst_cow_stream_adopt_settings (GstCowStream *self, GstCowFrameSettings *settings);
/* Running time of a frame: after a pause of the camera what was known is forgotten. */
void gst_cow_stream_note_time (GstCowStream *self, GstClockTime now);
/* The regions of a buffer, with their tracks. */
GArray *gst_cow_stream_find_targets (GstCowStream *self, GstBuffer *buffer, guint64 frame);
/* Whether a frame is classified, and if so which of its targets: flight->asked. */
GstCowVerdict gst_cow_stream_judge (GstCowStream *self, GstCowFlight *flight, const GstCowQos *qos);
/* Gives a frame to the engine. In non-blocking mode a failure makes it one that was not classified.
 */
void gst_cow_stream_submit (GstCowStream *self, GstCowFlight *flight);

/* ---- stream-answer.c ------------------------------------------------------------------------- */

/* In blocking mode the stream ends with an error; GST_FLOW_ERROR. */
GstFlowReturn gst_cow_stream_fail (GstCowStream *self, const GError *error);
/* In non-blocking mode frames go on without; the user hears of it at once and then now and then.
 * `wait`: the engine is left alone for a while. */
void gst_cow_stream_endure (GstCowStream *self, const GError *error, gboolean wait);
/* Waits for a ticket so that a flush or a stop can end it. A GstCowFlightWait. */
gboolean gst_cow_stream_wait_for_ticket (gpointer self, CowTicket *ticket, GError **error);
/* Waits for all answers of a flight; errors as above. */
gboolean gst_cow_stream_wait_for (GstCowStream *self, GstCowFlight *flight, GError **error);
/* Answers have come: into the tracks. */
void gst_cow_stream_land (GstCowStream *self, GstCowFlight *flight);
/* Non-blocking mode: takes the answers that have come. */
void gst_cow_stream_land_finished (GstCowStream *self);
/* What is known of a frame's regions onto its buffer; *objects is to be unset. */
void gst_cow_stream_attach (GstCowStream *self, GstCowFlight *flight, GValue *objects);
/* The results of a flight onto the bus. `attached`: the objects that were put on its frame, or NULL
 * where it is gone. */
void gst_cow_stream_announce (GstCowStream *self, GstCowFlight *flight, const GValue *attached);

G_END_DECLS

#endif
