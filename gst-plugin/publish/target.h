/* SPDX-License-Identifier: MIT */
/*
 * A target: a place that events are published to, such as a file, an HTTP endpoint or an MQTT
 * broker. A new one is a file of this folder that defines a GstCowPublishTargetClass, and a row of
 * targets.h.
 *
 * Apart from open () and set_state () the functions are called by one worker thread (queue.h), may
 * wait, and return soon when `cancellable` says so. A failed call sets *error, which a person
 * reads: it has no secrets.
 *
 * A line is an event: JSON, or rows of a table with newlines between them.
 */
#ifndef GST_COW_PUBLISH_TARGET_H
#define GST_COW_PUBLISH_TARGET_H

#include <gio/gio.h>
#include <gst/gst.h>

#include "gst-plugin/publish/property.h"

G_BEGIN_DECLS

/* What became of a line that was handed to send (). */
typedef enum {
  GST_COW_LINE_LEFT, /* it is offered again */
  GST_COW_LINE_SENT,
  GST_COW_LINE_REFUSED /* it arrived, or would have, and is given up */
} GstCowLine;

typedef enum {
  GST_COW_DELIVERY_DONE,    /* each line was sent */
  GST_COW_DELIVERY_REFUSED, /* some were refused, as marked; lines that are left are offered again
                               at once */
  GST_COW_DELIVERY_DIVIDE,  /* the lines that are left were refused together, and fewer of them may
                               be taken; one that is alone is given up */
  GST_COW_DELIVERY_RETRY,   /* trouble that may pass: lines that are left are offered again later */
  GST_COW_DELIVERY_GONE     /* the target is gone for good */
} GstCowDelivery;

/* Causes of warnings that are no error of another library. Each cause has a warning of its own at
 * its first time, whatever else has been warned of; so have errors of different codes. */
typedef enum {
  GST_COW_PUBLISH_CAUSE_FULL,        /* a queue drops events */
  GST_COW_PUBLISH_CAUSE_OVERSIZE,    /* a message is too large for the broker */
  GST_COW_PUBLISH_CAUSE_DENIED,      /* the broker says that a message is refused */
  GST_COW_PUBLISH_CAUSE_UNDELIVERED, /* the broker confirms, and does not deliver */
  GST_COW_PUBLISH_CAUSE_NAMESAKE,    /* somebody else publishes under the same topic */
  GST_COW_PUBLISH_CAUSE_NO_RETAIN,   /* the broker keeps no messages */
  GST_COW_PUBLISH_CAUSE_TAKEN_OVER,  /* another client has the same id */
  GST_COW_PUBLISH_CAUSE_UNANSWERED,  /* the connection ended before the broker accepted it */
  GST_COW_PUBLISH_CAUSE_READER_GONE  /* nobody reads the standard output any more */
} GstCowPublishCause;

GQuark gst_cow_publish_cause_quark (void);
#define GST_COW_PUBLISH_CAUSE (gst_cow_publish_cause_quark ())

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
  /* Sends lines [n] and notes what became of them in `fates` [n], which is LEFT before. */
  GstCowDelivery (*send) (GstCowPublishTarget *self, char *const *lines, guint n, GstCowLine *fates,
                          GCancellable *cancellable, GError **error);
  /* Called several times a second when there is nothing to send; FALSE when the connection is lost.
   * Optional. */
  gboolean (*idle) (GstCowPublishTarget *self, GCancellable *cancellable, GError **error);
  /* Called when everything was sent and the end of the stream waits to be passed on: looks, for a
   * moment, for what else is to be warned of. Applications listen to no warning after the end.
   * Optional. */
  void (*settle) (GstCowPublishTarget *self, GCancellable *cancellable);
  /* Ends a connection. `politely`: it works, and there is time to say goodbye. Optional. */
  void (*disconnect) (GstCowPublishTarget *self, gboolean politely, GCancellable *cancellable);
  /* Notes, in any thread and without waiting, what is seen at `name` (topics.h) from now on; NULL:
   * it is not seen any more. `results`: those that it is in, which name model and labels; NULL
   * with a label of NULL. Optional. */
  void (*set_state) (GstCowPublishTarget *self, const char *name, const char *label,
                     const GstStructure *results);
  void (*free) (GstCowPublishTarget *self);
} GstCowPublishTargetClass;

struct _GstCowPublishTarget {
  const GstCowPublishTargetClass *class; /* set by whoever called open () */
  guint most_lines;                      /* that send () takes at once */
  gboolean rows; /* set by open (): events come as rows of a table, event-rows.h, not as JSON */
  guint retry_after_s; /* set by a failed call when the other side said how long to leave it
                          alone; else 0 */
  /* Set by the queue: posts a warning of something that is no failure of a call, and takes the
   * error. For the thread. */
  void (*warn) (gpointer queue, GError *error);
  gpointer queue;
};

G_END_DECLS

#endif
