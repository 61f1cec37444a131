/* SPDX-License-Identifier: MIT */
/* Results as metadata. */
#include "gst-plugin/meta.h"

#include "gst-plugin/gstcowbehaviormeta.h"
#include "gst-plugin/label.h"

/* What GstVideoRegionOfInterestMeta does to a coordinate, so that both stay equal. */
static void
scale_field (GstStructure *object, const char *name, gint from, gint to)
{
  guint value;

  if (gst_structure_get_uint (object, name, &value) && from > 0)
    gst_structure_set (object, name, G_TYPE_UINT, (guint)gst_util_uint64_scale_int (value, to, from), NULL);
}

static void
scale_objects (GstStructure *results, const GstVideoInfo *from, const GstVideoInfo *to)
{
  const GValue *objects = gst_structure_get_value (results, "objects");
  GValue scaled = G_VALUE_INIT;

  g_value_init (&scaled, GST_TYPE_ARRAY);
  for (guint i = 0; i < gst_value_array_get_size (objects); i++) {
    GValue value = G_VALUE_INIT;
    GstStructure *object = gst_structure_copy (gst_value_get_structure (gst_value_array_get_value (objects, i)));

    scale_field (object, "x", GST_VIDEO_INFO_WIDTH (from), GST_VIDEO_INFO_WIDTH (to));
    scale_field (object, "w", GST_VIDEO_INFO_WIDTH (from), GST_VIDEO_INFO_WIDTH (to));
    scale_field (object, "y", GST_VIDEO_INFO_HEIGHT (from), GST_VIDEO_INFO_HEIGHT (to));
    scale_field (object, "h", GST_VIDEO_INFO_HEIGHT (from), GST_VIDEO_INFO_HEIGHT (to));
    g_value_init (&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed (&value, object);
    gst_value_array_append_and_take_value (&scaled, &value);
  }
  gst_structure_take_value (results, "objects", &scaled);
}

static gboolean
copy_field (GQuark field, const GValue *value, gpointer destination)
{
  gst_structure_id_set_value (destination, field, value);
  return TRUE;
}

/* Survives a copy of the whole buffer and a change of the frame's size. A meta that is copied for any other reason (a part of the buffer,
 * another matrix) would say something untrue about where the cows are, and is dropped. */
static gboolean
transform_meta (GstBuffer *to, GstCustomMeta *meta, GstBuffer *from, GQuark type, gpointer data, gpointer user_data)
{
  gboolean scale = GST_VIDEO_META_TRANSFORM_IS_SCALE (type);
  GstStructure *results;

  if (!scale && !(GST_META_TRANSFORM_IS_COPY (type) && !((GstMetaTransformCopy *)data)->region))
    return FALSE;

  results = gst_custom_meta_get_structure (gst_buffer_add_custom_meta (to, GST_COW_BEHAVIOR_META_NAME));
  gst_structure_foreach (gst_custom_meta_get_structure (meta), copy_field, results);
  if (scale)
    scale_objects (results, ((GstVideoMetaTransform *)data)->in_info, ((GstVideoMetaTransform *)data)->out_info);
  return TRUE;
}

void
gst_cow_meta_register (void)
{
  /* "size" makes scalers call transform_meta () instead of copying coordinates that hold no longer; "orientation" makes flips drop it */
  static const gchar *tags[] = { GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_ORIENTATION_STR, GST_META_TAG_VIDEO_SIZE_STR, NULL };
  static gsize registered = 0;

  if (g_once_init_enter (&registered)) {
    gst_meta_register_custom (GST_COW_BEHAVIOR_META_NAME, tags, transform_meta, NULL, NULL);
    g_once_init_leave (&registered, 1);
  }
}

/* The ROI that stands for the full frame: the one of an earlier cowbehavior, or a new one. */
static GstVideoRegionOfInterestMeta *
full_frame_roi (GstBuffer *buffer, const CowRegion *region)
{
  GQuark type = g_quark_from_static_string ("frame");
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
    GstVideoRegionOfInterestMeta *roi = (GstVideoRegionOfInterestMeta *)meta;

    if (roi->roi_type == type && roi->x == 0 && roi->y == 0 && roi->w == (guint)region->w && roi->h == (guint)region->h)
      return roi;
  }
  return gst_buffer_add_video_region_of_interest_meta_id (buffer, type, 0, 0, (guint)region->w, (guint)region->h);
}

/* The top-k classes by falling probability, as the field "top" of an object. */
static void
set_top (GstStructure *object, const GstCowPresentation *how, const float *probabilities)
{
  g_autofree guint *order = g_new (guint, how->n_classes);
  GValue top = G_VALUE_INIT;

  gst_cow_label_rank (probabilities, how->n_classes, order);
  g_value_init (&top, GST_TYPE_ARRAY);
  for (guint i = 0; i < MIN (how->top_k, how->n_classes); i++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed (&value, gst_structure_new ("class", "label", G_TYPE_STRING, how->classes[order[i]], "label_id", G_TYPE_INT,
                                                   (gint)order[i], "confidence", G_TYPE_DOUBLE, (gdouble)probabilities[order[i]], NULL));
    gst_value_array_append_and_take_value (&top, &value);
  }
  gst_structure_take_value (object, "top", &top);
}

static void
set_probabilities (GstStructure *object, const float *probabilities, guint n)
{
  GValue all = G_VALUE_INIT;

  g_value_init (&all, GST_TYPE_ARRAY);
  for (guint i = 0; i < n; i++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, G_TYPE_DOUBLE);
    g_value_set_double (&value, probabilities[i]);
    gst_value_array_append_and_take_value (&all, &value);
  }
  gst_structure_take_value (object, "probabilities", &all);
}

GstStructure *
gst_cow_meta_add_object (GstBuffer *buffer, const GstCowPresentation *how, const GstCowTarget *target, const float *probabilities,
                         guint frames_ago)
{
  GstCowLabel label = gst_cow_label_decide (probabilities, how->classes, how->n_classes, how->threshold);
  GstVideoRegionOfInterestMeta *roi = target->roi ? target->roi : full_frame_roi (buffer, &target->region);
  GstStructure *object;

  gst_video_region_of_interest_meta_add_param (
      roi, gst_structure_new ("classification", "attribute_name", G_TYPE_STRING, "behavior", "label", G_TYPE_STRING, label.label,
                              "label_id", G_TYPE_INT, label.id, "confidence", G_TYPE_DOUBLE, (gdouble)label.probability, "model_name",
                              G_TYPE_STRING, how->model_name, "frames_ago", G_TYPE_UINT, frames_ago, NULL));

  object = gst_structure_new ("object", "x", G_TYPE_UINT, (guint)target->region.x, "y", G_TYPE_UINT, (guint)target->region.y, "w",
                              G_TYPE_UINT, (guint)target->region.w, "h", G_TYPE_UINT, (guint)target->region.h, "id", G_TYPE_INT,
                              target->roi ? target->roi->id : -1, "roi_type", G_TYPE_STRING, g_quark_to_string (roi->roi_type), "label",
                              G_TYPE_STRING, label.label, "label_id", G_TYPE_INT, label.id, "confidence", G_TYPE_DOUBLE,
                              (gdouble)label.probability, "frames_ago", G_TYPE_UINT, frames_ago, NULL);
  set_top (object, how, probabilities);
  set_probabilities (object, probabilities, how->n_classes);
  return object;
}

void
gst_cow_meta_attach (GstBuffer *buffer, const GstCowPresentation *how, const GValue *objects)
{
  GstStructure *results = gst_custom_meta_get_structure (gst_buffer_add_custom_meta (buffer, GST_COW_BEHAVIOR_META_NAME));
  GValue classes = G_VALUE_INIT;

  g_value_init (&classes, GST_TYPE_ARRAY);
  for (guint i = 0; i < how->n_classes; i++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, G_TYPE_STRING);
    g_value_set_string (&value, how->classes[i]);
    gst_value_array_append_and_take_value (&classes, &value);
  }
  gst_structure_set (results, "model_name", G_TYPE_STRING, how->model_name, NULL);
  gst_structure_take_value (results, "classes", &classes);
  gst_structure_set_value (results, "objects", objects);
}
