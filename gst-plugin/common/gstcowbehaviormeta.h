/* SPDX-License-Identifier: MIT */
/*
 * How applications read what `cowbehavior` found. It needs no library but GStreamer's, since the
 * metadata is a GstCustomMeta (one GstStructure for each buffer and element) and everything here is
 * inline.
 *
 * The structure has
 *   model_name     string                 the adapter that answered
 *   classes        array of string        by index
 *   objects        array of GstStructure  one for each classified region
 * and each object, named "object", has
 *   x, y, w, h     uint                   the region in pixels of the buffer; videoscale and
 *                                         videoconvertscale scale it along
 *   region         string                 what it is: "frame", "zone", or "roi" for a detection
 *   roi_type       string                 "frame", the zone's name, or the detector's name for it
 *   id             int                    of the region's GstVideoRegionOfInterestMeta; -1 where
 *                                         there is none
 *   track_id       uint64                 the same from frame to frame; detections only
 *   label          string                 the likeliest class, or "unknown" when its probability is
 *                                         below the threshold
 *   label_id       int                    its index; -1 for "unknown"
 *   confidence     double                 its probability; for "unknown" that of the likeliest
 *                                         class
 *   top            array of GstStructure  the top-k likeliest, each named "class" with label,
 *                                         label_id and confidence, in falling order
 *   probabilities  array of double        of all classes, by index
 *   frames_ago     uint                   0: from this very frame; n: carried over from the n-th
 *                                         frame before
 *   age            uint64                 the same in ns of running time; absent without timestamps
 *
 * Two `cowbehavior` in one pipeline attach two metas. gst_buffer_iterate_meta_filtered () with the
 * API type of gst_meta_get_info (GST_COW_BEHAVIOR_META_NAME) finds them all, the functions here the
 * first.
 */
#ifndef GST_COW_BEHAVIOR_META_H
#define GST_COW_BEHAVIOR_META_H

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_COW_BEHAVIOR_META_NAME "GstCowBehaviorMeta"

/*
 * The results of the first `cowbehavior` that saw this buffer, or NULL when none did. Belongs to
 * the buffer. The plugins register the metadata: before one of them is loaded, this returns
 * NULL.
 */
static inline GstStructure *
gst_buffer_get_cow_behavior (GstBuffer *buffer)
{
  GstCustomMeta *meta = gst_meta_get_info (GST_COW_BEHAVIOR_META_NAME)
                            ? gst_buffer_get_custom_meta (buffer, GST_COW_BEHAVIOR_META_NAME)
                            : NULL;

  return meta ? gst_custom_meta_get_structure (meta) : NULL;
}

static inline guint
gst_cow_behavior_n_objects (const GstStructure *results)
{
  const GValue *objects = gst_structure_get_value (results, "objects");

  return objects && GST_VALUE_HOLDS_ARRAY (objects) ? gst_value_array_get_size (objects) : 0;
}

/* Object i of the results, NULL when there are not so many, or it is none. Belongs to them. */
static inline const GstStructure *
gst_cow_behavior_object (const GstStructure *results, guint i)
{
  const GValue *object;

  if (i >= gst_cow_behavior_n_objects (results))
    return NULL;
  object = gst_value_array_get_value (gst_structure_get_value (results, "objects"), i);
  return GST_VALUE_HOLDS_STRUCTURE (object) ? gst_value_get_structure (object) : NULL;
}

G_END_DECLS

#endif
