/* SPDX-License-Identifier: MIT */
/* Puts the pictures of overlay-draw.h in their places, and draws none that it has drawn for the
 * frame before. One thread at a time. */
#ifndef GST_COW_OVERLAY_PAINTER_H
#define GST_COW_OVERLAY_PAINTER_H

#include "gst-plugin/overlay/draw.h"

G_BEGIN_DECLS

/* What the user wants to see. */
typedef struct {
  gboolean confidence, age, id, budget;
  gint line_width;  /* px; 0: by the frame's height */
  const char *font; /* a Pango description, or NULL; borrowed */
} GstCowOverlayStyle;

typedef struct _GstCowPainter GstCowPainter;

/* For frames as `info` says. The style's font is copied. */
GstCowPainter *gst_cow_painter_new (const GstVideoInfo *info, const GstCowOverlayStyle *style);
void gst_cow_painter_free (GstCowPainter *self);

/* What is to be seen over a frame, in px of the frame, or NULL for nothing. Frames that look the
 * same get the same composition, and rectangles that do, the same rectangle. Give it back with
 * gst_video_overlay_composition_unref (). */
GstVideoOverlayComposition *gst_cow_painter_paint (GstCowPainter *self, const GArray *view,
                                                   const GstCowBudget *budget);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstCowPainter, gst_cow_painter_free)

G_END_DECLS

#endif
