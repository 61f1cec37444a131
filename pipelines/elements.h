/* SPDX-License-Identifier: MIT */
/* The elements of a pipeline that somebody described as text. */
#ifndef COW_PIPELINES_ELEMENTS_H
#define COW_PIPELINES_ELEMENTS_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* Whether the object is an element of that factory. */
gboolean element_is (GstObject *object, const char *factory);
/* Returns every element below the bin, which may be running; free with g_ptr_array_unref (). */
GPtrArray *elements_of (GstBin *bin);
/* Returns a new bin whose pad "src" or "sink" is the one that the description leaves open. */
GstElement *elements_parse (const char *description, GstPadDirection direction, GError **error);
/* Makes sinks not wait for a first frame, so that the clock runs before there is a source. */
void elements_start_without_frames (GstBin *bin);

G_END_DECLS

#endif
