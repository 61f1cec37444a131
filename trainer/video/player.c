/* SPDX-License-Identifier: MIT */
#include "trainer/video/player.h"

#include <gst/gst.h>
#include <math.h>
#include <string.h>

#include "gst-plugin/common/decoded.h"
#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "trainer/data/file-names.h"
#include "trainer/host/launch-text.h"
#include "trainer/host/stop.h"

/* Of a pause in a recording so much counts, as in the overlay's budget. */
#define LONGEST_FRAME (5 * GST_SECOND)
#define USUAL_FRAME   (GST_SECOND / 25)
#define LOOK          (GST_SECOND / 5)

typedef struct {
  const CowPlayerOptions *options;
  const CowPlayerSink *sink;
  gpointer data;
  CowPlayerEnd *end;
  GstElement *pipeline, *cows;
  GstSegment segment;
  GstClockTime frame; /* nominal */
  double fps;
  gboolean begun;
  /* The frame that is shown until the next one comes */
  GstStructure *shown;
  GstClockTime shown_at, shown_for;
  gint64 position; /* ns; of several threads */
  GMutex lock;
  GError *error; /* of the callbacks; locked */
} Player;

/* ---- the pipeline ---------------------------------------------------------------------------- */

/* Adds a property, unless there is no value. */
static void
add_property (GString *line, const char *name, const char *value)
{
  if (!value)
    return;
  g_string_append_c (line, ' ');
  launch_append_property (line, name, value);
}

static char *
description (const CowPlayerOptions *options)
{
  GString *line = g_string_new ("filesrc");

  add_property (line, "location", options->path);
  g_string_append (line, " ! decodebin name=decoder ! queue max-size-buffers=4 max-size-bytes=0 "
                         "max-size-time=0 ! videoconvert ! deinterlace fields=top ! videoflip "
                         "video-direction=auto ! ");
  if (options->detector)
    g_string_append_printf (line, "%s ! ", options->detector);
  g_string_append (line, "cowbehavior name=cows mode=blocking post-messages=none");
  add_property (line, "model", options->model);
  add_property (line, "adapter", options->adapter);
  add_property (line, "device", options->device);
  add_property (line, "precision", options->precision);
  add_property (line, "zones", options->zones);
  for (const char *const *property = options->properties; *property; property++) {
    g_auto (GStrv) parts = g_strsplit (*property, "=", 2);
    add_property (line, parts[0], parts[1]);
  }
  g_string_append (line, " ! fakesink name=sink sync=false");
  return g_string_free (line, FALSE);
}

/* ---- frames, in GStreamer's thread ----------------------------------------------------------- */

static gboolean
begin (Player *self, const GstStructure *results, GError **error)
{
  const GValue *classes = gst_structure_get_value (results, "classes");
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (guint i = 0; classes && i < gst_value_array_get_size (classes); i++)
    g_ptr_array_add (names, (gpointer)g_value_get_string (gst_value_array_get_value (classes, i)));
  g_ptr_array_add (names, NULL);
  self->begun = TRUE;
  return self->sink->begin ((const char *const *)names->pdata, self->fps, self->data, error);
}

static gboolean
hand_on (Player *self, const GstStructure *object, gint64 duration, GError **error)
{
  const char *region = gst_structure_get_string (object, "region"),
             *label = gst_structure_get_string (object, "label");
  CowSubjectName who = { NULL, NULL };
  g_autofree char *track = NULL, *zone = NULL;
  double confidence = 0;
  guint frames_ago = 0;
  guint64 number;

  if (g_strcmp0 (region, "zone") == 0)
    who.zone = zone = file_name_text (gst_structure_get_string (object, "roi_type"));
  if (gst_structure_get_uint64 (object, "track_id", &number))
    who.track = track = g_strdup_printf ("%" G_GUINT64_FORMAT, number);
  gst_structure_get_double (object, "confidence", &confidence);
  gst_structure_get_uint (object, "frames_ago", &frames_ago);
  return self->sink->seen (&who, (gint64)self->shown_at, duration, label ? label : "", confidence,
                           frames_ago == 0, self->data, error);
}

/* The frame before is over at that time. */
static gboolean
end_frame (Player *self, GstClockTime time, GError **error)
{
  g_autoptr (GstStructure) results = g_steal_pointer (&self->shown);
  gint64 duration;

  if (!results || time <= self->shown_at)
    return TRUE;
  duration = (gint64)MIN (time - self->shown_at, LONGEST_FRAME);
  self->end->end = (gint64)self->shown_at + duration;
  for (guint i = 0; i < gst_cow_behavior_n_objects (results); i++) {
    const GstStructure *object = gst_cow_behavior_object (results, i);

    if (object && !hand_on (self, object, duration, error))
      return FALSE;
  }
  return TRUE;
}

/* Frames without times follow one another as their rate says. */
static GstClockTime
time_of (const Player *self, const GstBuffer *buffer)
{
  const guint64 time =
      GST_BUFFER_PTS_IS_VALID (buffer)
          ? gst_segment_to_stream_time (&self->segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer))
          : GST_CLOCK_TIME_NONE;

  if (GST_CLOCK_TIME_IS_VALID (time))
    return time;
  return self->shown ? self->shown_at + self->shown_for : (GstClockTime)self->end->end;
}

static gboolean
take_frame (Player *self, GstBuffer *buffer, GError **error)
{
  const GstStructure *results = gst_buffer_get_cow_behavior (buffer);
  const GstClockTime time = time_of (self, buffer);

  self->end->n_frames++;
  __atomic_store_n (&self->position, (gint64)time, __ATOMIC_RELAXED);
  if (!end_frame (self, time, error))
    return FALSE;
  if (!results)
    return TRUE;
  if (!self->begun && !begin (self, results, error))
    return FALSE;
  self->shown = gst_structure_copy (results);
  self->shown_at = time;
  self->shown_for = GST_BUFFER_DURATION_IS_VALID (buffer) && GST_BUFFER_DURATION (buffer) > 0
                        ? GST_BUFFER_DURATION (buffer)
                        : self->frame;
  return TRUE;
}

static void
take_caps (Player *self, GstCaps *caps)
{
  gint n = 0, d = 1;
  GObjectClass *klass = G_OBJECT_GET_CLASS (self->cows);

  if (!gst_structure_get_fraction (gst_caps_get_structure (caps, 0), "framerate", &n, &d) || n <= 0)
    return;
  self->fps = (double)n / d;
  self->frame = (GstClockTime)(GST_SECOND / self->fps);
  if (self->options->rate > 0 && g_object_class_find_property (klass, "inference-interval"))
    g_object_set (self->cows, "inference-interval",
                  (guint)MAX (1, floor (self->fps / self->options->rate + 0.5)), NULL);
}

static void
take_event (Player *self, GstEvent *event)
{
  GstCaps *caps;

  if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT)
    gst_event_copy_segment (event, &self->segment);
  if (GST_EVENT_TYPE (event) != GST_EVENT_CAPS)
    return;
  gst_event_parse_caps (event, &caps);
  take_caps (self, caps);
}

/* In front of the element: the rate is known before the first frame. */
static GstPadProbeReturn
on_event (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  take_event (data, GST_PAD_PROBE_INFO_EVENT (info));
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
on_frame (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Player *self = data;
  GError *error = NULL;

  g_mutex_lock (&self->lock);
  if (!self->error && !take_frame (self, GST_PAD_PROBE_INFO_BUFFER (info), &error)) {
    self->error = error;
    gst_element_post_message (self->pipeline, gst_message_new_eos (GST_OBJECT (self->pipeline)));
  }
  g_mutex_unlock (&self->lock);
  return GST_PAD_PROBE_OK;
}

/* ---- playing --------------------------------------------------------------------------------- */

static void
add_probe (Player *self, const char *element, GstPadProbeType type, GstPadProbeCallback callback)
{
  g_autoptr (GstElement) found = gst_bin_get_by_name (GST_BIN (self->pipeline), element);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (found, "sink");

  gst_pad_add_probe (pad, type, callback, self, NULL);
}

static gboolean
open_pipeline (Player *self, GError **error)
{
  g_autofree char *line = description (self->options);
  g_autoptr (GError) local = NULL;

  if (!gst_init_check (NULL, NULL, error))
    return FALSE;
  self->pipeline = gst_parse_launch_full (line, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &local);
  if (!self->pipeline) {
    const gboolean missing =
        g_error_matches (local, GST_PARSE_ERROR, GST_PARSE_ERROR_NO_SUCH_ELEMENT);
    g_set_error (error, COW_ERROR, missing ? COW_ERROR_NOT_FOUND : COW_ERROR_ARGUMENT, "%s%s",
                 local->message, missing ? " (GStreamer looks below GST_PLUGIN_PATH, too)" : "");
    return FALSE;
  }
  self->cows = gst_bin_get_by_name (GST_BIN (self->pipeline), "cows");
  g_autoptr (GstElement) decoder = gst_bin_get_by_name (GST_BIN (self->pipeline), "decoder");
  gst_cow_decoded_expect_video (decoder);
  add_probe (self, "cows", GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_event);
  add_probe (self, "sink", GST_PAD_PROBE_TYPE_BUFFER, on_frame);
  return TRUE;
}

/* Demuxers tell it when they have read as far, some never. */
static void
look_at_length (Player *self)
{
  gint64 length;

  if (self->end->length == 0 &&
      gst_element_query_duration (self->pipeline, GST_FORMAT_TIME, &length) && length > 0)
    self->end->length = length;
}

static void
show_progress (Player *self, Progress **progress)
{
  if (!*progress && self->end->length > 0) {
    g_autofree char *name = g_path_get_basename (self->options->path);
    *progress = progress_new ("s", (guint64)self->end->length / GST_SECOND);
    progress_note (*progress, name, NULL);
  }
  if (*progress)
    progress_set (*progress,
                  (guint64)__atomic_load_n (&self->position, __ATOMIC_RELAXED) / GST_SECOND);
}

/* FALSE with an error when the recording cannot go on. */
static gboolean
take_message (Player *self, GstMessage *message, gboolean *over, GError **error)
{
  g_autoptr (GError) said = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
    *over = TRUE;
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING) {
    gst_message_parse_warning (message, &said, NULL);
    g_printerr ("cow-trainer: warning: %s: %s\n", self->options->path, said->message);
  } else {
    gst_message_parse_error (message, &said, NULL);
    if (GST_MESSAGE_SRC (message) == GST_OBJECT (self->cows))
      g_set_error_literal (error, COW_ERROR, COW_ERROR_ARGUMENT, said->message);
    else
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: %s", self->options->path,
                   said->message);
    return FALSE;
  }
  return TRUE;
}

static gboolean
play (Player *self, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (self->pipeline);
  g_autoptr (Progress) progress = NULL;
  gboolean over = FALSE, ok = TRUE;

  gst_element_set_state (self->pipeline, GST_STATE_PLAYING); /* a failure is a message, too */
  while (ok && !over && !(self->end->stopped = stop_requested ())) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
        bus, LOOK, GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);

    if (message) {
      if (progress)
        progress_clear (progress);
      ok = take_message (self, message, &over, error);
    }
    look_at_length (self);
    show_progress (self, &progress);
  }
  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  return ok;
}

gboolean
cow_player_run (const CowPlayerOptions *options, const CowPlayerSink *sink, gpointer data,
                CowPlayerEnd *end, GError **error)
{
  Player self = {
    .options = options, .sink = sink, .data = data, .end = end, .frame = USUAL_FRAME
  };
  GError *local = NULL;
  gboolean ok;

  *end = (CowPlayerEnd){ 0 };
  gst_segment_init (&self.segment, GST_FORMAT_TIME);
  g_mutex_init (&self.lock);
  ok = open_pipeline (&self, &local) && play (&self, &local);
  /* No thread of GStreamer's runs any more. The last frame is shown as long as it says. */
  if (!self.error && self.shown)
    end_frame (&self, self.shown_at + self.shown_for, &self.error);
  if (self.error) {
    g_clear_error (&local);
    local = self.error;
    ok = FALSE;
  }
  g_clear_pointer (&self.shown, gst_structure_free);
  gst_clear_object (&self.cows);
  gst_clear_object (&self.pipeline);
  g_mutex_clear (&self.lock);
  if (!ok)
    g_propagate_error (error, local);
  return ok;
}
