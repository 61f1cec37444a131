/* SPDX-License-Identifier: MIT */
/*
 * cow-reconnect SOURCE REST: runs a pipeline of two parts, each described as for gst-launch-1.0.
 * When SOURCE fails, ends, or delivers nothing for a while, it is replaced by a new one until that
 * works, while REST plays on. It is an example of what an application around a camera has to do. An
 * error in REST ends the program. A refused login is tried again after minutes only. Warnings go to
 * the standard error. At the end the counters of `cowpublish` and the number of reconnections go
 * there as well.
 */
#include <glib-unix.h>
#include <gst/gst.h>
#include <stdlib.h>

#include "pipelines/camera.h"
#include "pipelines/redaction.h"
#include "pipelines/stopping.h"
#include "trainer/host/secrets.h"

#define FIRST_PAUSE_S 1
#define LAST_PAUSE_S  10
#define LOGIN_PAUSE_S 300 /* cameras lock a user for minutes after some wrong passwords */

typedef struct {
  const char *description; /* of SOURCE */
  CameraAccess access;
  gint patience_s;
  gboolean once; /* exit when SOURCE ends or fails */
  GMainLoop *loop;
  GstElement *pipeline, *source; /* source is NULL between two attempts */
  GstPad *sink;                  /* of REST */
  gulong probe;                  /* at the end of SOURCE */
  guint gives; /* atomic: 1 when SOURCE has delivered something since the last look */
  guint silent_s;
  guint pause_s;
  guint n_reconnections;
  gboolean failed;
} Watch;

static gboolean restart (gpointer data);

/* ---- the source ------------------------------------------------------------------------------ */

static GstPadProbeReturn
on_data (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Watch *self = data;

  if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
    g_atomic_int_or (&self->gives, 1);
  if (self->once || !(info->type & GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM) ||
      GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) != GST_EVENT_EOS)
    return GST_PAD_PROBE_OK;
  /* REST must not see the end of a source that will be replaced. */
  gst_element_post_message (
      self->pipeline,
      gst_message_new_application (GST_OBJECT (pad), gst_structure_new_empty ("source-ended")));
  return GST_PAD_PROBE_DROP;
}

/* Returns a bin whose pad "src" or "sink" is the one that the description leaves open. Only one
 * direction is opened, because a pad that a delayed link will use looks open, too. */
static GstElement *
make_part (const char *description, GstPadDirection direction, GError **error)
{
  GstElement *bin = gst_parse_bin_from_description (description, FALSE, error);
  GstPad *open;

  if (!bin)
    return NULL;
  open = gst_bin_find_unlinked_pad (GST_BIN (bin), direction);
  if (!open) {
    /* The message leaves the description out, which may hold passwords. */
    g_set_error (error, GST_PARSE_ERROR, GST_PARSE_ERROR_LINK, "%s has no pad that is open",
                 direction == GST_PAD_SRC ? "the end of SOURCE" : "the beginning of REST");
    gst_object_unref (gst_object_ref_sink (bin));
    return NULL;
  }
  gst_element_add_pad (bin, gst_ghost_pad_new (direction == GST_PAD_SRC ? "src" : "sink", open));
  gst_object_unref (open);
  return bin;
}

static gboolean
start_source (Watch *self, GError **error)
{
  GstPad *pad;

  self->source = make_part (self->description, GST_PAD_SRC, error);
  if (!self->source)
    return FALSE;
  if (!camera_prepare (GST_BIN (self->source), &self->access, error)) {
    gst_object_unref (gst_object_ref_sink (g_steal_pointer (&self->source)));
    return FALSE;
  }
  pad = gst_element_get_static_pad (self->source, "src");
  self->probe = gst_pad_add_probe (
      pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_data, self, NULL);
  gst_bin_add (GST_BIN (self->pipeline), self->source);
  gst_pad_link (pad, self->sink);
  gst_object_unref (pad);
  self->silent_s = 0;
  gst_element_sync_state_with_parent (self->source); /* a failure arrives as a message, too */
  return TRUE;
}

static void
stop_source (Watch *self)
{
  GstElement *source = g_steal_pointer (&self->source);

  GstPad *pad;

  if (!source)
    return;
  pad = gst_element_get_static_pad (source, "src");
  gst_pad_remove_probe (pad, self->probe);
  gst_object_unref (pad);
  stopping_take_out (source);
}

static void
reconnect (Watch *self, const char *why)
{
  g_printerr ("cow-reconnect: %s; again in %u s\n", why, self->pause_s);
  stop_source (self);
  self->n_reconnections++;
  g_timeout_add_seconds (self->pause_s, restart, self);
  self->pause_s = MIN (2 * self->pause_s, LAST_PAUSE_S);
}

static gboolean
restart (gpointer data)
{
  Watch *self = data;
  g_autoptr (GError) error = NULL;

  if (!start_source (self, &error))
    reconnect (self, error->message);
  return G_SOURCE_REMOVE;
}

static gboolean
on_second (gpointer data)
{
  Watch *self = data;

  if (g_atomic_int_and (&self->gives, 0) > 0) {
    self->silent_s = 0;
    self->pause_s = FIRST_PAUSE_S;
  } else if (self->source && !self->once && ++self->silent_s > (guint)self->patience_s) {
    reconnect (self, "the source gives nothing");
  }
  return G_SOURCE_CONTINUE;
}

/* ---- messages -------------------------------------------------------------------------------- */

static void
on_error (Watch *self, GstMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *why = NULL;
  GstObject *from = GST_MESSAGE_SRC (message);

  gst_message_parse_error (message, &error, NULL);
  if (!self->once && self->source && gst_object_has_as_ancestor (from, GST_OBJECT (self->source))) {
    why = camera_explain (message, &self->access);
    if (camera_refused_login (message))
      self->pause_s = LOGIN_PAUSE_S;
    reconnect (self, why);
  } else if (gst_object_has_as_ancestor (from, GST_OBJECT (self->pipeline))) {
    g_printerr ("cow-reconnect: %s: %s\n", GST_OBJECT_NAME (from), error->message);
    self->failed = TRUE;
    g_main_loop_quit (self->loop);
  } /* else it is a late message of a source that has been removed */
}

static void
print_warning (GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  gst_message_parse_warning (message, &error, NULL);
  g_printerr ("cow-reconnect: %s: warning: %s\n", GST_MESSAGE_SRC_NAME (message), error->message);
}

static void
print_counts (GstMessage *message)
{
  g_autofree char *text = NULL;

  if (!gst_message_has_name (message, "cowpublish"))
    return;
  text = gst_structure_to_string (gst_message_get_structure (message));
  g_printerr ("%s: %s\n", GST_MESSAGE_SRC_NAME (message), text);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer data)
{
  Watch *self = data;

  switch (GST_MESSAGE_TYPE (message)) {
  case GST_MESSAGE_ERROR:
    on_error (self, message);
    break;
  case GST_MESSAGE_WARNING:
    print_warning (message);
    break;
  case GST_MESSAGE_APPLICATION:
    if (self->source && GST_OBJECT_PARENT (GST_MESSAGE_SRC (message)) == GST_OBJECT (self->source))
      reconnect (self, "the stream of the source ended");
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

/* Makes sinks not wait for a first frame, so that the clock runs before there is a source. */
static void
set_async (const GValue *item, gpointer data)
{
  GstElement *element = g_value_get_object (item);

  if (GST_OBJECT_FLAG_IS_SET (element, GST_ELEMENT_FLAG_SINK) &&
      g_object_class_find_property (G_OBJECT_GET_CLASS (element), "async"))
    g_object_set (element, "async", FALSE, NULL);
}

static gboolean
add_rest (Watch *self, const char *description, GError **error)
{
  GstElement *rest = make_part (description, GST_PAD_SINK, error);
  GstIterator *elements;

  if (!rest)
    return FALSE;
  gst_bin_add (GST_BIN (self->pipeline), rest);
  self->sink = gst_element_get_static_pad (rest, "sink");
  elements = gst_bin_iterate_recurse (GST_BIN (rest));
  gst_iterator_foreach (elements, set_async, NULL);
  gst_iterator_free (elements);
  return TRUE;
}

static void
run (Watch *self, GError **error)
{
  GstBus *bus = gst_element_get_bus (self->pipeline);
  GstMessage *message;

  gst_bus_add_watch (bus, on_message, self);
  g_unix_signal_add (SIGINT, on_signal, self->loop);
  g_unix_signal_add (SIGTERM, on_signal, self->loop);
  g_timeout_add_seconds (1, on_second, self);
  gst_element_set_state (self->pipeline, GST_STATE_PLAYING);
  if (start_source (self, error))
    g_main_loop_run (self->loop);

  gst_bus_remove_watch (bus);
  stop_source (self);
  stopping_stop (self->pipeline, GST_STATE_READY);
  while ((message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING | GST_MESSAGE_ELEMENT))) {
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING)
      print_warning (message);
    else
      print_counts (message);
    gst_message_unref (message);
  }
  gst_object_unref (bus);
  g_printerr ("cow-reconnect: reconnected %u times\n", self->n_reconnections);
}

int
main (int argc, char **argv)
{
  Watch watch = { .patience_s = 20, .pause_s = FIRST_PAUSE_S };
  const GOptionEntry entries[] = {
    { "patience", 0, 0, G_OPTION_ARG_INT, &watch.patience_s,
      "Seconds without a frame after which the source is replaced (20)", "S" },
    { "once", 0, 0, G_OPTION_ARG_NONE, &watch.once,
      "Exit when the source ends or fails: for recordings", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("SOURCE REST");
  g_autofree char *source = NULL, *rest = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  secrets_hide (argc, &argv);
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
    watch.description = source = camera_take_argument (argv[1]);
    rest = camera_take_argument (argv[2]);
    redaction_add_description (source);
    redaction_add_description (rest);
    watch.loop = g_main_loop_new (NULL, FALSE);
    watch.pipeline = gst_pipeline_new (NULL);
    if (add_rest (&watch, rest, &error))
      run (&watch, &error);
    gst_clear_object (&watch.sink);
    g_main_loop_unref (watch.loop);
  }
  if (error)
    g_printerr ("cow-reconnect: %s\n", error->message);
  status = error || watch.failed ? EXIT_FAILURE : EXIT_SUCCESS;
  if (watch.pipeline)
    status = stopping_end (watch.pipeline, status);
  camera_access_clear (&watch.access);
  return status;
}
