/* SPDX-License-Identifier: MIT */
/* Recordings: one for sample pipelines, what they made of it, and what cowoverlay drew there. */
#ifndef TEST_RECORDED_H
#define TEST_RECORDED_H

#include <gst/video/video.h>

G_BEGIN_DECLS

/* Records 40 frames of a moving ball as an MP4, 320 x 240 px, 20 a second. */
void recorded_ball (const char *path);
/* Returns every frame of a file as BGRx, in its own size, up to where it can be played; none, and
 * no size, of a file that cannot. Free with g_ptr_array_unref (). */
GPtrArray *recorded_frames (const char *path, GstVideoInfo *info);
/* Whether the lowest rows of a part of a frame are cowoverlay's time budget: only colours of
 * behaviours, which coders blur a little. */
gboolean recorded_has_strip (GstBuffer *frame, const GstVideoInfo *info, gint x, gint y, gint w,
                             gint h);
/* Whether a part of a frame is black. */
gboolean recorded_is_black (GstBuffer *frame, const GstVideoInfo *info, gint x, gint y, gint w,
                            gint h);

G_END_DECLS

#endif
