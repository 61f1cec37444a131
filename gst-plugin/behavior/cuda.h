/* SPDX-License-Identifier: MIT */
/*
 * Frames that lie in the memory of a GPU (GstCudaMemory), as NVDEC's decoders give them. An engine
 * on a GPU reads them there; one on the CPU gets a copy, which the memory makes itself. In a build
 * without gstreamer-cuda-1.0 no such frame is negotiated.
 */
#ifndef GST_COW_CUDA_H
#define GST_COW_CUDA_H

#include <gst/video/video.h>

#include "kernels/kernels.h"

G_BEGIN_DECLS

#define GST_COW_CUDA_FEATURE "memory:CUDAMemory"

/* The formats of such frames that gst_cow_frame_to_picture () takes, for caps; NULL in a build
 * without them. */
extern const char *const gst_cow_cuda_formats;

/* Whether a frame lies in such memory. */
gboolean gst_cow_cuda_has_memory (GstBuffer *buffer);
/* How a frame has to be mapped so that `device` can read it. */
GstMapFlags gst_cow_cuda_map_flags (GstBuffer *buffer, const CkDevice *device);
/* Says of a frame that was mapped so where its planes lie, and waits until whoever wrote them is
 * done. */
void gst_cow_cuda_place (GstBuffer *buffer, GstMapFlags flags, CkPicture *picture);

G_END_DECLS

#endif
