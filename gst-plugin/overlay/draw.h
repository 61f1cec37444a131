/* SPDX-License-Identifier: MIT */
/*
 * Draws the pictures of `cowoverlay` with Cairo and Pango: lines of boxes, tags, the time-budget
 * strip. Each is a buffer with a GstVideoMeta in GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB,
 * premultiplied. It is as large as needed and its size is even, so that at an even place it shares
 * no chroma sample with the frame around it. One thread at a time.
 */
#ifndef GST_COW_OVERLAY_DRAW_H
#define GST_COW_OVERLAY_DRAW_H

#include <gst/video/video.h>
#include <pango/pangocairo.h>

#include "gst-plugin/overlay/budget.h"
#include "gst-plugin/overlay/view.h"

G_BEGIN_DECLS

/* Sizes of lines and letters, which follow from the frame's size and the properties. */
typedef struct {
  gint width, height; /* of the frame, px */
  gint line;          /* width of a box's line, px; even */
  gint text;          /* size of the letters, px */
  gdouble stretch;    /* px of width a px of height: 1 / pixel aspect ratio */

  PangoFontMap *fonts; /* the pen's own, because the default one belongs to a thread */
  PangoContext *context;
  PangoFontDescription *font;
} GstCowPen;

/* Sets up a pen for frames of `info`. line_width 0 and a font that is NULL or has no size become
 * what suits the height of the frame. */
void gst_cow_pen_init (GstCowPen *pen, const GstVideoInfo *info, gint line_width, const char *font);
void gst_cow_pen_clear (GstCowPen *pen);

/* Rounds a position or size up to an even number, because chroma is sampled at every second
 * pixel. */
static inline gint
gst_cow_even (gint value)
{
  return (value + 1) & ~1;
}

/* Thickness of the line of a box with the dark seam on both of its sides, px. */
gint gst_cow_pen_border (const GstCowPen *pen);
/* Draws the part `part` of the line of a box of box->w x box->h px, both even; faded, and dashed
 * for a zone. */
GstBuffer *gst_cow_draw_box (const GstCowPen *pen, const GstVideoRectangle *box,
                             const GstVideoRectangle *part, guint32 colour, guint fade,
                             gboolean dashed);
/* Draws a tag, at most as large as the frame: the label, `details` (or NULL) in small letters, and
 * below them a bar for the confidence (below 0: none). */
GstBuffer *gst_cow_draw_tag (const GstCowPen *pen, const char *label, const char *details,
                             gdouble confidence, guint32 colour, guint fade);

/* Height of the time-budget strip, px; 0 when the frame is too small for one. */
gint gst_cow_pen_strip_height (const GstCowPen *pen);
/* The end of share i in a strip as wide as the frame, px: even, but for the last share, which ends
 * with the frame. */
gint gst_cow_strip_end (const GstCowPen *pen, const GstCowBudget *budget, guint i);
GstBuffer *gst_cow_draw_strip (const GstCowPen *pen, const GstCowBudget *budget);

G_END_DECLS

#endif
