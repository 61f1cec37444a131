/* SPDX-License-Identifier: MIT */
/*
 * What a stream says of frames that fail, and how soon it tries again. A stream that waits ends
 * with an error; one that does not goes on, and warns now and then. Functions are for the streaming
 * thread.
 */
#ifndef GST_COW_FAILURES_H
#define GST_COW_FAILURES_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* A stream that does not wait leaves an engine that failed alone for so long. */
#define GST_COW_FAILURES_RETRY_US G_TIME_SPAN_SECOND

/* Posts an error by the element. */
void gst_cow_failures_end (GstElement *element, const GError *error);
/* Posts a warning, at most one in ten seconds. n: the failures so far; *warned_us: the monotonic
 * time of the last warning, 0 before the first. */
void gst_cow_failures_warn (GstElement *element, const GError *error, guint64 n, gint64 *warned_us);

G_END_DECLS

#endif
