/* SPDX-License-Identifier: MIT */
/* The element `cowpublish`. */
#ifndef GST_COW_PUBLISH_H
#define GST_COW_PUBLISH_H

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_COW_PUBLISH (gst_cow_publish_get_type ())
G_DECLARE_FINAL_TYPE (GstCowPublish, gst_cow_publish, GST, COW_PUBLISH, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (cowpublish)

G_END_DECLS

#endif
