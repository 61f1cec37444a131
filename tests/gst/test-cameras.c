/* SPDX-License-Identifier: MIT */
/* Four RTSP cameras at 15 frames a second with an engine that is far too slow for them: no frame is
 * lost or held up. tests/soak-live.sh does that for longer, with eight cameras and their faults. */
#include "tests/gst/support.h"

#include <gst/rtsp-server/rtsp-server.h>

#include "tests/gst/camera.h"
#include "tests/gst/frame-counter.h"

#define N_CAMERAS 4
#define FPS       15
/* The duration of a forward pass; four cameras would need one every 17 ms. */
#define DELAY_MS "1000"
#define FRAMES   60 /* of each camera in the test */
#define LIMIT_S  60

static char *adapter;

/* One camera and its pipeline. */
typedef struct {
  Camera *camera;
  GstElement *pipeline, *element;
  FrameCounter *counter;
} Stream;

static void
stream_begin (Stream *stream)
{
  g_autofree char *model = support_model (), *url = NULL, *line = NULL;
  g_autoptr (GError) error = NULL;

  *stream = (Stream){ .camera = camera_new_mounted (
                          &(CameraScenario){ .fps = FPS, .n_frames = FRAMES }) };
  url = camera_url (stream->camera, "");
  line = g_strdup_printf ("rtspsrc location=\"%s\" protocols=tcp latency=200 ! rtph264depay ! "
                          "h264parse ! avdec_h264 ! cowbehavior "
                          "name=cow model=\"%s\" adapter=\"%s\" ! fakesink sync=true",
                          url, model, adapter);
  stream->pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  stream->element = gst_bin_get_by_name (GST_BIN (stream->pipeline), "cow");
  stream->counter = frame_counter_new (stream->element);
  g_assert_cmpint (gst_element_set_state (stream->pipeline, GST_STATE_PLAYING), !=,
                   GST_STATE_CHANGE_FAILURE);
}

/* Waits for the end of the stream. */
static void
stream_wait (Stream *stream)
{
  GstBus *bus = gst_element_get_bus (stream->pipeline);
  GstMessage *message =
      gst_bus_timed_pop_filtered (bus, LIMIT_S * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);

  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_object_unref (bus);
}

typedef struct {
  guint64 frames, classified, pending, reused, skipped, mixed;
  char mode[16];
} Numbers;

static Numbers
stream_numbers (Stream *stream)
{
  Numbers n = { 0 };
  GstStructure *stats;

  g_object_get (stream->element, "stats", &stats, NULL);
  g_assert_true (gst_structure_get (
      stats, "frames", G_TYPE_UINT64, &n.frames, "classified", G_TYPE_UINT64, &n.classified,
      "pending", G_TYPE_UINT64, &n.pending, "reused", G_TYPE_UINT64, &n.reused, "skipped",
      G_TYPE_UINT64, &n.skipped, "batches-mixed", G_TYPE_UINT64, &n.mixed, NULL));
  g_strlcpy (n.mode, gst_structure_get_string (stats, "mode"), sizeof n.mode);
  gst_structure_free (stats);
  return n;
}

static void
stream_end (Stream *stream)
{
  g_assert_cmpint (gst_element_set_state (stream->pipeline, GST_STATE_NULL), ==,
                   GST_STATE_CHANGE_SUCCESS);
  gst_object_unref (stream->element);
  gst_object_unref (stream->pipeline);
  camera_free (stream->camera);
  frame_counter_free (stream->counter);
}

static void
test_slow_engine (void)
{
  Stream streams[N_CAMERAS];

  g_setenv ("COW_TEST_ENGINE_DELAY_MS", DELAY_MS, TRUE);
  for (guint i = 0; i < N_CAMERAS; i++)
    stream_begin (&streams[i]);
  for (guint i = 0; i < N_CAMERAS; i++)
    stream_wait (&streams[i]);
  for (guint i = 0; i < N_CAMERAS; i++) {
    const Numbers n = stream_numbers (&streams[i]);
    const FrameCounts counts = frame_counter_get (streams[i].counter);

    g_test_message ("camera %u: %" G_GUINT64_FORMAT " frames, %" G_GUINT64_FORMAT
                    " labelled, %" G_GUINT64_FORMAT " classified, at most %.1f ms "
                    "in the element, %.1f ms after their time",
                    i, n.frames, counts.n_labelled, n.classified, (double)counts.longest_us / 1e3,
                    (double)counts.latest / 1e6);
    g_assert_cmpstr (n.mode, ==, "non-blocking");
    g_assert_cmpuint (counts.n_in, >=,
                      FRAMES * 2 / 3); /* the first frames may be sent before the viewer is there */
    g_assert_cmpuint (counts.n_out, ==, counts.n_in);
    g_assert_cmpuint (n.frames, ==, counts.n_in);
    g_assert_cmpuint (n.classified + n.reused + n.skipped, ==, n.frames);
    g_assert_cmpuint (n.pending, ==, 0);
    g_assert_cmpuint (n.classified, >, 0);
    g_assert_cmpuint (n.classified, <, n.frames / 2);
    g_assert_cmpuint (counts.n_labelled, >, 0);
    g_assert_cmpuint (n.mixed, >, 0);
  }
  for (guint i = 0; i < N_CAMERAS; i++)
    stream_end (&streams[i]);
}

int
main (int argc, char **argv)
{
  const char *missing;
  int result;

  gst_init (&argc, &argv);
  missing = camera_missing_element ();
  if (missing) {
    g_print ("1..0 # SKIP the GStreamer element %s is not installed\n", missing);
    return 0;
  }
  g_test_init (&argc, &argv, NULL);
  adapter = support_adapter_new ();
  g_test_add_func ("/cameras/slow-engine", test_slow_engine);
  result = g_test_run ();
  support_remove (adapter);
  gst_rtsp_thread_pool_cleanup ();
  return result;
}
