/* SPDX-License-Identifier: MIT */
/* The properties of `cowpublish`: their names, defaults and values. */
#ifndef GST_COW_PUBLISH_SETTINGS_H
#define GST_COW_PUBLISH_SETTINGS_H

#include <gio/gio.h>
#include <gst/gst.h>

G_BEGIN_DECLS

/* The property post-events. */
typedef enum {
  GST_COW_PUBLISH_ALL,
  GST_COW_PUBLISH_CLASSIFIED,
  GST_COW_PUBLISH_ON_CHANGE
} GstCowPublishEvents;

GType gst_cow_publish_events_get_type (void);
#define GST_TYPE_COW_PUBLISH_EVENTS (gst_cow_publish_events_get_type ())

/* As the user set them; NULL: not set. */
typedef struct {
  gchar *source;
  GstCowPublishEvents post_events;
  guint queue_size; /* events */
  guint drain_timeout_ms;

  gchar *file;           /* "-": the standard output */
  guint64 max_file_size; /* bytes; 0: any */
  guint max_files;

  gchar *http_url; /* without a login, as mqtt_url */
  gchar *http_user, *http_password, *http_token;
  gchar *http_ca;
  guint http_batch; /* events in a request */
  guint http_timeout_s;

  gchar *mqtt_url;
  gchar *mqtt_user, *mqtt_password;
  gchar *mqtt_topic;
  gchar *mqtt_client_id;
  gchar *mqtt_ca, *mqtt_cert, *mqtt_key;
  gboolean mqtt_discovery;
  gchar *mqtt_discovery_prefix;
} GstCowPublishSettings;

enum {
  GST_COW_PUBLISH_PROP_0,
  GST_COW_PUBLISH_PROP_SOURCE,
  GST_COW_PUBLISH_PROP_POST_EVENTS,
  GST_COW_PUBLISH_PROP_QUEUE_SIZE,
  GST_COW_PUBLISH_PROP_DRAIN_TIMEOUT,
  GST_COW_PUBLISH_PROP_FILE,
  GST_COW_PUBLISH_PROP_MAX_FILE_SIZE,
  GST_COW_PUBLISH_PROP_MAX_FILES,
  GST_COW_PUBLISH_PROP_HTTP_URL,
  GST_COW_PUBLISH_PROP_HTTP_USER,
  GST_COW_PUBLISH_PROP_HTTP_PASSWORD,
  GST_COW_PUBLISH_PROP_HTTP_TOKEN,
  GST_COW_PUBLISH_PROP_HTTP_CA,
  GST_COW_PUBLISH_PROP_HTTP_BATCH,
  GST_COW_PUBLISH_PROP_HTTP_TIMEOUT,
  GST_COW_PUBLISH_PROP_MQTT_URL,
  GST_COW_PUBLISH_PROP_MQTT_USER,
  GST_COW_PUBLISH_PROP_MQTT_PASSWORD,
  GST_COW_PUBLISH_PROP_MQTT_TOPIC,
  GST_COW_PUBLISH_PROP_MQTT_CLIENT_ID,
  GST_COW_PUBLISH_PROP_MQTT_CA,
  GST_COW_PUBLISH_PROP_MQTT_CERT,
  GST_COW_PUBLISH_PROP_MQTT_KEY,
  GST_COW_PUBLISH_PROP_MQTT_DISCOVERY,
  GST_COW_PUBLISH_PROP_MQTT_DISCOVERY_PREFIX,
  GST_COW_PUBLISH_PROP_STATS /* which the element answers itself */
};

/* Declares the properties to the class of the element. */
void gst_cow_publish_settings_install (GObjectClass *klass);
void gst_cow_publish_settings_init (GstCowPublishSettings *self);
void gst_cow_publish_settings_copy (const GstCowPublishSettings *self, GstCowPublishSettings *to);
void gst_cow_publish_settings_clear (GstCowPublishSettings *self);
/* FALSE: no property has this id. The caller holds the lock. A login in an address goes to the
 * properties of its own. */
gboolean gst_cow_publish_settings_set (GstCowPublishSettings *self, guint id, const GValue *value);
gboolean gst_cow_publish_settings_get (GstCowPublishSettings *self, guint id, GValue *value);

/* The address in `text`, which has one of two schemes and a host, or NULL and an error that names
 * the property and does not show the text. Free with g_uri_unref (). */
GUri *gst_cow_publish_parse_url (const char *text, const char *property, const char *plain,
                                 const char *secure, GError **error);
/* Whether a file that a property names can be read. NULL can. */
gboolean gst_cow_publish_check_file (const char *path, const char *property, GError **error);
/* A secret: that of the property, else of the environment variable; NULL where neither has one. */
const char *gst_cow_publish_secret (const char *value, const char *variable);

G_END_DECLS

#endif
