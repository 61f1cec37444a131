/* SPDX-License-Identifier: MIT */
/* Frames in the memory of a GPU. */
#include "gst-plugin/behavior/cuda.h"

#include "cow-build.h"
#include "model/network/device.h"

#ifdef COW_HAVE_GST_CUDA
#  define GST_USE_UNSTABLE_API
#  include <gst/cuda/gstcudautils.h>

const char *const gst_cow_cuda_formats =
    "{ NV12, P010_10LE, I420, YV12, RGB, BGR, RGBx, BGRx, RGBA, BGRA, ARGB, ABGR }";

static GstCudaMemory *
memory_of (GstBuffer *buffer)
{
  GstMemory *memory = gst_buffer_n_memory (buffer) > 0 ? gst_buffer_peek_memory (buffer, 0) : NULL;

  return memory && gst_is_cuda_memory (memory) ? GST_CUDA_MEMORY_CAST (memory) : NULL;
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

/* A context for others around that of a device, which it closes at its end; NULL: not a GPU. */
static GstCudaContext *
wrap_device (const char *name)
{
  CkDevice *device = cow_device_open (name, 0, NULL);
  GstCudaContext *context = NULL;

  if (device && device->native && gst_cuda_load_library ())
    context = gst_cuda_context_new_wrapped (device->native, (CUdevice)device->ordinal);
  if (context)
    g_object_set_data_full (G_OBJECT (context), "cowbehavior-device", device,
                            (GDestroyNotify)ck_device_close);
  else
    ck_device_close (device);
  return context;
}

gboolean
gst_cow_cuda_answer (GstElement *element, GstQuery *query, const char *device_name,
                     GWeakRef *context)
{
  GstCudaContext *wrapped;
  const gchar *type;
  gboolean answered;

  gst_query_parse_context_type (query, &type);
  if (!g_str_equal (type, GST_CUDA_CONTEXT_TYPE))
    return FALSE;
  wrapped = g_weak_ref_get (context);
  if (!wrapped) {
    wrapped = wrap_device (device_name);
    g_weak_ref_set (context, wrapped);
  }
  answered = wrapped && gst_cuda_handle_context_query (element, query, wrapped);
  gst_clear_object (&wrapped);
  return answered;
}

#else

const char *const gst_cow_cuda_formats = NULL;

GstMapFlags
gst_cow_cuda_map_flags (GstBuffer *buffer, const CkDevice *device)
{
  return GST_MAP_READ;
}

void
gst_cow_cuda_place (GstBuffer *buffer, GstMapFlags flags, CkPicture *picture)
{
}

gboolean
gst_cow_cuda_answer (GstElement *element, GstQuery *query, const char *device_name,
                     GWeakRef *context)
{
  return FALSE;
}

#endif
