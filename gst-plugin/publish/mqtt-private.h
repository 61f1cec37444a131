/* SPDX-License-Identifier: MIT */
/* What publish-mqtt.c (the target) and publish-mqtt-link.c (one connection of it) share. */
#ifndef GST_COW_PUBLISH_MQTT_PRIVATE_H
#define GST_COW_PUBLISH_MQTT_PRIVATE_H

#include <gio/gio.h>

G_BEGIN_DECLS

/* Messages that are published before their acknowledgements are waited for. */
#define GST_COW_PUBLISH_MQTT_BATCH 64

/* Whom to connect to and as whom; all owned, optional where no comment says otherwise. */
typedef struct {
  char *host; /* always */
  guint16 port;
  gboolean tls;
  char *client_id; /* always */
  char *user, *password;
  char *ca, *cert, *key;
  char *will_topic; /* always: gets "offline" when the connection breaks */
} GstCowPublishBroker;

void gst_cow_publish_broker_clear (GstCowPublishBroker *self);

/* Loads libmosquitto; before any of the functions below. Any thread. */
gboolean gst_cow_publish_link_init (GError **error);
/* Whether a text can be published to. */
gboolean gst_cow_publish_link_is_topic (const char *text);

/* One connection, by libmosquitto; of one thread. */
typedef struct _GstCowPublishLink GstCowPublishLink;

/* A message of a topic that was subscribed to, which is not empty; the beginning of its text.
 * `kept` by the broker: from the past. */
typedef void (*GstCowPublishHeard) (const char *topic, const char *text, gboolean kept,
                                    gpointer data);

/* Connects and waits until the broker has let us in. `tell` is called from within the functions
 * below. */
GstCowPublishLink *gst_cow_publish_link_new (const GstCowPublishBroker *broker,
                                             GstCowPublishHeard tell, gpointer data,
                                             GCancellable *cancellable, GError **error);
/* The end of it; `politely` only when it works. */
void gst_cow_publish_link_free (GstCowPublishLink *self, gboolean politely);

gboolean gst_cow_publish_link_subscribe (GstCowPublishLink *self, const char *topic,
                                         GError **error);
/* Publishes once the broker takes it, with quality 1. `text` NULL with `retain`: the broker forgets
 * what it kept. */
gboolean gst_cow_publish_link_publish (GstCowPublishLink *self, const char *topic, const char *text,
                                       gboolean retain, GError **error);
/* Publishes n texts, at most GST_COW_PUBLISH_MQTT_BATCH, and waits until the broker has them.
 * *n_taken: how many from the first on it has.
 */
gboolean gst_cow_publish_link_publish_all (GstCowPublishLink *self, const char *topic,
                                           char *const *texts, guint n, guint *n_taken,
                                           GCancellable *cancellable, GError **error);
/* Reads and writes what is due; waits for at most wait_ms. */
gboolean gst_cow_publish_link_pump (GstCowPublishLink *self, int wait_ms, GCancellable *cancellable,
                                    GError **error);
/* Waits until the broker has everything. */
gboolean gst_cow_publish_link_flush (GstCowPublishLink *self, GCancellable *cancellable,
                                     GError **error);

G_END_DECLS

#endif
