/* SPDX-License-Identifier: MIT */
/* A mapped video frame as kernels/ sees pictures. */
#include "gst-plugin/frame.h"

/* Whether `rows` rows of `row_bytes` bytes, `stride` apart, lie inside the mapped memory of a plane. Where a GstVideoMeta gives strides
 * nobody else compares them with the size of the memory. */
static gboolean
plane_fits (const GstVideoFrame *frame, guint plane, gint64 row_bytes, gint64 rows)
{
  /* without a GstVideoMeta one mapping holds all planes */
  const GstMapInfo *map = &frame->map[frame->meta ? plane : 0];
  gint64 stride = GST_VIDEO_FRAME_PLANE_STRIDE (frame, plane);
  gint64 start = (const guint8 *)GST_VIDEO_FRAME_PLANE_DATA (frame, plane) - map->data;
  gint64 last_row = start + (rows - 1) * stride;

  return MIN (start, last_row) >= 0 && MAX (start, last_row) + row_bytes <= (gint64)map->size;
}

/* The plane's shape in bytes and rows: chroma of both Y'CbCr formats has half the rows, rounded up. */
static void
plane_shape (const CkPicture *picture, guint plane, gint64 *row_bytes, gint64 *rows)
{
  gint64 half_width = ((gint64)picture->width + 1) / 2;

  if (picture->layout == CK_RGB8)
    *row_bytes = (gint64)picture->width * picture->pixel_stride;
  else if (plane == 0)
    *row_bytes = picture->width;
  else
    *row_bytes = picture->layout == CK_NV12 ? 2 * half_width : half_width;
  *rows = plane == 0 ? picture->height : ((gint64)picture->height + 1) / 2;
}

static void
set_colorimetry (const GstVideoInfo *info, CkPicture *picture)
{
  gdouble kr, kb;

  if (!gst_video_color_matrix_get_Kr_Kb (GST_VIDEO_INFO_COLORIMETRY (info).matrix, &kr, &kb)) {
    kr = 0.299; /* a Y'CbCr stream that names no matrix: BT.601, as decoders do */
    kb = 0.114;
  }
  cow_picture_set_matrix (picture, kr, kb, GST_VIDEO_INFO_COLORIMETRY (info).range == GST_VIDEO_COLOR_RANGE_0_255);
}

gboolean
gst_cow_frame_to_picture (const GstVideoFrame *frame, const GstVideoInfo *caps, CkPicture *picture, GError **error)
{
  const GstVideoInfo *info = &frame->info;

  *picture = (CkPicture){ .width = GST_VIDEO_INFO_WIDTH (caps), .height = GST_VIDEO_INFO_HEIGHT (caps) };

  if (GST_VIDEO_INFO_IS_RGB (info) && GST_VIDEO_INFO_N_PLANES (info) == 1 && GST_VIDEO_INFO_COMP_DEPTH (info, 0) == 8) {
    picture->layout = CK_RGB8;
    picture->pixel_stride = GST_VIDEO_INFO_COMP_PSTRIDE (info, GST_VIDEO_COMP_R);
    picture->offset[0] = GST_VIDEO_INFO_COMP_POFFSET (info, GST_VIDEO_COMP_R);
    picture->offset[1] = GST_VIDEO_INFO_COMP_POFFSET (info, GST_VIDEO_COMP_G);
    picture->offset[2] = GST_VIDEO_INFO_COMP_POFFSET (info, GST_VIDEO_COMP_B);
  } else if (GST_VIDEO_INFO_FORMAT (info) == GST_VIDEO_FORMAT_NV12 || GST_VIDEO_INFO_FORMAT (info) == GST_VIDEO_FORMAT_I420) {
    picture->layout = GST_VIDEO_INFO_FORMAT (info) == GST_VIDEO_FORMAT_NV12 ? CK_NV12 : CK_I420;
    set_colorimetry (caps, picture);
  } else {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "video format %s; expected one of %s",
                 gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info)), GST_COW_FRAME_FORMATS);
    return FALSE;
  }

  for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES (info); plane++) {
    gint64 row_bytes, rows;

    plane_shape (picture, plane, &row_bytes, &rows);
    if (!plane_fits (frame, plane, row_bytes, rows)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "plane %u of a %dx%d %s frame does not fit in its buffer: %" G_GINT64_FORMAT " rows of %" G_GINT64_FORMAT
                   " bytes with a stride of %d",
                   plane, picture->width, picture->height, gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info)), rows, row_bytes,
                   GST_VIDEO_FRAME_PLANE_STRIDE (frame, plane));
      return FALSE;
    }
    picture->plane[plane] = GST_VIDEO_FRAME_PLANE_DATA (frame, plane);
    picture->stride[plane] = GST_VIDEO_FRAME_PLANE_STRIDE (frame, plane);
  }
  return TRUE;
}
