/* SPDX-License-Identifier: MIT */
/* Buffers with metadata of every kind that ours read, made of bytes: well-formed to GStreamer, and
 * with whatever numbers, types and fields. */
#ifndef COW_TEST_FUZZ_METAS_H
#define COW_TEST_FUZZ_METAS_H

#include <gst/video/video.h>

#include "tests/fuzz/input.h"

/* Starts GStreamer once, without plugins but with ours: elements and metadata. From then on a
 * critical message, by which GStreamer says that it was called with nonsense, ends the program. */
void fuzz_start_gstreamer (void);
/* A number as detectors have it, or one that no frame is as large as. */
guint32 fuzz_coordinate (FuzzInput *input);
/* Adds metadata to a buffer until the input says that it is enough. */
void fuzz_add_metas (FuzzInput *input, GstBuffer *buffer);

#endif
