/* SPDX-License-Identifier: MIT */
/*
 * `cowpublish` and others at a broker: another publisher under the same topic, another client with
 * the same id, what an earlier run left for Home Assistant, and brokers of other versions.
 */
#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "tests/gst/publish-broker.h"
#include "tests/gst/publish-support.h"

/* ---- other publishers ------------------------------------------------------------------------ */

/* Two elements with one source notice each other, whichever came first, and say so once. */
static void
test_namesake (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  Listener *listener = listener_new (broker, NULL, NULL, NULL);
  GstHarness *first = broker_harness_new (broker, "drain-timeout=60000"), *second;
  g_autofree char *one = NULL, *two = NULL;

  publish_wait_connected (first, "mqtt", TRUE);
  listener_assert_heard (listener, "cowbehavior/barn/available", "online", NULL);
  second = broker_harness_new (broker, "drain-timeout=60000");
  one = publish_wait_warning (first, "somebody else publishes as cowbehavior/barn");
  two = publish_wait_warning (second, "somebody else publishes as cowbehavior/barn");
  /* The first answers, the second answers that, and they leave it at that. */
  g_strfreev (listener_wait_heard (listener, "cowbehavior/barn/available", 4));
  publish_push (first, 0, 3);
  publish_push (second, 0, 3);
  publish_wait (first, "mqtt", "sent", 3);
  publish_wait (second, "mqtt", "sent", 3);
  listener_assert_heard (listener, "cowbehavior/barn/available", "online", "online", "online",
                         "online", NULL);
  g_assert_cmpuint (publish_n_warnings (first), ==, 0);
  g_assert_cmpuint (publish_n_warnings (second), ==, 0);
  publish_harness_free (first);
  publish_harness_free (second);
  listener_free (listener);
  broker_free (broker);
}

/* An element that lost its connection is no namesake of itself. */
static void
test_no_namesake (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  GstHarness *harness = broker_harness_new (broker, "drain-timeout=60000");
  g_autofree char *lost = NULL;

  publish_wait_connected (harness, "mqtt", TRUE);
  broker_kill (broker);
  publish_wait (harness, "mqtt", "failures", 1);
  broker_start (broker);
  publish_push (harness, 0, 3);
  publish_stop (harness);
  lost = publish_warning (harness); /* of the outage */
  g_assert_null (strstr (lost, "somebody else"));
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
  publish_harness_free (harness);
  broker_free (broker);
}

/* ---- what an earlier run left ---------------------------------------------------------------- */

static void
run_with_zones (const Broker *broker, const char *a, const char *b, const char *properties)
{
  GstHarness *harness = broker_harness_new (broker, properties);

  publish_wait_connected (harness, "mqtt", TRUE);
  publish_push_objects (harness, 0, publish_object_new ("zone", a, 0, "Lying", 0),
                        publish_object_new ("zone", b, 0, "Standing", 0));
  publish_wait (harness, "mqtt", "sent", 1);
  publish_harness_free (harness);
}

/* The components of a device, as "ID=PLATFORM" or, where they have more than that, as "ID". */
static char *
components_of (const char *device)
{
  g_autoptr (JsonNode) root = json_from_string (device, NULL);
  JsonObject *components =
      json_object_get_object_member (json_node_get_object (root), "components");
  g_autoptr (GList) ids = g_list_sort (json_object_get_members (components), (GCompareFunc)strcmp);
  g_autoptr (GString) text = g_string_new (NULL);

  for (const GList *id = ids; id; id = id->next) {
    JsonObject *component = json_object_get_object_member (components, id->data);
    const guint n = json_object_get_size (component);

    g_string_append_printf (text, "%s%s%s ", (const char *)id->data, n == 1 ? "=" : "",
                            n == 1 ? json_object_get_string_member (component, "platform") : "");
  }
  return g_strdup (text->str);
}

/* A zone that is renamed between two runs leaves no label, and Home Assistant is told to forget its
 * sensor before it gets the list without it. */
static void
test_renamed_zone (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  const char *properties = "mqtt-discovery=true drain-timeout=60000";
  const char *topic = "homeassistant/device/cowbehavior_barn/config";
  g_auto (GStrv) devices = NULL;
  Listener *listener;
  guint n, forgotten = 0;

  run_with_zones (broker, "a", "b", properties);
  broker_assert_kept (broker, "cowbehavior/barn/zone/b", "Standing");
  listener = listener_new (broker, NULL, NULL, NULL);
  run_with_zones (broker, "a", "c", properties);
  broker_assert_kept (broker, "cowbehavior/barn/zone/a", "Lying");
  broker_assert_kept (broker, "cowbehavior/barn/zone/b", NULL);
  broker_assert_kept (broker, "cowbehavior/barn/zone/c", "Standing");
  devices = listener_heard (listener, topic);
  n = g_strv_length (devices);
  for (guint i = 0; i < n; i++) {
    g_autofree char *components = components_of (devices[i]);

    g_test_message ("%s", components);
    forgotten += strstr (components, "=sensor") != NULL;
    if (i == n - 1)
      g_assert_null (strstr (components, "=sensor"));
  }
  g_assert_cmpuint (forgotten, ==, 1);
  listener_free (listener);
  broker_free (broker);
}

/* It is also deleted while the stream goes on; and the frame, where there are zones now. */
static void
test_renamed_while_playing (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  GstHarness *harness = broker_harness_new (broker, "drain-timeout=60000");

  publish_push (harness, 0, 1);
  publish_wait (harness, "mqtt", "sent", 1);
  publish_harness_free (harness);
  broker_assert_kept (broker, "cowbehavior/barn/frame", "Lying");
  harness = broker_harness_new (broker, "drain-timeout=60000");
  publish_push_objects (harness, 0, publish_object_new ("zone", "a", 0, "Lying", 0), NULL);
  broker_wait_kept (broker, "cowbehavior/barn/zone/a", "Lying");
  broker_assert_kept (broker, "cowbehavior/barn/frame", "Lying"); /* it may still come */
  broker_wait_kept (broker, "cowbehavior/barn/frame", NULL);
  broker_assert_kept (broker, "cowbehavior/barn/zone/a", "Lying");
  publish_harness_free (harness);
  broker_free (broker);
}

/* A run without any results, as with a camera that is off, deletes nothing. */
static void
test_left_alone (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  GstHarness *harness;

  run_with_zones (broker, "a", "b", "drain-timeout=60000");
  harness = broker_harness_new (broker, "drain-timeout=60000");
  publish_wait_connected (harness, "mqtt", TRUE);
  publish_harness_free (harness);
  broker_assert_kept (broker, "cowbehavior/barn/zone/a", "Lying");
  broker_assert_kept (broker, "cowbehavior/barn/zone/b", "Standing");
  broker_free (broker);
}

/* ---- a broker that is not Mosquitto ---------------------------------------------------------- */

/* Stands before a broker. It may not know MQTT 5, and answers such a connection as MQTT 3.1.1 says,
 * as nobody says, or closes it; and it ends connections with a reason, as Mosquitto does not
 * always. */
typedef struct {
  guint16 port, broker;
  gboolean old, answers, is_strange;
  gboolean keeps_nothing; /* ends a connection with a message that is to be kept */
  gint n_refused;         /* atomic: connections */
  GSocket *last;          /* of the last client */
  GSocketService *service;
  GThread *thread;
  GMainLoop *loop;
  GMainContext *context;
} Front;

/* The beginning of a packet of MQTT: its type and flags, and the length of the rest. FALSE: there
 * is none. */
static gboolean
read_head (GInputStream *in, GByteArray *head, gsize *rest)
{
  guint shift = 0;
  guint8 byte;

  *rest = 0;
  for (guint i = 0; i < 5; i++) {
    if (g_input_stream_read (in, &byte, 1, NULL, NULL) != 1)
      return FALSE;
    g_byte_array_append (head, &byte, 1);
    if (i == 0)
      continue;
    *rest |= (gsize)(byte & 0x7f) << shift;
    shift += 7;
    if (!(byte & 0x80))
      return TRUE;
  }
  return FALSE;
}

/* Copies packets until there is one that is to be kept. */
static void
copy_until_retained (GInputStream *in, GOutputStream *out)
{
  while (TRUE) {
    g_autoptr (GByteArray) head = g_byte_array_new ();
    g_autofree guint8 *body = NULL;
    gsize rest, n;

    if (!read_head (in, head, &rest) || (head->data[0] & 0xf1) == 0x31)
      return;
    body = g_malloc (rest + 1);
    if (!g_input_stream_read_all (in, body, rest, &n, NULL, NULL) || n < rest ||
        !g_output_stream_write_all (out, head->data, head->len, NULL, NULL, NULL) ||
        !g_output_stream_write_all (out, body, rest, NULL, NULL, NULL))
      return;
  }
}

static gpointer
copy (gpointer data)
{
  GIOStream **ends = data;
  GOutputStream *out = g_io_stream_get_output_stream (ends[1]);
  GInputStream *in = g_io_stream_get_input_stream (ends[0]);

  if (ends[2]) {
    copy_until_retained (in, out);
    g_io_stream_close (ends[0], NULL, NULL);
    g_io_stream_close (ends[1], NULL, NULL);
  } else {
    g_output_stream_splice (out, in, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, NULL);
  }
  g_object_unref (ends[0]);
  g_object_unref (ends[1]);
  g_free (ends);
  return NULL;
}

static GThread *
copy_start (GIOStream *from, GIOStream *to, gboolean until_retained)
{
  GIOStream **ends = g_new0 (GIOStream *, 3);

  ends[2] = until_retained ? from : NULL; /* a mark */
  ends[0] = g_object_ref (from);
  ends[1] = g_object_ref (to);
  return g_thread_new ("copy", copy, ends);
}

static gboolean
on_connection (GThreadedSocketService *service, GSocketConnection *connection, GObject *source,
               gpointer data)
{
  static const guint8 no[] = { 0x20, 0x02, 0x00, 0x01 }; /* CONNACK, unacceptable version */
  /* CONNACK, accepted, and a property 0x7f that no version of MQTT has. */
  static const guint8 strange[] = { 0x20, 0x05, 0x00, 0x00, 0x02, 0x7f, 0x00 };
  Front *self = data;
  GIOStream *stream = G_IO_STREAM (connection);
  GInputStream *in = g_io_stream_get_input_stream (stream);
  g_autoptr (GSocketClient) client = NULL;
  g_autoptr (GSocketConnection) behind = NULL;
  guint8 head[512];
  const gssize n = g_input_stream_read (in, head, sizeof head, NULL, NULL);
  GThread *there, *back;

  /* A CONNECT with less than 128 bytes behind the first two: "MQTT" and the version. */
  if (n < 9 || memcmp (head + 4, "MQTT", 4) != 0)
    return TRUE;
  if (head[8] == 5 && self->old) {
    g_atomic_int_inc (&self->n_refused);
    if (self->answers)
      g_output_stream_write_all (g_io_stream_get_output_stream (stream), no, sizeof no, NULL, NULL,
                                 NULL);
    if (self->is_strange)
      g_output_stream_write_all (g_io_stream_get_output_stream (stream), strange, sizeof strange,
                                 NULL, NULL, NULL);
    return TRUE;
  }
  client = g_socket_client_new ();
  behind = g_socket_client_connect_to_host (client, "127.0.0.1", self->broker, NULL, NULL);
  g_assert_nonnull (behind);
  g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (behind)), head, (gsize)n,
                             NULL, NULL, NULL);
  self->last = g_socket_connection_get_socket (connection);
  there = copy_start (stream, G_IO_STREAM (behind), self->keeps_nothing);
  back = copy_start (G_IO_STREAM (behind), stream, FALSE);
  g_thread_join (there);
  g_thread_join (back);
  return TRUE;
}

static gpointer
serve (gpointer data)
{
  Front *self = data;

  g_main_context_push_thread_default (self->context);
  self->service = g_threaded_socket_service_new (8);
  self->port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (self->service), NULL, NULL);
  g_signal_connect (self->service, "run", G_CALLBACK (on_connection), self);
  g_socket_service_start (self->service);
  g_main_loop_run (self->loop);
  g_socket_service_stop (self->service);
  g_socket_listener_close (G_SOCKET_LISTENER (self->service));
  g_object_unref (self->service);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

static void
front_start (Front *self)
{
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  self->thread = g_thread_new ("front", serve, self);
  while (!g_main_loop_is_running (self->loop))
    g_usleep (1000);
}

static void
front_stop (Front *self)
{
  g_main_loop_quit (self->loop);
  g_thread_join (self->thread);
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
}

static GstHarness *
front_harness_new (const Front *self, const char *properties)
{
  g_autofree char *all =
      g_strdup_printf ("mqtt-url=mqtt://127.0.0.1:%u %s", self->port, properties);

  return publish_harness_new (all);
}

static void
assert_old_broker (gboolean answers)
{
  Broker *broker = broker_new ("allow_anonymous true");
  Front front = { .broker = broker->port, .old = TRUE, .answers = answers };
  Listener *listener = listener_new (broker, NULL, NULL, NULL);
  g_auto (GStrv) lines = NULL;
  GstHarness *harness;

  front_start (&front);
  harness = front_harness_new (&front, "mqtt-version=5 drain-timeout=60000");
  publish_push (harness, 0, 5);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "sent"), ==, 5);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "failures"), ==, 0);
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
  g_assert_cmpint (g_atomic_int_get (&front.n_refused), ==, 1);
  lines = listener_wait_heard (listener, "cowbehavior/barn/events", 5);
  publish_assert_frames (lines, 0, 5);
  broker_wait_kept (broker, "cowbehavior/barn/available", "offline");
  publish_harness_free (harness);
  front_stop (&front);
  listener_free (listener);
  broker_free (broker);
}

static void
test_old_broker (void)
{
  assert_old_broker (TRUE);
  assert_old_broker (FALSE);
}

/* A broker says in MQTT 5 what libmosquitto 2.0.11 ends the process at. By default such a library
 * does not speak it; a newer one calls it an error. */
static void
test_strange_broker (void)
{
  const gboolean is_safe = mosquitto_lib_version (NULL, NULL, NULL) >= 2000021;
  Broker *broker = broker_new ("allow_anonymous true");
  Front front = { .broker = broker->port, .old = TRUE, .is_strange = TRUE };
  GstHarness *harness;

  front_start (&front);
  harness = front_harness_new (&front, "drain-timeout=0");
  publish_push (harness, 0, 1);
  publish_wait (harness, "mqtt", is_safe ? "failures" : "sent", 1);
  g_assert_cmpint (g_atomic_int_get (&front.n_refused) > 0, ==, is_safe);
  publish_harness_free (harness);
  front_stop (&front);
  broker_free (broker);
}

/* A broker of MQTT 3.1.1 that keeps nothing ends the connection with each message that is to be
 * kept, as some in the cloud do. Nothing more is asked to be kept, and events arrive. */
static void
test_keeps_nothing (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  Front front = { .broker = broker->port, .keeps_nothing = TRUE };
  Listener *listener = listener_new (broker, NULL, NULL, NULL);
  g_autofree char *warning = NULL;
  g_auto (GStrv) lines = NULL;
  GstHarness *harness;

  front_start (&front);
  harness = front_harness_new (&front, "mqtt-version=3.1.1 drain-timeout=60000");
  publish_push (harness, 0, 5);
  publish_wait (harness, "mqtt", "sent", 5);
  warning = publish_wait_warning (harness, "keeps no messages");
  publish_stop (harness);
  lines = listener_wait_heard (listener, "cowbehavior/barn/events", 5);
  publish_assert_frames (lines, 0, 5);
  listener_assert_heard (listener, "cowbehavior/barn/frame", "Lying", NULL);
  publish_harness_free (harness);
  front_stop (&front);
  listener_free (listener);
  broker_free (broker);
}

/* ---- clients with the same id ---------------------------------------------------------------- */

/* The broker says that another client has the same id. The element says so, too, and leaves the
 * broker alone for a while, so that the two do not throw each other out all the time. */
static void
test_taken_over (void)
{
  static const guint8 taken_over[] = { 0xe0, 0x02, 0x8e, 0x00 }; /* DISCONNECT and its reason */
  Broker *broker = broker_new ("allow_anonymous true");
  Front front = { .broker = broker->port };
  g_autofree char *warning = NULL;
  GstHarness *harness;

  front_start (&front);
  harness = front_harness_new (&front, "mqtt-version=5 mqtt-client-id=barn drain-timeout=0");
  publish_push (harness, 0, 1);
  publish_wait (harness, "mqtt", "sent", 1);
  g_assert_cmpint (
      g_socket_send (front.last, (const char *)taken_over, sizeof taken_over, NULL, NULL), ==,
      sizeof taken_over);
  warning = publish_wait_warning (harness, "taken over");
  g_assert_nonnull (strstr (warning, "mqtt-client-id, \"barn\""));
  g_usleep (3 * G_USEC_PER_SEC);
  g_assert_cmpuint (publish_stat (harness, "mqtt", "failures"), ==, 1);
  g_assert_false (publish_connected (harness, "mqtt"));
  publish_harness_free (harness);
  front_stop (&front);
  broker_free (broker);
}

/* A broker that closes the connection without a reason may have this one. */
static void
test_taken_over_silently (void)
{
  Broker *broker = broker_new ("allow_anonymous true");
  GstHarness *first = broker_harness_new (broker, "mqtt-client-id=barn drain-timeout=0"), *second;
  g_autofree char *warning = NULL;

  publish_wait_connected (first, "mqtt", TRUE);
  second = broker_harness_new (broker, "source=yard mqtt-client-id=barn drain-timeout=0");
  warning = publish_wait_warning (first, "another client the same mqtt-client-id");
  publish_harness_free (first);
  publish_harness_free (second);
  broker_free (broker);
}

int
main (int argc, char **argv)
{
  if (!broker_test_init (&argc, &argv))
    return 0;

  g_test_add_func ("/publish-mqtt-others/namesake", test_namesake);
  g_test_add_func ("/publish-mqtt-others/no-namesake", test_no_namesake);
  g_test_add_func ("/publish-mqtt-others/taken-over", test_taken_over);
  g_test_add_func ("/publish-mqtt-others/taken-over-silently", test_taken_over_silently);
  g_test_add_func ("/publish-mqtt-others/renamed-zone", test_renamed_zone);
  g_test_add_func ("/publish-mqtt-others/renamed-while-playing", test_renamed_while_playing);
  g_test_add_func ("/publish-mqtt-others/left-alone", test_left_alone);
  g_test_add_func ("/publish-mqtt-others/old-broker", test_old_broker);
  g_test_add_func ("/publish-mqtt-others/strange-broker", test_strange_broker);
  g_test_add_func ("/publish-mqtt-others/keeps-nothing", test_keeps_nothing);
  return broker_test_run ();
}
