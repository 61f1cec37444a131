/* SPDX-License-Identifier: MIT */
/* A mapped video frame as kernels/ sees pictures: no pixel is copied or converted. */
#ifndef GST_COW_FRAME_H
#define GST_COW_FRAME_H

#include <gst/video/video.h>

#include "model/preprocess.h"

G_BEGIN_DECLS

/* The formats that gst_cow_frame_to_picture () takes, for caps. */
#define GST_COW_FRAME_FORMATS "{ NV12, I420, RGB, BGR, RGBx, BGRx, xRGB, xBGR, RGBA, BGRA, ARGB, ABGR }"

/*
 * Describes a frame, mapped for reading, to `picture`, which borrows its memory: valid while the frame stays mapped. The size, the Y'CbCr
 * matrix and the range are those of the caps (a GstVideoMeta may give a larger frame around the picture), strides those of the frame.
 * COW_ERROR_UNSUPPORTED: another format. COW_ERROR_FORMAT: the buffer is shorter than its own strides say.
 */
gboolean gst_cow_frame_to_picture (const GstVideoFrame *frame, const GstVideoInfo *caps, CkPicture *picture, GError **error);

G_END_DECLS

#endif
