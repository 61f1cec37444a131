/* SPDX-License-Identifier: MIT */
/* The demonstration video as an MP4 with H.264, and its truth as JSON lines. */
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
 * Writes RENDER_VIDEO_WIDTH x RENDER_VIDEO_HEIGHT pixels at RENDER_VIDEO_RATE. Needs GStreamer's
 * x264enc and mp4mux. A line of truth is a cow in a frame, its box in pixels and inside the frame:
 *
 *   {"frame": 0, "time": 0.000, "cow": "rest-1", "x": 40, "y": 93, "w": 120, "h": 70,
 *    "behaviour": "Lying", "changing": false}
 *
 * The line is not broken in the file. A cow that is `changing` is between two behaviours.
 */
gboolean render_video_write (const char *path, const RenderVideoOptions *options, GError **error);

#endif
