/* SPDX-License-Identifier: MIT */
/* Puts the pictures of draw.h in their places, and uses those of the frame before again. One thread
 * at a time. */
#ifndef GST_COW_OVERLAY_PAINTER_H
#define GST_COW_OVERLAY_PAINTER_H

#include "gst-plugin/overlay/draw.h"

G_BEGIN_DECLS

/* The properties of `cowoverlay` that say what is shown. */
typedef struct {
  gboolean confidence, age, id, budget;
  gint line_width;  /* px; 0: by the frame's height */
  const char *font; /* a Pango description, or NULL; borrowed */
} GstCowOverlayStyle;

typedef struct _GstCowPainter GstCowPainter;

/* A painter for frames of `info`. The font of the style is copied. */
GstCowPainter *gst_cow_painter_new (const GstVideoInfo *info, const GstCowOverlayStyle *style);
void gst_cow_painter_free (GstCowPainter *self);

/* The composition that lies over a frame, in px of the frame, or NULL where nothing is shown.
 * `demonstration`: a badge says that the labels are the demonstration model's.
 * Frames that look the same get the same composition, and rectangles that look the same are the
 * same. Free with gst_video_overlay_composition_unref (). */
GstVideoOverlayComposition *gst_cow_painter_paint (GstCowPainter *self, const GArray *view,
                                                   const GstCowBudget *budget,
                                                   gboolean demonstration);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstCowPainter, gst_cow_painter_free)

G_END_DECLS

#endif
