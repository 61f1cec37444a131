/* SPDX-License-Identifier: MIT */
/* The way of a frame through the element. */
#include "gst-plugin/behavior/stream-private.h"

#include <gio/gio.h>

/* A frame's duration where the caps name none. */
#define USUAL_FRAME (40 * GST_MSECOND)
void
gst_cow_stream_init (GstCowStream *self, GstElement *element)
{
  *self = (GstCowStream){ .element = element, .frame_ns = USUAL_FRAME, .blocking = TRUE };
  gst_video_info_init (&self->info);
  gst_cow_tracker_init (&self->tracker);
  g_queue_init (&self->flights);
  g_mutex_init (&self->lock);
}

void
gst_cow_stream_clear (GstCowStream *self)
{
  gst_cow_stream_stop (self);
  gst_cow_tracker_clear (&self->tracker);
  g_mutex_clear (&self->lock);
}

void
gst_cow_stream_start (GstCowStream *self, CowEngine *engine)
{
  self->engine = cow_engine_ref (engine);
  self->n_frames = 0;
  self->n_frames_without_roi = 0;
  self->warned_outside = FALSE;
  self->retry_us = self->warned_us = 0;
  self->stats = (GstCowStats){ .age_ns = GST_CLOCK_TIME_NONE };
  self->tracker.n_evicted = 0;
  gst_cow_stream_reset (self);
  g_mutex_lock (&self->lock);
  self->published = self->stats;
  g_mutex_unlock (&self->lock);
}

void
gst_cow_stream_stop (GstCowStream *self)
{
  gst_cow_stream_drop (self);
  gst_cow_stream_reset (self);
  g_clear_pointer (&self->settings, gst_cow_frame_settings_unref);
  g_clear_pointer (&self->mask, g_array_unref);
  g_clear_pointer (&self->engine, cow_engine_unref);
}

void
gst_cow_stream_reset (GstCowStream *self)
{
  gst_cow_tracker_reset (&self->tracker);
  self->asked = FALSE;
  self->asked_time = GST_CLOCK_TIME_NONE;
  self->last_time = self->last_step = GST_CLOCK_TIME_NONE;
  self->detector = FALSE;
}

void
gst_cow_stream_set_info (GstCowStream *self, const GstVideoInfo *info)
{
  self->info = *info;
  self->frame_ns = GST_VIDEO_INFO_FPS_N (info) > 0
                       ? gst_util_uint64_scale_int (GST_SECOND, GST_VIDEO_INFO_FPS_D (info),
                                                    GST_VIDEO_INFO_FPS_N (info))
                       : USUAL_FRAME;
  gst_cow_stream_reset (self);
}

/* Nothing comes that what is in line could share a batch with. */
static void
hurry_all (GstCowStream *self)
{
  for (GList *link = self->flights.head; link; link = link->next)
    gst_cow_flight_hurry (link->data);
}

void
gst_cow_stream_exchange (GstCowStream *self, CowEngine *engine)
{
  if (g_strv_equal (cow_engine_classes (engine), cow_engine_classes (self->engine))) {
    for (guint i = 0; i < self->tracker.tracks->len; i++)
      ((GstCowTrack *)g_ptr_array_index (self->tracker.tracks, i))->asked = FALSE;
  } else {
    gst_cow_tracker_reset (&self->tracker);
  }
  self->asked = FALSE;
  hurry_all (self); /* what the old one has will not become more */
  cow_engine_unref (self->engine);
  self->engine = cow_engine_ref (engine);
  /* the mask is of the old one's classes */
  g_clear_pointer (&self->settings, gst_cow_frame_settings_unref);
}

void
gst_cow_stream_set_flushing (GstCowStream *self, gboolean flushing)
{
  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  if (flushing && self->ticket)
    cow_ticket_cancel (self->ticket);
  g_mutex_unlock (&self->lock);
}

/* ---- counting -------------------------------------------------------------------------------- */

static void
publish (GstCowStream *self)
{
  g_mutex_lock (&self->lock);
  self->published = self->stats;
  self->condition = (GstCowCondition){ .live = self->live,
                                       .blocking = self->blocking,
                                       .tracks = self->tracker.tracks->len,
                                       .tracks_evicted = self->tracker.n_evicted };
  g_mutex_unlock (&self->lock);
}

GstStructure *
gst_cow_stream_get_stats (GstCowStream *self, CowEngine *engine)
{
  GstCowCondition condition;
  GstCowStats stats;

  g_mutex_lock (&self->lock);
  stats = self->published;
  condition = self->condition;
  g_mutex_unlock (&self->lock);
  return gst_cow_stats_to_structure (&stats, &condition, engine);
}

/* The end of a frame that was pending. */
void
gst_cow_stream_settle (GstCowStream *self, const GstCowFlight *flight, GstCowVerdict verdict)
{
  self->stats.pending--;
  if (verdict == GST_COW_VERDICT_CLASSIFY) {
    self->stats.classified++;
    self->stats.regions += flight->asked->len;
  } else {
    self->stats.not_classified[verdict]++;
  }
}

void
gst_cow_stream_drop (GstCowStream *self)
{
  GstCowFlight *flight;

  while ((flight = g_queue_pop_head (&self->flights))) {
    gst_cow_stream_settle (self, flight,
                           flight->verdict == GST_COW_VERDICT_CLASSIFY ? GST_COW_VERDICT_FLUSHED
                                                                       : flight->verdict);
    gst_cow_flight_forget (flight);
    gst_cow_flight_free (flight);
  }
  gst_clear_buffer (&self->ready);
  publish (self);
}

/* ---- in and out ------------------------------------------------------------------------------ */

/* Non-blocking: the frame goes on with what is known now; its own answers are for those that
 * follow. */
static void
depart (GstCowStream *self, GstCowFlight *flight)
{
  GValue objects = G_VALUE_INIT;

  gst_cow_stream_attach (self, flight, &objects);
  g_value_unset (&objects);
  self->ready = g_steal_pointer (&flight->buffer);
  for (guint i = 0; i < flight->targets->len; i++)
    g_array_index (flight->targets, GstCowTarget, i).roi = NULL;
  if (flight->verdict == GST_COW_VERDICT_CLASSIFY) {
    g_queue_push_tail (&self->flights, flight);
    return;
  }
  gst_cow_stream_settle (self, flight, flight->verdict);
  gst_cow_flight_free (flight);
}

void
gst_cow_stream_take (GstCowStream *self, GstBuffer *buffer, GstCowFrameSettings *settings,
                     const GstSegment *segment, const GstCowQos *qos)
{
  const GstCowMoment moment = gst_cow_moment_of (buffer, segment, &self->info, self->n_frames++);
  GstCowFlight *flight;

  gst_cow_stream_adopt_settings (self, settings);
  gst_cow_stream_note_time (self, moment.running_time);
  if (!self->blocking)
    gst_cow_stream_land_finished (self);
  flight = gst_cow_flight_new (buffer, &moment, self->engine, self->settings, self->mask,
                               gst_cow_stream_find_targets (self, buffer, moment.frame));
  self->stats.frames++;
  self->stats.pending++;
  flight->verdict = gst_cow_stream_judge (self, flight, qos);
  if (flight->verdict == GST_COW_VERDICT_CLASSIFY)
    gst_cow_stream_submit (self, flight);
  else
    g_array_set_size (flight->asked, 0);
  if (self->blocking)
    g_queue_push_tail (&self->flights, flight);
  else
    depart (self, flight);
  publish (self);
}

/* Blocking: the oldest frame, with its answers. */
static GstFlowReturn
give_head (GstCowStream *self, GstBuffer **buffer)
{
  GstCowFlight *flight = g_queue_peek_head (&self->flights);
  g_autoptr (GError) error = NULL;
  GValue objects = G_VALUE_INIT;

  if (!gst_cow_stream_wait_for (self, flight, &error)) {
    if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
      return GST_FLOW_FLUSHING;
    flight->verdict = GST_COW_VERDICT_FAULT;
    gst_cow_stream_drop (self);
    return gst_cow_stream_fail (self, error);
  }
  g_queue_pop_head (&self->flights);
  if (flight->verdict == GST_COW_VERDICT_CLASSIFY)
    gst_cow_stream_land (self, flight);
  else
    gst_cow_stream_settle (self, flight, flight->verdict);
  gst_cow_stream_attach (self, flight, &objects);
  gst_cow_stream_announce (self, flight, &objects);
  g_value_unset (&objects);
  *buffer = g_steal_pointer (&flight->buffer);
  gst_cow_flight_free (flight);
  return GST_FLOW_OK;
}

GstFlowReturn
gst_cow_stream_give (GstCowStream *self, gboolean all, GstBuffer **buffer)
{
  const GstCowFlight *head = g_queue_peek_head (&self->flights);
  GstFlowReturn flow;

  *buffer = g_steal_pointer (&self->ready);
  if (*buffer || !self->blocking || !head)
    return GST_FLOW_OK;
  if (!all && self->flights.length < gst_cow_frame_settings_depth (self->settings) &&
      !gst_cow_flight_is_done (head))
    return GST_FLOW_OK;
  if (all)
    hurry_all (self);
  flow = give_head (self, buffer);
  publish (self);
  return flow;
}
