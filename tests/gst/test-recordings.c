/* SPDX-License-Identifier: MIT */
/* Files that the sample pipelines write: playable however the program ends, never the file that is
 * read, and in place of an older one only when there is something to put there. */
#include "tests/gst/support.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/gst/camera.h"
#include "tests/gst/launched.h"
#include "tests/gst/recorded.h"

static char *adapter, *model, *folder, *video;

static char *
path_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* A script with the golden model and these words; NULL-terminated. */
static GPtrArray *
command (const char *name, va_list words)
{
  const char *const common[] = { "--decoder", "software", "--model", model,
                                 "--adapter", adapter,    NULL };
  GPtrArray *argv = g_ptr_array_new ();
  const char *word;

  g_ptr_array_add (argv, g_build_filename (g_getenv ("COW_TEST_PIPELINES"), name, NULL));
  while ((word = va_arg (words, const char *)))
    g_ptr_array_add (argv, (gpointer)word);
  for (guint i = 0; i < G_N_ELEMENTS (common); i++)
    g_ptr_array_add (argv, (gpointer)common[i]);
  return argv;
}

static char *
run (int expected_status, const char *name, ...)
{
  GPtrArray *argv;
  char *output;
  va_list words;

  va_start (words, name);
  argv = command (name, words);
  va_end (words);
  output = launched_output ((const char *const *)argv->pdata, expected_status);
  g_free (argv->pdata[0]);
  g_ptr_array_unref (argv);
  return output;
}

static Launched *
start (const char *name, ...)
{
  GPtrArray *argv;
  Launched *launched;
  va_list words;

  va_start (words, name);
  argv = command (name, words);
  va_end (words);
  launched = launched_start ((const char *const *)argv->pdata);
  g_free (argv->pdata[0]);
  g_ptr_array_unref (argv);
  return launched;
}

static guint
n_frames (const char *path)
{
  GstVideoInfo info;
  g_autoptr (GPtrArray) frames = recorded_frames (path, &info);

  return frames->len;
}

/* n bytes, the highest first, at any address: GStreamer's macros need an aligned one. */
static guint64
number_at (const guint8 *at, guint n)
{
  guint64 number = 0;

  for (guint i = 0; i < n; i++)
    number = number << 8 | at[i];
  return number;
}

/* The names of an MP4's outermost boxes, as "ftyp free mdat moov". */
static char *
boxes_of (const char *path)
{
  GString *names = g_string_new (NULL);
  g_autofree char *bytes = NULL;
  gsize n, at = 0;

  g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
  while (at + 16 <= n) {
    const guint8 *box = (guint8 *)bytes + at;
    const guint64 size = number_at (box, 4) == 1 ? number_at (box + 8, 8) : number_at (box, 4);

    g_string_append_printf (names, "%s%.4s", at ? " " : "", (const char *)box + 4);
    if (size < 8 || size > n - at)
      break;
    at += size;
  }
  return g_string_free (names, FALSE);
}

/* ---- the end of a program -------------------------------------------------------------------- */

/* Records a camera for some seconds and ends that by a signal. */
static void
record (const char *option, const char *to, guint n_rows, int signal)
{
  Camera *camera = camera_new_mounted (&(CameraScenario){ 0 });
  g_autofree char *url = camera_url (camera, ""), *output = NULL;
  Launched *launched = start ("rtsp-camera.sh", url, option, to, NULL);

  launched_wait (launched, ",frame,,0,0,", n_rows);
  launched_signal (launched, signal);
  output = launched_end (launched, signal == SIGKILL ? -SIGKILL : 0);
  g_assert_null (strstr (output, "not completed"));
  camera_free (camera);
}

/* All that was recorded is there, in an ordinary MP4. */
static void
test_signals (void)
{
  static const int signals[] = { SIGTERM, SIGHUP, SIGINT };

  for (guint i = 0; i < G_N_ELEMENTS (signals); i++) {
    g_autofree char *to = path_of ("ended.mp4"), *boxes = NULL;

    record ("--mp4", to, 40, signals[i]);
    boxes = boxes_of (to);
    g_assert_cmpstr (boxes, ==, "ftyp free mdat moov");
    g_assert_cmpuint (n_frames (to), >=, 40);
  }
}

/* Asks FFmpeg, where it is installed, how many frames it can read. */
static void
assert_ffprobe (const char *path, guint n_least)
{
  g_autofree char *ffprobe = g_find_program_in_path ("ffprobe");
  const char *argv[] = {
    ffprobe,   "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of",
    "csv=p=0", path, NULL
  };

  if (!ffprobe) {
    g_test_message ("ffprobe is not installed");
    return;
  }
  g_autofree char *counted = launched_output (argv, 0);
  g_assert_cmpuint (g_ascii_strtoull (counted, NULL, 10), >=, n_least);
}

/* A second at most is lost with the program; and of a file of which the system had written the
 * first part only, that part is there, also where zeros follow it. */
static void
test_killed (void)
{
  g_autofree char *to = path_of ("killed.mp4"), *cut = path_of ("cut.mp4"), *bytes = NULL;
  g_autoptr (GByteArray) zeros = g_byte_array_new ();
  gsize n;
  guint n_all, before = 0;

  record ("--mp4", to, 125, SIGKILL);
  n_all = n_frames (to);
  g_assert_cmpuint (n_all, >=, 75);
  assert_ffprobe (to, n_all);
  g_assert_true (g_file_get_contents (to, &bytes, &n, NULL));
  for (guint part = 5; part < 10; part++) {
    guint now;

    g_assert_true (g_file_set_contents (cut, bytes, (gssize)(n * part / 10), NULL));
    now = n_frames (cut);
    g_assert_cmpuint (now, >, 0);
    g_assert_cmpuint (now, >=, before);
    before = now;
  }
  g_byte_array_append (zeros, (guint8 *)bytes, (guint)n);
  g_byte_array_set_size (zeros, (guint)n + 100000);
  memset (zeros->data + n, 0, 100000);
  g_assert_true (g_file_set_contents (cut, (char *)zeros->data, zeros->len, NULL));
  g_assert_cmpuint (n_frames (cut), >=, n_all - 25);
}

/* The playlist is finished, or without a program it still lists what can be played. */
static void
test_hls (void)
{
  static const int signals[] = { SIGTERM, SIGKILL };

  for (guint i = 0; i < G_N_ELEMENTS (signals); i++) {
    g_autofree char *to = path_of (i ? "hls killed" : "hls"), *text = NULL,
                    *playlist = g_build_filename (to, "index.m3u8", NULL),
                    *first = g_build_filename (to, "segment00000.ts", NULL);

    record ("--hls", to, 200, signals[i]);
    g_assert_true (g_file_get_contents (playlist, &text, NULL, NULL));
    g_assert_nonnull (strstr (text, "segment00000.ts"));
    g_assert_cmpint (strstr (text, "#EXT-X-ENDLIST") != NULL, ==, signals[i] == SIGTERM);
    g_assert_cmpuint (n_frames (first), >=, 40);
  }
}

/* The end of the stream waits for a sink that is slow: for 30 s, or until the next signal. */
static void
test_bounded (void)
{
  const char *argv[] = { "cow-launch", "-e",       "videotestsrc", "is-live=true",
                         "!",          "fakesink", "sync=true",    "ts-offset=100000000000",
                         NULL };

  for (guint n_signals = 1; n_signals <= 2; n_signals++) {
    Launched *launched = launched_start (argv);
    gint64 begun;
    g_autofree char *output = NULL;

    g_usleep (G_USEC_PER_SEC);
    begun = g_get_monotonic_time ();
    for (guint i = 0; i < n_signals; i++) {
      launched_signal (launched, SIGTERM);
      g_usleep (G_USEC_PER_SEC * 3 / 2); /* one at once would count as the same */
    }
    output = launched_end (launched, 0);
    g_assert_cmpint (strstr (output, "not completed within 30 s") != NULL, ==, n_signals == 1);
    if (n_signals == 2)
      g_assert_cmpint (g_get_monotonic_time () - begun, <, 20 * G_USEC_PER_SEC);
  }
}

/* What nohup ignores stays ignored. */
static void
test_nohup (void)
{
  g_autofree char *with_model = g_strdup_printf ("model=%s", model),
                  *with_adapter = g_strdup_printf ("adapter=%s", adapter);
  const char *argv[] = { "nohup",        "cow-launch", "videotestsrc",
                         "is-live=true", "!",          "cowbehavior",
                         with_model,     with_adapter, "!",
                         "fakesink",     NULL };
  Launched *launched = launched_start (argv);

  launched_wait (launched, "cowbehavior, timestamp", 1);
  launched_signal (launched, SIGHUP);
  launched_wait (launched, "cowbehavior, timestamp", 5);
  launched_signal (launched, SIGTERM);
  g_free (launched_end (launched, 0));
}

/* ---- an input that is an output -------------------------------------------------------------- */

static GBytes *
bytes_of (const char *path)
{
  char *bytes;
  gsize n;

  g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
  return g_bytes_new_take (bytes, n);
}

static void
assert_refused (const char *script, const char *input, const char *option, const char *value)
{
  g_autoptr (GBytes) before = bytes_of (input), after = NULL;
  g_autofree char *output = run (1, script, input, option, value, NULL);

  after = bytes_of (input);
  g_test_message ("%s %s %s %s: %s", script, input, option, value, output);
  g_assert_true (g_bytes_equal (before, after));
  g_assert_nonnull (strstr (output, "would be overwritten while it is read"));
}

static void
test_same_file (void)
{
  g_autofree char *symbolic = path_of ("symbolic.mp4"), *hard = path_of ("hard.mp4"),
                  *name = g_path_get_basename (video), *dotted = g_strconcat ("./", name, NULL),
                  *around = g_strconcat (folder, "/../", NULL), *self = NULL,
                  *base = g_path_get_basename (folder), *here = g_get_current_dir (),
                  *sink = g_strdup_printf ("filesink location=%s", video);

  g_assert_cmpint (symlink (video, symbolic), ==, 0);
  g_assert_cmpint (link (video, hard), ==, 0);
  self = g_strconcat (around, base, "/", name, NULL);
  g_assert_cmpint (g_chdir (folder), ==, 0);
  const char *const names[] = { video, symbolic, hard, name, dotted, self };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    assert_refused ("file.sh", video, "--mp4", names[i]);
  assert_refused ("file.sh", symbolic, "--mp4", video);
  assert_refused ("file.sh", video, "--to", sink);
  assert_refused ("publish.sh", video, "--file", dotted);
  assert_refused ("publish.sh", hard, "--file", symbolic);
  g_assert_cmpint (g_chdir (here), ==, 0);
}

/* A segment is an input that a playlist's folder would overwrite, by a link, too; so is a picture
 * of a pattern. */
static void
test_same_folder (void)
{
  g_autofree char *hls = path_of ("100% same"), *other = path_of ("segment"),
                  *first = g_build_filename (hls, "segment00000.ts", NULL),
                  *playlist = g_build_filename (hls, "index.m3u8", NULL),
                  *picture = path_of ("frame00007.jpg"),
                  *line = g_strdup_printf ("videotestsrc num-buffers=1 ! jpegenc ! "
                                           "filesink location=%s",
                                           picture),
                  *pictures = g_strdup_printf ("multifilesink location=%s/frame%%05d.jpg", folder);

  g_free (run (0, "file.sh", video, "--hls", hls, NULL));
  g_assert_cmpint (link (first, other), ==, 0);
  assert_refused ("file.sh", first, "--hls", hls);
  assert_refused ("file.sh", other, "--hls", hls);
  assert_refused ("file.sh", playlist, "--hls", hls);
  support_play (line);
  assert_refused ("file.sh", picture, "--to", pictures);
}

/* ---- an older file --------------------------------------------------------------------------- */

/* How many files the folder holds whose names begin so. */
static guint
n_named (const char *prefix)
{
  g_autoptr (GDir) names = g_dir_open (folder, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (names)))
    n += g_str_has_prefix (name, prefix);
  return n;
}

/* Runs that fail leave it as it was, and nothing beside it. */
static void
test_kept (void)
{
  g_autofree char *good = path_of ("good.mp4"), *broken = path_of ("broken.mp4"), *bytes = NULL;
  g_autoptr (GBytes) before = NULL, after = NULL;
  g_autofree char *text = path_of ("text.mp4");
  gsize n;

  g_free (run (0, "file.sh", video, "--mp4", good, NULL));
  before = bytes_of (good);
  g_assert_true (g_file_get_contents (video, &bytes, &n, NULL));
  memset (bytes + n / 3, 0x55, n / 3);
  g_assert_true (g_file_set_contents (broken, bytes, (gssize)(n / 2), NULL));
  g_assert_true (g_file_set_contents (text, "no video", -1, NULL));
  g_autofree char *closed =
      run (1, "rtsp-camera.sh", "rtsp://127.0.0.1:9/cam", "--mp4", good, NULL);
  g_free (run (1, "file.sh", text, "--mp4", good, NULL));
  g_free (run (1, "file.sh", broken, "--mp4", good, NULL));
  g_free (run (1, "file.sh", video, "--mp4", good, "smoothing=nonsense", NULL));
  g_free (run (1, "file.sh", video, "--mp4", good, "--detector", "identity error-after=30", NULL));
  after = bytes_of (good);
  g_assert_true (g_bytes_equal (before, after));
  g_assert_nonnull (strstr (closed, "good.mp4 is left as it was"));
  g_assert_cmpuint (n_named ("good.mp4"), ==, 1);
}

/* A recording of sound alone says so. */
static void
test_sound (void)
{
  g_autofree char *sound = path_of ("sound.mp4"),
                  *lines = g_strdup_printf ("audiotestsrc num-buffers=50 ! avenc_aac ! mp4mux ! "
                                            "filesink location=%s",
                                            sound);

  support_play (lines);
  g_autofree char *file = run (1, "file.sh", sound, NULL),
                  *published = run (1, "publish.sh", sound, NULL);
  g_assert_nonnull (strstr (file, "no video that can be decoded"));
  g_assert_nonnull (strstr (published, "no video that can be decoded"));
}

/* A run that works replaces it, with its permissions and through links. */
static void
test_replaced (void)
{
  g_autofree char *old = path_of ("old.mp4"), *way = path_of ("way.mp4");
  struct stat file;

  g_assert_true (g_file_set_contents (old, "old", -1, NULL));
  g_assert_cmpint (g_chmod (old, 0640), ==, 0);
  g_assert_cmpint (symlink (old, way), ==, 0);
  g_free (run (0, "file.sh", video, "--mp4", way, NULL));
  g_assert_cmpuint (n_frames (old), >=, 40);
  g_assert_true (g_file_test (way, G_FILE_TEST_IS_SYMLINK));
  g_assert_cmpint (stat (old, &file), ==, 0);
  g_assert_cmpint (file.st_mode & 0777, ==, 0640);
  g_assert_cmpuint (n_named ("old.mp4"), ==, 1);
  record ("--mp4", old, 30, SIGTERM);
  g_assert_cmpuint (n_frames (old), >=, 25);
}

static void
test_nowhere (void)
{
  g_autofree char *output = run (1, "file.sh", video, "--mp4", "/no/such/folder/a.mp4", NULL);

  g_assert_nonnull (
      strstr (output, "/no/such/folder/a.mp4: cannot create: No such file or directory"));
}

/* ---- */

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
  model = support_model ();
  folder = g_dir_make_tmp ("cow-recordings-XXXXXX", NULL);
  video = path_of ("video.mp4");
  recorded_ball (video);

  g_test_add_func ("/recordings/signals", test_signals);
  g_test_add_func ("/recordings/killed", test_killed);
  g_test_add_func ("/recordings/hls", test_hls);
  g_test_add_func ("/recordings/bounded", test_bounded);
  g_test_add_func ("/recordings/nohup", test_nohup);
  g_test_add_func ("/recordings/same-file", test_same_file);
  g_test_add_func ("/recordings/same-folder", test_same_folder);
  g_test_add_func ("/recordings/kept", test_kept);
  g_test_add_func ("/recordings/sound", test_sound);
  g_test_add_func ("/recordings/replaced", test_replaced);
  g_test_add_func ("/recordings/nowhere", test_nowhere);
  result = g_test_run ();

  support_remove (folder);
  support_remove (adapter);
  g_free (video);
  g_free (model);
  gst_rtsp_thread_pool_cleanup ();
  return result;
}
