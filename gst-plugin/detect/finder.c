/* SPDX-License-Identifier: MIT */
/* The cows of a stream. */
#include "gst-plugin/detect/finder.h"

#include <gio/gio.h>
#include <math.h>

#include "gst-plugin/behavior/failures.h"
#include "gst-plugin/behavior/flight.h"
#include "gst-plugin/behavior/slots.h"
#include "gst-plugin/behavior/tracker.h"
#include "gst-plugin/common/analytics.h"

/* Tiles share so much of their sides with their neighbours, so that what one cuts another has
 * whole. */
#define TILES_SHARE .2
/* All parts of a frame are one ticket. */
G_STATIC_ASSERT (GST_COW_FINDER_MAX_TILES *GST_COW_FINDER_MAX_TILES < COW_ENGINE_MAX_REGIONS);

/* A cow of the last frame that was looked at. */
typedef struct {
  GstCowTrack *track; /* a reference */
  gfloat score;
} Found;

typedef struct {
  guint64 frames, inferences, objects, errors;
  guint64 skipped_busy, skipped_gap, skipped_corrupted, skipped_fault;
  guint tracks;
} Counters;

struct _GstCowFinder {
  GstElement *element; /* borrowed */
  CowEngine *engine;
  GstCowFrameSettings *settings; /* of flights */
  GstCowSlots slots;
  GstCowTracker tracker;
  GArray *found;        /* of Found */
  guint64 found_frame;  /* that they were found in; valid while `looked` */
  GstCowFlight *flight; /* the frame that the engine has, or NULL */
  guint64 asked_frame;  /* the last that was submitted; valid while `asked` */
  gboolean looked, asked;
  gboolean news;              /* something was found since the last frame that left */
  gint64 retry_us, warned_us; /* monotonic; 0: not yet */
  Counters counters;

  GMutex lock; /* protects what is below */
  Counters published;
};

/* ---- start and stop -------------------------------------------------------------------------- */

static void
found_clear (gpointer data)
{
  gst_cow_track_unref (((Found *)data)->track);
}

GstCowFinder *
gst_cow_finder_new (GstElement *element)
{
  GstCowFinder *self = g_new0 (GstCowFinder, 1);
  GstCowSettings usual;

  self->element = element;
  gst_cow_settings_init (&usual);
  self->settings = gst_cow_frame_settings_ref (usual.frame);
  gst_cow_settings_clear (&usual);
  gst_cow_slots_init (&self->slots);
  gst_cow_tracker_init (&self->tracker);
  self->found = g_array_new (FALSE, FALSE, sizeof (Found));
  g_array_set_clear_func (self->found, found_clear);
  g_mutex_init (&self->lock);
  return self;
}

void
gst_cow_finder_free (GstCowFinder *self)
{
  if (!self)
    return;
  gst_cow_finder_stop (self);
  g_array_unref (self->found);
  gst_cow_tracker_clear (&self->tracker);
  gst_cow_slots_clear (&self->slots);
  gst_cow_frame_settings_unref (self->settings);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* Makes the counters visible to other threads. */
static void
publish (GstCowFinder *self)
{
  self->counters.tracks = self->tracker.tracks->len;
  g_mutex_lock (&self->lock);
  self->published = self->counters;
  g_mutex_unlock (&self->lock);
}

void
gst_cow_finder_start (GstCowFinder *self, CowEngine *engine)
{
  self->engine = cow_engine_ref (engine);
  self->counters = (Counters){ 0 };
  self->retry_us = self->warned_us = 0;
  gst_cow_finder_reset (self);
  publish (self);
}

void
gst_cow_finder_stop (GstCowFinder *self)
{
  gst_cow_finder_flush (self);
  gst_cow_finder_reset (self);
  gst_cow_slots_release_all (&self->slots);
  g_clear_pointer (&self->engine, cow_engine_unref);
}

void
gst_cow_finder_flush (GstCowFinder *self)
{
  g_clear_pointer (&self->flight, gst_cow_flight_free);
}

void
gst_cow_finder_reset (GstCowFinder *self)
{
  gst_cow_finder_flush (self);
  g_array_set_size (self->found, 0);
  gst_cow_tracker_reset (&self->tracker);
  self->looked = self->asked = self->news = FALSE;
}

void
gst_cow_finder_set_flushing (GstCowFinder *self, gboolean flushing)
{
  gst_cow_slots_set_flushing (&self->slots, flushing);
}

/* ---- what the engine found ------------------------------------------------------------------- */

/* Whole pixels inside the frame; FALSE where nothing is left. */
static gboolean
region_of (const CowBounds *box, const GstCowMoment *moment, CowRegion *region)
{
  const CowBounds inside = cow_bounds_clipped (box, moment->width, moment->height);

  region->x = (int)lround (inside.x);
  region->y = (int)lround (inside.y);
  region->w = (int)lround (inside.x + inside.w) - region->x;
  region->h = (int)lround (inside.y + inside.h) - region->y;
  return region->w > 0 && region->h > 0;
}

/* The detections of a flight that count, of GstCowSighting; *counting, of const CowDetection *,
 * likewise. */
static GArray *
sightings_of (const GstCowFlight *flight, gfloat threshold, GPtrArray *counting)
{
  const float least = threshold < 0 ? cow_engine_least_score (flight->engine) : threshold;
  const CowTicket *ticket = g_ptr_array_index (flight->tickets, 0);
  GArray *sightings = g_array_new (FALSE, TRUE, sizeof (GstCowSighting));
  guint n;
  const CowDetection *detections = cow_ticket_detections (ticket, &n);

  for (guint i = 0; i < n; i++) {
    GstCowSighting sighting = { .source = GST_COW_ID_NONE, .score = (gdouble)detections[i].score };
    CowBounds box = detections[i].box;

    sighting.embedding = cow_ticket_looks (ticket, &detections[i], &sighting.n_embedding);
    box.x -= flight->x;
    box.y -= flight->y;
    if (detections[i].score < least || !region_of (&box, &flight->moment, &sighting.box))
      continue;
    g_array_append_val (sightings, sighting);
    g_ptr_array_add (counting, (gpointer)&detections[i]);
  }
  return sightings;
}

/* Takes what was found in a frame. */
static void
take (GstCowFinder *self, const GstCowFlight *flight, const GstCowFinding *how)
{
  const CowTicket *ticket = g_ptr_array_index (flight->tickets, 0);
  g_autoptr (GPtrArray) counting = g_ptr_array_new ();
  g_autoptr (GArray) sightings = sightings_of (flight, how->threshold, counting);
  const guint n = sightings->len;
  g_autofree GstCowTrack **tracks = g_new0 (GstCowTrack *, n);

  gst_cow_tracker_update (&self->tracker, flight->moment.frame, (GstCowSighting *)sightings->data,
                          n, tracks);
  g_array_set_size (self->found, 0);
  for (guint i = 0; i < n; i++) {
    const Found found = { tracks[i], (gfloat)g_array_index (sightings, GstCowSighting, i).score };

    const float *told = cow_ticket_told (ticket, counting->pdata[i]);

    if (!GST_CLOCK_TIME_IS_VALID (tracks[i]->since))
      tracks[i]->since = flight->moment.running_time;
    if (told)
      gst_cow_telling_take (&how->telling, flight->engine, tracks[i], told, &flight->moment);
    g_array_append_val (self->found, found);
  }
  self->looked = self->news = TRUE;
  self->found_frame = flight->moment.frame;
  self->counters.inferences++;
}

/* ---- failures -------------------------------------------------------------------------------- */

/* A frame could not be looked at. */
static GstFlowReturn
fail (GstCowFinder *self, const GError *error, gboolean blocking)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return GST_FLOW_FLUSHING;
  self->counters.errors++;
  self->retry_us = g_get_monotonic_time () + GST_COW_FAILURES_RETRY_US;
  if (blocking)
    gst_cow_failures_end (self->element, error);
  else
    gst_cow_failures_warn (self->element, error, self->counters.errors, &self->warned_us);
  return blocking ? GST_FLOW_ERROR : GST_FLOW_OK;
}

/* ---- a frame --------------------------------------------------------------------------------- */

/* Waits for the frame that the engine has, and takes what is found. */
static GstFlowReturn
complete (GstCowFinder *self, const GstCowFinding *how)
{
  g_autoptr (GstCowFlight) flight = g_steal_pointer (&self->flight);
  g_autoptr (GError) error = NULL;

  if (!gst_cow_flight_wait (flight, &self->slots, &error))
    return fail (self, error, how->blocking);
  take (self, flight, how);
  return GST_FLOW_OK;
}

/* Whether a frame is due, and the engine may have it; counts those that it may not. */
static gboolean
is_to_be_looked_at (GstCowFinder *self, GstBuffer *buffer, guint64 frame, const GstCowFinding *how)
{
  Counters *counters = &self->counters;

  if (self->asked && frame - self->asked_frame < how->interval)
    return FALSE;
  if (GST_BUFFER_FLAGS (buffer) & (GST_BUFFER_FLAG_GAP | GST_BUFFER_FLAG_DECODE_ONLY))
    counters->skipped_gap++;
  else if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED))
    counters->skipped_corrupted++;
  else if (!how->blocking && g_get_monotonic_time () < self->retry_us)
    counters->skipped_fault++;
  else if (self->flight)
    counters->skipped_busy++;
  else
    return TRUE;
  return FALSE;
}

/* Part i of n along a side of `length` px. */
static void
tile (gint length, guint i, guint n, gint *at, gint *size)
{
  const gdouble side = length / (n - (n - 1) * TILES_SHARE), step = side * (1 - TILES_SHARE);

  *at = (gint)lround (i * step);
  *size = MIN ((gint)lround (i * step + side), length) - *at;
}

/* What is looked at: the whole frame, and its tiles where there are several. */
static GArray *
targets_of (const GstCowMoment *moment, const GstCowFinding *how)
{
  GArray *targets = g_array_new (FALSE, TRUE, sizeof (GstCowTarget));
  GstCowTarget target = { .place = GST_COW_PLACE_FRAME,
                          .crop = { 0, 0, moment->width, moment->height } };

  g_array_append_val (targets, target);
  if (how->columns * how->rows < 2)
    return targets;
  for (guint row = 0; row < how->rows; row++)
    for (guint column = 0; column < how->columns; column++) {
      tile (moment->width, column, how->columns, &target.crop.x, &target.crop.w);
      tile (moment->height, row, how->rows, &target.crop.y, &target.crop.h);
      g_array_append_val (targets, target);
    }
  return targets;
}

/* A frame to the engine. */
static GstFlowReturn
ask (GstCowFinder *self, GstBuffer *buffer, const GstVideoInfo *info, const GstCowMoment *moment,
     const GstCowFinding *how)
{
  self->flight = gst_cow_flight_new (gst_buffer_ref (buffer), moment, self->engine, self->settings,
                                     NULL, targets_of (moment, how));
  for (guint i = 0; i < self->flight->targets->len; i++)
    g_array_append_val (self->flight->chosen, i);
  const gboolean submitted = gst_cow_flight_submit (self->flight, info, &self->slots);
  gst_clear_buffer (&self->flight->buffer);
  if (!submitted) {
    g_autoptr (GstCowFlight) failed = g_steal_pointer (&self->flight);

    return fail (self, failed->error, how->blocking);
  }
  self->asked = TRUE;
  self->asked_frame = moment->frame;
  return GST_FLOW_OK;
}

/* ---- metadata -------------------------------------------------------------------------------- */

static GstVideoRegionOfInterestMeta *
attach_region (GstBuffer *buffer, GQuark type, const Found *found, const CowRegion *box)
{
  GstVideoRegionOfInterestMeta *roi = gst_buffer_add_video_region_of_interest_meta_id (
      buffer, type, (guint)box->x, (guint)box->y, (guint)box->w, (guint)box->h);
  const gint id = (gint)(found->track->id & G_MAXINT);

  gst_video_region_of_interest_meta_add_param (
      roi,
      gst_structure_new ("detection", "confidence", G_TYPE_DOUBLE, (gdouble)found->score, "label",
                         G_TYPE_STRING, g_quark_to_string (type), "label_id", G_TYPE_INT, 0, NULL));
  gst_video_region_of_interest_meta_add_param (
      roi, gst_structure_new ("object_id", "id", G_TYPE_INT, id, NULL));
  return roi;
}

/* The box of a cow in this frame. */
static gboolean
box_now (const GstCowFinder *self, const Found *found, const GstCowMoment *moment, CowRegion *box)
{
  const guint64 frames = moment->frame - self->found_frame;
  CowBounds predicted;

  if (frames == 0) {
    *box = found->track->box;
    return TRUE;
  }
  predicted = gst_cow_motion_predict (&found->track->motion, frames);
  return region_of (&predicted, moment, box);
}

/* What was found too long ago, because the engine fails or is slow, says nothing any more. */
static gboolean
is_stale (const GstCowFinder *self, guint64 frame, guint interval)
{
  return !self->looked ||
         frame - self->found_frame > MAX ((guint64)GST_COW_TRACKER_PATIENCE, 2 * (guint64)interval);
}

/* Attaches a cow; what telling is to know of her. */
static GstCowTarget
attach_cow (GstBuffer *buffer, GQuark type, const Found *found, const CowRegion *box)
{
  const GstCowDetection detection = { .type = type,
                                      .x = box->x,
                                      .y = box->y,
                                      .w = box->w,
                                      .h = box->h,
                                      .confidence = found->score,
                                      .tracked = TRUE,
                                      .track = found->track->id,
                                      .since = found->track->since };
  GstCowTarget target = { .place = GST_COW_PLACE_ROI,
                          .box = *box,
                          .crop = *box,
                          .type = type,
                          .confidence = found->score,
                          .track = found->track };

  target.roi = attach_region (buffer, type, found, box);
  target.roi_id = target.roi->id;
  target.has_od = gst_cow_analytics_add (buffer, &detection, &target.od);
  return target;
}

static void
attach (GstCowFinder *self, GstBuffer *buffer, const GstCowMoment *moment, const GstCowFinding *how)
{
  const GQuark type = g_quark_from_string (cow_engine_classes (self->engine)[0]);
  g_autoptr (GArray) targets = g_array_new (FALSE, FALSE, sizeof (GstCowTarget));

  if (is_stale (self, moment->frame, how->interval))
    return;
  for (guint i = 0; i < self->found->len; i++) {
    const Found *found = &g_array_index (self->found, Found, i);
    CowRegion box;

    if (!box_now (self, found, moment, &box))
      continue;
    const GstCowTarget target = attach_cow (buffer, type, found, &box);
    g_array_append_val (targets, target);
    self->counters.objects++;
  }
  if (how->telling.wanted && cow_engine_n_behaviours (self->engine) > 0)
    gst_cow_telling_give (&how->telling, self->engine, self->element, buffer, targets, moment,
                          self->news);
  self->news = FALSE;
}

GstFlowReturn
gst_cow_finder_push (GstCowFinder *self, GstBuffer *buffer, const GstVideoInfo *info,
                     const GstCowMoment *moment, const GstCowFinding *how)
{
  GstFlowReturn flow = GST_FLOW_OK;

  self->counters.frames++;
  if (self->flight && (how->blocking || gst_cow_flight_is_done (self->flight)))
    flow = complete (self, how);
  if (flow == GST_FLOW_OK && is_to_be_looked_at (self, buffer, moment->frame, how))
    flow = ask (self, buffer, info, moment, how);
  if (flow == GST_FLOW_OK && self->flight && how->blocking)
    flow = complete (self, how);
  if (flow == GST_FLOW_OK)
    attach (self, buffer, moment, how);
  publish (self);
  return flow;
}

/* ---- the property stats ---------------------------------------------------------------------- */

GstStructure *
gst_cow_finder_get_stats (GstCowFinder *self, CowEngine *engine)
{
  CowEngineCounters passes;
  GstStructure *structure;
  Counters now;

  g_mutex_lock (&self->lock);
  now = self->published;
  g_mutex_unlock (&self->lock);
  structure = gst_structure_new (
      "cowdetect-stats", "frames", G_TYPE_UINT64, now.frames, "inferences", G_TYPE_UINT64,
      now.inferences, "objects", G_TYPE_UINT64, now.objects, "tracks", G_TYPE_UINT, now.tracks,
      "skipped-busy", G_TYPE_UINT64, now.skipped_busy, "skipped-gap", G_TYPE_UINT64,
      now.skipped_gap, "skipped-corrupted", G_TYPE_UINT64, now.skipped_corrupted, "skipped-fault",
      G_TYPE_UINT64, now.skipped_fault, "errors", G_TYPE_UINT64, now.errors, NULL);
  if (!engine)
    return structure;
  cow_engine_get_counters (engine, &passes);
  gst_structure_set (structure, "model-name", G_TYPE_STRING, cow_engine_name (engine), "device",
                     G_TYPE_STRING, cow_engine_device_text (engine), "inference-time",
                     G_TYPE_UINT64, (guint64)passes.busy_ns, "inference-time-p50", G_TYPE_UINT64,
                     (guint64)passes.p50_ns, "inference-time-p95", G_TYPE_UINT64,
                     (guint64)passes.p95_ns, "inference-time-p99", G_TYPE_UINT64,
                     (guint64)passes.p99_ns, NULL);
  return structure;
}
