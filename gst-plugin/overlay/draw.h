/* SPDX-License-Identifier: MIT */
/*
 * The pictures that `cowoverlay` is made of, drawn by Cairo and Pango: lines of boxes, tags, the
 * time-budget strip. Each is a buffer with a GstVideoMeta in
 * GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, premultiplied, as large as needed and of even size, so
 * that at an even place no chroma sample is shared with the picture around it. One thread at a
 * time.
 */
#ifndef GST_COW_OVERLAY_DRAW_H
#define GST_COW_OVERLAY_DRAW_H

#include <gst/video/video.h>
#include <pango/pangocairo.h>

#include "gst-plugin/overlay/budget.h"
#include "gst-plugin/overlay/view.h"

G_BEGIN_DECLS

/* What a frame's size and the properties make of lines and letters. */
typedef struct {
  gint width, height; /* of the frame, px */
  gint line;          /* width of a box's line, px; even */
  gint text;          /* size of the letters, px */
  gdouble stretch;    /* px of width a px of height: 1 / pixel aspect ratio */

  PangoFontMap *fonts; /* its own: the default one is of a thread */
  PangoContext *context;
  PangoFontDescription *font;
} GstCowPen;

/* Sets up for frames as `info` says; line_width 0 and font NULL or without a size: what suits the
 * frame's height. */
void gst_cow_pen_init (GstCowPen *pen, const GstVideoInfo *info, gint line_width, const char *font);
void gst_cow_pen_clear (GstCowPen *pen);

/* A number rounded up to an even one; a position or size for chroma that is sampled at every second
 * pixel. */
static inline gint
gst_cow_even (gint value)
{
  return (value + 1) & ~1;
}

/* Thickness of a box's line with the dark seam on both of its sides, px. */
gint gst_cow_pen_border (const GstCowPen *pen);
/* The part `part` of the line of a box of box->w x box->h px, both even, faded, dashed for a zone.
 */
GstBuffer *gst_cow_draw_box (const GstCowPen *pen, const GstVideoRectangle *box,
                             const GstVideoRectangle *part, guint32 colour, guint fade,
                             gboolean dashed);
/* Label, in small letters `details` (or NULL), and below a bar for the confidence (below 0: none).
 * At most as large as the frame. */
GstBuffer *gst_cow_draw_tag (const GstCowPen *pen, const char *label, const char *details,
                             gdouble confidence, guint32 colour, guint fade);

/* Height of the time-budget strip, px; 0 when the frame is too small for one. */
gint gst_cow_pen_strip_height (const GstCowPen *pen);
/* Where share i ends in a strip as wide as the frame, px; even, but the frame's width for the last.
 */
gint gst_cow_strip_end (const GstCowPen *pen, const GstCowBudget *budget, guint i);
GstBuffer *gst_cow_draw_strip (const GstCowPen *pen, const GstCowBudget *budget);

G_END_DECLS

#endif
