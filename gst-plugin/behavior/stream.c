/* SPDX-License-Identifier: MIT */
/*
 * The way of a frame through the element.
 *
 * Calls run down this list and never back up:
 *
 *   push      regions   which parts of the frame count               regions.h
 *             tracks    who is who                                   tracker.h
 *             schedule  which of them are due                        schedule.h
 *             submit    crops are resampled; the frame is free       flight.h, slots.h
 *   pull      complete  probabilities into tracks                    results.h
 *             attach    labels onto the buffer                       results.h
 *             post      labels onto the bus                          results.h
 *
 * The states of a stream:
 *
 *                  start()                    set_mode()
 *     +---------+ --------> +----------+ -----------------> +------+
 *     | STOPPED |           | BLOCKING |                    | LIVE |
 *     +---------+ <-------- +----------+ <----------------- +------+
 *          ^        stop()                                      |
 *          +----------------------------------------------------+
 *                                 stop()
 *
 *   STOPPED   There is no engine, no frame and no track.
 *   BLOCKING  A frame stays in the queue until its results are there, and leaves with them. The
 *             queue holds two batches at most, so that one fills while the other is computed.
 *   LIVE      A frame leaves at once with what is known. It stays in the queue, without its buffer,
 *             until its results are there; they are for the frames that follow.
 *   (start() continues in the mode of the last time. A stream that was never told is BLOCKING.)
 *
 * Beside the state, any thread may turn "flushing" on (a flush, a stop): then nobody waits, pull()
 * in BLOCKING returns GST_FLOW_FLUSHING, and the frames stay in the queue until flush().
 *
 * The states of a frame in flight:
 *
 *               push()
 *                 |   schedule: not due, late, a gap, no room
 *                 +-----------------------------------------------+
 *                 |   submit failed                               |
 *                 +--------------------------------------+        |
 *                 | submitted                            v        v
 *                 v                                  +------------------+
 *            +-----------+      flush(), stop()      |     finished     |
 *            | in flight | ------------------------> | and counted once |
 *            +-----------+                           +------------------+
 *                 |    forward pass failed               ^        ^
 *                 +--------------------------------------+        |
 *                 |    complete: into tracks                      |
 *                 +-----------------------------------------------+
 *
 * In BLOCKING a frame is finished when it leaves, whatever became of it, so that frames keep their
 * order. In LIVE one that was not submitted is finished in push().
 *
 * Invariants between calls. Builds with tests check those that can be checked at the end of each.
 *
 *   (1) Only the streaming thread calls, but for the three functions that say "any thread". What
 *       those read has a lock: flushing (slots.c), counters (results.c), frame_ns (here). No lock
 * is held while waiting. (2) Frames in the queue are in the order in which they came. (3) In
 * BLOCKING each frame in the queue owns its buffer, and `outgoing` is NULL. (4) In LIVE no frame in
 * the queue owns a buffer, nor points to metadata of one, and each has tickets. (5) No buffer is
 * mapped: crops were resampled when they were submitted. A producer with a pool of two buffers
 * never waits for the engine in LIVE. (6) The pending frames of the counters are those in the
 * queue, and each frame that came is counted exactly once. (7) A frame keeps the engine, settings
 * and mask that it began with. (8) In LIVE nothing waits: the schedule submits only what has room.
 * In BLOCKING all waits are those of slots.c.
 */
#include "gst-plugin/behavior/stream.h"

#include <gio/gio.h>

#include "cow-build.h"
#include "gst-plugin/behavior/flight.h"
#include "gst-plugin/behavior/gate.h"
#include "gst-plugin/behavior/regions.h"
#include "gst-plugin/behavior/results.h"
#include "gst-plugin/behavior/slots.h"
#include "gst-plugin/behavior/tracker.h"
#include "gst-plugin/common/clock.h"

/* A frame's duration where the caps have no frame rate. */
#define USUAL_FRAME (40 * GST_MSECOND)
/* Cows may be anywhere after a pause that is longer than this, and than so many of the usual
 * distances between frames. */
#define STALE_TIME   (5 * GST_SECOND)
#define STALE_FRAMES 10

typedef enum { STOPPED, BLOCKING, LIVE } State;

struct _GstCowStream {
  GstElement *element;    /* borrowed */
  GstCowContext *context; /* borrowed */
  State state;
  State mode; /* BLOCKING or LIVE: the state while it is not stopped */
  gboolean in_live_pipeline;

  CowEngine *engine;
  GstCowFrameSettings *settings; /* those of the last frame, or NULL */
  GArray *mask;                  /* of gboolean, by class: those that settings->classes allows */
  GstVideoInfo info;

  GstCowRegions regions;
  GstCowTracker tracker;
  GstCowSchedule schedule;
  GstCowSlots slots;
  GstCowResults *results;
  GstCowClock clock; /* the camera's */

  GQueue flights;      /* of GstCowFlight, oldest first */
  GstBuffer *outgoing; /* LIVE: the frame that the next pull () gives, or NULL */
  guint64 n_frames;
  GstClockTime last_time, last_step; /* running time of the last frame; from the one before to it */

  GMutex lock; /* protects what is below */
  GstClockTime frame_ns;
};

/* ---- invariants ------------------------------------------------------------------------------ */

#ifdef COW_TESTS
static void
check_flight (const GstCowStream *self, const GstCowFlight *flight, guint64 *frame)
{
  g_assert (*frame == G_MAXUINT64 || flight->moment.frame > *frame); /* (2) */
  *frame = flight->moment.frame;
  if (self->state == BLOCKING) {
    g_assert (flight->buffer); /* (3) */
    return;
  }
  g_assert (!flight->buffer && flight->tickets->len > 0); /* (4) */
  g_assert (flight->verdict == GST_COW_VERDICT_CLASSIFY);
  for (guint i = 0; i < flight->targets->len; i++)
    g_assert (!g_array_index (flight->targets, GstCowTarget, i).roi);
}

static void
check_invariants (const GstCowStream *self)
{
  guint64 frame = G_MAXUINT64;

  g_assert ((self->engine == NULL) == (self->state == STOPPED));
  if (self->state == STOPPED)
    g_assert (self->flights.length == 0 && self->tracker.tracks->len == 0);
  if (self->state != LIVE)
    g_assert (!self->outgoing); /* (3) */
  for (const GList *link = self->flights.head; link; link = link->next)
    check_flight (self, link->data, &frame);
  g_assert (gst_cow_results_n_pending (self->results) == self->flights.length); /* (6) */
  g_assert (gst_cow_results_add_up (self->results));
}
#else
static void
check_invariants (const GstCowStream *self)
{
}
#endif

/* Ends a call: other threads see the counters as they are now. */
static void
settle (GstCowStream *self)
{
  gst_cow_results_publish (self->results,
                           &(GstCowCondition){ .live = self->in_live_pipeline,
                                               .blocking = self->mode == BLOCKING,
                                               .tracks = self->tracker.tracks->len,
                                               .tracks_evicted = self->tracker.n_evicted });
  check_invariants (self);
}

/* ---- states ---------------------------------------------------------------------------------- */

GstCowStream *
gst_cow_stream_new (GstElement *element, GstCowContext *context)
{
  GstCowStream *self = g_new0 (GstCowStream, 1);

  self->element = element;
  self->context = context;
  self->state = STOPPED;
  self->mode = BLOCKING;
  self->frame_ns = USUAL_FRAME;
  gst_video_info_init (&self->info);
  gst_cow_tracker_init (&self->tracker);
  gst_cow_slots_init (&self->slots);
  self->results = gst_cow_results_new (element, context);
  g_queue_init (&self->flights);
  g_mutex_init (&self->lock);
  settle (self);
  return self;
}

void
gst_cow_stream_free (GstCowStream *self)
{
  gst_cow_stream_stop (self);
  gst_cow_tracker_clear (&self->tracker);
  gst_cow_slots_clear (&self->slots);
  gst_cow_results_free (self->results);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* From the engine's thread: frames may be in a context that is lost, and no other may come. */
static void
device_lost (gpointer user_data, const char *failure)
{
  const GstCowStream *self = user_data;

  gst_cow_context_is_lost (self->context, failure);
}

static void
take_engine (GstCowStream *self, CowEngine *engine)
{
  self->engine = cow_engine_ref (engine);
  cow_engine_listen (engine, device_lost, self);
}

static void
drop_engine (GstCowStream *self)
{
  cow_engine_unlisten (self->engine, self);
  g_clear_pointer (&self->engine, cow_engine_unref);
}

void
gst_cow_stream_start (GstCowStream *self, CowEngine *engine)
{
  g_return_if_fail (self->state == STOPPED);
  gst_cow_context_start (self->context);
  take_engine (self, engine);
  self->state = self->mode;
  self->n_frames = 0;
  self->clock = (GstCowClock){ 0 };
  self->tracker.n_evicted = 0;
  gst_cow_regions_start (&self->regions, self->element);
  gst_cow_schedule_start (&self->schedule);
  gst_cow_results_start (self->results);
  gst_cow_stream_reset (self);
  settle (self);
}

void
gst_cow_stream_stop (GstCowStream *self)
{
  if (self->state == STOPPED)
    return;
  gst_cow_stream_flush (self);
  gst_cow_stream_reset (self);
  gst_cow_slots_release_all (&self->slots);
  g_clear_pointer (&self->settings, gst_cow_frame_settings_unref);
  g_clear_pointer (&self->mask, g_array_unref);
  drop_engine (self);
  self->state = STOPPED;
  check_invariants (self);
}

gboolean
gst_cow_stream_is_blocking (const GstCowStream *self)
{
  return self->mode == BLOCKING;
}

void
gst_cow_stream_set_mode (GstCowStream *self, gboolean blocking, gboolean live)
{
  const State mode = blocking ? BLOCKING : LIVE;

  self->in_live_pipeline = live;
  if (mode == self->mode)
    return;
  gst_cow_stream_flush (self);
  self->mode = mode;
  if (self->state != STOPPED)
    self->state = mode;
  settle (self);
}

void
gst_cow_stream_reset (GstCowStream *self)
{
  gst_cow_regions_reset (&self->regions);
  gst_cow_tracker_reset (&self->tracker);
  gst_cow_schedule_reset (&self->schedule);
  self->last_time = self->last_step = GST_CLOCK_TIME_NONE;
}

void
gst_cow_stream_set_info (GstCowStream *self, const GstVideoInfo *info)
{
  const gint n = GST_VIDEO_INFO_FPS_N (info), d = GST_VIDEO_INFO_FPS_D (info);

  if (gst_video_info_is_equal (info, &self->info))
    return;
  self->info = *info;
  g_mutex_lock (&self->lock);
  self->frame_ns = n > 0 ? gst_util_uint64_scale_int (GST_SECOND, d, n) : USUAL_FRAME;
  g_mutex_unlock (&self->lock);
  gst_cow_stream_reset (self);
}

GstClockTime
gst_cow_stream_get_frame_duration (GstCowStream *self)
{
  GstClockTime frame_ns;

  g_mutex_lock (&self->lock);
  frame_ns = self->frame_ns;
  g_mutex_unlock (&self->lock);
  return frame_ns;
}

/* Nothing comes that the pictures in flight could share a batch with. */
static void
flush_batches (GstCowStream *self)
{
  for (GList *link = self->flights.head; link; link = link->next)
    gst_cow_flight_flush_batch (link->data);
}

guint64
gst_cow_stream_set_engine (GstCowStream *self, CowEngine *engine)
{
  if (g_strv_equal (cow_engine_classes (engine), cow_engine_classes (self->engine)))
    gst_cow_tracker_invalidate (&self->tracker);
  else
    gst_cow_tracker_reset (&self->tracker);
  gst_cow_schedule_reset (&self->schedule);
  flush_batches (self); /* the old engine gets no more pictures of this stream */
  drop_engine (self);
  take_engine (self, engine);
  /* the mask is of the old engine's classes */
  g_clear_pointer (&self->settings, gst_cow_frame_settings_unref);
  return self->n_frames;
}

void
gst_cow_stream_set_flushing (GstCowStream *self, gboolean flushing)
{
  gst_cow_slots_set_flushing (&self->slots, flushing);
}

GstStructure *
gst_cow_stream_get_stats (GstCowStream *self, CowEngine *engine)
{
  return gst_cow_results_get_stats (self->results, engine);
}

/* ---- the end of a frame ---------------------------------------------------------------------- */

/* Frees a frame that is in no queue; it is counted by its verdict. */
static void
finish (GstCowStream *self, GstCowFlight *flight)
{
  gst_cow_results_finish (self->results, flight);
  gst_cow_flight_free (flight);
}

/* Finishes a frame without results; its targets are due again. */
static void
cancel (GstCowStream *self, GstCowFlight *flight, GstCowVerdict verdict)
{
  flight->verdict = verdict;
  gst_cow_schedule_cancel (flight);
  finish (self, flight);
}

void
gst_cow_stream_flush (GstCowStream *self)
{
  GstCowFlight *flight;

  while ((flight = g_queue_pop_head (&self->flights)))
    cancel (self, flight,
            flight->verdict == GST_COW_VERDICT_CLASSIFY ? GST_COW_VERDICT_FLUSHED
                                                        : flight->verdict);
  gst_clear_buffer (&self->outgoing);
  settle (self);
}

/* ---- push ------------------------------------------------------------------------------------ */

/* Takes a reference: these count from now on. */
static void
adopt_settings (GstCowStream *self, GstCowFrameSettings *settings)
{
  g_autoptr (GError) error = NULL;

  if (self->settings == settings) {
    gst_cow_frame_settings_unref (settings);
    return;
  }
  g_clear_pointer (&self->settings, gst_cow_frame_settings_unref);
  self->settings = settings;
  g_clear_pointer (&self->mask, g_array_unref);
  self->mask = gst_cow_frame_settings_mask (settings, self->engine, &error);
  if (error)
    GST_ELEMENT_WARNING (self->element, RESOURCE, SETTINGS,
                         ("property classes: %s", error->message), (NULL));
}

/* After a pause of the camera cows are no longer where they were. `now` is running time. */
static void
note_time (GstCowStream *self, GstClockTime now)
{
  const GstClockTime last = self->last_time;

  if (!GST_CLOCK_TIME_IS_VALID (now))
    return;
  if (GST_CLOCK_TIME_IS_VALID (last)) {
    const GstClockTime step = now > last ? now - last : last - now;

    if (GST_CLOCK_TIME_IS_VALID (self->last_step) && step > STALE_TIME &&
        step / STALE_FRAMES > self->last_step)
      gst_cow_stream_reset (self);
    self->last_step = step;
  }
  self->last_time = now;
}

/* LIVE: takes the results that have come. */
static void
complete_finished (GstCowStream *self)
{
  GstCowFlight *flight;

  while ((flight = g_queue_peek_head (&self->flights)) && gst_cow_flight_is_done (flight)) {
    g_autoptr (GError) error = NULL;

    g_queue_pop_head (&self->flights);
    if (gst_cow_flight_wait (flight, &self->slots, &error)) {
      gst_cow_results_complete (self->results, flight);
      gst_cow_results_post (self->results, flight, NULL);
      finish (self, flight);
    } else {
      gst_cow_schedule_back_off (&self->schedule);
      gst_cow_results_warn (self->results, error);
      cancel (self, flight, GST_COW_VERDICT_FAULT);
    }
  }
}

/* The regions of a buffer that may be classified. */
static GArray *
find_targets (GstCowStream *self, GstBuffer *buffer, guint64 frame, GstCowRegionCounts *counts)
{
  const GstCowFrameSettings *settings = self->settings;
  const GstCowRegionFilter filter = {
    .mode = settings->region,
    .zones = settings->zones,
    .object_class = (const char *const *)settings->object_class,
    .min_size = settings->min_size,
    .padding = settings->padding,
  };

  return gst_cow_regions_collect (&self->regions, buffer, &filter, &self->info, frame, counts);
}

/* Gives each target its track. */
static void
find_tracks (GstCowStream *self, GArray *targets, guint64 frame)
{
  g_autofree GstCowSighting *sightings = g_new (GstCowSighting, targets->len);
  g_autofree GstCowTrack **tracks = g_new (GstCowTrack *, targets->len);

  for (guint i = 0; i < targets->len; i++) {
    const GstCowTarget *target = &g_array_index (targets, GstCowTarget, i);

    sightings[i] = (GstCowSighting){ .box = target->box,
                                     .source = target->source,
                                     .id = target->source_id,
                                     .score = (gdouble)target->confidence };
  }
  gst_cow_tracker_update (&self->tracker, frame, sightings, targets->len, tracks);
  for (guint i = 0; i < targets->len; i++)
    g_array_index (targets, GstCowTarget, i).track = tracks[i];
}

/* Submits what is due of a frame. Nothing is once the frames' memory is lost. */
static void
schedule (GstCowStream *self, GstCowFlight *flight, const GstCowQos *qos)
{
  const GstCowLoad load = {
    .blocking = self->state == BLOCKING,
    .n_in_flight = self->flights.length,
    .last = g_queue_peek_tail (&self->flights),
    .frame_ns = gst_cow_stream_get_frame_duration (self),
    .info = &self->info,
  };

  flight->verdict = gst_cow_context_is_over (self->context)
                        ? GST_COW_VERDICT_FAULT
                        : gst_cow_schedule_decide (&self->schedule, flight, qos, &load);
  if (flight->verdict != GST_COW_VERDICT_CLASSIFY)
    return;
  if (gst_cow_flight_submit (flight, &self->info, &self->slots)) {
    gst_cow_schedule_submitted (&self->schedule, flight);
    if (flight->settings->motion_threshold > 0)
      gst_cow_gate_note (flight, &self->info);
  } else if (self->state ==
             LIVE) { /* in BLOCKING, pull () reports it when it is the frame's turn */
    flight->verdict = GST_COW_VERDICT_FAULT;
    gst_cow_results_warn (self->results, flight->error);
  }
}

/* LIVE: the frame goes on with what is known now; its own results are for those that follow. */
static void
send_on (GstCowStream *self, GstCowFlight *flight)
{
  GValue objects = G_VALUE_INIT;

  gst_cow_results_attach (self->results, flight, &objects);
  g_value_unset (&objects);
  self->outgoing = g_steal_pointer (&flight->buffer);
  for (guint i = 0; i < flight->targets->len; i++)
    g_array_index (flight->targets, GstCowTarget, i).roi = NULL;
  if (flight->verdict == GST_COW_VERDICT_CLASSIFY)
    g_queue_push_tail (&self->flights, flight);
  else
    finish (self, flight);
}

void
gst_cow_stream_push (GstCowStream *self, GstBuffer *buffer, GstCowFrameSettings *settings,
                     const GstSegment *segment, const GstCowQos *qos)
{
  GstCowMoment moment = gst_cow_moment_of (buffer, segment, &self->info, self->n_frames++);
  GstCowRegionCounts counts;
  GstCowFlight *flight;
  GArray *targets;

  adopt_settings (self, settings);
  note_time (self, moment.running_time);
  /* Only messages have the camera's time. That of a recording is of any age. */
  if (self->in_live_pipeline && self->settings->post_messages != GST_COW_POST_MESSAGES_NONE)
    gst_cow_clock_check (&self->clock, self->element, &moment);
  if (self->state == LIVE)
    complete_finished (self);
  targets = find_targets (self, buffer, moment.frame, &counts);
  find_tracks (self, targets, moment.frame);
  flight = gst_cow_flight_new (buffer, &moment, self->engine, self->settings, self->mask, targets);
  gst_cow_results_begin (self->results, &counts);
  schedule (self, flight, qos);
  if (self->state == BLOCKING)
    g_queue_push_tail (&self->flights, flight);
  else
    send_on (self, flight);
  settle (self);
}

/* ---- pull ------------------------------------------------------------------------------------ */

/* BLOCKING: the oldest frame, with its results. */
static GstFlowReturn
complete_head (GstCowStream *self, GstBuffer **buffer)
{
  GstCowFlight *flight = g_queue_peek_head (&self->flights);
  g_autoptr (GError) error = NULL;
  GValue objects = G_VALUE_INIT;

  if (!gst_cow_flight_wait (flight, &self->slots, &error)) {
    if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
      return GST_FLOW_FLUSHING;
    flight->verdict = GST_COW_VERDICT_FAULT;
    gst_cow_stream_flush (self);
    return gst_cow_results_fail (self->results, error);
  }
  g_queue_pop_head (&self->flights);
  if (flight->verdict == GST_COW_VERDICT_CLASSIFY)
    gst_cow_results_complete (self->results, flight);
  gst_cow_results_attach (self->results, flight, &objects);
  gst_cow_results_post (self->results, flight, &objects);
  g_value_unset (&objects);
  *buffer = g_steal_pointer (&flight->buffer);
  finish (self, flight);
  return GST_FLOW_OK;
}

GstFlowReturn
gst_cow_stream_pull (GstCowStream *self, gboolean drain, GstBuffer **buffer)
{
  const GstCowFlight *head = g_queue_peek_head (&self->flights);
  GstFlowReturn flow;

  *buffer = NULL;
  if (gst_cow_context_is_over (self->context)) {
    gst_cow_stream_flush (self);
    return GST_FLOW_ERROR;
  }
  *buffer = g_steal_pointer (&self->outgoing);
  if (*buffer || self->state != BLOCKING || !head)
    return GST_FLOW_OK;
  if (!drain && self->flights.length < gst_cow_frame_settings_depth (self->settings) &&
      !gst_cow_flight_is_done (head))
    return GST_FLOW_OK;
  if (drain)
    flush_batches (self);
  flow = complete_head (self, buffer);
  settle (self);
  return flow;
}
