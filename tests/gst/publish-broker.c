/* SPDX-License-Identifier: MIT */
/* A Mosquitto broker of a test's own, and a client that listens. */
#include "tests/gst/publish-broker.h"

#include <signal.h>
#include <string.h>

#include "tests/gst/child.h"
#include "tests/gst/publish-support.h"
#include "tests/gst/support.h"

static char *
program_new (void)
{
  char *program = g_find_program_in_path ("mosquitto");

  if (!program && g_file_test ("/usr/sbin/mosquitto", G_FILE_TEST_IS_EXECUTABLE))
    program = g_strdup ("/usr/sbin/mosquitto");
  return program;
}

gboolean
broker_test_init (int *argc, char ***argv)
{
  g_autofree char *program = program_new ();

  gst_init (argc, argv);
  g_test_init (argc, argv, NULL);
  if (!program) {
    g_print ("1..0 # SKIP the broker mosquitto is not installed\n");
    return FALSE;
  }
  mosquitto_lib_init ();
  gst_object_unref (gst_object_ref_sink (
      gst_element_factory_make ("cowpublish", NULL))); /* making it registers the metadata */
  return TRUE;
}

int
broker_test_run (void)
{
  const int result = g_test_run ();

  mosquitto_lib_cleanup ();
  return result || !support_no_leaks ();
}

/* ---- a broker -------------------------------------------------------------------------------- */

static gboolean
answers (guint16 port)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection =
      g_socket_client_connect_to_host (client, "127.0.0.1", port, NULL, NULL);

  return connection != NULL;
}

void
broker_start (Broker *self)
{
  g_autofree char *mosquitto = program_new ();
  const char *argv[] = { mosquitto, "-c", self->config, NULL };
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;

  self->process = child_new (
      argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, SIGKILL);
  while (!answers (self->port)) {
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_usleep (10000);
  }
}

void
broker_kill (Broker *self)
{
  g_subprocess_force_exit (self->process);
  g_subprocess_wait (self->process, NULL, NULL);
  g_clear_object (&self->process);
}

void
broker_freeze (Broker *self)
{
  g_autofree char *path =
      g_strdup_printf ("/proc/%s/stat", g_subprocess_get_identifier (self->process));
  gboolean stopped = FALSE;

  g_subprocess_send_signal (self->process, SIGSTOP);
  while (!stopped) {
    g_autofree char *text = NULL;

    g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
    stopped = strstr (text, ") T ") != NULL;
  }
}

Broker *
broker_new (const char *lines)
{
  Broker *self = g_new0 (Broker, 1);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  self->folder = g_dir_make_tmp ("cowpublish-broker-XXXXXX", NULL);
  self->config = g_build_filename (self->folder, "mosquitto.conf", NULL);
  self->port = publish_free_port ();
  text = g_strdup_printf ("listener %u 127.0.0.1\nuser root\npersistence "
                          "true\npersistence_location %s/\nautosave_on_changes true\n"
                          "autosave_interval 1\nmax_queued_messages 0\n%s\n",
                          self->port, self->folder, lines);
  g_file_set_contents (self->config, text, -1, &error);
  g_assert_no_error (error);
  broker_start (self);
  return self;
}

void
broker_free (Broker *self)
{
  if (self->process)
    broker_kill (self);
  support_remove (self->folder);
  g_free (self->config);
  g_free (self);
}

/* ---- a listening client ---------------------------------------------------------------------- */

static void
on_connect (struct mosquitto *client, void *data, int code)
{
  g_assert_cmpint (code, ==, 0);
  mosquitto_subscribe (client, NULL, "#", 1);
}

static void
on_subscribe (struct mosquitto *client, void *data, int id, int n, const int *granted)
{
  g_atomic_int_set (&((Listener *)data)->ready, TRUE);
}

static void
on_message (struct mosquitto *client, void *data, const struct mosquitto_message *message)
{
  Listener *self = data;
  gboolean retained = message->retain;

  g_mutex_lock (&self->lock);
  g_ptr_array_add (self->topics, g_strdup (message->topic));
  g_ptr_array_add (self->texts, g_strndup (message->payload ? message->payload : "",
                                           (gsize)message->payloadlen));
  g_array_append_val (self->retained, retained);
  g_mutex_unlock (&self->lock);
}

Listener *
listener_new (const Broker *broker, const char *id, const char *user, const char *password)
{
  Listener *self = g_new0 (Listener, 1);

  self->topics = g_ptr_array_new_with_free_func (g_free);
  self->texts = g_ptr_array_new_with_free_func (g_free);
  self->retained = g_array_new (FALSE, FALSE, sizeof (gboolean));
  g_mutex_init (&self->lock);
  self->client = mosquitto_new (id, id == NULL, self);
  mosquitto_connect_callback_set (self->client, on_connect);
  mosquitto_subscribe_callback_set (self->client, on_subscribe);
  mosquitto_message_callback_set (self->client, on_message);
  mosquitto_reconnect_delay_set (self->client, 1, 1, false);
  if (user)
    mosquitto_username_pw_set (self->client, user, password);
  g_assert_cmpint (mosquitto_connect (self->client, "127.0.0.1", broker->port, 60), ==,
                   MOSQ_ERR_SUCCESS);
  g_assert_cmpint (mosquitto_loop_start (self->client), ==, MOSQ_ERR_SUCCESS);
  while (!g_atomic_int_get (&self->ready))
    g_usleep (1000);
  return self;
}

void
listener_free (Listener *self)
{
  mosquitto_disconnect (self->client);
  mosquitto_loop_stop (self->client, true);
  mosquitto_destroy (self->client);
  g_ptr_array_unref (self->topics);
  g_ptr_array_unref (self->texts);
  g_array_unref (self->retained);
  g_mutex_clear (&self->lock);
  g_free (self);
}

char **
listener_heard (Listener *self, const char *topic)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autoptr (GHashTable) events = g_hash_table_new (g_str_hash, g_str_equal);

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->topics->len; i++)
    if (g_str_equal (self->topics->pdata[i], topic) &&
        (!g_str_has_suffix (topic, "/events") || g_hash_table_add (events, self->texts->pdata[i])))
      g_strv_builder_add (builder, self->texts->pdata[i]);
  g_mutex_unlock (&self->lock);
  return g_strv_builder_end (builder);
}

char **
listener_wait_heard (Listener *self, const char *topic, guint n)
{
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;
  char **texts = listener_heard (self, topic);

  while (g_strv_length (texts) < n) {
    if (g_get_monotonic_time () > limit)
      g_error ("%u messages on %s, not %u", g_strv_length (texts), topic, n);
    g_strfreev (texts);
    g_usleep (5000);
    texts = listener_heard (self, topic);
  }
  return texts;
}

void
listener_assert_heard (Listener *self, const char *topic, ...)
{
  g_auto (GStrv) texts = NULL;
  va_list list;
  guint n = 0;

  va_start (list, topic);
  while (va_arg (list, const char *))
    n++;
  va_end (list);
  texts = listener_wait_heard (self, topic, n);
  va_start (list, topic);
  for (guint i = 0; i < n; i++)
    g_assert_cmpstr (texts[i], ==, va_arg (list, const char *));
  va_end (list);
  g_assert_cmpuint (g_strv_length (texts), ==, n);
}

char *
broker_kept (const Broker *broker, const char *topic)
{
  Listener *listener = listener_new (broker, NULL, NULL, NULL);
  char *text = NULL;

  /* Retained messages arrive after the confirmation, and this one arrives after them. */
  mosquitto_publish (listener->client, NULL, "test/marker", 1, "x", 1, false);
  g_strfreev (listener_wait_heard (listener, "test/marker", 1));
  for (guint i = 0; i < listener->topics->len; i++)
    if (g_str_equal (listener->topics->pdata[i], topic) &&
        g_array_index (listener->retained, gboolean, i))
      text = g_strdup (listener->texts->pdata[i]);
  listener_free (listener);
  return text;
}

void
broker_assert_kept (const Broker *broker, const char *topic, const char *expected)
{
  g_autofree char *text = broker_kept (broker, topic);

  g_assert_cmpstr (text, ==, expected);
}

void
broker_wait_kept (const Broker *broker, const char *topic, const char *expected)
{
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;

  while (TRUE) {
    g_autofree char *text = broker_kept (broker, topic);

    if (g_strcmp0 (text, expected) == 0)
      return;
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_usleep (50000);
  }
}

GstHarness *
broker_harness_new (const Broker *broker, const char *properties)
{
  g_autofree char *all =
      g_strdup_printf ("mqtt-url=mqtt://localhost:%u %s", broker->port, properties);

  return publish_harness_new (all);
}
