/* SPDX-License-Identifier: MIT */
/*
 * A target: a place that events are published to, such as a file, an HTTP endpoint or an MQTT
 * broker. A new one is a file of this folder that defines a GstCowPublishTargetClass, and a row of
 * targets.h.
 *
 * Apart from open () and set_state () the functions are called by one worker thread (queue.h), may
 * wait, and return soon when `cancellable` says so. A failed call sets *error, which a person
 * reads: it has no secrets.
 */
#ifndef GST_COW_PUBLISH_TARGET_H
#define GST_COW_PUBLISH_TARGET_H

#include <gio/gio.h>
#include <gst/gst.h>

#include "gst-plugin/publish/property.h"

G_BEGIN_DECLS

typedef enum {
  GST_COW_DELIVERY_DONE,
  GST_COW_DELIVERY_RETRY,  /* trouble that may pass: what is left of the lines is offered again */
  GST_COW_DELIVERY_REFUSED /* the lines arrived and were refused: all that is left is given up */
} GstCowDelivery;

typedef struct _GstCowPublishTarget GstCowPublishTarget;

typedef struct {
  const char *name; /* in stats and messages: "file" */
  /* Of the element. The first is a text or an address, and the target is wanted where it is set. */
  GstCowPublishProperties properties;

  /* A target for these values of its properties, which are borrowed, or NULL and an error that
   * names the property that is wrong. `source` names the stream. Waits for nobody else. */
  GstCowPublishTarget *(*open) (gconstpointer settings, const char *source, GError **error);
  /* Gets ready to send; may be called again after a failure. Optional. */
  gboolean (*connect) (GstCowPublishTarget *self, GCancellable *cancellable, GError **error);
  /* Sends lines [n]. *n_sent, which is 0 before, becomes the number of those at the beginning that
   * have arrived. */
  GstCowDelivery (*send) (GstCowPublishTarget *self, char *const *lines, guint n, guint *n_sent,
                          GCancellable *cancellable, GError **error);
  /* Called several times a second when there is nothing to send; FALSE when the connection is lost.
   * Optional. */
  gboolean (*idle) (GstCowPublishTarget *self, GCancellable *cancellable, GError **error);
  /* Ends a connection. `politely`: it works, and there is time to say goodbye. Optional. */
  void (*disconnect) (GstCowPublishTarget *self, gboolean politely, GCancellable *cancellable);
  /* Notes, in any thread and without waiting, what is seen at `name` (topics.h) from now on; NULL:
   * it is not seen any more. `classes` are the labels that there are. Optional. */
  void (*set_state) (GstCowPublishTarget *self, const char *name, const char *label,
                     const GValue *classes);
  void (*free) (GstCowPublishTarget *self);
} GstCowPublishTargetClass;

struct _GstCowPublishTarget {
  const GstCowPublishTargetClass *class; /* set by whoever called open () */
  guint most_lines;                      /* that send () takes at once */
  guint retry_after_s; /* set by a failed send () when the other side said how long to leave it
                          alone; else 0 */
};

G_END_DECLS

#endif
