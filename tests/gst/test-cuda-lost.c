/* SPDX-License-Identifier: MIT */
/*
 * `cowbehavior` and a GPU that fails or cannot be had. A context that the element shares with its
 * neighbours is the end of the pipeline; one of its own comes back. The driver and NVML are
 * tests/cuda-on-cpu, which fail when they are told to.
 */
#include "tests/gst/support.h"

#include <dlfcn.h>
#include <gst/app/app.h>
#include <string.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "model/network/device.h"
#include "tests/gst/cuda-support.h"

#define LIMIT_US    (60 * G_TIME_SPAN_SECOND)
#define GPU_IS_LOST 15 /* nvmlReturn_t */

static char *adapter;
static GstVideoInfo info; /* 96 x 80, NV12 */

/* tests/cuda-on-cpu/nvidia-ml.c */
static void (*nvml_fault) (unsigned long long xid, int state);
static int (*nvml_open) (void);

typedef struct {
  GstHarness *harness;
  GstBus *bus;
  GstCudaContext *context; /* shared with the element, in which frames lie; NULL: in the host's */
  guint n;
} Camera;

static void
camera_begin (Camera *self, const char *properties, gboolean shares)
{
  g_autofree char *all = g_strdup_printf ("device=" CUDA_DEVICE " precision=fp32 %s", properties);
  GstElement *element;

  *self = (Camera){ .harness = support_harness_new (adapter, all) };
  self->bus = support_harness_bus (self->harness);
  element = support_element (self->harness);
  if (shares) {
    self->context = cuda_context_of (element);
    g_assert_nonnull (self->context);
  }
  gst_object_unref (element);
  gst_harness_set_src_caps (self->harness,
                            shares ? cuda_caps (&info) : gst_video_info_to_caps (&info));
}

static void
camera_end (Camera *self)
{
  support_harness_free (self->harness);
  gst_object_unref (self->bus);
  gst_clear_object (&self->context);
}

/* A frame that is not yet pushed. */
static GstBuffer *
expose (Camera *self)
{
  GstBuffer *buffer = self->context ? cuda_frame_new (self->context, &info, self->n)
                                    : support_frame_new (&info, self->n);

  GST_BUFFER_PTS (buffer) = self->n++ * 40 * GST_MSECOND;
  GST_BUFFER_DURATION (buffer) = 40 * GST_MSECOND;
  return buffer;
}

/* Pushes a frame, which comes out with `*age` frames old results, G_MAXUINT without any. */
static GstFlowReturn
shoot (Camera *self, guint *age)
{
  const GstFlowReturn flow = gst_harness_push (self->harness, expose (self));
  GstBuffer *out = gst_harness_try_pull (self->harness);

  *age = G_MAXUINT;
  g_assert_true ((out != NULL) == (flow == GST_FLOW_OK));
  if (out && support_n_objects (out) > 0)
    g_assert_true (gst_structure_get_uint (support_object (out, 0), "frames_ago", age));
  gst_clear_buffer (&out);
  return flow;
}

/* Pushes frames, which all come out, until one has results of frame `first` or a later one. */
static void
shoot_until_known (Camera *self, guint first)
{
  const gint64 end = g_get_monotonic_time () + LIMIT_US;

  while (g_get_monotonic_time () < end) {
    guint age;

    g_assert_cmpint (shoot (self, &age), ==, GST_FLOW_OK);
    if (age != G_MAXUINT && self->n - 1 - age >= first)
      return;
    g_usleep (5000);
  }
  g_error ("no result after %u frames", self->n);
}

static void
assert_says (const char *text, const char *words)
{
  if (!strstr (text, words))
    g_error ("\"%s\" does not say \"%s\"", text, words);
}

/* Makes a call of the driver fail, and pushes frames, which all come out, until a warning of it is
 * on the bus, which has to say something. */
static void
shoot_until_warned (Camera *self, const char *fail, const char *says)
{
  const gint64 end = g_get_monotonic_time () + LIMIT_US;
  g_autoptr (GError) error = NULL;
  GstMessage *message = NULL;

  cuda_fail (fail);
  while (!message) {
    guint age;

    g_assert_cmpint (g_get_monotonic_time (), <, end);
    g_assert_cmpint (shoot (self, &age), ==, GST_FLOW_OK);
    g_assert_cmpuint (age, !=, G_MAXUINT);
    message = gst_bus_timed_pop_filtered (self->bus, 5 * GST_MSECOND, GST_MESSAGE_WARNING);
  }
  cuda_fail (NULL);
  gst_message_parse_warning (message, &error, NULL);
  assert_says (error->message, says);
  gst_message_unref (message);
}

/* The only error on the bus, by the element; free it. */
static GError *
take_error (Camera *self)
{
  GstElement *element = support_element (self->harness);
  GstMessage *message = gst_bus_timed_pop_filtered (self->bus, 10 * GST_SECOND, GST_MESSAGE_ERROR);
  GError *error = NULL;

  g_assert_nonnull (message);
  g_assert_true (GST_MESSAGE_SRC (message) == GST_OBJECT (element));
  gst_message_parse_error (message, &error, NULL);
  gst_message_unref (message);
  gst_object_unref (element);
  return error;
}

/* Bytes of the GPU. A context that is lost takes its memory along, which the emulated driver does
 * not count as given back. */
static gsize
free_bytes (void)
{
  g_autoptr (CkDevice) device = cow_device_open (CUDA_DEVICE, 0, NULL);

  g_assert_nonnull (device);
  return ck_device_free_bytes (device);
}

/* ---- a shared context ------------------------------------------------------------------------ */

/* The error is there, no frame leaves any more, and nothing else is posted. */
static void
assert_over (Camera *self, const char *failure)
{
  g_autoptr (GError) error = take_error (self);
  GstBuffer *before; /* the loss was noticed */

  while ((before = gst_harness_try_pull (self->harness)))
    gst_buffer_unref (before);
  g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED);
  assert_says (error->message, failure);
  assert_says (error->message, "CUDA on a processor has failed: CUDA_ERROR_");
  assert_says (error->message, "the pipeline has to be made anew");
  for (guint i = 0; i < 3; i++) {
    g_autoptr (GstBuffer) spare = support_frame_new (&info, 0);

    GST_BUFFER_PTS (spare) = self->n++ * 40 * GST_MSECOND;
    g_assert_cmpint (gst_harness_push (self->harness, g_steal_pointer (&spare)), ==,
                     GST_FLOW_ERROR);
  }
  g_assert_null (gst_harness_try_pull (self->harness));
  g_assert_true (gst_harness_push_event (self->harness, gst_event_new_eos ()));
  g_assert_cmpuint (support_n_messages (self->bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING, NULL),
                    ==, 0);
  g_assert_cmpuint (support_stat (self->harness, "pending"), ==, 0);
  g_assert_cmpuint (support_stat (self->harness, "frames"), ==, self->n);
}

/* A new pipeline works as the first did. */
static void
assert_works (const char *properties)
{
  Camera camera;

  camera_begin (&camera, properties, TRUE);
  shoot_until_known (&camera, 0);
  g_assert_cmpuint (support_n_messages (camera.bus, GST_MESSAGE_ERROR, NULL), ==, 0);
  camera_end (&camera);
}

typedef struct {
  const char *mode, *call; /* properties; the call of the driver that fails */
} Loss;

static void
test_shared (gconstpointer data)
{
  const Loss *loss = data;
  g_autofree char *fail = g_strconcat (loss->call, ":700", NULL),
                  *properties = g_strconcat (loss->mode, " inference-interval=1000", NULL);
  GstElement *element;
  Camera camera;
  GstBuffer *frame;

  /* One frame is computed, and then the one that fails: nothing may be in its way. */
  camera_begin (&camera, properties, TRUE);
  shoot_until_known (&camera, 0);
  element = support_element (camera.harness);
  g_object_set (element, "inference-interval", 1, NULL);
  gst_object_unref (element);
  frame = expose (&camera);
  nvml_fault (79, GPU_IS_LOST);
  cuda_fail (fail);
  gst_harness_push (camera.harness, frame);
  {
    g_autoptr (GError) error = NULL;
    GstMessage *message =
        gst_bus_timed_pop_filtered (camera.bus, 10 * GST_SECOND, GST_MESSAGE_ERROR);

    g_assert_nonnull (message);
    gst_message_parse_error (message, &error, NULL);
    assert_says (error->message, "(NVML: the last Xid is 79, GPU is lost)");
    gst_bus_post (camera.bus, message); /* for the next one who looks */
  }
  cuda_fail (NULL);
  nvml_fault (0, 0);
  assert_over (&camera, "CUDA_ERROR_ILLEGAL_ADDRESS in ");
  camera_end (&camera);
  assert_works (loss->mode);
}

/* Whether an error of an element has come, which then has to name CUDA's. */
static gboolean
has_failed (GstBus *bus, GstElement *element)
{
  gboolean found = FALSE;
  GstMessage *message;

  while (!found && (message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR))) {
    g_autoptr (GError) error = NULL;

    gst_message_parse_error (message, &error, NULL);
    found = GST_MESSAGE_SRC (message) == GST_OBJECT (element);
    if (found)
      assert_says (error->message, "CUDA_ERROR_ILLEGAL_ADDRESS in ");
    gst_message_unref (message);
  }
  return found;
}

/* Between GStreamer's own elements, which fail as well. A new pipeline works. */
static void
test_pipeline (void)
{
  const gint64 end = g_get_monotonic_time () + LIMIT_US;
  g_autofree char *model = support_model (),
                  *text = g_strdup_printf ("appsrc name=in format=time ! cudaupload ! "
                                           "video/x-raw(memory:CUDAMemory) ! cowbehavior name=cow "
                                           "model=%s adapter=%s precision=fp32 mode=non-blocking "
                                           "device=" CUDA_DEVICE " ! cudadownload ! video/x-raw ! "
                                           "fakesink sync=false",
                                           model, adapter);
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch (text, &error),
             *in = gst_bin_get_by_name (GST_BIN (pipeline), "in"),
             *cow = gst_bin_get_by_name (GST_BIN (pipeline), "cow");
  GstBus *bus = gst_element_get_bus (pipeline);
  g_autoptr (GstCaps) caps = gst_video_info_to_caps (&info);

  g_assert_no_error (error);
  gst_app_src_set_caps (GST_APP_SRC (in), caps);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (guint i = 0; !has_failed (bus, cow); i++) {
    GstBuffer *buffer = support_frame_new (&info, i);

    GST_BUFFER_PTS (buffer) = i * 40 * GST_MSECOND;
    if (i == 5)
      cuda_fail ("cuLaunchKernel=1:700");
    gst_app_src_push_buffer (GST_APP_SRC (in), buffer);
    g_usleep (10000);
    g_assert_cmpint (g_get_monotonic_time (), <, end);
  }
  cuda_fail (NULL);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (in);
  gst_object_unref (cow);
  gst_object_unref (pipeline);
  assert_works ("mode=non-blocking");
}

/* What only a neighbour has seen is known when the next frame cannot be read; NVML knows nothing of
 * it. */
static void
test_lost_by_neighbour (void)
{
  Camera camera;
  GstBuffer *frame;
  CUdeviceptr memory;

  camera_begin (&camera, "mode=blocking", TRUE);
  shoot_until_known (&camera, 0);
  frame = expose (&camera);
  cuda_fail ("cuMemAlloc=1:719");
  g_assert_true (gst_cuda_context_push (camera.context));
  g_assert_cmpint (CuMemAlloc (&memory, 100), ==, 719);
  gst_cuda_context_pop (NULL);
  cuda_fail (NULL);
  gst_harness_push (camera.harness, frame);
  assert_over (&camera, "CUDA_ERROR_LAUNCH_FAILED in ");
  camera_end (&camera);
  assert_works ("mode=blocking");
}

/* A failure that is not the context's end is not the pipeline's. */
static void
test_shared_but_alive (void)
{
  const gsize before = free_bytes ();
  Camera camera;

  camera_begin (&camera, "mode=non-blocking", TRUE);
  shoot_until_known (&camera, 0);
  shoot_until_warned (&camera, "cuEventSynchronize=1:1", "CUDA_ERROR_INVALID_VALUE");
  shoot_until_known (&camera, camera.n);
  g_assert_cmpuint (support_n_messages (camera.bus, GST_MESSAGE_ERROR, NULL), ==, 0);
  camera_end (&camera);
  g_assert_cmpuint (free_bytes (), ==, before);
}

/* ---- a context of our own -------------------------------------------------------------------- */

/* Frames go on with what is known, and new results come when the GPU is there again. */
static void
test_own (void)
{
  Camera camera;
  guint age;

  camera_begin (&camera, "mode=non-blocking", FALSE);
  shoot_until_known (&camera, 0);
  shoot_until_warned (&camera, "cuLaunchKernel=1:700", "CUDA_ERROR_ILLEGAL_ADDRESS in ");
  for (guint i = 0; i < 5; i++) {
    g_assert_cmpint (shoot (&camera, &age), ==, GST_FLOW_OK);
    g_assert_cmpuint (age, !=, G_MAXUINT);
  }
  shoot_until_known (&camera, camera.n);
  g_assert_cmpuint (support_n_messages (camera.bus, GST_MESSAGE_ERROR, NULL), ==, 0);
  camera_end (&camera);
}

/* In blocking mode the stream ends with the frame that failed. */
static void
test_own_blocking (void)
{
  Camera camera;
  guint age;

  camera_begin (&camera, "mode=blocking", FALSE);
  g_assert_cmpint (shoot (&camera, &age), ==, GST_FLOW_OK);
  cuda_fail ("cuLaunchKernel=1:700");
  g_assert_cmpint (shoot (&camera, &age), ==, GST_FLOW_ERROR);
  cuda_fail (NULL);
  {
    g_autoptr (GError) error = take_error (&camera);

    assert_says (error->message, "CUDA_ERROR_ILLEGAL_ADDRESS in ");
  }
  camera_end (&camera);
}

/* A camera without neighbours on the GPU goes on when one with them has ended and is gone. */
static void
test_beside_shared (void)
{
  Camera shared, own;
  guint age;

  camera_begin (&own, "mode=non-blocking", FALSE);
  camera_begin (&shared, "mode=non-blocking", TRUE);
  shoot_until_known (&own, 0);
  shoot_until_known (&shared, 0);
  shoot_until_warned (&own, "cuLaunchKernel=1:700", "CUDA_ERROR_ILLEGAL_ADDRESS in ");
  assert_over (&shared, "CUDA_ERROR_ILLEGAL_ADDRESS in ");
  g_assert_cmpint (shoot (&own, &age), ==, GST_FLOW_OK);
  camera_end (&shared);
  shoot_until_known (&own, own.n);
  g_assert_cmpuint (support_n_messages (own.bus, GST_MESSAGE_ERROR, NULL), ==, 0);
  camera_end (&own);
}

/* ---- a GPU that cannot be had ---------------------------------------------------------------- */

/* Starts an element, which fails with one error. */
static void
assert_refused (const char *says)
{
  g_autofree char *model = support_model ();
  GstElement *element = gst_element_factory_make ("cowbehavior", NULL);
  GstBus *bus = gst_bus_new ();
  GstCudaContext *context;
  GstMessage *message;
  g_autoptr (GError) error = NULL;

  g_object_set (element, "model", model, "adapter", adapter, "device", CUDA_DEVICE, NULL);
  gst_element_set_bus (element, bus);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_FAILURE);
  g_assert_cmpuint (support_n_messages (bus, GST_MESSAGE_ERROR, &message), ==, 1);
  gst_message_parse_error (message, &error, NULL);
  gst_message_unref (message);
  g_assert_true (error->domain == GST_RESOURCE_ERROR);
  g_assert_true (g_str_has_prefix (error->message, "properties model, adapter, device: "));
  assert_says (error->message, says);
  context = cuda_context_of (element); /* it may still share what it cannot use */
  gst_clear_object (&context);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_bus_set_flushing (bus, TRUE); /* its messages keep the element, which keeps the bus */
  gst_object_unref (element);
  gst_object_unref (bus);
}

static void
assert_refused_with (const char *variable, const char *value, const char *says)
{
  g_autofree char *before = g_strdup (g_getenv (variable));

  g_setenv (variable, value, TRUE);
  assert_refused (says);
  if (before)
    g_setenv (variable, before, TRUE);
  else
    g_unsetenv (variable);
}

/* However often the element opens the GPU. */
#define ALWAYS(function, result)                                                                   \
  function "=1:" result "," function "=2:" result "," function "=3:" result "," function           \
           "=4:" result

/* A GPU that is full when more is needed says how much there is. */
static void
test_full (void)
{
  const gsize before = free_bytes ();
  Camera camera;
  GstBuffer *crowded;
  guint age;

  camera_begin (&camera, "mode=blocking", FALSE);
  g_assert_cmpint (shoot (&camera, &age), ==, GST_FLOW_OK);
  crowded = expose (&camera);
  for (gint i = 0; i < 3; i++)
    support_add_roi (crowded, 20 * (guint)i, 0, 40, 40, i);
  cuda_fail (ALWAYS ("cuMemAllocFromPoolAsync", "2"));
  g_assert_cmpint (gst_harness_push (camera.harness, crowded), ==, GST_FLOW_ERROR);
  cuda_fail (NULL);
  {
    g_autoptr (GError) error = take_error (&camera);

    assert_says (error->message, "CUDA on a processor: ");
    assert_says (error->message, " of 4.00 GiB are free");
  }
  camera_end (&camera);
  g_assert_cmpuint (free_bytes (), ==, before);
}

static void
assert_refused_by (const char *calls, const char *says)
{
  cuda_fail (calls);
  assert_refused (says);
  cuda_fail (NULL);
}

static void
test_refused (void)
{
  const gsize before = free_bytes ();

  assert_refused_with ("COWBEHAVIOR_CUDA_ON_CPU", "libcuda-nowhere.so.1",
                       "libcuda-nowhere.so.1: cannot open shared object file");
  assert_refused_with ("COW_CUDA_VERSION", "11040", "the NVIDIA driver is for CUDA 11.4");
  assert_refused_with ("COW_CUDA_ARCHITECTURE", "61",
                       "has compute capability 6.1, and at least 7.0 is needed");
  assert_refused_with ("COW_CUDA_MEMORY", "20000", "of 0.00 GiB are free");
  assert_refused_by (ALWAYS ("cuInit", "100"), "the NVIDIA driver finds no GPU");
  assert_refused_by (ALWAYS ("cuModuleLoadData", "209"),
                     "this build has no kernels for the compute capability 8.6");
  assert_refused_by (ALWAYS ("cuDevicePrimaryCtxRetain", "46"), "CUDA_ERROR_DEVICE_UNAVAILABLE");
  assert_works ("mode=blocking");
  g_assert_cmpuint (free_bytes (), ==, before);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void
load_nvml (void)
{
  void *library = dlopen ("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL), *fault, *open;

  g_assert_nonnull (library);
  fault = dlsym (library, "cow_nvml_fault");
  open = dlsym (library, "cow_nvml_open");
  g_assert_true (fault && open);
  memcpy (&nvml_fault, &fault, sizeof fault);
  memcpy (&nvml_open, &open, sizeof open);
}

int
main (int argc, char **argv)
{
  static const Loss losses[] = { { "mode=non-blocking", "cuLaunchKernel=1" },
                                 { "mode=non-blocking", "cuEventSynchronize=2" },
                                 { "mode=blocking", "cuLaunchKernel=1" },
                                 { "mode=blocking", "cuEventSynchronize=2" } };
  CowClassifier *classifier;
  int status;

  support_init (&argc, &argv, &adapter, &classifier);
  if (!cuda_support_init ())
    return 0;
  load_nvml ();
  info = support_info (GST_VIDEO_FORMAT_NV12, 96, 80, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (losses); i++) {
    g_autofree char *path = g_strdup_printf ("/cuda-lost/shared/%u", i);

    g_test_add_data_func (path, &losses[i], test_shared);
  }
  g_test_add_func ("/cuda-lost/pipeline", test_pipeline);
  g_test_add_func ("/cuda-lost/by-neighbour", test_lost_by_neighbour);
  g_test_add_func ("/cuda-lost/alive", test_shared_but_alive);
  g_test_add_func ("/cuda-lost/own", test_own);
  g_test_add_func ("/cuda-lost/own-blocking", test_own_blocking);
  g_test_add_func ("/cuda-lost/beside-shared", test_beside_shared);
  g_test_add_func ("/cuda-lost/full", test_full);
  g_test_add_func ("/cuda-lost/refused", test_refused);
  status = support_run (adapter, classifier);
  g_assert_cmpint (nvml_open (), ==, 0);
  return status;
}
