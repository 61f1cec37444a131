/* SPDX-License-Identifier: MIT */
/* The element `cowdemodetector`. */
#ifndef COW_DEMO_DETECTOR_H
#define COW_DEMO_DETECTOR_H

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define COW_TYPE_DEMO_DETECTOR (cow_demo_detector_get_type ())
G_DECLARE_FINAL_TYPE (CowDemoDetector, cow_demo_detector, COW, DEMO_DETECTOR, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (cowdemodetector)

G_END_DECLS

#endif
