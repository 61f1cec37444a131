/* SPDX-License-Identifier: MIT */
/* Which parts of a frame are to be classified. */
#ifndef GST_COW_REGIONS_H
#define GST_COW_REGIONS_H

#include <gst/video/video.h>

#include "gst-plugin/behavior/tracker.h"
#include "gst-plugin/behavior/zones.h"
#include "gst-plugin/common/custom-meta.h"
#include "model/adapter/preprocess.h"

G_BEGIN_DECLS

/* The property inference-region, with the names of DL Streamer where it has them. */
typedef enum {
  GST_COW_INFERENCE_REGION_AUTO,
  GST_COW_INFERENCE_REGION_FULL_FRAME,
  GST_COW_INFERENCE_REGION_ROI_LIST, /* what a detector upstream attached */
  GST_COW_INFERENCE_REGION_ZONES     /* the property zones */
} GstCowInferenceRegion;

GType gst_cow_inference_region_get_type (void);
#define GST_TYPE_COW_INFERENCE_REGION (gst_cow_inference_region_get_type ())

/* One part of one frame. */
typedef struct {
  GstCowPlace place;
  CowRegion box;  /* what results show; inside the frame, at least 1 x 1 px */
  CowRegion crop; /* what is classified: the box with its padding, inside the frame */
  GQuark type;    /* "frame", the zone's name, or what the detector calls it */
  gint roi_id;    /* of the GstVideoRegionOfInterestMeta; -1 where there is none */

  GstVideoRegionOfInterestMeta *roi; /* the buffer's, valid while it stays on it; or NULL */
  gboolean has_od;
  guint od; /* the object detection's id in the buffer's GstAnalyticsRelationMeta */

  GstCowIdSource source; /* what upstream says about who it is */
  guint64 source_id;
  GstCowTrack *track; /* a reference, or NULL before the tracker saw it */
} GstCowTarget;

/* What the user wants of all regions. Borrowed. */
typedef struct {
  GstCowInferenceRegion mode;
  const GArray *zones; /* of GstCowZone */
  const char *const
      *object_class; /* NULL-terminated types that are classified; NULL or empty: all */
  guint min_size;    /* px of width and of height */
  gdouble padding;   /* around a detection, as a fraction of its width and height */
} GstCowRegionFilter;

/* Regions of detections that are not classified. */
typedef struct {
  guint outside; /* of the frame, or without size */
  guint small;
  guint other_class;
} GstCowRegionCounts;

/*
 * The targets of a buffer, clipped to width x height px, as an array of GstCowTarget that holds
 * their tracks; free with g_array_unref (). *mode_used is what `auto` meant. *detector tells, and
 * is set, whether this stream has had a detection: then `auto` no longer takes a frame without one
 * for a frame without detector.
 */
GArray *gst_cow_regions_collect (GstBuffer *buffer, const GstCowRegionFilter *filter, gint width,
                                 gint height, gboolean *detector, GstCowInferenceRegion *mode_used,
                                 GstCowRegionCounts *counts);

G_END_DECLS

#endif
