/* SPDX-License-Identifier: MIT */
/* Which parts of a frame may be classified: all of it, zones, or detections. */
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
  gboolean has_od;                   /* whether the buffer has an object detection of it */
  guint od;          /* the id of that detection in the buffer's GstAnalyticsRelationMeta */
  gfloat confidence; /* of the detector, 0..1; 1 where it does not say */

  GstCowIdSource source; /* what upstream says about who it is */
  guint64 source_id;
  GstCowTrack *track; /* a reference, or NULL before the tracker saw it */
} GstCowTarget;

/* The user's choice of regions. Borrowed. */
typedef struct {
  GstCowInferenceRegion mode;
  const GArray *zones; /* of GstCowZone, or NULL */
  const char *const
      *object_class; /* NULL-terminated types that are classified; NULL or empty: all */
  guint min_size;    /* px of width and of height */
  gdouble padding;   /* around a detection, as a fraction of its width and height */
} GstCowRegionFilter;

/* The detections of one frame. */
typedef struct {
  gboolean wanted;   /* whether detections are what is classified */
  guint seen;        /* all that the frame has */
  guint outside;     /* not classified: outside the frame, or without size */
  guint small;       /* not classified: smaller than min_size */
  guint other_class; /* not classified: of a type that is not in object_class */
} GstCowRegionCounts;

/* Memory of the frames before. */
typedef struct {
  GstElement *element;     /* for warnings; borrowed */
  gboolean had_detection;  /* whether a frame of this stream had one: then `auto` no longer takes a
                              frame without one for a frame without detector */
  guint n_without;         /* frames in roi-list mode before the first with a detection */
  gboolean warned_outside; /* whether the warning about regions outside the frame was posted */
} GstCowRegions;

/* A new start of the element. */
void gst_cow_regions_start (GstCowRegions *self, GstElement *element);
/* A new stream: no frame of it had a detection. */
void gst_cow_regions_reset (GstCowRegions *self);
/*
 * The targets of a buffer, clipped to the frame, as an array of GstCowTarget that holds their
 * tracks; free with g_array_unref (). Posts warnings, once each: detections outside the frame, and
 * roi-list without any detection in the first 100 frames. `frame` is the frame's number.
 */
GArray *gst_cow_regions_collect (GstCowRegions *self, GstBuffer *buffer,
                                 const GstCowRegionFilter *filter, const GstVideoInfo *info,
                                 guint64 frame, GstCowRegionCounts *counts);

G_END_DECLS

#endif
