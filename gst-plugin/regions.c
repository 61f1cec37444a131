/* SPDX-License-Identifier: MIT */
/* Which parts of a frame are to be classified. */
#include "gst-plugin/regions.h"

GType
gst_cow_inference_region_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_COW_INFERENCE_REGION_FULL_FRAME, "Classify the whole frame", "full-frame" },
    { GST_COW_INFERENCE_REGION_ROI_LIST, "Classify each region of interest that an element upstream attached", "roi-list" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstCowInferenceRegion", values));
  return type;
}

/* A meta's unsigned numbers as a region that overflows nowhere: what begins or ends beyond G_MAXINT is far outside any frame. */
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

GArray *
gst_cow_regions_collect (GstBuffer *buffer, GstCowInferenceRegion mode, gint width, gint height, guint *n_skipped)
{
  GArray *targets = g_array_new (FALSE, FALSE, sizeof (GstCowTarget));
  gpointer state = NULL;
  GstMeta *meta;

  *n_skipped = 0;
  if (mode == GST_COW_INFERENCE_REGION_FULL_FRAME) {
    GstCowTarget target = { .region = { 0, 0, width, height }, .roi = NULL };

    g_array_append_val (targets, target);
    return targets;
  }

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *)meta;
    GstCowTarget target = { .region = region_of_roi (roi), .roi = roi };

    if (cow_region_clip (&target.region, width, height, NULL))
      g_array_append_val (targets, target);
    else
      (*n_skipped)++;
  }
  return targets;
}

gdouble
gst_cow_region_iou (const CowRegion *a, const CowRegion *b)
{
  gint64 width = (gint64)MIN (a->x + a->w, b->x + b->w) - MAX (a->x, b->x);
  gint64 height = (gint64)MIN (a->y + a->h, b->y + b->h) - MAX (a->y, b->y);
  gint64 both;

  if (width <= 0 || height <= 0)
    return 0;
  both = width * height;
  return (gdouble)both / (gdouble)((gint64)a->w * a->h + (gint64)b->w * b->h - both);
}
