/* SPDX-License-Identifier: MIT */
#include "tests/gst/shown.h"

#include "gst-plugin/common/gstcowbehaviormeta.h"

#define GREY 100

GstStructure *
shown_object (guint x, guint y, guint w, guint h, const char *label, gint label_id,
              gdouble confidence)
{
  return gst_structure_new ("object", "x", G_TYPE_UINT, x, "y", G_TYPE_UINT, y, "w", G_TYPE_UINT, w,
                            "h", G_TYPE_UINT, h, "region", G_TYPE_STRING, "roi", "roi_type",
                            G_TYPE_STRING, "cow", "label", G_TYPE_STRING, label, "label_id",
                            G_TYPE_INT, label_id, "confidence", G_TYPE_DOUBLE, confidence, NULL);
}

void
shown_attach (GstBuffer *buffer, GstStructure *first, ...)
{
  GstStructure *results = gst_custom_meta_get_structure (
      gst_buffer_add_custom_meta (buffer, GST_COW_BEHAVIOR_META_NAME));
  GValue objects = G_VALUE_INIT;
  va_list more;

  g_value_init (&objects, GST_TYPE_ARRAY);
  va_start (more, first);
  for (GstStructure *object = first; object; object = va_arg (more, GstStructure *)) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed (&value, object);
    gst_value_array_append_and_take_value (&objects, &value);
  }
  va_end (more);
  gst_structure_take_value (results, "objects", &objects);
}

/* ---- pixels ---------------------------------------------------------------------------------- */

GstBuffer *
shown_frame (const GstVideoInfo *info)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (info), NULL);

  gst_buffer_memset (buffer, 0, GREY, GST_VIDEO_INFO_SIZE (info));
  if (GST_VIDEO_INFO_COMP_DEPTH (info, 0) >
      8) { /* the ten bits are the upper ones of sixteen; the lower six are 0 */
    GstMapInfo map;

    g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
    for (gsize i = 0; i < map.size; i += 2)
      map.data[i] = GREY & 0xc0;
    gst_buffer_unmap (buffer, &map);
  }
  return buffer;
}

/* Returns sample x, y, its higher byte if it has two. GStreamer 1.22 says that V of P010 begins one
 * byte after U instead of two. */
static guint8
sample_at (const GstVideoFrame *frame, guint c, gint x, gint y)
{
  const GstVideoFormatInfo *format = frame->info.finfo;
  const gint first = GST_VIDEO_FORMAT_INFO_DEPTH (format, c) > 8
                         ? (c == 2 ? 3 : 1)
                         : GST_VIDEO_FRAME_COMP_POFFSET (frame, c);

  return ((const guint8 *)GST_VIDEO_FRAME_PLANE_DATA (
      frame, format->plane[c]))[(gssize)y * GST_VIDEO_FRAME_COMP_STRIDE (frame, c) +
                                x * GST_VIDEO_FRAME_COMP_PSTRIDE (frame, c) + first];
}

static gboolean
component_changed (const GstVideoFrame *frame, guint c, const GstVideoRectangle *part)
{
  const GstVideoFormatInfo *format = frame->info.finfo;
  const gint left = part->x >> format->w_sub[c],
             right = (part->x + part->w - 1) >> format->w_sub[c];
  const gint top = part->y >> format->h_sub[c],
             bottom = (part->y + part->h - 1) >> format->h_sub[c];

  for (gint y = top; y <= bottom; y++) {
    for (gint x = left; x <= right; x++) {
      if (sample_at (frame, c, x, y) != GREY)
        return TRUE;
    }
  }
  return FALSE;
}

gboolean
shown_changed (GstBuffer *buffer, const GstVideoInfo *info, gint x, gint y, gint w, gint h)
{
  const GstVideoRectangle part = { x, y, w, h };
  gboolean changed = FALSE;
  GstVideoFrame frame;

  g_assert_true (gst_video_frame_map (&frame, info, buffer, GST_MAP_READ));
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (&frame); c++)
    changed |= component_changed (&frame, c, &part);
  gst_video_frame_unmap (&frame);
  return changed;
}

gboolean
shown_same (GstBuffer *one, GstBuffer *other, const GstVideoInfo *info)
{
  GstVideoFrame a, b;
  gboolean same = TRUE;

  g_assert_true (gst_video_frame_map (&a, info, one, GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&b, info, other, GST_MAP_READ));
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (&a); c++) {
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&a, c); y++) {
      for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&a, c); x++)
        same &= sample_at (&a, c, x, y) == sample_at (&b, c, x, y);
    }
  }
  gst_video_frame_unmap (&b);
  gst_video_frame_unmap (&a);
  return same;
}

guint32
shown_pixel (GstBuffer *buffer, const GstVideoInfo *info, gint x, gint y)
{
  GstVideoFrame frame;
  const guint8 *pixel;
  guint32 colour;

  g_assert_true (gst_video_frame_map (&frame, info, buffer, GST_MAP_READ));
  pixel = (const guint8 *)GST_VIDEO_FRAME_PLANE_DATA (&frame, 0) +
          (gssize)y * GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0) + x * 4;
  colour = (guint32)pixel[2] << 16 | (guint32)pixel[1] << 8 | pixel[0];
  gst_video_frame_unmap (&frame);
  return colour;
}

guint
shown_count (GstBuffer *buffer, const GstVideoInfo *info, gint x, gint y, gint w, gint h,
             guint32 colour, gint off)
{
  guint n = 0;

  for (gint row = y; row < y + h; row++) {
    for (gint column = x; column < x + w; column++) {
      const guint32 pixel = shown_pixel (buffer, info, column, row);
      gboolean near = TRUE;

      for (guint shift = 0; shift < 24; shift += 8)
        near &= ABS ((gint)(pixel >> shift & 0xff) - (gint)(colour >> shift & 0xff)) <= off;
      n += near;
    }
  }
  return n;
}

/* ---- the element ----------------------------------------------------------------------------- */

GstHarness *
shown_harness (const char *properties, const GstVideoInfo *info)
{
  g_autofree char *line = g_strdup_printf ("cowoverlay %s", properties);
  GstHarness *harness = gst_harness_new_parse (line);

  gst_harness_set_src_caps (harness, gst_video_info_to_caps (info));
  return harness;
}

GstBuffer *
shown_push (GstHarness *harness, GstBuffer *buffer, guint n)
{
  GST_BUFFER_PTS (buffer) = n * (GST_SECOND / 25);
  GST_BUFFER_DURATION (buffer) = GST_SECOND / 25;
  g_assert_cmpint (gst_harness_push (harness, buffer), ==, GST_FLOW_OK);
  return gst_harness_try_pull (harness);
}
