/* SPDX-License-Identifier: MIT */
#include "trainer/video/recording.h"

#include "gst-plugin/common/decoded.h"
#include "trainer/host/launch-text.h"
#include "trainer/host/stop.h"

#define USUAL_FRAME (GST_SECOND / 25)
#define LOOK        (GST_SECOND / 5)

typedef struct {
  const CowRecordingOptions *options;
  const CowRecordingSink *sink;
  gpointer data;
  CowRecordingEnd *end;
  GstElement *pipeline;
  /* Of the thread that decodes */
  GstSegment segment;
  GstClockTime frame, next; /* nominal; when a frame without a time is shown */
  /* Of the thread behind the elements */
  GstCaps *caps;
  GstSegment last_segment;
  /* Of several threads */
  gint64 position;  /* ns */
  gboolean seeking; /* what comes is from before the place that is sought */
  GMutex lock;      /* of the next */
  GError *error;    /* of the callbacks */
} Play;

/* ---- in front of the elements ---------------------------------------------------------------- */

static void
take_caps (Play *self, GstCaps *caps)
{
  const GstStructure *format = gst_caps_get_structure (caps, 0);
  gint n = 0, d = 1, width = 0, height = 0;
  double fps = 0;

  if (gst_structure_get_fraction (format, "framerate", &n, &d) && n > 0) {
    fps = (double)n / d;
    self->frame = (GstClockTime)(GST_SECOND / fps);
  }
  gst_structure_get_int (format, "width", &width);
  gst_structure_get_int (format, "height", &height);
  if (self->sink->format)
    self->sink->format (self->pipeline, width, height, fps, self->data);
}

static GstPadProbeReturn
on_decoded_event (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Play *self = data;
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
  GstCaps *caps;

  if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT)
    gst_event_copy_segment (event, &self->segment);
  if (GST_EVENT_TYPE (event) == GST_EVENT_CAPS) {
    gst_event_parse_caps (event, &caps);
    take_caps (self, caps);
  }
  return GST_PAD_PROBE_OK;
}

/* Frames without times follow one another as their rate says. */
static GstBuffer *
give_time (Play *self, GstBuffer *buffer, gint64 *time)
{
  if (!GST_BUFFER_PTS_IS_VALID (buffer)) {
    buffer = gst_buffer_make_writable (buffer);
    GST_BUFFER_PTS (buffer) = self->next;
  }
  const guint64 found =
      gst_segment_to_stream_time (&self->segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  *time = (gint64)(GST_CLOCK_TIME_IS_VALID (found) ? found : GST_BUFFER_PTS (buffer));
  self->next = GST_BUFFER_PTS (buffer) +
               (GST_BUFFER_DURATION_IS_VALID (buffer) && GST_BUFFER_DURATION (buffer) > 0
                    ? GST_BUFFER_DURATION (buffer)
                    : self->frame);
  return buffer;
}

static GstPadProbeReturn
on_decoded (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Play *self = data;
  CowFrameChoice choice = COW_FRAME_TAKE;
  gint64 time;

  GST_PAD_PROBE_INFO_DATA (info) = give_time (self, GST_PAD_PROBE_INFO_BUFFER (info), &time);
  if (__atomic_load_n (&self->seeking, __ATOMIC_ACQUIRE))
    return GST_PAD_PROBE_OK;
  __atomic_store_n (&self->position, time, __ATOMIC_RELAXED);
  if (self->sink->choose) {
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
    choice = self->sink->choose (&buffer, self->end->n_frames, time, self->data);
    GST_PAD_PROBE_INFO_DATA (info) = buffer;
  }
  /* What is on its way arrives before it. */
  if (choice == COW_FRAME_ENOUGH)
    gst_pad_push_event (pad, gst_event_new_eos ());
  else {
    self->end->n_frames++;
    self->end->end = time + (gint64)self->frame;
  }
  return choice == COW_FRAME_TAKE ? GST_PAD_PROBE_OK : GST_PAD_PROBE_DROP;
}

/* ---- behind them ----------------------------------------------------------------------------- */

static GstPadProbeReturn
on_last_event (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Play *self = data;
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
  GstCaps *caps;

  if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT)
    gst_event_copy_segment (event, &self->last_segment);
  if (GST_EVENT_TYPE (event) == GST_EVENT_CAPS) {
    gst_event_parse_caps (event, &caps);
    gst_caps_replace (&self->caps, caps);
  }
  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
    __atomic_store_n (&self->seeking, FALSE, __ATOMIC_RELEASE);
  return GST_PAD_PROBE_OK;
}

static gboolean
take_frame (Play *self, GstBuffer *buffer, GError **error)
{
  const guint64 time =
      gst_segment_to_stream_time (&self->last_segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  const GstClockTime duration =
      GST_BUFFER_DURATION_IS_VALID (buffer) && GST_BUFFER_DURATION (buffer) > 0
          ? GST_BUFFER_DURATION (buffer)
          : self->frame;

  return self->sink->frame (
      buffer, self->caps, (gint64)(GST_CLOCK_TIME_IS_VALID (time) ? time : GST_BUFFER_PTS (buffer)),
      (gint64)duration, self->data, error);
}

static GstPadProbeReturn
on_frame (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Play *self = data;
  GError *error = NULL;

  if (__atomic_load_n (&self->seeking, __ATOMIC_ACQUIRE))
    return GST_PAD_PROBE_OK;
  g_mutex_lock (&self->lock);
  if (!self->error && !take_frame (self, GST_PAD_PROBE_INFO_BUFFER (info), &error)) {
    self->error = error;
    gst_element_post_message (self->pipeline, gst_message_new_eos (GST_OBJECT (self->pipeline)));
  }
  g_mutex_unlock (&self->lock);
  return GST_PAD_PROBE_OK;
}

/* ---- the pipeline ---------------------------------------------------------------------------- */

static char *
description (const CowRecordingOptions *options)
{
  GString *line = g_string_new ("filesrc ");

  launch_append_property (line, "location", options->path);
  g_string_append_printf (line,
                          " ! decodebin name=decoder ! queue max-size-buffers=4 max-size-bytes=0 "
                          "max-size-time=0 ! videoconvert ! deinterlace fields=top ! videoflip "
                          "name=upright video-direction=auto ! %s ! fakesink name=last sync=false",
                          options->elements);
  return g_string_free (line, FALSE);
}

static void
add_probes (Play *self, const char *element, const char *name, GstPadProbeCallback on_event,
            GstPadProbeCallback on_buffer)
{
  g_autoptr (GstElement) found = gst_bin_get_by_name (GST_BIN (self->pipeline), element);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (found, name);

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM | GST_PAD_PROBE_TYPE_EVENT_FLUSH,
                     on_event, self, NULL);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_buffer, self, NULL);
}

static gboolean
open_pipeline (Play *self, GError **error)
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
  g_autoptr (GstElement) decoder = gst_bin_get_by_name (GST_BIN (self->pipeline), "decoder");
  gst_cow_decoded_expect_video (decoder);
  add_probes (self, "upright", "src", on_decoded_event, on_decoded);
  add_probes (self, "last", "sink", on_last_event, on_frame);
  return TRUE;
}

/* ---- playing --------------------------------------------------------------------------------- */

/* Demuxers tell it when they have read as far, some never. */
static void
look_at_length (Play *self)
{
  gint64 length;

  if (self->end->length == 0 &&
      gst_element_query_duration (self->pipeline, GST_FORMAT_TIME, &length) && length > 0)
    self->end->length = length;
}

static void
show_progress (Play *self, Progress **progress)
{
  if (!*progress && self->end->length > 0) {
    g_autofree char *name = g_path_get_basename (self->options->path);
    *progress = progress_new ("s", (guint64)self->end->length / GST_SECOND);
    progress_skip (*progress, (guint64)self->options->from / GST_SECOND);
    progress_note (*progress, name, NULL);
  }
  if (*progress)
    progress_set (*progress,
                  (guint64)__atomic_load_n (&self->position, __ATOMIC_RELAXED) / GST_SECOND);
}

/* FALSE with an error when the recording cannot go on. */
static gboolean
take_message (Play *self, GstMessage *message, gboolean *over, GError **error)
{
  g_autoptr (GError) said = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
    *over = TRUE;
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING) {
    gst_message_parse_warning (message, &said, NULL);
    g_printerr ("cow-trainer: warning: %s: %s\n", self->options->path, said->message);
  } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &said, NULL);
    if (self->options->settings &&
        g_strcmp0 (GST_MESSAGE_SRC_NAME (message), self->options->settings) == 0)
      g_set_error_literal (error, COW_ERROR, COW_ERROR_ARGUMENT, said->message);
    else
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT, "%s: %s", self->options->path,
                   said->message);
    return FALSE;
  }
  return TRUE;
}

/* From its beginning the recording is paused first, so that it can be told to go elsewhere. */
static gboolean
seek (Play *self, GstBus *bus, GError **error)
{
  gboolean paused = FALSE, over = FALSE;

  gst_element_set_state (self->pipeline, GST_STATE_PAUSED);
  while (!paused && !over && !stop_requested ()) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
        bus, LOOK,
        GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_WARNING | GST_MESSAGE_ASYNC_DONE);

    paused = message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_ASYNC_DONE;
    if (message && !take_message (self, message, &over, error))
      return FALSE;
  }
  if (!paused ||
      gst_element_seek_simple (self->pipeline, GST_FORMAT_TIME,
                               GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, self->options->from))
    return TRUE;
  g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "%s: it plays from its beginning only",
               self->options->path);
  return FALSE;
}

static gboolean
play (Play *self, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (self->pipeline);
  g_autoptr (Progress) progress = NULL;
  gboolean over = FALSE, ok = self->options->from <= 0 || seek (self, bus, error);

  if (ok)
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
    if (ok && self->sink->look)
      ok = self->sink->look (progress, self->data, error);
  }
  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  return ok;
}

gboolean
cow_recording_play (const CowRecordingOptions *options, const CowRecordingSink *sink, gpointer data,
                    CowRecordingEnd *end, GError **error)
{
  Play self = { .options = options,
                .sink = sink,
                .data = data,
                .end = end,
                .frame = USUAL_FRAME,
                .seeking = options->from > 0 };
  GError *local = NULL;
  gboolean ok;

  *end = (CowRecordingEnd){ 0 };
  gst_segment_init (&self.segment, GST_FORMAT_TIME);
  gst_segment_init (&self.last_segment, GST_FORMAT_TIME);
  g_mutex_init (&self.lock);
  ok = open_pipeline (&self, &local) && play (&self, &local);
  /* No thread of GStreamer's runs any more. */
  if (self.error) {
    g_clear_error (&local);
    local = self.error;
    ok = FALSE;
  }
  gst_clear_caps (&self.caps);
  gst_clear_object (&self.pipeline);
  g_mutex_clear (&self.lock);
  if (!ok)
    g_propagate_error (error, local);
  return ok;
}
