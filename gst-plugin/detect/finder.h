/* SPDX-License-Identifier: MIT */
/*
 * What one stream knows of the cows in it: some frames go to the engine, and what it finds there
 * makes tracks, which all frames carry. A frame that was not looked at has the cows of the last one
 * that was, where they should be by now. Functions are for the streaming thread unless they say
 * "any thread".
 */
#ifndef GST_COW_FINDER_H
#define GST_COW_FINDER_H

#include <gst/video/video.h>

#include "gst-plugin/common/moment.h"
#include "gst-plugin/detect/telling.h"
#include "model/engine/engine.h"

G_BEGIN_DECLS

typedef struct _GstCowFinder GstCowFinder;

/* The value of `threshold` that stands for the adapter's own. */
#define GST_COW_FINDER_OF_ADAPTER (-1.0f)

/* The most columns, and rows, of tiles. */
#define GST_COW_FINDER_MAX_TILES 7

/* How frames are looked at. */
typedef struct {
  gboolean blocking;     /* a frame that is looked at waits for what is found in it */
  guint interval;        /* every n-th frame is looked at */
  guint columns, rows;   /* of tiles that are looked at besides the whole frame; 1 and 1: none */
  gfloat threshold;      /* the score that a cow needs, or GST_COW_FINDER_OF_ADAPTER */
  GstCowTelling telling; /* of engines that tell what cows do */
} GstCowFinding;

/* `element` is borrowed; messages come from it. */
GstCowFinder *gst_cow_finder_new (GstElement *element);
void gst_cow_finder_free (GstCowFinder *self);
/* A new start of the element, with an engine that detects. */
void gst_cow_finder_start (GstCowFinder *self, CowEngine *engine);
void gst_cow_finder_stop (GstCowFinder *self);
/* Drops the frame that the engine has. */
void gst_cow_finder_flush (GstCowFinder *self);
/* Forgets all cows: another stream, another time, another size. */
void gst_cow_finder_reset (GstCowFinder *self);
/* Any thread: while on, nobody waits for the engine, and whoever does is woken up. */
void gst_cow_finder_set_flushing (GstCowFinder *self, gboolean flushing);

/*
 * Attaches the cows of a frame to its buffer, which is writable: a GstVideoRegionOfInterestMeta
 * each, as DL Streamer's detectors and trackers write them, and with GstAnalytics an object
 * detection with a track; where the engine tells what they do, that too, as telling.h says.
 * GST_FLOW_FLUSHING: a flush came first. GST_FLOW_ERROR: blocking, and the
 * frame could not be looked at; an error was posted. Otherwise that is a warning, at most one in
 * ten seconds.
 */
GstFlowReturn gst_cow_finder_push (GstCowFinder *self, GstBuffer *buffer, const GstVideoInfo *info,
                                   const GstCowMoment *moment, const GstCowFinding *how);
/* Any thread: the value of the property stats. engine NULL: none is loaded. */
GstStructure *gst_cow_finder_get_stats (GstCowFinder *self, CowEngine *engine);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstCowFinder, gst_cow_finder_free)

G_END_DECLS

#endif
