/* SPDX-License-Identifier: MIT */
#include "tests/gst/cuda-support.h"

#include <dlfcn.h>
#include <string.h>

#include "tests/gst/support.h"

static void (*let_fail) (const char *calls);

gboolean
cuda_support_init (void)
{
  const char *path = g_getenv ("COWBEHAVIOR_CUDA_ON_CPU");
  void *library = path ? dlopen (path, RTLD_NOW | RTLD_LOCAL) : NULL,
       *symbol = library ? dlsym (library, "cow_cuda_on_cpu_fail") : NULL;

  if (!symbol || !support_have_element ("cudaupload")) {
    g_print ("1..0 # SKIP no driver on a processor, or no cudaupload\n");
    return FALSE;
  }
  memcpy (&let_fail, &symbol, sizeof symbol);
  g_assert_true (gst_cuda_load_library ());
  gst_cuda_memory_init_once ();
  return TRUE;
}

void
cuda_fail (const char *calls)
{
  let_fail (calls);
}

GstCudaContext *
cuda_context_of (GstElement *element)
{
  g_autoptr (GstQuery) query = gst_query_new_context (GST_CUDA_CONTEXT_TYPE);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (element, "sink");
  GstContext *context = NULL;
  GstCudaContext *cuda = NULL;

  if (!gst_pad_query (pad, query))
    return NULL;
  gst_query_parse_context (query, &context);
  g_assert_nonnull (context);
  gst_structure_get (gst_context_get_structure (context), GST_CUDA_CONTEXT_TYPE,
                     GST_TYPE_CUDA_CONTEXT, &cuda, NULL);
  g_assert_nonnull (cuda);
  return cuda;
}

GstCaps *
cuda_caps (const GstVideoInfo *info)
{
  GstCaps *caps = gst_video_info_to_caps (info);

  gst_caps_set_features_simple (caps,
                                gst_caps_features_new (GST_CAPS_FEATURE_MEMORY_CUDA_MEMORY, NULL));
  return caps;
}

GstBuffer *
cuda_frame_new (GstCudaContext *context, const GstVideoInfo *info, guint seed)
{
  g_autoptr (GstBufferPool) pool = gst_cuda_buffer_pool_new (context);
  g_autoptr (GstBuffer) source = support_frame_new (info, seed);
  g_autoptr (GstCaps) caps = cuda_caps (info);
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstBuffer *buffer = NULL;
  GstVideoFrame from, to;

  gst_buffer_pool_config_set_params (config, caps, (guint)GST_VIDEO_INFO_SIZE (info), 0, 0);
  g_assert_true (gst_buffer_pool_set_config (pool, config));
  g_assert_true (gst_buffer_pool_set_active (pool, TRUE));
  g_assert_cmpint (gst_buffer_pool_acquire_buffer (pool, &buffer, NULL), ==, GST_FLOW_OK);
  g_assert_true (gst_video_frame_map (&from, info, source, GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&to, info, buffer, GST_MAP_WRITE));
  g_assert_true (gst_video_frame_copy (&to, &from));
  gst_video_frame_unmap (&to);
  gst_video_frame_unmap (&from);
  gst_buffer_pool_set_active (pool, FALSE);
  return buffer;
}
