/* SPDX-License-Identifier: MIT */
/* Whether a pipeline is live. */
#ifndef GST_COW_LIVE_H
#define GST_COW_LIVE_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* Whether what comes to a sink pad is live, as its upstream answers the latency query; for the
 * streaming thread, again after each segment and each latency event. */
gboolean gst_cow_pad_is_live (GstPad *pad);

G_END_DECLS

#endif
