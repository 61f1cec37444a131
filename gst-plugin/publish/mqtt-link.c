/* SPDX-License-Identifier: MIT */
/*
 * One connection to an MQTT broker, by libmosquitto, which is loaded when there is a broker. Its
 * own loops either have a thread of their own or cannot be cancelled, so that its socket is watched
 * here. A connection that broke is not used again, because libmosquitto would send again by itself
 * what the queue sends again.
 */
#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <string.h>

#include "gst-plugin/publish/library.h"
#include "gst-plugin/publish/mqtt-private.h"

#define KEEP_ALIVE_S 30
/* How long the broker may be silent before a connection has failed. */
#define PATIENCE (10 * G_USEC_PER_SEC)
/* Bytes of a received message that are looked at; expected messages are shorter. */
#define MOST_TEXT 64u

#define MOSQUITTO_FUNCTIONS(F)                                                                     \
  F (mosquitto_, lib_init)                                                                         \
  F (mosquitto_, new)                                                                              \
  F (mosquitto_, destroy)                                                                          \
  F (mosquitto_, will_set)                                                                         \
  F (mosquitto_, username_pw_set)                                                                  \
  F (mosquitto_, tls_set)                                                                          \
  F (mosquitto_, tls_opts_set)                                                                     \
  F (mosquitto_, int_option)                                                                       \
  F (mosquitto_, connect_callback_set)                                                             \
  F (mosquitto_, disconnect_callback_set)                                                          \
  F (mosquitto_, publish_callback_set)                                                             \
  F (mosquitto_, message_callback_set)                                                             \
  F (mosquitto_, log_callback_set)                                                                 \
  F (mosquitto_, connect)                                                                          \
  F (mosquitto_, disconnect)                                                                       \
  F (mosquitto_, publish)                                                                          \
  F (mosquitto_, subscribe)                                                                        \
  F (mosquitto_, socket)                                                                           \
  F (mosquitto_, want_write)                                                                       \
  F (mosquitto_, loop_read)                                                                        \
  F (mosquitto_, loop_write)                                                                       \
  F (mosquitto_, loop_misc)                                                                        \
  F (mosquitto_, pub_topic_check)                                                                  \
  F (mosquitto_, validate_utf8)                                                                    \
  F (mosquitto_, strerror)                                                                         \
  F (mosquitto_, connack_string)

static struct {
  MOSQUITTO_FUNCTIONS (GST_COW_PUBLISH_POINTER)
} mosquitto;
static const char *const mosquitto_names[] = { MOSQUITTO_FUNCTIONS (GST_COW_PUBLISH_NAME) NULL };
static const GstCowPublishLibrary libmosquitto = {
  .soname = "libmosquitto.so.1",
  .property = "mqtt-url",
  .names = mosquitto_names,
  .functions = (void **)&mosquitto,
};

struct _GstCowPublishLink {
  struct mosquitto *client;
  char *where; /* "mqtt-url: broker HOST:PORT", which begins messages */
  GstCowPublishReceived received;
  gpointer data;

  int answer;        /* of the broker to the connection; -1: none yet */
  int lost;          /* error of libmosquitto that ended the connection; 0: it works */
  char *detail;      /* the last error that libmosquitto logged, or NULL */
  guint outstanding; /* published, and not yet acknowledged */
  gint64 heard;      /* g_get_monotonic_time () of the last acknowledgement */

  /* of publish_all () */
  int ids[GST_COW_PUBLISH_MQTT_BATCH];
  gboolean taken[GST_COW_PUBLISH_MQTT_BATCH];
  guint n_ids;
};

void
gst_cow_publish_broker_clear (GstCowPublishBroker *self)
{
  char **texts[] = { &self->host, &self->client_id, &self->user, &self->password,
                     &self->ca,   &self->cert,      &self->key,  &self->will_topic };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
}

/* ---- the library ----------------------------------------------------------------------------- */

gboolean
gst_cow_publish_link_init (GError **error)
{
  static gsize initialised = 0;

  if (!gst_cow_publish_library_load (&libmosquitto, error))
    return FALSE;
  if (g_once_init_enter (&initialised)) {
    mosquitto.lib_init ();
    g_once_init_leave (&initialised, 1);
  }
  return TRUE;
}

gboolean
gst_cow_publish_link_is_topic (const char *text)
{
  return *text && *text != '$' && strlen (text) < 1024 &&
         mosquitto.pub_topic_check (text) == MOSQ_ERR_SUCCESS &&
         mosquitto.validate_utf8 (text, (int)strlen (text)) == MOSQ_ERR_SUCCESS;
}

/* ---- callbacks of libmosquitto --------------------------------------------------------------- */

static void
on_connect (struct mosquitto *client, void *data, int answer)
{
  ((GstCowPublishLink *)data)->answer = answer;
}

static void
on_disconnect (struct mosquitto *client, void *data, int reason)
{
  ((GstCowPublishLink *)data)->lost = reason ? reason : MOSQ_ERR_CONN_LOST;
}

static void
on_publish (struct mosquitto *client, void *data, int id)
{
  GstCowPublishLink *self = data;

  self->outstanding--;
  self->heard = g_get_monotonic_time ();
  for (guint i = 0; i < self->n_ids; i++)
    if (self->ids[i] == id)
      self->taken[i] = TRUE;
}

static void
on_message (struct mosquitto *client, void *data, const struct mosquitto_message *message)
{
  GstCowPublishLink *self = data;

  if (message->payloadlen > 0) {
    g_autofree char *text =
        g_strndup (message->payload, MIN ((gsize)message->payloadlen, MOST_TEXT));

    self->received (message->topic, text, message->retain, self->data);
  }
}

static void
on_log (struct mosquitto *client, void *data, int level, const char *text)
{
  GstCowPublishLink *self = data;

  if (level != MOSQ_LOG_ERR)
    return;
  g_free (self->detail);
  self->detail = g_strchomp (g_utf8_make_valid (text, -1));
}

/* Without this callback OpenSSL would ask for the passphrase of a key on the terminal. */
static int
no_passphrase (char *buffer, int size, int writing, void *data)
{
  return 0;
}

/* ---- errors ---------------------------------------------------------------------------------- */

static gboolean
fail (GstCowPublishLink *self, int code, GError **error)
{
  const char *reason = code == MOSQ_ERR_ERRNO ? g_strerror (errno) : mosquitto.strerror (code);

  if (self->detail)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s %s", self->where, reason,
                 self->detail);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", self->where, reason);
  return FALSE;
}

static gboolean
fail_login (GstCowPublishLink *self, const GstCowPublishBroker *broker, GError **error)
{
  const gboolean login = self->answer == 4 || self->answer == 5;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
               "%s refuses the connection%s%s%s: %s%s", self->where,
               login && broker->user ? " as \"" : "", login && broker->user ? broker->user : "",
               login && broker->user ? "\"" : "", mosquitto.connack_string (self->answer),
               login ? " Check mqtt-user and mqtt-password." : "");
  return FALSE;
}

/* ---- reading and writing --------------------------------------------------------------------- */

gboolean
gst_cow_publish_link_pump (GstCowPublishLink *self, int wait_ms, GCancellable *cancellable,
                           GError **error)
{
  GPollFD cancelled = { .fd = -1 };
  const gboolean can_cancel = cancellable && g_cancellable_make_pollfd (cancellable, &cancelled);
  struct pollfd fds[2] = { { .fd = mosquitto.socket (self->client), .events = POLLIN },
                           { .fd = can_cancel ? cancelled.fd : -1, .events = POLLIN } };
  int code = self->lost;

  if (code == 0 && fds[0].fd < 0)
    code = MOSQ_ERR_NO_CONN;
  if (code == 0) {
    if (mosquitto.want_write (self->client))
      fds[0].events |= POLLOUT;
    if (poll (fds, 2, wait_ms) < 0)
      fds[0].revents = 0;
  }
  if (can_cancel)
    g_cancellable_release_fd (cancellable);
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (code == 0 && fds[0].revents & ~POLLOUT)
    code = mosquitto.loop_read (self->client, 1);
  if (code == 0 && fds[0].revents & POLLOUT)
    code = mosquitto.loop_write (self->client, 1);
  if (code == 0)
    code = mosquitto.loop_misc (self->client);
  return code == 0 ? TRUE : fail (self, self->lost ? self->lost : code, error);
}

gboolean
gst_cow_publish_link_flush (GstCowPublishLink *self, GCancellable *cancellable, GError **error)
{
  self->heard = g_get_monotonic_time ();
  while (self->outstanding > 0) {
    if (!gst_cow_publish_link_pump (self, 1000, cancellable, error))
      return FALSE;
    if (g_get_monotonic_time () - self->heard > PATIENCE)
      return fail (self, MOSQ_ERR_TIMEOUT, error);
  }
  return TRUE;
}

static int
publish (GstCowPublishLink *self, int *id, const char *topic, const char *text, gboolean retain)
{
  const int code =
      mosquitto.publish (self->client, id, topic, text ? (int)strlen (text) : 0, text, 1, retain);

  if (code == MOSQ_ERR_SUCCESS)
    self->outstanding++;
  return code;
}

gboolean
gst_cow_publish_link_publish (GstCowPublishLink *self, const char *topic, const char *text,
                              gboolean retain, GError **error)
{
  const int code = publish (self, NULL, topic, text, retain);

  return code == MOSQ_ERR_SUCCESS ? TRUE : fail (self, code, error);
}

gboolean
gst_cow_publish_link_publish_all (GstCowPublishLink *self, const char *topic, char *const *texts,
                                  guint n, guint *n_taken, GCancellable *cancellable,
                                  GError **error)
{
  int code = MOSQ_ERR_SUCCESS;
  gboolean ok;

  memset (self->taken, 0, sizeof self->taken);
  for (self->n_ids = 0; self->n_ids < n && code == MOSQ_ERR_SUCCESS;) {
    code = publish (self, &self->ids[self->n_ids], topic, texts[self->n_ids], FALSE);
    if (code == MOSQ_ERR_SUCCESS)
      self->n_ids++;
  }
  ok = code == MOSQ_ERR_SUCCESS ? gst_cow_publish_link_flush (self, cancellable, error)
                                : fail (self, code, error);
  for (*n_taken = 0; *n_taken < self->n_ids && self->taken[*n_taken];)
    (*n_taken)++;
  self->n_ids = 0;
  return ok;
}

gboolean
gst_cow_publish_link_subscribe (GstCowPublishLink *self, const char *topic, GError **error)
{
  const int code = mosquitto.subscribe (self->client, NULL, topic, 0);

  return code == MOSQ_ERR_SUCCESS ? TRUE : fail (self, code, error);
}

/* ---- begin and end --------------------------------------------------------------------------- */

static int
configure (GstCowPublishLink *self, const GstCowPublishBroker *broker)
{
  static const char offline[] = "offline";
  int code =
      mosquitto.will_set (self->client, broker->will_topic, sizeof offline - 1, offline, 1, true);

  if (code == MOSQ_ERR_SUCCESS && broker->user)
    code = mosquitto.username_pw_set (self->client, broker->user, broker->password);
  if (code != MOSQ_ERR_SUCCESS || !broker->tls)
    return code;
  if (broker->ca)
    return mosquitto.tls_set (self->client, broker->ca, NULL, broker->cert, broker->key,
                              no_passphrase);
  code = mosquitto.tls_opts_set (self->client, 1, NULL, NULL);
  return code != MOSQ_ERR_SUCCESS
             ? code
             : mosquitto.int_option (self->client, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
}

static gboolean
connect_client (GstCowPublishLink *self, const GstCowPublishBroker *broker,
                GCancellable *cancellable, GError **error)
{
  const gint64 until = g_get_monotonic_time () + PATIENCE;
  int code = configure (self, broker);

  /* connect_async would only try the first of several addresses of a name. */
  if (code == MOSQ_ERR_SUCCESS)
    code = mosquitto.connect (self->client, broker->host, broker->port, KEEP_ALIVE_S);
  if (code != MOSQ_ERR_SUCCESS)
    return fail (self, code, error);
  while (self->answer < 0) {
    g_autoptr (GError) trouble = NULL;

    if (!gst_cow_publish_link_pump (self, 1000, cancellable, &trouble) && self->answer < 0) {
      g_propagate_error (error, g_steal_pointer (&trouble));
      return FALSE;
    }
    if (self->answer < 0 && g_get_monotonic_time () > until)
      return fail (self, MOSQ_ERR_TIMEOUT, error);
  }
  return self->answer == 0 ? TRUE : fail_login (self, broker, error);
}

GstCowPublishLink *
gst_cow_publish_link_new (const GstCowPublishBroker *broker, GstCowPublishReceived received,
                          gpointer data, GCancellable *cancellable, GError **error)
{
  GstCowPublishLink *self = g_new0 (GstCowPublishLink, 1);

  self->where = g_strdup_printf ("mqtt-url: broker %s:%u", broker->host, broker->port);
  self->received = received;
  self->data = data;
  self->answer = -1;
  self->client = mosquitto.new(broker->client_id, true, self);
  if (!self->client) {
    fail (self, MOSQ_ERR_ERRNO, error);
    gst_cow_publish_link_free (self, FALSE);
    return NULL;
  }
  mosquitto.connect_callback_set (self->client, on_connect);
  mosquitto.disconnect_callback_set (self->client, on_disconnect);
  mosquitto.publish_callback_set (self->client, on_publish);
  mosquitto.message_callback_set (self->client, on_message);
  mosquitto.log_callback_set (self->client, on_log);
  if (!connect_client (self, broker, cancellable, error)) {
    gst_cow_publish_link_free (self, FALSE);
    return NULL;
  }
  return self;
}

void
gst_cow_publish_link_free (GstCowPublishLink *self, gboolean politely)
{
  /* Without a DISCONNECT the broker publishes the will. */
  if (self->client && politely && mosquitto.disconnect (self->client) == MOSQ_ERR_SUCCESS &&
      mosquitto.want_write (self->client))
    mosquitto.loop_write (self->client, 1);
  if (self->client)
    mosquitto.destroy (self->client);
  g_free (self->where);
  g_free (self->detail);
  g_free (self);
}
