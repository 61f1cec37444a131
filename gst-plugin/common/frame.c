/* SPDX-License-Identifier: MIT */
/* A mapped video frame as kernels/ sees pictures. */
#include "gst-plugin/common/frame.h"

/* The Y'CbCr and grey formats. Planes are in the order Y, U, V. */
static const struct {
  GstVideoFormat format;
  CkPixelLayout layout;
  guint n_planes;
} formats[] = {
  { GST_VIDEO_FORMAT_NV12, CK_NV12, 2 },   { GST_VIDEO_FORMAT_I420, CK_I420, 3 },
  { GST_VIDEO_FORMAT_YV12, CK_I420, 3 },   { GST_VIDEO_FORMAT_YUY2, CK_YUY2, 1 },
  { GST_VIDEO_FORMAT_UYVY, CK_UYVY, 1 },   { GST_VIDEO_FORMAT_P010_10LE, CK_P010, 2 },
  { GST_VIDEO_FORMAT_GRAY8, CK_GRAY8, 1 },
};

/* Whether `rows` rows of `row_bytes` bytes, `stride` apart, lie inside the mapped memory of a
 * plane. Where a GstVideoMeta gives strides nobody else compares them with the size of the
 * memory. */
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

/* The plane's shape in bytes and rows: chroma planes have half the rows, rounded up. */
static void
plane_shape (const CkPicture *picture, guint plane, gint64 *row_bytes, gint64 *rows)
{
  gint64 width = picture->width, half = (width + 1) / 2;

  *rows = plane == 0 ? picture->height : ((gint64)picture->height + 1) / 2;
  switch (picture->layout) {
  case CK_RGB8:
    *row_bytes = width * picture->pixel_stride;
    break;
  case CK_NV12:
    *row_bytes = plane == 0 ? width : 2 * half;
    break;
  case CK_P010:
    *row_bytes = plane == 0 ? 2 * width : 4 * half;
    break;
  case CK_I420:
    *row_bytes = plane == 0 ? width : half;
    break;
  case CK_YUY2:
  case CK_UYVY:
    *row_bytes = 4 * half;
    break;
  case CK_GRAY8:
  default:
    *row_bytes = width;
    break;
  }
}

static void
set_colorimetry (const GstVideoInfo *info, CkPicture *picture)
{
  gdouble kr, kb;

  if (!gst_video_color_matrix_get_Kr_Kb (GST_VIDEO_INFO_COLORIMETRY (info).matrix, &kr, &kb)) {
    kr = 0.299; /* a Y'CbCr stream that names no matrix: BT.601, as decoders do */
    kb = 0.114;
  }
  cow_picture_set_matrix (picture, kr, kb,
                          GST_VIDEO_INFO_COLORIMETRY (info).range == GST_VIDEO_COLOR_RANGE_0_255);
}

/* Layout, colours and the number of planes; FALSE for a format that is not in
 * GST_COW_FRAME_FORMATS. */
static gboolean
set_layout (const GstVideoInfo *info, const GstVideoInfo *caps, CkPicture *picture, guint *n_planes)
{
  if (GST_VIDEO_INFO_IS_RGB (info) && GST_VIDEO_INFO_N_PLANES (info) == 1 &&
      GST_VIDEO_INFO_COMP_DEPTH (info, 0) == 8) {
    picture->layout = CK_RGB8;
    picture->pixel_stride = GST_VIDEO_INFO_COMP_PSTRIDE (info, GST_VIDEO_COMP_R);
    picture->offset[0] = GST_VIDEO_INFO_COMP_POFFSET (info, GST_VIDEO_COMP_R);
    picture->offset[1] = GST_VIDEO_INFO_COMP_POFFSET (info, GST_VIDEO_COMP_G);
    picture->offset[2] = GST_VIDEO_INFO_COMP_POFFSET (info, GST_VIDEO_COMP_B);
    *n_planes = 1;
    return TRUE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    if (formats[i].format == GST_VIDEO_INFO_FORMAT (info)) {
      picture->layout = formats[i].layout;
      *n_planes = formats[i].n_planes;
      set_colorimetry (caps, picture);
      return TRUE;
    }
  }
  return FALSE;
}

/* Where the caps' frame begins in the memory's: the picture reaches from its corner to the end of
 * what is visible. */
static gboolean
set_size (const GstVideoFrame *frame, const GstVideoInfo *caps, CkPicture *picture, int *x, int *y,
          GError **error)
{
  const GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta (frame->buffer);
  guint64 width = (guint64)GST_VIDEO_INFO_WIDTH (caps),
          height = (guint64)GST_VIDEO_INFO_HEIGHT (caps);

  *x = *y = 0;
  picture->width = (int)width;
  picture->height = (int)height;
  if (!crop)
    return TRUE;
  if (crop->width < width || crop->height < height ||
      crop->x + width > (guint64)GST_VIDEO_FRAME_WIDTH (frame) ||
      crop->y + height > (guint64)GST_VIDEO_FRAME_HEIGHT (frame)) {
    g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                 "a GstVideoCropMeta of %ux%u at %u, %u on a frame of %dx%d; the caps say %dx%d",
                 crop->width, crop->height, crop->x, crop->y, GST_VIDEO_FRAME_WIDTH (frame),
                 GST_VIDEO_FRAME_HEIGHT (frame), (int)width, (int)height);
    return FALSE;
  }
  *x = (int)crop->x;
  *y = (int)crop->y;
  picture->width += *x;
  picture->height += *y;
  return TRUE;
}

gboolean
gst_cow_frame_map (GstVideoFrame *frame, const GstVideoInfo *caps, GstBuffer *buffer,
                   GstMapFlags flags)
{
  const GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);

  return (!meta || meta->format == GST_VIDEO_INFO_FORMAT (caps)) &&
         gst_video_frame_map (frame, caps, buffer, flags);
}

gboolean
gst_cow_frame_to_picture (const GstVideoFrame *frame, const GstVideoInfo *caps, CkPicture *picture,
                          int *x, int *y, GError **error)
{
  const GstVideoInfo *info = &frame->info;
  guint n_planes;

  *picture = (CkPicture){ 0 };
  if (!set_layout (info, caps, picture, &n_planes)) {
    g_set_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED, "video format %s; expected one of %s",
                 gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info)), GST_COW_FRAME_FORMATS);
    return FALSE;
  }
  if (!set_size (frame, caps, picture, x, y, error))
    return FALSE;

  for (guint i = 0; i < n_planes; i++) {
    /* YV12 has V before U */
    guint plane = n_planes == 3 ? (guint)GST_VIDEO_INFO_COMP_PLANE (info, i) : i;
    gint64 row_bytes, rows;

    plane_shape (picture, i, &row_bytes, &rows);
    if (!plane_fits (frame, plane, row_bytes, rows)) {
      g_set_error (error, COW_ERROR, COW_ERROR_FORMAT,
                   "plane %u of a %dx%d %s frame does not fit in its buffer: %" G_GINT64_FORMAT
                   " rows of %" G_GINT64_FORMAT " bytes with a stride of %d",
                   plane, picture->width, picture->height,
                   gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info)), rows, row_bytes,
                   GST_VIDEO_FRAME_PLANE_STRIDE (frame, plane));
      return FALSE;
    }
    picture->plane[i] = GST_VIDEO_FRAME_PLANE_DATA (frame, plane);
    picture->stride[i] = GST_VIDEO_FRAME_PLANE_STRIDE (frame, plane);
  }
  return TRUE;
}
