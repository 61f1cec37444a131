/* SPDX-License-Identifier: MIT */
/* The sample pipelines, as they stand: files and cameras in; recordings, playlists out,
 * with something drawn on them. */
#include "tests/gst/support.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <string.h>

#include "tests/gst/camera.h"
#include "tests/gst/launched.h"
#include "tests/gst/recorded.h"
#include "tests/model/detector-folder.h"

static char *adapter, *folder, *video;

static char *
path_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* ---- the output ------------------------------------------------------------------------------ */

static void
assert_size (const char *path, gint width, gint height)
{
  GstVideoInfo info;
  g_autoptr (GPtrArray) frames = recorded_frames (path, &info);

  g_assert_cmpuint (frames->len, >=, 20);
  g_assert_cmpint (info.width, ==, width);
  g_assert_cmpint (info.height, ==, height);
}

static void
assert_labelled (const char *path, guint n_least)
{
  GstVideoInfo info;
  g_autoptr (GPtrArray) frames = recorded_frames (path, &info);

  g_test_message ("%u frames of %dx%d", frames->len, info.width, info.height);
  g_assert_cmpuint (frames->len, >=, n_least);
  g_assert_true (
      recorded_has_strip (frames->pdata[frames->len - 1], &info, 0, 0, info.width, info.height));
}

/* ---- files ----------------------------------------------------------------------------------- */

static void
test_file (void)
{
  g_autofree char *output =
      launched_script (0, adapter, "file.sh", video, "inference-interval=5", NULL);

  g_assert_cmpuint (launched_n_rows (output), ==, 8);
  g_assert_nonnull (strstr (output, "file.sh: h264 is decoded by "));
}

/* Another decoder is not taken where one is asked for. */
static void
test_file_decoder (void)
{
  g_autofree char *output = launched_script (0, adapter, "file.sh", video, "--decoder", "software",
                                             "inference-interval=5", NULL),
                  *odd = launched_script (2, adapter, "file.sh", video, "--decoder", "magic", NULL);

  g_assert_cmpuint (launched_n_rows (output), ==, 8);
  g_assert_nonnull (strstr (output, "h264 is decoded by avdec_h264 (--decoder software)"));
  g_assert_nonnull (strstr (odd, "not \"magic\""));
  if (gst_registry_check_feature_version (gst_registry_get (), "vah264dec", 1, 0, 0) ||
      gst_registry_check_feature_version (gst_registry_get (), "vaapih264dec", 1, 0, 0))
    return;
  g_autofree char *none =
      launched_script (1, adapter, "file.sh", video, "--decoder", "vaapi", NULL);
  g_assert_nonnull (strstr (none, "no decoder for h264: not by vaapi: "));
}

static void
test_file_mp4 (void)
{
  g_autofree char *to = path_of ("labelled \"1\".mp4"), *plain = path_of ("labelled.mp4");
  g_autofree char *output =
      launched_script (0, adapter, "file.sh", video, "--mp4", to, "inference-interval=5", NULL);
  GstVideoInfo info;
  g_autoptr (GPtrArray) before = recorded_frames (video, &info);

  g_assert_false (
      recorded_has_strip (before->pdata[before->len - 1], &info, 0, 0, info.width, info.height));
  g_assert_cmpuint (launched_n_rows (output), ==, 8);
  g_assert_cmpint (g_rename (to, plain), ==, 0);
  assert_labelled (plain, 40);
}

static void
test_file_zones (void)
{
  g_autofree char *output =
      launched_script (0, adapter, "file.sh", video, "--zones",
                       "left=0,0,0.5,1; the right one=0.5,0,0.5,1", "inference-interval=40", NULL);

  g_assert_cmpuint (launched_n_rows (output), ==, 2);
  g_assert_nonnull (strstr (output, "\na=video,left,,0.000,,"));
  g_assert_nonnull (strstr (output, "\na=video,the right one,,0.000,,"));
}

/* What a script says with such a detector and no classifier; free with g_free. */
static char *
told_script (int expected_status, const char *detector, const char *option, const char *value)
{
  g_autofree char *path = g_build_filename (g_getenv ("COW_TEST_PIPELINES"), "file.sh", NULL),
                  *model = support_model (),
                  *cows = g_strdup_printf ("cowdetect model=%s adapter=%s", model, detector);
  const char *const argv[] = { path,  video, "--no-classifier", "--detector", cows, option,
                               value, NULL };

  return launched_output (argv, expected_status);
}

/* The detector tells what the cows do, and nothing stands behind it; what would be of that is
 * refused. */
static void
test_file_told (void)
{
  char *detector = detector_folder_new (0);
  detector_folder_tell (detector);
  g_autofree char *output = told_script (0, detector, NULL, NULL),
                  *zones = told_script (2, detector, "--zones", "a=0,0,1,1"),
                  *alone = launched_script (2, adapter, "file.sh", video, "--no-classifier", NULL);

  g_assert_cmpuint (launched_n_rows (output), >, 0);
  g_assert_nonnull (strstr (output, detector_folder_behaviours[0]));
  g_assert_nonnull (strstr (zones, "zones is of cowbehavior, which --no-classifier leaves out"));
  g_assert_nonnull (strstr (alone, "--no-classifier needs --detector"));
  detector_folder_remove (detector);
  g_free (detector);
}

static void
test_file_hls (void)
{
  g_autofree char *to = path_of ("100 %d"), *first = g_build_filename (to, "segment00000.ts", NULL);
  g_autofree char *playlist = g_build_filename (to, "index.m3u8", NULL), *text = NULL;
  g_autofree char *output =
      launched_script (0, adapter, "file.sh", video, "--hls", to, "inference-interval=20", NULL);

  g_assert_cmpuint (launched_n_rows (output), ==, 2);
  g_assert_true (g_file_get_contents (playlist, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, "segment00000.ts"));
  g_assert_nonnull (strstr (text, "#EXT-X-ENDLIST"));
  assert_labelled (first, 20);
}

static void
test_usage (void)
{
  static const char *const scripts[] = { "file.sh", "rtsp-camera.sh", "rtsp-many.sh" };

  for (guint i = 0; i < G_N_ELEMENTS (scripts); i++) {
    g_autofree char *help = launched_script (0, adapter, scripts[i], "--help", NULL),
                    *nothing = launched_script (2, adapter, scripts[i], NULL);
    g_autofree char *odd = launched_script (2, adapter, scripts[i], "--colour", "red", NULL),
                    *bare = launched_script (2, adapter, scripts[i], "--mp4", "", NULL);

    g_assert_nonnull (strstr (help, "usage:"));
    g_assert_nonnull (strstr (help, "--zones"));
    g_assert_nonnull (strstr (nothing, "needed"));
    g_assert_nonnull (strstr (odd, "--colour"));
    g_assert_nonnull (strstr (bare, "--mp4 needs a value"));
  }
  g_autofree char *codec = launched_script (2, adapter, "rtsp-camera.sh",
                                            "rtsp://127.0.0.1:9/a?b=c", "--codec", "vp8", NULL);
  g_assert_nonnull (strstr (codec, "vp8"));
  g_autofree char *tile = launched_script (2, adapter, "rtsp-many.sh", "rtsp://127.0.0.1:9/",
                                           "--tile", "1x1;reboot", NULL);
  g_assert_nonnull (strstr (tile, "--tile is WIDTHxHEIGHT"));
  g_autofree char *file = launched_script (2, adapter, "file.sh", "/no/such/file.mp4", NULL);
  g_assert_nonnull (strstr (file, "/no/such/file.mp4: no such file"));
  g_autofree char *typo =
      launched_script (2, adapter, "file.sh", "http:/u:secret@h/barn.mp4", NULL);
  g_assert_nonnull (strstr (typo, "it may hold a password"));
  g_assert_null (strstr (typo, "secret"));
}

/* ---- cameras --------------------------------------------------------------------------------- */

static void
watch_camera (const char *codec, const char *said)
{
  Camera *camera = camera_new_mounted (&(CameraScenario){ .n_frames = 50, .codec = codec });
  g_autofree char *url = camera_url (camera, ""), *to = path_of ("camera.mp4");
  g_autofree char *output =
      launched_script (0, adapter, "rtsp-camera.sh", url, "--codec", said, "--mp4", to,
                       "mode=blocking", "inference-interval=5", NULL);

  g_assert_cmpuint (launched_n_rows (output), >=, 5);
  assert_labelled (to, 25);
  camera_free (camera);
}

static void
test_h264 (void)
{
  watch_camera ("h264", "h264");
}

static void
test_h265 (void)
{
  if (support_have_element ("x265enc") && support_have_element ("avdec_h265"))
    watch_camera ("h265", "h265");
  else
    g_test_skip ("x265enc or avdec_h265 is not installed");
}

static void
test_mjpeg (void)
{
  watch_camera ("mjpeg", "mjpeg");
}

static void
test_codec_looked_up (void)
{
  watch_camera ("mjpeg", "auto");
  watch_camera ("h264", "auto");
}

/* H.264 in 4:2:0 has no odd sizes: the last column and row are left out. */
static void
test_odd_size (void)
{
  g_autofree char *odd = path_of ("odd.avi"), *to = path_of ("odd.mp4"), *hls = path_of ("odd"),
                  *first = g_build_filename (hls, "segment00000.ts", NULL);
  g_autofree char *line =
      g_strdup_printf ("videotestsrc num-buffers=20 ! video/x-raw,format=I420,width=321,height=181,"
                       "framerate=10/1 ! jpegenc ! avimux ! filesink location=\"%s\"",
                       odd);

  support_play (line);
  g_free (launched_script (0, adapter, "file.sh", odd, "--mp4", to, NULL));
  assert_size (to, 320, 180);
  g_free (launched_script (0, adapter, "file.sh", odd, "--hls", hls, NULL));
  assert_size (first, 320, 180);
}

/* Rows go to a file in place of the terminal, as JSON where its name says so; and the user names
 * the source. */
static void
test_file_events (void)
{
  g_autofree char *csv = path_of ("events.csv"), *json = path_of ("events.jsonl"), *rows = NULL,
                  *lines = NULL;
  g_autofree char *to_csv = g_strconcat ("file=", csv, NULL),
                  *to_json = g_strconcat ("file=", json, NULL);
  g_autofree char *table = launched_script (0, adapter, "file.sh", video, to_csv, "source=barn 1",
                                            "inference-interval=5", NULL),
                  *events = launched_script (0, adapter, "file.sh", video, to_json,
                                             "post-events=on-change", NULL);

  g_assert_cmpuint (launched_n_rows (table), ==, 0);
  g_assert_null (strstr (table, "Got message"));
  g_assert_true (g_file_get_contents (csv, &rows, NULL, NULL));
  g_assert_cmpuint (launched_n_rows (rows), ==, 8);
  g_assert_nonnull (strstr (rows, "\nbarn 1,,,0.000,,"));
  g_assert_null (strstr (events, "source,zone"));
  g_assert_true (g_file_get_contents (json, &lines, NULL, NULL));
  g_assert_nonnull (strstr (lines, "\"source\":\"a=video\""));
}

/* A recorder announces when its stream ends. The end arrives although the frames pass more slowly
 * than the recorder sends them. */
static void
test_slower_than_recorder (void)
{
  Camera *recorder = camera_new_mounted (&(CameraScenario){ .recording = video });
  g_autofree char *url = camera_url (recorder, "");
  static const char *const codecs[] = { "h264", "auto" };

  for (guint i = 0; i < G_N_ELEMENTS (codecs); i++) {
    g_autofree char *output = launched_script (
        0, adapter, "rtsp-camera.sh", url, "--codec", codecs[i], "mode=blocking",
        "inference-interval=5", "--to", "identity sleep-time=100000 ! fakesink", NULL);

    g_assert_cmpuint (launched_n_rows (output), >=, 7);
  }
  camera_free (recorder);
}

/* ---- */

static const char *
missing_element (void)
{
  static const char *const needed[] = { "mp4mux",  "decodebin", "qtdemux",    "tsdemux",
                                        "hlssink", "jpegenc",   "rtpjpegpay", NULL };

  for (const char *const *name = needed; *name; name++) {
    if (!support_have_element (*name))
      return *name;
  }
  return camera_missing_element ();
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  if (missing_element ()) {
    g_print ("1..0 # SKIP the GStreamer element %s is not installed\n", missing_element ());
    return 0;
  }
  adapter = support_adapter_new ();
  folder = g_dir_make_tmp ("cow scripts XXXXXX", NULL);
  video = path_of ("a=video.mp4"); /* the name could be a property */
  recorded_ball (video);
  g_test_add_func ("/scripts/file", test_file);
  g_test_add_func ("/scripts/file/decoder", test_file_decoder);
  g_test_add_func ("/scripts/file-mp4", test_file_mp4);
  g_test_add_func ("/scripts/file-zones", test_file_zones);
  g_test_add_func ("/scripts/file-told", test_file_told);
  g_test_add_func ("/scripts/file-events", test_file_events);
  g_test_add_func ("/scripts/file-hls", test_file_hls);
  g_test_add_func ("/scripts/usage", test_usage);
  g_test_add_func ("/scripts/h264", test_h264);
  g_test_add_func ("/scripts/h265", test_h265);
  g_test_add_func ("/scripts/mjpeg", test_mjpeg);
  g_test_add_func ("/scripts/codec-looked-up", test_codec_looked_up);
  g_test_add_func ("/scripts/odd-size", test_odd_size);
  g_test_add_func ("/scripts/slower-than-recorder", test_slower_than_recorder);
  result = g_test_run ();

  g_free (video);
  support_remove (folder);
  support_remove (adapter);
  gst_rtsp_thread_pool_cleanup ();
  return result;
}
