/* SPDX-License-Identifier: MIT */
/* The custom meta that the three elements share. */
#include "gst-plugin/common/custom-meta.h"

#include <gst/video/video.h>
#include <string.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "model/files/locate.h"

/* Scales a coordinate as GstVideoRegionOfInterestMeta does, so that both stay equal. */
static void
scale_field (GstStructure *object, const char *name, gint from, gint to)
{
  guint value;

  if (gst_structure_get_uint (object, name, &value) && from > 0)
    gst_structure_set (object, name, G_TYPE_UINT,
                       (guint)gst_util_uint64_scale_int (value, to, from), NULL);
}

static void
scale_objects (GstStructure *results, const GstVideoInfo *from, const GstVideoInfo *to)
{
  const guint n = gst_cow_behavior_n_objects (results);
  GValue scaled = G_VALUE_INIT;

  g_value_init (&scaled, GST_TYPE_ARRAY);
  for (guint i = 0; i < n; i++) {
    GValue value = G_VALUE_INIT;
    const GstStructure *before = gst_cow_behavior_object (results, i);
    GstStructure *object;

    if (!before)
      continue;
    object = gst_structure_copy (before);
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

/* Copies the meta with the whole buffer, and scales it when the frame changes its size. Anything
 * else (a part of the buffer, another matrix) drops it, because it would point to the wrong
 * places. */
static gboolean
transform_meta (GstBuffer *to, GstCustomMeta *meta, GstBuffer *from, GQuark type, gpointer data,
                gpointer user_data)
{
  gboolean scale = GST_VIDEO_META_TRANSFORM_IS_SCALE (type);
  GstStructure *results;

  if (!scale && !(GST_META_TRANSFORM_IS_COPY (type) && !((GstMetaTransformCopy *)data)->region))
    return FALSE;

  results =
      gst_custom_meta_get_structure (gst_buffer_add_custom_meta (to, GST_COW_BEHAVIOR_META_NAME));
  gst_structure_foreach (gst_custom_meta_get_structure (meta), copy_field, results);
  if (scale)
    scale_objects (results, ((GstVideoMetaTransform *)data)->in_info,
                   ((GstVideoMetaTransform *)data)->out_info);
  return TRUE;
}

void
gst_cow_meta_register (void)
{
  /* The tag "size" makes scalers call transform_meta () instead of copying coordinates that are no
   * longer right. The tag "orientation" makes flips drop the meta. */
  static const gchar *tags[] = { GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_ORIENTATION_STR,
                                 GST_META_TAG_VIDEO_SIZE_STR, NULL };
  static gsize registered = 0;

  if (g_once_init_enter (&registered)) {
    /* Another of the plugins may have done it, whose copy of `registered` is another. */
    if (!gst_meta_get_info (GST_COW_BEHAVIOR_META_NAME))
      gst_meta_register_custom (GST_COW_BEHAVIOR_META_NAME, tags, transform_meta, NULL, NULL);
    g_once_init_leave (&registered, 1);
  }
}

/* By the names of what is shipped: an adapter of somebody's own may be called "drawn-cows-2". */
gboolean
gst_cow_meta_is_demonstration (const GstStructure *results)
{
  static const char *const shipped[] = { COW_DEMONSTRATION_MODEL, COW_DEMONSTRATION_ADAPTER,
                                         COW_DEMONSTRATION_NIGHT, COW_DEMONSTRATION_DETECT, NULL };
  const char *name = gst_structure_get_string (results, "model_name");

  return name && g_strv_contains (shipped, name);
}

const char *
gst_cow_place_name (GstCowPlace place)
{
  static const char *const names[] = {
    [GST_COW_PLACE_FRAME] = "frame", [GST_COW_PLACE_ZONE] = "zone", [GST_COW_PLACE_ROI] = "roi"
  };

  return names[place];
}
