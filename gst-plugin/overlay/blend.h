/* SPDX-License-Identifier: MIT */
/* Puts an overlay composition into the pixels of a frame. */
#ifndef GST_COW_OVERLAY_BLEND_H
#define GST_COW_OVERLAY_BLEND_H

#include <gst/video/video.h>

G_BEGIN_DECLS

/*
 * Blends the composition, whose rectangles are unscaled and premultiplied, into the buffer, which
 * is writable and has the `caps`, in one of GST_COW_FRAME_FORMATS. Places are relative to a
 * GstVideoCropMeta where there is one. COW_ERROR_IO: the buffer cannot be mapped. COW_ERROR_FORMAT:
 * it is shorter than its own strides say, or cropped to less than its caps.
 */
gboolean gst_cow_overlay_blend (GstVideoOverlayComposition *composition, GstBuffer *buffer,
                                const GstVideoInfo *caps, GError **error);

G_END_DECLS

#endif
