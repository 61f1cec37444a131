/* SPDX-License-Identifier: MIT */
/*
 * `cowpublish` with a real Mosquitto broker of its own on a free port: topics, retained messages,
 * the will, Home Assistant's discovery, logins, TLS, and a broker that is killed and comes back.
 * The tests look at what another client of the broker receives.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <mosquitto.h>
#include <signal.h>
#include <string.h>

#include "tests/gst/publish-support.h"
#include "tests/gst/support.h"

static char *mosquitto; /* the program */
static char *folder;    /* certificates */

/* ---- a broker -------------------------------------------------------------------------------- */

typedef struct {
  char *folder, *config;
  guint16 port;
  GSubprocess *process;
} Broker;

static gboolean
answers (guint16 port)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection =
      g_socket_client_connect_to_host (client, "127.0.0.1", port, NULL, NULL);

  return connection != NULL;
}

static void
broker_start (Broker *self)
{
  g_autoptr (GError) error = NULL;
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;

  self->process =
      g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE,
                        &error, mosquitto, "-c", self->config, NULL);
  g_assert_no_error (error);
  while (!answers (self->port)) {
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_usleep (10000);
  }
}

/* Kills the broker with kill -9. */
static void
broker_kill (Broker *self)
{
  g_subprocess_force_exit (self->process);
  g_subprocess_wait (self->process, NULL, NULL);
  g_clear_object (&self->process);
}

/* Suspends the broker, and waits until it is stopped. */
static void
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

/* Starts a broker that stores its clients and topics, so that they survive a kill. `lines`: more
 * lines of its configuration. */
static Broker *
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

static void
broker_free (Broker *self)
{
  if (self->process)
    broker_kill (self);
  support_remove (self->folder);
  g_free (self->config);
  g_free (self);
}

/* ---- a listening client ---------------------------------------------------------------------- */

typedef struct {
  struct mosquitto *client;
  GMutex lock;
  GPtrArray *topics, *texts; /* in the order of arrival */
  GArray *retained;          /* of gboolean */
  gint ready;                /* atomic: subscribed */
} Listener;

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

/* Subscribes to everything. With an `id` it also receives what was published while it, or the
 * broker, was away. */
static Listener *
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

static void
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

/* The texts that came to a topic so far; free with g_strfreev (). A killed broker may send a text
 * to this client again because it had not noted the delivery; then it counts once. */
static char **
heard (Listener *self, const char *topic)
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

static char **
wait_heard (Listener *self, const char *topic, guint n)
{
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;
  char **texts = heard (self, topic);

  while (g_strv_length (texts) < n) {
    if (g_get_monotonic_time () > limit)
      g_error ("%u messages on %s, not %u", g_strv_length (texts), topic, n);
    g_strfreev (texts);
    g_usleep (5000);
    texts = heard (self, topic);
  }
  return texts;
}

/* Waits for these texts and asserts that they, in this order, and no others came to the topic. */
static void
assert_heard (Listener *self, const char *topic, ...)
{
  g_auto (GStrv) texts = NULL;
  va_list list;
  guint n = 0;

  va_start (list, topic);
  while (va_arg (list, const char *))
    n++;
  va_end (list);
  texts = wait_heard (self, topic, n);
  va_start (list, topic);
  for (guint i = 0; i < n; i++)
    g_assert_cmpstr (texts[i], ==, va_arg (list, const char *));
  va_end (list);
  g_assert_cmpuint (g_strv_length (texts), ==, n);
}

/* The broker's retained message of a topic, or NULL. Free with g_free (). */
static char *
kept (const Broker *broker, const char *topic)
{
  Listener *listener = listener_new (broker, NULL, NULL, NULL);
  char *text = NULL;

  /* Retained messages arrive after the confirmation, and this one arrives after them. */
  mosquitto_publish (listener->client, NULL, "test/marker", 1, "x", 1, false);
  g_strfreev (wait_heard (listener, "test/marker", 1));
  for (guint i = 0; i < listener->topics->len; i++)
    if (g_str_equal (listener->topics->pdata[i], topic) &&
        g_array_index (listener->retained, gboolean, i))
      text = g_strdup (listener->texts->pdata[i]);
  listener_free (listener);
  return text;
}

static void
assert_kept (const Broker *broker, const char *topic, const char *expected)
{
  g_autofree char *text = kept (broker, topic);

  g_assert_cmpstr (text, ==, expected);
}

static void
wait_kept (const Broker *broker, const char *topic, const char *expected)
{
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;

  while (TRUE) {
    g_autofree char *text = kept (broker, topic);

    if (g_strcmp0 (text, expected) == 0)
      return;
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_usleep (50000);
  }
}

static GstHarness *
harness_for (const Broker *broker, const char *properties)
{
  g_autofree char *all =
      g_strdup_printf ("mqtt-url=mqtt://localhost:%u %s", broker->port, properties);

  return publish_harness_new (all);
}

static void
push_objects (GstHarness *harness, guint n, GstStructure *a, GstStructure *b)
{
  GstBuffer *buffer = publish_buffer_new (n);

  publish_attach (buffer, a, b, NULL);
  gst_buffer_unref (gst_harness_push_and_pull (harness, buffer));
}

/* ---- what is published ----------------------------------------------------------------------- */

static void
test_events (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  Listener *listener = listener_new (broker, NULL, NULL, NULL);
  GstHarness *harness = harness_for (broker, "drain-timeout=60000");
  g_auto (GStrv) lines = NULL;

  publish_push (harness, 0, 200);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "sent"), ==, 200);
  lines = wait_heard (listener, "cowbehavior/barn/events", 200);
  publish_assert_frames (lines, 0, 200);
  assert_heard (listener, "cowbehavior/barn/available", "online", "offline", NULL);
  assert_heard (listener, "cowbehavior/barn/frame", "Lying", NULL);
  assert_kept (broker, "cowbehavior/barn/available", "offline");
  assert_kept (broker, "cowbehavior/barn/events", NULL);
  publish_harness_free (harness);
  listener_free (listener);
  broker_free (broker);
}

/* A state is published once for each change; those of zones are retained, those of cows are not. */
static void
test_states (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  Listener *listener = listener_new (broker, NULL, NULL, NULL);
  GstHarness *harness = harness_for (broker, "mqtt-topic=farm/cows drain-timeout=60000");

  for (guint n = 0; n < 9; n++) {
    push_objects (harness, n,
                  publish_object_new ("zone", "pen/1", 0, n < 3 ? "Lying" : "Standing", 0),
                  publish_object_new ("roi", "cow", 7, n < 6 ? "Lying" : "unknown", 0));
    publish_wait (harness, "mqtt", "sent",
                  n + 1); /* a state that is over before it was sent is left out */
  }
  assert_heard (listener, "farm/cows/barn/zone/pen%2F1", "Lying", "Standing", NULL);
  assert_heard (listener, "farm/cows/barn/track/7", "Lying", "unknown", NULL);
  assert_kept (broker, "farm/cows/barn/available", "online");
  assert_kept (broker, "farm/cows/barn/zone/pen%2F1", "Standing");
  assert_kept (broker, "farm/cows/barn/track/7", "unknown");
  publish_stop (harness);
  assert_kept (broker, "farm/cows/barn/zone/pen%2F1", "Standing");
  assert_kept (broker, "farm/cows/barn/track/7", NULL);
  publish_harness_free (harness);
  listener_free (listener);
  broker_free (broker);
}

/* A cow that has been out of sight for long is removed from the broker while the stream goes on. */
static void
test_gone (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  GstHarness *harness = harness_for (broker, "drain-timeout=60000");

  push_objects (harness, 0, publish_object_new ("roi", "cow", 7, "Lying", 0), NULL);
  wait_kept (broker, "cowbehavior/barn/track/7", "Lying");
  publish_push (harness, 1, 200);
  wait_kept (broker, "cowbehavior/barn/track/7", NULL);
  publish_harness_free (harness);
  broker_free (broker);
}

/* Cows that an earlier run left at the broker, because it was killed, are removed. */
static void
test_left_behind (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  Listener *listener = listener_new (broker, NULL, NULL, NULL);
  GstHarness *harness;

  mosquitto_publish (listener->client, NULL, "cowbehavior/barn/track/99", 5, "Lying", 1, true);
  mosquitto_publish (listener->client, NULL, "cowbehavior/other/track/99", 5, "Lying", 1, true);
  wait_kept (broker, "cowbehavior/other/track/99", "Lying");
  harness = harness_for (broker, "drain-timeout=60000");
  push_objects (harness, 0, publish_object_new ("roi", "cow", 7, "Lying", 0), NULL);
  wait_kept (broker, "cowbehavior/barn/track/99", NULL);
  assert_kept (broker, "cowbehavior/barn/track/7", "Lying");
  assert_kept (broker, "cowbehavior/other/track/99", "Lying"); /* another camera's cow stays */
  publish_harness_free (harness);
  listener_free (listener);
  broker_free (broker);
}

/* The will says that a killed process is offline. */
static void
test_will (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  g_autofree char *url = g_strdup_printf ("mqtt-url=mqtt://127.0.0.1:%u", broker->port);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process =
      g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE, &error, "gst-launch-1.0", "videotestsrc",
                        "is-live=true", "!", "video/x-raw,width=32,height=32", "!", "cowpublish",
                        "source=barn", url, "!", "fakesink", NULL);

  g_assert_no_error (error);
  wait_kept (broker, "cowbehavior/barn/available", "online");
  g_subprocess_force_exit (process);
  g_subprocess_wait (process, NULL, NULL);
  wait_kept (broker, "cowbehavior/barn/available", "offline");
  broker_free (broker);
}

/* Two elements with the same topic are two clients, each with its own state. */
static void
test_two_sources (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  GstHarness *barn = harness_for (broker, "drain-timeout=60000"),
             *yard = harness_for (broker, "source=yard drain-timeout=60000");

  publish_push (barn, 0, 5);
  publish_push (yard, 0, 5);
  publish_wait (barn, "mqtt", "sent", 5);
  publish_wait (yard, "mqtt", "sent", 5);
  publish_stop (barn);
  assert_kept (broker, "cowbehavior/barn/available", "offline");
  assert_kept (broker, "cowbehavior/yard/available", "online");
  publish_push (yard, 5, 10);
  publish_wait (yard, "mqtt", "sent", 10);
  g_assert_cmpuint (publish_stat (barn, "mqtt", "failures"), ==, 0);
  g_assert_cmpuint (publish_stat (yard, "mqtt", "failures"), ==, 0);
  publish_harness_free (barn);
  publish_harness_free (yard);
  broker_free (broker);
}

/* A machine loses its power and is back before the broker has noticed, so the old connection's will
 * comes when the new one is there. */
static void
test_late_will (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  Listener *listener = listener_new (broker, NULL, NULL, NULL);
  GstHarness *harness = harness_for (broker, "drain-timeout=60000");

  assert_heard (listener, "cowbehavior/barn/available", "online", NULL);
  publish_wait_connected (harness, "mqtt", TRUE);
  mosquitto_publish (listener->client, NULL, "cowbehavior/barn/available", 7, "offline", 1, true);
  assert_heard (listener, "cowbehavior/barn/available", "online", "offline", "online", NULL);
  assert_kept (broker, "cowbehavior/barn/available", "online");
  publish_stop (harness);
  assert_heard (listener, "cowbehavior/barn/available", "online", "offline", "online", "offline",
                NULL);
  publish_harness_free (harness);
  listener_free (listener);
  broker_free (broker);
}

static JsonNode *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  JsonNode *root = json_from_string (text, &error);

  g_assert_no_error (error);
  return root;
}

static void
test_discovery (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  GstHarness *harness = harness_for (broker, "mqtt-discovery=true drain-timeout=60000");
  g_autofree char *text = NULL;
  g_autoptr (JsonNode) root = NULL;
  JsonObject *components, *zone;
  g_autoptr (GList) members = NULL;

  push_objects (harness, 0, publish_object_new ("zone", "pen 1", 0, "Lying", 0),
                publish_object_new ("roi", "cow", 3, "Lying", 0));
  publish_wait (harness, "mqtt", "sent", 1);
  push_objects (harness, 1, publish_object_new ("zone", "pen 1", 0, "Lying", 0),
                publish_object_new ("zone", "pen 2", 0, "Lying", 0));
  publish_stop (harness);
  text = kept (broker, "homeassistant/device/cowbehavior_barn/config");
  g_assert_nonnull (text);
  root = parse (text);
  components = json_object_get_object_member (json_node_get_object (root), "components");
  g_assert_cmpuint (json_object_get_size (components), ==, 2);
  members = json_object_get_members (components);
  zone = json_object_get_object_member (components, members->data);
  g_assert_cmpstr (json_object_get_string_member (zone, "state_topic"), ==,
                   "cowbehavior/barn/zone/pen 1");
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (zone, "options")), ==, 3);
  assert_kept (broker, json_object_get_string_member (zone, "state_topic"), "Lying");
  publish_harness_free (harness);
  broker_free (broker);
}

/* Without Home Assistant's discovery nothing is announced. */
static void
test_no_discovery (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  Listener *listener = listener_new (broker, NULL, NULL, NULL);
  GstHarness *harness = harness_for (broker, "drain-timeout=60000");

  publish_push (harness, 0, 3);
  publish_stop (harness);
  g_strfreev (wait_heard (listener, "cowbehavior/barn/available", 2)); /* the last message */
  for (guint i = 0; i < listener->topics->len; i++)
    g_assert_true (g_str_has_prefix (listener->topics->pdata[i], "cowbehavior/"));
  publish_harness_free (harness);
  listener_free (listener);
  broker_free (broker);
}

/* Names contain characters that a topic may not have. A broker closes the connection of a client
 * that sends such a topic, so all of it would fail. */
static void
test_odd_names (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  g_autofree char *url =
      g_strdup_printf ("mqtt-url=mqtt://127.0.0.1:%u drain-timeout=60000", broker->port);
  const char *names[] = { "+", "#", "a/#", "$SYS", "", "\n\t", "\xef\xbf\xbf", "\xf0\x9f\x90\x84",
                          "%s" };
  GstHarness *harness = publish_harness_new (url);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    push_objects (harness, i, publish_object_new ("zone", names[i], 0, "Lying", 0), NULL);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "sent"), ==, G_N_ELEMENTS (names));
  g_assert_cmpuint (publish_stat (harness, "mqtt", "failures"), ==, 0);
  assert_kept (broker, "cowbehavior/barn/zone/\xf0\x9f\x90\x84", "Lying");
  publish_harness_free (harness);
  broker_free (broker);
}

/* ---- logins ---------------------------------------------------------------------------------- */

static Broker *
broker_with_password (void)
{
  char *passwords = g_build_filename (folder, "passwords", NULL);
  g_autofree char *lines = g_strdup_printf ("allow_anonymous false\npassword_file %s", passwords);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;

  process = g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, &error, "mosquitto_passwd", "-b", "-c",
                              passwords, "barn", "sec:ret/@", NULL);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait_check (process, NULL, &error));
  g_free (passwords);
  return broker_new (lines);
}

static void
assert_let_in (const Broker *broker, const char *login, const char *properties)
{
  g_autofree char *all = g_strdup_printf ("mqtt-url=mqtt://%slocalhost:%u drain-timeout=60000 %s",
                                          login, broker->port, properties);
  GstHarness *harness = publish_harness_new (all);

  publish_push (harness, 0, 3);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "sent"), ==, 3);
  publish_harness_free (harness);
}

static void
test_password (void)
{
  Broker *broker = broker_with_password ();

  assert_let_in (broker, "", "mqtt-user=barn mqtt-password=\"sec:ret/@\"");
  assert_let_in (broker, "barn:sec%3Aret%2F%40@", "");
  g_setenv ("COWBEHAVIOR_MQTT_PASSWORD", "sec:ret/@", TRUE);
  assert_let_in (broker, "barn@", "");
  g_unsetenv ("COWBEHAVIOR_MQTT_PASSWORD");
  broker_free (broker);
}

/* There is one warning, however often it is tried; it tells what to do and hides the password. */
static void
test_wrong_password (void)
{
  Broker *broker = broker_with_password ();
  GstHarness *harness =
      harness_for (broker, "mqtt-user=barn mqtt-password=topsecret drain-timeout=0");
  g_autofree char *warning = NULL;

  publish_push (harness, 0, 5);
  warning = publish_warning (harness);
  g_assert_nonnull (strstr (warning, "refuses the connection as \"barn\""));
  g_assert_nonnull (strstr (warning, "mqtt-password"));
  g_assert_null (strstr (warning, "topsecret"));
  publish_wait (harness, "mqtt", "failures", 3);
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "queued"), ==, 5);
  g_assert_false (publish_connected (harness, "mqtt"));
  publish_harness_free (harness);
  broker_free (broker);
}

static void
test_tls (void)
{
  g_autofree char *lines = g_strdup_printf (
      "allow_anonymous true\ncertfile %s/server.pem\nkeyfile %s/server.key", folder, folder);
  g_autofree char *good = NULL, *bad = NULL, *plain = NULL, *warning = NULL;
  GstHarness *harness;
  Broker *broker;

  if (!publish_make_certificates (folder)) {
    g_test_skip ("openssl is not installed");
    return;
  }
  broker = broker_new (lines);
  good = g_strdup_printf ("mqtt-url=mqtts://localhost:%u mqtt-ca=%s/ca.pem drain-timeout=60000",
                          broker->port, folder);
  bad = g_strdup_printf ("mqtt-url=mqtts://localhost:%u mqtt-ca=%s/other-ca.pem drain-timeout=0",
                         broker->port, folder);
  plain = g_strdup_printf ("mqtt-url=mqtts://localhost:%u drain-timeout=0",
                           broker->port); /* verified by the system's authorities */

  harness = publish_harness_new (good);
  publish_push (harness, 0, 100);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "sent"), ==, 100);
  publish_harness_free (harness);
  harness = publish_harness_new (bad);
  warning = publish_warning (harness);
  g_assert_nonnull (strstr (warning, "certificate"));
  publish_harness_free (harness);
  g_free (warning);
  harness = publish_harness_new (plain);
  warning = publish_warning (harness);
  g_assert_nonnull (strstr (warning, "certificate"));
  publish_harness_free (harness);
  broker_free (broker);
}

/* ---- brokers that go away -------------------------------------------------------------------- */

/* The broker is killed and comes back on the same port: all events arrive in their order, and the
 * states are there. */
static void
test_killed (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  Listener *listener = listener_new (broker, "listener", NULL, NULL);
  GstHarness *harness = harness_for (broker, "drain-timeout=60000");
  g_auto (GStrv) before = NULL, after = NULL;

  publish_push (harness, 0, 20);
  publish_wait (harness, "mqtt", "sent", 20);
  before = wait_heard (listener, "cowbehavior/barn/events", 20);
  broker_kill (broker);
  publish_push (harness, 20, 40);
  publish_wait (harness, "mqtt", "failures", 1);
  g_assert_false (publish_connected (harness, "mqtt"));
  broker_start (broker);
  publish_push (harness, 40, 60);
  publish_wait (harness, "mqtt", "sent", 60);
  after = wait_heard (listener, "cowbehavior/barn/events", 60);
  publish_assert_frames (after, 0, 60);
  assert_kept (broker, "cowbehavior/barn/available", "online");
  assert_kept (broker, "cowbehavior/barn/frame", "Lying");
  publish_stop (harness);
  publish_assert_all (harness, "mqtt", 60);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "dropped"), ==, 0);
  publish_harness_free (harness);
  listener_free (listener);
  broker_free (broker);
}

/* The broker is away for longer than the queue lasts: the oldest events are dropped and counted,
 * the newest arrive. */
static void
test_killed_for_long (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  Listener *listener = listener_new (broker, "listener", NULL, NULL);
  GstHarness *harness = harness_for (broker, "queue-size=10 drain-timeout=60000");
  g_auto (GStrv) lines = NULL;

  publish_wait_connected (harness, "mqtt", TRUE);
  broker_kill (broker);
  publish_wait (harness, "mqtt", "failures", 3); /* noticed without an event to send */
  publish_push (harness, 0, 50);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "dropped"), ==, 40);
  broker_start (broker);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "sent"), ==, 10);
  lines = wait_heard (listener, "cowbehavior/barn/events", 10);
  publish_assert_frames (lines, 40, 50);
  publish_harness_free (harness);
  listener_free (listener);
  broker_free (broker);
}

/* Another broker without any state replaces the killed one; it is told all current states. */
static void
test_another_broker (void)
{
  Broker *broker = broker_new ("allow_anonymous true\npersistent_client_expiration 1h"), *second;
  GstHarness *harness = harness_for (broker, "mqtt-discovery=true drain-timeout=60000");
  guint16 port = broker->port;
  g_autofree char *text = NULL;

  publish_push (harness, 0, 1);
  publish_wait (harness, "mqtt", "sent", 1);
  broker_free (broker);
  second = broker_new ("allow_anonymous true");
  broker_kill (second);
  second->port = port;
  text = g_strdup_printf ("listener %u 127.0.0.1\nuser root\nallow_anonymous true\n", port);
  g_assert_true (g_file_set_contents (second->config, text, -1, NULL));
  broker_start (second);
  wait_kept (second, "cowbehavior/barn/frame", "Lying");
  assert_kept (second, "cowbehavior/barn/available", "online");
  g_clear_pointer (&text, g_free);
  text = kept (second, "homeassistant/device/cowbehavior_barn/config");
  g_assert_nonnull (text);
  publish_harness_free (harness);
  broker_free (second);
}

/* The broker accepts connections and stays silent: neither frames nor the end wait. */
static void
test_hangs (void)
{
  g_autoptr (GSocketListener) silent = g_socket_listener_new ();
  guint16 port = g_socket_listener_add_any_inet_port (silent, NULL, NULL);
  g_autofree char *properties =
      g_strdup_printf ("mqtt-url=mqtt://127.0.0.1:%u queue-size=10 drain-timeout=0", port);
  GstHarness *harness = publish_harness_new (properties);

  publish_push (harness, 0, 50);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "dropped"), ==, 40);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "dropped"), ==, 50);
  publish_harness_free (harness);
}

/* The broker freezes, as its machine might: unconfirmed messages are sent again once it is given
 * up. */
static void
test_freezes (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  GstHarness *harness = harness_for (broker, "drain-timeout=60000");

  publish_push (harness, 0, 10);
  publish_wait (harness, "mqtt", "sent", 10);
  broker_freeze (broker);
  publish_push (harness, 10, 20);
  publish_wait (harness, "mqtt", "failures", 1);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "queued"), ==, 10);
  g_subprocess_send_signal (broker->process, SIGCONT);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "sent"), ==, 20);
  publish_harness_free (harness);
  broker_free (broker);
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  mosquitto = g_find_program_in_path ("mosquitto");
  if (!mosquitto && g_file_test ("/usr/sbin/mosquitto", G_FILE_TEST_IS_EXECUTABLE))
    mosquitto = g_strdup ("/usr/sbin/mosquitto");
  if (!mosquitto) {
    g_print ("1..0 # SKIP the broker mosquitto is not installed\n");
    return 0;
  }
  mosquitto_lib_init ();
  folder = g_dir_make_tmp ("cowpublish-XXXXXX", NULL);
  gst_object_unref (gst_object_ref_sink (
      gst_element_factory_make ("cowpublish", NULL))); /* making it registers the metadata */

  g_test_add_func ("/publish-mqtt/events", test_events);
  g_test_add_func ("/publish-mqtt/states", test_states);
  g_test_add_func ("/publish-mqtt/gone", test_gone);
  g_test_add_func ("/publish-mqtt/left-behind", test_left_behind);
  g_test_add_func ("/publish-mqtt/will", test_will);
  g_test_add_func ("/publish-mqtt/two-sources", test_two_sources);
  g_test_add_func ("/publish-mqtt/late-will", test_late_will);
  g_test_add_func ("/publish-mqtt/discovery", test_discovery);
  g_test_add_func ("/publish-mqtt/no-discovery", test_no_discovery);
  g_test_add_func ("/publish-mqtt/odd-names", test_odd_names);
  g_test_add_func ("/publish-mqtt/password", test_password);
  g_test_add_func ("/publish-mqtt/wrong-password", test_wrong_password);
  g_test_add_func ("/publish-mqtt/tls", test_tls);
  g_test_add_func ("/publish-mqtt/killed", test_killed);
  g_test_add_func ("/publish-mqtt/killed-for-long", test_killed_for_long);
  g_test_add_func ("/publish-mqtt/another-broker", test_another_broker);
  g_test_add_func ("/publish-mqtt/hangs", test_hangs);
  g_test_add_func ("/publish-mqtt/freezes", test_freezes);
  result = g_test_run ();

  support_remove (folder);
  g_free (mosquitto);
  mosquitto_lib_cleanup ();
  return support_no_leaks () ? result : 1;
}
