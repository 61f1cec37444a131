/* SPDX-License-Identifier: MIT */
/*
 * The element `cowpublish`: makes events of the metadata on each frame and puts them into the
 * queues of its targets (queue.h). The streaming thread does nothing else, so that no file, server
 * or broker can delay a live stream. A recording waits when they are slower than it.
 */
/**
 * SECTION:element-cowpublish
 * @title: cowpublish
 * @short_description: Publishes what cows are doing
 *
 * Passes frames through unchanged and publishes what `cowbehavior` upstream attached to them as
 * JSON lines: to a file or the standard output, by HTTP POST, and to an MQTT broker, in any
 * combination. Properties are read when the element starts.
 *
 * Each frame makes one event, on one line (here on several):
 *
 * |[
 * {"resolution":{"width":1280,"height":720},"source":"barn 1","timestamp":4000000000,
 *  "system_timestamp":"2026-01-31T06:00:04.000000Z",
 *  "camera_timestamp":"2026-01-31T06:00:03.870000Z","objects":[
 *  {"x":10,"y":20,"w":300,"h":200,"id":7,"roi_type":"cow","region":"roi",
 *   "track":7,"detection":{"bounding_box":{"x_min":0.0078125,"y_min":0.0277778,"x_max":0.242188,
 *    "y_max":0.305556},"label":"cow","confidence":0.91},
 *   "behavior":{"label":"Lying","label_id":3,"confidence":0.87,"model":{"name":"cows"}},
 *   "frames_ago":0}]}
 * ]|
 *
 * A #GstCowPublish:file whose name ends in .csv, or with #GstCowPublish:file-format, is a table: a
 * row for each object, under a header.
 *
 * `timestamp` is the stream time in ns; `system_timestamp` is the time of this machine at which the
 * frame came by. `camera_timestamp` is the camera's own, where a #GstReferenceTimestampMeta has it
 * (rtspsrc add-reference-timestamp-meta=true). In a live pipeline it is left out while it is more
 * than 5 minutes away from this machine's, and a warning says by how much.
 *
 * At the broker there are, below the topic that #GstCowPublish:mqtt-topic names:
 * `SOURCE/available`, "online" or "offline"; `SOURCE/events`, the events; `SOURCE/frame`,
 * `SOURCE/zone/NAME` and `SOURCE/track/NUMBER`, the label of each, published when it changes. All
 * but the events are retained.
 *
 * Each target has a thread and a queue of its own. While a target is out of reach its events wait
 * and it is tried again, first after 1 s and later every 30 s. When the queue is full, a live
 * pipeline loses its oldest events, which are counted, and a recording waits
 * (#GstCowPublish:leaky). #GstCowPublish:stats has the numbers, and a warning says what does not
 * arrive. Events arrive in their order; an event whose confirmation was lost may arrive twice.
 *
 * At the end of the stream, or when the element stops before that, it waits for queued events, for
 * #GstCowPublish:drain-timeout at most; at the end of a recording, that is the time without any
 * event that was sent. Elements of one process that stop one after the other share that time, so
 * that eight cameras do not wait eight times for a broker that is dead. It then posts an element
 * message `cowpublish` with the fields of #GstCowPublish:stats, and a warning where events are
 * left.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 -q videotestsrc num-buffers=10 ! cowbehavior ! cowpublish file=- ! fakesink
 * ]|
 * Prints an event for each frame, of the demonstration model.
 * |[
 * gst-launch-1.0 rtspsrc location=rtsp://camera/barn add-reference-timestamp-meta=true !
 * rtph264depay ! h264parse ! avdec_h264 ! videoconvert ! cowbehavior zones="pen 1=0,0,0.5,1; pen
 * 2=0.5,0,0.5,1" smoothing=hmm ! cowpublish source="barn 1" post-events=on-change
 *   mqtt-url=mqtts://broker mqtt-user=barn mqtt-discovery=true http-url=https://farm/events
 * file=events.jsonl ! fakesink
 * ]|
 * Publishes changes to three targets, and has Home Assistant show both pens. The password for the
 * broker is read from the environment variable COWBEHAVIOR_MQTT_PASSWORD.
 */
#include "gst-plugin/publish/gstcowpublish.h"

#include <gst/video/video.h>
#include <string.h>

#include "gst-plugin/common/clock.h"
#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "gst-plugin/common/moment.h"
#include "gst-plugin/common/tasks.h"
#include "gst-plugin/publish/ending.h"
#include "gst-plugin/publish/event-rows.h"
#include "gst-plugin/publish/event.h"
#include "gst-plugin/publish/queue.h"
#include "gst-plugin/publish/settings.h"
#include "gst-plugin/publish/states.h"
#include "gst-plugin/publish/targets.h"
#include "gst-plugin/publish/topics.h"

GST_DEBUG_CATEGORY_STATIC (gst_cow_publish_debug);
#define GST_CAT_DEFAULT gst_cow_publish_debug

#define CAPS "video/x-raw(ANY)"

/* So many frames without any results at the beginning are a reason for a warning. */
#define BARE_FRAMES 100u

struct _GstCowPublish {
  GstBaseTransform parent;

  /* under the object lock */
  GstCowPublishSettings settings;
  /* [n_queues], one for each target that is wanted; changed between runs only, by the thread that
   * changes the state */
  GstCowPublishQueue **queues;
  guint n_queues;
  GstCowPublishCounts *last; /* [n_last] of the run before, while stopped */
  const char **last_names;
  guint n_last;

  /* of the streaming thread */
  GstVideoInfo info;
  gchar *source;
  GstCowPublishEvents post_events;
  GstCowPublishStates *states;
  guint64 frame;
  gboolean
      waited; /* the end of the stream waited for the queues in vain, and no frame came since */
  GstCowPublishLeaky leaky;
  gint stopping;      /* atomic: nothing is waited for any more */
  gint query_latency; /* atomic: whether the pipeline is live has to be queried again */
  gboolean live;      /* of the last query */
  GstCowClock clock;  /* the camera's */
  guint n_bare;       /* frames at the beginning without results, BARE_FRAMES at most */
};

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (CAPS));

static guint stats_id; /* of the property stats */

G_DEFINE_TYPE (GstCowPublish, gst_cow_publish, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (cowpublish, "cowpublish", GST_RANK_NONE, GST_TYPE_COW_PUBLISH)

/* ---- properties ------------------------------------------------------------------------------ */

static void
add_counts (GstStructure *structure, const char *name, const GstCowPublishCounts *counts)
{
  g_autoptr (GstStructure) target = gst_structure_new (
      name, "queued", G_TYPE_UINT64, counts->queued, "sent", G_TYPE_UINT64, counts->sent, "dropped",
      G_TYPE_UINT64, counts->dropped, "failures", G_TYPE_UINT64, counts->failures, "connected",
      G_TYPE_BOOLEAN, counts->connected, NULL);

  gst_structure_set (structure, name, GST_TYPE_STRUCTURE, target, NULL);
}

/* A structure with one for each target: of this run, or while stopped of the last. Under the object
 * lock. */
static GstStructure *
stats_new (GstCowPublish *self)
{
  GstStructure *structure = gst_structure_new_empty ("cowpublish");

  for (guint i = 0; i < self->n_queues; i++) {
    GstCowPublishCounts counts;

    gst_cow_publish_queue_get_counts (self->queues[i], &counts);
    add_counts (structure, gst_cow_publish_queue_name (self->queues[i]), &counts);
  }
  for (guint i = 0; i < self->n_last; i++)
    add_counts (structure, self->last_names[i], &self->last[i]);
  return structure;
}

static void
gst_cow_publish_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstCowPublish *self = GST_COW_PUBLISH (object);

  GST_OBJECT_LOCK (self);
  if (!gst_cow_publish_settings_set (&self->settings, id, value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
}

static void
gst_cow_publish_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstCowPublish *self = GST_COW_PUBLISH (object);

  GST_OBJECT_LOCK (self);
  if (id == stats_id)
    g_value_take_boxed (value, stats_new (self));
  else if (!gst_cow_publish_settings_get (&self->settings, id, value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (self);
}

/* ---- states of the element ------------------------------------------------------------------- */

/* FALSE: a property is set that does nothing without another one. */
static gboolean
check_unused (const GstCowPublishTargetClass *class, gconstpointer values, GError **error)
{
  const GstCowPublishProperty *set = gst_cow_publish_values_first_set (&class->properties, values);

  if (!set)
    return TRUE;
  g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
               "%s does nothing without %s: set that, too", set->name,
               class->properties.rows[0].name);
  return FALSE;
}

/* Opens the targets that are wanted, into targets [gst_cow_publish_n_targets]; their number, or -1
 * and *error. */
static gint
open_targets (const GstCowPublishSettings *settings, GstCowPublishTarget **targets, GError **error)
{
  g_autofree char *list = NULL;
  gint n = 0;

  for (guint i = 0; i < gst_cow_publish_n_targets; i++) {
    const GstCowPublishTargetClass *class = gst_cow_publish_targets[i];

    const gboolean wanted = gst_cow_publish_target_is_wanted (class, settings->targets[i]);

    if (!wanted && check_unused (class, settings->targets[i], error))
      continue;
    targets[n] = wanted ? class->open (settings->targets[i], settings->own->source, error) : NULL;
    if (!targets[n]) {
      while (n-- > 0)
        targets[n]->class->free (targets[n]);
      return -1;
    }
    targets[n++]->class = class;
  }
  if (n > 0)
    return n;
  list = gst_cow_publish_targets_list ();
  g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
               "there is nowhere to publish to: set %s", list);
  return -1;
}

/* Their queues, under the object's lock; none on error. Takes the targets. */
static gboolean
start_queues (GstCowPublish *self, GstCowPublishTarget **targets, guint n, guint size,
              GError **error)
{
  guint started = 0;

  while (started < n && (self->queues[started] = gst_cow_publish_queue_new (
                             targets[started], size, GST_ELEMENT (self), error)))
    started++;
  self->n_queues = started == n ? n : 0;
  if (started == n)
    return TRUE;
  for (guint i = started + 1; i < n; i++)
    targets[i]->class->free (targets[i]);
  for (guint i = 0; i < started; i++) {
    gst_cow_publish_queue_finish (self->queues[i]);
    gst_cow_publish_queue_unref (self->queues[i]);
  }
  return FALSE;
}

static gboolean
gst_cow_publish_start (GstBaseTransform *trans)
{
  GstCowPublish *self = GST_COW_PUBLISH (trans);
  g_autofree GstCowPublishTarget **targets =
      g_new0 (GstCowPublishTarget *, gst_cow_publish_n_targets);
  GstCowPublishSettings settings;
  g_autoptr (GError) error = NULL;
  gboolean ok;
  gint n;

  GST_OBJECT_LOCK (self);
  gst_cow_publish_settings_copy (&self->settings, &settings);
  if (!settings.own->source)
    settings.own->source = g_strdup (GST_OBJECT_NAME (self));
  GST_OBJECT_UNLOCK (self);

  n = open_targets (&settings, targets, &error);
  ok = n > 0;
  if (ok) {
    GST_OBJECT_LOCK (self);
    ok = start_queues (self, targets, (guint)n, settings.own->queue_size, &error);
    self->n_last = 0;
    GST_OBJECT_UNLOCK (self);
  }
  if (ok) {
    self->source = g_steal_pointer (&settings.own->source);
    self->post_events = (GstCowPublishEvents)settings.own->post_events;
    self->states = gst_cow_publish_states_new ();
    self->frame = 0;
    self->waited = FALSE;
    self->leaky = (GstCowPublishLeaky)settings.own->leaky;
    self->query_latency = TRUE;
    self->stopping = FALSE;
    self->clock = (GstCowClock){ 0 };
    self->n_bare = 0;
    gst_video_info_init (&self->info);
  } else {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
  }
  gst_cow_publish_settings_clear (&settings);
  return ok;
}

static void
post_stats (GstCowPublish *self)
{
  GstStructure *stats;

  GST_OBJECT_LOCK (self);
  stats = stats_new (self);
  GST_OBJECT_UNLOCK (self);
  gst_element_post_message (GST_ELEMENT (self), gst_message_new_element (GST_OBJECT (self), stats));
}

/* Ends a queue. Events that are left in it are lost, and a warning says so. */
static void
end_queue (GstCowPublish *self, guint i, gint64 deadline, guint drain_timeout_ms)
{
  GstCowPublishQueue *queue = self->queues[i];
  const char *name = gst_cow_publish_queue_name (queue);
  GstCowPublishCounts before, after;

  gst_cow_publish_queue_get_counts (queue, &before);
  gst_cow_publish_queue_end (queue, deadline, &after);
  GST_OBJECT_LOCK (self);
  self->last_names[i] = name;
  self->last[i] = after;
  GST_OBJECT_UNLOCK (self);
  if (after.dropped > before.dropped)
    GST_ELEMENT_WARNING (self, RESOURCE, WRITE,
                         ("%s: %" G_GUINT64_FORMAT
                          " events were still queued at the end and are lost",
                          name, after.dropped - before.dropped),
                         ("drain-timeout is %u ms, and that of all elements of the process "
                          "together.",
                          drain_timeout_ms));
}

/* The queues end at the same time, so that the deadline is that of all, and those of all elements
 * share one. */
static gboolean
gst_cow_publish_stop (GstBaseTransform *trans)
{
  GstCowPublish *self = GST_COW_PUBLISH (trans);
  const guint n = self->n_queues;
  gint64 deadline;
  guint ms;

  GST_OBJECT_LOCK (self);
  ms = self->settings.own->drain_timeout_ms;
  GST_OBJECT_UNLOCK (self);
  /* At the end of the stream the queues have had that time already. */
  deadline = gst_cow_publish_ending_begin (self->waited ? 0 : ms * G_TIME_SPAN_MILLISECOND);
  for (guint i = 0; i < n; i++)
    gst_cow_publish_queue_finish (self->queues[i]);
  for (guint i = 0; i < n; i++)
    gst_cow_publish_queue_wait (self->queues[i], deadline);
  for (guint i = 0; i < n; i++)
    end_queue (self, i, deadline, ms);
  gst_cow_publish_ending_end ();

  GST_OBJECT_LOCK (self);
  self->n_queues = 0;
  self->n_last = n;
  GST_OBJECT_UNLOCK (self);
  for (guint i = 0; i < n; i++)
    gst_cow_publish_queue_unref (self->queues[i]);
  post_stats (self);
  g_clear_pointer (&self->states, gst_cow_publish_states_free);
  g_clear_pointer (&self->source, g_free);
  return TRUE;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static gboolean
gst_cow_publish_set_caps (GstBaseTransform *trans, GstCaps *incaps, GstCaps *outcaps)
{
  GstCowPublish *self = GST_COW_PUBLISH (trans);

  /* Frames whose caps say too little pass, too, and their events have a size of 0. */
  if (!gst_video_info_from_caps (&self->info, incaps))
    gst_video_info_init (&self->info);
  return TRUE;
}

static void
set_state (GstCowPublish *self, const char *name, const char *label, const GstStructure *results)
{
  for (guint i = 0; i < self->n_queues; i++)
    gst_cow_publish_queue_set_state (self->queues[i], name, label, results);
}

static void
forget_state (const char *name, gpointer data)
{
  set_state (data, name, NULL, NULL);
}

/* Whether this object goes into an event. */
static gboolean
is_wanted (GstCowPublish *self, const GstCowPublishObject *item)
{
  const char *label = gst_structure_get_string (item->object, "label");
  g_autofree char *name = label ? gst_cow_publish_topic_of (item->object) : NULL;
  gboolean changed = TRUE;

  if (name) {
    changed = gst_cow_publish_states_update (self->states, name, label, self->frame);
    if (changed)
      set_state (self, name, label, item->results);
  }
  return changed || self->post_events != GST_COW_PUBLISH_ON_CHANGE;
}

/* Whether an object has another result than in the frame before: that of this very frame, or of
 * one that passed while it was classified, as in live pipelines. `now` is the frame's running
 * time. */
static gboolean
is_fresh (GstCowPublish *self, const GstStructure *object, GstClockTime now)
{
  g_autofree char *name = gst_cow_publish_topic_of (object);
  guint frames_ago = G_MAXUINT;
  guint64 age = 0;
  gboolean other = FALSE;

  gst_structure_get_uint (object, "frames_ago", &frames_ago);
  if (frames_ago > 0 && !gst_structure_get_uint64 (object, "age", &age))
    return FALSE;
  if (name && GST_CLOCK_TIME_IS_VALID (now) && age <= now)
    other = gst_cow_publish_states_renew (self->states, name, now - age);
  return other || frames_ago == 0;
}

/* Whether there is a fresh one; each is asked, because that is how it is remembered. */
static gboolean
has_fresh (GstCowPublish *self, const GArray *objects, GstClockTime now)
{
  gboolean found = FALSE;

  for (guint i = 0; i < objects->len; i++)
    found |= is_fresh (self, g_array_index (objects, GstCowPublishObject, i).object, now);
  return found;
}

/* A stream of which nobody knows is taken for live, because that must never wait. */
static gboolean
is_live (GstCowPublish *self)
{
  g_autoptr (GstQuery) query = NULL;

  if (!g_atomic_int_compare_and_exchange (&self->query_latency, TRUE, FALSE))
    return self->live;
  query = gst_query_new_latency ();
  self->live = TRUE;
  if (gst_pad_peer_query (GST_BASE_TRANSFORM_SINK_PAD (self), query))
    gst_query_parse_latency (query, &self->live, NULL, NULL);
  return self->live;
}

/* A publisher may stand where no results pass. */
static void
watch_for_results (GstCowPublish *self, GstBuffer *buffer)
{
  if (self->n_bare >= BARE_FRAMES)
    return;
  if (gst_buffer_get_custom_meta (buffer, GST_COW_BEHAVIOR_META_NAME)) {
    self->n_bare = BARE_FRAMES;
    return;
  }
  if (++self->n_bare < BARE_FRAMES)
    return;
  GST_ELEMENT_WARNING (self, STREAM, WRONG_TYPE,
                       ("none of the first %u frames had results of cowbehavior: there is nothing "
                        "to publish",
                        BARE_FRAMES),
                       ("cowpublish belongs behind cowbehavior, and elements between them that "
                        "flip, rotate or crop pictures drop their metadata. There are no results "
                        "without detections where those are classified, and before the first "
                        "picture is."));
}

/* Whether there is a target left that events can go to. */
static gboolean
has_target (GstCowPublish *self)
{
  for (guint i = 0; i < self->n_queues; i++)
    if (!gst_cow_publish_queue_is_gone (self->queues[i]))
      return TRUE;
  return FALSE;
}

/* Whether the stream waits for the targets. */
static gboolean
may_wait (GstCowPublish *self)
{
  return self->leaky == GST_COW_PUBLISH_LEAKY_NO ||
         (self->leaky == GST_COW_PUBLISH_LEAKY_AUTO && !is_live (self));
}

/* Puts the event of a frame into the queues, in the form that each takes. The time of this machine
 * at which a frame of a recording comes by is not that of the picture, which a column of a table
 * would be taken for. */
static void
push (GstCowPublish *self, GstBuffer *buffer, const GstCowMoment *moment, const GArray *objects)
{
  const gint64 now_us = g_get_real_time ();
  const gboolean wait = may_wait (self);
  char *json = NULL, *rows = NULL;

  for (guint i = 0; i < self->n_queues; i++) {
    const gboolean takes_rows = gst_cow_publish_queue_takes_rows (self->queues[i]);

    if (takes_rows && !rows)
      rows = gst_cow_publish_event_rows_new (moment, self->source, is_live (self) ? now_us : -1,
                                             objects);
    if (!takes_rows && !json)
      json = gst_cow_publish_event_new (buffer, moment, self->source, now_us, objects);
    gst_cow_publish_queue_push (self->queues[i], takes_rows ? rows : json, wait);
  }
  g_clear_pointer (&json, g_ref_string_release);
  g_clear_pointer (&rows, g_ref_string_release);
}

/* Makes the event of a frame, unless it has nothing new. The camera's time of a recording may be of
 * any age. */
static void
publish (GstCowPublish *self, GstBuffer *buffer, const GArray *objects)
{
  GstCowMoment moment =
      gst_cow_moment_of (buffer, &GST_BASE_TRANSFORM (self)->segment, &self->info, self->frame);

  if (self->post_events == GST_COW_PUBLISH_CLASSIFIED &&
      !has_fresh (self, objects, moment.running_time))
    return;
  if (is_live (self))
    gst_cow_clock_check (&self->clock, GST_ELEMENT (self), &moment);
  push (self, buffer, &moment, objects);
}

static GstFlowReturn
gst_cow_publish_transform_ip (GstBaseTransform *trans, GstBuffer *buffer)
{
  GstCowPublish *self = GST_COW_PUBLISH (trans);
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (GstCowPublishObject));
  g_autoptr (GArray) wanted = g_array_new (FALSE, FALSE, sizeof (GstCowPublishObject));

  self->waited = FALSE;
  if (!has_target (self)) {
    GST_ELEMENT_ERROR (self, RESOURCE, WRITE,
                       ("nobody reads the standard output any more, and there is no other target"),
                       (NULL));
    return GST_FLOW_ERROR;
  }
  gst_cow_publish_event_collect (buffer, all);
  watch_for_results (self, buffer);
  for (guint i = 0; i < all->len; i++)
    if (is_wanted (self, &g_array_index (all, GstCowPublishObject, i)))
      g_array_append_val (wanted, g_array_index (all, GstCowPublishObject, i));
  if (wanted->len > 0)
    publish (self, buffer, wanted);
  gst_cow_publish_states_expire (self->states, self->frame++, forget_state, self);
  return GST_FLOW_OK;
}

/* Waits until the queues are empty, or for gst_cow_publish_queue_drain ()'s reasons not to. */
static void
drain (GstCowPublish *self, gint64 deadline, gint64 extension)
{
  for (guint i = 0; i < self->n_queues; i++) {
    GstCowPublishCounts counts;

    if (gst_cow_publish_queue_drain (self->queues[i], deadline, extension))
      continue;
    if (g_atomic_int_get (&self->stopping) ||
        (GST_PAD_IS_FLUSHING (GST_BASE_TRANSFORM_SINK_PAD (self)) &&
         g_get_monotonic_time () < deadline))
      return; /* it is not the end, or the end waits by itself */
    self->waited = TRUE;
    gst_cow_publish_queue_get_counts (self->queues[i], &counts);
    GST_ELEMENT_WARNING (self, RESOURCE, WRITE,
                         ("%s: at the end of the stream %" G_GUINT64_FORMAT
                          " events are still queued; stopping now loses them",
                          gst_cow_publish_queue_name (self->queues[i]), counts.queued),
                         (NULL));
  }
  post_stats (self);
}

/* The end of the stream is held back until the queues are empty, because applications stop the
 * pipeline when they see it. That of a recording waits for as long as events go out. */
static void
wait_for_queues (GstCowPublish *self)
{
  gint64 timeout;

  GST_OBJECT_LOCK (self);
  timeout = self->settings.own->drain_timeout_ms * G_TIME_SPAN_MILLISECOND;
  GST_OBJECT_UNLOCK (self);
  if (may_wait (self)) {
    drain (self, g_get_monotonic_time () + timeout, timeout);
    return;
  }
  drain (self, gst_cow_publish_ending_begin (timeout), 0);
  gst_cow_publish_ending_end ();
}

/* Lets a seek pass while the end of the stream is held back. Any thread, and so under the lock: the
 * queues may be ending. */
static void
set_flushing (GstCowPublish *self, gboolean flushing)
{
  GST_OBJECT_LOCK (self);
  for (guint i = 0; i < self->n_queues; i++)
    gst_cow_publish_queue_set_flushing (self->queues[i], flushing);
  GST_OBJECT_UNLOCK (self);
}

static gboolean
gst_cow_publish_sink_event (GstBaseTransform *trans, GstEvent *event)
{
  if (GST_EVENT_TYPE (event) == GST_EVENT_STREAM_START)
    g_atomic_int_set (&GST_COW_PUBLISH (trans)->query_latency, TRUE);
  if (GST_EVENT_TYPE (event) == GST_EVENT_EOS)
    wait_for_queues (GST_COW_PUBLISH (trans));
  else if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START ||
           GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
    set_flushing (GST_COW_PUBLISH (trans), GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START);
  return GST_BASE_TRANSFORM_CLASS (gst_cow_publish_parent_class)->sink_event (trans, event);
}

static gboolean
gst_cow_publish_src_event (GstBaseTransform *trans, GstEvent *event)
{
  if (GST_EVENT_TYPE (event) == GST_EVENT_LATENCY)
    g_atomic_int_set (&GST_COW_PUBLISH (trans)->query_latency, TRUE);
  return GST_BASE_TRANSFORM_CLASS (gst_cow_publish_parent_class)->src_event (trans, event);
}

/* A frame that waits for room must not hold up the end. */
static GstStateChangeReturn
gst_cow_publish_change_state (GstElement *element, GstStateChange transition)
{
  GstCowPublish *self = GST_COW_PUBLISH (element);

  if (transition == GST_STATE_CHANGE_NULL_TO_READY && !gst_cow_tasks_check (element))
    return GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    g_atomic_int_set (&self->stopping, TRUE);
    GST_OBJECT_LOCK (self);
    for (guint i = 0; i < self->n_queues; i++)
      gst_cow_publish_queue_release (self->queues[i]);
    GST_OBJECT_UNLOCK (self);
  }
  return GST_ELEMENT_CLASS (gst_cow_publish_parent_class)->change_state (element, transition);
}

/* ---- the type -------------------------------------------------------------------------------- */

static void
gst_cow_publish_finalize (GObject *object)
{
  GstCowPublish *self = GST_COW_PUBLISH (object);

  gst_cow_publish_settings_clear (&self->settings);
  g_free (self->queues);
  g_free (self->last);
  g_free (self->last_names);
  G_OBJECT_CLASS (gst_cow_publish_parent_class)->finalize (object);
}

static void
gst_cow_publish_class_init (GstCowPublishClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GstElementClass *element_class = GST_ELEMENT_CLASS (class);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (class);

  GST_DEBUG_CATEGORY_INIT (gst_cow_publish_debug, "cowpublish", 0, "cow behaviour events");

  object_class->finalize = gst_cow_publish_finalize;
  object_class->set_property = gst_cow_publish_set_property;
  object_class->get_property = gst_cow_publish_get_property;
  stats_id = gst_cow_publish_settings_install (object_class);

  gst_element_class_set_static_metadata (
      element_class, "Cow behaviour publisher", "Generic/Metadata/Video",
      "Publishes what cowbehavior found as JSON lines: to files, by HTTP, by MQTT", "cowbehavior");
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);

  element_class->change_state = GST_DEBUG_FUNCPTR (gst_cow_publish_change_state);
  trans_class->start = GST_DEBUG_FUNCPTR (gst_cow_publish_start);
  trans_class->stop = GST_DEBUG_FUNCPTR (gst_cow_publish_stop);
  trans_class->sink_event = GST_DEBUG_FUNCPTR (gst_cow_publish_sink_event);
  trans_class->src_event = GST_DEBUG_FUNCPTR (gst_cow_publish_src_event);
  trans_class->set_caps = GST_DEBUG_FUNCPTR (gst_cow_publish_set_caps);
  trans_class->transform_ip = GST_DEBUG_FUNCPTR (gst_cow_publish_transform_ip);

  gst_type_mark_as_plugin_api (GST_TYPE_COW_PUBLISH_EVENTS, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_COW_PUBLISH_LEAKY, 0);
}

static void
gst_cow_publish_init (GstCowPublish *self)
{
  gst_cow_publish_settings_init (&self->settings);
  self->queues = g_new0 (GstCowPublishQueue *, gst_cow_publish_n_targets);
  self->last = g_new0 (GstCowPublishCounts, gst_cow_publish_n_targets);
  self->last_names = g_new0 (const char *, gst_cow_publish_n_targets);
  gst_base_transform_set_passthrough (GST_BASE_TRANSFORM (self), TRUE);
}
