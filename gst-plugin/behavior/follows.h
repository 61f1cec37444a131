/* SPDX-License-Identifier: MIT */
/*
 * Whether a `cowbehavior` that tells what each cow does stands further down: a query that goes
 * downstream as far as there are elements that know it, or pass on what they do not know, as most
 * of GStreamer's do. Any thread.
 */
#ifndef GST_COW_FOLLOWS_H
#define GST_COW_FOLLOWS_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* Asks what stands behind a source pad. */
gboolean gst_cow_follows (GstPad *pad);
/* Whether a query asks that; to be answered with TRUE. */
gboolean gst_cow_follows_asks (const GstQuery *query);

G_END_DECLS

#endif
