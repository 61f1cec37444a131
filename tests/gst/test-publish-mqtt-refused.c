/* SPDX-License-Identifier: MIT */
/*
 * `cowpublish` with Mosquitto brokers that do not take everything: messages that are too large,
 * that a user may not publish, or that are to be kept. What does not arrive is said and counted,
 * and does not hold up what is behind it. Each with MQTT 5, whose answers have reasons, and with
 * 3.1.1, where the broker closes the connection or says nothing.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "tests/gst/publish-broker.h"
#include "tests/gst/publish-support.h"
#include "tests/gst/support.h"

#define NEW "mqtt-version=5 "
#define OLD "mqtt-version=3.1.1 "

static char *folder; /* of logins and certificates */

/* ---- too large ------------------------------------------------------------------------------- */

/* Pushes frame n, whose event has 4 kB and whose state is that of one zone. */
static void
push_large (GstHarness *harness, guint n)
{
  g_autofree char *name = g_strnfill (4000, 'x');
  GstStructure *zone = publish_object_new ("zone", name, 0, "Lying", 0);

  publish_push_objects (harness, n, zone, NULL);
}

/* One event of ten is too large. All others arrive in their order, and one warning has the size. */
static void
assert_large_left_out (const char *limit, const char *version, const char *expected)
{
  Broker *broker = broker_new (limit);
  Listener *listener = listener_new (broker, "listener", NULL, NULL);
  g_autofree char *properties = g_strconcat (version, "drain-timeout=60000", NULL), *warning = NULL;
  GstHarness *harness = broker_harness_new (broker, properties);
  g_auto (GStrv) lines = NULL;

  publish_push (harness, 0, 10);
  push_large (harness, 10);
  publish_push (harness, 11, 20);
  publish_wait (harness, "mqtt", "dropped", 1);
  publish_wait (harness, "mqtt", "sent", 19);
  warning = publish_wait_warning (harness, expected);
  g_assert_nonnull (strstr (warning, " bytes"));
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "dropped"), ==, 1);
  lines = listener_wait_heard (listener, "cowbehavior/barn/events", 19);
  for (guint i = 0; i < 19; i++)
    g_assert_cmpint (publish_frame_of (lines[i]), ==, (int)(i < 10 ? i : i + 1));
  broker_assert_kept (broker, "cowbehavior/barn/available", "offline");
  publish_harness_free (harness);
  listener_free (listener);
  broker_free (broker);
}

/* The broker says its limit when it is connected to. */
static void
test_large (void)
{
  assert_large_left_out ("allow_anonymous true\nmax_packet_size 2000", NEW, "takes no messages");
}

/* It says so in its answer to a message. */
static void
test_large_answered (void)
{
  assert_large_left_out ("allow_anonymous true\nmessage_size_limit 2000", NEW, "takes no messages");
}

/* It closes the connection, again and again, until the message that it does not take is known. */
static void
test_large_closed (void)
{
  assert_large_left_out ("allow_anonymous true\nmax_packet_size 2000", OLD,
                         "closed the connection each time");
}

/* Home Assistant's device is too large with so many zones; events and states are published. */
static void
assert_large_device_left_out (const char *version)
{
  Broker *broker = broker_new ("allow_anonymous true\nmax_packet_size 1000");
  g_autofree char *properties =
                      g_strconcat (version, "mqtt-discovery=true drain-timeout=60000", NULL),
                  *warning = NULL;
  GstHarness *harness = broker_harness_new (broker, properties);

  publish_wait_connected (harness, "mqtt", TRUE);
  for (guint n = 0; n < 8; n++) {
    g_autofree char *name = g_strdup_printf ("pen %u", n);

    publish_push_objects (harness, n, publish_object_new ("zone", name, 0, "Lying", 0), NULL);
  }
  warning = publish_wait_warning (harness, " bytes");
  publish_wait (harness, "mqtt", "sent", 8);
  broker_wait_kept (broker, "cowbehavior/barn/zone/pen 7", "Lying");
  g_assert_cmpuint (publish_stat (harness, "mqtt", "dropped"), ==, 0);
  publish_harness_free (harness);
  broker_free (broker);
}

static void
test_large_device (void)
{
  assert_large_device_left_out (NEW);
  assert_large_device_left_out (OLD);
}

/* A connection that breaks with each message is not made again and again at once. */
static void
test_pauses_grow (void)
{
  Broker *broker = broker_new ("allow_anonymous true\nmax_packet_size 300");
  GstHarness *harness = broker_harness_new (broker, OLD "drain-timeout=0");
  gint64 begin;

  publish_wait_connected (harness, "mqtt", TRUE);
  begin = g_get_monotonic_time ();
  for (guint n = 0; n < 3; n++)
    push_large (harness, n);
  publish_wait (harness, "mqtt", "failures", 4);
  /* Pauses of 1, 2 and 4 s, less a quarter; three of the first kind would be 3.75 s at most. */
  g_assert_cmpint (g_get_monotonic_time () - begin, >, 5 * G_USEC_PER_SEC);
  publish_harness_free (harness);
  broker_free (broker);
}

static void
push_label (GstHarness *harness, guint frame, const char *label)
{
  publish_push_objects (harness, frame, publish_object_new ("frame", NULL, 0, label, 0), NULL);
}

/* A broker that is killed again and again while the same message is alone on its way was not ended
 * by the message: nothing is left out. */
static void
test_killed_often (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  Listener *listener = listener_new (broker, "look", NULL, NULL);
  GstHarness *harness = broker_harness_new (broker, OLD "drain-timeout=60000");
  guint frame = 0;

  /* The first time it has two messages on their way; from then on they go one by one. */
  for (guint outage = 0; outage < 4; outage++) {
    push_label (harness, frame++, "Walking");
    publish_wait (harness, "mqtt", "sent", frame);
    broker_freeze (broker);
    push_label (harness, frame++, "Lying");
    g_usleep (G_USEC_PER_SEC / 2);
    broker_kill (broker);
    publish_wait (harness, "mqtt", "failures", 2 * outage + 2);
    broker_start (broker);
    publish_wait (harness, "mqtt", "sent", frame);
    broker_wait_kept (broker, "cowbehavior/barn/frame", "Lying");
  }
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "dropped"), ==, 0);
  publish_harness_free (harness);
  listener_free (listener);
  broker_free (broker);
}

/* ---- not permitted --------------------------------------------------------------------------- */

/* A broker whose user "barn" may do what `right` says. (Without a limit of queued messages
 * Mosquitto 2.0.11 closes the connection when it has refused a message.) */
static Broker *
broker_with_rights (const char *right)
{
  g_autofree char *passwords = g_build_filename (folder, "passwords", NULL),
                  *rights = g_build_filename (folder, "rights", NULL),
                  *text = g_strdup_printf ("user barn\n%s\nuser look\ntopic read #\n", right),
                  *lines = g_strdup_printf ("allow_anonymous false\npassword_file %s\nacl_file %s\n"
                                            "max_queued_messages 1000",
                                            passwords, rights);
  const char *users[] = { "barn", "look" };
  g_autoptr (GError) error = NULL;

  g_unlink (passwords);
  for (guint i = 0; i < 2; i++) {
    g_autoptr (GSubprocess) process =
        g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, &error, "mosquitto_passwd", "-b",
                          i == 0 ? "-c" : passwords, i == 0 ? passwords : users[i],
                          i == 0 ? users[i] : "secret", i == 0 ? "secret" : NULL, NULL);

    g_assert_no_error (error);
    g_assert_true (g_subprocess_wait_check (process, NULL, NULL));
  }
  g_assert_true (g_file_set_contents (rights, text, -1, NULL));
  return broker_new (lines);
}

/* With MQTT 5 events that are refused are counted as dropped. */
static void
test_denied (void)
{
  Broker *broker = broker_with_rights ("topic readwrite farm/#");
  GstHarness *harness =
      broker_harness_new (broker, NEW "mqtt-user=barn mqtt-password=secret drain-timeout=60000");
  g_autofree char *warning = NULL;

  publish_push (harness, 0, 30);
  publish_wait (harness, "mqtt", "dropped", 30);
  warning = publish_wait_warning (harness, "Not authorized");
  g_assert_nonnull (strstr (warning, "\"barn\""));
  g_assert_null (strstr (warning, "secret"));
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "sent"), ==, 0);
  publish_harness_free (harness);
  broker_free (broker);
}

/* With MQTT 3.1.1 the broker confirms them, and the own "online" does not come back. */
static void
test_denied_silently (void)
{
  Broker *broker = broker_with_rights ("topic readwrite farm/#");
  GstHarness *harness =
      broker_harness_new (broker, OLD "mqtt-user=barn mqtt-password=secret drain-timeout=60000");
  g_autofree char *warning = NULL;

  publish_push (harness, 0, 5);
  warning = publish_wait_warning (harness, "does not come back");
  g_assert_nonnull (strstr (warning, "cowbehavior/barn/available"));
  g_assert_nonnull (strstr (warning, "\"barn\""));
  publish_harness_free (harness);

  /* A short run says it at its end: before that of the stream is passed on, */
  harness =
      broker_harness_new (broker, OLD "mqtt-user=barn mqtt-password=secret drain-timeout=60000");
  publish_push (harness, 0, 5);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_eos ()));
  g_assert_cmpuint (publish_n_warnings (harness), ==, 1);
  publish_stop (harness);
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
  publish_harness_free (harness);

  /* and where it is stopped before that. */
  harness =
      broker_harness_new (broker, OLD "mqtt-user=barn mqtt-password=secret drain-timeout=60000");
  publish_push (harness, 0, 5);
  publish_wait (harness, "mqtt", "sent", 5);
  publish_stop (harness);
  g_free (warning);
  warning = publish_wait_warning (harness, "does not come back");
  publish_harness_free (harness);
  broker_free (broker);
}

/* A user who may only write is told nothing with MQTT 5, and one who may do both never is. */
static void
test_permitted (void)
{
  Broker *broker = broker_with_rights ("topic write cowbehavior/#");
  GstHarness *harness =
      broker_harness_new (broker, NEW "mqtt-user=barn mqtt-password=secret drain-timeout=60000");

  publish_push (harness, 0, 5);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "sent"), ==, 5);
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
  publish_harness_free (harness);
  broker_free (broker);

  broker = broker_with_rights ("topic readwrite cowbehavior/#");
  harness =
      broker_harness_new (broker, OLD "mqtt-user=barn mqtt-password=secret drain-timeout=60000");
  publish_push (harness, 0, 5);
  publish_stop (harness);
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
  publish_harness_free (harness);
  broker_free (broker);
}

/* ---- not kept -------------------------------------------------------------------------------- */

/* A broker that keeps no messages closes the connection, or refuses it, when it is asked to. */
static void
assert_not_kept (const char *version)
{
  Broker *broker = broker_new ("allow_anonymous true\nretain_available false");
  Listener *listener = listener_new (broker, NULL, NULL, NULL);
  g_autofree char *properties =
                      g_strconcat (version, "mqtt-discovery=true drain-timeout=60000", NULL),
                  *warning = NULL;
  GstHarness *harness = broker_harness_new (broker, properties);

  publish_push (harness, 0, 5);
  publish_wait (harness, "mqtt", "sent", 5);
  warning = publish_wait_warning (harness, "keeps no messages");
  publish_stop (harness);
  listener_assert_heard (listener, "cowbehavior/barn/available", "online", "offline", NULL);
  listener_assert_heard (listener, "cowbehavior/barn/frame", "Lying", NULL);
  publish_harness_free (harness);
  listener_free (listener);
  broker_free (broker);
}

static void
test_not_kept (void)
{
  assert_not_kept (NEW);
  assert_not_kept (OLD);
}

/* ---- the wrong port -------------------------------------------------------------------------- */

/* Asserts that a warning for this address has these words. */
static void
assert_said (const char *properties, const char *words)
{
  GstHarness *harness = publish_harness_new (properties);

  g_free (publish_wait_warning (harness, words));
  publish_harness_free (harness);
}

static void
test_wrong_port (void)
{
  g_autofree char *lines =
      g_strdup_printf ("allow_anonymous true\ncafile %s/ca.pem\ncertfile %s/server.pem\nkeyfile "
                       "%s/server.key\nrequire_certificate true",
                       folder, folder, folder);
  g_autofree char *plain = NULL, *tls = NULL, *no_certificate = NULL, *good = NULL;
  Broker *broker, *without;
  GstHarness *harness;

  if (!publish_make_certificates (folder)) {
    g_test_skip ("openssl is not installed");
    return;
  }
  broker = broker_new (lines);
  without = broker_new ("allow_anonymous true");
  plain = g_strdup_printf ("mqtt-url=mqtt://localhost:%u drain-timeout=0", broker->port);
  tls = g_strdup_printf ("mqtt-url=mqtts://localhost:%u mqtt-ca=%s/ca.pem drain-timeout=0",
                         without->port, folder);
  no_certificate = g_strdup_printf (
      "mqtt-url=mqtts://localhost:%u mqtt-ca=%s/ca.pem drain-timeout=0", broker->port, folder);
  good = g_strdup_printf ("mqtt-url=mqtts://localhost:%u mqtt-ca=%s/ca.pem mqtt-cert=%s/client.pem "
                          "mqtt-key=%s/client.key drain-timeout=60000",
                          broker->port, folder, folder, folder);
  assert_said (plain, "expect TLS (mqtts://)");
  assert_said (tls, "speak TLS");
  assert_said (no_certificate, "client certificate (mqtt-cert and mqtt-key)");
  harness = publish_harness_new (good);
  publish_push (harness, 0, 3);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "sent"), ==, 3);
  publish_harness_free (harness);
  broker_free (broker);
  broker_free (without);
}

int
main (int argc, char **argv)
{
  int result;

  if (!broker_test_init (&argc, &argv))
    return 0;
  folder = g_dir_make_tmp ("cowpublish-XXXXXX", NULL);

  g_test_add_func ("/publish-mqtt-refused/large", test_large);
  g_test_add_func ("/publish-mqtt-refused/large-answered", test_large_answered);
  g_test_add_func ("/publish-mqtt-refused/large-closed", test_large_closed);
  g_test_add_func ("/publish-mqtt-refused/large-device", test_large_device);
  g_test_add_func ("/publish-mqtt-refused/pauses-grow", test_pauses_grow);
  g_test_add_func ("/publish-mqtt-refused/killed-often", test_killed_often);
  g_test_add_func ("/publish-mqtt-refused/denied", test_denied);
  g_test_add_func ("/publish-mqtt-refused/denied-silently", test_denied_silently);
  g_test_add_func ("/publish-mqtt-refused/permitted", test_permitted);
  g_test_add_func ("/publish-mqtt-refused/not-kept", test_not_kept);
  g_test_add_func ("/publish-mqtt-refused/wrong-port", test_wrong_port);
  result = broker_test_run ();

  support_remove (folder);
  return result;
}
