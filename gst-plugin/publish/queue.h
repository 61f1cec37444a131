/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of events and the thread that sends them to a target. When the queue is full, a
 * push drops the oldest event and counts it, or waits, as the caller wants. The lock is never held
 * while the target is at work.
 *
 * What goes wrong is a warning of the element, one for each cause: at its first time, and not more
 * often than once a minute while nothing works.
 */
#ifndef GST_COW_PUBLISH_QUEUE_H
#define GST_COW_PUBLISH_QUEUE_H

#include "gst-plugin/publish/target.h"

G_BEGIN_DECLS

/* Limit of all events that wait for a target together, whatever their number. */
#define GST_COW_PUBLISH_MOST_BYTES (16 << 20)

typedef struct _GstCowPublishQueue GstCowPublishQueue;

/* Each event is counted in exactly one of the first three. */
typedef struct {
  guint64 queued; /* waiting, or being sent */
  guint64 sent;   /* arrived, as far as the target can tell */
  guint64 dropped;
  guint64 failures; /* attempts to connect or send that failed */
  gboolean connected;
} GstCowPublishCounts;

/* Starts the thread; NULL where it does not start. Takes the target. Warnings come from `element`,
 * to which the queue has a weak reference. */
GstCowPublishQueue *gst_cow_publish_queue_new (GstCowPublishTarget *target, guint size,
                                               GstElement *element, GError **error);

/* Adds an event, a GRefString of which the queue takes a reference. `wait`: for room, until a flush
 * or gst_cow_publish_queue_release (), and the event is dropped when there is none after that. Any
 * thread. */
void gst_cow_publish_queue_push (GstCowPublishQueue *self, char *event, gboolean wait);
/* Has neither a push nor gst_cow_publish_queue_drain () wait any more. Any thread. */
void gst_cow_publish_queue_release (GstCowPublishQueue *self);
/* Whether the target is gone for good, so that all events are dropped. Any thread. */
gboolean gst_cow_publish_queue_is_gone (GstCowPublishQueue *self);
/* Calls set_state () of the target. Any thread. */
void gst_cow_publish_queue_set_state (GstCowPublishQueue *self, const char *name, const char *label,
                                      const GstStructure *results);
/* Whether the target takes events as rows of a table and not as JSON. Any thread. */
gboolean gst_cow_publish_queue_takes_rows (GstCowPublishQueue *self);
void gst_cow_publish_queue_get_counts (GstCowPublishQueue *self, GstCowPublishCounts *counts);
const char *gst_cow_publish_queue_name (GstCowPublishQueue *self);

/* Waits until nothing is queued, until `deadline` (g_get_monotonic_time ()), for a flush or for
 * gst_cow_publish_queue_release (). When events were sent until the deadline, there is another
 * after `extension` (us; 0: there is not). A target that failed is tried again at once. Returns
 * whether nothing is queued. */
gboolean gst_cow_publish_queue_drain (GstCowPublishQueue *self, gint64 deadline, gint64 extension);
/* While this is set, neither gst_cow_publish_queue_drain () nor a push waits. Any thread. */
void gst_cow_publish_queue_set_flushing (GstCowPublishQueue *self, gboolean flushing);
/* Has the thread end when everything is sent. No event may be pushed after this. */
void gst_cow_publish_queue_finish (GstCowPublishQueue *self);
/* Waits until the thread has ended or until `deadline` (g_get_monotonic_time ()), then cancels what
 * it is doing. A target that works and answers at once has a last moment even after that: it must
 * not lose the newest event because another one is dead. */
void gst_cow_publish_queue_wait (GstCowPublishQueue *self, gint64 deadline);
/* Drops the events that are left after gst_cow_publish_queue_wait (), and gives the final counts. A
 * thread that hangs in a system call, such as a look-up of a name, is abandoned
 * GST_COW_PUBLISH_GRACE after `deadline`. */
void gst_cow_publish_queue_end (GstCowPublishQueue *self, gint64 deadline,
                                GstCowPublishCounts *counts);
/* The last call. */
void gst_cow_publish_queue_unref (GstCowPublishQueue *self);

G_END_DECLS

#endif
