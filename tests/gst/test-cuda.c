/* SPDX-License-Identifier: MIT */
/*
 * `cowbehavior` with frames in the memory of a GPU, between GStreamer's own CUDA elements. Only the
 * driver is not the real one (tests/cuda-on-cpu). What such a frame gives is compared with what the
 * same pixels give from the host's memory.
 */
#include "tests/gst/support.h"

#include <gst/app/app.h>
#include <string.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "tests/gst/cuda-support.h"

static char *adapter;

typedef struct {
  GstElement *pipeline, *in, *out, *cow;
  GstBus *bus;
} Line;

#define UPLOAD "cudaupload ! video/x-raw(memory:CUDAMemory) ! "

/* `upload` and `rest` are what stands between the element and the ends, with their "!". */
static Line
line_new (const char *upload, const char *device, const char *rest)
{
  g_autofree char *model = support_model (),
                  *text = g_strdup_printf ("appsrc name=in format=time ! %scowbehavior name=cow "
                                           "model=%s adapter=%s precision=fp32 device=%s ! %s"
                                           "appsink name=out sync=false",
                                           upload, model, adapter, device, rest);
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch (text, &error);

  g_assert_no_error (error);
  return (Line){ .pipeline = pipeline,
                 .in = gst_bin_get_by_name (GST_BIN (pipeline), "in"),
                 .out = gst_bin_get_by_name (GST_BIN (pipeline), "out"),
                 .cow = gst_bin_get_by_name (GST_BIN (pipeline), "cow"),
                 .bus = gst_element_get_bus (pipeline) };
}

/* The sample that comes out for a frame; the pipeline plays until line_free (). */
static GstSample *
line_run (Line *line, const GstVideoInfo *info, guint seed)
{
  GstBuffer *buffer = support_frame_new (info, seed);
  GstCaps *caps = gst_video_info_to_caps (info);
  GstSample *sample;

  gst_app_src_set_caps (GST_APP_SRC (line->in), caps);
  gst_caps_unref (caps);
  gst_element_set_state (line->pipeline, GST_STATE_PLAYING);
  GST_BUFFER_PTS (buffer) = 0;
  gst_app_src_push_buffer (GST_APP_SRC (line->in), buffer);
  gst_app_src_end_of_stream (GST_APP_SRC (line->in));
  sample = gst_app_sink_pull_sample (GST_APP_SINK (line->out));
  if (!sample) {
    g_autoptr (GstMessage) message = gst_bus_pop_filtered (line->bus, GST_MESSAGE_ERROR);
    g_autoptr (GError) error = NULL;

    g_assert_nonnull (message);
    gst_message_parse_error (message, &error, NULL);
    g_assert_no_error (error);
  }
  return sample;
}

static void
line_free (Line *line)
{
  gst_element_set_state (line->pipeline, GST_STATE_NULL);
  gst_object_unref (line->in);
  gst_object_unref (line->out);
  gst_object_unref (line->cow);
  gst_object_unref (line->bus);
  gst_object_unref (line->pipeline);
}

/* The GPU's memory that a sample's frame lies in; it must be such a one. */
static GstCudaMemory *
cuda_memory (GstSample *sample)
{
  GstMemory *memory = gst_buffer_peek_memory (gst_sample_get_buffer (sample), 0);
  const GstCapsFeatures *features = gst_caps_get_features (gst_sample_get_caps (sample), 0);

  g_assert_true (gst_caps_features_contains (features, GST_CAPS_FEATURE_MEMORY_CUDA_MEMORY));
  g_assert_true (gst_is_cuda_memory (memory));
  return GST_CUDA_MEMORY_CAST (memory);
}

/* Asserts that two samples have the same results, to the last bit. */
static void
assert_same (GstSample *a, GstSample *b)
{
  const GstStructure *first = support_object (gst_sample_get_buffer (a), 0),
                     *second = support_object (gst_sample_get_buffer (b), 0);
  const GValue *p = gst_structure_get_value (first, "probabilities"),
               *q = gst_structure_get_value (second, "probabilities");

  g_assert_cmpint (gst_value_compare (p, q), ==, GST_VALUE_EQUAL);
}

/* What the pixels of a frame give from the host's memory. */
static GstSample *
from_host (const GstVideoInfo *info, const char *device)
{
  Line line = line_new ("", device, "");
  GstSample *sample = line_run (&line, info, 5);

  line_free (&line);
  return sample;
}

static void
assert_format (GstVideoFormat format, gint width, gint height)
{
  GstVideoInfo info = support_info (format, width, height, NULL);
  g_autoptr (GstSample) expected = from_host (&info, CUDA_DEVICE);
  Line line = line_new (UPLOAD, CUDA_DEVICE, "");
  g_autoptr (GstSample) sample = line_run (&line, &info, 5);

  cuda_memory (sample);
  assert_same (sample, expected);
  line_free (&line);
}

static void
test_formats (void)
{
  assert_format (GST_VIDEO_FORMAT_NV12, 96, 80);
  assert_format (GST_VIDEO_FORMAT_P010_10LE, 98, 62);
  assert_format (GST_VIDEO_FORMAT_I420, 96, 80);
  assert_format (GST_VIDEO_FORMAT_RGBA, 97, 61);
  assert_format (GST_VIDEO_FORMAT_BGRA, 96, 80);
}

/* Elements upstream take the context in which the engine computes, and all the same one. */
static void
test_context_shared (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_NV12, 96, 80, NULL);
  Line line = line_new (UPLOAD, CUDA_DEVICE, "");
  g_autoptr (GstSample) sample = line_run (&line, &info, 1);
  GstCudaContext *ours = cuda_context_of (line.cow), *again = cuda_context_of (line.cow);

  g_assert_true (again == ours);
  gst_object_unref (again);
  g_assert_true (gst_cuda_context_get_handle (cuda_memory (sample)->context) ==
                 gst_cuda_context_get_handle (ours));
  gst_object_unref (ours);
  line_free (&line);
}

static gpointer
ask_for_context (gpointer element)
{
  return cuda_context_of (element);
}

/* Whoever asks first, all are told of one context. */
static void
test_context_asked_at_once (void)
{
  for (guint round = 0; round < 20; round++) {
    Line line = line_new (UPLOAD, CUDA_DEVICE, "");
    GThread *threads[4];
    GstCudaContext *first = NULL;

    for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
      threads[i] = g_thread_new ("asks", ask_for_context, line.cow);
    for (guint i = 0; i < G_N_ELEMENTS (threads); i++) {
      GstCudaContext *told = g_thread_join (threads[i]);

      if (!first)
        first = gst_object_ref (told);
      g_assert_true (told == first);
      gst_object_unref (told);
    }
    gst_object_unref (first);
    line_free (&line);
  }
}

/* A context that the application chose stays: frames are copied out of it on the GPU. */
static void
test_context_of_others (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_NV12, 96, 80, NULL);
  g_autoptr (GstSample) expected = from_host (&info, CUDA_DEVICE);
  Line line = line_new (UPLOAD, CUDA_DEVICE, "");
  GstCudaContext *theirs = gst_cuda_context_new (0);
  GstContext *context = gst_context_new_cuda_context (theirs);

  gst_element_set_context (line.pipeline, context);
  gst_context_unref (context);
  {
    g_autoptr (GstSample) sample = line_run (&line, &info, 5);

    g_assert_true (cuda_memory (sample)->context == theirs);
    assert_same (sample, expected);
  }
  line_free (&line);
  gst_object_unref (theirs);
}

/* An engine on the CPU reads such frames too, and says what it costs. */
static void
test_engine_on_cpu (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_NV12, 96, 80, NULL);
  g_autoptr (GstSample) expected = from_host (&info, "cpu");
  Line line = line_new (UPLOAD, "cpu", "");
  g_autoptr (GstSample) sample = line_run (&line, &info, 5);
  GstMessage *message = NULL;
  g_autoptr (GError) told = NULL;

  cuda_memory (sample);
  assert_same (sample, expected);
  g_assert_cmpuint (support_n_messages (line.bus, GST_MESSAGE_INFO, &message), ==, 1);
  gst_message_parse_info (message, &told, NULL);
  g_assert_nonnull (strstr (told->message, "property device: "));
  gst_message_unref (message);
  line_free (&line);
}

/* ---- what follows ---------------------------------------------------------------------------- */

/* What comes out of cowoverlay behind such frames has the same results as they have. */
static GstSample *
overlaid (Line *line)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_NV12, 96, 80, NULL);
  g_autoptr (GstSample) expected = from_host (&info, CUDA_DEVICE);
  GstSample *sample = line_run (line, &info, 5);

  assert_same (sample, expected);
  return sample;
}

/* Where downstream takes drawings, frames stay on the GPU. */
static void
test_overlay_attaches (void)
{
  Line line = line_new (UPLOAD, CUDA_DEVICE,
                        "cowoverlay ! video/x-raw(memory:CUDAMemory, "
                        "meta:GstVideoOverlayComposition) ! ");
  g_autoptr (GstSample) sample = overlaid (&line);
  GstVideoOverlayCompositionMeta *meta =
      gst_buffer_get_video_overlay_composition_meta (gst_sample_get_buffer (sample));

  cuda_memory (sample);
  g_assert_nonnull (meta);
  g_assert_cmpuint (gst_video_overlay_composition_n_rectangles (meta->overlay), >, 0);
  line_free (&line);
}

/* Elsewhere what gives frames of both kinds gives the host's, which are drawn into. */
static void
test_overlay_blends (void)
{
  Line line = line_new ("cudaupload ! ", CUDA_DEVICE, "cowoverlay ! video/x-raw,format=NV12 ! ");
  g_autoptr (GstSample) sample = overlaid (&line);
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_NV12, 96, 80, NULL);
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  g_autoptr (GstBuffer) before = support_frame_new (&info, 5);
  GstMapInfo drawn, plain;

  g_assert_null (gst_buffer_get_video_overlay_composition_meta (buffer));
  g_assert_true (gst_buffer_map (buffer, &drawn, GST_MAP_READ));
  g_assert_true (gst_buffer_map (before, &plain, GST_MAP_READ));
  g_assert_cmpuint (drawn.size, ==, plain.size);
  g_assert_cmpint (memcmp (drawn.data, plain.data, plain.size), !=, 0);
  gst_buffer_unmap (before, &plain);
  gst_buffer_unmap (buffer, &drawn);
  line_free (&line);
}

/* cowpublish passes them on, and has their results. */
static void
test_publish (void)
{
  GstVideoInfo info = support_info (GST_VIDEO_FORMAT_NV12, 96, 80, NULL);
  g_autofree char *path = g_build_filename (adapter, "events", NULL),
                  *rest = g_strdup_printf ("cowpublish file=\"%s\" ! ", path), *text = NULL;
  g_autoptr (GError) error = NULL;
  Line line = line_new (UPLOAD, CUDA_DEVICE, rest);
  g_autoptr (GstSample) sample = line_run (&line, &info, 5);

  cuda_memory (sample);
  line_free (&line);
  g_assert_true (g_file_get_contents (path, &text, NULL, &error));
  g_assert_nonnull (strstr (text, "{\"resolution\":{\"width\":96,\"height\":80}"));
  g_assert_nonnull (strstr (text, "\"behavior\":{\"label\":"));
}

/* A GPU has to be named until tests have run on one, and where "auto" finds one it says so. */
static void
test_automatic (void)
{
  char reason[CK_DEVICE_REASON];
  CkDevice *device;

  g_assert_cmpint (ck_device_open ("auto", &(CkDeviceOptions){ .reason = reason }, &device), ==,
                   CK_OK);
  g_assert_cmpstr (device->name, ==, "cpu");
  if (g_strv_contains (ck_device_names (), "cuda"))
    g_assert_nonnull (strstr (reason, "device=cuda uses"));
  ck_device_close (device);
}

/* The information that an element gives when it starts with so many bytes of the GPU, or NULL. */
static char *
said_with (guint64 bytes)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, bytes);
  Line line = line_new ("", CUDA_DEVICE, "");
  GstMessage *message = NULL;
  g_autoptr (GError) error = NULL;

  g_setenv ("COWBEHAVIOR_GPU_MEMORY", text, TRUE);
  g_assert_cmpint (gst_element_set_state (line.cow, GST_STATE_PAUSED), !=,
                   GST_STATE_CHANGE_FAILURE);
  g_unsetenv ("COWBEHAVIOR_GPU_MEMORY");
  g_assert_cmpuint (support_n_messages (line.bus, GST_MESSAGE_INFO, &message), <=, 1);
  if (message)
    gst_message_parse_info (message, &error, NULL);
  g_clear_pointer (&message, gst_message_unref);
  line_free (&line);
  return error ? g_strdup (error->message) : NULL;
}

/* Weights that do not fit are streamed, and the element says once what it costs. */
static void
test_streamed (void)
{
  g_autofree char *told = NULL;

  for (guint64 bytes = 3200000; !told; bytes -= 40000)
    told = said_with (bytes);
  g_test_message ("%s", told);
  g_assert_true (g_str_has_prefix (told, "property device: "));
  g_assert_nonnull (strstr (told, " of weights do not fit into the memory of " CUDA_DEVICE
                                  ":0: they stay "
                                  "in the host's, and so much goes over the bus with every batch"));
}

int
main (int argc, char **argv)
{
  CowClassifier *classifier;

  support_init (&argc, &argv, &adapter, &classifier);
  if (!cuda_support_init ())
    return 0;
  g_test_add_func ("/cuda/formats", test_formats);
  g_test_add_func ("/cuda/context-shared", test_context_shared);
  g_test_add_func ("/cuda/context-asked-at-once", test_context_asked_at_once);
  g_test_add_func ("/cuda/context-of-others", test_context_of_others);
  g_test_add_func ("/cuda/engine-on-cpu", test_engine_on_cpu);
  g_test_add_func ("/cuda/overlay/attaches", test_overlay_attaches);
  g_test_add_func ("/cuda/overlay/blends", test_overlay_blends);
  g_test_add_func ("/cuda/publish", test_publish);
  g_test_add_func ("/cuda/automatic", test_automatic);
  g_test_add_func ("/cuda/streamed", test_streamed);
  return support_run (adapter, classifier);
}
