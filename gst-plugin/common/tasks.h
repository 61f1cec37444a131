/* SPDX-License-Identifier: MIT */
/*
 * Whether GStreamer's threads run in this process. GLib keeps idle threads for the next piece of
 * work, and believes in them in a child of fork () too, where they are missing: a pipeline there
 * waits without end, and cannot even be stopped. So elements look before they start.
 */
#ifndef GST_COW_TASKS_H
#define GST_COW_TASKS_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* Remembers this process; when a plugin is loaded. */
void gst_cow_tasks_init (void);
/* FALSE, with an error on the element's bus, where a thread of GStreamer's does not run. Any
 * thread. */
gboolean gst_cow_tasks_check (GstElement *element);

G_END_DECLS

#endif
