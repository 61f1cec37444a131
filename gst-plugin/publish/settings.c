/* SPDX-License-Identifier: MIT */
/* The properties of `cowpublish`. */
#include "gst-plugin/publish/settings.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define READ_WRITE (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)
#define SECRET     (G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)

#define DEFAULT_POST_EVENTS           GST_COW_PUBLISH_ALL
#define DEFAULT_QUEUE_SIZE            1000
#define DEFAULT_DRAIN_TIMEOUT         2000
#define DEFAULT_MAX_FILE_SIZE         (G_GUINT64_CONSTANT (100) << 20)
#define DEFAULT_MAX_FILES             5
#define DEFAULT_HTTP_BATCH            1
#define DEFAULT_HTTP_TIMEOUT          10
#define DEFAULT_MQTT_TOPIC            "cowbehavior"
#define DEFAULT_MQTT_DISCOVERY        FALSE
#define DEFAULT_MQTT_DISCOVERY_PREFIX "homeassistant"

GType
gst_cow_publish_events_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_COW_PUBLISH_ALL, "Each frame with results", "all" },
    { GST_COW_PUBLISH_CLASSIFIED, "Each frame in which something was classified anew",
      "classified" },
    { GST_COW_PUBLISH_ON_CHANGE, "Cows and zones whose label changed", "on-change" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCowPublishEvents", values));
  return type;
}

/* ---- texts ----------------------------------------------------------------------------------- */

typedef struct {
  guint id;
  gsize offset; /* of the text in the settings */
  const char *name, *nick, *preset;
  GParamFlags flags;
  const char *blurb;
} Text;

#define TEXT(ID, FIELD) GST_COW_PUBLISH_PROP_##ID, G_STRUCT_OFFSET (GstCowPublishSettings, FIELD)

static const Text texts[] = {
  { TEXT (SOURCE, source), "source", "Source", NULL, READ_WRITE,
    "Name of the camera or recording in events and topics; unset: the element's name" },
  { TEXT (FILE, file), "file", "File", NULL, READ_WRITE,
    "File to append events to, one line each; \"-\": the standard output; unset: none" },
  { TEXT (HTTP_URL, http_url), "http-url", "HTTP address", NULL, READ_WRITE,
    "Address http://... or https://... that events are posted to; a login in it goes to http-user "
    "and http-password; unset: none" },
  { TEXT (HTTP_USER, http_user), "http-user", "HTTP user", NULL, READ_WRITE,
    "User for HTTP's basic authentication" },
  { TEXT (HTTP_PASSWORD, http_password), "http-password", "HTTP password", NULL, SECRET,
    "Password of http-user; unset: that of the environment variable COWBEHAVIOR_HTTP_PASSWORD" },
  { TEXT (HTTP_TOKEN, http_token), "http-token", "HTTP token", NULL, SECRET,
    "Bearer token, in place of user and password; unset: that of the environment variable "
    "COWBEHAVIOR_HTTP_TOKEN" },
  { TEXT (HTTP_CA, http_ca), "http-ca", "HTTP authorities", NULL, READ_WRITE,
    "PEM file with the certificate authorities that an https server is checked by; unset: the "
    "system's" },
  { TEXT (MQTT_URL, mqtt_url), "mqtt-url", "MQTT address", NULL, READ_WRITE,
    "Broker, mqtt://HOST[:1883] or with TLS mqtts://HOST[:8883]; a login in it goes to mqtt-user "
    "and mqtt-password; unset: none" },
  { TEXT (MQTT_USER, mqtt_user), "mqtt-user", "MQTT user", NULL, READ_WRITE, "User at the broker" },
  { TEXT (MQTT_PASSWORD, mqtt_password), "mqtt-password", "MQTT password", NULL, SECRET,
    "Password of mqtt-user; unset: that of the environment variable COWBEHAVIOR_MQTT_PASSWORD" },
  { TEXT (MQTT_TOPIC, mqtt_topic), "mqtt-topic", "MQTT topic", DEFAULT_MQTT_TOPIC, READ_WRITE,
    "Topic that all others are below: TOPIC/SOURCE/available, TOPIC/SOURCE/events, "
    "TOPIC/SOURCE/zone/NAME. Elements that share it "
    "need sources of different names" },
  { TEXT (MQTT_CLIENT_ID, mqtt_client_id), "mqtt-client-id", "MQTT client", NULL, READ_WRITE,
    "Name of this client, which no other may have; unset: one by chance" },
  { TEXT (MQTT_CA, mqtt_ca), "mqtt-ca", "MQTT authorities", NULL, READ_WRITE,
    "PEM file with the certificate authorities that a mqtts broker is checked by; unset: the "
    "system's" },
  { TEXT (MQTT_CERT, mqtt_cert), "mqtt-cert", "MQTT certificate", NULL, READ_WRITE,
    "PEM file with this client's certificate, for brokers that ask for one; with mqtt-key and "
    "mqtt-ca" },
  { TEXT (MQTT_KEY, mqtt_key), "mqtt-key", "MQTT key", NULL, READ_WRITE,
    "PEM file with the key of mqtt-cert, not encrypted" },
  { TEXT (MQTT_DISCOVERY_PREFIX, mqtt_discovery_prefix), "mqtt-discovery-prefix",
    "MQTT discovery prefix", DEFAULT_MQTT_DISCOVERY_PREFIX, READ_WRITE,
    "Topic below which Home Assistant looks for devices" },
};

static gchar **
field_of (GstCowPublishSettings *self, const Text *text)
{
  return G_STRUCT_MEMBER_P (self, text->offset);
}

static const Text *
find_text (guint id)
{
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    if (texts[i].id == id)
      return &texts[i];
  return NULL;
}

/* ---- declarations ---------------------------------------------------------------------------- */

static void
install_uint (GObjectClass *klass, guint id, const char *name, const char *nick, const char *blurb,
              guint min, guint max, guint preset)
{
  g_object_class_install_property (
      klass, id, g_param_spec_uint (name, nick, blurb, min, max, preset, READ_WRITE));
}

void
gst_cow_publish_settings_install (GObjectClass *klass)
{
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_object_class_install_property (klass, texts[i].id,
                                     g_param_spec_string (texts[i].name, texts[i].nick,
                                                          texts[i].blurb, texts[i].preset,
                                                          texts[i].flags));
  g_object_class_install_property (
      klass, GST_COW_PUBLISH_PROP_POST_EVENTS,
      g_param_spec_enum ("post-events", "Post events", "Which results become events",
                         GST_TYPE_COW_PUBLISH_EVENTS, DEFAULT_POST_EVENTS, READ_WRITE));
  install_uint (klass, GST_COW_PUBLISH_PROP_QUEUE_SIZE, "queue-size", "Queue size",
                "Events that wait for each target at most (and 16 MiB); when there is no more room "
                "the oldest are dropped, and counted in stats",
                1, 1000000, DEFAULT_QUEUE_SIZE);
  install_uint (klass, GST_COW_PUBLISH_PROP_DRAIN_TIMEOUT, "drain-timeout", "Drain timeout",
                "Milliseconds that stopping waits for events that are still queued; the rest is "
                "dropped, and counted",
                0, 600000, DEFAULT_DRAIN_TIMEOUT);
  g_object_class_install_property (
      klass, GST_COW_PUBLISH_PROP_MAX_FILE_SIZE,
      g_param_spec_uint64 (
          "max-file-size", "Largest file",
          "Bytes after which FILE becomes FILE.1 and a new one is begun (0 = never)", 0,
          G_MAXUINT64, DEFAULT_MAX_FILE_SIZE, READ_WRITE));
  install_uint (klass, GST_COW_PUBLISH_PROP_MAX_FILES, "max-files", "Most files",
                "Files that are kept: FILE, FILE.1, FILE.2 and so on", 1, 1000, DEFAULT_MAX_FILES);
  install_uint (klass, GST_COW_PUBLISH_PROP_HTTP_BATCH, "http-batch", "HTTP batch",
                "Events that go into one request at most. 1: application/json; more: "
                "application/x-ndjson, an event a line",
                1, 1000, DEFAULT_HTTP_BATCH);
  install_uint (klass, GST_COW_PUBLISH_PROP_HTTP_TIMEOUT, "http-timeout", "HTTP timeout",
                "Seconds without a byte after which a request has failed", 1, 600,
                DEFAULT_HTTP_TIMEOUT);
  g_object_class_install_property (
      klass, GST_COW_PUBLISH_PROP_MQTT_DISCOVERY,
      g_param_spec_boolean (
          "mqtt-discovery", "MQTT discovery",
          "Tell Home Assistant of the frame and the zones, as sensors of a device",
          DEFAULT_MQTT_DISCOVERY, READ_WRITE));
  g_object_class_install_property (
      klass, GST_COW_PUBLISH_PROP_STATS,
      g_param_spec_boxed (
          "stats", "Statistics",
          "For each target: events queued, sent and dropped, failures, whether it is connected",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

/* ---- values ---------------------------------------------------------------------------------- */

void
gst_cow_publish_settings_init (GstCowPublishSettings *self)
{
  *self = (GstCowPublishSettings){
    .post_events = DEFAULT_POST_EVENTS,
    .queue_size = DEFAULT_QUEUE_SIZE,
    .drain_timeout_ms = DEFAULT_DRAIN_TIMEOUT,
    .max_file_size = DEFAULT_MAX_FILE_SIZE,
    .max_files = DEFAULT_MAX_FILES,
    .http_batch = DEFAULT_HTTP_BATCH,
    .http_timeout_s = DEFAULT_HTTP_TIMEOUT,
    .mqtt_discovery = DEFAULT_MQTT_DISCOVERY,
  };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    *field_of (self, &texts[i]) = g_strdup (texts[i].preset);
}

void
gst_cow_publish_settings_copy (const GstCowPublishSettings *self, GstCowPublishSettings *to)
{
  *to = *self;
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    *field_of (to, &texts[i]) = g_strdup (*field_of (to, &texts[i]));
}

void
gst_cow_publish_settings_clear (GstCowPublishSettings *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (field_of (self, &texts[i]), g_free);
}

/* Moves the login of an address to where it is not shown. What cannot be parsed stays, and is an
 * error when the element starts. */
static void
take_login (gchar **url, gchar **user, gchar **password)
{
  const GUriFlags flags =
      G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_ENCODED_QUERY;
  g_autoptr (GUri) uri = *url ? g_uri_parse (*url, flags, NULL) : NULL;

  if (!uri || !g_uri_get_user (uri))
    return;
  g_free (*user);
  *user = g_strdup (g_uri_get_user (uri));
  if (g_uri_get_password (uri)) {
    g_free (*password);
    *password = g_strdup (g_uri_get_password (uri));
  }
  g_free (*url);
  *url = g_uri_to_string_partial (uri, G_URI_HIDE_USERINFO);
}

static void
set_text (GstCowPublishSettings *self, const Text *text, const GValue *value)
{
  gchar **field = field_of (self, text);
  const char *new = g_value_get_string (value);

  g_free (*field);
  *field = g_strdup (new &&*new ? new : text->preset);
  if (text->id == GST_COW_PUBLISH_PROP_HTTP_URL)
    take_login (&self->http_url, &self->http_user, &self->http_password);
  else if (text->id == GST_COW_PUBLISH_PROP_MQTT_URL)
    take_login (&self->mqtt_url, &self->mqtt_user, &self->mqtt_password);
}

static guint *
find_uint (GstCowPublishSettings *self, guint id)
{
  switch (id) {
  case GST_COW_PUBLISH_PROP_QUEUE_SIZE:
    return &self->queue_size;
  case GST_COW_PUBLISH_PROP_DRAIN_TIMEOUT:
    return &self->drain_timeout_ms;
  case GST_COW_PUBLISH_PROP_MAX_FILES:
    return &self->max_files;
  case GST_COW_PUBLISH_PROP_HTTP_BATCH:
    return &self->http_batch;
  case GST_COW_PUBLISH_PROP_HTTP_TIMEOUT:
    return &self->http_timeout_s;
  default:
    return NULL;
  }
}

gboolean
gst_cow_publish_settings_set (GstCowPublishSettings *self, guint id, const GValue *value)
{
  const Text *text = find_text (id);
  guint *number = find_uint (self, id);

  if (text)
    set_text (self, text, value);
  else if (number)
    *number = g_value_get_uint (value);
  else if (id == GST_COW_PUBLISH_PROP_POST_EVENTS)
    self->post_events = (GstCowPublishEvents)g_value_get_enum (value);
  else if (id == GST_COW_PUBLISH_PROP_MAX_FILE_SIZE)
    self->max_file_size = g_value_get_uint64 (value);
  else if (id == GST_COW_PUBLISH_PROP_MQTT_DISCOVERY)
    self->mqtt_discovery = g_value_get_boolean (value);
  else
    return FALSE;
  return TRUE;
}

gboolean
gst_cow_publish_settings_get (GstCowPublishSettings *self, guint id, GValue *value)
{
  const Text *text = find_text (id);
  const guint *number = find_uint (self, id);

  if (text)
    g_value_set_string (value, *field_of (self, text));
  else if (number)
    g_value_set_uint (value, *number);
  else if (id == GST_COW_PUBLISH_PROP_POST_EVENTS)
    g_value_set_enum (value, (gint)self->post_events);
  else if (id == GST_COW_PUBLISH_PROP_MAX_FILE_SIZE)
    g_value_set_uint64 (value, self->max_file_size);
  else if (id == GST_COW_PUBLISH_PROP_MQTT_DISCOVERY)
    g_value_set_boolean (value, self->mqtt_discovery);
  else
    return FALSE;
  return TRUE;
}

/* ---- what they mean -------------------------------------------------------------------------- */

GUri *
gst_cow_publish_parse_url (const char *text, const char *property, const char *plain,
                           const char *secure, GError **error)
{
  g_autoptr (GUri) uri =
      g_uri_parse (text, G_URI_FLAGS_ENCODED_PATH | G_URI_FLAGS_ENCODED_QUERY, NULL);
  const char *scheme = uri ? g_uri_get_scheme (uri) : "", *host = uri ? g_uri_get_host (uri) : NULL;

  if ((g_str_equal (scheme, plain) || g_str_equal (scheme, secure)) && host && *host)
    return g_steal_pointer (&uri);
  /* The text may hold a password that could not be told from the rest, and is not shown. */
  g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
               "%s is not an address of the form %s://HOST[:PORT] or %s://HOST[:PORT]%s%s",
               property, plain, secure, *scheme ? "; its scheme is " : "", scheme);
  return NULL;
}

gboolean
gst_cow_publish_check_file (const char *path, const char *property, GError **error)
{
  if (!path || g_access (path, R_OK) == 0)
    return TRUE;
  g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, "%s: %s: %s", property,
               path, g_strerror (errno));
  return FALSE;
}

const char *
gst_cow_publish_secret (const char *value, const char *variable)
{
  const char *set = value ? value : g_getenv (variable);

  return set && *set ? set : NULL;
}
