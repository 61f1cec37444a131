/* SPDX-License-Identifier: MIT */
/* The results of a stream. */
#include "gst-plugin/behavior/results.h"

#include "gst-plugin/behavior/failures.h"
#include "gst-plugin/behavior/objects.h"

struct _GstCowResults {
  GstElement *element;
  GstCowContext *context;
  gint64 warned_us; /* monotonic time of the last warning; 0: none */
  GstCowStats stats;

  GMutex lock;           /* protects what is below */
  GstCowStats published; /* `stats` after the last frame */
  GstCowCondition condition;
};

GstCowResults *
gst_cow_results_new (GstElement *element, GstCowContext *context)
{
  GstCowResults *self = g_new0 (GstCowResults, 1);

  self->element = element;
  self->context = context;
  g_mutex_init (&self->lock);
  gst_cow_results_start (self);
  return self;
}

void
gst_cow_results_free (GstCowResults *self)
{
  if (!self)
    return;
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
gst_cow_results_start (GstCowResults *self)
{
  self->warned_us = 0;
  self->stats = (GstCowStats){ .age_ns = GST_CLOCK_TIME_NONE };
}

/* ---- tracks ---------------------------------------------------------------------------------- */

void
gst_cow_results_begin (GstCowResults *self, const GstCowRegionCounts *counts)
{
  self->stats.frames++;
  self->stats.pending++;
  gst_cow_stats_count_regions (&self->stats, counts);
}

static const gboolean *
mask_of (const GstCowFlight *flight)
{
  return flight->mask ? (const gboolean *)flight->mask->data : NULL;
}

void
gst_cow_results_complete (GstCowResults *self, const GstCowFlight *flight)
{
  const GstCowFrameSettings *settings = flight->settings;
  const guint n_classes = cow_engine_n_classes (flight->engine);

  for (guint i = 0; i < flight->chosen->len; i++) {
    GstCowTrack *track = gst_cow_flight_chosen (flight, i)->track;

    gst_cow_smoother_add (&track->smoother, settings->smoothing, settings->smoothing_window,
                          gst_cow_flight_probabilities (flight, i), n_classes, mask_of (flight));
    track->known = TRUE;
    track->known_frame = flight->moment.frame;
    track->known_time = flight->moment.running_time;
  }
}

void
gst_cow_results_finish (GstCowResults *self, const GstCowFlight *flight)
{
  self->stats.pending--;
  self->stats.regions_still += flight->n_still;
  if (flight->verdict == GST_COW_VERDICT_CLASSIFY) {
    self->stats.classified++;
    self->stats.regions += flight->chosen->len;
  } else {
    self->stats.not_classified[flight->verdict]++;
  }
}

/* ---- objects --------------------------------------------------------------------------------- */

/* How results of a frame are shown; borrows from the flight. */
static GstCowPresentation
presentation_of (const GstCowFlight *flight)
{
  const float threshold = flight->settings->threshold;

  return (GstCowPresentation){
    .model_name = cow_engine_name (flight->engine),
    .rule = {
      .classes = cow_engine_classes (flight->engine),
      .n_classes = cow_engine_n_classes (flight->engine),
      .mask = mask_of (flight),
      .thresholds = threshold < 0 ? cow_engine_thresholds (flight->engine) : NULL,
      .threshold = MAX (threshold, 0),
    },
    .top_k = flight->settings->top_k,
    .roi_meta = flight->settings->roi_meta,
  };
}

/* ---- buffers --------------------------------------------------------------------------------- */

/* The age of the oldest result that a frame carries. */
static void
count_age (GstCowStats *stats, const GstCowFlight *flight, const GstCowTrack *track)
{
  const GstClockTime now = flight->moment.running_time;
  const guint age = (guint)MIN (flight->moment.frame - track->known_frame, G_MAXUINT);

  if (age < stats->age_frames)
    return;
  stats->age_frames = age;
  if (GST_CLOCK_TIME_IS_VALID (track->known_time) && GST_CLOCK_TIME_IS_VALID (now))
    stats->age_ns = now - MIN (track->known_time, now);
}

void
gst_cow_results_attach (GstCowResults *self, const GstCowFlight *flight, GValue *objects)
{
  const GstCowPresentation how = presentation_of (flight);

  self->stats.age_frames = 0;
  self->stats.age_ns = GST_CLOCK_TIME_NONE;
  gst_cow_objects_collect (&how, flight->targets, NULL, &flight->moment, objects);
  gst_cow_objects_attach (flight->buffer, &how, flight->targets, &flight->moment, objects);
  for (guint i = 0; i < flight->targets->len; i++) {
    const GstCowTrack *track = g_array_index (flight->targets, GstCowTarget, i).track;

    if (track->known)
      count_age (&self->stats, flight, track);
  }
}

/* ---- messages -------------------------------------------------------------------------------- */

static void
post (GstCowResults *self, const GstCowFlight *flight, const GValue *objects)
{
  gst_cow_objects_post (self->element, cow_engine_name (flight->engine), &flight->moment, objects);
}

void
gst_cow_results_post (GstCowResults *self, const GstCowFlight *flight, const GValue *attached)
{
  const GstCowPresentation how = presentation_of (flight);
  const GstCowPostMessages which = flight->settings->post_messages;
  GValue objects = G_VALUE_INIT;

  if (flight->chosen->len == 0 || which == GST_COW_POST_MESSAGES_NONE)
    return;
  if (which == GST_COW_POST_MESSAGES_ALL && attached) {
    post (self, flight, attached);
    return;
  }
  gst_cow_objects_collect (&how, flight->targets,
                           which == GST_COW_POST_MESSAGES_ON_CHANGE ? flight->chosen : NULL,
                           &flight->moment, &objects);
  post (self, flight, &objects);
  g_value_unset (&objects);
}

GstFlowReturn
gst_cow_results_fail (GstCowResults *self, const GError *error)
{
  self->stats.errors++;
  if (gst_cow_context_is_lost (self->context, error->message))
    return GST_FLOW_ERROR;
  gst_cow_failures_end (self->element, error);
  return GST_FLOW_ERROR;
}

void
gst_cow_results_warn (GstCowResults *self, const GError *error)
{
  self->stats.errors++;
  if (!gst_cow_context_is_lost (self->context, error->message))
    gst_cow_failures_warn (self->element, error, self->stats.errors, &self->warned_us);
}

/* ---- the property stats ---------------------------------------------------------------------- */

void
gst_cow_results_publish (GstCowResults *self, const GstCowCondition *condition)
{
  g_mutex_lock (&self->lock);
  self->published = self->stats;
  self->condition = *condition;
  g_mutex_unlock (&self->lock);
}

GstStructure *
gst_cow_results_get_stats (GstCowResults *self, CowEngine *engine)
{
  GstCowCondition condition;
  GstCowStats stats;

  g_mutex_lock (&self->lock);
  stats = self->published;
  condition = self->condition;
  g_mutex_unlock (&self->lock);
  return gst_cow_stats_to_structure (&stats, &condition, engine);
}

guint64
gst_cow_results_n_pending (const GstCowResults *self)
{
  return self->stats.pending;
}

gboolean
gst_cow_results_add_up (const GstCowResults *self)
{
  guint64 n = self->stats.pending + self->stats.classified;

  for (guint i = 0; i < G_N_ELEMENTS (self->stats.not_classified); i++)
    n += self->stats.not_classified[i];
  return n == self->stats.frames;
}
