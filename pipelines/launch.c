/* SPDX-License-Identifier: MIT */
/*
 * cow-launch ELEMENT ! ELEMENT ...: runs a pipeline as gst-launch-1.0 -m does and prints its
 * messages in the same form, for cameras and outputs of which a line of text cannot speak: logins
 * are set on the elements and appear in no log, a source that fails is explained or, where it is
 * one of several, replaced, no file is written that is read, and pictures of odd sizes lose a
 * column or row in elements with names as "even0", because H.264 in 4:2:0 has none.
 */
#include <gst/gst.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipelines/camera.h"
#include "pipelines/elements.h"
#include "pipelines/outputs.h"
#include "pipelines/redaction.h"
#include "pipelines/service.h"
#include "pipelines/signals.h"
#include "pipelines/source.h"
#include "pipelines/stopping.h"
#include "trainer/host/secrets.h"

#define PATIENCE_S 20 /* with a source that gives nothing */
#define STALE_S    3  /* without a new picture on a wall */
#define FINISH_S   30 /* for completing the outputs */

typedef struct {
  CameraAccess access;
  gint n_sources;  /* of those that are replaced */
  gboolean finish; /* at a signal, outputs are completed */
  gboolean quiet;  /* messages of elements are not printed */
  GMainLoop *loop;
  GstElement *pipeline;
  char **descriptions; /* [n_sources] */
  char **names;        /* [n_sources] */
  GPtrArray *sources;  /* [n_sources] */
  gboolean none_gives; /* that has been said */
  guint n_told;        /* of the sources, give pictures as systemd knows it; G_MAXUINT: nothing */
  gint64 ending_us;    /* since the first signal; 0: there was none */
  GThread *ender;      /* NULL: none */
  gboolean failed;
} Launch;

static GstPadProbeReturn
on_caps (GstPad *pad, GstPadProbeInfo *info, gpointer crop)
{
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
  const GstStructure *size;
  GstCaps *caps;
  gint width, height;

  if (GST_EVENT_TYPE (event) != GST_EVENT_CAPS)
    return GST_PAD_PROBE_OK;
  gst_event_parse_caps (event, &caps);
  size = gst_caps_get_structure (caps, 0);
  if (gst_structure_get (size, "width", G_TYPE_INT, &width, "height", G_TYPE_INT, &height, NULL))
    g_object_set (crop, "right", width % 2, "bottom", height % 2, NULL);
  return GST_PAD_PROBE_OK;
}

static void
make_even (Launch *self)
{
  g_autoptr (GPtrArray) elements = elements_of (GST_BIN (self->pipeline));

  for (guint i = 0; i < elements->len; i++) {
    GstElement *crop = elements->pdata[i];
    GstPad *pad;

    if (!element_is (GST_OBJECT (crop), "videocrop") ||
        !g_str_has_prefix (GST_OBJECT_NAME (crop), "even"))
      continue;
    pad = gst_element_get_static_pad (crop, "sink");
    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_caps, crop, NULL);
    gst_object_unref (pad);
  }
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Messages of a camera's source are not printed: they hold its address, which may hold a login. */
static void
print_element_message (GstMessage *message)
{
  const GstStructure *structure = gst_message_get_structure (message);
  g_autofree char *text = NULL;

  if (!structure || camera_is_source (GST_MESSAGE_SRC (message)))
    return;
  text = gst_structure_to_string (structure);
  printf ("Got message #%u from element \"%s\" (element): %s\n", gst_message_get_seqnum (message),
          GST_MESSAGE_SRC_NAME (message), text);
  fflush (stdout);
}

static void
print_info (GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  gst_message_parse_info (message, &error, NULL);
  service_say (SAY_INFO, "INFO: %s: %s\n", GST_MESSAGE_SRC_NAME (message), error->message);
}

static void
print_error (Launch *self, GstMessage *message)
{
  g_autofree char *why = camera_explain (message, &self->access, NULL), *debug = NULL;

  gst_message_parse_error (message, NULL, &debug);
  service_say (SAY_ERROR, "ERROR: %s: %s\n", GST_MESSAGE_SRC_NAME (message), why);
  if (debug && !camera_is_source (GST_MESSAGE_SRC (message)))
    service_say (SAY_INFO, "Additional debug info:\n%s\n", debug);
}

static void
print_warning (GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  gst_message_parse_warning (message, &error, NULL);
  service_say (SAY_WARNING, "WARNING: %s: %s\n", GST_MESSAGE_SRC_NAME (message), error->message);
}

/* Whether the message is about a source that is replaced, or has been. */
static gboolean
is_of_source (Launch *self, GstMessage *message)
{
  GstObject *from = GST_MESSAGE_SRC (message), *pipeline = GST_OBJECT (self->pipeline);

  for (guint i = 0; i < self->sources->len; i++)
    if (source_take_message (self->sources->pdata[i], message))
      return TRUE;
  return self->sources->len > 0 && from && from != pipeline &&
         !gst_object_has_as_ancestor (from, pipeline);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer data)
{
  Launch *self = data;

  if (is_of_source (self, message))
    return G_SOURCE_CONTINUE;
  switch (GST_MESSAGE_TYPE (message)) {
  case GST_MESSAGE_ELEMENT:
    if (!self->quiet)
      print_element_message (message);
    break;
  case GST_MESSAGE_INFO:
    print_info (message);
    break;
  case GST_MESSAGE_WARNING:
    print_warning (message);
    break;
  case GST_MESSAGE_ERROR:
    print_error (self, message);
    self->failed = TRUE;
    g_main_loop_quit (self->loop);
    break;
  case GST_MESSAGE_EOS:
    g_main_loop_quit (self->loop);
    break;
  case GST_MESSAGE_LATENCY:
    gst_bin_recalculate_latency (GST_BIN (self->pipeline));
    break;
  case GST_MESSAGE_CLOCK_LOST:
    gst_element_set_state (self->pipeline, GST_STATE_PAUSED);
    gst_element_set_state (self->pipeline, GST_STATE_PLAYING);
    break;
  default:
    break;
  }
  return G_SOURCE_CONTINUE;
}

/* ---- sources that are replaced --------------------------------------------------------------- */

/* Shows the picture of a source in the element "wall", or nothing: its last one would be taken for
 * what the camera sees now. */
static void
show (Launch *self, guint number, gboolean shown)
{
  g_autofree char *name = g_strdup_printf ("sink_%u", number);
  g_autoptr (GstElement) wall = gst_bin_get_by_name (GST_BIN (self->pipeline), "wall");
  g_autoptr (GstPad) pad = wall ? gst_element_get_static_pad (wall, name) : NULL;
  gdouble alpha;

  if (!pad)
    return;
  g_object_get (pad, "alpha", &alpha, NULL);
  if ((alpha > 0) != shown)
    g_object_set (pad, "alpha", shown ? 1.0 : 0.0, NULL);
}

/* `systemctl status` shows it. */
static void
tell_service (Launch *self, guint n_give)
{
  g_autofree char *text =
      g_strdup_printf ("STATUS=%u of %u cameras give pictures", n_give, self->sources->len);

  if (self->n_told != n_give)
    service_notify (text);
  self->n_told = n_give;
}

/* Says once when nobody sends anything, which would be a black wall without a word. */
static gboolean
on_second (gpointer data)
{
  Launch *self = data;
  guint n_away = 0, n_give = 0;

  for (guint i = 0; i < self->sources->len; i++) {
    const Source *source = self->sources->pdata[i];
    const gboolean gives = source_quiet_s (source) < STALE_S;

    show (self, i, gives);
    n_away += source_is_away (source);
    n_give += gives && source_has_given (source);
  }
  tell_service (self, n_give);
  if (n_away == self->sources->len && !self->none_gives)
    service_say (SAY_WARNING, "no camera gives pictures (%u of %u are away); waiting for them\n",
                 n_away, n_away);
  self->none_gives = n_away == self->sources->len;
  return G_SOURCE_CONTINUE;
}

static gboolean
add_source (Launch *self, guint number, GError **error)
{
  g_autofree char *name = g_strdup_printf ("from%u", number);
  g_autoptr (GstElement) first = gst_bin_get_by_name (GST_BIN (self->pipeline), name);
  g_autoptr (GstPad) sink = first ? gst_element_get_static_pad (first, "sink") : NULL;

  if (!sink) {
    g_set_error (error, GST_PARSE_ERROR, GST_PARSE_ERROR_LINK,
                 "the pipeline has no element %s for source %u", name, number);
    return FALSE;
  }
  self->names[number - 1] = g_strdup_printf ("camera %u", number);
  g_ptr_array_add (self->sources,
                   source_new (&(SourceSettings){ .name = self->names[number - 1],
                                                  .say_host = TRUE,
                                                  .description = self->descriptions[number - 1],
                                                  .access = &self->access,
                                                  .pipeline = self->pipeline,
                                                  .sink = sink,
                                                  .patience_s = PATIENCE_S }));
  return source_start (self->sources->pdata[number - 1], error);
}

static gboolean
add_sources (Launch *self, GError **error)
{
  if (self->n_sources == 0)
    return TRUE;
  for (guint i = 1; i <= (guint)self->n_sources; i++)
    if (!add_source (self, i, error))
      return FALSE;
  g_timeout_add_seconds (1, on_second, self);
  return TRUE;
}

/* A run in which no camera ever gave anything has failed. */
static void
judge_sources (Launch *self)
{
  guint n_gave = 0;

  for (guint i = 0; i < self->sources->len; i++)
    if (source_has_given (self->sources->pdata[i]))
      n_gave++;
  if (self->sources->len == 0 || n_gave > 0)
    return;
  service_say (SAY_ERROR, "ERROR: no camera gave a picture\n");
  self->failed = TRUE;
}

/* ---- the end --------------------------------------------------------------------------------- */

static gboolean
on_late (gpointer data)
{
  Launch *self = data;

  service_say (
      SAY_WARNING,
      "WARNING: the outputs were not completed within %d s; what was written can be played\n",
      FINISH_S);
  g_main_loop_quit (self->loop);
  return G_SOURCE_REMOVE;
}

/* In a thread, because it waits for frames that are under way, which may be for ever. */
static gpointer
send_end (gpointer data)
{
  Launch *self = data;

  if (!gst_element_send_event (self->pipeline, gst_event_new_eos ()))
    g_main_loop_quit (self->loop);
  return NULL;
}

/* A source that is replaced would send no end of the stream by itself when it is away. */
static void
finish (Launch *self)
{
  for (guint i = 0; i < self->sources->len; i++)
    source_stop (self->sources->pdata[i], TRUE);
  self->ender = g_thread_new ("end", send_end, self);
  g_timeout_add_seconds (FINISH_S, on_late, self);
}

/* Sinks first: they let go of what send_end () waits for. */
static void
stop (Launch *self)
{
  g_autoptr (GPtrArray) elements = NULL;

  stopping_begin (self->pipeline);
  elements = elements_of (GST_BIN (self->pipeline));
  for (guint i = 0; i < elements->len; i++)
    if (GST_OBJECT_FLAG_IS_SET (elements->pdata[i], GST_ELEMENT_FLAG_SINK))
      gst_element_set_state (elements->pdata[i], GST_STATE_NULL);
  g_clear_pointer (&self->ender, g_thread_join);
  stopping_finish (self->pipeline, GST_STATE_READY);
}

/* The first signal completes the outputs, another one a second later does not wait. Those between
 * are the same once more: a terminal that is closed, and `timeout`, signal a process and its
 * group. */
static gboolean
on_signal (gpointer data)
{
  Launch *self = data;
  const gint64 now_us = g_get_monotonic_time ();

  if (self->ending_us && now_us - self->ending_us < G_USEC_PER_SEC)
    return G_SOURCE_CONTINUE;
  if (self->ending_us || !self->finish) {
    g_main_loop_quit (self->loop);
    return G_SOURCE_REMOVE; /* the next one kills the process if stopping takes too long */
  }
  self->ending_us = now_us;
  finish (self);
  return G_SOURCE_CONTINUE;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void
run (Launch *self, GError **error)
{
  GstBus *bus = gst_element_get_bus (self->pipeline);
  GstStateChangeReturn started;
  GstMessage *message;

  gst_bus_add_watch (bus, on_message, self);
  signals_watch (on_signal, self);
  if (self->n_sources > 0)
    elements_start_without_frames (GST_BIN (self->pipeline));
  started = gst_element_set_state (self->pipeline, GST_STATE_PLAYING); /* a failure is a message */
  if (add_sources (self, error)) {
    /* Models are loaded and files are open; whether a camera is on is another matter. */
    if (started != GST_STATE_CHANGE_FAILURE)
      service_notify ("READY=1");
    g_main_loop_run (self->loop);
  }
  service_notify ("STOPPING=1");
  gst_bus_remove_watch (bus);
  for (guint i = 0; i < self->sources->len; i++)
    source_stop (self->sources->pdata[i], FALSE);
  judge_sources (self);
  g_ptr_array_set_size (self->sources, 0);
  stop (self);
  while ((message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING | GST_MESSAGE_ELEMENT))) {
    on_message (bus, message, self); /* of the publishers: what was sent, and what was not */
    gst_message_unref (message);
  }
  gst_object_unref (bus);
}

static GstElement *
parse (char **words, GError **error)
{
  GstElement *element =
      gst_parse_launchv_full ((const gchar **)words, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
  GstElement *pipeline;

  if (!element || GST_IS_PIPELINE (element))
    return element;
  pipeline = gst_pipeline_new (NULL);
  gst_bin_add (GST_BIN (pipeline), element);
  return pipeline;
}

static void
launch (Launch *self, char **words, GError **error)
{
  Outputs *outputs = NULL;
  GstBin *bin;

  self->pipeline = parse (words, error);
  bin = GST_BIN (self->pipeline);
  if (!bin || !camera_prepare (bin, &self->access, error) || !outputs_check (bin, bin, error) ||
      !(outputs = outputs_new (bin, error)))
    return;
  make_even (self);
  run (self, error);
  self->failed |= !outputs_free (outputs, self->failed || *error);
}

int
main (int argc, char **argv)
{
  Launch self = { .n_told = G_MAXUINT };
  const GOptionEntry entries[] = {
    { "eos-on-shutdown", 'e', 0, G_OPTION_ARG_NONE, &self.finish,
      "Complete the outputs at the first of the signals INT, TERM and HUP", NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &self.quiet,
      "Print no messages of elements, but errors, warnings and information", NULL },
    { "again", 0, 0, G_OPTION_ARG_INT, &self.n_sources,
      "The first N arguments are sources, each described for itself, of the elements from1, from2, "
      "... of the pipeline. One that fails, ends or falls silent is made again, and the rest plays "
      "on",
      "N" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("ELEMENT ! ELEMENT ...");
  g_autoptr (GError) error = NULL;
  int status;

  secrets_hide (argc, &argv, TRUE);
  redaction_start ();
  camera_take_logins (&self.access);
  g_option_context_set_strict_posix (context, TRUE);
  g_option_context_set_summary (context,
                                "Runs a pipeline and prints its messages, as gst-launch-1.0 -m.");
  g_option_context_add_main_entries (context, entries, NULL);
  camera_add_options (context, &self.access);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (g_option_context_parse (context, &argc, &argv, &error) &&
      (self.n_sources < 0 || argc - 2 < self.n_sources))
    g_set_error_literal (&error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                         "expected a pipeline; see --help");
  if (!error) {
    for (char **word = argv + 1; *word; word++)
      redaction_add_description (*word);
    self.descriptions = argv + 1;
    self.names = g_new0 (char *, (gsize)self.n_sources + 1);
    self.sources = g_ptr_array_new_with_free_func ((GDestroyNotify)source_free);
    self.loop = g_main_loop_new (NULL, FALSE);
    launch (&self, self.descriptions + self.n_sources, &error);
    g_main_loop_unref (self.loop);
    g_ptr_array_unref (self.sources);
    g_strfreev (self.names);
  }
  if (error)
    service_say (SAY_ERROR, "ERROR: %s\n", error->message);
  status = error || self.failed ? EXIT_FAILURE : EXIT_SUCCESS;
  if (self.pipeline)
    status = stopping_end (self.pipeline, status);
  camera_access_clear (&self.access);
  return status;
}
