/* SPDX-License-Identifier: MIT */
/* The element `cowdemooverlay`. */
#ifndef COW_DEMO_OVERLAY_H
#define COW_DEMO_OVERLAY_H

#include <gst/video/gstvideofilter.h>

G_BEGIN_DECLS

#define COW_TYPE_DEMO_OVERLAY (cow_demo_overlay_get_type ())
G_DECLARE_FINAL_TYPE (CowDemoOverlay, cow_demo_overlay, COW, DEMO_OVERLAY, GstVideoFilter)

GST_ELEMENT_REGISTER_DECLARE (cowdemooverlay)

G_END_DECLS

#endif
