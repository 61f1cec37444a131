/* SPDX-License-Identifier: MIT */
/* The objects that `cowoverlay` shows of a frame: places, short texts and colours from the metas of
 * every `cowbehavior`. All fields are checked, because anyone may have written them. */
#ifndef GST_COW_OVERLAY_VIEW_H
#define GST_COW_OVERLAY_VIEW_H

#include <gst/video/video.h>

#include "gst-plugin/common/custom-meta.h"

G_BEGIN_DECLS

/* Objects of one frame that are shown at most. */
#define GST_COW_VIEW_MAX 256

/* The number of values of GstCowShown.fade. */
#define GST_COW_FADE_STEPS 4

/* One classified region. */
typedef struct {
  GstCowPlace place;
  GstVideoRectangle box; /* inside the frame, px; not empty */
  char *label;           /* one line of valid UTF-8 */
  char *name;            /* the zone's, or NULL */
  char *who;             /* the track as "#7", or NULL */
  char *age;             /* as "0.4 s", or NULL while fresh */
  gint label_id;         /* -1: unknown */
  guint32 colour;        /* 0xrrggbb */
  gdouble confidence;    /* 0 to 1 */
  guint fade;            /* 0: fresh, to GST_COW_FADE_STEPS - 1: seconds old */
} GstCowShown;

/* The colour of a class, 0xrrggbb: one of ten that people with any kind of colour vision can tell
 * apart, and the same in every frame. Grey for "unknown", which is below 0. */
guint32 gst_cow_view_colour (gint label_id);

/* The objects of the buffer's metas that lie in a frame of width x height px, in their order: an
 * array of GstCowShown, perhaps empty. Free with g_array_unref (). */
GArray *gst_cow_view_new (GstBuffer *buffer, gint width, gint height);

/* Whether a result of the buffer is of the demonstration model. */
gboolean gst_cow_view_has_demonstration (GstBuffer *buffer);

G_END_DECLS

#endif
