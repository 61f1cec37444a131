/* SPDX-License-Identifier: MIT */
/* Which frames of a stream are classified, and which regions of them. */
#include "gst-plugin/behavior/schedule.h"

#include "gst-plugin/behavior/failures.h"
#include "gst-plugin/behavior/gate.h"

/* DeepStream's limit: a tracked box that grew by so much shows something new. */
#define GROWN 1.2
/* A box that overlaps the one that was classified by less than this shows something else. */
#define MOVED 0.5
/* A second frame is submitted ahead where a forward pass takes less than so many frames. */
#define FRAMES_AHEAD 4
/* The longest time without a classification that lateness may cause. */
#define MOST_LATE GST_SECOND

/* ---- rules ----------------------------------------------------------------------------------- */

gboolean
gst_cow_schedule_is_due (const GstCowTrack *track, guint64 frame, guint interval)
{
  const CowRegion *now = &track->box, *then = &track->submitted_box;

  if (!track->submitted)
    return TRUE;
  if (interval > 0 && frame - track->submitted_frame >= interval)
    return TRUE;
  return (gdouble)now->w * now->h > GROWN * then->w * then->h || gst_cow_iou (now, then) < MOVED;
}

gboolean
gst_cow_schedule_has_room (guint n_in_flight, gboolean computing, guint n_queued, gint64 typical_ns,
                           GstClockTime frame_ns)
{
  if (n_in_flight == 0)
    return TRUE;
  return n_in_flight == 1 && computing && n_queued == 0 && typical_ns > 0 &&
         (guint64)typical_ns < FRAMES_AHEAD * frame_ns;
}

void
gst_cow_qos_reset (GstCowQos *self)
{
  self->earliest = GST_CLOCK_TIME_NONE;
}

/* As decoders do, a stream that is late gets ahead by twice as much, or the next frame would be
 * late again; but by a second at most. */
void
gst_cow_qos_update (GstCowQos *self, GstClockTimeDiff diff, GstClockTime timestamp)
{
  if (!GST_CLOCK_TIME_IS_VALID (timestamp))
    self->earliest = GST_CLOCK_TIME_NONE;
  else if (diff > 0)
    self->earliest = timestamp + MIN (2 * (GstClockTime)diff, GST_SECOND);
  else
    self->earliest = timestamp > (GstClockTime)-diff ? timestamp - (GstClockTime)-diff : 0;
}

gboolean
gst_cow_qos_is_late (const GstCowQos *self, GstClockTime running_time, GstClockTime last_submitted)
{
  if (!GST_CLOCK_TIME_IS_VALID (self->earliest) || !GST_CLOCK_TIME_IS_VALID (running_time) ||
      running_time > self->earliest)
    return FALSE;
  /* A time before the last submission is another part of the stream, or a clock that jumped. */
  return GST_CLOCK_TIME_IS_VALID (last_submitted) && running_time >= last_submitted &&
         running_time - last_submitted < MOST_LATE;
}

/* ---- the schedule of a stream ---------------------------------------------------------------- */

void
gst_cow_schedule_start (GstCowSchedule *self)
{
  self->retry_us = 0;
  gst_cow_schedule_reset (self);
}

void
gst_cow_schedule_reset (GstCowSchedule *self)
{
  self->submitted = FALSE;
  self->submitted_time = GST_CLOCK_TIME_NONE;
}

static GstCowTrack *
track_of (const GstCowFlight *flight, guint target)
{
  return g_array_index (flight->targets, GstCowTarget, target).track;
}

/* Those that wait the longest come first. */
static gint
compare_waiting (gconstpointer a, gconstpointer b, gpointer flight)
{
  const guint i = *(const guint *)a, j = *(const guint *)b;
  const GstCowTrack *x = track_of (flight, i), *y = track_of (flight, j);
  const guint64 x_since = x->submitted ? x->submitted_frame + 1 : 0,
                y_since = y->submitted ? y->submitted_frame + 1 : 0;

  if (x_since != y_since)
    return x_since < y_since ? -1 : 1;
  return i < j ? -1 : i > j;
}

/* A live stream submits no more at once than a forward pass takes, so that its frames do not wait
 * for their preparation and other streams get their turn. All of its cows get theirs in time. */
static void
choose_longest_waiting (GstCowFlight *flight)
{
  const guint batch = flight->settings->batch_size;
  const guint most = batch ? batch : COW_ENGINE_BATCH;

  g_array_sort_with_data (flight->chosen, compare_waiting, flight);
  g_array_set_size (flight->chosen, MIN (flight->chosen->len, most));
}

static gboolean
engine_has_room (const GstCowFlight *flight, const GstCowLoad *load)
{
  CowEngineCounters counters = { 0 };

  if (load->last)
    cow_engine_get_counters (flight->engine, &counters);
  return gst_cow_schedule_has_room (
      load->n_in_flight, load->last && gst_cow_flight_is_taken (load->last),
      cow_engine_n_waiting (flight->engine), counters.p50_ns, load->frame_ns);
}

/* The verdict, and all targets that are due in flight->chosen. */
static GstCowVerdict
decide (const GstCowSchedule *self, GstCowFlight *flight, const GstCowQos *qos,
        const GstCowLoad *load)
{
  const guint64 frame = flight->moment.frame;

  if (self->submitted && frame - self->submitted_frame < flight->settings->interval)
    return GST_COW_VERDICT_REUSE;
  for (guint i = 0; i < flight->targets->len; i++) {
    if (gst_cow_schedule_is_due (track_of (flight, i), frame, flight->settings->reclassify))
      g_array_append_val (flight->chosen, i);
  }
  if (flight->chosen->len == 0)
    return GST_COW_VERDICT_REUSE;
  if (GST_BUFFER_FLAGS (flight->buffer) & (GST_BUFFER_FLAG_GAP | GST_BUFFER_FLAG_DECODE_ONLY))
    return GST_COW_VERDICT_GAP;
  if (GST_BUFFER_FLAG_IS_SET (flight->buffer, GST_BUFFER_FLAG_CORRUPTED))
    return GST_COW_VERDICT_CORRUPTED;
  if (gst_cow_qos_is_late (qos, flight->moment.running_time, self->submitted_time))
    return GST_COW_VERDICT_LATE;
  if (flight->settings->motion_threshold > 0) {
    flight->n_still = gst_cow_gate_filter (flight, load->info, flight->settings->motion_threshold,
                                           load->frame_ns);
    if (flight->chosen->len == 0)
      return GST_COW_VERDICT_REUSE;
  }
  if (load->blocking)
    return GST_COW_VERDICT_CLASSIFY;
  if (g_get_monotonic_time () < self->retry_us)
    return GST_COW_VERDICT_FAULT;
  return engine_has_room (flight, load) ? GST_COW_VERDICT_CLASSIFY : GST_COW_VERDICT_BUSY;
}

GstCowVerdict
gst_cow_schedule_decide (const GstCowSchedule *self, GstCowFlight *flight, const GstCowQos *qos,
                         const GstCowLoad *load)
{
  const GstCowVerdict verdict = decide (self, flight, qos, load);

  if (verdict != GST_COW_VERDICT_CLASSIFY)
    g_array_set_size (flight->chosen, 0);
  else if (!load->blocking)
    choose_longest_waiting (flight);
  return verdict;
}

void
gst_cow_schedule_submitted (GstCowSchedule *self, const GstCowFlight *flight)
{
  for (guint i = 0; i < flight->chosen->len; i++) {
    GstCowTrack *track = gst_cow_flight_chosen (flight, i)->track;

    track->submitted = TRUE;
    track->submitted_frame = flight->moment.frame;
    track->submitted_box = track->box;
  }
  self->submitted = TRUE;
  self->submitted_frame = flight->moment.frame;
  self->submitted_time = flight->moment.running_time;
}

void
gst_cow_schedule_cancel (GstCowFlight *flight)
{
  for (guint i = 0; i < flight->chosen->len; i++)
    gst_cow_flight_chosen (flight, i)->track->submitted = FALSE;
  gst_cow_flight_cancel (flight);
}

void
gst_cow_schedule_back_off (GstCowSchedule *self)
{
  self->retry_us = g_get_monotonic_time () + GST_COW_FAILURES_RETRY_US;
}
