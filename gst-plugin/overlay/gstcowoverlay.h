/* SPDX-License-Identifier: MIT */
/* The element `cowoverlay`. */
#ifndef GST_COW_OVERLAY_H
#define GST_COW_OVERLAY_H

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_COW_OVERLAY (gst_cow_overlay_get_type ())
G_DECLARE_FINAL_TYPE (GstCowOverlay, gst_cow_overlay, GST, COW_OVERLAY, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (cowoverlay)

G_END_DECLS

#endif
