/* SPDX-License-Identifier: MIT */
/*
 * The way of a frame through the element: its regions, whether they are classified, what is known
 * of them onto the buffer and the bus. In blocking mode frames wait in line for their answers, up
 * to two batches of them; in non-blocking mode each goes on at once, and answers that come later
 * are for those that follow. All functions are for the streaming thread but where they say so.
 */
#ifndef GST_COW_STREAM_H
#define GST_COW_STREAM_H

#include <gst/video/video.h>

#include "gst-plugin/behavior/flight.h"
#include "gst-plugin/behavior/pace.h"
#include "gst-plugin/behavior/settings.h"
#include "gst-plugin/behavior/stats.h"
#include "model/engine/engine.h"

G_BEGIN_DECLS

typedef struct {
  GstElement *element; /* for messages; borrowed */

  CowEngine *engine;
  GstCowFrameSettings *settings; /* those of the last frame */
  GArray *mask;                  /* of gboolean, by class: settings->classes; NULL: all */
  GstVideoInfo info;
  GstClockTime frame_ns; /* duration of a frame */
  gboolean live, blocking;

  GstCowTracker tracker;
  GQueue flights;   /* of GstCowFlight, oldest first: blocking, frames in line; non-blocking, frames
                       that left before their answers */
  GstBuffer *ready; /* to go downstream; non-blocking */

  guint64 n_frames;
  gboolean asked; /* something was classified since the last reset; then when: */
  guint64 asked_frame;
  GstClockTime asked_time;
  GstClockTime last_time,
      last_step; /* running time of the last frame, and from the one before to it */

  gboolean detector; /* a frame of the stream had a detection */
  guint n_frames_without_roi;
  gboolean warned_outside;
  gint64 retry_us, warned_us; /* monotonic times after failures in non-blocking mode */
  GstCowStats stats;

  GMutex lock;           /* of what is below */
  CowTicket *ticket;     /* that the streaming thread waits for, or NULL */
  gboolean flushing;     /* nobody may wait */
  GstCowStats published; /* `stats` after the last frame, for other threads */
  GstCowCondition condition;
} GstCowStream;

void gst_cow_stream_init (GstCowStream *self, GstElement *element);
void gst_cow_stream_clear (GstCowStream *self);
/* Takes a reference to the engine and forgets all that was. */
void gst_cow_stream_start (GstCowStream *self, CowEngine *engine);
/* The mask that a list of classes means; NULL: all. COW_ERROR_ARGUMENT, and *error, names one that
 * the engine does not have; the others count. */
GArray *gst_cow_stream_mask (CowEngine *engine, const gchar *const *classes, GError **error);
void gst_cow_stream_stop (GstCowStream *self);
/* Another engine from the next frame on. What is known stays where both have the same classes; all
 * of it is due again. */
void gst_cow_stream_exchange (GstCowStream *self, CowEngine *engine);
/* Another picture: nothing of what is known of the old one holds. */
void gst_cow_stream_set_info (GstCowStream *self, const GstVideoInfo *info);
/* Any thread: while on, nobody waits for the engine, and whoever does is woken up. */
void gst_cow_stream_set_flushing (GstCowStream *self, gboolean flushing);

/* Any thread: what the property stats says. */
GstStructure *gst_cow_stream_get_stats (GstCowStream *self, CowEngine *engine);

/* Takes a writable buffer and a reference to the settings, and gives the frame's regions to the
 * engine where they are due. */
void gst_cow_stream_take (GstCowStream *self, GstBuffer *buffer, GstCowFrameSettings *settings,
                          const GstSegment *segment, const GstCowQos *qos);
/* *buffer: the next frame to go downstream, or NULL where none is to go before the next comes.
 * `all`: also those that could wait for more to come. GST_FLOW_FLUSHING, GST_FLOW_ERROR (and an
 * error message). */
GstFlowReturn gst_cow_stream_give (GstCowStream *self, gboolean all, GstBuffer **buffer);
/* Drops all frames in line, and answers that have not come. */
void gst_cow_stream_drop (GstCowStream *self);
/* Forgets what is known of cows and zones: another stream, another time. */
void gst_cow_stream_reset (GstCowStream *self);

G_END_DECLS

#endif
