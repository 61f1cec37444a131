/* SPDX-License-Identifier: MIT */
/* The element `cowbehavior`. */
#ifndef GST_COW_BEHAVIOR_H
#define GST_COW_BEHAVIOR_H

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_COW_BEHAVIOR (gst_cow_behavior_get_type ())
G_DECLARE_FINAL_TYPE (GstCowBehavior, gst_cow_behavior, GST, COW_BEHAVIOR, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (cowbehavior)

G_END_DECLS

#endif
