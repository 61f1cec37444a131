/* SPDX-License-Identifier: MIT */
/* Which parts of a frame may be classified. */
#include "gst-plugin/behavior/regions.h"

#include <math.h>

#include "gst-plugin/common/analytics.h"
#include "gst-plugin/common/gstcowbehaviormeta.h"

/* Frames without any detection, in roi-list mode, after which the user is told that a detector
 * seems to be missing. */
#define FRAMES_WITHOUT_REGIONS 100
/* A detector that writes a box in both kinds of metadata may round it in two ways. */
#define SAME_BOX_PX 1

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

/* The unsigned numbers of a meta as a region that overflows nowhere. A region that begins or ends
 * beyond G_MAXINT is far outside any frame. */
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

    if (object &&
        g_strcmp0 (gst_structure_get_string (object, "region"),
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

/* The id that a tracker gave a region, in the way of DL Streamer's: a structure object_id with a
 * field id. */
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

/* The confidence that a detector gave a region, in the way of DL Streamer's: a structure detection
 * with a field confidence; 1 where there is none. */
static gfloat
roi_confidence (GstVideoRegionOfInterestMeta *roi)
{
  GstStructure *param = gst_video_region_of_interest_meta_get_param (roi, "detection");
  gdouble confidence;

  if (!param || !gst_structure_get_double (param, "confidence", &confidence) ||
      !(confidence >= 0 && confidence <= 1))
    return 1;
  return (gfloat)confidence;
}

/* Whether two boxes are the same inside the frame. A region of interest cannot begin left of the
 * frame or above it, so that its box may be cut where that of the object detection is not. */
static gboolean
is_same_box (CowRegion a, CowRegion b, gint width, gint height)
{
  if (a.x == b.x && a.y == b.y && a.w == b.w && a.h == b.h)
    return TRUE;
  if (!cow_region_clip (&a, width, height, NULL) || !cow_region_clip (&b, width, height, NULL))
    return FALSE;
  return ABS (a.x - b.x) <= SAME_BOX_PX && ABS (a.y - b.y) <= SAME_BOX_PX &&
         ABS (a.x + a.w - b.x - b.w) <= SAME_BOX_PX && ABS (a.y + a.h - b.y - b.h) <= SAME_BOX_PX;
}

/* The object detection of GstAnalytics that stands for the same cow as a region of interest: one
 * with the same box, and where there are several the one of the same type. */
static GstCowTarget *
find_detection (GArray *targets, const GstVideoRegionOfInterestMeta *roi, gint width, gint height)
{
  GstCowTarget *found = NULL;

  for (guint i = 0; i < targets->len; i++) {
    GstCowTarget *target = &g_array_index (targets, GstCowTarget, i);

    if (!target->has_od || target->roi ||
        !is_same_box (target->box, region_of_roi (roi), width, height))
      continue;
    if (target->type == roi->roi_type)
      return target;
    found = found ? found : target;
  }
  return found;
}

/*
 * Who a region of interest is. Its id says nothing where it is the id of its object detection,
 * which is only a place in the buffer's metadata: so DL Streamer marks the pair.
 */
static void
identify_roi (GstCowTarget *target, GstVideoRegionOfInterestMeta *roi)
{
  if (target->source == GST_COW_ID_TRACKER)
    return;
  if (tracker_id (roi, &target->source_id)) {
    target->source = GST_COW_ID_TRACKER;
  } else if (roi->id > 0 && !(target->has_od && target->od == (guint)roi->id)) {
    target->source = GST_COW_ID_ROI;
    target->source_id = (guint64)roi->id;
  }
}

static void
add_roi (GArray *targets, GstVideoRegionOfInterestMeta *roi, gint width, gint height)
{
  const GstCowTarget new = { .place = GST_COW_PLACE_ROI,
                             .box = region_of_roi (roi),
                             .type = roi->roi_type,
                             .confidence = roi_confidence (roi) };
  GstCowTarget *target = find_detection (targets, roi, width, height);

  if (!target) {
    g_array_append_val (targets, new);
    target = &g_array_index (targets, GstCowTarget, targets->len - 1);
  }
  target->roi = roi;
  target->roi_id = roi->id;
  if (!target->type)
    target->type = roi->roi_type;
  identify_roi (target, roi);
}

static void
add_detection (GArray *targets, const GstCowDetection *detection)
{
  const GstCowTarget new = {
    .place = GST_COW_PLACE_ROI,
    .box = { detection->x, detection->y, detection->w, detection->h },
    .type = detection->type,
    .roi_id = -1,
    .has_od = TRUE,
    .od = detection->id,
    .confidence = detection->confidence,
    .source = detection->tracked ? GST_COW_ID_TRACKER : GST_COW_ID_NONE,
    .source_id = detection->tracked ? detection->track : 0,
  };

  g_array_append_val (targets, new);
}

/* Appends all detections of a buffer, as they are: first those of GstAnalytics, then the regions of
 * interest that are not one of them. */
static void
collect_detections (GstBuffer *buffer, GArray *targets, gint width, gint height)
{
  g_autoptr (GArray) detections = g_array_new (FALSE, FALSE, sizeof (GstCowDetection));
  g_autoptr (GPtrArray) earlier = earlier_results (buffer);
  gpointer state = NULL;
  GstMeta *meta;

  gst_cow_analytics_collect (buffer, detections);
  for (guint i = 0; i < detections->len; i++) {
    const GstCowDetection *detection = &g_array_index (detections, GstCowDetection, i);

    if (!is_any_place (earlier, detection->type, (guint64)detection->x, (guint64)detection->y,
                       (guint64)detection->w, (guint64)detection->h))
      add_detection (targets, detection);
  }
  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state,
                                                   GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *)meta;

    if (!is_any_place (earlier, roi->roi_type, roi->x, roi->y, roi->w, roi->h))
      add_roi (targets, roi, width, height);
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
    .confidence = 1,
    .source = GST_COW_ID_PLACE,
  };

  /* a zone is the same as long as its name is, and never the full frame */
  target.source_id = place == GST_COW_PLACE_ZONE ? target.type : 0;
  g_array_append_val (targets, target);
}

static void
add_zones (GArray *targets, const GArray *zones, gint width, gint height)
{
  for (guint i = 0; zones && i < zones->len; i++) {
    const GstCowZone *zone = &g_array_index (zones, GstCowZone, i);
    CowRegion box = gst_cow_zone_region (zone, width, height);

    add_place (targets, GST_COW_PLACE_ZONE, &box, zone->name);
  }
}

/* ---- warnings -------------------------------------------------------------------------------- */

static void
warn_of_outside (GstCowRegions *self, const GstVideoInfo *info, guint64 frame)
{
  if (self->warned_outside)
    return;
  self->warned_outside = TRUE;
  GST_ELEMENT_WARNING (
      self->element, STREAM, FORMAT,
      ("Regions of interest outside the frame or without size are not classified."),
      ("first seen in frame %" G_GUINT64_FORMAT " of %dx%d px", frame, GST_VIDEO_INFO_WIDTH (info),
       GST_VIDEO_INFO_HEIGHT (info)));
}

/* A frame in roi-list mode, with this many detections. */
static void
watch_for_detector (GstCowRegions *self, guint n_seen)
{
  if (self->n_without >= FRAMES_WITHOUT_REGIONS)
    return;
  self->n_without = n_seen > 0 ? FRAMES_WITHOUT_REGIONS : self->n_without + 1;
  if (self->n_without == FRAMES_WITHOUT_REGIONS && n_seen == 0)
    GST_ELEMENT_WARNING (self->element, STREAM, FAILED,
                         ("No frame had a region of interest yet: inference-region=roi-list needs "
                          "a detector before this element."),
                         ("%d frames seen", FRAMES_WITHOUT_REGIONS));
}

/* ---- all ------------------------------------------------------------------------------------- */

void
gst_cow_regions_start (GstCowRegions *self, GstElement *element)
{
  *self = (GstCowRegions){ .element = element };
}

void
gst_cow_regions_reset (GstCowRegions *self)
{
  self->had_detection = FALSE;
}

/* The mode that `auto` stands for at this frame. */
static GstCowInferenceRegion
resolve_mode (const GstCowRegions *self, const GstCowRegionFilter *filter)
{
  if (filter->mode != GST_COW_INFERENCE_REGION_AUTO)
    return filter->mode;
  if (self->had_detection)
    return GST_COW_INFERENCE_REGION_ROI_LIST;
  return filter->zones && filter->zones->len > 0 ? GST_COW_INFERENCE_REGION_ZONES
                                                 : GST_COW_INFERENCE_REGION_FULL_FRAME;
}

/* Keeps the detections that are to be classified. */
static void
filter_detections (GArray *targets, const GstCowRegionFilter *filter, gint width, gint height,
                   GstCowRegionCounts *counts)
{
  guint n = 0;

  counts->seen = targets->len;
  for (guint i = 0; i < targets->len; i++) {
    GstCowTarget *target = &g_array_index (targets, GstCowTarget, i);

    if (accept (target, filter, width, height, counts))
      g_array_index (targets, GstCowTarget, n++) = *target;
  }
  g_array_set_size (targets, n);
}

GArray *
gst_cow_regions_collect (GstCowRegions *self, GstBuffer *buffer, const GstCowRegionFilter *filter,
                         const GstVideoInfo *info, guint64 frame, GstCowRegionCounts *counts)
{
  const gint width = GST_VIDEO_INFO_WIDTH (info), height = GST_VIDEO_INFO_HEIGHT (info);
  GArray *targets = g_array_new (FALSE, TRUE, sizeof (GstCowTarget));
  GstCowInferenceRegion mode;

  *counts = (GstCowRegionCounts){ 0 };
  g_array_set_clear_func (targets, clear_target);
  if (filter->mode == GST_COW_INFERENCE_REGION_AUTO ||
      filter->mode == GST_COW_INFERENCE_REGION_ROI_LIST) {
    collect_detections (buffer, targets, width, height);
    self->had_detection |= targets->len > 0;
    filter_detections (targets, filter, width, height, counts);
  }
  mode = resolve_mode (self, filter);
  counts->wanted = mode == GST_COW_INFERENCE_REGION_ROI_LIST;
  if (mode == GST_COW_INFERENCE_REGION_FULL_FRAME)
    add_place (targets, GST_COW_PLACE_FRAME, &(CowRegion){ 0, 0, width, height }, "frame");
  else if (mode == GST_COW_INFERENCE_REGION_ZONES)
    add_zones (targets, filter->zones, width, height);

  if (counts->outside > 0)
    warn_of_outside (self, info, frame);
  if (filter->mode == GST_COW_INFERENCE_REGION_ROI_LIST)
    watch_for_detector (self, counts->seen);
  return targets;
}
