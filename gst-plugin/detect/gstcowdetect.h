/* SPDX-License-Identifier: MIT */
/* The GStreamer element `cowdetect`. */
#ifndef GST_COW_DETECT_H
#define GST_COW_DETECT_H

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_COW_DETECT (gst_cow_detect_get_type ())
G_DECLARE_FINAL_TYPE (GstCowDetect, gst_cow_detect, GST, COW_DETECT, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (cowdetect)

G_END_DECLS

#endif
