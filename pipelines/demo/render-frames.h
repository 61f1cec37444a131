/* SPDX-License-Identifier: MIT */
/* Whole frames of crowded barns, and a COCO file with a box and a behaviour of each animal. */
#ifndef COW_RENDER_FRAMES_H
#define COW_RENDER_FRAMES_H

#include "pipelines/demo/render-picture.h"

#define RENDER_FRAME_WIDTH  640
#define RENDER_FRAME_HEIGHT 360

typedef struct {
  guint64 seed;
  RenderStyle style;
  int count;      /* of frames, all splits together */
  int most;       /* animals in a frame */
  gboolean split; /* into train, val and test: 70, 15 and 15 % */
} RenderFramesOptions;

/*
 * Writes FOLDER[/SPLIT]/NNNNN.png and FOLDER[/SPLIT]/annotations.json: COCO's `images`,
 * `categories` (the nine behaviours, from 1) and `annotations`, whose boxes end at the frame's
 * edges, with `attributes` {"cow": who it is, "visible": the share of it that nothing hides}.
 * Animals of which less than a fifth is seen have no box. No cow and no barn is in two splits. A
 * frame depends only on seed, split and number.
 */
gboolean render_frames_write (const char *folder, const RenderFramesOptions *options,
                              GError **error);

#endif
