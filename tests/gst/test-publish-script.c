/* SPDX-License-Identifier: MIT */
/* pipelines/publish.sh and the program cow-reconnect, used as a user does, with a camera on the
 * loopback that closes its connections. */
#include "tests/gst/support.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <signal.h>
#include <string.h>

#include "tests/gst/camera.h"
#include "tests/gst/child.h"
#include "tests/gst/publish-support.h"

static char *adapter, *folder;

static GSubprocess *
start (const char *const *argv)
{
  return child_new (argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE,
                    SIGTERM);
}

/* Waits for the process to end, frees it, and returns its output of both kinds. */
static char *
end (GSubprocess *process, int expected_status)
{
  g_autoptr (GError) error = NULL;
  char *output = NULL;

  g_subprocess_communicate_utf8 (process, NULL, NULL, &output, NULL, &error);
  g_assert_no_error (error);
  g_test_message ("%s", output);
  g_assert_true (g_subprocess_get_if_exited (process));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, expected_status);
  g_object_unref (process);
  return output;
}

static char *
script (void)
{
  return g_build_filename (g_getenv ("COW_TEST_PIPELINES"), "publish.sh", NULL);
}

/* Waits until a file has this many lines. */
static void
wait_lines (const char *path, guint n)
{
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;
  guint there = 0;

  while (there < n) {
    g_autofree char *text = NULL;

    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_usleep (20000);
    there = 0;
    if (g_file_get_contents (path, &text, NULL, NULL))
      for (const char *p = text; (p = strchr (p, '\n')); p++)
        there++;
  }
}

/* Asserts that ps does not show the text. */
static void
assert_command_line_hides (GSubprocess *process, const char *text)
{
  g_autofree char *path =
                      g_strdup_printf ("/proc/%s/cmdline", g_subprocess_get_identifier (process)),
                  *line = NULL;
  gsize n;

  g_assert_true (g_file_get_contents (path, &line, &n, NULL));
  g_assert_nonnull (strstr (line, "cow-reconnect"));
  for (gsize i = 0; i < n; i++)
    if (!line[i])
      line[i] = ' ';
  g_assert_null (strstr (line, text));
}

/* The camera closes the connection and is back at once: events go on in the same process. The login
 * is not printed. */
static void
test_camera (void)
{
  Camera *camera =
      camera_new_mounted (&(CameraScenario){ .user = "farm er", .password = "p@ss:\"w\\o$r`d!'" });
  g_autofree char *url = camera_url (camera, "farm%20er:p%40ss%3a%22w%5Co$r`d!'@"),
                  *model = support_model (), *program = script ();
  g_autofree char *path = g_build_filename (folder, "events", NULL), *output = NULL, *text = NULL;
  const char *argv[] = { program,  url,  "--model", model,       "--adapter", adapter,
                         "--file", path, "--name",  "b a\"r\\n", NULL };
  GSubprocess *process = start (argv);

  wait_lines (path, 5);
  assert_command_line_hides (process, "p@ss");
  assert_command_line_hides (process, "rtspsrc");
  assert_command_line_hides (process, "cowpublish");
  camera_hang_up (camera);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  wait_lines (path, 100);
  g_subprocess_send_signal (process, SIGINT);
  output = end (process, 0);
  g_assert_null (strstr (output, "p@ss"));
  g_assert_null (strstr (output, "p%40ss"));
  g_assert_nonnull (strstr (output, "again in 1 s"));
  g_assert_nonnull (strstr (output, "dropped\\=\\(guint64\\)0"));
  g_assert_nonnull (strstr (text, "\"source\":\"b a\\\"r\\\\n\""));
  camera_free (camera);
}

static void
test_usage (void)
{
  g_autofree char *program = script ();
  const char *nothing[] = { program, NULL }, *help[] = { program, "--help", NULL },
             *missing[] = { program, "/nowhere.mp4", NULL },
             *no_broker[] = { program, "rtsp://nowhere/", "--home-assistant", NULL };
  g_autofree char *broker = end (start (no_broker), 2);
  g_autofree char *text = end (start (nothing), 2), *asked = end (start (help), 0),
                  *refused = end (start (missing), 2);

  g_assert_nonnull (strstr (broker, "--home-assistant needs --mqtt"));
  g_assert_nonnull (strstr (text, "usage:"));
  g_assert_nonnull (strstr (asked, "usage:"));
  g_assert_nonnull (strstr (refused, "/nowhere.mp4: no such file"));
}

/* The name that the script gives a camera or a recording without --name. */
static char *
name_for (const char *address)
{
  g_autofree char *program =
      g_build_filename (g_getenv ("COW_TEST_PIPELINES"), "lib/launch.sh", NULL);
  const char *argv[] = {
    "bash", "-c",    "eval \"$(sed -n '/^name_of () {/,/^}/p' \"$1\")\"; name_of \"$2\"",
    "bash", program, address,
    NULL
  };
  char *name = end (start (argv), 0);

  return g_strchomp (name);
}

/* Cameras have different names, in which there is no login however it is written. */
static void
test_names (void)
{
  static const char *const cases[][2] = {
    { "rtsp://farmer:secret@192.0.2.7:554/Streaming/Channels/101",
      "192.0.2.7:554-Streaming-Channels-101" },
    { "rtsp://192.0.2.7/cam/realmonitor?channel=2&subtype=0",
      "192.0.2.7-cam-realmonitor-channel-2" },
    { "rtsp://nvr:554/user=admin_password=secret_channel=1_stream=0.sdp", "nvr:554-channel-1" },
    { "rtsp://nvr/live?user=admin&password=secret", "nvr-live" },
    { "rtsp://farmer:sec/ret@nvr/live", "camera" },
    { "rtsp://farmer:sec?ret@nvr/live", "camera" },
    { "rtsp://farmer:sec#ret@nvr/live", "camera" },
    { "rtsp://farmer:sec@ret@nvr/live", "nvr-live" },
    { "rtsp://nvr/live?password=sec@ret", "camera" },
    { "rtsp://nvr", "nvr" },
    { "/recordings/barn 1.mp4", "barn 1" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *name = name_for (cases[i][0]);

    g_assert_cmpstr (name, ==, cases[i][1]);
  }
}

/* When the reader of the standard output goes away, the program ends, though the camera goes on. */
static void
test_head (void)
{
  Camera *camera = camera_new_mounted (&(CameraScenario){ .user = "u", .password = "p" });
  g_autofree char *url = camera_url (camera, "u:p@"), *model = support_model (),
                  *program = script (), *output = NULL;
  const char *argv[] = { "bash",
                         "-c",
                         "set -o pipefail; timeout 50 \"$1\" \"$2\" --model \"$3\" --adapter "
                         "\"$4\" | head -2 >/dev/null",
                         "bash",
                         program,
                         url,
                         model,
                         adapter,
                         NULL };

  output = end (start (argv), 1);
  g_assert_nonnull (strstr (output, "nobody reads the standard output any more"));
  camera_free (camera);
}

/* ---- cow-reconnect --------------------------------------------------------------------------- */

static char *
reconnect (const char *option, const char *source, const char *rest, int expected_status)
{
  const char *argv[] = {
    "timeout", G_STRINGIFY (PUBLISH_LIMIT_S), "cow-reconnect", option, source, rest, NULL
  };

  return end (start (argv), expected_status);
}

static void
test_once (void)
{
  g_autofree char *path = g_build_filename (folder, "once", NULL),
                  *rest = g_strdup_printf ("filesink location=%s", path);
  g_autofree char *output = reconnect (
      "--once",
      "videotestsrc num-buffers=3 ! capsfilter caps=video/x-raw,format=GRAY8,width=8,height=8",
      rest, 0);
  g_autofree char *text = NULL, *failed = NULL;
  gsize n;

  g_assert_nonnull (strstr (output, "reconnected 0 times"));
  g_assert_true (g_file_get_contents (path, &text, &n, NULL));
  g_assert_cmpuint (n, ==, 3 * 64);
  failed = reconnect ("--once", "filesrc location=/nowhere", "fakesink", 1);
  g_assert_nonnull (strstr (failed, "reconnected 0 times"));
}

/* A failure of REST ends the program. */
static void
test_rest_fails (void)
{
  g_autofree char *output = reconnect ("--patience=20", "videotestsrc is-live=true",
                                       "identity error-after=5 ! fakesink", 1);
  g_autofree char *nonsense = reconnect ("--patience=20", "videotestsrc", "no-such-element", 1);
  g_autofree char *closed =
      reconnect ("--patience=20", "videotestsrc name=secret ! fakesink", "fakesink", 1);

  g_assert_nonnull (strstr (closed, "SOURCE has no pad"));
  g_assert_null (strstr (closed, "secret"));
  g_assert_nonnull (strstr (output, "reconnected 0 times"));
  g_assert_nonnull (strstr (nonsense, "no-such-element"));
}

/* A second Ctrl+C ends the program while a part takes for ever to stop. */
static void
test_second_signal (void)
{
  g_autofree char *path = g_build_filename (folder, "second", NULL);
  g_autofree char *rest = g_strdup_printf ("tee name=t ! queue ! filesink buffer-mode=2 "
                                           "location=%s t. ! identity sleep-time=%d ! fakesink",
                                           path, 600 * G_USEC_PER_SEC);
  const char *argv[] = { "cow-reconnect", "videotestsrc is-live=true", rest, NULL };
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;
  g_autoptr (GSubprocess) process = start (argv);
  GStatBuf info;

  while (g_stat (path, &info) != 0 || info.st_size == 0)
    g_usleep (20000);
  while (g_subprocess_get_identifier (process)) {
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_subprocess_send_signal (process, SIGINT);
    g_usleep (200000);
  }
  g_subprocess_wait (process, NULL, NULL);
  g_assert_true (g_subprocess_get_if_signaled (process));
}

/* A source that ends, and one that falls silent, are replaced as often as necessary. */
static void
assert_made_anew (const char *source, const char *why)
{
  g_autofree char *path = g_build_filename (folder, "anew", NULL),
                  *rest = g_strdup_printf ("filesink buffer-mode=2 location=%s", path);
  const char *argv[] = { "cow-reconnect", "--patience=1", source, rest, NULL };
  g_autofree char *output = NULL;
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S * G_USEC_PER_SEC;
  GSubprocess *process;
  GStatBuf info;

  g_unlink (path);
  process = start (argv);
  while (g_stat (path, &info) != 0 || info.st_size < 5 * 64) {
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
    g_usleep (20000);
  }
  g_subprocess_send_signal (process, SIGTERM);
  output = end (process, 0);
  g_assert_nonnull (strstr (output, why));
}

static void
test_made_anew (void)
{
  assert_made_anew ("videotestsrc is-live=true num-buffers=3 ! capsfilter "
                    "caps=video/x-raw,format=GRAY8,width=8,height=8",
                    "ended");
  assert_made_anew ("videotestsrc is-live=true num-buffers=3 ! capsfilter "
                    "caps=video/x-raw,format=GRAY8,width=8,height=8,framerate=1/4",
                    "gives nothing");
  assert_made_anew (
      "videotestsrc is-live=true ! capsfilter caps=video/x-raw,format=GRAY8,width=8,height=8 ! "
      "identity error-after=4",
      "again in 1 s");
}

int
main (int argc, char **argv)
{
  g_autofree char *here = NULL, *path = NULL;
  const char *missing;
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  here = g_path_get_dirname (g_getenv ("COW_RECONNECT"));
  path = g_strdup_printf ("%s:%s", here, g_getenv ("PATH"));
  g_setenv ("PATH", path, TRUE);
  missing = camera_missing_element ();
  if (missing) {
    g_print ("1..0 # SKIP the GStreamer element %s is not installed\n", missing);
    return 0;
  }
  adapter = support_adapter_new ();
  folder = g_dir_make_tmp ("cowpublish-XXXXXX", NULL);

  g_test_add_func ("/publish-script/camera", test_camera);
  g_test_add_func ("/publish-script/usage", test_usage);
  g_test_add_func ("/publish-script/names", test_names);
  g_test_add_func ("/publish-script/head", test_head);
  g_test_add_func ("/publish-script/once", test_once);
  g_test_add_func ("/publish-script/rest-fails", test_rest_fails);
  g_test_add_func ("/publish-script/second-signal", test_second_signal);
  g_test_add_func ("/publish-script/made-anew", test_made_anew);
  result = g_test_run ();

  support_remove (folder);
  support_remove (adapter);
  gst_rtsp_thread_pool_cleanup ();
  return result;
}
