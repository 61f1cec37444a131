/* SPDX-License-Identifier: MIT */
/* Frames in the memory of a GPU. */
#include "gst-plugin/behavior/cuda.h"

#include "cow-build.h"

#ifdef COW_HAVE_GST_CUDA
#  define GST_USE_UNSTABLE_API
#  include <gst/cuda/gstcudamemory.h>
#  include <gst/cuda/gstcudautils.h>

const char *const gst_cow_cuda_formats =
    "{ NV12, P010_10LE, I420, YV12, RGB, BGR, RGBx, BGRx, RGBA, BGRA, ARGB, ABGR }";

static GstCudaMemory *
memory_of (GstBuffer *buffer)
{
  GstMemory *memory = gst_buffer_n_memory (buffer) > 0 ? gst_buffer_peek_memory (buffer, 0) : NULL;

  return memory && gst_is_cuda_memory (memory) ? GST_CUDA_MEMORY_CAST (memory) : NULL;
}

gboolean
gst_cow_cuda_has_memory (GstBuffer *buffer)
{
  return memory_of (buffer) != NULL;
}

GstMapFlags
gst_cow_cuda_map_flags (GstBuffer *buffer, const CkDevice *device)
{
  return device->native && memory_of (buffer) ? (GstMapFlags)(GST_MAP_READ | GST_MAP_CUDA)
                                              : GST_MAP_READ;
}

void
gst_cow_cuda_place (GstBuffer *buffer, GstMapFlags flags, CkPicture *picture)
{
  GstCudaMemory *memory = memory_of (buffer);

  if (!(flags & GST_MAP_CUDA))
    return;
#  if GST_CHECK_VERSION(1, 24, 0)
  gst_cuda_memory_sync (memory);
#  endif
  picture->place = CK_ON_DEVICE;
  picture->native = gst_cuda_context_get_handle (memory->context);
}

#else

const char *const gst_cow_cuda_formats = NULL;

gboolean
gst_cow_cuda_has_memory (GstBuffer *buffer)
{
  return FALSE;
}

GstMapFlags
gst_cow_cuda_map_flags (GstBuffer *buffer, const CkDevice *device)
{
  return GST_MAP_READ;
}

void
gst_cow_cuda_place (GstBuffer *buffer, GstMapFlags flags, CkPicture *picture)
{
}

#endif
