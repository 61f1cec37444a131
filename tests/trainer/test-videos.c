/* SPDX-License-Identifier: MIT */
/* Recordings in `predict`, `eval` and `crop --bouts`: the numbers of a part of a frame are those of
 * the picture that `crop` makes of it, pictures follow the bouts, and what does not fit is said. */
#include <glib/gstdio.h>
#include <gst/gst.h>

#include "tests/trainer/cli.h"
#include "trainer/data/crop-table.h"

/* Red and blue differ, so that one is not taken for the other. */
#define COLOURS "foreground-color=0xffff6020 background-color=0xff104080"
#define ZONES   "left=0,0,0.5,1; a/b=0.5,0.5,0.25,0.5"

static char *folder, *video, *model, *adapter; /* 10 s of 128 x 96, 25 a second */

static char *
make_file (const char *name, const char *text)
{
  char *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static char *
read_file (const char *path)
{
  char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    g_error ("%s cannot be read", path);
  return text;
}

#define NETWORK "--model", model, "--adapter", adapter

/* ---- predict --------------------------------------------------------------------------------- */

/* What is behind the n-th comma. */
static const char *
behind (const char *line, guint n)
{
  for (; n > 0; n--)
    line = strchr (line, ',') + 1;
  return line;
}

/* Label and probabilities of each zone and time are those of the picture of `crop`. */
static void
test_predict (void)
{
  g_autofree char *crops = in_folder ("predicted");
  g_auto (Result)
      cut = cli_run ("crop", video, "--zones", ZONES, "--every=2", "--out", crops, NULL),
      of_video =
          cli_run ("predict", video, NETWORK, "--zones", ZONES, "--every=2", "--batch=3", NULL);
  g_autoptr (CowCropTable) table = cow_crop_table_open (crops, NULL);
  g_auto (GStrv) rows = g_strsplit (of_video.out, "\n", -1);

  cli_assert_ok (&cut);
  cli_assert_ok (&of_video);
  cli_assert_says (rows[0], "image_path,time,zone,track,pred_label,confidence,Drinking,");
  g_assert_cmpuint (g_strv_length (rows), ==, 1 + 10 + 1);
  for (guint i = 0; i < 10; i++) {
    g_autofree char *path =
        g_build_filename (crops, cow_crop_table_get (table, i, COW_CROP_PATH), NULL);
    g_autofree char *begin =
        g_strdup_printf ("%s,%s,%s,,", video, cow_crop_table_get (table, i, COW_CROP_TIME),
                         cow_crop_table_get (table, i, COW_CROP_ZONE));
    g_auto (Result) of_picture = cli_run ("predict", path, NETWORK, NULL);
    const char *row = strchr (of_picture.out, '\n') + 1;
    g_autofree char *expected = g_strndup (behind (row, 1), strcspn (behind (row, 1), "\n"));

    g_assert_true (g_str_has_prefix (rows[1 + i], begin));
    g_assert_cmpstr (behind (rows[1 + i], 4), ==, expected);
  }
}

/* Beside pictures, and in a container without a picture's or MP4's first bytes. */
static void
test_mixed (void)
{
  g_autofree char *stream = in_folder ("stream"), *picture = in_folder ("a.png");

  cli_make_video (stream, "mpegtsmux", COLOURS);
  cli_make_picture (folder, "a.png", 40, 30, 1);
  g_auto (Result) json =
      cli_run ("predict", stream, picture, NETWORK, "--format=jsonl", "--every=5", NULL);
  g_auto (Result) table = cli_run ("predict", stream, NETWORK, "--format=table", NULL);
  g_auto (GStrv) rows = g_strsplit (json.out, "\n", -1), lines = g_strsplit (table.out, "\n", -1);

  cli_assert_ok (&json);
  cli_assert_ok (&table);
  g_assert_cmpuint (g_strv_length (rows), ==, 3 + 1);
  cli_assert_says (rows[0], "a.png\", \"pred_label\"");
  cli_assert_says (rows[1], "stream\", \"time\": 0.");
  cli_assert_says (rows[2], "stream\", \"time\": 5.");
  cli_assert_says (lines[0], "picture");
  g_assert_cmpuint (g_strv_length (lines), ==, 1 + 10 + 1); /* one a second */
}

/* Rows of what was decoded before a recording broke are there, and of the next recording. */
static void
test_broken (void)
{
  g_autofree char *cut = in_folder ("cut.ts"), *whole = in_folder ("whole.ts"), *bytes = NULL;
  gsize n;

  cli_make_video (whole, "mpegtsmux", COLOURS);
  g_assert_true (g_file_get_contents (video, &bytes, &n, NULL));
  g_assert_true (g_file_set_contents (cut, bytes, 600, NULL)); /* of an MP4, without its index */
  g_auto (Result) result = cli_run ("predict", cut, whole, NETWORK, "--every=5", NULL);

  g_assert_cmpint (result.status, ==, 1);
  cli_assert_says (result.out, "whole.ts,5.");
  cli_assert_says (result.err, "cut.ts: ");
  cli_assert_says (result.err, "1 of 2 recordings could not be played to the end");
}

/* ---- bouts ----------------------------------------------------------------------------------- */

#define BOUTS                                                                                      \
  "source,zone,track,label,start,end\n"                                                            \
  "barn.mp4,left,,Lying,0,3.5\n"                                                                   \
  "barn.mp4,left,,leap,3.5,3.9\n"                                                                  \
  "barn.mp4,left,,Standing,4.0,10\n"                                                               \
  "barn.mp4,a/b,,Lying,2,8.04\n"                                                                   \
  "barn.mp4,a/b,,,9,10\n"                                                                          \
  "barn.mp4,a/b,,Walking,30,40\n"                                                                  \
  "other.mp4,,,Walking,30,40\n"

/* The labels of a subject with their times, "Lying 0.520, ...". */
static char *
labels_of (const CowCropTable *table, const char *zone)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < cow_crop_table_n_rows (table); i++)
    if (g_str_equal (cow_crop_table_get (table, i, COW_CROP_ZONE), zone))
      g_string_append_printf (text, "%s%s %s", text->len > 0 ? ", " : "",
                              cow_crop_table_get (table, i, COW_CROP_LABEL),
                              cow_crop_table_get (table, i, COW_CROP_TIME));
  return g_string_free (text, FALSE);
}

/* A picture of each bout, of a short one its middle; none outside of bouts. */
static void
test_bouts (void)
{
  g_autofree char *scored = make_file ("scored.csv", BOUTS), *out = in_folder ("scored");
  g_auto (Result) result =
      cli_run ("crop", video, "--bouts", scored, "--zones", ZONES, "--every=2", "--out", out, NULL),
                  again = cli_run ("crop", video, "--bouts", scored, "--zones", ZONES, "--every=2",
                                   "--out", out, NULL);
  g_autoptr (CowCropTable) table = cow_crop_table_open (out, NULL);
  g_autofree char *left = labels_of (table, "left"), *right = labels_of (table, "a/b");

  g_assert_cmpint (result.status, ==, 0);
  g_assert_cmpstr (left, ==,
                   "Lying 1.000, Lying 3.000, leap 3.720, Standing 5.000, Standing 7.000, Standing "
                   "9.000");
  g_assert_cmpstr (right, ==, "Lying 3.000, Lying 5.000, Lying 7.000");
  cli_assert_says (result.err, "5 rows with a label for barn.mp4; 1 without one left out");
  cli_assert_says (result.err, "scored.csv: 1 row is of recordings that are not given");
  cli_assert_says (result.err, "1 of 5 rows of ");
  cli_assert_says (result.err, "gave no picture, first line 7 (\"Walking\" from 30.000 s on)");
  cli_assert_says (again.out, "0 pictures, one in 2 s of each zone; 9 were there already");
}

/* Pictures that are there already get the label of their bout, and keep the one that they have; a
 * moment has one picture, the first from then on. */
static void
test_bouts_later (void)
{
  g_autofree char *scored = make_file ("later.csv", "label,time\nLying,2.01\nWalking,4\n"),
                  *out = in_folder ("later");
  g_auto (Result) first = cli_run ("crop", video, "--every=4", "--out", out, NULL);
  g_autoptr (CowCropTable) before = cow_crop_table_open (out, NULL);

  cow_crop_table_set_label (before, 0, "Drinking");
  g_assert_true (cow_crop_table_save (before, NULL));
  g_auto (Result) later =
      cli_run ("crop", video, "--bouts", scored, "--every=4", "--out", out, NULL);
  g_autoptr (CowCropTable) table = cow_crop_table_open (out, NULL);
  g_autofree char *labels = labels_of (table, "");

  g_assert_cmpint (later.status, ==, 0);
  g_assert_cmpstr (labels, ==, "Drinking 0.000, Walking 4.000,  8.000, Lying 2.040");
  cli_assert_says (later.out, "1 picture, one in 4 s; 3 were there already, 1 of them got a label");
}

static void
refuse (const char *text, const char *expected)
{
  g_autofree char *path = make_file ("refused.csv", text), *out = in_folder ("refused");
  g_auto (Result) result = cli_run ("crop", video, "--bouts", path, "--out", out, NULL);

  cli_assert_error (&result, 1, expected);
}

static void
test_bad_bouts (void)
{
  refuse ("start,end\n0,1\n", "label");
  refuse ("label,start\nLying,0\n", "end");
  refuse ("label,start,end\nLying,0,x\n",
          "refused.csv:2: end \"x\"; seconds as 12.34 are expected");
  refuse ("label,start,end\nLying,3,1\n", "refused.csv:2: it ends before it starts");
  refuse ("label,start,end\nLying,0,3\nWalking,2,4\n",
          "\"Lying\" of line 2 and \"Walking\" of line 3 are at the same time");
  refuse ("label,start,end,video\nLying,0,3,dir/other.mp4\n",
          "no row has a label for barn.mp4; its rows are about other.mp4");
  refuse ("label,start,end,zone\nLying,0,3,bed\n",
          "zone \"bed\": --zones does not say where it is");
  refuse ("label,start,end,track\nLying,0,3,7\n", "track \"7\": --boxes FILE says where it is");
}

/* ---- eval ------------------------------------------------------------------------------------ */

/* The numbers are those of `crop` and `eval` of its folder, also when an earlier run judged other
 * pictures there. */
static void
test_eval (void)
{
  g_autofree char *scored = make_file ("judged.csv", BOUTS), *crops = in_folder ("judged"),
                  *out = in_folder ("eval"), *out_crops = in_folder ("eval-crops"),
                  *name = g_build_filename (out, "predictions.csv", NULL),
                  *name_crops = g_build_filename (out_crops, "predictions.csv", NULL);
  g_auto (Result) other = cli_run ("eval", video, "--bouts", scored, "--zones", ZONES, "--every=3",
                                   NETWORK, "--out", out, NULL),
                  judged = cli_run ("eval", video, "--bouts", scored, "--zones", ZONES, "--every=1",
                                    NETWORK, "--out", out, NULL),
                  cut = cli_run ("crop", video, "--bouts", scored, "--zones", ZONES, "--every=1",
                                 "--out", crops, NULL),
                  of_crops = cli_run ("eval", "--data", crops, NETWORK, "--out", out_crops, NULL);

  g_assert_cmpint (other.status, ==, 0);
  g_assert_cmpint (judged.status, ==, 0);
  g_assert_cmpint (of_crops.status, ==, 0);
  g_autofree char *rows = read_file (name), *rows_crops = read_file (name_crops);
  g_auto (GStrv) own = g_strsplit (rows, "\n", -1), expected = g_strsplit (rows_crops, "\n", -1);
  g_assert_cmpuint (g_strv_length (own), ==, 1 + 16 + 1);
  g_assert_cmpuint (g_strv_length (expected), ==, 1 + 16 + 1);
  for (guint i = 1; i <= 16; i++) {
    g_assert_nonnull (strstr (own[i], "/recordings/crops/barn/"));
    g_assert_cmpstr (behind (own[i], 1), ==, behind (expected[i], 1));
  }
}

static void
test_usage (void)
{
  g_autofree char *strange = make_file ("strange.csv", "label,start,end\nDancing,0,3\n"),
                  *out = in_folder ("usage"), *picture = in_folder ("usage.png");

  cli_make_picture (folder, "usage.png", 40, 30, 1);
  g_auto (Result) no_bouts = cli_run ("eval", video, NETWORK, "--out", out, NULL),
                  no_video = cli_run ("eval", "--bouts", strange, NETWORK, "--out", out, NULL),
                  both = cli_run ("eval", video, "--bouts", strange, "--data", folder, NETWORK,
                                  "--out", out, NULL),
                  label = cli_run ("eval", video, "--bouts", strange, NETWORK, "--out", out, NULL),
                  zones = cli_run ("predict", picture, "--zones", ZONES, NETWORK, NULL),
                  every = cli_run ("predict", picture, "--every=3", NETWORK, NULL),
                  absent = cli_run ("predict", "no-such.mp4", "--every=3", NETWORK, NULL);

  cli_assert_error (&no_bouts, 2, "--bouts is missing");
  cli_assert_error (&no_video, 2, "--bouts is of recordings, and none is given");
  cli_assert_error (&both, 2, "recordings and --data: one of them is expected");
  g_assert_cmpint (label.status, ==, 1);
  cli_assert_says (label.err, "strange.csv:2: \"Dancing\" is no class of the adapter");
  cli_assert_error (&zones, 2, "--zones is of recordings, and none is given");
  cli_assert_error (&absent, 1, "no-such.mp4 does not exist");
  cli_assert_error (&every, 2, "--every is of recordings, and none is given");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (NULL, NULL);
  folder = cli_folder ();
  video = in_folder ("barn.mp4");
  model = g_build_filename (g_getenv ("COW_DEMO_MODEL"), "drawn-cows", NULL);
  adapter = g_build_filename (g_getenv ("COW_DEMO_MODEL"), "drawn-cows-day", NULL);
  cli_make_video (video, "mp4mux", COLOURS);
  g_test_add_func ("/videos/predict", test_predict);
  g_test_add_func ("/videos/mixed", test_mixed);
  g_test_add_func ("/videos/broken", test_broken);
  g_test_add_func ("/videos/bouts", test_bouts);
  g_test_add_func ("/videos/bouts-later", test_bouts_later);
  g_test_add_func ("/videos/bad-bouts", test_bad_bouts);
  g_test_add_func ("/videos/eval", test_eval);
  g_test_add_func ("/videos/usage", test_usage);
  const int status = g_test_run ();
  g_free (video);
  g_free (model);
  g_free (adapter);
  cli_remove (folder);
  return status;
}
