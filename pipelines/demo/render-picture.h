/* SPDX-License-Identifier: MIT */
/* One picture as a detector would cut it from a camera's frame: a cow, what is around it, and the
 * camera. */
#ifndef COW_RENDER_PICTURE_H
#define COW_RENDER_PICTURE_H

#include "pipelines/demo/render-camera.h"

typedef enum {
  RENDER_STYLE_DAY,
  RENDER_STYLE_NIGHT,
  RENDER_STYLE_MIXED,
  RENDER_N_STYLES
} RenderStyle;

/* "day", "night", "mixed", NULL */
extern const char *const render_styles[];
/* The light of a camera of this style: day cameras see dusk too, mixed ones any light. */
RenderLight render_style_light (RenderStyle style, guint64 camera_key);
/* "day", "dusk" or "night" */
const char *render_light_name (RenderLight light);

typedef struct {
  RenderBehaviour behaviour;
  RenderLight light;
  guint64 cow_key, camera_key; /* identity of the cow; barn, floor, tilt and sensor */
  gboolean calf;
  guint64 key; /* of this moment: pose, crop, obstacles */
  int size;    /* of the longer side, pixels; the shorter follows from the cow's box */
} RenderShot;

cairo_surface_t *render_picture (const RenderShot *shot);

#endif
