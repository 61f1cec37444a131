/* SPDX-License-Identifier: MIT */
/*
 * Where events go: a file, an HTTP endpoint, an MQTT broker. Each is a table of functions, which
 * are called by one worker thread (publish-queue.h), may wait, and end soon when `cancellable` says
 * so. A failed call sets *error, which goes to a person: no secrets in it.
 */
#ifndef GST_COW_PUBLISH_TARGET_H
#define GST_COW_PUBLISH_TARGET_H

#include <gio/gio.h>
#include <gst/gst.h>

#include "gst-plugin/publish/settings.h"

G_BEGIN_DECLS

typedef enum {
  GST_COW_DELIVERY_DONE,
  GST_COW_DELIVERY_RETRY,  /* trouble that may pass: what is left of the lines is offered again */
  GST_COW_DELIVERY_REFUSED /* it came there and was refused: all that is left of the lines is given
                              up */
} GstCowDelivery;

typedef struct _GstCowPublishTarget GstCowPublishTarget;

typedef struct {
  const char *name; /* "file", "http", "mqtt" */
  /* Gets ready to send; may be called again after a failure. Optional. */
  gboolean (*connect) (GstCowPublishTarget *self, GCancellable *cancellable, GError **error);
  /* Sends lines [n], of which it counts to *n_sent those at the beginning that have arrived. */
  GstCowDelivery (*send) (GstCowPublishTarget *self, char *const *lines, guint n, guint *n_sent,
                          GCancellable *cancellable, GError **error);
  /* Called some times a second when there is nothing to send; FALSE when the connection is gone.
   * Optional. */
  gboolean (*idle) (GstCowPublishTarget *self, GCancellable *cancellable, GError **error);
  /* The end of a connection. `politely`: it works and there is time to say goodbye. Optional. */
  void (*disconnect) (GstCowPublishTarget *self, gboolean politely, GCancellable *cancellable);
  /* Notes, in any thread and without waiting, what is seen at `name` (publish-topics.h) from now
   * on; NULL: it is not seen any more. `classes` are the labels there are. Optional. */
  void (*set_state) (GstCowPublishTarget *self, const char *name, const char *label,
                     const GValue *classes);
  void (*free) (GstCowPublishTarget *self);
} GstCowPublishTargetClass;

struct _GstCowPublishTarget {
  const GstCowPublishTargetClass *class;
  guint most_lines;    /* that send () takes at once */
  guint retry_after_s; /* set by a failed send () when the other side said how long to leave it
                          alone; else 0 */
};

/* A target for these settings, which are borrowed, or NULL and an error that names the property
 * that is wrong. They do not wait for anybody else. Free with class->free. */
GstCowPublishTarget *gst_cow_publish_file_new (const GstCowPublishSettings *settings,
                                               GError **error);
GstCowPublishTarget *gst_cow_publish_http_new (const GstCowPublishSettings *settings,
                                               GError **error);
GstCowPublishTarget *gst_cow_publish_mqtt_new (const GstCowPublishSettings *settings,
                                               const char *source, GError **error);

G_END_DECLS

#endif
