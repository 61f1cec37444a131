/* SPDX-License-Identifier: MIT */
/* What the engine answers, or why it does not: into the tracks, onto the buffer, onto the bus. */
#include "gst-plugin/behavior/stream-private.h"

#include <gio/gio.h>

/* After a failure in non-blocking mode: until the engine is asked again, and until the user is told
 * again. */
#define RETRY_US      G_TIME_SPAN_SECOND
#define WARN_AGAIN_US (10 * G_TIME_SPAN_SECOND)

/* ---- failures -------------------------------------------------------------------------------- */

/* In blocking mode the stream ends with an error. */
GstFlowReturn
gst_cow_stream_fail (GstCowStream *self, const GError *error)
{
  self->stats.errors++;
  gst_element_message_full (self->element, GST_MESSAGE_ERROR, error->domain, error->code,
                            g_strdup (error->message), NULL, __FILE__, GST_FUNCTION, __LINE__);
  return GST_FLOW_ERROR;
}

/* In non-blocking mode frames go on without; the user hears of it at once and then now and then. */
void
gst_cow_stream_endure (GstCowStream *self, const GError *error, gboolean wait)
{
  gint64 now = g_get_monotonic_time ();

  self->stats.errors++;
  if (wait)
    self->retry_us = now + RETRY_US;
  if (self->warned_us && now < self->warned_us + WARN_AGAIN_US)
    return;
  self->warned_us = now;
  gst_element_message_full (
      self->element, GST_MESSAGE_WARNING, error->domain, error->code,
      g_strdup_printf ("%s (frames go on without new results; %" G_GUINT64_FORMAT
                       " failures so far)",
                       error->message, self->stats.errors),
      NULL, __FILE__, GST_FUNCTION, __LINE__);
}

/* ---- results --------------------------------------------------------------------------------- */

static void
post (GstCowStream *self, const GstCowFlight *flight, const GValue *objects)
{
  if (gst_value_array_get_size (objects) > 0)
    gst_element_post_message (self->element, gst_cow_message_new (GST_OBJECT (self->element),
                                                                  cow_engine_name (flight->engine),
                                                                  &flight->moment, objects));
}

/* What is known of a frame's regions onto its buffer; *objects is to be unset. */
void
gst_cow_stream_attach (GstCowStream *self, GstCowFlight *flight, GValue *objects)
{
  const GstCowPresentation how = gst_cow_flight_presentation (flight);
  const guint64 frame = flight->moment.frame;

  self->stats.age_frames = 0;
  self->stats.age_ns = GST_CLOCK_TIME_NONE;
  gst_cow_flight_objects (flight, FALSE, objects);
  for (guint i = 0; i < flight->targets->len; i++) {
    GstCowTarget *target = &g_array_index (flight->targets, GstCowTarget, i);
    const GstCowTrack *track = target->track;
    guint age;

    if (!track->known)
      continue;
    gst_cow_meta_classify (flight->buffer, &how, target, frame);
    age = (guint)MIN (frame - track->known_frame, G_MAXUINT);
    if (age >= self->stats.age_frames) {
      self->stats.age_frames = age;
      if (GST_CLOCK_TIME_IS_VALID (track->known_time) &&
          GST_CLOCK_TIME_IS_VALID (flight->moment.running_time))
        self->stats.age_ns =
            flight->moment.running_time - MIN (track->known_time, flight->moment.running_time);
    }
  }
  if (gst_value_array_get_size (objects) > 0)
    gst_cow_meta_attach (flight->buffer, &how, objects);
}

/* Answers have come: into the tracks. */
void
gst_cow_stream_land (GstCowStream *self, GstCowFlight *flight)
{
  gst_cow_flight_land (flight);
  gst_cow_stream_settle (self, flight, GST_COW_VERDICT_CLASSIFY);
}

/* The results of a flight onto the bus. `attached`: the objects that were put on its frame, or NULL
 * where it is gone. */
void
gst_cow_stream_announce (GstCowStream *self, GstCowFlight *flight, const GValue *attached)
{
  GValue objects = G_VALUE_INIT;

  if (flight->asked->len == 0 || flight->settings->post_messages == GST_COW_POST_MESSAGES_NONE)
    return;
  if (flight->settings->post_messages == GST_COW_POST_MESSAGES_ALL && attached) {
    post (self, flight, attached);
    return;
  }
  gst_cow_flight_objects (
      flight, flight->settings->post_messages == GST_COW_POST_MESSAGES_ON_CHANGE, &objects);
  post (self, flight, &objects);
  g_value_unset (&objects);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* Waits for a ticket so that a flush or a stop can end it. A GstCowFlightWait. */
gboolean
gst_cow_stream_wait_for_ticket (gpointer data, CowTicket *ticket, GError **error)
{
  GstCowStream *self = data;
  g_autoptr (GError) reason = NULL;
  gboolean ok;

  g_mutex_lock (&self->lock);
  if (self->flushing)
    cow_ticket_cancel (ticket);
  self->ticket = ticket;
  g_mutex_unlock (&self->lock);

  ok = cow_ticket_wait (ticket, &reason);

  g_mutex_lock (&self->lock);
  self->ticket = NULL;
  g_mutex_unlock (&self->lock);

  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_propagate_error (error, g_steal_pointer (&reason));
  else if (!ok)
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED,
                 "The network could not be run: %s", reason->message);
  return ok;
}

/* Waits for all answers of a flight; errors as above. */
gboolean
gst_cow_stream_wait_for (GstCowStream *self, GstCowFlight *flight, GError **error)
{
  if (flight->error) {
    g_propagate_error (error, g_error_copy (flight->error));
    return FALSE;
  }
  for (guint i = 0; i < flight->tickets->len; i++) {
    if (!gst_cow_stream_wait_for_ticket (self, g_ptr_array_index (flight->tickets, i), error))
      return FALSE;
  }
  return TRUE;
}

/* Non-blocking mode: takes the answers that have come. */
void
gst_cow_stream_land_finished (GstCowStream *self)
{
  GstCowFlight *flight;

  while ((flight = g_queue_peek_head (&self->flights)) && gst_cow_flight_is_done (flight)) {
    g_autoptr (GError) error = NULL;

    g_queue_pop_head (&self->flights);
    if (gst_cow_stream_wait_for (self, flight, &error)) {
      gst_cow_stream_land (self, flight);
      gst_cow_stream_announce (self, flight, NULL);
    } else {
      gst_cow_stream_settle (self, flight, GST_COW_VERDICT_FAULT);
      gst_cow_flight_forget (flight);
      gst_cow_stream_endure (self, error, TRUE);
    }
    gst_cow_flight_free (flight);
  }
}
