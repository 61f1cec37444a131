/* SPDX-License-Identifier: MIT */
/* The demonstration video as an MP4 with H.264, and what is to be seen in it as JSON lines. */
#ifndef COW_RENDER_VIDEO_H
#define COW_RENDER_VIDEO_H

#include "pipelines/demo/render-picture.h"

typedef struct {
  guint64 seed;
  RenderLight light;
  int seconds;
  const char *truth; /* file for the JSON lines, or NULL */
} RenderVideoOptions;

/*
 * RENDER_VIDEO_WIDTH x RENDER_VIDEO_HEIGHT at RENDER_VIDEO_RATE. A line of truth is a cow in a
 * frame, boxes in pixels and inside the frame:
 * {"frame": 0, "time": 0.000, "cow": "rest-1", "x": 40, "y": 93, "w": 120, "h": 70, "behaviour":
 * "Lying", "changing": false} A cow that is `changing` is on its way from one behaviour to another.
 * Needs GStreamer's x264enc and mp4mux.
 */
gboolean render_video_write (const char *path, const RenderVideoOptions *options, GError **error);

#endif
