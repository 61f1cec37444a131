/* SPDX-License-Identifier: MIT */
/* One connection to an MQTT broker (mqtt-link.c), as the target mqtt.c uses it. */
#ifndef GST_COW_PUBLISH_MQTT_PRIVATE_H
#define GST_COW_PUBLISH_MQTT_PRIVATE_H

#include "gst-plugin/publish/target.h"

G_BEGIN_DECLS

/* Messages that are published before their acknowledgements are waited for. */
#define GST_COW_PUBLISH_MQTT_BATCH 64

/* A broker and the client's credentials; owned, and NULL where they are not set. */
typedef struct {
  char *host; /* never NULL */
  guint16 port;
  gboolean tls;
  gboolean v5;         /* MQTT 5, whose answers have reasons; else 3.1.1 */
  gboolean retain;     /* the broker keeps messages; else none is asked to be kept */
  char *client_id;     /* never NULL */
  gboolean has_own_id; /* it was not made by chance */
  char *user, *password;
  char *ca, *cert, *key;
  char *will_topic; /* never NULL: gets "offline" when the connection breaks */
  char *where;      /* never NULL: "mqtt-url: broker HOST:PORT", which begins messages */
} GstCowPublishBroker;

void gst_cow_publish_broker_clear (GstCowPublishBroker *self);
/* Who it is that publishes there, as in "May ... publish?"; free with g_free (). */
char *gst_cow_publish_broker_who (const GstCowPublishBroker *self);

/* Loads libmosquitto; before any of the functions below. Any thread. */
gboolean gst_cow_publish_link_init (GError **error);
/* Whether no broker can end this process by what it says in MQTT 5: older libraries let it. */
gboolean gst_cow_publish_link_is_v5_safe (void);
/* Whether a text can be published to. */
gboolean gst_cow_publish_link_is_topic (const char *text);

/* Errors of the functions below have this domain and a code of their own for each cause, or are of
 * GST_COW_PUBLISH_CAUSE. */
GQuark gst_cow_publish_link_quark (void);

/* What the broker says to a connection, with which another attempt may help. */
typedef enum {
  GST_COW_PUBLISH_LINK_OTHER, /* anything else */
  GST_COW_PUBLISH_LINK_NO_V5,
  GST_COW_PUBLISH_LINK_NO_RETAIN,
  GST_COW_PUBLISH_LINK_UNANSWERED /* it closed the connection in place of an answer */
} GstCowPublishLinkRefusal;

/* What an error of gst_cow_publish_link_new () means. */
GstCowPublishLinkRefusal gst_cow_publish_link_refusal (const GError *error);

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

/* Subscribes to n topics. */
gboolean gst_cow_publish_link_subscribe (GstCowPublishLink *self, const char *const *topics,
                                         guint n, GError **error);
/* Whether the broker has said yes to all of them. */
gboolean gst_cow_publish_link_is_subscribed (const GstCowPublishLink *self);
/* Enqueues a message with quality of service 1. `text` NULL with `retain`: the broker deletes the
 * retained message. One that is larger than the broker takes is left out, see below. */
gboolean gst_cow_publish_link_publish (GstCowPublishLink *self, const char *topic, const char *text,
                                       gboolean retain, GError **error);
/* Publishes n texts, at most GST_COW_PUBLISH_MQTT_BATCH, and waits until the broker has answered to
 * them. */
gboolean gst_cow_publish_link_publish_all (GstCowPublishLink *self, const char *topic,
                                           char *const *texts, guint n, GstCowLine *fates,
                                           GCancellable *cancellable, GError **error);
/* Why the first of the messages was refused that were since the last call; NULL: none was. The
 * caller owns it. */
GError *gst_cow_publish_link_take_refusal (GstCowPublishLink *self);

/* A message as it is recognised when it is published again. */
typedef struct {
  guint hash; /* of topic and text */
  gsize size; /* of the text, bytes */
  gboolean is_will_topic;
} GstCowPublishSeen;

GstCowPublishSeen gst_cow_publish_seen (const GstCowPublishBroker *broker, const char *topic,
                                        const char *text);
/* Whether the broker has answered to everything. */
gboolean gst_cow_publish_link_is_answered (const GstCowPublishLink *self);
/* The number of messages that the broker has not answered to, and the oldest of them. 0 unless it
 * has closed the connection without a word: after silence nothing can be said against a message,
 * and an answer says more. */
guint gst_cow_publish_link_unanswered (const GstCowPublishLink *self, GstCowPublishSeen *oldest);

/* Reads and writes what is possible now; waits for wait_ms at most. */
gboolean gst_cow_publish_link_pump (GstCowPublishLink *self, int wait_ms, GCancellable *cancellable,
                                    GError **error);
/* Waits until the broker has answered to everything. */
gboolean gst_cow_publish_link_flush (GstCowPublishLink *self, GCancellable *cancellable,
                                     GError **error);

G_END_DECLS

#endif
