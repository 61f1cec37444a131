/* SPDX-License-Identifier: MIT */
/* What of a frame is given to the engine: its regions, whose they are, and whether it is their
 * time. */
#include "gst-plugin/behavior/stream-private.h"

/* Frames without any region, in roi-list mode, after which the user is told that a detector seems
 * to be missing. */
#define FRAMES_WITHOUT_REGIONS 100
/* A pause after which cows may be anywhere: longer than this, and than so many of the frames before
 * it. */
#define STALE_TIME   (5 * GST_SECOND)
#define STALE_FRAMES 10

GArray *
gst_cow_stream_mask (CowEngine *engine, const gchar *const *classes, GError **error)
{
  const char *const *names = cow_engine_classes (engine);
  const guint n = cow_engine_n_classes (engine);
  g_autoptr (GArray) mask = g_array_sized_new (FALSE, TRUE, sizeof (gboolean), n);
  gboolean any = FALSE;

  g_array_set_size (mask, n);
  for (; classes && *classes; classes++) {
    guint i = 0;

    while (i < n && !g_str_equal (names[i], *classes))
      i++;
    if (i < n) {
      g_array_index (mask, gboolean, i) = any = TRUE;
    } else if (error && !*error) {
      g_autofree gchar *all = g_strjoinv (", ", (gchar **)names);

      g_set_error (error, COW_ERROR, COW_ERROR_ARGUMENT, "\"%s\" is no class of %s, which has: %s",
                   *classes, cow_engine_name (engine), all);
    }
  }
  return any ? g_steal_pointer (&mask) : NULL;
}

void
gst_cow_stream_adopt_settings (GstCowStream *self, GstCowFrameSettings *settings)
{
  g_autoptr (GError) error = NULL;

  if (self->settings == settings) {
    gst_cow_frame_settings_unref (settings);
    return;
  }
  g_clear_pointer (&self->settings, gst_cow_frame_settings_unref);
  self->settings = settings;
  g_clear_pointer (&self->mask, g_array_unref);
  self->mask = gst_cow_stream_mask (self->engine, (const gchar *const *)settings->classes, &error);
  if (error)
    GST_ELEMENT_WARNING (self->element, RESOURCE, SETTINGS,
                         ("property classes: %s", error->message), (NULL));
}

/* After a pause of the camera, cows are no longer where they were. */
void
gst_cow_stream_note_time (GstCowStream *self, GstClockTime now)
{
  GstClockTime last = self->last_time;

  if (!GST_CLOCK_TIME_IS_VALID (now))
    return;
  if (GST_CLOCK_TIME_IS_VALID (last)) {
    GstClockTime step = now > last ? now - last : last - now;

    if (GST_CLOCK_TIME_IS_VALID (self->last_step) && step > STALE_TIME &&
        step / STALE_FRAMES > self->last_step)
      gst_cow_stream_reset (self);
    self->last_step = step;
  }
  self->last_time = now;
}

static void
warn_of_regions (GstCowStream *self, const GstCowRegionCounts *counts, guint n_seen,
                 gboolean wanted)
{
  if (counts->outside > 0 && !self->warned_outside) {
    self->warned_outside = TRUE;
    GST_ELEMENT_WARNING (
        self->element, STREAM, FORMAT,
        ("Regions of interest outside the frame or without size are not classified."),
        ("first seen in frame %" G_GUINT64_FORMAT " of %dx%d px", self->n_frames,
         GST_VIDEO_INFO_WIDTH (&self->info), GST_VIDEO_INFO_HEIGHT (&self->info)));
  }
  if (!wanted || self->n_frames_without_roi >= FRAMES_WITHOUT_REGIONS)
    return;
  self->n_frames_without_roi = n_seen > 0 ? FRAMES_WITHOUT_REGIONS : self->n_frames_without_roi + 1;
  if (self->n_frames_without_roi == FRAMES_WITHOUT_REGIONS && n_seen == 0)
    GST_ELEMENT_WARNING (self->element, STREAM, FAILED,
                         ("No frame had a region of interest yet: inference-region=roi-list needs "
                          "a detector before this element."),
                         ("%d frames seen", FRAMES_WITHOUT_REGIONS));
}

/* The regions of a buffer, with their tracks. */
GArray *
gst_cow_stream_find_targets (GstCowStream *self, GstBuffer *buffer, guint64 frame)
{
  const GstCowFrameSettings *settings = self->settings;
  const GstCowRegionFilter filter = {
    .mode = settings->region,
    .zones = settings->zones,
    .object_class = (const char *const *)settings->object_class,
    .min_size = settings->min_size,
    .padding = settings->padding,
  };
  GstCowInferenceRegion mode;
  GstCowRegionCounts counts;
  GArray *targets = gst_cow_regions_collect (buffer, &filter, GST_VIDEO_INFO_WIDTH (&self->info),
                                             GST_VIDEO_INFO_HEIGHT (&self->info), &self->detector,
                                             &mode, &counts);
  g_autofree GstCowSighting *sightings = g_new (GstCowSighting, targets->len);
  g_autofree GstCowTrack **tracks = g_new (GstCowTrack *, targets->len);
  guint n_seen = targets->len + counts.outside + counts.small + counts.other_class;

  gst_cow_stats_count_regions (&self->stats, &counts);
  self->stats.frames_without_regions += mode == GST_COW_INFERENCE_REGION_ROI_LIST && n_seen == 0;
  warn_of_regions (self, &counts, n_seen, settings->region == GST_COW_INFERENCE_REGION_ROI_LIST);
  for (guint i = 0; i < targets->len; i++) {
    const GstCowTarget *target = &g_array_index (targets, GstCowTarget, i);

    sightings[i] = (GstCowSighting){ target->box, target->source, target->source_id };
  }
  gst_cow_tracker_update (&self->tracker, frame, sightings, targets->len, tracks);
  for (guint i = 0; i < targets->len; i++)
    g_array_index (targets, GstCowTarget, i).track = tracks[i];
  return targets;
}

static GstCowTrack *
asked_track (const GstCowFlight *flight, guint target)
{
  return g_array_index (flight->targets, GstCowTarget, target).track;
}

/* Those first that wait the longest. */
static gint
compare_waiting (gconstpointer a, gconstpointer b, gpointer flight)
{
  const guint i = *(const guint *)a, j = *(const guint *)b;
  const GstCowTrack *x = asked_track (flight, i), *y = asked_track (flight, j);
  const guint64 x_since = x->asked ? x->asked_frame + 1 : 0,
                y_since = y->asked ? y->asked_frame + 1 : 0;

  if (x_since != y_since)
    return x_since < y_since ? -1 : 1;
  return i < j ? -1 : i > j;
}

/* A stream that does not wait asks for no more at once than a forward pass takes, so that neither
 * its frames wait for their preparation nor others for their turn; all of its cows have theirs. */
static void
choose_longest_waiting (const GstCowStream *self, GstCowFlight *flight)
{
  const guint most = self->settings->batch_size ? self->settings->batch_size : COW_ENGINE_BATCH;

  g_array_sort_with_data (flight->asked, compare_waiting, flight);
  g_array_set_size (flight->asked, MIN (flight->asked->len, most));
}

static gboolean
has_room (GstCowStream *self)
{
  CowEngineCounters counters = { 0 };
  const GstCowFlight *last = g_queue_peek_tail (&self->flights);

  if (last)
    cow_engine_get_counters (self->engine, &counters);
  return gst_cow_pace_has_room (self->flights.length, last && gst_cow_flight_is_taken (last),
                                cow_engine_n_waiting (self->engine), counters.p50_ns,
                                self->frame_ns);
}

/* Whether the frame is classified, and if so which of its targets: flight->asked. */
GstCowVerdict
gst_cow_stream_judge (GstCowStream *self, GstCowFlight *flight, const GstCowQos *qos)
{
  const guint64 frame = flight->moment.frame;

  if (self->asked && frame - self->asked_frame < self->settings->interval)
    return GST_COW_VERDICT_REUSE;
  for (guint i = 0; i < flight->targets->len; i++) {
    if (gst_cow_pace_is_due (asked_track (flight, i), frame, self->settings->reclassify))
      g_array_append_val (flight->asked, i);
  }
  if (flight->asked->len == 0)
    return GST_COW_VERDICT_REUSE;
  if (GST_BUFFER_FLAG_IS_SET (flight->buffer, GST_BUFFER_FLAG_GAP))
    return GST_COW_VERDICT_GAP;
  if (gst_cow_qos_is_late (qos, flight->moment.running_time, self->asked_time))
    return GST_COW_VERDICT_LATE;
  if (self->blocking)
    return GST_COW_VERDICT_CLASSIFY;
  if (g_get_monotonic_time () < self->retry_us)
    return GST_COW_VERDICT_FAULT;
  if (!has_room (self))
    return GST_COW_VERDICT_BUSY;
  choose_longest_waiting (self, flight);
  return GST_COW_VERDICT_CLASSIFY;
}

void
gst_cow_stream_submit (GstCowStream *self, GstCowFlight *flight)
{
  if (gst_cow_flight_submit (flight, &self->info, self, gst_cow_stream_wait_for_ticket)) {
    self->asked = TRUE;
    self->asked_frame = flight->moment.frame;
    self->asked_time = flight->moment.running_time;
  } else if (!self->blocking) {
    flight->verdict = GST_COW_VERDICT_FAULT;
    gst_cow_stream_endure (self, flight->error, FALSE);
  }
}
