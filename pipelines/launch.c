/* SPDX-License-Identifier: MIT */
/*
 * cow-launch ELEMENT ! ELEMENT ...: runs a pipeline as gst-launch-1.0 -m does and prints its
 * messages in the same form, for cameras and outputs of which a line of text cannot speak: logins
 * are set on the elements and appear in no log, a source that fails is explained, and pictures of
 * odd sizes lose a column or row in the elements named "even", because H.264 in 4:2:0 has none.
 */
#include <glib-unix.h>
#include <gst/gst.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipelines/camera.h"
#include "pipelines/redaction.h"
#include "pipelines/stopping.h"
#include "trainer/host/secrets.h"

typedef struct {
  CameraAccess access;
  gboolean finish; /* at a signal, outputs are completed */
  GMainLoop *loop;
  GstElement *pipeline;
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
  GstElement *crop = gst_bin_get_by_name (GST_BIN (self->pipeline), "even");
  GstPad *pad;

  if (!crop)
    return;
  pad = gst_element_get_static_pad (crop, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_caps, crop, NULL);
  gst_object_unref (pad);
  gst_object_unref (crop);
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
print_error (Launch *self, GstMessage *message)
{
  g_autofree char *why = camera_explain (message, &self->access), *debug = NULL;

  gst_message_parse_error (message, NULL, &debug);
  g_printerr ("ERROR: %s: %s\n", GST_MESSAGE_SRC_NAME (message), why);
  if (debug && !camera_is_source (GST_MESSAGE_SRC (message)))
    g_printerr ("Additional debug info:\n%s\n", debug);
}

static void
print_warning (GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  gst_message_parse_warning (message, &error, NULL);
  g_printerr ("WARNING: %s: %s\n", GST_MESSAGE_SRC_NAME (message), error->message);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer data)
{
  Launch *self = data;

  switch (GST_MESSAGE_TYPE (message)) {
  case GST_MESSAGE_ELEMENT:
    print_element_message (message);
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

static gboolean
on_signal (gpointer data)
{
  Launch *self = data;

  if (!self->finish || !gst_element_send_event (self->pipeline, gst_event_new_eos ()))
    g_main_loop_quit (self->loop);
  self->finish = FALSE; /* the next signal does not wait */
  return G_SOURCE_CONTINUE;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void
run (Launch *self)
{
  static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
  GstBus *bus = gst_element_get_bus (self->pipeline);
  GstMessage *message;

  gst_bus_add_watch (bus, on_message, self);
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    g_unix_signal_add (signals[i], on_signal, self);
  gst_element_set_state (self->pipeline, GST_STATE_PLAYING); /* a failure is a message, too */
  g_main_loop_run (self->loop);
  gst_bus_remove_watch (bus);
  stopping_stop (self->pipeline, GST_STATE_READY);
  while ((message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING | GST_MESSAGE_ELEMENT))) {
    on_message (bus, message, self); /* of the publishers: what was sent, and what was not */
    gst_message_unref (message);
  }
  gst_object_unref (bus);
}

static GstElement *
parse (Launch *self, int argc, char **argv, GError **error)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) words = NULL;
  GstElement *element;

  for (int i = 1; i < argc; i++) {
    g_autofree char *word = camera_take_argument (argv[i]);

    redaction_add_description (word);
    g_strv_builder_add (builder, word);
  }
  words = g_strv_builder_end (builder);
  element =
      gst_parse_launchv_full ((const gchar **)words, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
  if (!element || GST_IS_PIPELINE (element))
    return element;
  self->pipeline = gst_pipeline_new (NULL);
  gst_bin_add (GST_BIN (self->pipeline), element);
  return self->pipeline;
}

int
main (int argc, char **argv)
{
  Launch self = { 0 };
  const GOptionEntry entries[] = {
    { "eos-on-shutdown", 'e', 0, G_OPTION_ARG_NONE, &self.finish,
      "Complete the outputs at the first of the signals INT, TERM and HUP", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("ELEMENT ! ELEMENT ...");
  g_autoptr (GError) error = NULL;
  int status;

  secrets_hide (argc, &argv);
  redaction_start ();
  camera_take_logins (&self.access);
  g_option_context_set_strict_posix (context, TRUE);
  g_option_context_set_summary (context,
                                "Runs a pipeline and prints its messages, as gst-launch-1.0 -m.");
  g_option_context_add_main_entries (context, entries, NULL);
  camera_add_options (context, &self.access);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (g_option_context_parse (context, &argc, &argv, &error) && argc < 2)
    g_set_error_literal (&error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                         "expected a pipeline; see --help");
  if (!error)
    self.pipeline = parse (&self, argc, argv, &error);
  if (self.pipeline && camera_prepare (GST_BIN (self.pipeline), &self.access, &error)) {
    self.loop = g_main_loop_new (NULL, FALSE);
    make_even (&self);
    run (&self);
    g_main_loop_unref (self.loop);
  }
  if (error)
    g_printerr ("ERROR: %s\n", error->message);
  status = error || self.failed ? EXIT_FAILURE : EXIT_SUCCESS;
  if (self.pipeline)
    status = stopping_end (self.pipeline, status);
  camera_access_clear (&self.access);
  return status;
}
