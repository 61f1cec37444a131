/* SPDX-License-Identifier: MIT */
/* pipelines/rtsp-many.sh with cameras that are off, go away, come back or refuse the login: no
 * camera stops another, each is named, and the wall shows who is there. */
#include "tests/gst/support.h"

#include <gio/gio.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <signal.h>
#include <string.h>

#include "tests/gst/camera.h"
#include "tests/gst/launched.h"
#include "tests/gst/publish-support.h"
#include "tests/gst/recorded.h"

#define TILE_W 320
#define TILE_H 240

static char *adapter, *model, *folder;

/* ---- the script ------------------------------------------------------------------------------ */

/* Starts rtsp-many.sh with addresses and options; NULL-terminated. */
static Launched *
start (const char *first, ...)
{
  g_autofree char *script =
      g_build_filename (g_getenv ("COW_TEST_PIPELINES"), "rtsp-many.sh", NULL);
  const char *const common[] = { "--decoder", "software", "--model", model,
                                 "--adapter", adapter,    NULL };
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  va_list words;

  g_ptr_array_add (argv, script);
  va_start (words, first);
  for (const char *word = first; word; word = va_arg (words, const char *))
    g_ptr_array_add (argv, (gpointer)word);
  va_end (words);
  for (guint i = 0; i < G_N_ELEMENTS (common); i++)
    g_ptr_array_add (argv, (gpointer)common[i]);
  return launched_start ((const char *const *)argv->pdata);
}

static char *
wall_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static Launched *
start_wall (const char *to, const char *first, const char *second)
{
  return start (first, second, "--tile", G_STRINGIFY (TILE_W) "x" G_STRINGIFY (TILE_H), "--mp4", to,
                "inference-interval=5", NULL);
}

/* How a row of events of the camera with this address begins; `suffix` is what its name has more
 * than that. Free with g_free (). */
static char *
row_of (const char *url, const char *suffix)
{
  g_autofree char *host = g_strdup (strstr (url, "127.0.0.1"));

  *strchr (host, '/') = '-';
  return g_strconcat (host, suffix, ",,,", NULL);
}

static void
wait_rows (Launched *launched, const char *url, const char *suffix, guint n)
{
  g_autofree char *begin = row_of (url, suffix);

  launched_wait (launched, begin, n);
}

/* Labels of both cameras arrive. */
static void
wait_both (Launched *launched, const char *first, const char *second)
{
  wait_rows (launched, first, "", 5);
  wait_rows (launched, second, "", 5);
  wait_rows (launched, first, "", 5);
}

/* Counts the frames of a wall of two cameras: both there, and the second black beside the first. */
static void
count (const char *path, guint *n_both, guint *n_first)
{
  GstVideoInfo info;
  g_autoptr (GPtrArray) frames = recorded_frames (path, &info);

  *n_both = *n_first = 0;
  g_assert_cmpuint (frames->len, >, 0);
  g_assert_cmpint (info.width, ==, 2 * TILE_W);
  g_assert_cmpint (info.height, ==, TILE_H);
  for (guint i = 0; i < frames->len; i++) {
    if (!recorded_has_strip (frames->pdata[i], &info, 0, 0, TILE_W, TILE_H))
      continue;
    if (recorded_has_strip (frames->pdata[i], &info, TILE_W, 0, TILE_W, TILE_H))
      ++*n_both;
    if (recorded_is_black (frames->pdata[i], &info, TILE_W, 0, TILE_W, TILE_H))
      ++*n_first;
  }
  g_test_message ("%u frames, %u with both cameras, %u with the first", frames->len, *n_both,
                  *n_first);
}

static char *
end (Launched *launched, int signal, int status)
{
  char *output;

  launched_signal (launched, signal);
  output = launched_end (launched, status);
  g_assert_null (strstr (output, "not completed"));
  return output;
}

/* ---- cameras that are there ------------------------------------------------------------------ */

static void
test_wall (void)
{
  Camera *cameras[2] = { camera_new_mounted (&(CameraScenario){ 0 }),
                         camera_new_mounted (&(CameraScenario){ .codec = "mjpeg" }) };
  g_autofree char *first = camera_url (cameras[0], ""), *second = camera_url (cameras[1], ""),
                  *to = wall_of ("wall.mp4");
  Launched *launched = start_wall (to, first, second);
  guint n_both, n_first;

  wait_both (launched, first, second);
  g_free (end (launched, SIGINT, 0));
  count (to, &n_both, &n_first);
  g_assert_cmpuint (n_both, >=, 5);
  camera_free (cameras[0]);
  camera_free (cameras[1]);
}

/* Without a wall there are rows of each camera, which has a name of its own, also where its address
 * is another's, too. */
static void
test_rows (void)
{
  Camera *camera = camera_new_mounted (&(CameraScenario){ 0 });
  g_autofree char *url = camera_url (camera, ""), *output = NULL;
  Launched *launched = start (url, url, url, "mode=blocking", "inference-interval=10", NULL);

  wait_rows (launched, url, "-3", 2);
  wait_rows (launched, url, "-2", 2);
  wait_rows (launched, url, "", 2);
  output = end (launched, SIGTERM, 0);
  g_assert_cmpuint (launched_n_rows (output), >=, 6);
  g_assert_nonnull (strstr (output, "rtsp-many.sh: camera 3 is \"127.0.0.1:"));
  camera_free (camera);
}

/* H.264 in 4:2:0 has no odd sizes: the last column and row of the wall are left out. */
static void
test_odd_size (void)
{
  Camera *camera = camera_new_mounted (&(CameraScenario){ 0 });
  g_autofree char *url = camera_url (camera, ""), *to = wall_of ("odd.mp4");
  Launched *launched = start (url, "--tile", "161x121", "--mp4", to, NULL);
  g_autoptr (GPtrArray) frames = NULL;
  GstVideoInfo info;

  wait_rows (launched, url, "", 5);
  g_free (end (launched, SIGHUP, 0));
  frames = recorded_frames (to, &info);
  g_assert_cmpuint (frames->len, >, 0);
  g_assert_cmpint (info.width, ==, 160);
  g_assert_cmpint (info.height, ==, 120);
  camera_free (camera);
}

/* ---- cameras that are not -------------------------------------------------------------------- */

static char *
away (guint number, guint port, const char *why)
{
  return g_strdup_printf ("camera %u, 127.0.0.1:%u: %s", number, port, why);
}

/* Off at the start, and switched on later. */
static void
test_off_at_start (void)
{
  const guint port = publish_free_port ();
  Camera *there = camera_new_mounted (&(CameraScenario){ 0 }), *late;
  g_autofree char *first = camera_url (there, ""), *to = wall_of ("late.mp4"),
                  *second = g_strdup_printf ("rtsp://127.0.0.1:%u/barn", port),
                  *off = away (2, port, "nothing listens at 127.0.0.1, port"),
                  *back = away (2, port, "gives pictures"), *output = NULL;
  Launched *launched = start_wall (to, first, second);
  guint n_both, n_first;

  launched_wait (launched, off, 1);
  wait_rows (launched, first, "", 5);
  late = camera_new_mounted (&(CameraScenario){ .port = port });
  launched_wait (launched, back, 1);
  wait_both (launched, first, second);
  output = end (launched, SIGINT, 0);
  g_assert_null (strstr (output, "no camera"));
  count (to, &n_both, &n_first);
  g_assert_cmpuint (n_both, >=, 5);
  g_assert_cmpuint (n_first, >=, 5);
  camera_free (there);
  camera_free (late);
}

/* Goes away for longer than its last picture is shown, and comes back. */
static void
test_goes_away (void)
{
  const guint port = publish_free_port ();
  Camera *stays = camera_new_mounted (&(CameraScenario){ 0 }),
         *goes = camera_new_mounted (&(CameraScenario){ .port = port });
  g_autofree char *first = camera_url (stays, ""), *second = camera_url (goes, ""),
                  *to = wall_of ("away.mp4"), *gone = away (2, port, ""),
                  *back = away (2, port, "gives pictures");
  Launched *launched = start_wall (to, first, second);
  guint n_both, n_first;

  wait_both (launched, first, second);
  camera_free (goes);
  launched_wait (launched, gone, 1);
  g_usleep (5 * G_USEC_PER_SEC);
  wait_rows (launched, first, "", 20);
  goes = camera_new_mounted (&(CameraScenario){ .port = port });
  launched_wait (launched, back, 1);
  wait_both (launched, first, second);
  g_free (end (launched, SIGTERM, 0));
  count (to, &n_both, &n_first);
  g_assert_cmpuint (n_both, >=, 10);
  g_assert_cmpuint (n_first, >=, 5);
  camera_free (stays);
  camera_free (goes);
}

/* A wrong password is tried once, because cameras lock, and is of no harm to the others. */
static void
test_login (void)
{
  Camera *open = camera_new_mounted (&(CameraScenario){ 0 }),
         *locked = camera_new_mounted (&(CameraScenario){ .user = "admin", .password = "right" });
  g_autofree char *first = camera_url (open, ""), *right = camera_url (locked, "admin:right@"),
                  *wrong = camera_url (locked, "admin:wrong@"), *refused = row_of (wrong, ""),
                  *output = NULL;
  Launched *launched = start (first, wrong, right, "inference-interval=5", NULL);
  const char *refusal;

  launched_wait (launched,
                 "user or password is wrong; cameras lock after some attempts; again in "
                 "300 s",
                 1);
  wait_rows (launched, first, "", 20);
  wait_rows (launched, right, "-3", 20);
  output = end (launched, SIGINT, 0);
  refusal = strstr (output, "user or password");
  g_assert_null (strstr (refusal + 1, "user or password"));
  g_assert_nonnull (strstr (output, "camera 2, 127.0.0.1:"));
  g_assert_null (strstr (output, refused));
  g_assert_null (strstr (output, "admin"));
  camera_free (open);
  camera_free (locked);
}

/* Nobody is there: it waits, says so once, and has failed when it is ended. */
static void
test_all_off (void)
{
  g_autofree char *to = wall_of ("none.mp4"), *output = NULL;
  Launched *launched = start_wall (to, "rtsp://127.0.0.1:9/a", "rtsp://no-such-camera.invalid/b");

  launched_wait (launched, "no camera gives pictures (2 of 2 are away); waiting for them", 1);
  launched_wait (launched, "camera 1, 127.0.0.1:9: nothing listens", 1);
  output = end (launched, SIGINT, 1);
  g_assert_nonnull (strstr (output, "camera 2, no-such-camera.invalid: the name"));
  g_assert_nonnull (strstr (output, "ERROR: no camera gave a picture"));
  g_assert_null (strstr (strstr (output, "no camera gives") + 1, "no camera gives"));
}

int
main (int argc, char **argv)
{
  const char *missing;
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  missing = camera_missing_element ();
  if (!missing && !support_have_element ("compositor"))
    missing = "compositor";
  if (missing) {
    g_print ("1..0 # SKIP the GStreamer element %s is not installed\n", missing);
    return 0;
  }
  adapter = support_adapter_new ();
  model = support_model ();
  folder = g_dir_make_tmp ("cow-many-XXXXXX", NULL);

  g_test_add_func ("/many/wall", test_wall);
  g_test_add_func ("/many/rows", test_rows);
  g_test_add_func ("/many/odd-size", test_odd_size);
  g_test_add_func ("/many/off-at-start", test_off_at_start);
  g_test_add_func ("/many/goes-away", test_goes_away);
  g_test_add_func ("/many/login", test_login);
  g_test_add_func ("/many/all-off", test_all_off);
  result = g_test_run ();

  support_remove (folder);
  support_remove (adapter);
  g_free (model);
  gst_rtsp_thread_pool_cleanup ();
  return result;
}
