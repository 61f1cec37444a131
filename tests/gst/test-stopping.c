/* SPDX-License-Identifier: MIT */
/* The sample programs end soon, and hear Ctrl+C at once, with cameras that fall silent in the
 * middle of an answer and a broker that is dead. */
#include "tests/gst/support.h"

#include <gio/gio.h>
#include <signal.h>
#include <string.h>

#include "pipelines/stopping.h"
#include "tests/gst/child.h"

#define N_CAMERAS 8u
#define LIMIT_S   60
/* The deadline is 2 s, and the rest is for a busy machine. rtspsrc alone takes 17 s. */
#define SOON (5 * G_USEC_PER_SEC)

/* The last words of a camera; its nth answer is to be numbered n. */
static const struct {
  const char *name;
  guint n;
  const char *words;
} stalls[] = {
  { "options", 1, "RTSP/1.0 200 OK\r\nCSe" },
  { "describe", 2, "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: appl" },
  { "description", 2,
    "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: 500\r\n\r\n"
    "v=0\r\n" },
};

static char *adapter, *model;

/* ---- cameras --------------------------------------------------------------------------------- */

typedef struct {
  GSocketListener *listener;
  GCancellable *end;
  GThread *thread;
  guint16 port;
  guint stall;
  gint n_silent; /* atomic: connections on which the last words were said */
} Camera;

/* Answers until the last words, and then reads without a word until the other side leaves. */
static void
serve (Camera *self, GSocketConnection *connection)
{
  static const char first[] =
      "RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n";
  GOutputStream *out = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  GInputStream *in = g_io_stream_get_input_stream (G_IO_STREAM (connection));
  char request[4096];

  for (guint n = 1; g_input_stream_read (in, request, sizeof request, self->end, NULL) > 0; n++) {
    const gboolean last = n == stalls[self->stall].n;
    const char *words = last ? stalls[self->stall].words : n == 1 ? first : "";

    g_output_stream_write_all (out, words, strlen (words), NULL, NULL, NULL);
    if (last)
      g_atomic_int_inc (&self->n_silent);
  }
}

typedef struct {
  Camera *camera;
  GSocketConnection *connection;
} Client;

static gpointer
run_client (gpointer data)
{
  Client *client = data;

  serve (client->camera, client->connection);
  g_object_unref (client->connection);
  g_free (client);
  return NULL;
}

static gpointer
run_camera (gpointer data)
{
  Camera *self = data;
  g_autoptr (GPtrArray) threads = g_ptr_array_new ();
  GSocketConnection *connection;

  while ((connection = g_socket_listener_accept (self->listener, NULL, self->end, NULL))) {
    Client *client = g_new (Client, 1);

    *client = (Client){ self, connection };
    g_ptr_array_add (threads, g_thread_new ("client", run_client, client));
  }
  for (guint i = 0; i < threads->len; i++)
    g_thread_join (threads->pdata[i]);
  return NULL;
}

static Camera *
camera_new (guint stall)
{
  Camera *self = g_new0 (Camera, 1);

  self->stall = stall;
  self->end = g_cancellable_new ();
  self->listener = g_socket_listener_new ();
  self->port = g_socket_listener_add_any_inet_port (self->listener, NULL, NULL);
  self->thread = g_thread_new ("camera", run_camera, self);
  return self;
}

static void
camera_free (Camera *self)
{
  g_cancellable_cancel (self->end);
  g_thread_join (self->thread);
  g_object_unref (self->listener);
  g_object_unref (self->end);
  g_free (self);
}

static void
wait_silent (Camera *self, gint n)
{
  const gint64 limit = g_get_monotonic_time () + LIMIT_S * G_USEC_PER_SEC;

  while (g_atomic_int_get (&self->n_silent) < n) {
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_usleep (10000);
  }
  g_usleep (G_USEC_PER_SEC / 2); /* the source reads now */
}

/* ---- programs -------------------------------------------------------------------------------- */

typedef struct {
  GSubprocess *process;
  GDataInputStream *lines;
} Program;

static Program
program_start (const char *const *argv)
{
  Program self;

  self.process =
      child_new (argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE, SIGKILL);
  self.lines = g_data_input_stream_new (g_subprocess_get_stderr_pipe (self.process));
  return self;
}

static void
wait_line (Program *self, const char *words)
{
  gboolean found = FALSE;
  char *line;

  while (!found && (line = g_data_input_stream_read_line (self->lines, NULL, NULL, NULL))) {
    found = strstr (line, words) != NULL;
    g_free (line);
  }
  g_assert_true (found);
}

/* Waits for its end, and returns how often it said this. */
static guint
program_end (Program *self, const char *words, gint64 *took)
{
  const gint64 began = g_get_monotonic_time ();
  guint n = 0;
  char *line;

  while ((line = g_data_input_stream_read_line (self->lines, NULL, NULL, NULL))) {
    g_test_message ("%s", line);
    n += strstr (line, words) != NULL;
    g_free (line);
  }
  g_subprocess_wait (self->process, NULL, NULL);
  *took = g_get_monotonic_time () - began;
  g_test_message ("ended in %.2f s", (double)*took / G_USEC_PER_SEC);
  g_object_unref (self->process);
  g_object_unref (self->lines);
  return n;
}

/* The words of a camera's source; free with g_free (). */
static char *
location_of (Camera *camera)
{
  return g_strdup_printf ("location=rtsp://127.0.0.1:%u/barn", camera->port);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void
test_launch (gconstpointer data)
{
  Camera *camera = camera_new (GPOINTER_TO_UINT (data));
  g_autofree char *location = location_of (camera);
  const char *argv[] = {
    "cow-launch", "rtspsrc", location, "protocols=tcp", "!", "fakesink", NULL
  };
  Program program = program_start (argv);
  gint64 took;

  wait_silent (camera, 1);
  g_subprocess_send_signal (program.process, SIGINT);
  g_assert_cmpuint (program_end (&program, "a camera does not answer", &took), ==, 1);
  g_assert_cmpint (took, <, SOON);
  camera_free (camera);
}

static void
test_second_signal (void)
{
  Camera *camera = camera_new (0);
  g_autofree char *location = location_of (camera);
  const char *argv[] = {
    "cow-launch", "rtspsrc", location, "protocols=tcp", "!", "fakesink", NULL
  };
  Program program = program_start (argv);
  g_autoptr (GSubprocess) process = g_object_ref (program.process);
  gint64 took;

  wait_silent (camera, 1);
  g_subprocess_send_signal (process, SIGINT);
  g_subprocess_send_signal (process, SIGTERM); /* the same once more, as from a terminal */
  g_usleep (G_USEC_PER_SEC);
  g_subprocess_send_signal (process, SIGINT);
  g_assert_cmpuint (program_end (&program, "a camera does not answer", &took), ==, 0);
  g_assert_true (g_subprocess_get_if_signaled (process));
  g_assert_cmpint (g_subprocess_get_term_sig (process), ==, SIGINT);
  camera_free (camera);
}

/* Ctrl+C is heard while the source of a camera is being given up. */
static void
test_reconnect (void)
{
  Camera *camera = camera_new (1);
  g_autofree char *source = g_strdup_printf (
      "rtspsrc location=rtsp://127.0.0.1:%u/barn protocols=tcp ! rtph264depay", camera->port);
  const char *argv[] = { g_getenv ("COW_RECONNECT"), "--patience", "1", source, "fakesink", NULL };
  Program program = program_start (argv);
  gint64 took;

  wait_line (&program, "the source gives nothing");
  g_subprocess_send_signal (program.process, SIGINT);
  g_assert_cmpuint (program_end (&program, "reconnected 1 times", &took), ==, 1);
  g_assert_cmpint (took, <, SOON);
  camera_free (camera);
}

/* It is connected again while the old source still waits for its camera. */
static void
test_reconnect_goes_on (void)
{
  Camera *camera = camera_new (2);
  g_autofree char *source = g_strdup_printf (
      "rtspsrc location=rtsp://127.0.0.1:%u/barn protocols=tcp ! rtph264depay", camera->port);
  const char *argv[] = { g_getenv ("COW_RECONNECT"), "--patience", "1", source, "fakesink", NULL };
  const gint64 began = g_get_monotonic_time ();
  Program program = program_start (argv);
  gint64 took;

  wait_silent (camera, 2);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 15 * G_USEC_PER_SEC);
  g_subprocess_send_signal (program.process, SIGTERM);
  program_end (&program, "", &took);
  g_assert_cmpint (took, <, SOON);
  camera_free (camera);
}

/* Eight silent cameras, which keep the pipeline from playing, and eight recordings whose first
 * events go to a broker that is dead. */
static void
test_eight (void)
{
  g_autoptr (GSocketListener) broker = g_socket_listener_new ();
  const guint16 port = g_socket_listener_add_any_inet_port (broker, NULL, NULL);
  g_autoptr (GString) line = g_string_new ("cow-launch");
  Camera *camera = camera_new (1);
  g_auto (GStrv) argv = NULL;
  Program program;
  gint64 took;

  for (guint i = 0; i < N_CAMERAS; i++)
    g_string_append_printf (
        line,
        " rtspsrc location=rtsp://127.0.0.1:%u/%u protocols=tcp ! fakesink "
        "videotestsrc ! video/x-raw,format=RGB,width=64,height=64,framerate=5/1 ! "
        "cowbehavior model=%s adapter=%s ! cowpublish mqtt-url=mqtt://127.0.0.1:%u ! "
        "fakesink sync=false",
        camera->port, i, model, adapter, port);
  argv = g_strsplit (line->str, " ", -1);
  program = program_start ((const char *const *)argv);
  wait_silent (camera, N_CAMERAS);
  g_usleep (2 * G_USEC_PER_SEC); /* events */
  g_subprocess_send_signal (program.process, SIGINT);
  g_assert_cmpuint (
      program_end (&program, "events were still queued at the end and are lost", &took), ==,
      N_CAMERAS);
  g_assert_cmpint (took, <, SOON);
  camera_free (camera);
}

/* ---- a source that waits for itself ---------------------------------------------------------- */

static GstPadProbeReturn
note_flush (GstPad *pad, GstPadProbeInfo *info, gpointer is_flushed)
{
  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_FLUSH_START)
    g_atomic_int_set ((gint *)is_flushed, TRUE);
  return GST_PAD_PROBE_OK;
}

/* rtspsrc cannot be stopped while the thread that reads is inside a jitter buffer that waits for
 * itself. So those are flushed first. */
static void
test_jitter_buffer (void)
{
  GstElement *pipeline = gst_pipeline_new (NULL), *source, *buffer;
  const gint64 limit = g_get_monotonic_time () + LIMIT_S * G_USEC_PER_SEC;
  gint is_flushed = FALSE;
  GstPad *pad;

  source = gst_parse_bin_from_description (
      "videotestsrc is-live=true ! video/x-raw,format=RGB,width=64,height=64 ! rtpvrawpay ! "
      "rtpjitterbuffer name=buffer ! fakesink",
      FALSE, NULL);
  buffer = gst_bin_get_by_name (GST_BIN (source), "buffer");
  pad = gst_element_get_static_pad (buffer, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM | GST_PAD_PROBE_TYPE_EVENT_FLUSH,
                     note_flush, &is_flushed, NULL);
  gst_bin_add (GST_BIN (pipeline), gst_object_ref (source));
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  gst_object_unref (pad);
  gst_object_unref (buffer);
  stopping_take_out (source);
  while (GST_STATE (source) != GST_STATE_NULL) {
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_usleep (10000);
  }
  g_assert_true (g_atomic_int_get (&is_flushed));
  gst_object_unref (source);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  if (!support_have_element ("rtspsrc")) {
    g_print ("1..0 # SKIP the GStreamer element rtspsrc is not installed\n");
    return 0;
  }
  adapter = support_adapter_new ();
  model = support_model ();
  for (guint i = 0; i < G_N_ELEMENTS (stalls); i++) {
    g_autofree char *path = g_strconcat ("/stopping/launch/", stalls[i].name, NULL);

    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_launch);
  }
  g_test_add_func ("/stopping/second-signal", test_second_signal);
  g_test_add_func ("/stopping/reconnect", test_reconnect);
  g_test_add_func ("/stopping/reconnect-goes-on", test_reconnect_goes_on);
  g_test_add_func ("/stopping/eight", test_eight);
  g_test_add_func ("/stopping/jitter-buffer", test_jitter_buffer);
  result = g_test_run ();
  support_remove (adapter);
  g_free (model);
  return result;
}
