/* SPDX-License-Identifier: MIT */
/*
 * cow-reconnect SOURCE REST: runs a pipeline of two parts, each described as for gst-launch-1.0.
 * When SOURCE fails, ends, or delivers nothing for a while, it is replaced by a new one until that
 * works, while REST plays on. It is an example of what an application around a camera has to do. An
 * error in REST ends the program. A refused login is tried again after minutes only. Warnings go to
 * the standard error. At the end the counters of `cowpublish` and the number of reconnections go
 * there as well.
 */
#include <gst/gst.h>
#include <stdlib.h>

#include "pipelines/elements.h"
#include "pipelines/outputs.h"
#include "pipelines/redaction.h"
#include "pipelines/service.h"
#include "pipelines/signals.h"
#include "pipelines/source.h"
#include "pipelines/stopping.h"
#include "trainer/host/secrets.h"

typedef struct {
  CameraAccess access;
  gint patience_s;
  gboolean once; /* exit when SOURCE ends or fails */
  GMainLoop *loop;
  GstElement *pipeline;
  Source *source; /* NULL: it is not replaced */
  gboolean failed;
} Watch;

/* ---- messages -------------------------------------------------------------------------------- */

static void
on_error (Watch *self, GstMessage *message)
{
  g_autoptr (GError) error = NULL;
  GstObject *from = GST_MESSAGE_SRC (message);

  if (!gst_object_has_as_ancestor (from, GST_OBJECT (self->pipeline)))
    return; /* a late message of a source that has been removed */
  gst_message_parse_error (message, &error, NULL);
  service_say (SAY_ERROR, "cow-reconnect: %s: %s\n", GST_OBJECT_NAME (from), error->message);
  self->failed = TRUE;
  g_main_loop_quit (self->loop);
}

static void
print_warning (GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  gst_message_parse_warning (message, &error, NULL);
  service_say (SAY_WARNING, "cow-reconnect: %s: warning: %s\n", GST_MESSAGE_SRC_NAME (message),
               error->message);
}

static void
print_info (GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  gst_message_parse_info (message, &error, NULL);
  service_say (SAY_INFO, "cow-reconnect: %s: %s\n", GST_MESSAGE_SRC_NAME (message), error->message);
}

static void
print_counts (GstMessage *message)
{
  g_autofree char *text = NULL;

  if (!gst_message_has_name (message, "cowpublish"))
    return;
  text = gst_structure_to_string (gst_message_get_structure (message));
  service_say (SAY_INFO, "%s: %s\n", GST_MESSAGE_SRC_NAME (message), text);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer data)
{
  Watch *self = data;

  if (self->source && source_take_message (self->source, message))
    return G_SOURCE_CONTINUE;
  switch (GST_MESSAGE_TYPE (message)) {
  case GST_MESSAGE_ERROR:
    on_error (self, message);
    break;
  case GST_MESSAGE_INFO:
    print_info (message);
    break;
  case GST_MESSAGE_WARNING:
    print_warning (message);
    break;
  case GST_MESSAGE_EOS:
    g_main_loop_quit (self->loop);
    break;
  default:
    break;
  }
  return G_SOURCE_CONTINUE;
}

static gboolean
on_signal (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE; /* a second signal kills the process if stopping takes too long */
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void
end (Watch *self, GstBus *bus)
{
  GstMessage *message;

  gst_bus_remove_watch (bus);
  if (self->source)
    source_stop (self->source, FALSE);
  stopping_begin (self->pipeline);
  stopping_finish (self->pipeline, GST_STATE_READY);
  while ((message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING | GST_MESSAGE_ELEMENT))) {
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING)
      print_warning (message);
    else
      print_counts (message);
    gst_message_unref (message);
  }
  service_say (SAY_INFO, "cow-reconnect: reconnected %u times\n",
               self->source ? source_n_reconnections (self->source) : 0);
}

/* Plays the first part, which is a recording, and does not replace it. */
static gboolean
play_once (Watch *self, const char *description, GstPad *sink, GError **error)
{
  GstElement *source = elements_parse (description, GST_PAD_SRC, error);
  GstPad *pad;

  if (!source)
    return FALSE;
  gst_bin_add (GST_BIN (self->pipeline), source);
  if (!camera_prepare (GST_BIN (source), &self->access, error))
    return FALSE;
  pad = gst_element_get_static_pad (source, "src");
  gst_pad_link (pad, sink);
  gst_object_unref (pad);
  gst_element_set_state (self->pipeline, GST_STATE_PLAYING);
  return TRUE;
}

static gboolean
play (Watch *self, const char *description, GstPad *sink, GError **error)
{
  if (self->once)
    return play_once (self, description, sink, error);
  self->source = source_new (&(SourceSettings){ .name = "cow-reconnect",
                                                .description = description,
                                                .access = &self->access,
                                                .pipeline = self->pipeline,
                                                .sink = sink,
                                                .patience_s = (guint)self->patience_s });
  gst_element_set_state (self->pipeline, GST_STATE_PLAYING);
  return source_start (self->source, error);
}

/* Whether the parts can be joined; `first` is made only to look into it. */
static gboolean
check (const char *source, GstElement *rest, GError **error)
{
  GstElement *first = elements_parse (source, GST_PAD_SRC, error);
  gboolean ok = first && outputs_check (GST_BIN (first), GST_BIN (rest), error);

  if (first)
    gst_object_unref (gst_object_ref_sink (first));
  return ok;
}

static void
run (Watch *self, const char *source, const char *description, GError **error)
{
  GstElement *rest = elements_parse (description, GST_PAD_SINK, error);
  GstBus *bus;
  GstPad *sink;

  if (!rest)
    return;
  gst_bin_add (GST_BIN (self->pipeline), rest);
  if (!check (source, rest, error))
    return;
  elements_start_without_frames (GST_BIN (rest));
  bus = gst_element_get_bus (self->pipeline);
  sink = gst_element_get_static_pad (rest, "sink");
  gst_bus_add_watch (bus, on_message, self);
  signals_watch (on_signal, self->loop);
  if (play (self, source, sink, error))
    g_main_loop_run (self->loop);
  end (self, bus);
  g_clear_pointer (&self->source, source_free);
  gst_object_unref (sink);
  gst_object_unref (bus);
}

int
main (int argc, char **argv)
{
  Watch watch = { .patience_s = 20 };
  const GOptionEntry entries[] = {
    { "patience", 0, 0, G_OPTION_ARG_INT, &watch.patience_s,
      "Seconds without a frame after which the source is replaced (20)", "S" },
    { "once", 0, 0, G_OPTION_ARG_NONE, &watch.once,
      "Exit when the source ends or fails: for recordings", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("SOURCE REST");
  g_autoptr (GError) error = NULL;
  int status;

  secrets_hide (argc, &argv, TRUE);
  redaction_start ();
  camera_take_logins (&watch.access);
  g_option_context_set_summary (
      context,
      "Runs the pipeline SOURCE ! REST and replaces SOURCE when it fails, ends or falls silent.");
  g_option_context_add_main_entries (context, entries, NULL);
  camera_add_options (context, &watch.access);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (g_option_context_parse (context, &argc, &argv, &error) && (argc != 3 || watch.patience_s < 1))
    g_set_error_literal (&error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                         "expected SOURCE and REST, and a patience of 1 s or more; see --help");
  if (!error) {
    redaction_add_description (argv[1]);
    redaction_add_description (argv[2]);
    watch.loop = g_main_loop_new (NULL, FALSE);
    watch.pipeline = gst_pipeline_new (NULL);
    run (&watch, argv[1], argv[2], &error);
    g_main_loop_unref (watch.loop);
  }
  if (error)
    service_say (SAY_ERROR, "cow-reconnect: %s\n", error->message);
  status = error || watch.failed ? EXIT_FAILURE : EXIT_SUCCESS;
  if (watch.pipeline)
    status = stopping_end (watch.pipeline, status);
  camera_access_clear (&watch.access);
  return status;
}
