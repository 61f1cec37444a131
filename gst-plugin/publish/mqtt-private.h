/* SPDX-License-Identifier: MIT */
/* One connection to an MQTT broker (mqtt-link.c), as the target mqtt.c uses it. */
#ifndef GST_COW_PUBLISH_MQTT_PRIVATE_H
#define GST_COW_PUBLISH_MQTT_PRIVATE_H

#include <gio/gio.h>

G_BEGIN_DECLS

/* Messages that are published before their acknowledgements are waited for. */
#define GST_COW_PUBLISH_MQTT_BATCH 64

/* A broker and the client's credentials; owned, and NULL where they are not set. */
typedef struct {
  char *host; /* never NULL */
  guint16 port;
  gboolean tls;
  char *client_id; /* never NULL */
  char *user, *password;
  char *ca, *cert, *key;
  char *will_topic; /* never NULL: gets "offline" when the connection breaks */
} GstCowPublishBroker;

void gst_cow_publish_broker_clear (GstCowPublishBroker *self);

/* Loads libmosquitto; before any of the functions below. Any thread. */
gboolean gst_cow_publish_link_init (GError **error);
/* Whether a text can be published to. */
gboolean gst_cow_publish_link_is_topic (const char *text);

/* One connection, by libmosquitto; of one thread. */
typedef struct _GstCowPublishLink GstCowPublishLink;

/* A message that is not empty came from a topic that was subscribed to; `text` is its beginning.
 * `retained`: the broker kept it from earlier. */
typedef void (*GstCowPublishReceived) (const char *topic, const char *text, gboolean retained,
                                       gpointer data);

/* Connects and waits until the broker has accepted the connection. `received` is called from within
 * the functions below. */
GstCowPublishLink *gst_cow_publish_link_new (const GstCowPublishBroker *broker,
                                             GstCowPublishReceived received, gpointer data,
                                             GCancellable *cancellable, GError **error);
/* Ends the connection. `politely`: it works, and the broker is to know that the end is meant. */
void gst_cow_publish_link_free (GstCowPublishLink *self, gboolean politely);

gboolean gst_cow_publish_link_subscribe (GstCowPublishLink *self, const char *topic,
                                         GError **error);
/* Enqueues a message with quality of service 1. `text` NULL with `retain`: the broker deletes the
 * retained message. */
gboolean gst_cow_publish_link_publish (GstCowPublishLink *self, const char *topic, const char *text,
                                       gboolean retain, GError **error);
/* Publishes n texts, at most GST_COW_PUBLISH_MQTT_BATCH, and waits until the broker has
 * acknowledged them. *n_taken is the number of texts at the beginning that it acknowledged. */
gboolean gst_cow_publish_link_publish_all (GstCowPublishLink *self, const char *topic,
                                           char *const *texts, guint n, guint *n_taken,
                                           GCancellable *cancellable, GError **error);
/* Reads and writes what is possible now; waits for wait_ms at most. */
gboolean gst_cow_publish_link_pump (GstCowPublishLink *self, int wait_ms, GCancellable *cancellable,
                                    GError **error);
/* Waits until the broker has acknowledged everything. */
gboolean gst_cow_publish_link_flush (GstCowPublishLink *self, GCancellable *cancellable,
                                     GError **error);

G_END_DECLS

#endif
