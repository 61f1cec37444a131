/* SPDX-License-Identifier: MIT */
/*
 * The way of a frame through the element: its regions, their tracks, the schedule, the submission
 * of what is due, and the results onto the buffer and the bus. In blocking mode frames wait in a
 * queue for their own results; in live (non-blocking) mode each goes on at once, and results that
 * come later are for the frames that follow. Functions are for the streaming thread unless they say
 * "any thread". stream.c draws the states.
 */
#ifndef GST_COW_STREAM_H
#define GST_COW_STREAM_H

#include <gst/video/video.h>

#include "gst-plugin/behavior/context.h"
#include "gst-plugin/behavior/schedule.h"
#include "gst-plugin/behavior/settings.h"
#include "model/engine/engine.h"

G_BEGIN_DECLS

typedef struct _GstCowStream GstCowStream;

/* `element` and its context are borrowed; messages come from the element. */
GstCowStream *gst_cow_stream_new (GstElement *element, GstCowContext *context);
/* Stops it first. */
void gst_cow_stream_free (GstCowStream *self);

/* Refers to the engine. Nothing is known of an earlier stream, and counters begin at 0. Not while
 * buffers flow, nor is gst_cow_stream_stop (). */
void gst_cow_stream_start (GstCowStream *self, CowEngine *engine);
/* Drops all frames and gives the engine back. */
void gst_cow_stream_stop (GstCowStream *self);
/* Whether frames wait for their results, and whether the pipeline is live, which is only said in
 * the stats. When `blocking` changes, frames that are still in flight are dropped: drain first. */
void gst_cow_stream_set_mode (GstCowStream *self, gboolean blocking, gboolean live);
gboolean gst_cow_stream_is_blocking (const GstCowStream *self);
/* The format of the frames that follow. When it changes, what is known of the old picture is
 * forgotten. */
void gst_cow_stream_set_info (GstCowStream *self, const GstVideoInfo *info);
/* Refers to another engine for the frames that follow. What is known stays where both have the same
 * classes; all regions are due again. The number of the first frame that it gets. */
guint64 gst_cow_stream_set_engine (GstCowStream *self, CowEngine *engine);

/* Takes a writable buffer and a reference to the settings, and submits the regions that are due. */
void gst_cow_stream_push (GstCowStream *self, GstBuffer *buffer, GstCowFrameSettings *settings,
                          const GstSegment *segment, const GstCowQos *qos);
/*
 * *buffer is the next frame to go downstream, or NULL where none is to go before the next push.
 * `drain`: also the frames that could wait for others to share a batch with. GST_FLOW_FLUSHING, or
 * GST_FLOW_ERROR and an error message.
 */
GstFlowReturn gst_cow_stream_pull (GstCowStream *self, gboolean drain, GstBuffer **buffer);
/* Drops all frames in flight, and results that have not come. */
void gst_cow_stream_flush (GstCowStream *self);
/* Forgets what is known of cows and zones: another stream, another time. */
void gst_cow_stream_reset (GstCowStream *self);

/* Any thread: while on, nobody waits for the engine, and whoever does is woken up. */
void gst_cow_stream_set_flushing (GstCowStream *self, gboolean flushing);
/* Any thread: the duration of a frame by its caps, or a usual one. */
GstClockTime gst_cow_stream_get_frame_duration (GstCowStream *self);
/* Any thread: the value of the property stats. engine NULL: none is loaded. */
GstStructure *gst_cow_stream_get_stats (GstCowStream *self, CowEngine *engine);

G_END_DECLS

#endif
