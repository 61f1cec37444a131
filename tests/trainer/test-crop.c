/* SPDX-License-Identifier: MIT */
/* `crop`: which pictures come out of a recording, what a second run does with the labels of the
 * first, what a killed run leaves, boxes of MOT and COCO files, and what training makes of it. */
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/files/error.h"
#include "tests/trainer/cli.h"
#include "trainer/data/crop-table.h"
#include "trainer/data/pictures.h"
#include "trainer/video/boxes.h"

static char *folder, *video; /* 250 frames of 128 x 96, 25 a second, the ball moving */

static char *
make_file (const char *name, const char *text)
{
  char *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

static CowCropTable *
open_table (const char *out)
{
  g_autoptr (GError) error = NULL;
  CowCropTable *table = cow_crop_table_open (out, &error);

  g_assert_no_error (error);
  return table;
}

static void
read_crop (const char *out, const char *name, Picture *picture)
{
  g_autofree char *path = g_build_filename (out, name, NULL);
  g_autoptr (GError) error = NULL;

  picture_read (path, picture, &error);
  g_assert_no_error (error);
}

#define ZONES "left side=0,0,0.5,1; a/b=0.5,0.5,0.25,0.5"

/* ---- which pictures -------------------------------------------------------------------------- */

/* A zone's picture is that part of the frame's. */
static void
test_zones (void)
{
  g_autofree char *out = g_build_filename (folder, "zones", NULL),
                  *whole = g_build_filename (folder, "whole", NULL);
  g_auto (Result) result =
      cli_run ("crop", video, "--zones", ZONES, "--every=2", "--out", out, NULL),
                  frames = cli_run ("crop", video, "--every", "2", "--out", whole, NULL);

  cli_assert_ok (&result);
  cli_assert_ok (&frames);
  cli_assert_says (result.out, "barn.mp4: 10 pictures, one in 2 s of each zone\n");
  cli_assert_says (frames.out, "barn.mp4: 5 pictures, one in 2 s\n");
  g_autoptr (CowCropTable) zones = open_table (out), all = open_table (whole);
  g_assert_cmpuint (cow_crop_table_n_rows (zones), ==, 10);
  g_assert_cmpstr (cow_crop_table_get (zones, 0, COW_CROP_ZONE), ==, "left side");
  g_assert_cmpstr (cow_crop_table_get (zones, 3, COW_CROP_ZONE), ==, "a/b");
  g_assert_cmpstr (cow_crop_table_get (zones, 3, COW_CROP_TIME), ==, "2.000");
  g_assert_cmpstr (cow_crop_table_get (zones, 3, COW_CROP_AREA), ==, "64 48 32 48");
  g_assert_cmpstr (cow_crop_table_get (zones, 3, COW_CROP_LABEL), ==, "");
  for (guint i = 0; i < 5; i++) {
    g_auto (Picture) part = { 0 }, frame = { 0 };

    read_crop (out, cow_crop_table_get (zones, 2 * i + 1, COW_CROP_PATH), &part);
    read_crop (whole, cow_crop_table_get (all, i, COW_CROP_PATH), &frame);
    g_assert_cmpint (part.width, ==, 32);
    g_assert_cmpint (part.height, ==, 48);
    g_assert_cmpint (frame.width, ==, 128);
    for (int y = 0; y < 48; y++)
      g_assert_cmpmem (part.rgb + 3 * 32 * y, 3 * 32, frame.rgb + 3 * (128 * (48 + y) + 64),
                       3 * 32);
  }
}

/* Too many pictures are taken further apart, and reach the end of the recording. */
static void
test_most (void)
{
  g_autofree char *out = g_build_filename (folder, "most", NULL);
  g_auto (Result) result =
      cli_run ("crop", video, "--zones", ZONES, "--every=0", "--most=8", "--out", out, NULL);
  g_autoptr (CowCropTable) table = open_table (out);

  cli_assert_ok (&result);
  cli_assert_says (result.out, "8 pictures, one in 2.5 s of each zone, which --most 8 makes of "
                               "--every 0");
  g_assert_cmpuint (cow_crop_table_n_rows (table), ==, 8);
  g_assert_cmpstr (cow_crop_table_get (table, 7, COW_CROP_TIME), ==, "7.560");
}

/* ---- running again --------------------------------------------------------------------------- */

static char *
picture_bytes (const char *out, const char *name, gsize *n)
{
  g_autofree char *path = g_build_filename (out, name, NULL);
  char *bytes;

  g_assert_true (g_file_get_contents (path, &bytes, n, NULL));
  return bytes;
}

static void
test_again (void)
{
  g_autofree char *out = g_build_filename (folder, "again", NULL),
                  *path = g_build_filename (out, COW_CROP_TABLE, NULL);
  g_auto (Result) first = cli_run ("crop", video, "--every=4", "--out", out, NULL);
  g_autofree char *text = NULL;
  GString *edited = g_string_new (NULL);

  cli_assert_ok (&first);
  /* As a spreadsheet leaves it, with a column of the user's. */
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_string_append (edited, text);
  g_string_replace (edited, "session\n", "session;who looked\n", 1);
  g_string_replace (edited, " 1\n", " 1;Ann\n", 0);
  for (guint i = 2; i < 11; i++) {
    g_autofree char *end = g_strdup_printf (" %u\n", i), *new = g_strdup_printf (" %u;Ann\n", i);
    g_string_replace (edited, end, new, 0);
  }
  g_string_replace (edited, ",", ";", 0);
  g_string_replace (edited, ".png;;", ".png;Lying;", 2);
  g_assert_true (g_file_set_contents (path, edited->str, -1, NULL));
  g_string_free (edited, TRUE);

  g_auto (Result) second = cli_run ("crop", video, "--every=4", "--out", out, NULL),
                  third = cli_run ("crop", video, "--every=2", "--out", out, NULL);
  cli_assert_ok (&second);
  cli_assert_ok (&third);
  cli_assert_says (second.out, "barn.mp4: 0 pictures, one in 4 s; 3 were there already");
  cli_assert_says (second.out, "3 pictures, 1 without a label");
  cli_assert_says (third.out, "barn.mp4: 2 pictures, one in 2 s; 3 were there already");
  g_autoptr (CowCropTable) table = open_table (out);
  g_assert_cmpuint (cow_crop_table_n_rows (table), ==, 5);
  g_assert_cmpstr (cow_crop_table_get (table, 0, COW_CROP_LABEL), ==, "Lying");
  g_assert_cmpstr (cow_crop_table_get (table, 1, COW_CROP_LABEL), ==, "Lying");
  g_assert_cmpstr (cow_crop_table_get (table, 2, COW_CROP_LABEL), ==, "");
  g_clear_pointer (&text, g_free);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  cli_assert_says (text, ",who looked\n");
  cli_assert_says (text, ",Ann\n");
}

static guint
count_files (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  guint n = 0;

  while (dir && (name = g_dir_read_name (dir)))
    n += g_str_has_suffix (name, ".png");
  return n;
}

/* Killed when some pictures are there; what is on the disk is whole, and the next run completes it
 * to what an uninterrupted one leaves. */
static void
test_killed (void)
{
  g_autofree char *out = g_build_filename (folder, "killed", NULL),
                  *whole = g_build_filename (folder, "unkilled", NULL),
                  *crops = g_build_filename (out, "crops", "barn", NULL);
  const char *const argv[] = {
    g_getenv ("COW_TRAINER"), "crop", video, "--every=0", "--out", out, NULL
  };
  g_auto (Result) uninterrupted = cli_run ("crop", video, "--every=0", "--out", whole, NULL);
  guint n = 0;

  cli_assert_ok (&uninterrupted);
  for (guint kill_at = 5; kill_at <= 105; kill_at += 50) {
    GPid pid;
    int status;

    g_assert_true (g_spawn_async (NULL, (char **)argv, NULL,
                                  G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                                      G_SPAWN_STDERR_TO_DEV_NULL,
                                  NULL, NULL, &pid, NULL));
    while ((n = count_files (crops)) < kill_at && waitpid (pid, &status, WNOHANG) == 0)
      g_usleep (1000);
    kill (pid, SIGKILL);
    waitpid (pid, &status, 0);
    g_spawn_close_pid (pid);
  }
  g_test_message ("killed last with %u of 250 pictures", n);
  g_assert_cmpuint (n, <, 250);
  g_auto (Result) result = cli_run ("crop", video, "--every=0", "--out", out, NULL);
  cli_assert_ok (&result);
  g_autoptr (CowCropTable) table = open_table (out), expected = open_table (whole);
  g_assert_cmpuint (cow_crop_table_n_rows (table), ==, 250);
  g_assert_cmpuint (count_files (crops), ==, 250);
  for (guint i = 0; i < 250; i++) {
    const char *name = cow_crop_table_get (expected, i, COW_CROP_PATH);
    gsize n_a, n_b;
    g_autofree char *a = picture_bytes (out, name, &n_a), *b = picture_bytes (whole, name, &n_b);

    g_assert_cmpmem (a, n_a, b, n_b);
    g_assert_cmpint (cow_crop_table_find (table, name), >=, 0);
  }
}

/* ---- boxes ----------------------------------------------------------------------------------- */

#define COCO_HEAD                                                                                  \
  "{\"images\":[{\"id\":7,\"file_name\":\"f_000000.png\",\"width\":256,"                           \
  "\"height\":192},{\"id\":9,\"file_name\":\"f_000050.png\",\"width\":256,"                        \
  "\"height\":192}],\"annotations\":["

static void
test_boxes (void)
{
  g_autofree char *mot = make_file ("mot.txt", "1,4,10,20,30,40,1,-1,-1,-1\n"
                                               "51,4,12,20,30,40,1,-1,-1,-1\n"
                                               "51,5,-10,-10,30,40,1,-1,-1,-1\n"
                                               "51,6,500,20,30,40,1,-1,-1,-1\n"
                                               "51,8,50,20,8,40,1,-1,-1,-1\n"
                                               "51,9,50,20,30,40,0,-1,-1,-1\n"),
                  *coco = make_file ("coco.json",
                                     COCO_HEAD "{\"image_id\":7,\"bbox\":[20,40,60,80.0],"
                                               "\"track_id\":4},{\"image_id\":9,\"bbox\":[24,40,"
                                               "60,80],\"attributes\":{\"track_id\":4}}]}"),
                  *a = g_build_filename (folder, "mot", NULL),
                  *b = g_build_filename (folder, "coco", NULL);
  g_auto (Result) first = cli_run ("crop", video, "--boxes", mot, "--every=1", "--out", a, NULL),
                  second = cli_run ("crop", video, "--boxes", coco, "--every=1", "--out", b, NULL);

  g_assert_cmpint (first.status, ==, 0);
  cli_assert_says (first.err, "mot.txt: MOT, 5 boxes, frames counted from 1, with tracks; 1 is "
                              "marked as not to be looked at");
  cli_assert_says (first.err, "1 box lay outside of the frame");
  cli_assert_says (first.err, "1 time a part of the frame was too small");
  cli_assert_says (second.err, "coco.json: COCO, 2 boxes, frames counted from 0, with tracks");
  g_autoptr (CowCropTable) x = open_table (a), y = open_table (b);
  g_assert_cmpuint (cow_crop_table_n_rows (x), ==, 3);
  g_assert_cmpuint (cow_crop_table_n_rows (y), ==, 2);
  for (guint i = 0; i < 2; i++)
    for (guint column = 0; column < COW_CROP_N_COLUMNS; column++)
      g_assert_cmpstr (cow_crop_table_get (x, i, column), ==, cow_crop_table_get (y, i, column));
  g_assert_cmpstr (cow_crop_table_get (x, 1, COW_CROP_PATH), ==, "crops/barn/000002000-cow4.png");
  g_assert_cmpstr (cow_crop_table_get (x, 2, COW_CROP_AREA), ==, "0 0 20 30");
}

/* Files that are none, or lie. */
static void
test_bad_boxes (void)
{
  static const struct {
    const char *text, *says;
  } cases[] = {
    { "", "there are no boxes" },
    { "1,2,3,4,5\n", ":1: neither a row of MOT" },
    { "1,1,2,2,9,9\nx,1,2,2,9,9\n", ":2: neither a row of MOT" },
    { "1e300,1,2,2,9,9\n", ":1: neither a row of MOT" },
    { "1.5,1,2,2,9,9\n", ":1: neither a row of MOT" },
    { "1,1,2,2,-9,9\n", "line 1: left, top, width and height" },
    { "1,1,2,2,9,1e9\n", "line 1: left, top, width and height" },
    { "1,1,nan,2,9,9\n", ":1: neither a row of MOT" },
    { "{}", "images" },
    { "{\"images\":[],\"annotations\":[3]}", "annotations[0]: an object is expected" },
    { "{\"images\":[{\"id\":1}],\"annotations\":[]}", "neither \"frame_id\" nor a number" },
    { COCO_HEAD "{\"image_id\":1,\"bbox\":[1,2,3,4]}]}", "\"image_id\" 1 is none of the images" },
    { COCO_HEAD "{\"image_id\":7,\"bbox\":[1,2,3]}]}", "\"bbox\" has four numbers" },
    { COCO_HEAD "{\"image_id\":7,\"bbox\":[1,2,3,true]}]}", "\"bbox\" has four numbers" },
    { COCO_HEAD "{\"image_id\":7,\"bbox\":[1,2,0,4]}]}", "annotations[0]: left, top, width" },
    { COCO_HEAD "]}", "there are no boxes" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = make_file ("bad.txt", cases[i].text);
    g_autoptr (GError) error = NULL;

    g_assert_null (cow_boxes_read (path, &error));
    g_assert_nonnull (strstr (error->message, "bad.txt"));
    cli_assert_says (error->message, cases[i].says);
  }
}

/* ---- training -------------------------------------------------------------------------------- */

static void
test_dataset (void)
{
  g_autofree char *out = g_build_filename (folder, "data", NULL);
  g_auto (Result) cropped = cli_run ("crop", video, "--every=0.5", "--out", out, NULL),
                  unlabelled = cli_run ("check", "--data", out, NULL);
  g_autoptr (CowCropTable) table = open_table (out);
  g_autoptr (GError) error = NULL;

  cli_assert_ok (&cropped);
  g_assert_cmpint (unlabelled.status, ==, 1);
  cli_assert_says (unlabelled.err, "no row has a label yet");
  g_assert_cmpstr (cow_crop_table_get (table, 19, COW_CROP_SESSION), ==, "barn 1");
  for (guint i = 0; i < 17; i++)
    cow_crop_table_set_label (table, i, i % 2 ? "Lying" : "Standing");
  g_assert_true (cow_crop_table_save (table, &error));
  g_auto (Result) checked = cli_run ("check", "--data", out, "--group-by=none", NULL);
  cli_assert_says (checked.out, "3 rows have no label yet and are left out");
  cli_assert_says (checked.out, "Lying");
}

/* Who takes a recording for a picture is told what takes recordings. */
static void
test_not_a_picture (void)
{
  static const char *const muxers[] = { "matroskamux", "avimux" };

  for (guint i = 0; i <= G_N_ELEMENTS (muxers); i++) {
    g_autofree char *other = g_strdup_printf ("%s/other%u", folder, i),
                    *command = g_strdup_printf ("gst-launch-1.0 -q videotestsrc num-buffers=3 ! "
                                                "jpegenc ! %s ! filesink location=\"%s\"",
                                                muxers[i % 2], other);
    int status;

    if (i < G_N_ELEMENTS (muxers))
      g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, &status, NULL));
    g_auto (Result) result =
        cli_run ("features", i < G_N_ELEMENTS (muxers) ? other : video, "--out", folder, NULL);
    g_assert_cmpint (result.status, ==, 1);
    cli_assert_says (result.err, "a video: cow-trainer annotate tells what is in it");
  }
}

static void
test_usage (void)
{
  g_autofree char *boxes = make_file ("one.txt", "1,1,2,2,50,50\n");
  g_autofree char *other = g_build_filename (folder, "other", NULL),
                  *table = g_build_filename (other, COW_CROP_TABLE, NULL);
  g_auto (Result) none = cli_run ("crop", NULL), lost = cli_run ("crop", "no-such.mp4", NULL),
                  every = cli_run ("crop", video, "--every=-1", NULL),
                  most = cli_run ("crop", video, "--most=0", NULL),
                  both = cli_run ("crop", video, "--zones=a=0,0,1,1", "--boxes", boxes, NULL),
                  two = cli_run ("crop", video, video, "--boxes", boxes, NULL),
                  zone = cli_run ("crop", video, "--zones=a=0,0,2,1", NULL);

  cli_assert_error (&none, 2, "no recording given");
  cli_assert_error (&lost, 1, "no-such.mp4 does not exist");
  cli_assert_error (&every, 2, "--every -1");
  cli_assert_error (&most, 2, "--most 0");
  cli_assert_error (&both, 2, "--zones and --boxes: one of them");
  cli_assert_error (&two, 2, "--boxes is there 1 time for 2 recordings");
  cli_assert_error (&zone, 1, "zone \"a\"");
  g_assert_cmpint (g_mkdir (other, 0755), ==, 0);
  g_assert_true (g_file_set_contents (table, "image_path,label\na.png,x\n", -1, NULL));
  g_auto (Result) foreign = cli_run ("crop", video, "--out", other, NULL);
  cli_assert_error (&foreign, 1, "crops.csv has no column \"video\"");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_setenv ("COWBEHAVIOR_PATH", g_getenv ("COW_DEMO_MODEL"), TRUE);
  folder = cli_folder ();
  video = g_build_filename (folder, "barn.mp4", NULL);
  cli_make_video (video, "mp4mux", "");
  g_test_add_func ("/crop/zones", test_zones);
  g_test_add_func ("/crop/most", test_most);
  g_test_add_func ("/crop/again", test_again);
  g_test_add_func ("/crop/killed", test_killed);
  g_test_add_func ("/crop/boxes", test_boxes);
  g_test_add_func ("/crop/bad-boxes", test_bad_boxes);
  g_test_add_func ("/crop/dataset", test_dataset);
  g_test_add_func ("/crop/not-a-picture", test_not_a_picture);
  g_test_add_func ("/crop/usage", test_usage);
  const int status = g_test_run ();
  cli_remove (folder);
  g_free (video);
  return status;
}
