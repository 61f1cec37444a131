/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of events and the thread that sends them to a target. A push never waits: when
 * the queue is full, the oldest event is dropped and counted. The lock is never held while the
 * target is at work.
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

/* Starts the thread. Takes the target. Warnings come from `element`, to which the queue has a weak
 * reference. */
GstCowPublishQueue *gst_cow_publish_queue_new (GstCowPublishTarget *target, guint size,
                                               GstElement *element);

/* Adds an event, a GRefString of which the queue takes a reference. Any thread. */
void gst_cow_publish_queue_push (GstCowPublishQueue *self, char *event);
/* Calls set_state () of the target. Any thread. */
void gst_cow_publish_queue_set_state (GstCowPublishQueue *self, const char *name, const char *label,
                                      const GValue *classes);
void gst_cow_publish_queue_get_counts (GstCowPublishQueue *self, GstCowPublishCounts *counts);
const char *gst_cow_publish_queue_name (GstCowPublishQueue *self);

/* Waits until nothing is queued, until `deadline` (g_get_monotonic_time ()), or for a flush. A
 * target that failed is tried again at once. Returns whether nothing is queued. */
gboolean gst_cow_publish_queue_drain (GstCowPublishQueue *self, gint64 deadline);
/* While this is set, gst_cow_publish_queue_drain () does not wait. Any thread. */
void gst_cow_publish_queue_set_flushing (GstCowPublishQueue *self, gboolean flushing);
/* Has the thread end when everything is sent. No event may be pushed after this. */
void gst_cow_publish_queue_finish (GstCowPublishQueue *self);
/* Waits until the thread has ended or until `deadline` (g_get_monotonic_time ()), then cancels what
 * it is doing. */
void gst_cow_publish_queue_wait (GstCowPublishQueue *self, gint64 deadline);
/* Drops the events that are left after gst_cow_publish_queue_wait (), and gives the final counts. A
 * thread that hangs in a system call, such as a look-up of a name, is abandoned 2 s after it was
 * cancelled. */
void gst_cow_publish_queue_end (GstCowPublishQueue *self, GstCowPublishCounts *counts);
/* The last call. */
void gst_cow_publish_queue_unref (GstCowPublishQueue *self);

G_END_DECLS

#endif
