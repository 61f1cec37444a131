/* SPDX-License-Identifier: MIT */
/* The objects around a cow: trough, feed fence, bedding, dust. Each has a part behind the cow and
 * one in front of it. */
#ifndef COW_RENDER_PROPS_H
#define COW_RENDER_PROPS_H

#include "pipelines/demo/render-cow.h"

typedef enum {
  RENDER_PROP_NONE,
  RENDER_PROP_TROUGH,
  RENDER_PROP_FENCE,
  RENDER_PROP_BEDDING,
  RENDER_PROP_DUST
} RenderPropKind;

typedef struct {
  RenderPropKind kind;
  double x, level; /* metres from the cow's origin; the water's or the feed's height */
  guint64 key;     /* of its straws and puffs */
} RenderProp;

/* Returns the prop of the behaviour, placed at the cow's muzzle or neck in this pose.
 * RENDER_PROP_NONE when the behaviour has none. */
RenderProp render_prop_for (RenderBehaviour behaviour, const RenderCow *cow, const RenderPose *pose,
                            guint64 key);
void render_prop_behind (cairo_t *cr, const RenderProp *prop);
void render_prop_front (cairo_t *cr, const RenderProp *prop);

/* Draws `count` short strokes of straw or hay over the area. */
void render_straws (cairo_t *cr, RenderBounds area, int count, double length, double width,
                    const RenderColour *colours, int n_colours, RenderDice *dice);

#endif
