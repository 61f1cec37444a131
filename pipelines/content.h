/* SPDX-License-Identifier: MIT */
/* What an HTTP address gives, by its content. */
#ifndef COW_PIPELINES_CONTENT_H
#define COW_PIPELINES_CONTENT_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* Lets `source`, a souphttpsrc, fail with a sentence where `decoder`, a decodebin behind it, finds
 * that what comes is no video: a single picture, or a web page; or HLS, where the source has a
 * login or certificates of its own (`is_private`), which GStreamer keeps from the segments.
 * The source has to live as long as the decoder. */
void content_watch (GstElement *decoder, GstElement *source, gboolean is_private);

G_END_DECLS

#endif
