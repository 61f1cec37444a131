/* SPDX-License-Identifier: MIT */
/* The story of the demonstration video: seven animals, each with its own place and its own round of
 * behaviours. */
#ifndef COW_RENDER_SCRIPT_H
#define COW_RENDER_SCRIPT_H

#include "pipelines/demo/render-scene.h"

#define RENDER_VIDEO_WIDTH  640
#define RENDER_VIDEO_HEIGHT 360
#define RENDER_VIDEO_RATE   15 /* frames a second */
#define RENDER_N_ROLES      7

typedef struct _RenderScript RenderScript;

RenderScript *render_script_new (guint64 seed);
void render_script_free (RenderScript *self);

/* An animal in the current frame. */
typedef struct {
  const char *name; /* the same during the whole video */
  RenderActor actor;
  gboolean changing; /* between two behaviours: `actor.behaviour` is the nearer one */
} RenderRoleState;

/* Returns the animals from back to front. They are the script's, and valid until the next step. */
const RenderRoleState *render_script_states (const RenderScript *self);
/* Advances to the next frame. */
void render_script_step (RenderScript *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RenderScript, render_script_free)

#endif
