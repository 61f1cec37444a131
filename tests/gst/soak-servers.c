/* SPDX-License-Identifier: MIT */
#include "tests/gst/soak-servers.h"

#include <signal.h>
#include <string.h>

#include "tests/gst/child.h"
#include "tests/gst/publish-support.h"

static void
start_cameras (SoakServers *self, const char *program, guint n, guint fps)
{
  g_autofree char *n_text = g_strdup_printf ("%u", n), *fps_text = g_strdup_printf ("%u", fps);
  const char *argv[] = { program, n_text, fps_text, NULL };
  g_autoptr (GDataInputStream) lines = NULL;

  self->cameras =
      child_new (argv, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, SIGKILL);
  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self->cameras));
  self->ports = g_new0 (guint16, n);
  for (guint i = 0; i < n; i++) {
    g_autofree char *line = g_data_input_stream_read_line (lines, NULL, NULL, NULL);

    g_assert_nonnull (line);
    self->ports[i] = (guint16)g_ascii_strtoull (line, NULL, 10);
  }
}

static void
start_endpoint (SoakServers *self)
{
  g_autofree char *port = g_strdup_printf ("%u", self->http_port);
  const char *argv[] = { "python3", self->script, port, self->http_lines, NULL };

  self->endpoint = child_new (argv, G_SUBPROCESS_FLAGS_STDERR_SILENCE, SIGKILL);
}

/* It keeps its session, so that the broker has what came while it was away. */
static void
start_listener (SoakServers *self)
{
  g_autofree char *line =
      g_strdup_printf ("exec mosquitto_sub -p %u -c -i soak -q 1 -t 'cowbehavior/+/events' >'%s'",
                       self->broker->port, self->mqtt_lines);
  const char *argv[] = { "sh", "-c", line, NULL };

  self->listener = child_new (argv, G_SUBPROCESS_FLAGS_STDERR_SILENCE, SIGKILL);
  g_usleep (G_USEC_PER_SEC); /* until it has subscribed */
}

SoakServers *
soak_servers_new (const char *folder, const char *program, const char *script, guint n_cameras,
                  guint fps)
{
  SoakServers *self = g_new0 (SoakServers, 1);

  self->http_lines = g_build_filename (folder, "http.jsonl", NULL);
  self->mqtt_lines = g_build_filename (folder, "mqtt.jsonl", NULL);
  self->script = script;
  self->http_port = publish_free_port ();
  start_cameras (self, program, n_cameras, fps);
  /* It stores what the listener has not got when it ends, and not with each message. */
  self->broker =
      broker_new ("allow_anonymous true\nautosave_on_changes false\nautosave_interval 3600\n");
  start_endpoint (self);
  start_listener (self);
  return self;
}

void
soak_servers_set_fault (SoakServers *self, guint camera, CameraFault fault)
{
  g_autofree char *line = g_strdup_printf ("%u %d\n", camera, (int)fault);
  g_autoptr (GError) error = NULL;

  g_output_stream_write_all (g_subprocess_get_stdin_pipe (self->cameras), line, strlen (line), NULL,
                             NULL, &error);
  g_assert_no_error (error);
}

static void
end_process (GSubprocess *process, SoakOutage outage)
{
  static const int signals[SOAK_N_OUTAGES] = { SIGKILL, SIGTERM, SIGSTOP };

  g_subprocess_send_signal (process, signals[outage]);
  if (outage != SOAK_STOPPED)
    g_subprocess_wait (process, NULL, NULL);
}

void
soak_servers_break_broker (SoakServers *self, SoakOutage outage)
{
  end_process (self->broker->process, outage);
  if (outage != SOAK_STOPPED)
    g_clear_object (&self->broker->process);
}

void
soak_servers_mend_broker (SoakServers *self, SoakOutage outage)
{
  if (outage == SOAK_STOPPED)
    g_subprocess_send_signal (self->broker->process, SIGCONT);
  else
    broker_start (self->broker);
}

void
soak_servers_break_endpoint (SoakServers *self, SoakOutage outage)
{
  end_process (self->endpoint, outage);
}

void
soak_servers_mend_endpoint (SoakServers *self, SoakOutage outage)
{
  if (outage == SOAK_STOPPED) {
    g_subprocess_send_signal (self->endpoint, SIGCONT);
    return;
  }
  g_clear_object (&self->endpoint);
  start_endpoint (self);
}

void
soak_servers_free (SoakServers *self)
{
  GSubprocess *processes[] = { self->listener, self->endpoint, self->cameras };

  for (guint i = 0; i < G_N_ELEMENTS (processes); i++) {
    end_process (processes[i], SOAK_KILLED);
    g_object_unref (processes[i]);
  }
  broker_free (self->broker);
  g_free (self->ports);
  g_free (self->http_lines);
  g_free (self->mqtt_lines);
  g_free (self);
}
