/* SPDX-License-Identifier: MIT */
/* The effects of light, lens, sensor and coder on a drawing. The functions work in place on
 * CAIRO_FORMAT_RGB24 surfaces. */
#ifndef COW_RENDER_CAMERA_H
#define COW_RENDER_CAMERA_H

#include "pipelines/demo/render-scene.h"

typedef struct {
  RenderLight light;
  double exposure; /* 1 is usual */
  double warmth;   /* -1 bluish to 1 reddish */
  double lens;     /* 0: none; 0.1: the barrel distortion of a wide angle, a fifth larger in the
                  middle */
  double vignette; /* 0 to 1: how dark the corners are */
  double blur;     /* radius, pixels */
  double noise;    /* standard deviation, of 255 */
  double coding;   /* 0: none; else the step of the coder's quantisation, of 255 */
} RenderCamera;

/* Derives one of many cameras from its key. */
RenderCamera render_camera (guint64 key, RenderLight light);
void render_camera_apply (const RenderCamera *self, cairo_surface_t *surface, guint64 key);
/* Removes what a coder of 8x8 cosine blocks with this step loses. */
void render_camera_code (cairo_surface_t *surface, double step);

#endif
