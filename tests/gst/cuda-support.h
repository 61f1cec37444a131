/* SPDX-License-Identifier: MIT */
/* Shared by the tests with frames in the memory of a GPU: the driver is tests/cuda-on-cpu. Every
 * function aborts the test when it fails. */
#ifndef TEST_CUDA_SUPPORT_H
#define TEST_CUDA_SUPPORT_H

#define GST_USE_UNSTABLE_API
#include <gst/cuda/gstcudabufferpool.h>
#include <gst/cuda/gstcudaloader.h>
#include <gst/cuda/gstcudautils.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

#define CUDA_DEVICE "cuda-emulated"

/* Prints the reason for skipping all tests, and returns FALSE, where there is no such driver. */
gboolean cuda_support_init (void);
/* Makes calls of the driver fail, "FUNCTION=CALL:RESULT,..."; NULL: none from now on. */
void cuda_fail (const char *calls);

/* The context that an element shares; unref it. NULL: it shares none. */
GstCudaContext *cuda_context_of (GstElement *element);
/* support_frame_new () in the memory of a context. */
GstBuffer *cuda_frame_new (GstCudaContext *context, const GstVideoInfo *info, guint seed);
/* The caps of such frames. */
GstCaps *cuda_caps (const GstVideoInfo *info);

G_END_DECLS

#endif
