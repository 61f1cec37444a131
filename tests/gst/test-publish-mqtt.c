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
#include <stdlib.h>
#include <string.h>

#include "tests/gst/child.h"
#include "tests/gst/publish-broker.h"
#include "tests/gst/publish-support.h"
#include "tests/gst/support.h"

static char *folder; /* certificates */

/* ---- what is published ----------------------------------------------------------------------- */

static void
test_events (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  Listener *listener = listener_new (broker, NULL, NULL, NULL);
  GstHarness *harness = broker_harness_new (broker, "drain-timeout=60000");
  g_auto (GStrv) lines = NULL;

  publish_push (harness, 0, 200);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "sent"), ==, 200);
  lines = listener_wait_heard (listener, "cowbehavior/barn/events", 200);
  publish_assert_frames (lines, 0, 200);
  listener_assert_heard (listener, "cowbehavior/barn/available", "online", "offline", NULL);
  listener_assert_heard (listener, "cowbehavior/barn/frame", "Lying", NULL);
  broker_assert_kept (broker, "cowbehavior/barn/available", "offline");
  broker_assert_kept (broker, "cowbehavior/barn/events", NULL);
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
  GstHarness *harness = broker_harness_new (broker, "mqtt-topic=farm/cows drain-timeout=60000");

  for (guint n = 0; n < 9; n++) {
    publish_push_objects (harness, n,
                          publish_object_new ("zone", "pen/1", 0, n < 3 ? "Lying" : "Standing", 0),
                          publish_object_new ("roi", "cow", 7, n < 6 ? "Lying" : "unknown", 0));
    publish_wait (harness, "mqtt", "sent",
                  n + 1); /* a state that is over before it was sent is left out */
  }
  listener_assert_heard (listener, "farm/cows/barn/zone/pen%2F1", "Lying", "Standing", NULL);
  listener_assert_heard (listener, "farm/cows/barn/track/7", "Lying", "unknown", NULL);
  broker_assert_kept (broker, "farm/cows/barn/available", "online");
  broker_assert_kept (broker, "farm/cows/barn/zone/pen%2F1", "Standing");
  broker_assert_kept (broker, "farm/cows/barn/track/7", "unknown");
  publish_stop (harness);
  broker_assert_kept (broker, "farm/cows/barn/zone/pen%2F1", "Standing");
  broker_assert_kept (broker, "farm/cows/barn/track/7", NULL);
  publish_harness_free (harness);
  listener_free (listener);
  broker_free (broker);
}

/* A cow that has been out of sight for long is removed from the broker while the stream goes on. */
static void
test_gone (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  GstHarness *harness = broker_harness_new (broker, "drain-timeout=60000");

  publish_push_objects (harness, 0, publish_object_new ("roi", "cow", 7, "Lying", 0), NULL);
  broker_wait_kept (broker, "cowbehavior/barn/track/7", "Lying");
  publish_push (harness, 1, 200);
  broker_wait_kept (broker, "cowbehavior/barn/track/7", NULL);
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
  broker_wait_kept (broker, "cowbehavior/other/track/99", "Lying");
  harness = broker_harness_new (broker, "drain-timeout=60000");
  publish_push_objects (harness, 0, publish_object_new ("roi", "cow", 7, "Lying", 0), NULL);
  broker_wait_kept (broker, "cowbehavior/barn/track/99", NULL);
  broker_assert_kept (broker, "cowbehavior/barn/track/7", "Lying");
  broker_assert_kept (broker, "cowbehavior/other/track/99",
                      "Lying"); /* another camera's cow stays */
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
  const char *argv[] = { "gst-launch-1.0",
                         "videotestsrc",
                         "is-live=true",
                         "!",
                         "video/x-raw,width=32,height=32",
                         "!",
                         "cowpublish",
                         "source=barn",
                         url,
                         "!",
                         "fakesink",
                         NULL };
  g_autoptr (GSubprocess) process = child_new (argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE, SIGKILL);

  broker_wait_kept (broker, "cowbehavior/barn/available", "online");
  g_subprocess_force_exit (process);
  g_subprocess_wait (process, NULL, NULL);
  broker_wait_kept (broker, "cowbehavior/barn/available", "offline");
  broker_free (broker);
}

/* Two elements with the same topic are two clients, each with its own state. */
static void
test_two_sources (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  GstHarness *barn = broker_harness_new (broker, "drain-timeout=60000"),
             *yard = broker_harness_new (broker, "source=yard drain-timeout=60000");

  publish_push (barn, 0, 5);
  publish_push (yard, 0, 5);
  publish_wait (barn, "mqtt", "sent", 5);
  publish_wait (yard, "mqtt", "sent", 5);
  publish_stop (barn);
  broker_assert_kept (broker, "cowbehavior/barn/available", "offline");
  broker_assert_kept (broker, "cowbehavior/yard/available", "online");
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
  GstHarness *harness = broker_harness_new (broker, "drain-timeout=60000");

  listener_assert_heard (listener, "cowbehavior/barn/available", "online", NULL);
  publish_wait_connected (harness, "mqtt", TRUE);
  mosquitto_publish (listener->client, NULL, "cowbehavior/barn/available", 7, "offline", 1, true);
  listener_assert_heard (listener, "cowbehavior/barn/available", "online", "offline", "online",
                         NULL);
  broker_assert_kept (broker, "cowbehavior/barn/available", "online");
  publish_stop (harness);
  listener_assert_heard (listener, "cowbehavior/barn/available", "online", "offline", "online",
                         "offline", NULL);
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

/* The component that has this topic for its state. */
static JsonObject *
component_of (JsonObject *components, const char *topic)
{
  g_autoptr (GList) members = json_object_get_members (components);

  for (const GList *name = members; name; name = name->next) {
    JsonObject *component = json_object_get_object_member (components, name->data);

    if (g_str_equal (json_object_get_string_member (component, "state_topic"), topic))
      return component;
  }
  return NULL;
}

/* Zones have a sensor each, cows one for each behaviour. */
static void
test_discovery (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  GstHarness *harness = broker_harness_new (broker, "mqtt-discovery=true drain-timeout=60000");
  g_autofree char *text = NULL;
  g_autoptr (JsonNode) root = NULL;
  JsonObject *components, *zone, *number;

  publish_push_objects (harness, 0, publish_object_new ("zone", "pen 1", 0, "Lying", 0),
                        publish_object_new ("roi", "cow", 3, "Lying", 0));
  publish_wait (harness, "mqtt", "sent", 1);
  broker_wait_kept (broker, "cowbehavior/barn/count/Lying", "1");
  broker_assert_kept (broker, "cowbehavior/barn/count/unknown", "0");
  publish_push_objects (harness, 2, publish_object_new ("roi", "cow", 3, "unknown", 0),
                        publish_object_new ("roi", "cow", 4, "unknown", 0));
  broker_wait_kept (broker, "cowbehavior/barn/count/unknown", "2");
  broker_assert_kept (broker, "cowbehavior/barn/count/Lying", "0");
  publish_push_objects (harness, 3, publish_object_new ("zone", "pen 1", 0, "Lying", 0),
                        publish_object_new ("zone", "pen 2", 0, "Lying", 0));
  publish_stop (harness);
  text = broker_kept (broker, "homeassistant/device/cowbehavior_barn/config");
  g_assert_nonnull (text);
  root = parse (text);
  components = json_object_get_object_member (json_node_get_object (root), "components");
  g_assert_cmpuint (json_object_get_size (components), ==, 5);
  zone = component_of (components, "cowbehavior/barn/zone/pen 1");
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (zone, "options")), ==, 2);
  number = component_of (components, "cowbehavior/barn/count/Lying");
  g_assert_cmpstr (json_object_get_string_member (number, "unit_of_measurement"), ==, "cows");
  g_assert_nonnull (component_of (components, "cowbehavior/barn/count/unknown"));
  broker_assert_kept (broker, json_object_get_string_member (zone, "state_topic"), "Lying");
  publish_harness_free (harness);
  broker_free (broker);
}

/* Without Home Assistant's discovery nothing is announced. */
static void
test_no_discovery (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  Listener *listener = listener_new (broker, NULL, NULL, NULL);
  GstHarness *harness = broker_harness_new (broker, "drain-timeout=60000");

  publish_push (harness, 0, 3);
  publish_stop (harness);
  g_strfreev (
      listener_wait_heard (listener, "cowbehavior/barn/available", 2)); /* the last message */
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
    publish_push_objects (harness, i, publish_object_new ("zone", names[i], 0, "Lying", 0), NULL);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "sent"), ==, G_N_ELEMENTS (names));
  g_assert_cmpuint (publish_stat (harness, "mqtt", "failures"), ==, 0);
  broker_assert_kept (broker, "cowbehavior/barn/zone/\xf0\x9f\x90\x84", "Lying");
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
      broker_harness_new (broker, "mqtt-user=barn mqtt-password=topsecret drain-timeout=0");
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
  GstHarness *harness = broker_harness_new (broker, "drain-timeout=60000");
  g_auto (GStrv) before = NULL, after = NULL;

  publish_push (harness, 0, 20);
  publish_wait (harness, "mqtt", "sent", 20);
  before = listener_wait_heard (listener, "cowbehavior/barn/events", 20);
  broker_kill (broker);
  publish_push (harness, 20, 40);
  publish_wait (harness, "mqtt", "failures", 1);
  g_assert_false (publish_connected (harness, "mqtt"));
  broker_start (broker);
  publish_push (harness, 40, 60);
  publish_wait (harness, "mqtt", "sent", 60);
  after = listener_wait_heard (listener, "cowbehavior/barn/events", 60);
  publish_assert_frames (after, 0, 60);
  broker_assert_kept (broker, "cowbehavior/barn/available", "online");
  broker_assert_kept (broker, "cowbehavior/barn/frame", "Lying");
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
  GstHarness *harness = broker_harness_new (broker, "queue-size=10 drain-timeout=60000");
  g_auto (GStrv) lines = NULL;

  publish_wait_connected (harness, "mqtt", TRUE);
  broker_kill (broker);
  publish_wait (harness, "mqtt", "failures", 3); /* noticed without an event to send */
  publish_push (harness, 0, 50);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "dropped"), ==, 40);
  broker_start (broker);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "sent"), ==, 10);
  lines = listener_wait_heard (listener, "cowbehavior/barn/events", 10);
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
  GstHarness *harness = broker_harness_new (broker, "mqtt-discovery=true drain-timeout=60000");
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
  broker_wait_kept (second, "cowbehavior/barn/frame", "Lying");
  broker_assert_kept (second, "cowbehavior/barn/available", "online");
  g_clear_pointer (&text, g_free);
  text = broker_kept (second, "homeassistant/device/cowbehavior_barn/config");
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
  GstHarness *harness = broker_harness_new (broker, "drain-timeout=60000");

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

#define PORT_FILE "COW_TEST_PORT_FILE"

/* Starts a broker, tells its port, and ends as a failed assertion does. */
static void
abort_with_broker (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  g_autofree char *port = g_strdup_printf ("%u", broker->port);

  g_file_set_contents (g_getenv (PORT_FILE), port, -1, NULL);
  abort ();
}

/* A test that is aborted leaves no server behind. */
static void
test_aborted (void)
{
  g_autofree char *path = g_build_filename (folder, "port", NULL), *text = NULL, *address = NULL,
                  *place = g_strdup (g_getenv ("TMPDIR"));
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;
  GSocketConnection *connection;

  g_setenv (PORT_FILE, path, TRUE);
  g_setenv ("TMPDIR", folder, TRUE); /* for what it leaves there */
  g_test_trap_subprocess ("/publish-mqtt/aborted/subprocess", 0, 0);
  g_unsetenv (PORT_FILE);
  if (place)
    g_setenv ("TMPDIR", place, TRUE);
  else
    g_unsetenv ("TMPDIR");
  g_test_trap_assert_failed ();
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  address = g_strconcat ("127.0.0.1:", text, NULL);
  while ((connection = g_socket_client_connect_to_host (client, address, 0, NULL, NULL))) {
    g_object_unref (connection);
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_usleep (10000);
  }
}

int
main (int argc, char **argv)
{
  int result;

  if (!broker_test_init (&argc, &argv))
    return 0;
  folder = g_dir_make_tmp ("cowpublish-XXXXXX", NULL);

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
  g_test_add_func ("/publish-mqtt/aborted", test_aborted);
  g_test_add_func ("/publish-mqtt/aborted/subprocess", abort_with_broker);
  g_test_add_func ("/publish-mqtt/freezes", test_freezes);
  result = broker_test_run ();

  support_remove (folder);
  return result;
}
