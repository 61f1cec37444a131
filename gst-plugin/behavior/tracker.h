/* SPDX-License-Identifier: MIT */
/*
 * Tracks: who is who from frame to frame, and what is known of each. What upstream says about
 * identity counts most (the id of a tracker, then the id of a region of interest). A detection
 * without an id that counts is matched to a track by the overlap with where its cow should be by
 * now and, where there is an embedding, by her looks; sure detections come before unsure ones, as
 * in ByteTrack. Only the streaming thread uses a tracker and its tracks.
 */
#ifndef GST_COW_TRACKER_H
#define GST_COW_TRACKER_H

#include <gst/gst.h>

#include "gst-plugin/behavior/looks.h"
#include "gst-plugin/behavior/motion.h"
#include "gst-plugin/behavior/smoother.h"
#include "gst-plugin/common/custom-meta.h"
#include "model/adapter/preprocess.h"

G_BEGIN_DECLS

typedef enum {
  GST_COW_ID_NONE,
  GST_COW_ID_ROI, /* the id of a GstVideoRegionOfInterestMeta; some detectors number boxes in it,
                     not objects */
  GST_COW_ID_TRACKER, /* the id that a tracker gave */
  GST_COW_ID_PLACE    /* a zone or the full frame: it never moves, nor is matched to detections */
} GstCowIdSource;

/* A region of one frame, as the tracker sees it. */
typedef struct {
  CowRegion box;
  GstCowIdSource source;
  guint64 id;             /* in the numbering of that source */
  gdouble score;          /* of the detector, 0..1; 1 where it does not say */
  const float *embedding; /* [n_embedding] how it looks (looks.h), borrowed; NULL: not known */
  guint n_embedding;
} GstCowSighting;

/* Frames after which a track is forgotten whose cow can be told by her looks. Where she can not, it
 * is GST_COW_TRACKER_PATIENCE. */
#define GST_COW_TRACKER_MEMORY (20 * GST_COW_TRACKER_PATIENCE)

/* The brightness of a region in cells, row by row. */
#define GST_COW_GLANCE_CELLS 16 /* along a side */
typedef struct {
  gboolean known;
  CowRegion region;
  guint8 cells[GST_COW_GLANCE_CELLS * GST_COW_GLANCE_CELLS];
} GstCowGlance;

/* One cow or place. */
typedef struct {
  guint refs;
  GstCowIdSource source; /* what it was last known by */
  guint64 source_id;
  guint64 id; /* the source's, or a number of the tracker's own from 1 */
  CowRegion box;
  guint64 seen_frame;  /* the last that it was in */
  GstClockTime since;  /* running time of the first; for whoever tells of it, NONE at first */
  GstCowMotion motion; /* since then; not of a place */
  GstCowLooks looks;

  /* the last time that its picture was submitted to the engine; valid while `submitted` */
  gboolean submitted;
  guint64 submitted_frame;
  CowRegion submitted_box;
  GstCowGlance glance; /* at what was submitted; the motion gate's */

  /* its newest result, smoother.state; valid while `known` */
  gboolean known;
  guint64 known_frame;
  GstClockTime known_time; /* running time of that frame, or GST_CLOCK_TIME_NONE */
  GstCowSmoother smoother;

  gboolean posted;   /* whether a message named its label */
  gint posted_class; /* the class in the last such message, -1 for unknown */
} GstCowTrack;

typedef struct {
  GPtrArray *tracks; /* of GstCowTrack, at most GST_COW_TRACKER_MAX */
  guint64 next_id;
  gint trust; /* in the ids of GST_COW_ID_ROI: more than 0 while they behave like ids of objects */
  guint64 n_evicted;
} GstCowTracker;

void gst_cow_tracker_init (GstCowTracker *self);
void gst_cow_tracker_clear (GstCowTracker *self);
/* Forgets all tracks. */
void gst_cow_tracker_reset (GstCowTracker *self);
/* Makes all tracks due again: another engine has not seen them. */
void gst_cow_tracker_invalidate (GstCowTracker *self);
/*
 * Finds or makes the track of each of n sightings of one frame, whose number is larger than that of
 * the call before. tracks [n] are references for the caller; no two are the same.
 */
void gst_cow_tracker_update (GstCowTracker *self, guint64 frame, const GstCowSighting *sightings,
                             guint n, GstCowTrack **tracks);

GstCowTrack *gst_cow_track_ref (GstCowTrack *track);
void gst_cow_track_unref (GstCowTrack *track);

/* Area of the intersection over area of the union, 0..1. */
gdouble gst_cow_iou (const CowRegion *a, const CowRegion *b);

G_END_DECLS

#endif
