/* SPDX-License-Identifier: MIT */
/*
 * `cowpublish` with HTTP endpoints that work, hang, fail, refuse, vanish and come back. Frames
 * never wait: each must come out of the element before the next goes in, whatever the endpoint
 * does. Events arrive in their order or are counted as dropped.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <libsoup/soup.h>
#include <string.h>

#include "tests/gst/publish-support.h"
#include "tests/gst/support.h"

/* ---- an endpoint with a thread of its own ---------------------------------------------------- */

typedef struct {
  guint16 port;
  const char *path;
  GTlsCertificate *certificate; /* NULL: http */
  gint status;                  /* atomic: the status that it returns */
  gint long_answer;             /* atomic: whether the body of its response is a megabyte */
  gsize most_bytes;             /* of a request that it takes; larger ones get 413; 0: any */
  int poison;                   /* frame whose event it answers with 400; -1: none */
  const char *location;         /* where a redirection leads */

  GMutex lock;
  GPtrArray *lines;   /* of the bodies that it accepted, in their order */
  GArray *times;      /* g_get_monotonic_time () of each request */
  guint n_taken;      /* bodies */
  char *type, *login; /* headers of the last request; NULL: none */

  GThread *thread;
  GMainLoop *loop;
  gint listening; /* atomic */
} Endpoint;

static void
note (Endpoint *self, SoupServerMessage *message, gboolean taken)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  g_autoptr (GBytes) body =
      soup_message_body_flatten (soup_server_message_get_request_body (message));
  g_autofree char *text = g_strndup (g_bytes_get_data (body, NULL), g_bytes_get_size (body));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  const gint64 now = g_get_monotonic_time ();

  g_mutex_lock (&self->lock);
  g_free (self->type);
  self->type = g_strdup (soup_message_headers_get_one (headers, "Content-Type"));
  g_free (self->login);
  self->login = g_strdup (soup_message_headers_get_one (headers, "Authorization"));
  g_array_append_val (self->times, now);
  for (char **line = lines; taken && *line; line++)
    if (**line)
      g_ptr_array_add (self->lines, g_strdup (*line));
  self->n_taken += taken;
  g_mutex_unlock (&self->lock);
}

/* What it refuses from now on, while it serves. */
static void
endpoint_refuse (Endpoint *self, gsize most_bytes, int poison)
{
  g_mutex_lock (&self->lock);
  self->most_bytes = most_bytes;
  self->poison = poison;
  g_mutex_unlock (&self->lock);
}

static guint
judge (Endpoint *self, SoupServerMessage *message)
{
  g_autoptr (GBytes) body =
      soup_message_body_flatten (soup_server_message_get_request_body (message));
  g_autofree char *text = g_strndup (g_bytes_get_data (body, NULL), g_bytes_get_size (body));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  g_mutex_lock (&self->lock);
  const gsize most_bytes = self->most_bytes;
  const int poison = self->poison;
  g_mutex_unlock (&self->lock);
  if (most_bytes > 0 && strlen (text) > most_bytes)
    return 413;
  for (char **line = lines; poison >= 0 && *line; line++)
    if (publish_frame_of (*line) == poison)
      return 400;
  return (guint)g_atomic_int_get (&self->status);
}

static void
answer (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query,
        gpointer data)
{
  Endpoint *self = data;
  const guint status = judge (self, message);

  g_assert_cmpstr (soup_server_message_get_method (message), ==, "POST");
  g_assert_cmpstr (path, ==, self->path);
  note (self, message, status == 200);
  soup_server_message_set_status (message, status, NULL);
  if (status == 302 && self->location)
    soup_message_headers_append (soup_server_message_get_response_headers (message), "Location",
                                 self->location);
  if (status == 503)
    soup_message_headers_append (soup_server_message_get_response_headers (message), "Retry-After",
                                 "3");
  if (g_atomic_int_get (&self->long_answer)) {
    gsize n = 1 << 20;

    soup_server_message_set_response (message, "text/plain", SOUP_MEMORY_TAKE, g_strnfill (n, 'x'),
                                      n);
  }
}

static gpointer
serve (gpointer data)
{
  Endpoint *self = data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (SoupServer) server = NULL;
  g_autoptr (GError) error = NULL;

  g_main_context_push_thread_default (context);
  server = soup_server_new (NULL, NULL);
  if (self->certificate)
    soup_server_set_tls_certificate (server, self->certificate);
  soup_server_add_handler (server, NULL, answer, self, NULL);
  soup_server_listen_local (
      server, self->port,
      SOUP_SERVER_LISTEN_IPV4_ONLY | (self->certificate ? SOUP_SERVER_LISTEN_HTTPS : 0), &error);
  g_assert_no_error (error);
  self->loop = g_main_loop_new (context, FALSE);
  g_atomic_int_set (&self->listening, TRUE);
  g_main_loop_run (self->loop);
  soup_server_disconnect (server);
  while (g_main_context_iteration (context, FALSE))
    ;
  g_main_context_pop_thread_default (context);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  return NULL;
}

static void
endpoint_start (Endpoint *self)
{
  self->thread = g_thread_new ("endpoint", serve, self);
  while (!g_atomic_int_get (&self->listening))
    g_usleep (1000);
}

static gboolean
quit (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static void
endpoint_stop (Endpoint *self)
{
  g_main_context_invoke (g_main_loop_get_context (self->loop), quit, self->loop);
  g_thread_join (self->thread);
  g_atomic_int_set (&self->listening, FALSE);
}

static Endpoint *
endpoint_new (guint status)
{
  Endpoint *self = g_new0 (Endpoint, 1);

  self->port = publish_free_port ();
  self->path = self->location = "/events";
  self->poison = -1;
  self->status = (gint)status;
  self->lines = g_ptr_array_new_with_free_func (g_free);
  self->times = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_mutex_init (&self->lock);
  return self;
}

static void
endpoint_free (Endpoint *self)
{
  if (g_atomic_int_get (&self->listening))
    endpoint_stop (self);
  g_clear_object (&self->certificate);
  g_ptr_array_unref (self->lines);
  g_array_unref (self->times);
  g_free (self->type);
  g_free (self->login);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* Asserts that the accepted bodies are these frames. Call it when the endpoint or the element has
 * stopped. */
static void
assert_taken (Endpoint *self, guint from, guint to)
{
  g_ptr_array_add (self->lines, NULL);
  publish_assert_frames ((char **)self->lines->pdata, from, to);
  g_ptr_array_set_size (self->lines, (gint)self->lines->len - 1);
}

static GstHarness *
harness_for (const Endpoint *endpoint, const char *properties)
{
  g_autofree char *all =
      g_strdup_printf ("http-url=http%s://127.0.0.1:%u/events %s", endpoint->certificate ? "s" : "",
                       endpoint->port, properties);

  return publish_harness_new (all);
}

/* ---- endpoints that work --------------------------------------------------------------------- */

static void
test_posts (void)
{
  Endpoint *endpoint = endpoint_new (200);
  GstHarness *harness = harness_for (endpoint, "drain-timeout=60000");

  endpoint_start (endpoint);
  publish_push (harness, 0, 30);
  publish_stop (harness);
  assert_taken (endpoint, 0, 30);
  g_assert_cmpuint (endpoint->n_taken, ==, 30);
  g_assert_cmpstr (endpoint->type, ==, "application/json");
  g_assert_cmpstr (endpoint->login, ==, NULL);
  g_assert_cmpuint (publish_stat (harness, "http", "sent"), ==, 30);
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

/* An address may be just a host. */
static void
test_no_path (void)
{
  Endpoint *endpoint = endpoint_new (200);
  g_autofree char *properties =
      g_strdup_printf ("http-url=http://127.0.0.1:%u?barn=1 drain-timeout=60000", endpoint->port);
  GstHarness *harness = publish_harness_new (properties);

  endpoint->path = "/";
  endpoint_start (endpoint);
  publish_push (harness, 0, 3);
  publish_stop (harness);
  assert_taken (endpoint, 0, 3);
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

/* Waiting events are sent in requests of ten. */
static void
test_batches (void)
{
  Endpoint *endpoint = endpoint_new (500);
  GstHarness *harness = harness_for (endpoint, "http-batch=10 drain-timeout=60000");

  endpoint_start (endpoint);
  publish_push (harness, 0, 25);
  publish_wait (harness, "http", "failures", 2); /* the second of them has ten events */
  g_atomic_int_set (&endpoint->status, 200);
  publish_stop (harness);
  assert_taken (endpoint, 0, 25);
  g_assert_cmpuint (endpoint->n_taken, ==, 3);
  g_assert_cmpstr (endpoint->type, ==, "application/x-ndjson");
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

/* A response that is far longer than it needs to be counts as one success. */
static void
test_long_answer (void)
{
  Endpoint *endpoint = endpoint_new (200);
  GstHarness *harness = harness_for (endpoint, "drain-timeout=60000");

  endpoint->long_answer = TRUE;
  endpoint_start (endpoint);
  publish_push (harness, 0, 5);
  publish_stop (harness);
  assert_taken (endpoint, 0, 5);
  g_assert_cmpuint (publish_stat (harness, "http", "failures"), ==, 0);
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

static void
assert_login (const char *login, const char *properties, const char *expected)
{
  Endpoint *endpoint = endpoint_new (200);
  g_autofree char *all =
      g_strdup_printf ("http-url=http://%s127.0.0.1:%u/events drain-timeout=60000 %s", login,
                       endpoint->port, properties);
  GstHarness *harness = publish_harness_new (all);

  endpoint_start (endpoint);
  publish_push (harness, 0, 1);
  publish_stop (harness);
  g_assert_cmpstr (endpoint->login, ==, expected);
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

static void
test_logins (void)
{
  assert_login ("", "http-user=me http-password=secret", "Basic bWU6c2VjcmV0");
  assert_login ("me:s%65cret@", "", "Basic bWU6c2VjcmV0");
  assert_login ("", "http-token=abc.def", "Bearer abc.def");
  g_setenv ("COWBEHAVIOR_HTTP_PASSWORD", "secret", TRUE);
  assert_login ("me@", "", "Basic bWU6c2VjcmV0");
  assert_login ("", "", NULL);
  g_setenv ("COWBEHAVIOR_HTTP_TOKEN", "t", TRUE);
  assert_login ("", "", "Bearer t");
  assert_login ("me@", "", "Basic bWU6c2VjcmV0"); /* the property overrides it */
  g_unsetenv ("COWBEHAVIOR_HTTP_PASSWORD");
  g_unsetenv ("COWBEHAVIOR_HTTP_TOKEN");
}

/* ---- endpoints that fail --------------------------------------------------------------------- */

/* An endpoint whose kernel accepts connections, but which never responds. */
static void
test_hangs (void)
{
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  g_autoptr (GError) error = NULL;
  guint16 port = g_socket_listener_add_any_inet_port (listener, NULL, &error);
  g_autofree char *properties = g_strdup_printf (
                      "http-url=http://127.0.0.1:%u/ queue-size=10 drain-timeout=0", port),
                  *warning = NULL;
  GstHarness *harness = publish_harness_new (properties);

  g_assert_no_error (error);
  publish_push (harness, 0, 50);
  g_assert_cmpuint (publish_stat (harness, "http", "dropped"), ==, 40);
  g_assert_cmpuint (publish_stat (harness, "http", "queued"), ==, 10);
  g_assert_cmpuint (publish_stat (harness, "http", "sent"), ==, 0);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "http", "dropped"), ==, 50);
  warning = publish_wait_warning (harness, "10 events");
  publish_harness_free (harness);
}

/* It counts as a failure after a while, and the event is sent again. */
static void
test_times_out (void)
{
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  guint16 port = g_socket_listener_add_any_inet_port (listener, NULL, NULL);
  g_autofree char *properties = g_strdup_printf (
                      "http-url=http://127.0.0.1:%u/ http-timeout=1 drain-timeout=0", port),
                  *warning = NULL;
  GstHarness *harness = publish_harness_new (properties);

  publish_push (harness, 0, 1);
  warning = publish_warning (harness);
  g_assert_nonnull (strstr (warning, "timed out"));
  publish_wait (harness, "http", "failures", 2);
  g_assert_cmpuint (publish_stat (harness, "http", "queued"), ==, 1);
  publish_harness_free (harness);
}

/* The end of the stream waits for it no longer than the property says; this test's limit is that of
 * the default. */
static void
test_end_while_hanging (void)
{
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  guint16 port = g_socket_listener_add_any_inet_port (listener, NULL, NULL);
  g_autofree char *properties = g_strdup_printf (
                      "http-url=http://127.0.0.1:%u/ http-timeout=600 drain-timeout=100", port),
                  *warning = NULL;
  GstHarness *harness = publish_harness_new (properties);

  publish_push (harness, 0, 3);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_eos ()));
  warning = publish_warning (harness);
  g_assert_nonnull (strstr (warning, "3 events"));
  g_assert_cmpuint (publish_stat (harness, "http", "queued"), ==, 3);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "http", "dropped"), ==, 3);
  publish_harness_free (harness);
}

static gpointer
push_end (gpointer harness)
{
  gst_harness_push_event (harness, gst_event_new_eos ());
  return NULL;
}

/* A flush ends this wait as well, and the stream goes on afterwards. */
static void
test_flush_while_ending (void)
{
  Endpoint *endpoint = endpoint_new (500);
  GstHarness *harness = harness_for (endpoint, "drain-timeout=600000");
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;
  GstSegment segment;
  GThread *thread;

  endpoint_start (endpoint);
  publish_push (harness, 0, 3);
  thread = g_thread_new ("end", push_end, harness);
  publish_wait (harness, "http", "failures", 3); /* at least one of them is that of EOS */
  g_assert_true (gst_harness_push_event (harness, gst_event_new_flush_start ()));
  g_thread_join (thread);
  g_assert_cmpint (g_get_monotonic_time (), <, limit);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_flush_stop (TRUE)));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (harness, gst_event_new_segment (&segment));
  g_atomic_int_set (&endpoint->status, 200);
  publish_push (harness, 3, 6);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_eos ()));
  publish_stop (harness);
  assert_taken (endpoint, 0, 6);
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

static void
test_fails_then_works (void)
{
  Endpoint *endpoint = endpoint_new (500);
  GstHarness *harness = harness_for (endpoint, "drain-timeout=60000");
  g_autofree char *warning = NULL;

  endpoint_start (endpoint);
  publish_push (harness, 0, 10);
  publish_wait (harness, "http", "failures", 2);
  g_assert_false (publish_connected (harness, "http"));
  g_atomic_int_set (&endpoint->status, 200);
  publish_push (harness, 10, 20);
  publish_wait (harness, "http", "sent", 20);
  g_assert_true (publish_connected (harness, "http"));
  warning = publish_warning (harness);
  g_assert_nonnull (strstr (warning, "answered 500"));
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0); /* one for the whole outage */
  publish_stop (harness);
  assert_taken (endpoint, 0, 20);
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

/* The endpoint says when to try again. */
static void
test_retry_after (void)
{
  Endpoint *endpoint = endpoint_new (503);
  GstHarness *harness = harness_for (endpoint, "drain-timeout=60000");
  const gint64 *times;

  endpoint_start (endpoint);
  publish_push (harness, 0, 1);
  publish_wait (harness, "http", "failures", 1);
  g_atomic_int_set (&endpoint->status, 200);
  publish_wait (harness, "http", "sent", 1);
  publish_stop (harness);
  times = (const gint64 *)endpoint->times->data;
  g_assert_cmpint (times[1] - times[0], >=, 3 * G_USEC_PER_SEC);
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

/* A refused event is not sent again. It is counted, and does not hold up later ones. */
static void
assert_refused (guint status, const char *expected)
{
  Endpoint *endpoint = endpoint_new (status);
  GstHarness *harness =
      harness_for (endpoint, "http-user=me http-password=secret drain-timeout=60000");
  g_autofree char *warning = NULL;

  endpoint_start (endpoint);
  publish_push (harness, 0, 5);
  publish_wait (harness, "http", "dropped", 5);
  warning = publish_warning (harness);
  g_assert_nonnull (strstr (warning, expected));
  g_assert_null (strstr (warning, "secret"));
  g_assert_null (strstr (warning, "bWU6c2VjcmV0"));
  g_assert_cmpuint (endpoint->times->len, ==, 5);
  g_atomic_int_set (&endpoint->status, 200);
  publish_push (harness, 5, 8);
  publish_stop (harness);
  assert_taken (endpoint, 5, 8);
  g_assert_cmpuint (publish_stat (harness, "http", "dropped"), ==, 5);
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

static void
test_refused (void)
{
  assert_refused (401, "answered 401 (Unauthorized); set http-user");
  assert_refused (400, "answered 400");
  assert_refused (302, "set http-url to the address that it redirects to");
}

/* Asserts that there was one warning of each of two causes, whichever came first. */
static void
assert_both_said (GstHarness *harness, const char *one, const char *other)
{
  g_autofree char *first = publish_warning (harness), *second = publish_warning (harness);

  g_assert_true ((strstr (first, one) && strstr (second, other)) ||
                 (strstr (first, other) && strstr (second, one)));
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
}

/* After an outage the events that have waited are too much for one request. All of them arrive in
 * smaller ones, and the warning of that is not held back because there was one of the outage. */
static void
test_divided (void)
{
  Endpoint *endpoint = endpoint_new (200);
  GstHarness *harness = harness_for (endpoint, "http-batch=100 drain-timeout=60000");

  endpoint_refuse (endpoint, 2000, -1);
  publish_push (harness, 0, 1);
  publish_wait (harness, "http", "failures", 1);
  publish_push (harness, 1, 80);
  endpoint_start (endpoint);
  publish_wait (harness, "http", "sent", 80);
  assert_both_said (harness, "refused", "answered 413");
  publish_stop (harness);
  assert_taken (endpoint, 0, 80);
  g_assert_cmpuint (publish_stat (harness, "http", "dropped"), ==, 0);
  g_assert_cmpuint (endpoint->times->len, <, 60);
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

/* Only the event that is refused alone is dropped: it is too large, or the endpoint does not like
 * it. */
static void
assert_one_dropped (gsize most_bytes, int poison, const char *expected)
{
  Endpoint *endpoint = endpoint_new (503);
  GstHarness *harness = harness_for (endpoint, "http-batch=100 drain-timeout=60000");
  g_autofree char *name = g_strnfill (3000, 'x'), *warning = NULL;

  endpoint_start (endpoint);
  publish_push (harness, 0, 1);
  publish_wait (harness, "http", "failures", 1);
  publish_push (harness, 1, 40);
  publish_push_objects (harness, 40, publish_object_new ("zone", name, 0, "Lying", 0), NULL);
  publish_push (harness, 41, 80);
  endpoint_refuse (endpoint, most_bytes, poison);
  g_atomic_int_set (&endpoint->status, 200);
  warning = publish_wait_warning (harness, expected);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "http", "sent"), ==, 79);
  g_assert_cmpuint (publish_stat (harness, "http", "dropped"), ==, 1);
  g_assert_cmpuint (endpoint->lines->len, ==, 79);
  for (guint i = 0; i < 79; i++)
    g_assert_cmpint (publish_frame_of (endpoint->lines->pdata[i]), ==, (int)(i < 40 ? i : i + 1));
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

static void
test_one_dropped (void)
{
  assert_one_dropped (2500, -1, "answered 413");
  assert_one_dropped (0, 40, "answered 400");
}

/* A redirection says where it leads, without the secrets that may be in it. */
static void
test_redirected (void)
{
  static const char *const to[][2] = {
    { "https://me:secret@farm.example/new?token=secret",
      "redirects to: https://farm.example/new\n" },
    { "/elsewhere", "/elsewhere\n" },
    { NULL, "redirects to\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (to); i++) {
    Endpoint *endpoint = endpoint_new (302);
    GstHarness *harness = harness_for (endpoint, "drain-timeout=60000");
    g_autofree char *warning = NULL;

    endpoint->location = to[i][0];
    endpoint_start (endpoint);
    publish_push (harness, 0, 1);
    warning = publish_warning (harness);
    g_assert_nonnull (strstr (warning, to[i][1]));
    g_assert_null (strstr (warning, "secret"));
    publish_harness_free (harness);
    endpoint_free (endpoint);
  }
}

/* A full queue is said although the outage was a moment ago, and both once. */
static void
test_full_said (void)
{
  Endpoint *endpoint = endpoint_new (200);
  GstHarness *harness = harness_for (endpoint, "queue-size=10 drain-timeout=0");

  publish_push (harness, 0, 1);
  publish_wait (harness, "http", "failures", 1);
  publish_push (harness, 1, 100);
  publish_wait (harness, "http", "failures", 2);
  assert_both_said (harness, "refused", "the queue is full (queue-size=10");
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

/* The endpoint's process ends and another comes back on the same port: nothing is lost or sent
 * twice. */
static void
test_vanishes (void)
{
  Endpoint *endpoint = endpoint_new (200);
  GstHarness *harness = harness_for (endpoint, "drain-timeout=60000");

  endpoint_start (endpoint);
  publish_push (harness, 0, 10);
  publish_wait (harness, "http", "sent", 10);
  endpoint_stop (endpoint);
  publish_push (harness, 10, 20);
  publish_wait (harness, "http", "failures", 1);
  endpoint_start (endpoint);
  publish_push (harness, 20, 30);
  publish_stop (harness);
  assert_taken (endpoint, 0, 30);
  g_assert_cmpuint (publish_stat (harness, "http", "dropped"), ==, 0);
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

/* During an outage that is too long for the queue the oldest events are dropped and counted, and
 * the newest arrive. */
static void
test_overflows (void)
{
  Endpoint *endpoint = endpoint_new (200);
  GstHarness *harness = harness_for (endpoint, "queue-size=10 drain-timeout=60000");

  publish_push (harness, 0, 1);
  publish_wait (harness, "http", "failures",
                3); /* the next attempt is some seconds away, so nothing is being sent */
  publish_push (harness, 1, 30);
  publish_assert_all (harness, "http", 30);
  g_assert_cmpuint (publish_stat (harness, "http", "dropped"), ==, 20);
  endpoint_start (endpoint);
  publish_stop (harness);
  assert_taken (endpoint, 20, 30);
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

/* The queue is bounded in bytes, too: 15 events of a little more than 1 MiB fit in 16 MiB. A zone's
 * name is in its event twice. */
static void
test_bytes_bounded (void)
{
  Endpoint *endpoint = endpoint_new (200);
  g_autofree char *endless = g_strnfill (1 << 19, 'x');
  GstHarness *harness = harness_for (endpoint, "drain-timeout=60000");

  publish_push (harness, 0, 1);
  publish_wait (harness, "http", "failures", 3);
  for (guint n = 1; n < 40; n++)
    publish_push_objects (harness, n, publish_object_new ("zone", endless, 0, "Lying", 0), NULL);
  publish_assert_all (harness, "http", 40);
  g_assert_cmpuint (publish_stat (harness, "http", "queued"), ==, 15);
  endpoint_start (endpoint);
  publish_stop (harness);
  assert_taken (endpoint, 25, 40);
  publish_harness_free (harness);
  endpoint_free (endpoint);
}

static void
test_tls (void)
{
  char *folder = g_dir_make_tmp ("cowpublish-XXXXXX", NULL);
  g_autofree char *pem = g_build_filename (folder, "server.pem", NULL),
                  *key = g_build_filename (folder, "server.key", NULL);
  g_autofree char *good = g_strdup_printf ("http-ca=%s/ca.pem drain-timeout=60000", folder);
  g_autofree char *bad = g_strdup_printf ("http-ca=%s/other-ca.pem drain-timeout=0", folder),
                  *warning = NULL;
  g_autoptr (GError) error = NULL;
  Endpoint *endpoint = endpoint_new (200);
  GstHarness *harness;

  if (!g_tls_backend_supports_tls (g_tls_backend_get_default ()) ||
      !publish_make_certificates (folder)) {
    g_test_skip ("openssl or glib-networking is not installed");
  } else {
    endpoint->certificate = g_tls_certificate_new_from_files (pem, key, &error);
    g_assert_no_error (error);
    endpoint_start (endpoint);
    harness = harness_for (endpoint, bad);
    publish_push (harness, 0, 3);
    warning = publish_warning (harness);
    g_assert_nonnull (strstr (warning, "certificate"));
    publish_harness_free (harness);
    harness = harness_for (endpoint, good);
    publish_push (harness, 3, 6);
    publish_stop (harness);
    assert_taken (endpoint, 3, 6);
    publish_harness_free (harness);
    /* By a name that begins where the program does. */
    g_autofree char *before = g_get_current_dir ();
    g_assert_cmpint (g_chdir (folder), ==, 0);
    harness = harness_for (endpoint, "http-ca=ca.pem drain-timeout=60000");
    g_assert_cmpint (g_chdir (before), ==, 0);
    publish_push (harness, 6, 9);
    publish_stop (harness);
    assert_taken (endpoint, 3, 9);
    publish_harness_free (harness);
  }
  endpoint_free (endpoint);
  support_remove (folder);
}

/* A target that hangs does not hold up another one. */
static void
test_side_by_side (void)
{
  char *folder = g_dir_make_tmp ("cowpublish-XXXXXX", NULL);
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  guint16 port = g_socket_listener_add_any_inet_port (listener, NULL, NULL);
  g_autofree char *properties = g_strdup_printf (
      "http-url=http://127.0.0.1:%u/ file=%s/events drain-timeout=0", port, folder);
  GstHarness *harness = publish_harness_new (properties);

  publish_push (harness, 0, 20);
  publish_wait (harness, "file", "sent", 20);
  g_assert_cmpuint (publish_stat (harness, "http", "queued"), ==, 20);
  publish_harness_free (harness);
  support_remove (folder);
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_setenv ("no_proxy", "127.0.0.1", TRUE);
  gst_object_unref (gst_object_ref_sink (
      gst_element_factory_make ("cowpublish", NULL))); /* making it registers the metadata */

  g_test_add_func ("/publish-http/posts", test_posts);
  g_test_add_func ("/publish-http/no-path", test_no_path);
  g_test_add_func ("/publish-http/batches", test_batches);
  g_test_add_func ("/publish-http/long-answer", test_long_answer);
  g_test_add_func ("/publish-http/logins", test_logins);
  g_test_add_func ("/publish-http/hangs", test_hangs);
  g_test_add_func ("/publish-http/times-out", test_times_out);
  g_test_add_func ("/publish-http/end-while-hanging", test_end_while_hanging);
  g_test_add_func ("/publish-http/flush-while-ending", test_flush_while_ending);
  g_test_add_func ("/publish-http/fails-then-works", test_fails_then_works);
  g_test_add_func ("/publish-http/retry-after", test_retry_after);
  g_test_add_func ("/publish-http/refused", test_refused);
  g_test_add_func ("/publish-http/divided", test_divided);
  g_test_add_func ("/publish-http/one-dropped", test_one_dropped);
  g_test_add_func ("/publish-http/redirected", test_redirected);
  g_test_add_func ("/publish-http/full-said", test_full_said);
  g_test_add_func ("/publish-http/vanishes", test_vanishes);
  g_test_add_func ("/publish-http/overflows", test_overflows);
  g_test_add_func ("/publish-http/bytes-bounded", test_bytes_bounded);
  g_test_add_func ("/publish-http/tls", test_tls);
  g_test_add_func ("/publish-http/side-by-side", test_side_by_side);
  result = g_test_run ();

  return support_no_leaks () ? result : 1;
}
