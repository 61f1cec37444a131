/* SPDX-License-Identifier: MIT */
/*
 * One connection to an MQTT broker, by libmosquitto, which is loaded when there is a broker. Its
 * own loops either have a thread of their own or cannot be cancelled, so that its socket is watched
 * here. A connection that broke is not used again, because libmosquitto would send again by itself
 * what the queue sends again.
 */
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <string.h>

#include "gst-plugin/publish/certificates.h"
#include "gst-plugin/publish/library.h"
#include "gst-plugin/publish/mqtt-private.h"

#define KEEP_ALIVE_S 30
/* How long the broker may be silent before a connection has failed. */
#define PATIENCE (10 * G_USEC_PER_SEC)
/* libmosquitto 2.0.11 aborts the process at a property of MQTT 5 that it does not know, and 2.0.21
 * returns an error. Between them none was tried, and no list of changes names it. */
#define FIRST_SAFE_V5 2000021
/* Bytes of a received message that are looked at; expected messages are shorter. */
#define MOST_TEXT 64u

#define MOSQUITTO_FUNCTIONS(F)                                                                     \
  F (mosquitto_, lib_init)                                                                         \
  F (mosquitto_, lib_version)                                                                      \
  F (mosquitto_, new)                                                                              \
  F (mosquitto_, destroy)                                                                          \
  F (mosquitto_, will_set)                                                                         \
  F (mosquitto_, username_pw_set)                                                                  \
  F (mosquitto_, tls_set)                                                                          \
  F (mosquitto_, tls_opts_set)                                                                     \
  F (mosquitto_, int_option)                                                                       \
  F (mosquitto_, connect_v5_callback_set)                                                          \
  F (mosquitto_, disconnect_v5_callback_set)                                                       \
  F (mosquitto_, publish_v5_callback_set)                                                          \
  F (mosquitto_, subscribe_callback_set)                                                           \
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
  F (mosquitto_, connack_string)                                                                   \
  F (mosquitto_, reason_string)

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

typedef struct {
  int id;
  GstCowPublishSeen seen;
  GstCowLine *fate; /* of an event; NULL for all others */
} Pending;

struct _GstCowPublishLink {
  struct mosquitto *client;
  const GstCowPublishBroker *broker; /* borrowed */
  GstCowPublishReceived received;
  gpointer data;

  int answer;      /* of the broker to the connection; -1: none yet */
  int lost;        /* error of libmosquitto or reason of the broker that ended the connection */
  gboolean closed; /* the broker, or the network, ended it */
  char *detail;    /* the last error that libmosquitto logged, or NULL */
  guint n_asked, n_granted; /* topics that were subscribed to */
  GArray *pending;          /* of Pending: published, and not yet answered; oldest first */
  gint64 heard;             /* g_get_monotonic_time () of the last answer */
  gboolean refused;         /* a message was */
  GError *refusal;          /* of the first message that was refused, or NULL */
};

void
gst_cow_publish_broker_clear (GstCowPublishBroker *self)
{
  char **texts[] = { &self->host, &self->client_id, &self->user,       &self->password, &self->ca,
                     &self->cert, &self->key,       &self->will_topic, &self->where };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
}

char *
gst_cow_publish_broker_who (const GstCowPublishBroker *self)
{
  return self->user ? g_strdup_printf ("\"%s\"", self->user)
                    : g_strdup ("a client without mqtt-user");
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
gst_cow_publish_link_is_v5_safe (void)
{
  return mosquitto.lib_version (NULL, NULL, NULL) >= FIRST_SAFE_V5;
}

gboolean
gst_cow_publish_link_is_topic (const char *text)
{
  return *text && *text != '$' && strlen (text) < 1024 &&
         mosquitto.pub_topic_check (text) == MOSQ_ERR_SUCCESS &&
         mosquitto.validate_utf8 (text, (int)strlen (text)) == MOSQ_ERR_SUCCESS;
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* Codes of the domain beside those of libmosquitto, which are below 100, and the reasons of MQTT 5,
 * which are added to this. */
#define REASON 1000

GQuark
gst_cow_publish_link_quark (void)
{
  return g_quark_from_static_string ("cow-publish-mqtt");
}

static gboolean
says (const GstCowPublishLink *self, const char *words)
{
  return self->detail && strstr (self->detail, words);
}

/* What is likely to be wrong where a connection ended before it was accepted. */
static const char *
guess (const GstCowPublishLink *self)
{
  const GstCowPublishBroker *broker = self->broker;

  if (broker->tls && says (self, "certificate verify failed"))
    return "Is it the right broker, and mqtt-ca its authority?";
  if (broker->tls && (says (self, "wrong version number") || says (self, "unexpected eof") ||
                      says (self, "packet length")))
    return "Does that port speak TLS? If not, it is mqtt://.";
  if (self->answer == 0 && self->closed && broker->has_own_id)
    return "Has another client the same mqtt-client-id?";
  if (self->answer >= 0 || !self->closed)
    return "";
  if (!broker->tls)
    return "Does that port expect TLS (mqtts://), and is it one of MQTT?";
  return broker->cert ? "Does it accept the certificate in mqtt-cert?"
                      : "Does it ask for a client certificate (mqtt-cert and mqtt-key)?";
}

static gboolean
fail_with_reason (GstCowPublishLink *self, GError **error)
{
  if (self->lost == MQTT_RC_SESSION_TAKEN_OVER)
    g_set_error (error, GST_COW_PUBLISH_CAUSE, GST_COW_PUBLISH_CAUSE_TAKEN_OVER,
                 "%s: another client has taken over the connection, because it has the same "
                 "mqtt-client-id, \"%s\"; each needs its own",
                 self->broker->where, self->broker->client_id);
  else
    g_set_error (error, gst_cow_publish_link_quark (), REASON + self->lost,
                 "%s ended the connection: %s", self->broker->where,
                 mosquitto.reason_string (self->lost));
  return FALSE;
}

static gboolean
fail (GstCowPublishLink *self, int code, GError **error)
{
  const char *reason = code == MOSQ_ERR_ERRNO ? g_strerror (errno) : mosquitto.strerror (code);
  const char *detail = self->detail ? self->detail : "", *hint;
  const gboolean unanswered = self->answer < 0 && self->closed;

  if (self->lost >= MQTT_RC_UNSPECIFIED)
    return fail_with_reason (self, error);
  hint = guess (self);
  g_set_error (error, unanswered ? GST_COW_PUBLISH_CAUSE : gst_cow_publish_link_quark (),
               unanswered ? (int)GST_COW_PUBLISH_CAUSE_UNANSWERED : code, "%s: %s%s%s%s%s",
               self->broker->where, reason, *detail ? " " : "", detail,
               !*hint ? ""
               : g_str_has_suffix (*detail ? detail : reason, ".") ? " "
                                                                   : ". ",
               hint);
  return FALSE;
}

static gboolean
fail_answer (GstCowPublishLink *self, GError **error)
{
  const int answer = self->answer;
  const gboolean login = answer == 4 || answer == 5 || answer == MQTT_RC_BAD_USERNAME_OR_PASSWORD ||
                         answer == MQTT_RC_NOT_AUTHORIZED;
  const char *user = login ? self->broker->user : NULL;

  g_set_error (error, gst_cow_publish_link_quark (), REASON + answer,
               "%s refuses the connection%s%s%s: %s%s", self->broker->where, user ? " as \"" : "",
               user ? user : "", user ? "\"" : "",
               answer < MQTT_RC_UNSPECIFIED ? mosquitto.connack_string (answer)
                                            : mosquitto.reason_string (answer),
               login ? " Check mqtt-user and mqtt-password." : "");
  return FALSE;
}

GstCowPublishLinkRefusal
gst_cow_publish_link_refusal (const GError *error)
{
  if (g_error_matches (error, GST_COW_PUBLISH_CAUSE, GST_COW_PUBLISH_CAUSE_UNANSWERED))
    return GST_COW_PUBLISH_LINK_UNANSWERED;
  if (error->domain != gst_cow_publish_link_quark ())
    return GST_COW_PUBLISH_LINK_OTHER;
  if (error->code == REASON + MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION || error->code == REASON + 1)
    return GST_COW_PUBLISH_LINK_NO_V5;
  return error->code == REASON + MQTT_RC_RETAIN_NOT_SUPPORTED ? GST_COW_PUBLISH_LINK_NO_RETAIN
                                                              : GST_COW_PUBLISH_LINK_OTHER;
}

/* Notes that a message was refused, and why, if it is the first. */
static void
note_refusal (GstCowPublishLink *self, const GstCowPublishSeen *seen, int reason)
{
  g_autofree char *who = NULL;

  self->refused = TRUE;
  if (self->refusal)
    return;
  who = gst_cow_publish_broker_who (self->broker);
  if (reason == MQTT_RC_PACKET_TOO_LARGE)
    self->refusal = g_error_new (GST_COW_PUBLISH_CAUSE, GST_COW_PUBLISH_CAUSE_OVERSIZE,
                                 "%s takes no messages as large as one of %" G_GSIZE_FORMAT
                                 " bytes, which is left out",
                                 self->broker->where, seen->size);
  else
    self->refusal = g_error_new (GST_COW_PUBLISH_CAUSE, GST_COW_PUBLISH_CAUSE_DENIED,
                                 "%s refuses messages: %s. May %s publish below mqtt-topic?",
                                 self->broker->where, mosquitto.reason_string (reason), who);
}

GError *
gst_cow_publish_link_take_refusal (GstCowPublishLink *self)
{
  return g_steal_pointer (&self->refusal);
}

/* ---- callbacks of libmosquitto --------------------------------------------------------------- */

static void
on_connect (struct mosquitto *client, void *data, int answer, int flags,
            const mosquitto_property *properties)
{
  ((GstCowPublishLink *)data)->answer = answer;
}

static void
on_disconnect (struct mosquitto *client, void *data, int reason,
               const mosquitto_property *properties)
{
  GstCowPublishLink *self = data;

  if (self->lost == 0) /* what follows the first is only that the socket is closed */
    self->lost = reason ? reason : MOSQ_ERR_CONN_LOST;
  self->closed |= self->lost != MOSQ_ERR_KEEPALIVE;
}

static void
on_publish (struct mosquitto *client, void *data, int id, int reason,
            const mosquitto_property *properties)
{
  GstCowPublishLink *self = data;

  self->heard = g_get_monotonic_time ();
  for (guint i = 0; i < self->pending->len; i++) {
    const Pending *pending = &g_array_index (self->pending, Pending, i);

    if (pending->id != id)
      continue;
    if (reason >= MQTT_RC_UNSPECIFIED)
      note_refusal (self, &pending->seen, reason);
    if (pending->fate)
      *pending->fate = reason >= MQTT_RC_UNSPECIFIED ? GST_COW_LINE_REFUSED : GST_COW_LINE_SENT;
    g_array_remove_index (self->pending, i);
    return;
  }
}

static void
on_subscribe (struct mosquitto *client, void *data, int id, int n, const int *granted)
{
  for (int i = 0; i < n; i++)
    ((GstCowPublishLink *)data)->n_granted += granted[i] < MQTT_RC_UNSPECIFIED;
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
  self->closed |= code != 0 && code != MOSQ_ERR_KEEPALIVE;
  if (code == 0)
    code = mosquitto.loop_misc (self->client);
  return code == 0 ? TRUE : fail (self, self->lost ? self->lost : code, error);
}

gboolean
gst_cow_publish_link_flush (GstCowPublishLink *self, GCancellable *cancellable, GError **error)
{
  self->heard = g_get_monotonic_time ();
  while (self->pending->len > 0) {
    if (!gst_cow_publish_link_pump (self, 1000, cancellable, error))
      return FALSE;
    if (g_get_monotonic_time () - self->heard > PATIENCE)
      return fail (self, MOSQ_ERR_TIMEOUT, error);
  }
  return TRUE;
}

GstCowPublishSeen
gst_cow_publish_seen (const GstCowPublishBroker *broker, const char *topic, const char *text)
{
  return (GstCowPublishSeen){ 31 * g_str_hash (topic) + (text ? g_str_hash (text) : 0),
                              text ? strlen (text) : 0, g_str_equal (topic, broker->will_topic) };
}

gboolean
gst_cow_publish_link_is_answered (const GstCowPublishLink *self)
{
  return self->pending->len == 0;
}

guint
gst_cow_publish_link_unanswered (const GstCowPublishLink *self, GstCowPublishSeen *oldest)
{
  if (!self->closed || self->refused || self->pending->len == 0)
    return 0;
  *oldest = g_array_index (self->pending, Pending, 0).seen;
  return self->pending->len;
}

/* A message that is too large for the broker is refused here, because the broker would end the
 * connection. */
static int
publish (GstCowPublishLink *self, const char *topic, const char *text, gboolean retain,
         GstCowLine *fate)
{
  Pending pending = { 0, gst_cow_publish_seen (self->broker, topic, text), fate };
  int code = mosquitto.publish (self->client, &pending.id, topic, text ? (int)strlen (text) : 0,
                                text, 1, retain && self->broker->retain);

  if (code == MOSQ_ERR_OVERSIZE_PACKET || code == MOSQ_ERR_PAYLOAD_SIZE) {
    note_refusal (self, &pending.seen, MQTT_RC_PACKET_TOO_LARGE);
    if (fate)
      *fate = GST_COW_LINE_REFUSED;
    return MOSQ_ERR_SUCCESS;
  }
  if (code == MOSQ_ERR_SUCCESS || code == MOSQ_ERR_CONN_LOST || code == MOSQ_ERR_ERRNO)
    g_array_append_val (self->pending, pending);
  if (code != MOSQ_ERR_SUCCESS) {
    const int number = errno;

    self->closed = TRUE;
    /* The broker may have said why. */
    if (mosquitto.socket (self->client) >= 0)
      mosquitto.loop_read (self->client, 1);
    errno = number;
  }
  return code;
}

gboolean
gst_cow_publish_link_publish (GstCowPublishLink *self, const char *topic, const char *text,
                              gboolean retain, GError **error)
{
  const int code = publish (self, topic, text, retain, NULL);

  return code == MOSQ_ERR_SUCCESS ? TRUE : fail (self, code, error);
}

gboolean
gst_cow_publish_link_publish_all (GstCowPublishLink *self, const char *topic, char *const *texts,
                                  guint n, GstCowLine *fates, GCancellable *cancellable,
                                  GError **error)
{
  int code = MOSQ_ERR_SUCCESS;
  gboolean ok;

  for (guint i = 0; i < n && code == MOSQ_ERR_SUCCESS; i++)
    code = publish (self, topic, texts[i], FALSE, &fates[i]);
  ok = code == MOSQ_ERR_SUCCESS ? gst_cow_publish_link_flush (self, cancellable, error)
                                : fail (self, code, error);
  for (guint i = 0; i < self->pending->len; i++)
    g_array_index (self->pending, Pending, i).fate = NULL; /* the caller's, and gone after this */
  return ok;
}

gboolean
gst_cow_publish_link_subscribe (GstCowPublishLink *self, const char *const *topics, guint n,
                                GError **error)
{
  for (guint i = 0; i < n; i++) {
    const int code = mosquitto.subscribe (self->client, NULL, topics[i], 0);

    if (code != MOSQ_ERR_SUCCESS)
      return fail (self, code, error);
  }
  self->n_asked += n;
  return TRUE;
}

gboolean
gst_cow_publish_link_is_subscribed (const GstCowPublishLink *self)
{
  return self->n_granted == self->n_asked;
}

/* ---- begin and end --------------------------------------------------------------------------- */

static int
configure (GstCowPublishLink *self, const GstCowPublishBroker *broker)
{
  static const char offline[] = "offline";
  int code = mosquitto.int_option (self->client, MOSQ_OPT_PROTOCOL_VERSION,
                                   broker->v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);

  if (code == MOSQ_ERR_SUCCESS)
    code = mosquitto.will_set (self->client, broker->will_topic, sizeof offline - 1, offline, 1,
                               broker->retain);
  if (code == MOSQ_ERR_SUCCESS && broker->user)
    code = mosquitto.username_pw_set (self->client, broker->user, broker->password);
  if (code != MOSQ_ERR_SUCCESS || !broker->tls)
    return code;
  if (broker->ca)
    return mosquitto.tls_set (self->client, broker->ca, NULL, broker->cert, broker->key,
                              gst_cow_publish_no_passphrase);
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
  return self->answer == 0 ? TRUE : fail_answer (self, error);
}

GstCowPublishLink *
gst_cow_publish_link_new (const GstCowPublishBroker *broker, GstCowPublishReceived received,
                          gpointer data, GCancellable *cancellable, GError **error)
{
  GstCowPublishLink *self = g_new0 (GstCowPublishLink, 1);

  self->broker = broker;
  self->pending = g_array_new (FALSE, FALSE, sizeof (Pending));
  self->received = received;
  self->data = data;
  self->answer = -1;
  self->client = mosquitto.new(broker->client_id, true, self);
  if (!self->client) {
    fail (self, MOSQ_ERR_ERRNO, error);
    gst_cow_publish_link_free (self, FALSE);
    return NULL;
  }
  mosquitto.connect_v5_callback_set (self->client, on_connect);
  mosquitto.disconnect_v5_callback_set (self->client, on_disconnect);
  mosquitto.publish_v5_callback_set (self->client, on_publish);
  mosquitto.subscribe_callback_set (self->client, on_subscribe);
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
  g_clear_error (&self->refusal);
  g_array_unref (self->pending);
  g_free (self->detail);
  g_free (self);
}
