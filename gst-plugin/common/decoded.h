/* SPDX-License-Identifier: MIT */
/* What a decodebin gives, for programs that play recordings and cameras. */
#ifndef GST_COW_DECODED_H
#define GST_COW_DECODED_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* Lets a decodebin fail with a sentence where none of what it decodes is video. */
void gst_cow_decoded_expect_video (GstElement *decoder);

G_END_DECLS

#endif
