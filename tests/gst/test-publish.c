/* SPDX-License-Identifier: MIT */
/* `cowpublish` as an element, and its files: frames pass unchanged, which results become events,
 * rotation, the standard output, pipes, full disks, streams that wait, and the statistics. */
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

static void
assert_file (const char *path, guint from, guint to)
{
  g_auto (GStrv) lines = publish_lines (path);

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

static void
push_bare (GstHarness *harness, guint n)
{
  for (guint i = 0; i < n; i++)
    gst_buffer_unref (gst_harness_push_and_pull (harness, publish_buffer_new (i)));
}

/* An element that stands where no results pass says so once. */
static void
test_never_results (void)
{
  g_autofree char *path = fresh ("bare"), *properties = g_strdup_printf ("file=%s", path);
  GstHarness *harness = publish_harness_new (properties);
  g_autofree char *warning = NULL;

  push_bare (harness, 99);
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
  push_bare (harness, 1);
  warning = publish_warning (harness);
  g_assert_nonnull (strstr (warning, "none of the first 100 frames had results"));
  g_assert_nonnull (strstr (warning, "behind cowbehavior"));
  push_bare (harness, 300);
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
  publish_harness_free (harness);
}

/* A barn that is empty at times is no reason. */
static void
test_late_results (void)
{
  g_autofree char *path = fresh ("late"), *properties = g_strdup_printf ("file=%s", path);
  GstHarness *harness = publish_harness_new (properties);

  push_bare (harness, 50);
  publish_push (harness, 50, 51);
  push_bare (harness, 300);
  g_assert_cmpuint (publish_n_warnings (harness), ==, 0);
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
  lines = publish_lines (path);
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

/* The result of a live pipeline is of a frame that has passed. It is new once, with whichever frame
 * carries it first. */
static void
test_classified_live (void)
{
  static const guint ago[] = { 2, 3, 1, 2, 0, 1, 2 }; /* of frames 2, 3, ... at 25 a second */
  g_autofree char *path = fresh ("live"),
                  *properties = g_strdup_printf ("file=%s post-events=classified", path);
  GstHarness *harness = publish_harness_new (properties);
  g_auto (GStrv) lines = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (ago); i++) {
    GstStructure *object = publish_object_new ("frame", "frame", 0, "Lying", ago[i]);

    gst_structure_set (object, "age", G_TYPE_UINT64, ago[i] * (GST_SECOND / 25), NULL);
    publish_push_objects (harness, i + 2, object, NULL);
  }
  publish_harness_free (harness);
  lines = publish_lines (path);
  g_assert_cmpuint (g_strv_length (lines), ==, 4);
  g_assert_cmpint (publish_frame_of (lines[0]), ==, 2);
  g_assert_cmpint (publish_frame_of (lines[1]), ==, 4);
  g_assert_cmpint (publish_frame_of (lines[2]), ==, 6);
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
  g_autofree char *output = publish_run_writer ();
  g_auto (GStrv) lines = g_strsplit (output, "\n", -1);

  publish_assert_frames (lines, 0, 100);
}

/* Pushes frames until the element refuses one, or 1000. Returns the error that it posted, or
 * NULL. */
static char *
push_until_error (GstHarness *harness, guint *n)
{
  GstBus *bus = gst_element_get_bus (harness->element);
  g_autoptr (GError) error = NULL;
  GstMessage *message;

  for (*n = 0; *n < 1000; (*n)++) {
    if (gst_harness_push (harness, publish_frame_new (*n, "Lying")) != GST_FLOW_OK)
      break;
    gst_buffer_unref (gst_harness_pull (harness));
    g_usleep (1000);
  }
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  gst_object_unref (bus);
  if (!message)
    return NULL;
  gst_message_parse_error (message, &error, NULL);
  gst_message_unref (message);
  return g_strdup (error->message);
}

/* This program, with a task: to publish to the standard output, and to another target, too. */
static int
be_writer (void)
{
  const char *other = g_getenv ("COW_TEST_OTHER");
  g_autofree char *properties = NULL, *error = NULL;
  GstHarness *harness;
  guint n;

  if (!g_getenv ("COW_TEST_CLOSED")) {
    harness = publish_harness_new ("file=-");
    publish_push (harness, 0, 100);
    publish_harness_free (harness);
    return 0;
  }
  properties = g_strdup_printf ("file=- drain-timeout=0 %s", other ? other : "");
  harness = publish_harness_new (properties);
  error = push_until_error (harness, &n);
  g_printerr ("%u frames, %s\n", n, error ? error : "no error");
  g_assert_cmpuint (publish_stat (harness, "file", "queued"), ==, 0);
  publish_harness_free (harness);
  return 0;
}

/* Runs this program with a standard output that nobody reads. Returns what it says. */
static char *
run_closed (const char *other)
{
  const char *argv[] = { "/proc/self/exe", NULL };
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  char *said = NULL;
  int ends[2];

  g_assert_cmpint (pipe (ends), ==, 0);
  close (ends[0]);
  g_subprocess_launcher_take_stdout_fd (launcher, ends[1]);
  g_subprocess_launcher_setenv (launcher, "COW_TEST_AS_WRITER", "yes", TRUE);
  g_subprocess_launcher_setenv (launcher, "COW_TEST_CLOSED", "yes", TRUE);
  if (other)
    g_subprocess_launcher_setenv (launcher, "COW_TEST_OTHER", other, TRUE);
  process = g_subprocess_launcher_spawnv (launcher, argv, &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, NULL, &said, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_successful (process));
  g_test_message ("%s", said);
  return said;
}

/* Nobody reads the standard output any more, as with `| head`: that is the end. */
static void
test_stdout_closed (void)
{
  g_autofree char *said = run_closed (NULL);

  g_assert_nonnull (strstr (said, "nobody reads the standard output any more"));
  g_assert_null (strstr (said, "1000 frames"));
}

/* With another target it is not. */
static void
test_stdout_closed_beside_another (void)
{
  const guint16 port = publish_free_port ();
  g_autofree char *other = g_strdup_printf ("http-url=http://127.0.0.1:%u/", port),
                  *said = run_closed (other);

  g_assert_nonnull (strstr (said, "1000 frames, no error"));
}

/* ---- a stream that waits --------------------------------------------------------------------- */

/* A slow reader of a named pipe. */
typedef struct {
  const char *path;
  gulong pause_us; /* after each line or so */
  GString *text;
  GThread *thread;
} Reader;

static gpointer
read_slowly (gpointer data)
{
  Reader *self = data;
  const int fd = open (self->path, O_RDONLY);
  char block[200];
  gssize n;

  while ((n = read (fd, block, sizeof block)) > 0) {
    g_string_append_len (self->text, block, n);
    g_usleep (self->pause_us);
  }
  close (fd);
  return NULL;
}

static void
reader_start (Reader *self)
{
  g_assert_cmpint (mkfifo (self->path, 0600), ==, 0);
  self->text = g_string_new (NULL);
  self->thread = g_thread_new ("reader", read_slowly, self);
}

/* Waits for the end of the pipe, and asserts that n frames came, each once, in their order. */
static void
reader_finish (Reader *self, guint n)
{
  g_auto (GStrv) lines = NULL;

  g_thread_join (self->thread);
  lines = g_strsplit (self->text->str, "\n", -1);
  publish_assert_frames (lines, 0, n);
  g_string_free (self->text, TRUE);
}

/* A slow reader of a pipe holds up a recording, and gets all of it. */
static void
test_waits (void)
{
  g_autofree char *path = fresh ("slow"),
                  *properties =
                      g_strdup_printf ("file=%s queue-size=5 leaky=no drain-timeout=60000", path);
  Reader reader = { .path = path, .pause_us = 100 };
  GstHarness *harness;

  reader_start (&reader);
  harness = publish_harness_new (properties);
  publish_push (harness, 0, 2000);
  g_assert_cmpuint (publish_stat (harness, "file", "dropped"), ==, 0);
  publish_stop (harness);
  publish_harness_free (harness);
  reader_finish (&reader, 2000);
}

static gpointer
push_many (gpointer harness)
{
  for (guint n = 0; n < 20; n++)
    if (gst_harness_push (harness, publish_frame_new (n, "Lying")) != GST_FLOW_OK)
      break;
  return NULL;
}

/* A stream that waits for a target that does not work can be stopped, and can be sought in. */
static void
assert_released (gboolean flush)
{
  g_autofree char *path = fresh ("nobody"),
                  *properties =
                      g_strdup_printf ("file=%s queue-size=5 leaky=no drain-timeout=0", path);
  const gint64 limit = g_get_monotonic_time () + PUBLISH_LIMIT_S / 2 * G_USEC_PER_SEC;
  GstHarness *harness;
  GThread *thread;

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  harness = publish_harness_new (properties);
  thread = g_thread_new ("stream", push_many, harness);
  publish_wait (harness, "file", "queued", 5);
  g_usleep (200000);
  g_assert_cmpuint (publish_stat (harness, "file", "dropped"), ==, 0);
  if (flush)
    g_assert_true (gst_harness_push_event (harness, gst_event_new_flush_start ()));
  else
    publish_stop (harness);
  g_thread_join (thread);
  g_assert_cmpint (g_get_monotonic_time (), <, limit);
  publish_harness_free (harness);
}

static void
test_waits_until_stopped (void)
{
  assert_released (FALSE);
  assert_released (TRUE);
}

static gint upstream; /* atomic: whether it is live, or -1 where it does not say */

static gboolean
answer_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  const gint live = g_atomic_int_get (&upstream);

  if (GST_QUERY_TYPE (query) != GST_QUERY_LATENCY || live < 0)
    return FALSE;
  gst_query_set_latency (query, live, 0, GST_CLOCK_TIME_NONE);
  return TRUE;
}

/* Without `leaky` a recording waits; a live stream never does, nor one that may be live. */
static void
test_waits_by_itself (void)
{
  g_autofree char *path = fresh ("itself"),
                  *properties = g_strdup_printf ("file=%s queue-size=5 drain-timeout=0", path);

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  for (gint live = -1; live < 2; live++) {
    GstHarness *harness = publish_harness_new (properties);
    GThread *thread;

    g_atomic_int_set (&upstream, live);
    gst_pad_set_query_function (harness->srcpad, answer_query);
    thread = g_thread_new ("stream", push_many, harness);
    publish_wait (harness, "file", "queued", 5);
    if (live == 0)
      g_usleep (200000);
    else
      publish_wait (harness, "file", "dropped", 15);
    g_assert_cmpuint (publish_stat (harness, "file", "dropped"), ==, live == 0 ? 0 : 15);
    publish_stop (harness);
    g_thread_join (thread);
    publish_harness_free (harness);
  }
}

/* The end of a recording waits for longer than drain-timeout while events go out. */
static void
test_end_waits (void)
{
  g_autofree char *path = fresh ("slow-end"),
                  *properties =
                      g_strdup_printf ("file=%s queue-size=10000 leaky=no drain-timeout=500", path);
  Reader reader = { .path = path, .pause_us = 2000 };
  GstHarness *harness;

  reader_start (&reader);
  harness = publish_harness_new (properties);
  publish_push (harness, 0, 1500);
  g_assert_true (gst_harness_push_event (harness, gst_event_new_eos ()));
  g_assert_cmpuint (publish_stat (harness, "file", "sent"), ==, 1500);
  publish_harness_free (harness);
  reader_finish (&reader, 1500);
}

/* ---- ends ------------------------------------------------------------------------------------ */

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
  g_test_add_func ("/publish/never-results", test_never_results);
  g_test_add_func ("/publish/late-results", test_late_results);
  g_test_add_func ("/publish/post-events", test_post_events);
  g_test_add_func ("/publish/classified-live", test_classified_live);
  g_test_add_func ("/publish/append", test_append);
  g_test_add_func ("/publish/rotation", test_rotation);
  g_test_add_func ("/publish/rotation-one-file", test_rotation_one_file);
  g_test_add_func ("/publish/moved", test_moved);
  g_test_add_func ("/publish/full-disk", test_full_disk);
  g_test_add_func ("/publish/pipe", test_pipe);
  g_test_add_func ("/publish/stdout", test_stdout);
  g_test_add_func ("/publish/stdout-closed", test_stdout_closed);
  g_test_add_func ("/publish/stdout-closed-beside-another", test_stdout_closed_beside_another);
  g_test_add_func ("/publish/waits", test_waits);
  g_test_add_func ("/publish/waits-by-itself", test_waits_by_itself);
  g_test_add_func ("/publish/waits-until-stopped", test_waits_until_stopped);
  g_test_add_func ("/publish/end-waits-for-a-slow-target", test_end_waits);
  g_test_add_func ("/publish/end", test_end);
  g_test_add_func ("/publish/many-cows", test_many_cows);
  result = g_test_run ();

  support_remove (folder);
  return support_no_leaks () ? result : 1;
}
