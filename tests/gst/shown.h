/* SPDX-License-Identifier: MIT */
/* For tests of `cowoverlay`: results written by hand, frames of one grey, and checks of their
 * pixels. */
#ifndef TEST_SHOWN_H
#define TEST_SHOWN_H

#include <gst/check/gstharness.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

/* An object "object" of gstcowbehaviormeta.h: a detection without track and age. Add fields with
 * gst_structure_set (). */
GstStructure *shown_object (guint x, guint y, guint w, guint h, const char *label, gint label_id,
                            gdouble confidence);
/* Attaches a meta with these objects, whose ownership it takes; NULL-terminated. */
void shown_attach (GstBuffer *buffer, GstStructure *first, ...) G_GNUC_NULL_TERMINATED;

/* A frame whose samples are all 100 (of 255, also in formats with more bits). */
GstBuffer *shown_frame (const GstVideoInfo *info);
/* Whether any sample of the rectangle, in px, differs from shown_frame (); chroma samples count if
 * they touch it. */
gboolean shown_changed (GstBuffer *buffer, const GstVideoInfo *info, gint x, gint y, gint w,
                        gint h);
/* Whether two frames have the same samples, whatever lies between their rows. */
gboolean shown_same (GstBuffer *one, GstBuffer *other, const GstVideoInfo *info);
/* 0xrrggbb at a place of a BGRx or BGRA frame. */
guint32 shown_pixel (GstBuffer *buffer, const GstVideoInfo *info, gint x, gint y);
/* Counts the pixels of such a frame in a rectangle that have about this colour: no component is off
 * by more than `off`. */
guint shown_count (GstBuffer *buffer, const GstVideoInfo *info, gint x, gint y, gint w, gint h,
                   guint32 colour, gint off);

/* A harness of cowoverlay with properties as on a command line and frames described by `info`;
 * downstream accepts everything. */
GstHarness *shown_harness (const char *properties, const GstVideoInfo *info);
/* Pushes a buffer as frame n of 25 a second, and returns the one that comes out. */
GstBuffer *shown_push (GstHarness *harness, GstBuffer *buffer, guint n);

G_END_DECLS

#endif
