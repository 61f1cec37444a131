/* SPDX-License-Identifier: MIT */
/* A mapped video frame as kernels/ sees pictures: no pixel is copied or converted. */
#ifndef GST_COW_FRAME_H
#define GST_COW_FRAME_H

#include <gst/video/video.h>

#include "model/adapter/preprocess.h"

G_BEGIN_DECLS

/* The formats that gst_cow_frame_to_picture () takes, for caps. Those that cameras and decoders
 * give come first. */
#define GST_COW_FRAME_FORMATS                                                                      \
  "{ NV12, I420, YV12, YUY2, UYVY, P010_10LE, RGB, BGR, RGBx, BGRx, xRGB, xBGR, RGBA, BGRA, "      \
  "ARGB, ABGR, GRAY8 }"

/* gst_video_frame_map (), without a critical message where a GstVideoMeta of the buffer says
 * another format than the caps: FALSE then, too. */
gboolean gst_cow_frame_map (GstVideoFrame *frame, const GstVideoInfo *caps, GstBuffer *buffer,
                            GstMapFlags flags);
/*
 * Describes a frame, mapped for reading, to `picture`, which borrows its memory: valid while the
 * frame stays mapped. *x, *y is the place in it of the upper left pixel of what the caps call the
 * frame: that of a GstVideoCropMeta, else 0, 0. The Y'CbCr matrix and the range are those of the
 * caps (a GstVideoMeta may give a larger frame around the picture), strides those of the frame.
 * COW_ERROR_UNSUPPORTED: another format. COW_ERROR_FORMAT: the buffer is shorter than its own
 * strides say, or cropped to less than its caps.
 */
gboolean gst_cow_frame_to_picture (const GstVideoFrame *frame, const GstVideoInfo *caps,
                                   CkPicture *picture, int *x, int *y, GError **error);

G_END_DECLS

#endif
