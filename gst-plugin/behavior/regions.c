/* SPDX-License-Identifier: MIT */
/* Which parts of a frame are to be classified. */
#include "gst-plugin/behavior/regions.h"

#include <math.h>

#include "gst-plugin/behavior/analytics.h"
#include "gst-plugin/common/gstcowbehaviormeta.h"

GType
gst_cow_inference_region_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_COW_INFERENCE_REGION_AUTO,
      "roi-list once a frame had a detection; before, zones where they are set, else full-frame",
      "auto" },
    { GST_COW_INFERENCE_REGION_FULL_FRAME, "Classify the whole frame", "full-frame" },
    { GST_COW_INFERENCE_REGION_ROI_LIST,
      "Classify each detection that an element upstream attached", "roi-list" },
    { GST_COW_INFERENCE_REGION_ZONES, "Classify each zone of the property zones", "zones" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCowInferenceRegion", values));
  return type;
}

static void
clear_target (gpointer data)
{
  g_clear_pointer (&((GstCowTarget *)data)->track, gst_cow_track_unref);
}

/* ---- detections ------------------------------------------------------------------------------ */

/* A meta's unsigned numbers as a region that overflows nowhere: what begins or ends beyond G_MAXINT
 * is far outside any frame. */
static CowRegion
region_of_roi (const GstVideoRegionOfInterestMeta *roi)
{
  return (CowRegion){
    .x = (int)MIN (roi->x, (guint)G_MAXINT / 2),
    .y = (int)MIN (roi->y, (guint)G_MAXINT / 2),
    .w = (int)MIN (roi->w, (guint)G_MAXINT / 2),
    .h = (int)MIN (roi->h, (guint)G_MAXINT / 2),
  };
}

static gboolean
uint_is (const GstStructure *structure, const char *field, guint64 value)
{
  guint found;

  return gst_structure_get_uint (structure, field, &found) && found == value;
}

/* Whether a cowbehavior upstream attached this region itself, for the full frame or a zone: then it
 * is no detection. */
static gboolean
is_place (const GstStructure *results, GQuark type, guint64 x, guint64 y, guint64 w, guint64 h)
{
  for (guint i = 0; i < gst_cow_behavior_n_objects (results); i++) {
    const GstStructure *object = gst_cow_behavior_object (results, i);

    if (g_strcmp0 (gst_structure_get_string (object, "region"),
                   gst_cow_place_name (GST_COW_PLACE_ROI)) != 0 &&
        g_strcmp0 (gst_structure_get_string (object, "roi_type"), g_quark_to_string (type)) == 0 &&
        uint_is (object, "x", x) && uint_is (object, "y", y) && uint_is (object, "w", w) &&
        uint_is (object, "h", h))
      return TRUE;
  }
  return FALSE;
}

/* The results of all cowbehavior upstream. */
static GPtrArray *
earlier_results (GstBuffer *buffer)
{
  const GstMetaInfo *info = gst_meta_get_info (GST_COW_BEHAVIOR_META_NAME);
  GPtrArray *results = g_ptr_array_new ();
  gpointer state = NULL;
  GstMeta *meta;

  while (info && (meta = gst_buffer_iterate_meta_filtered (buffer, &state, info->api)))
    g_ptr_array_add (results, gst_custom_meta_get_structure ((GstCustomMeta *)meta));
  return results;
}

static gboolean
is_any_place (const GPtrArray *results, GQuark type, guint64 x, guint64 y, guint64 w, guint64 h)
{
  for (guint i = 0; i < results->len; i++) {
    if (is_place (g_ptr_array_index (results, i), type, x, y, w, h))
      return TRUE;
  }
  return FALSE;
}

/* What a tracker said of a region, as DL Streamer's does: a structure object_id with a field id. */
static gboolean
tracker_id (GstVideoRegionOfInterestMeta *roi, guint64 *id)
{
  GstStructure *param = gst_video_region_of_interest_meta_get_param (roi, "object_id");
  const GValue *value = param ? gst_structure_get_value (param, "id") : NULL;
  GValue wide = G_VALUE_INIT;
  gboolean ok;

  if (!value)
    return FALSE;
  g_value_init (&wide, G_TYPE_UINT64);
  ok = g_value_type_transformable (G_VALUE_TYPE (value), G_TYPE_UINT64) &&
       g_value_transform (value, &wide);
  *id = g_value_get_uint64 (&wide);
  g_value_unset (&wide);
  return ok;
}

static void
add_roi (GArray *targets, GstVideoRegionOfInterestMeta *roi)
{
  GstCowTarget target = { .place = GST_COW_PLACE_ROI,
                          .box = region_of_roi (roi),
                          .type = roi->roi_type,
                          .roi_id = roi->id,
                          .roi = roi };

  if (tracker_id (roi, &target.source_id)) {
    target.source = GST_COW_ID_TRACKER;
  } else if (roi->id > 0) {
    target.source = GST_COW_ID_ROI;
    target.source_id = (guint64)roi->id;
  }
  g_array_append_val (targets, target);
}

/* An object detection of GstAnalytics: beside the region of interest that some detectors attach for
 * the same box, or by itself. */
static void
add_detection (GArray *targets, guint n_rois, const GstCowDetection *detection)
{
  GstCowTarget new = { .place = GST_COW_PLACE_ROI,
                       .box = { detection->x, detection->y, detection->w, detection->h },
                       .type = detection->type,
                       .roi_id = -1 };
  GstCowTarget *target = NULL;

  for (guint i = 0; i < n_rois && !target; i++) {
    GstCowTarget *roi = &g_array_index (targets, GstCowTarget, i);

    if (!roi->has_od && roi->box.x == detection->x && roi->box.y == detection->y &&
        roi->box.w == detection->w && roi->box.h == detection->h)
      target = roi;
  }
  if (!target) {
    g_array_append_val (targets, new);
    target = &g_array_index (targets, GstCowTarget, targets->len - 1);
  }
  target->has_od = TRUE;
  target->od = detection->id;
  if (detection->tracked) {
    target->source = GST_COW_ID_TRACKER;
    target->source_id = detection->track;
  }
}

/* Appends all detections of a buffer, as they are. */
static void
collect_detections (GstBuffer *buffer, GArray *targets)
{
  g_autoptr (GArray) detections = g_array_new (FALSE, FALSE, sizeof (GstCowDetection));
  g_autoptr (GPtrArray) earlier = earlier_results (buffer);
  gpointer state = NULL;
  GstMeta *meta;
  guint n_rois;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
                                                   GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *)meta;

    if (!is_any_place (earlier, roi->roi_type, roi->x, roi->y, roi->w, roi->h))
      add_roi (targets, roi);
  }
  n_rois = targets->len;
  gst_cow_analytics_collect (buffer, detections);
  for (guint i = 0; i < detections->len; i++) {
    const GstCowDetection *detection = &g_array_index (detections, GstCowDetection, i);

    if (!is_any_place (earlier, detection->type, (guint64)detection->x, (guint64)detection->y,
                       (guint64)detection->w, (guint64)detection->h))
      add_detection (targets, n_rois, detection);
  }
}

/* A box with its padding on each side, in 64 bits because a box may be as large as an int. */
static CowRegion
pad (const CowRegion *box, gdouble padding, gint width, gint height)
{
  gint64 dx = llrint (box->w * padding), dy = llrint (box->h * padding);
  gint64 left = MAX (box->x - dx, 0), top = MAX (box->y - dy, 0);
  gint64 right = MIN ((gint64)box->x + box->w + dx, width),
         bottom = MIN ((gint64)box->y + box->h + dy, height);

  return (CowRegion){ (int)left, (int)top, (int)(right - left), (int)(bottom - top) };
}

/* Whether a detection is to be classified; clips and pads it. */
static gboolean
accept (GstCowTarget *target, const GstCowRegionFilter *filter, gint width, gint height,
        GstCowRegionCounts *counts)
{
  const char *type = g_quark_to_string (target->type);

  if (filter->object_class && filter->object_class[0] &&
      (!type || !g_strv_contains (filter->object_class, type))) {
    counts->other_class++;
    return FALSE;
  }
  if (!cow_region_clip (&target->box, width, height, NULL)) {
    counts->outside++;
    return FALSE;
  }
  if ((guint)target->box.w < filter->min_size || (guint)target->box.h < filter->min_size) {
    counts->small++;
    return FALSE;
  }
  target->crop = pad (&target->box, filter->padding, width, height);
  return TRUE;
}

/* ---- places ---------------------------------------------------------------------------------- */

static void
add_place (GArray *targets, GstCowPlace place, const CowRegion *box, const char *type)
{
  GstCowTarget target = {
    .place = place,
    .box = *box,
    .crop = *box,
    .type = g_quark_from_string (type),
    .roi_id = -1,
    .source = GST_COW_ID_PLACE,
  };

  /* a zone is the same as long as its name is, and never the full frame */
  target.source_id = place == GST_COW_PLACE_ZONE ? target.type : 0;
  g_array_append_val (targets, target);
}

GArray *
gst_cow_regions_collect (GstBuffer *buffer, const GstCowRegionFilter *filter, gint width,
                         gint height, gboolean *detector, GstCowInferenceRegion *mode_used,
                         GstCowRegionCounts *counts)
{
  GArray *targets = g_array_new (FALSE, TRUE, sizeof (GstCowTarget));
  const gboolean automatic = filter->mode == GST_COW_INFERENCE_REGION_AUTO;
  guint n = 0;

  *counts = (GstCowRegionCounts){ 0 };
  *mode_used = filter->mode;
  g_array_set_clear_func (targets, clear_target);

  if (automatic || filter->mode == GST_COW_INFERENCE_REGION_ROI_LIST) {
    collect_detections (buffer, targets);
    *detector |= targets->len > 0;
  }
  if (automatic && *detector)
    *mode_used = GST_COW_INFERENCE_REGION_ROI_LIST;
  else if (automatic)
    *mode_used = filter->zones && filter->zones->len > 0 ? GST_COW_INFERENCE_REGION_ZONES
                                                         : GST_COW_INFERENCE_REGION_FULL_FRAME;

  for (guint i = 0; i < targets->len; i++) {
    GstCowTarget *target = &g_array_index (targets, GstCowTarget, i);

    if (accept (target, filter, width, height, counts))
      g_array_index (targets, GstCowTarget, n++) = *target;
  }
  g_array_set_size (targets, n);

  if (*mode_used == GST_COW_INFERENCE_REGION_FULL_FRAME)
    add_place (targets, GST_COW_PLACE_FRAME, &(CowRegion){ 0, 0, width, height }, "frame");
  for (guint i = 0;
       *mode_used == GST_COW_INFERENCE_REGION_ZONES && filter->zones && i < filter->zones->len;
       i++) {
    const GstCowZone *zone = &g_array_index (filter->zones, GstCowZone, i);
    CowRegion box = gst_cow_zone_region (zone, width, height);

    add_place (targets, GST_COW_PLACE_ZONE, &box, zone->name);
  }
  return targets;
}
