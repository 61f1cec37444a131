/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of events and the thread that brings them to a target. Whoever puts an event in
 * never waits: when the queue is full, the oldest event is dropped and counted. The lock is never
 * held while the target is at work.
 */
#ifndef GST_COW_PUBLISH_QUEUE_H
#define GST_COW_PUBLISH_QUEUE_H

#include "gst-plugin/publish/target.h"

G_BEGIN_DECLS

/* Of all events that wait for a target, whatever their number. */
#define GST_COW_PUBLISH_MOST_BYTES (16 << 20)

typedef struct _GstCowPublishQueue GstCowPublishQueue;

/* Each event is in one of the first three. */
typedef struct {
  guint64 queued; /* waiting, or on their way */
  guint64 sent;   /* arrived, as far as the target can tell */
  guint64 dropped;
  guint64 failures; /* attempts to connect or send that failed */
  gboolean connected;
} GstCowPublishCounts;

/* Starts the thread. Takes the target. Warnings are posted in the name of `element`, which is not
 * held. */
GstCowPublishQueue *gst_cow_publish_queue_new (GstCowPublishTarget *target, guint size,
                                               GstElement *element);

/* Adds an event, a GRefString of which it takes a reference. From one thread or another. */
void gst_cow_publish_queue_push (GstCowPublishQueue *self, char *event);
/* Passed on to the target. */
void gst_cow_publish_queue_set_state (GstCowPublishQueue *self, const char *name, const char *label,
                                      const GValue *classes);
void gst_cow_publish_queue_get_counts (GstCowPublishQueue *self, GstCowPublishCounts *counts);
const char *gst_cow_publish_queue_name (GstCowPublishQueue *self);

/* Waits until nothing is queued, or until `deadline` (g_get_monotonic_time ()), or a flush; a
 * target that failed is tried at once. Whether nothing is queued. */
gboolean gst_cow_publish_queue_drain (GstCowPublishQueue *self, gint64 deadline);
/* From any thread: while this is set nobody waits in gst_cow_publish_queue_drain (). */
void gst_cow_publish_queue_set_flushing (GstCowPublishQueue *self, gboolean flushing);
/* Tells the thread to end when everything is sent; no event may come after this. */
void gst_cow_publish_queue_finish (GstCowPublishQueue *self);
/* Waits for that until `deadline` (g_get_monotonic_time ()), then cancels what is going on. */
void gst_cow_publish_queue_wait (GstCowPublishQueue *self, gint64 deadline);
/* After that: drops the rest, and gives the final counts. A thread that hangs in a system call,
 * such as looking up a name, is left to itself 2 s after it was cancelled. */
void gst_cow_publish_queue_end (GstCowPublishQueue *self, GstCowPublishCounts *counts);
/* After that. */
void gst_cow_publish_queue_unref (GstCowPublishQueue *self);

G_END_DECLS

#endif
