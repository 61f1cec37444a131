/* SPDX-License-Identifier: MIT */
/*
 * Blends each rectangle into a frame of its own that is a window in the real one, so that it costs
 * its own pixels only. gst_video_overlay_composition_blend () would convert whole rows of the frame
 * for each rectangle, however narrow it is.
 */
#include "gst-plugin/overlay/blend.h"

#include <gst/video/video-blend.h>

#include "gst-plugin/common/frame.h"
#include "model/files/error.h"

/* A frame that is only this part of `frame`; the part is at even coordinates. */
static GstVideoFrame
window_in (const GstVideoFrame *frame, const GstVideoRectangle *part)
{
  GstVideoFrame window = *frame;

  GST_VIDEO_INFO_WIDTH (&window.info) = part->w;
  GST_VIDEO_INFO_HEIGHT (&window.info) = part->h;
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (frame); c++) {
    const guint plane = GST_VIDEO_FRAME_COMP_PLANE (frame, c);
    const gint x = GST_VIDEO_FORMAT_INFO_SCALE_WIDTH (frame->info.finfo, c, part->x);
    const gint y = GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT (frame->info.finfo, c, part->y);

    window.data[plane] = (guint8 *)frame->data[plane] +
                         (gssize)y * GST_VIDEO_FRAME_PLANE_STRIDE (frame, plane) +
                         (gssize)x * GST_VIDEO_FRAME_COMP_PSTRIDE (frame, c);
  }
  return window;
}

/* gst_video_blend () takes the fourth byte of RGBx and the like for alpha, whose value is
 * undefined. */
static void
make_opaque (const GstVideoFrame *window)
{
  const gint padding = 6 - GST_VIDEO_FRAME_COMP_POFFSET (window, 0) -
                       GST_VIDEO_FRAME_COMP_POFFSET (window, 1) -
                       GST_VIDEO_FRAME_COMP_POFFSET (window, 2);

  if (!GST_VIDEO_INFO_IS_RGB (&window->info) || GST_VIDEO_INFO_HAS_ALPHA (&window->info) ||
      GST_VIDEO_FRAME_COMP_PSTRIDE (window, 0) != 4)
    return;
  for (gint y = 0; y < GST_VIDEO_FRAME_HEIGHT (window); y++) {
    guint8 *row = (guint8 *)GST_VIDEO_FRAME_PLANE_DATA (window, 0) +
                  (gssize)y * GST_VIDEO_FRAME_PLANE_STRIDE (window, 0);

    for (gint x = 0; x < GST_VIDEO_FRAME_WIDTH (window); x++)
      row[4 * x + padding] = 0xff;
  }
}

/* The part of the picture that is in the cropped frame, in px of the real one and widened to even
 * coordinates; FALSE where there is none. */
static gboolean
visible_part (const GstVideoFrame *frame, const GstVideoRectangle *picture,
              const GstVideoRectangle *cropped, GstVideoRectangle *part)
{
  const gint left = MAX (picture->x, cropped->x), top = MAX (picture->y, cropped->y);
  const gint right = MIN (picture->x + picture->w, cropped->x + cropped->w),
             bottom = MIN (picture->y + picture->h, cropped->y + cropped->h);

  if (right <= left || bottom <= top)
    return FALSE;
  part->x = left & ~1;
  part->y = top & ~1;
  part->w = MIN ((right + 1) & ~1, GST_VIDEO_FRAME_WIDTH (frame)) - part->x;
  part->h = MIN ((bottom + 1) & ~1, GST_VIDEO_FRAME_HEIGHT (frame)) - part->y;
  return TRUE;
}

static void
blend_rectangle (GstVideoFrame *frame, const GstVideoRectangle *cropped,
                 GstVideoOverlayRectangle *rectangle)
{
  GstBuffer *pixels = gst_video_overlay_rectangle_get_pixels_unscaled_raw (
      rectangle, GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);
  GstVideoRectangle picture, part;
  GstVideoInfo info;
  GstVideoFrame source, window;
  guint w, h;

  gst_video_overlay_rectangle_get_render_rectangle (rectangle, &picture.x, &picture.y, &w, &h);
  picture = (GstVideoRectangle){ picture.x + cropped->x, picture.y + cropped->y, (gint)w, (gint)h };
  if (!visible_part (frame, &picture, cropped, &part))
    return;
  gst_video_info_set_format (&info, GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, w, h);
  info.flags |= GST_VIDEO_FLAG_PREMULTIPLIED_ALPHA;
  if (!gst_video_frame_map (&source, &info, pixels, GST_MAP_READ))
    return;
  window = window_in (frame, &part);
  make_opaque (&window);
  gst_video_blend (&window, &source, picture.x - part.x, picture.y - part.y, 1.0f);
  gst_video_frame_unmap (&source);
}

gboolean
gst_cow_overlay_blend (GstVideoOverlayComposition *composition, GstBuffer *buffer,
                       const GstVideoInfo *caps, GError **error)
{
  GstVideoRectangle cropped = { .w = GST_VIDEO_INFO_WIDTH (caps),
                                .h = GST_VIDEO_INFO_HEIGHT (caps) };
  GstVideoFrame frame;
  CkPicture picture;
  gboolean ok;

  if (!gst_cow_frame_map (&frame, caps, buffer, GST_MAP_READWRITE)) {
    g_set_error (error, COW_ERROR, COW_ERROR_IO,
                 "a buffer of %" G_GSIZE_FORMAT
                 " bytes; a frame of %dx%d in %s has %" G_GSIZE_FORMAT,
                 gst_buffer_get_size (buffer), cropped.w, cropped.h, GST_VIDEO_INFO_NAME (caps),
                 GST_VIDEO_INFO_SIZE (caps));
    return FALSE;
  }
  /* This is called for its comparison of strides and crop with the memory. */
  ok = gst_cow_frame_to_picture (&frame, caps, &picture, &cropped.x, &cropped.y, error);
  for (guint i = 0; ok && i < gst_video_overlay_composition_n_rectangles (composition); i++)
    blend_rectangle (&frame, &cropped,
                     gst_video_overlay_composition_get_rectangle (composition, i));
  gst_video_frame_unmap (&frame);
  return ok;
}
