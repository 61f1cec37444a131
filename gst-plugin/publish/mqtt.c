/* SPDX-License-Identifier: MIT */
/*
 * The target `mqtt`: events, states and Home Assistant's discovery at an MQTT broker. Events come
 * from the queue, states from mqtt-states.h.
 *
 * MQTT 5 is spoken where broker and library can, because its answers have reasons. What a broker of
 * MQTT 3.1.1 refuses can only be seen by what happens: it closes the connection (a message that is
 * too large, or is to be kept), or it confirms and throws away (a client without the right to
 * publish). After a connection was closed, messages go one by one, so that the one that it does not
 * take is found; and the element listens whether its own "online" comes back.
 */
#include <string.h>

#include "gst-plugin/publish/address.h"
#include "gst-plugin/publish/certificates.h"
#include "gst-plugin/publish/mqtt-private.h"
#include "gst-plugin/publish/mqtt-states.h"
#include "gst-plugin/publish/targets.h"
#include "gst-plugin/publish/topics.h"

/* ---- properties ------------------------------------------------------------------------------ */

#define DEFAULT_DISCOVERY_PREFIX "homeassistant"

typedef struct {
  gchar *url; /* without a login */
  gchar *user, *password;
  gchar *topic;
  gchar *client_id;
  gint version; /* Version */
  gchar *ca, *cert, *key;
  gboolean discovery;
  gchar *discovery_prefix;
} Settings;

typedef enum { VERSION_AUTO, VERSION_3_1_1, VERSION_5 } Version;

static GType
version_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { VERSION_AUTO, "As 5, but 3.1.1 with libmosquitto before 2.0.21", "auto" },
    { VERSION_3_1_1, "3.1.1", "3.1.1" },
    { VERSION_5, "5, or 3.1.1 where the broker does not know that", "5" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type)) {
    const GType new = g_enum_register_static ("GstCowPublishMqttVersion", values);

    gst_type_mark_as_plugin_api (new, 0);
    g_once_init_leave (&type, new);
  }
  return type;
}

static const GstCowPublishProperty rows[] = {
  { .type = GST_COW_PUBLISH_ADDRESS,
    GST_COW_PUBLISH_MEMBER (Settings, url),
    .name = "mqtt-url",
    .nick = "MQTT address",
    .blurb = "Broker, mqtt://HOST[:1883] or with TLS mqtts://HOST[:8883]; a login in it goes to "
             "mqtt-user and mqtt-password; unset: none",
    .user = G_STRUCT_OFFSET (Settings, user),
    .password = G_STRUCT_OFFSET (Settings, password) },
  { .type = GST_COW_PUBLISH_TEXT,
    GST_COW_PUBLISH_MEMBER (Settings, user),
    .name = "mqtt-user",
    .nick = "MQTT user",
    .blurb = "User at the broker" },
  { .type = GST_COW_PUBLISH_SECRET,
    GST_COW_PUBLISH_MEMBER (Settings, password),
    .name = "mqtt-password",
    .nick = "MQTT password",
    .blurb = "Password of mqtt-user; unset: that of the environment variable "
             "COWBEHAVIOR_MQTT_PASSWORD" },
  { .type = GST_COW_PUBLISH_TEXT,
    GST_COW_PUBLISH_MEMBER (Settings, topic),
    .name = "mqtt-topic",
    .nick = "MQTT topic",
    .blurb = "Topic that all others are below: TOPIC/SOURCE/available, TOPIC/SOURCE/events, "
             "TOPIC/SOURCE/zone/NAME. Elements that share it need sources of different names",
    .text = "cowbehavior" },
  { .type = GST_COW_PUBLISH_TEXT,
    GST_COW_PUBLISH_MEMBER (Settings, client_id),
    .name = "mqtt-client-id",
    .nick = "MQTT client",
    .blurb = "Name of this client, which no other may have; unset: one by chance" },
  { .type = GST_COW_PUBLISH_ENUM,
    GST_COW_PUBLISH_MEMBER (Settings, version),
    .name = "mqtt-version",
    .nick = "MQTT version",
    .blurb = "Version of the protocol; only MQTT 5 says why a message is refused, but before "
             "libmosquitto 2.0.21 a broker may end the process through it",
    .number = VERSION_AUTO,
    .enum_type = version_get_type },
  { .type = GST_COW_PUBLISH_TEXT,
    GST_COW_PUBLISH_MEMBER (Settings, ca),
    .name = "mqtt-ca",
    .nick = "MQTT authorities",
    .blurb = "PEM file with the certificate authorities that a mqtts broker is checked by; unset: "
             "the system's" },
  { .type = GST_COW_PUBLISH_TEXT,
    GST_COW_PUBLISH_MEMBER (Settings, cert),
    .name = "mqtt-cert",
    .nick = "MQTT certificate",
    .blurb = "PEM file with this client's certificate, for brokers that ask for one; with mqtt-key "
             "and mqtt-ca" },
  { .type = GST_COW_PUBLISH_TEXT,
    GST_COW_PUBLISH_MEMBER (Settings, key),
    .name = "mqtt-key",
    .nick = "MQTT key",
    .blurb = "PEM file with the key of mqtt-cert, not encrypted" },
  { .type = GST_COW_PUBLISH_BOOLEAN,
    GST_COW_PUBLISH_MEMBER (Settings, discovery),
    .name = "mqtt-discovery",
    .nick = "MQTT discovery",
    .blurb =
        "Tell Home Assistant of the frame, the zones, and how many cows do what, as sensors of a "
        "device" },
  { .type = GST_COW_PUBLISH_TEXT,
    GST_COW_PUBLISH_MEMBER (Settings, discovery_prefix),
    .name = "mqtt-discovery-prefix",
    .nick = "MQTT discovery prefix",
    .blurb = "Topic below which Home Assistant looks for devices",
    .text = DEFAULT_DISCOVERY_PREFIX },
};

/* ---- the target of one run ------------------------------------------------------------------- */

/* How long an own message may take to come back. */
#define ECHO_TIME     (5 * G_USEC_PER_SEC)
#define MOST_LISTENED (G_USEC_PER_SEC / 2) /* between two looks */
/* At the end, when the broker has confirmed everything. */
#define ECHO_TIME_AT_END (G_USEC_PER_SEC / 2)
/* A message with which the connection broke so often while it was alone on its way is left out. */
#define MOST_STRIKES 2
/* Messages that are left out are remembered, because states are published again. */
#define MOST_BARRED 16
/* Seconds until a client whose connection was taken over takes it back. */
#define TAKEN_OVER_PAUSE_S 30

typedef struct {
  GstCowPublishTarget target;
  GstCowPublishBroker broker; /* v5 and retain are of the next connection */
  GstCowPublishMqttStates *states;
  char *events_topic;

  /* of the thread */
  GstCowPublishLink *link;
  gboolean contradicted;  /* somebody else published "offline" */
  guint n_echoes_due;     /* own "online" that have not come back */
  gboolean awaited;       /* none has, which is to be warned of */
  gint64 listened;        /* us since the first in which the broker answered, as far as is known */
  gint64 looked;          /* when that was added to */
  gboolean answered_back; /* to somebody else's "online" */

  gboolean careful;          /* one message at a time */
  GstCowPublishSeen suspect; /* the last that was alone when a connection broke */
  guint n_strikes;
  guint barred[MOST_BARRED]; /* hashes; a ring */
  guint n_barred;
} Mqtt;

static void
notice (Mqtt *self, GError *error)
{
  self->target.warn (self->target.queue, error);
}

/* Posts what the broker refused of the messages since the last call. */
static void
notice_refusal (Mqtt *self)
{
  GError *refusal = gst_cow_publish_link_take_refusal (self->link);

  if (refusal)
    notice (self, refusal);
}

/* ---- messages that brokers do not take ------------------------------------------------------- */

static gboolean
is_barred (const Mqtt *self, const char *topic, const char *text)
{
  const GstCowPublishSeen seen = gst_cow_publish_seen (&self->broker, topic, text);

  for (guint i = 0; i < MIN (self->n_barred, MOST_BARRED); i++)
    if (self->barred[i] == seen.hash)
      return TRUE;
  return FALSE;
}

static GError *
oversize_error (const Mqtt *self, gsize size)
{
  return g_error_new (GST_COW_PUBLISH_CAUSE, GST_COW_PUBLISH_CAUSE_OVERSIZE,
                      "%s closed the connection each time when a message of %" G_GSIZE_FORMAT
                      " bytes was sent, probably because that is too large; it is left out",
                      self->broker.where, size);
}

/* The message that is alone breaks the connection again and again. It is left out; unless it is the
 * first one that is to be kept, which has two words and cannot be too large. */
static void
condemn (Mqtt *self)
{
  self->n_strikes = 0;
  if (self->suspect.is_will_topic && self->broker.retain) {
    self->broker.retain = FALSE;
    return;
  }
  self->barred[self->n_barred++ % MOST_BARRED] = self->suspect.hash;
}

/* Finds out which message the broker closed the connection for. */
static void
note_break (Mqtt *self)
{
  GstCowPublishSeen oldest;
  const guint n = self->link ? gst_cow_publish_link_unanswered (self->link, &oldest) : 0;

  if (n > 0)
    self->careful = TRUE;
  if (n != 1)
    return;
  self->n_strikes = oldest.hash == self->suspect.hash ? self->n_strikes + 1 : 1;
  self->suspect = oldest;
}

/* A broker that closed the connection for a message is there at once. One that ended, for whatever
 * reason, is away for a while, and tells nothing of the message. */
static void
judge (Mqtt *self)
{
  if (!self->link)
    self->n_strikes = 0;
  else if (self->n_strikes >= MOST_STRIKES)
    condemn (self);
}

/* ---- what comes back ------------------------------------------------------------------------- */

/* An "offline" that was not retained is the will of an earlier connection, which the broker noticed
 * late to be broken. An "online" beyond the own ones is somebody else's; the own one is said again,
 * once, so that the other hears of it, too. */
static void
on_available (Mqtt *self, const char *text)
{
  if (!g_str_equal (text, "online")) {
    self->contradicted = TRUE;
    return;
  }
  if (self->n_echoes_due > 0) {
    self->n_echoes_due--;
    self->awaited = FALSE;
    return;
  }
  notice (self, g_error_new (GST_COW_PUBLISH_CAUSE, GST_COW_PUBLISH_CAUSE_NAMESAKE,
                             "mqtt-url: somebody else publishes as %s, too, so that states and "
                             "events of two sources are mixed; each needs its own source or "
                             "mqtt-topic",
                             gst_cow_publish_mqtt_states_base (self->states)));
  self->contradicted |= !self->answered_back;
  self->answered_back = TRUE;
}

static void
on_received (const char *topic, const char *text, gboolean retained, gpointer data)
{
  Mqtt *self = data;

  if (retained)
    gst_cow_publish_mqtt_states_found (self->states, topic);
  else if (g_str_equal (topic, self->broker.will_topic))
    on_available (self, text);
}

/* A pause between two looks may be one of the broker's, which counts for little. */
static void
listen (Mqtt *self)
{
  const gint64 now = g_get_monotonic_time ();

  if (gst_cow_publish_link_is_answered (self->link))
    self->listened += MIN (now - self->looked, MOST_LISTENED);
  self->looked = now;
}

/* A broker of MQTT 3.1.1 cannot say that it does not deliver. */
static void
check_echo (Mqtt *self, gint64 patience)
{
  g_autofree char *who = NULL;

  if (!self->awaited)
    return;
  listen (self);
  if (self->listened < patience || !gst_cow_publish_link_is_subscribed (self->link))
    return;
  self->awaited = FALSE;
  who = gst_cow_publish_broker_who (&self->broker);
  notice (self, g_error_new (GST_COW_PUBLISH_CAUSE, GST_COW_PUBLISH_CAUSE_UNDELIVERED,
                             "%s confirms messages and does not deliver them: %s does not come "
                             "back. May %s publish there, and read it?",
                             self->broker.where, self->broker.will_topic, who));
}

/* ---- publishing ------------------------------------------------------------------------------ */

static gboolean
publish_kept (Mqtt *self, const char *topic, const char *text, GCancellable *cancellable,
              GError **error)
{
  if (is_barred (self, topic, text)) {
    notice (self, oversize_error (self, text ? strlen (text) : 0));
    return TRUE;
  }
  return gst_cow_publish_link_publish (self->link, topic, text, TRUE, error) &&
         (!self->careful || gst_cow_publish_link_flush (self->link, cancellable, error));
}

static gboolean
announce (Mqtt *self, GCancellable *cancellable, GError **error)
{
  self->n_echoes_due++;
  return publish_kept (self, self->broker.will_topic, "online", cancellable, error);
}

static gboolean
publish_due (Mqtt *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) messages = gst_cow_publish_mqtt_states_take_due (self->states);

  if (self->contradicted && !announce (self, cancellable, error))
    return FALSE;
  self->contradicted = FALSE;
  for (guint i = 0; i < messages->len; i++) {
    const GstCowPublishMessage *message = messages->pdata[i];

    if (!message->text && !self->broker.retain)
      continue; /* there is nothing to delete */
    if (!publish_kept (self, message->topic, message->text, cancellable, error))
      return FALSE;
  }
  return TRUE;
}

/* Sends the lines one by one, and leaves out those that the broker does not take. */
static gboolean
send_carefully (Mqtt *self, char *const *lines, guint n, GstCowLine *fates,
                GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < n; i++) {
    if (is_barred (self, self->events_topic, lines[i]))
      fates[i] = GST_COW_LINE_REFUSED;
    else if (!gst_cow_publish_link_publish_all (self->link, self->events_topic, &lines[i], 1,
                                                &fates[i], cancellable, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
send_lines (Mqtt *self, char *const *lines, guint n, GstCowLine *fates, GCancellable *cancellable,
            GError **error)
{
  /* The broker may have said why it ends the connection, which is lost when writing fails. */
  if (!gst_cow_publish_link_pump (self->link, 0, cancellable, error) ||
      !publish_due (self, cancellable, error))
    return FALSE;
  check_echo (self, ECHO_TIME);
  return self->careful ? send_carefully (self, lines, n, fates, cancellable, error)
                       : gst_cow_publish_link_publish_all (self->link, self->events_topic, lines, n,
                                                           fates, cancellable, error);
}

/* ---- the target ------------------------------------------------------------------------------ */

/* After a failed call, whose error it hands on. */
static void
note_failure (Mqtt *self, GError *trouble, GError **error)
{
  note_break (self);
  if (g_error_matches (trouble, GST_COW_PUBLISH_CAUSE, GST_COW_PUBLISH_CAUSE_TAKEN_OVER))
    self->target.retry_after_s = TAKEN_OVER_PAUSE_S;
  g_propagate_error (error, trouble);
}

static GstCowDelivery
mqtt_send (GstCowPublishTarget *target, char *const *lines, guint n, GstCowLine *fates,
           GCancellable *cancellable, GError **error)
{
  Mqtt *self = (Mqtt *)target;
  g_autoptr (GError) trouble = NULL;

  if (!send_lines (self, lines, n, fates, cancellable, &trouble)) {
    note_failure (self, g_steal_pointer (&trouble), error);
    notice_refusal (self);
    return GST_COW_DELIVERY_RETRY;
  }
  for (guint i = 0; i < n; i++) {
    if (fates[i] == GST_COW_LINE_SENT)
      continue;
    trouble = gst_cow_publish_link_take_refusal (self->link);
    if (!trouble) /* it was barred */
      trouble = oversize_error (self, strlen (lines[i]));
    g_propagate_error (error, g_steal_pointer (&trouble));
    return GST_COW_DELIVERY_REFUSED;
  }
  notice_refusal (self);
  return GST_COW_DELIVERY_DONE;
}

static gboolean
mqtt_idle (GstCowPublishTarget *target, GCancellable *cancellable, GError **error)
{
  Mqtt *self = (Mqtt *)target;
  g_autoptr (GError) trouble = NULL;

  if (!publish_due (self, cancellable, &trouble) ||
      !gst_cow_publish_link_pump (self->link, 0, cancellable, &trouble)) {
    note_failure (self, g_steal_pointer (&trouble), error);
    return FALSE;
  }
  notice_refusal (self);
  check_echo (self, ECHO_TIME);
  return TRUE;
}

/* Waits a little for an own message that has not come back yet. */
static void
wait_for_echo (Mqtt *self, GCancellable *cancellable)
{
  const gint64 until = g_get_monotonic_time () + ECHO_TIME_AT_END;

  while (self->awaited && g_get_monotonic_time () < until &&
         gst_cow_publish_link_pump (self->link, 50, cancellable, NULL))
    ;
  check_echo (self, 0);
}

static void
mqtt_settle (GstCowPublishTarget *target, GCancellable *cancellable)
{
  wait_for_echo ((Mqtt *)target, cancellable);
  notice_refusal ((Mqtt *)target);
}

/* Deletes the states of all tracks and publishes "offline". FALSE: the broker has not acknowledged
 * all of it, so that the will is needed. */
static gboolean
say_goodbye (Mqtt *self, GCancellable *cancellable)
{
  gst_cow_publish_mqtt_states_finish (self->states);
  if (!publish_due (self, cancellable, NULL) ||
      !publish_kept (self, self->broker.will_topic, "offline", cancellable, NULL) ||
      !gst_cow_publish_link_flush (self->link, cancellable, NULL))
    return FALSE;
  mqtt_settle (&self->target, cancellable);
  return TRUE;
}

static void
mqtt_disconnect (GstCowPublishTarget *target, gboolean politely, GCancellable *cancellable)
{
  Mqtt *self = (Mqtt *)target;

  if (politely)
    politely = say_goodbye (self, cancellable);
  gst_cow_publish_link_free (g_steal_pointer (&self->link), politely);
  gst_cow_publish_mqtt_states_disconnected (self->states);
}

static void
mqtt_set_state (GstCowPublishTarget *target, const char *name, const char *label,
                const GstStructure *results)
{
  gst_cow_publish_mqtt_states_set (((Mqtt *)target)->states, name, label, results);
}

/* Connects with MQTT 5; where the broker does not know that, with 3.1.1; and where it keeps no
 * messages, without asking it to. Some close the connection in place of saying so. */
static GstCowPublishLink *
connect_somehow (Mqtt *self, GCancellable *cancellable, GError **error)
{
  const GstCowPublishBroker wanted = self->broker;

  while (TRUE) {
    g_autoptr (GError) trouble = NULL;
    GstCowPublishLink *link =
        gst_cow_publish_link_new (&self->broker, on_received, self, cancellable, &trouble);
    GstCowPublishLinkRefusal refusal;

    if (link)
      return link;
    refusal = gst_cow_publish_link_refusal (trouble);
    if (self->broker.v5 &&
        (refusal == GST_COW_PUBLISH_LINK_NO_V5 || refusal == GST_COW_PUBLISH_LINK_UNANSWERED)) {
      self->broker.v5 = FALSE;
    } else if (self->broker.retain && (refusal == GST_COW_PUBLISH_LINK_NO_RETAIN ||
                                       refusal == GST_COW_PUBLISH_LINK_UNANSWERED)) {
      self->broker.retain = FALSE;
    } else {
      self->broker = wanted;
      g_propagate_error (error, g_steal_pointer (&trouble));
      return NULL;
    }
  }
}

/* Subscribes to what an earlier run may have left, and to the own "online". */
static gboolean
greet (Mqtt *self, GCancellable *cancellable, GError **error)
{
  const char *base = gst_cow_publish_mqtt_states_base (self->states);
  g_autofree char *tracks = g_strconcat (base, "/track/+", NULL),
                  *zones = g_strconcat (base, "/zone/+", NULL),
                  *counts = g_strconcat (base, "/count/+", NULL),
                  *frame = g_strconcat (base, "/frame", NULL);
  const char *topics[] = { tracks, zones, counts, frame, self->broker.will_topic };

  return gst_cow_publish_link_subscribe (self->link, topics, G_N_ELEMENTS (topics), error) &&
         announce (self, cancellable, error) && publish_due (self, cancellable, error) &&
         gst_cow_publish_link_flush (self->link, cancellable, error);
}

static gboolean
mqtt_connect (GstCowPublishTarget *target, GCancellable *cancellable, GError **error)
{
  Mqtt *self = (Mqtt *)target;
  g_autoptr (GError) trouble = NULL;

  self->contradicted = self->awaited = self->answered_back = FALSE;
  self->n_echoes_due = 0;
  self->link = connect_somehow (self, cancellable, error);
  judge (self);
  if (!self->link)
    return FALSE;
  if (!self->broker.retain)
    notice (self, g_error_new (GST_COW_PUBLISH_CAUSE, GST_COW_PUBLISH_CAUSE_NO_RETAIN,
                               "%s keeps no messages (retain): who subscribes later sees a label "
                               "when it changes, and no \"offline\" of before",
                               self->broker.where));
  self->awaited = !self->broker.v5; /* with MQTT 5 the broker says what it refuses */
  gst_cow_publish_mqtt_states_connected (self->states);
  if (greet (self, cancellable, &trouble)) {
    self->looked = g_get_monotonic_time ();
    self->listened = 0;
    notice_refusal (self);
    return TRUE;
  }
  note_failure (self, g_steal_pointer (&trouble), error);
  mqtt_disconnect (target, FALSE, cancellable);
  return FALSE;
}

static void
mqtt_free (GstCowPublishTarget *target)
{
  Mqtt *self = (Mqtt *)target;

  gst_cow_publish_broker_clear (&self->broker);
  g_free (self->events_topic);
  g_clear_pointer (&self->states, gst_cow_publish_mqtt_states_free);
  g_free (self);
}

/* ---- settings -------------------------------------------------------------------------------- */

static gboolean
fail_setting (GError **error, const char *text)
{
  g_set_error_literal (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, text);
  return FALSE;
}

static gboolean
set_broker (GstCowPublishBroker *broker, const Settings *settings, GError **error)
{
  g_autoptr (GUri) uri =
      gst_cow_publish_parse_url (settings->url, "mqtt-url", "mqtt", "mqtts", error);

  if (!uri)
    return FALSE;
  if ((*g_uri_get_path (uri) && !g_str_equal (g_uri_get_path (uri), "/")) ||
      g_uri_get_query (uri) || g_uri_get_fragment (uri))
    return fail_setting (error, "mqtt-url has more than a host and a port; a topic belongs into "
                                "mqtt-topic");
  if (g_uri_get_port (uri) == 0)
    return fail_setting (error, "mqtt-url: port 0 cannot be connected to");
  broker->retain = TRUE;
  broker->v5 = settings->version == VERSION_5 ||
               (settings->version == VERSION_AUTO && gst_cow_publish_link_is_v5_safe ());
  broker->has_own_id = settings->client_id != NULL;
  broker->host = g_strdup (g_uri_get_host (uri));
  broker->tls = g_str_equal (g_uri_get_scheme (uri), "mqtts");
  broker->port = (guint16)(g_uri_get_port (uri) > 0 ? g_uri_get_port (uri)
                           : broker->tls            ? 8883
                                                    : 1883);
  broker->where = g_strdup_printf ("mqtt-url: broker %s:%u", broker->host, broker->port);
  /* At most 23 letters and digits, which every broker has to accept. */
  broker->client_id = settings->client_id
                          ? g_strdup (settings->client_id)
                          : g_strdup_printf ("cow%08x%08x", g_random_int (), g_random_int ());
  broker->user = g_strdup (settings->user);
  broker->password =
      g_strdup (gst_cow_publish_secret (settings->password, "COWBEHAVIOR_MQTT_PASSWORD"));
  broker->ca = g_strdup (settings->ca);
  broker->cert = g_strdup (settings->cert);
  broker->key = g_strdup (settings->key);
  if (!broker->tls && (broker->ca || broker->cert || broker->key))
    return fail_setting (
        error, "mqtt-ca, mqtt-cert and mqtt-key need an mqtt-url that begins with mqtts://");
  if (!broker->cert != !broker->key || (broker->cert && !broker->ca))
    return fail_setting (error,
                         "mqtt-cert needs mqtt-key and mqtt-ca, and mqtt-key needs mqtt-cert");
  if (settings->password && !settings->user)
    return fail_setting (error, "mqtt-password needs mqtt-user");
  return gst_cow_publish_check_certificates (broker->ca, broker->cert, broker->key, error);
}

static gboolean
set_topics (Mqtt *self, const Settings *settings, const char *source, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (source, -1), *discovery = NULL;
  const char *base;

  if (!gst_cow_publish_link_is_topic (settings->topic))
    return fail_setting (error, "mqtt-topic: not a topic that can be published to; it has no + and "
                                "#, and does not begin with $");
  if (!settings->discovery && settings->discovery_prefix &&
      !g_str_equal (settings->discovery_prefix, DEFAULT_DISCOVERY_PREFIX))
    return fail_setting (error, "mqtt-discovery-prefix needs mqtt-discovery=true");
  if (settings->discovery && !gst_cow_publish_link_is_topic (settings->discovery_prefix))
    return fail_setting (error, "mqtt-discovery-prefix: not a topic that can be published to");
  if (settings->discovery) {
    g_autofree char *id = gst_cow_publish_device_id (settings->topic, valid);

    discovery = g_strconcat (settings->discovery_prefix, "/device/", id, "/config", NULL);
  }
  self->states = gst_cow_publish_mqtt_states_new (settings->topic, source, discovery);
  base = gst_cow_publish_mqtt_states_base (self->states);
  self->events_topic = g_strconcat (base, "/events", NULL);
  self->broker.will_topic = g_strconcat (base, "/available", NULL);
  return TRUE;
}

static GstCowPublishTarget *
mqtt_new (gconstpointer values, const char *source, GError **error)
{
  const Settings *settings = values;
  Mqtt *self = g_new0 (Mqtt, 1);

  self->target.most_lines = GST_COW_PUBLISH_MQTT_BATCH;
  if (gst_cow_publish_link_init (error) && set_broker (&self->broker, settings, error) &&
      set_topics (self, settings, source, error))
    return &self->target;
  mqtt_free (&self->target);
  return NULL;
}

const GstCowPublishTargetClass gst_cow_publish_mqtt = {
  .name = "mqtt",
  .properties = GST_COW_PUBLISH_PROPERTIES (Settings, rows),
  .open = mqtt_new,
  .connect = mqtt_connect,
  .send = mqtt_send,
  .idle = mqtt_idle,
  .settle = mqtt_settle,
  .disconnect = mqtt_disconnect,
  .set_state = mqtt_set_state,
  .free = mqtt_free,
};
