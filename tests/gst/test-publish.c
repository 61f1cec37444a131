/* SPDX-License-Identifier: MIT */
/* `cowpublish` as an element, and its files: frames pass unchanged, which results become events,
 * rotation, the standard output, pipes, full disks, wrong settings, and the statistics. */
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/gst/publish-support.h"
#include "tests/gst/support.h"

static char *folder;

/* A path in the test's folder that does not exist yet. */
static char *
fresh (const char *name)
{
  char *path = g_build_filename (folder, name, NULL);

  g_unlink (path);
  return path;
}

static char **
lines_of (const char *path)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return g_strsplit (text, "\n", -1);
}

static void
assert_file (const char *path, guint from, guint to)
{
  g_auto (GStrv) lines = lines_of (path);

  publish_assert_frames (lines, from, to);
}

/* ---- frames and events ----------------------------------------------------------------------- */

/* The same buffers pass, in shared memory, with any metadata, and of any memory. */
static void
test_untouched (void)
{
  g_autofree char *path = fresh ("untouched"), *properties = g_strdup_printf ("file=%s", path);
  GstHarness *harness = publish_harness_new (properties);
  GstBuffer *in = publish_frame_new (0, "Lying"), *held, *out;

  gst_harness_set_src_caps_str (
      harness, "video/x-raw(memory:CUDAMemory),format=NV12,width=640,height=480,framerate=25/1");
  held = gst_buffer_ref (in); /* so it may not be written to */
  g_assert_cmpint (gst_harness_push (harness, in), ==, GST_FLOW_OK);
  out = gst_harness_pull (harness);
  g_assert_true (out == held);
  gst_buffer_unref (out);
  gst_buffer_unref (held);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "file", "sent"), ==, 1);
  publish_harness_free (harness);
}

/* Frames without results, and with empty results, are no events. */
static void
test_without_results (void)
{
  g_autofree char *path = fresh ("without"), *properties = g_strdup_printf ("file=%s", path);
  GstHarness *harness = publish_harness_new (properties);
  GstBuffer *empty = publish_buffer_new (1);

  publish_attach (empty, NULL, NULL);
  gst_buffer_unref (gst_harness_push_and_pull (harness, publish_buffer_new (0)));
  gst_buffer_unref (gst_harness_push_and_pull (harness, empty));
  publish_push (harness, 2, 5);
  publish_stop (harness);
  assert_file (path, 2, 5);
  publish_harness_free (harness);
}

/* The labels of two zones and their ages over five frames, which of the frames become events, and
 * with how many objects. */
static void
assert_events (const char *post_events, const guint *expected)
{
  static const struct {
    const char *a, *b;
    guint frames_ago;
  } frames[5] = { { "Lying", "Lying", 0 },
                  { "Lying", "Lying", 1 },
                  { "Lying", "Standing", 0 },
                  { "Lying", "Standing", 1 },
                  { "Standing", "Lying", 2 } };
  g_autofree char *path = fresh ("events"),
                  *properties = g_strdup_printf ("file=%s post-events=%s", path, post_events);
  GstHarness *harness = publish_harness_new (properties);
  g_auto (GStrv) lines = NULL;
  char **line;

  for (guint n = 0; n < G_N_ELEMENTS (frames); n++) {
    GstBuffer *buffer = publish_buffer_new (n);

    publish_attach (buffer, publish_object_new ("zone", "a", 0, frames[n].a, frames[n].frames_ago),
                    publish_object_new ("zone", "b", 0, frames[n].b, frames[n].frames_ago), NULL);
    gst_buffer_unref (gst_harness_push_and_pull (harness, buffer));
  }
  publish_stop (harness);
  lines = lines_of (path);
  line = lines;
  for (guint n = 0; n < G_N_ELEMENTS (frames); n++) {
    g_auto (GStrv) parts = NULL;

    if (expected[n] == 0)
      continue;
    g_assert_cmpint (publish_frame_of (*line), ==, (int)n);
    parts = g_strsplit (*line++, "\"roi_type\"", -1);
    g_assert_cmpuint (g_strv_length (parts) - 1, ==, expected[n]);
  }
  g_assert_cmpstr (*line, ==, "");
  publish_harness_free (harness);
}

static void
test_post_events (void)
{
  assert_events ("all", (const guint[]){ 2, 2, 2, 2, 2 });
  assert_events ("classified", (const guint[]){ 2, 0, 2, 0, 0 });
  assert_events ("on-change", (const guint[]){ 2, 0, 1, 0, 2 });
}

/* The camera's time is used if a frame has it. */
static void
test_camera_time (void)
{
  g_autofree char *path = fresh ("time"), *properties = g_strdup_printf ("file=%s", path);
  GstHarness *harness = publish_harness_new (properties);
  GstBuffer *buffer = publish_frame_new (0, "Lying");
  g_autoptr (GstCaps) ntp = gst_caps_new_empty_simple ("timestamp/x-ntp");
  g_auto (GStrv) lines = NULL;

  gst_buffer_add_reference_timestamp_meta (
      buffer, ntp, (G_GUINT64_CONSTANT (2208988800) + 1700000000) * GST_SECOND,
      GST_CLOCK_TIME_NONE);
  gst_buffer_unref (gst_harness_push_and_pull (harness, buffer));
  publish_stop (harness);
  lines = lines_of (path);
  g_assert_nonnull (strstr (lines[0], "\"system_timestamp\":\"2023-11-14T22:13:20.000000Z\""));
  publish_harness_free (harness);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Each run appends to what is there. */
static void
test_append (void)
{
  g_autofree char *path = fresh ("append"), *properties = g_strdup_printf ("file=%s", path);
  GstHarness *harness = publish_harness_new (properties);

  publish_push (harness, 0, 10);
  publish_harness_free (harness);
  harness = publish_harness_new (properties);
  publish_push (harness, 10, 20);
  publish_harness_free (harness);
  assert_file (path, 0, 20);
}

static void
test_rotation (void)
{
  g_autofree char *path = fresh ("rotated"), *one = fresh ("rotated.1"), *two = fresh ("rotated.2"),
                  *three = fresh ("rotated.3");
  g_autofree char *properties = g_strdup_printf ("file=%s max-files=3 max-file-size=600", path),
                  *text = NULL;
  GstHarness *harness = publish_harness_new (properties);
  const char *paths[] = { path, one, two };
  guint a_file;
  gsize n;

  publish_push (harness, 0, 1);
  publish_wait (harness, "file", "sent", 1);
  g_assert_true (g_file_get_contents (path, &text, &n, NULL));
  a_file = (guint)(600 / (n + 10)); /* later timestamps are longer */
  g_assert_cmpuint (a_file, ==, 1);
  publish_push (harness, 1, 20);
  publish_stop (harness);
  for (guint i = 0; i < 3; i++)
    assert_file (paths[i], 19 - i, 20 - i);
  g_assert_false (g_file_test (three, G_FILE_TEST_EXISTS));
  g_assert_cmpuint (publish_stat (harness, "file", "sent"), ==, 20);
  publish_harness_free (harness);
}

/* A file keeps only the newest lines; a line that is longer than a file may be is written all the
 * same. */
static void
test_rotation_one_file (void)
{
  g_autofree char *path = fresh ("single"), *one = fresh ("single.1");
  g_autofree char *properties = g_strdup_printf ("file=%s max-files=1 max-file-size=10", path);
  GstHarness *harness = publish_harness_new (properties);

  publish_push (harness, 0, 5);
  publish_stop (harness);
  assert_file (path, 4, 5);
  g_assert_false (g_file_test (one, G_FILE_TEST_EXISTS));
  publish_harness_free (harness);
}

/* When the file has been moved away, the next line makes a new one. */
static void
test_moved (void)
{
  g_autofree char *path = fresh ("moved"), *away = fresh ("away"),
                  *properties = g_strdup_printf ("file=%s", path);
  GstHarness *harness = publish_harness_new (properties);

  publish_push (harness, 0, 3);
  publish_wait (harness, "file", "sent", 3);
  g_assert_cmpint (g_rename (path, away), ==, 0);
  publish_push (harness, 3, 5);
  publish_stop (harness);
  assert_file (away, 0, 3);
  assert_file (path, 3, 5);
  publish_harness_free (harness);
}

/* With a full disk nothing is lost while the queue lasts, there is a warning, and frames go on. */
static void
test_full_disk (void)
{
  GstHarness *harness;
  g_autofree char *warning = NULL;

  if (!g_file_test ("/dev/full", G_FILE_TEST_EXISTS)) {
    g_test_skip ("no /dev/full");
    return;
  }
  harness = publish_harness_new ("file=/dev/full queue-size=5 drain-timeout=0");
  publish_push (harness, 0, 20);
  publish_wait (harness, "file", "failures", 1);
  warning = publish_wait_warning (harness, "/dev/full: No space left");
  publish_assert_all (harness, "file", 20);
  g_assert_cmpuint (publish_stat (harness, "file", "queued"), ==, 5);
  publish_stop (harness);
  g_assert_cmpuint (publish_stat (harness, "file", "dropped"), ==, 20);
  publish_harness_free (harness);
}

/* The reader of a named pipe comes late, reads slowly and goes away: neither the start nor a frame
 * waits, and the process survives. */
static void
test_pipe (void)
{
  g_autofree char *path = fresh ("pipe"),
                  *properties = g_strdup_printf ("file=%s queue-size=10000 drain-timeout=0", path);
  GstHarness *harness;
  g_autoptr (GString) text = g_string_new (NULL);
  g_auto (GStrv) lines = NULL;
  char block[4096];
  guint64 sent;
  int fd;

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  harness = publish_harness_new (properties);
  publish_push (harness, 0, 1000); /* far more than a pipe holds */
  fd = open (path, O_RDONLY);      /* waits until the element opens it */
  g_assert_cmpint (fd, >=, 0);
  while (text->len < 500 * 200) {
    gssize n = read (fd, block, sizeof block);

    g_assert_cmpint (n, >, 0);
    g_string_append_len (text, block, n);
  }
  publish_push (harness, 1000, 1100);
  close (fd); /* while the element writes to it */
  publish_wait (harness, "file", "failures", 2);
  sent = publish_stat (harness, "file", "sent");
  g_assert_cmpuint (sent, >, 0);
  publish_assert_all (harness, "file", 1100);
  publish_stop (harness);
  g_string_truncate (text, (gsize)(strrchr (text->str, '\n') - text->str));
  lines = g_strsplit (text->str, "\n", -1);
  publish_assert_frames (lines, 0, g_strv_length (lines));
  publish_harness_free (harness);
}

static void
test_stdout (void)
{
  const char *argv[] = { "/proc/self/exe", NULL };
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;
  g_auto (GStrv) lines = NULL;

  g_setenv ("COW_TEST_AS_WRITER", "yes", TRUE);
  process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
  g_unsetenv ("COW_TEST_AS_WRITER");
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &output, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_successful (process));
  lines = g_strsplit (output, "\n", -1);
  publish_assert_frames (lines, 0, 100);
}

/* test_stdout () runs this program with this as its task. */
static int
be_writer (void)
{
  GstHarness *harness = publish_harness_new ("file=-");

  publish_push (harness, 0, 100);
  publish_harness_free (harness);
  return 0;
}

/* ---- settings and ends ----------------------------------------------------------------------- */

/* Asserts that the element does not start, and that the error names the property and shows no
 * secret. */
static void
assert_refused (const char *properties, const char *named)
{
  g_autofree char *refusal = publish_refusal_new (properties);

  g_test_message ("%s", refusal);
  g_assert_nonnull (strstr (refusal, named));
  g_assert_null (strstr (refusal, "secret"));
}

static void
test_refused (void)
{
  assert_refused ("", "file, http-url or mqtt-url");
  assert_refused ("file=/nowhere/at/all", "/nowhere/at/all: No such file");
  assert_refused ("file=/", "Is a directory");
  assert_refused ("http-url=ftp://user:secret@host/", "http-url");
  assert_refused ("http-url=\"http://user:sec ret@\"", "http-url");
  assert_refused ("http-url=secret", "http-url");
  assert_refused ("http-url=http:///path", "http-url");
  assert_refused ("http-url=http://host http-token=\"secret secret\"", "http-token");
  assert_refused ("http-url=https://host http-ca=/nowhere", "http-ca");
  assert_refused ("mqtt-url=http://host", "mqtt-url");
  assert_refused ("mqtt-url=mqtt://host mqtt-topic=a/+", "mqtt-topic");
  assert_refused ("mqtt-url=mqtt://host mqtt-topic=$SYS", "mqtt-topic");
  assert_refused ("mqtt-url=mqtt://host mqtt-discovery=true mqtt-discovery-prefix=#",
                  "mqtt-discovery-prefix");
  assert_refused ("mqtt-url=mqtt://host mqtt-ca=/nowhere", "mqtts://");
  assert_refused ("mqtt-url=mqtts://host mqtt-ca=/nowhere", "mqtt-ca: /nowhere");
  assert_refused ("mqtt-url=mqtts://host mqtt-cert=/nowhere", "mqtt-cert needs");
  assert_refused ("file=- mqtt-url=mqtt:secret", "mqtt-url"); /* the first target is released */
}

/* A login is taken out of an address, and secrets cannot be read. */
static void
test_secrets (void)
{
  GstElement *element = gst_element_factory_make ("cowpublish", NULL);
  g_autofree char *http = NULL, *mqtt = NULL, *user = NULL;
  const char *secrets[] = { "http-password", "http-token", "mqtt-password" };

  gst_object_ref_sink (element);
  g_object_set (element, "http-url", "https://me:s%40cret@host:8443/a?b=c", "mqtt-url",
                "mqtt://cow@broker", NULL);
  g_object_get (element, "http-url", &http, "mqtt-url", &mqtt, "http-user", &user, NULL);
  g_assert_cmpstr (http, ==, "https://host:8443/a?b=c");
  g_assert_cmpstr (mqtt, ==, "mqtt://broker");
  g_assert_cmpstr (user, ==, "me");
  for (guint i = 0; i < G_N_ELEMENTS (secrets); i++)
    g_assert_false (g_object_class_find_property (G_OBJECT_GET_CLASS (element), secrets[i])->flags &
                    G_PARAM_READABLE);
  gst_object_unref (element);
}

/* EOS comes out when everything is written, after the final statistics. */
static void
test_end (void)
{
  g_autofree char *path = fresh ("end"),
                  *properties = g_strdup_printf ("file=%s drain-timeout=60000", path);
  GstHarness *harness = publish_harness_new (properties);
  GstBus *bus = gst_element_get_bus (harness->element);
  GstMessage *message;

  publish_push (harness, 0, 500);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_eos ()));
  assert_file (path, 0, 500);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT);
  g_assert_true (gst_message_has_name (message, "cowpublish"));
  g_assert_true (gst_structure_has_field (gst_message_get_structure (message), "file"));
  gst_message_unref (message);
  gst_object_unref (bus);
  publish_harness_free (harness);
}

/* Cows that are seen once, a new one in each frame, do not make memory grow in any mode. */
static void
test_many_cows (void)
{
  g_autofree char *path = fresh ("many"),
                  *properties = g_strdup_printf ("file=%s post-events=on-change", path);
  GstHarness *harness = publish_harness_new (properties);

  for (guint n = 0; n < 3000; n++) {
    GstBuffer *buffer = publish_buffer_new (n);

    publish_attach (buffer, publish_object_new ("roi", "cow", n, "Lying", 0), NULL);
    gst_buffer_unref (gst_harness_push_and_pull (harness, buffer));
  }
  publish_stop (harness);
  publish_assert_all (harness, "file", 3000);
  publish_harness_free (harness);
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  if (g_getenv ("COW_TEST_AS_WRITER"))
    return be_writer ();
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("cowpublish-XXXXXX", NULL);
  gst_object_unref (gst_object_ref_sink (
      gst_element_factory_make ("cowpublish", NULL))); /* making it registers the metadata */

  g_test_add_func ("/publish/untouched", test_untouched);
  g_test_add_func ("/publish/without-results", test_without_results);
  g_test_add_func ("/publish/post-events", test_post_events);
  g_test_add_func ("/publish/camera-time", test_camera_time);
  g_test_add_func ("/publish/append", test_append);
  g_test_add_func ("/publish/rotation", test_rotation);
  g_test_add_func ("/publish/rotation-one-file", test_rotation_one_file);
  g_test_add_func ("/publish/moved", test_moved);
  g_test_add_func ("/publish/full-disk", test_full_disk);
  g_test_add_func ("/publish/pipe", test_pipe);
  g_test_add_func ("/publish/stdout", test_stdout);
  g_test_add_func ("/publish/refused", test_refused);
  g_test_add_func ("/publish/secrets", test_secrets);
  g_test_add_func ("/publish/end", test_end);
  g_test_add_func ("/publish/many-cows", test_many_cows);
  result = g_test_run ();

  support_remove (folder);
  return support_no_leaks () ? result : 1;
}
