/* SPDX-License-Identifier: MIT */
/*
 * `cowbehavior` behind a real RTSP server on the loopback, which sends H.264 as a camera does: in
 * this process, by gst-launch-1.0, and by pipelines/rtsp-camera.sh. The cameras start late, change
 * their resolution, ask for a password, and go away. Nothing is asserted about speed; the time
 * limits only end a test that hangs.
 */
#include "tests/gst/support.h"

#include <gst/rtsp-server/rtsp-server.h>
#include <string.h>

#include "gst-plugin/common/gstcowbehaviormeta.h"
#include "tests/gst/camera.h"
#include "tests/gst/launched.h"

#define LIMIT_S 60

static char *adapter;

/* ---- a viewer in this process ---------------------------------------------------------------- */

typedef struct {
  GstElement *pipeline;
  GstBus *bus;
  /* counted by the probe, read once the pipeline is down */
  guint n_frames, n_labelled;
  guint n_small; /* frames after the change of resolution */
  guint n_messages;
} Viewer;

static GstPadProbeReturn
count_frame (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Viewer *viewer = data;
  GstStructure *results = gst_buffer_get_cow_behavior (GST_PAD_PROBE_INFO_BUFFER (info));
  GstCaps *caps = gst_pad_get_current_caps (pad);
  GstVideoInfo video;
  guint w, h;

  g_assert_true (gst_video_info_from_caps (&video, caps));
  gst_caps_unref (caps);
  viewer->n_frames++;
  viewer->n_small += GST_VIDEO_INFO_WIDTH (&video) == 160;
  if (results && gst_cow_behavior_n_objects (results) == 1 &&
      gst_structure_get (gst_cow_behavior_object (results, 0), "w", G_TYPE_UINT, &w, "h",
                         G_TYPE_UINT, &h, NULL)) {
    g_assert_cmpuint (w, ==, (guint)GST_VIDEO_INFO_WIDTH (&video));
    g_assert_cmpuint (h, ==, (guint)GST_VIDEO_INFO_HEIGHT (&video));
    viewer->n_labelled++;
  }
  return GST_PAD_PROBE_OK;
}

static void
viewer_start (Viewer *viewer, const char *url)
{
  g_autofree char *model = support_model ();
  g_autofree char *line = g_strdup_printf (
      "rtspsrc location=\"%s\" protocols=tcp latency=200 ! rtph264depay ! h264parse ! avdec_h264 ! "
      "videoconvert ! cowbehavior name=cow mode=blocking model=\"%s\" adapter=\"%s\" ! fakesink "
      "sync=false",
      url, model, adapter);
  g_autoptr (GError) error = NULL;
  GstElement *element;
  GstPad *pad;

  *viewer = (Viewer){ .pipeline = gst_parse_launch (line, &error) };
  g_assert_no_error (error);
  viewer->bus = gst_element_get_bus (viewer->pipeline);
  element = gst_bin_get_by_name (GST_BIN (viewer->pipeline), "cow");
  pad = gst_element_get_static_pad (element, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, count_frame, viewer, NULL);
  gst_object_unref (pad);
  gst_object_unref (element);
  gst_element_set_state (viewer->pipeline, GST_STATE_PLAYING);
}

/* Reads the bus until the stream ends or fails, or until n messages of cowbehavior have come.
 * Returns the type of the message that ended it. */
static GstMessageType
viewer_watch (Viewer *viewer, guint n)
{
  while (TRUE) {
    GstMessage *message =
        gst_bus_timed_pop_filtered (viewer->bus, LIMIT_S * GST_SECOND,
                                    GST_MESSAGE_ERROR | GST_MESSAGE_EOS | GST_MESSAGE_ELEMENT);
    GstMessageType type;

    g_assert_nonnull (message);
    type = GST_MESSAGE_TYPE (message);
    viewer->n_messages += gst_message_has_name (message, "cowbehavior");
    if (type == GST_MESSAGE_ERROR) {
      g_autoptr (GError) error = NULL;

      gst_message_parse_error (message, &error, NULL);
      g_test_message ("%s: %s", GST_MESSAGE_SRC_NAME (message), error->message);
      g_assert_cmpstr (GST_MESSAGE_SRC_NAME (message), !=, "cow");
    }
    gst_message_unref (message);
    if (type != GST_MESSAGE_ELEMENT || viewer->n_messages == n)
      return type;
  }
}

static void
viewer_stop (Viewer *viewer)
{
  g_assert_cmpint (gst_element_set_state (viewer->pipeline, GST_STATE_NULL), ==,
                   GST_STATE_CHANGE_SUCCESS);
  gst_object_unref (viewer->bus);
  gst_object_unref (viewer->pipeline);
  g_test_message ("%u frames, %u labelled, %u small, %u messages", viewer->n_frames,
                  viewer->n_labelled, viewer->n_small, viewer->n_messages);
  g_assert_cmpuint (viewer->n_labelled, ==, viewer->n_frames);
}

/* Watches a whole stream of the scenario. */
static Viewer
watch_all (const CameraScenario *scenario)
{
  Camera *camera = camera_new_mounted (scenario);
  g_autofree char *url = camera_url (camera, "");
  Viewer viewer;

  viewer_start (&viewer, url);
  g_assert_cmpint (viewer_watch (&viewer, G_MAXUINT), ==, GST_MESSAGE_EOS);
  viewer_stop (&viewer);
  g_assert_cmpuint (viewer.n_messages, ==, viewer.n_frames);
  camera_free (camera);
  return viewer;
}

static void
test_ends (void)
{
  Viewer viewer = watch_all (&(CameraScenario){ .n_frames = 30 });

  g_assert_cmpuint (viewer.n_frames, >=, 20);
}

static void
test_first_frame_late (void)
{
  Viewer viewer = watch_all (&(CameraScenario){ .delay_ms = 2000, .n_frames = 30 });

  g_assert_cmpuint (viewer.n_frames, >=, 20);
}

static void
test_resolution_change (void)
{
  Viewer viewer = watch_all (&(CameraScenario){ .n_frames = 60, .change_at = 30 });

  g_assert_cmpuint (viewer.n_small, >=, 20);
  g_assert_cmpuint (viewer.n_frames - viewer.n_small, >=, 20);
}

/* The stream does not exist yet when the viewer comes, which is an error of rtspsrc; the same
 * pipeline works when it is started again later. */
static void
test_camera_late (void)
{
  Camera *camera = camera_new (&(CameraScenario){ .n_frames = 30 });
  g_autofree char *url = camera_url (camera, "");
  Viewer viewer;

  viewer_start (&viewer, url);
  g_assert_cmpint (viewer_watch (&viewer, G_MAXUINT), ==, GST_MESSAGE_ERROR);
  gst_element_set_state (viewer.pipeline, GST_STATE_NULL);
  gst_bus_set_flushing (viewer.bus, TRUE);
  gst_bus_set_flushing (viewer.bus, FALSE);

  camera_mount (camera);
  gst_element_set_state (viewer.pipeline, GST_STATE_PLAYING);
  g_assert_cmpint (viewer_watch (&viewer, G_MAXUINT), ==, GST_MESSAGE_EOS);
  viewer_stop (&viewer);
  g_assert_cmpuint (viewer.n_frames, >=, 20);
  camera_free (camera);
}

/* The camera closes the connection in the middle: the pipeline ends, by EOS or by an error of the
 * source, and shuts down. */
static void
test_camera_vanishes (void)
{
  Camera *camera = camera_new_mounted (&(CameraScenario){ 0 });
  g_autofree char *url = camera_url (camera, "");
  Viewer viewer;

  viewer_start (&viewer, url);
  g_assert_cmpint (viewer_watch (&viewer, 10), ==, GST_MESSAGE_ELEMENT);
  camera_hang_up (camera);
  viewer_watch (&viewer, G_MAXUINT);
  viewer_stop (&viewer);
  camera_free (camera);
}

/* ---- other processes ------------------------------------------------------------------------- */

static void
test_gst_launch (void)
{
  Camera *camera = camera_new_mounted (&(CameraScenario){ .n_frames = 30 });
  g_autofree char *url = camera_url (camera, ""), *model_path = support_model ();
  g_autofree char *location = g_strdup_printf ("location=%s", url);
  g_autofree char *model = g_strdup_printf ("model=%s", model_path),
                  *with = g_strdup_printf ("adapter=%s", adapter);
  const char *argv[] = {
    "gst-launch-1.0",
    "-m",
    "rtspsrc",
    location,
    "protocols=tcp",
    "!",
    "rtph264depay",
    "!",
    "h264parse",
    "!",
    "avdec_h264",
    "!",
    "videoconvert",
    "!",
    "cowbehavior",
    "mode=blocking", /* every frame is classified, however slow the machine is */
    model,
    with,
    "!",
    "fakesink",
    "sync=false",
    NULL
  };
  g_autofree char *output = launched_output (argv, 0);

  g_assert_cmpuint (launched_n_messages (output), >=, 20);
  camera_free (camera);
}

/* Runs pipelines/rtsp-camera.sh as it stands. */
static char *
script_output (const char *url, int expected_status)
{
  g_autofree char *model = support_model ();
  g_autofree char *script =
      g_build_filename (g_getenv ("COW_TEST_PIPELINES"), "rtsp-camera.sh", NULL);
  const char *argv[] = {
    script, url, "--model", model, "--adapter", adapter, "inference-interval=5", "top-k=2", NULL
  };

  return launched_output (argv, expected_status);
}

static void
test_script (void)
{
  Camera *camera = camera_new_mounted (&(CameraScenario){ .n_frames = 50 });
  g_autofree char *url = camera_url (camera, "");
  g_autofree char *output = script_output (url, 0);

  g_assert_cmpuint (launched_n_rows (output), >=, 5);
  g_assert_cmpuint (launched_n_rows (output), <=, 10); /* every fifth of 50 */
  camera_free (camera);
}

/* Passwords contain every character that has a meaning in a URL, the shell and gst-launch-1.0; none
 * of them is printed. */
/* A recorder that offers its main stream and a small one: one of them is labelled, and ends. */
static void
test_two_streams (void)
{
  Camera *camera = camera_new_mounted (&(CameraScenario){ .n_frames = 50, .codec = "two" });
  g_autofree char *url = camera_url (camera, "");
  g_autofree char *output = script_output (url, 0);

  g_assert_cmpuint (launched_n_rows (output), >=, 5);
  g_assert_true (!strstr (output, ",320,240,") != !strstr (output, ",160,120,"));
  camera_free (camera);
}

static void
test_script_password (void)
{
  Camera *camera = camera_new_mounted (
      &(CameraScenario){ .n_frames = 50, .user = "farm er", .password = "p@ss:\"w\\o$r`d! %41'" });
  g_autofree char *url = camera_url (camera, "farm%20er:p%40ss%3a%22w%5Co$r`d!%20%2541'@");
  g_autofree char *wrong = camera_url (camera, "farm%20er:secret@");
  g_autofree char *output = script_output (url, 0), *refused = NULL;

  g_assert_cmpuint (launched_n_rows (output), >=, 5);
  g_assert_null (strstr (output, "p@ss"));
  g_assert_null (strstr (output, "p%40ss"));
  g_assert_null (strstr (output, "o$r`d"));

  refused = script_output (wrong, 1);
  g_assert_null (strstr (refused, "secret"));
  camera_free (camera);
}

static void
test_script_usage (void)
{
  g_autofree char *script =
      g_build_filename (g_getenv ("COW_TEST_PIPELINES"), "rtsp-camera.sh", NULL);
  const char *nothing[] = { script, NULL }, *help[] = { script, "--help", NULL };
  g_autofree char *text = launched_output (nothing, 2), *asked = launched_output (help, 0);

  g_assert_nonnull (strstr (text, "usage:"));
  g_assert_nonnull (strstr (asked, "usage:"));
}

int
main (int argc, char **argv)
{
  const char *missing;
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  missing = camera_missing_element ();
  if (missing) {
    g_print ("1..0 # SKIP the GStreamer element %s is not installed\n", missing);
    return 0;
  }
  adapter = support_adapter_new ();

  g_test_add_func ("/rtsp/ends", test_ends);
  g_test_add_func ("/rtsp/first-frame-late", test_first_frame_late);
  g_test_add_func ("/rtsp/resolution-change", test_resolution_change);
  g_test_add_func ("/rtsp/camera-late", test_camera_late);
  g_test_add_func ("/rtsp/camera-vanishes", test_camera_vanishes);
  g_test_add_func ("/rtsp/gst-launch", test_gst_launch);
  g_test_add_func ("/rtsp/script", test_script);
  g_test_add_func ("/rtsp/two-streams", test_two_streams);
  g_test_add_func ("/rtsp/script-password", test_script_password);
  g_test_add_func ("/rtsp/script-usage", test_script_usage);
  result = g_test_run ();

  support_remove (adapter);
  gst_rtsp_thread_pool_cleanup ();
  return result;
}
