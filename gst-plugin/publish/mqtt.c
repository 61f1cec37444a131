/* SPDX-License-Identifier: MIT */
/*
 * The target `mqtt`: events, states and Home Assistant's discovery at an MQTT broker. Events come
 * from the queue. States are kept here and published when they change, so that after an outage only
 * the newest of each is sent.
 */
#include <string.h>

#include "gst-plugin/publish/address.h"
#include "gst-plugin/publish/mqtt-private.h"
#include "gst-plugin/publish/targets.h"
#include "gst-plugin/publish/topics.h"

/* ---- properties ------------------------------------------------------------------------------ */

typedef struct {
  gchar *url; /* without a login */
  gchar *user, *password;
  gchar *topic;
  gchar *client_id;
  gchar *ca, *cert, *key;
  gboolean discovery;
  gchar *discovery_prefix;
} Settings;

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
    .blurb = "Tell Home Assistant of the frame and the zones, as sensors of a device" },
  { .type = GST_COW_PUBLISH_TEXT,
    GST_COW_PUBLISH_MEMBER (Settings, discovery_prefix),
    .name = "mqtt-discovery-prefix",
    .nick = "MQTT discovery prefix",
    .blurb = "Topic below which Home Assistant looks for devices",
    .text = "homeassistant" },
};

/* ---- the target of one run ------------------------------------------------------------------- */

/* States that are kept at most, including those that the broker is to delete. */
#define MOST_STATES 2048

typedef struct {
  char *label;  /* NULL: the broker is to delete it */
  gboolean due; /* not yet published */
} State;

typedef struct {
  GstCowPublishTarget target;
  GstCowPublishBroker broker;
  char *prefix, *source;
  char *base; /* PREFIX/SOURCE */
  char *events_topic;
  char *discovery_topic; /* NULL: no discovery */
  GstCowPublishLink *link;
  gboolean contradicted; /* of the thread: somebody else published "offline" */

  GMutex lock;
  GHashTable *states;    /* name -> State */
  char **classes;        /* all labels; NULL: not known yet */
  gboolean discover_due; /* the published device is out of date */
  gboolean online;
} Mqtt;

static void
state_free (gpointer data)
{
  g_free (((State *)data)->label);
  g_free (data);
}

/* ---- states, under the lock ------------------------------------------------------------------ */

static void
put_state (Mqtt *self, const char *name, const char *label)
{
  State *state = g_hash_table_lookup (self->states, name);

  if (!state) {
    if (g_hash_table_size (self->states) >= MOST_STATES)
      return;
    state = g_new0 (State, 1);
    g_hash_table_insert (self->states, g_strdup (name), state);
  }
  self->discover_due |= gst_cow_publish_topic_stays (name) && !state->label != !label;
  g_free (state->label);
  state->label = g_strdup (label);
  state->due = TRUE;
}

static void
note_classes (Mqtt *self, const GValue *classes)
{
  g_autoptr (GStrvBuilder) builder = NULL;
  g_auto (GStrv) new = NULL;

  if (!classes || !GST_VALUE_HOLDS_ARRAY (classes))
    return;
  builder = g_strv_builder_new ();
  for (guint i = 0; i < gst_value_array_get_size (classes); i++) {
    const GValue *class = gst_value_array_get_value (classes, i);

    if (G_VALUE_HOLDS_STRING (class) && g_value_get_string (class))
      g_strv_builder_add (builder, g_value_get_string (class));
  }
  new = g_strv_builder_end (builder);
  if (self->classes &&
      g_strv_equal ((const gchar *const *)self->classes, (const gchar *const *)new))
    return;
  g_strfreev (self->classes);
  self->classes = g_steal_pointer (&new);
  self->discover_due = TRUE;
}

static void
mqtt_set_state (GstCowPublishTarget *target, const char *name, const char *label,
                const GValue *classes)
{
  Mqtt *self = (Mqtt *)target;

  g_mutex_lock (&self->lock);
  if (label || self->online) {
    put_state (self, name, label);
    note_classes (self, classes);
  } else if (g_hash_table_remove (self->states, name)) {
    /* A state that the broker still has is found and deleted after the next connection. */
    self->discover_due = TRUE;
  }
  g_mutex_unlock (&self->lock);
}

/* After a connection everything is published again, because the broker may have lost it. */
static void
make_all_due (Mqtt *self)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->states);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    State *state = value;

    state->due = TRUE;
    if (!state->label)
      g_hash_table_iter_remove (&iter);
  }
  self->discover_due = TRUE;
  self->online = TRUE;
}

/* A retained state of a track is from an earlier run that did not end properly, and is deleted. An
 * "offline" that was not retained is the will of an earlier connection, which the broker noticed
 * late to be broken. */
static void
on_received (const char *topic, const char *text, gboolean retained, gpointer data)
{
  Mqtt *self = data;
  const gsize n = strlen (self->base);

  if (!retained && g_str_equal (topic, self->broker.will_topic))
    self->contradicted = !g_str_equal (text, "online");
  if (!retained || strncmp (topic, self->base, n) != 0 || !g_str_has_prefix (topic + n, "/track/"))
    return;
  g_mutex_lock (&self->lock);
  if (!g_hash_table_contains (self->states, topic + n + 1))
    put_state (self, topic + n + 1, NULL);
  g_mutex_unlock (&self->lock);
}

/* ---- publishing ------------------------------------------------------------------------------ */

typedef struct {
  char *topic, *text;
} Message;

static void
message_free (gpointer data)
{
  Message *self = data;

  g_free (self->topic);
  g_free (self->text);
  g_free (self);
}

static void
add_message (GPtrArray *messages, char *topic, char *text)
{
  Message *message = g_new (Message, 1);

  *message = (Message){ topic, text };
  g_ptr_array_add (messages, message);
}

static void
take_discovery (Mqtt *self, GPtrArray *messages)
{
  g_autoptr (GList) names = NULL;
  GstCowPublishDevice device = { self->prefix, self->source, self->base, NULL,
                                 (const char *const *)self->classes };
  GHashTableIter iter;
  gpointer name, value;

  self->discover_due = FALSE;
  g_hash_table_iter_init (&iter, self->states);
  while (g_hash_table_iter_next (&iter, &name, &value))
    if (((State *)value)->label)
      names = g_list_prepend (names, name);
  device.names = names = g_list_sort (names, (GCompareFunc)strcmp);
  add_message (messages, g_strdup (self->discovery_topic), gst_cow_publish_device_text (&device));
}

/* The messages that are due. Discovery comes first, so that sensors exist when their states
 * come. */
static GPtrArray *
take_due (Mqtt *self)
{
  GPtrArray *messages = g_ptr_array_new_with_free_func (message_free);
  GHashTableIter iter;
  gpointer name, value;

  g_mutex_lock (&self->lock);
  if (self->discovery_topic && self->discover_due && g_hash_table_size (self->states) > 0)
    take_discovery (self, messages);
  g_hash_table_iter_init (&iter, self->states);
  while (g_hash_table_iter_next (&iter, &name, &value)) {
    State *state = value;

    if (!state->due)
      continue;
    state->due = FALSE;
    add_message (messages, g_strconcat (self->base, "/", name, NULL), g_strdup (state->label));
    if (!state->label)
      g_hash_table_iter_remove (&iter);
  }
  g_mutex_unlock (&self->lock);
  return messages;
}

static gboolean
publish_due (Mqtt *self, GError **error)
{
  g_autoptr (GPtrArray) messages = take_due (self);

  if (self->contradicted &&
      !gst_cow_publish_link_publish (self->link, self->broker.will_topic, "online", TRUE, error))
    return FALSE;
  self->contradicted = FALSE;
  for (guint i = 0; i < messages->len; i++) {
    const Message *message = messages->pdata[i];

    if (!gst_cow_publish_link_publish (self->link, message->topic, message->text, TRUE, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- the target ------------------------------------------------------------------------------ */

static GstCowDelivery
mqtt_send (GstCowPublishTarget *target, char *const *lines, guint n, guint *n_sent,
           GCancellable *cancellable, GError **error)
{
  Mqtt *self = (Mqtt *)target;

  if (publish_due (self, error) &&
      gst_cow_publish_link_publish_all (self->link, self->events_topic, lines, n, n_sent,
                                        cancellable, error))
    return GST_COW_DELIVERY_DONE;
  return GST_COW_DELIVERY_RETRY;
}

static gboolean
mqtt_idle (GstCowPublishTarget *target, GCancellable *cancellable, GError **error)
{
  Mqtt *self = (Mqtt *)target;

  return publish_due (self, error) && gst_cow_publish_link_pump (self->link, 0, cancellable, error);
}

/* Deletes the states of all tracks and publishes "offline". FALSE: the broker has not acknowledged
 * all of it, so that the will is needed. */
static gboolean
say_goodbye (Mqtt *self, GCancellable *cancellable)
{
  GHashTableIter iter;
  gpointer name, value;

  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->states);
  while (g_hash_table_iter_next (&iter, &name, &value)) {
    State *state = value;

    if (gst_cow_publish_topic_stays (name))
      continue;
    g_clear_pointer (&state->label, g_free);
    state->due = TRUE;
  }
  g_mutex_unlock (&self->lock);
  return publish_due (self, NULL) &&
         gst_cow_publish_link_publish (self->link, self->broker.will_topic, "offline", TRUE,
                                       NULL) &&
         gst_cow_publish_link_flush (self->link, cancellable, NULL);
}

static void
mqtt_disconnect (GstCowPublishTarget *target, gboolean politely, GCancellable *cancellable)
{
  Mqtt *self = (Mqtt *)target;

  if (politely)
    politely = say_goodbye (self, cancellable);
  gst_cow_publish_link_free (g_steal_pointer (&self->link), politely);
  g_mutex_lock (&self->lock);
  self->online = FALSE;
  g_mutex_unlock (&self->lock);
}

static gboolean
mqtt_connect (GstCowPublishTarget *target, GCancellable *cancellable, GError **error)
{
  Mqtt *self = (Mqtt *)target;
  g_autofree char *tracks = g_strconcat (self->base, "/track/+", NULL);

  self->contradicted = FALSE;
  self->link = gst_cow_publish_link_new (&self->broker, on_received, self, cancellable, error);
  if (!self->link)
    return FALSE;
  g_mutex_lock (&self->lock);
  make_all_due (self);
  g_mutex_unlock (&self->lock);
  if (gst_cow_publish_link_subscribe (self->link, tracks, error) &&
      gst_cow_publish_link_subscribe (self->link, self->broker.will_topic, error) &&
      gst_cow_publish_link_publish (self->link, self->broker.will_topic, "online", TRUE, error) &&
      publish_due (self, error) && gst_cow_publish_link_flush (self->link, cancellable, error))
    return TRUE;
  mqtt_disconnect (target, FALSE, cancellable);
  return FALSE;
}

static void
mqtt_free (GstCowPublishTarget *target)
{
  Mqtt *self = (Mqtt *)target;

  gst_cow_publish_broker_clear (&self->broker);
  g_free (self->prefix);
  g_free (self->source);
  g_free (self->base);
  g_free (self->events_topic);
  g_free (self->discovery_topic);
  g_hash_table_unref (self->states);
  g_strfreev (self->classes);
  g_mutex_clear (&self->lock);
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
  broker->host = g_strdup (g_uri_get_host (uri));
  broker->tls = g_str_equal (g_uri_get_scheme (uri), "mqtts");
  broker->port = (guint16)(g_uri_get_port (uri) > 0 ? g_uri_get_port (uri)
                           : broker->tls            ? 8883
                                                    : 1883);
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
  return gst_cow_publish_check_file (broker->ca, "mqtt-ca", error) &&
         gst_cow_publish_check_file (broker->cert, "mqtt-cert", error) &&
         gst_cow_publish_check_file (broker->key, "mqtt-key", error);
}

static gboolean
set_topics (Mqtt *self, const Settings *settings, const char *source, GError **error)
{
  g_autofree char *level = gst_cow_publish_topic_level (source);

  if (!gst_cow_publish_link_is_topic (settings->topic))
    return fail_setting (error, "mqtt-topic: not a topic that can be published to; it has no + and "
                                "#, and does not begin with $");
  if (settings->discovery && !gst_cow_publish_link_is_topic (settings->discovery_prefix))
    return fail_setting (error, "mqtt-discovery-prefix: not a topic that can be published to");
  self->prefix = g_strdup (settings->topic);
  self->source = g_utf8_make_valid (source, -1);
  self->base = g_strconcat (self->prefix, "/", level, NULL);
  self->events_topic = g_strconcat (self->base, "/events", NULL);
  self->broker.will_topic = g_strconcat (self->base, "/available", NULL);
  if (settings->discovery) {
    g_autofree char *id = gst_cow_publish_device_id (self->prefix, self->source);

    self->discovery_topic =
        g_strconcat (settings->discovery_prefix, "/device/", id, "/config", NULL);
  }
  return TRUE;
}

static GstCowPublishTarget *
mqtt_new (gconstpointer values, const char *source, GError **error)
{
  const Settings *settings = values;
  Mqtt *self = g_new0 (Mqtt, 1);

  self->target.most_lines = GST_COW_PUBLISH_MQTT_BATCH;
  self->states = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, state_free);
  g_mutex_init (&self->lock);
  if (set_broker (&self->broker, settings, error) && gst_cow_publish_link_init (error) &&
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
  .disconnect = mqtt_disconnect,
  .set_state = mqtt_set_state,
  .free = mqtt_free,
};
