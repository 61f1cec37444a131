/* SPDX-License-Identifier: MIT */
/* Cows in whole frames, from a COCO file to boxes: `train --detect` finds what is drawn, `eval`
 * counts as validation does, `predict` writes what others read. */
#include <glib/gstdio.h>
#include <math.h>
#include <vips/vips.h>

#include "model/adapter/card.h"
#include "model/files/json-object.h"
#include "model/network/detector-file.h"
#include "model/training/random.h"
#include "tests/trainer/drawn.h"
#include "tests/trainer/runs.h"
#include "trainer/data/frames-open.h"
#include "trainer/data/pictures.h"

#define WIDTH   128
#define HEIGHT  80
#define N_TRAIN 24
#define N_VAL   8

static char *folder, *base, *data, *told;

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Where cow `cow` of a frame is: in a column of its own, of a size of its own. */
static CowBounds
place (guint seed, int cow)
{
  const guint64 key = cow_random_key (seed, (guint64)cow);
  const double w = 22 + floor (12 * cow_random_unit (key, 0)),
               h = 18 + floor (14 * cow_random_unit (key, 1));

  return (CowBounds){ 42 * cow + floor ((42 - w) * cow_random_unit (key, 2)),
                      floor ((HEIGHT - h) * cow_random_unit (key, 3)), w, h };
}

/* One to three of them. */
static int
count (guint seed)
{
  return 1 + (int)(seed % 3);
}

static void
draw (const char *path, guint seed)
{
  g_autofree guint8 *rgb = g_malloc (3 * WIDTH * HEIGHT);

  for (gsize i = 0; i < 3 * WIDTH * HEIGHT; i++)
    rgb[i] = (guint8)(40 + 40 * cow_random_unit (seed, i));
  for (int cow = 0; cow < count (seed); cow++) {
    const CowBounds box = place (seed, cow);
    for (int y = (int)box.y; y < (int)(box.y + box.h); y++)
      for (int x = (int)box.x; x < (int)(box.x + box.w); x++)
        rgb[3 * (y * WIDTH + x) + cow % 3] = 230;
  }
  VipsImage *image =
      vips_image_new_from_memory (rgb, 3 * WIDTH * HEIGHT, WIDTH, HEIGHT, 3, VIPS_FORMAT_UCHAR);
  g_assert_nonnull (image);
  image->Type = VIPS_INTERPRETATION_sRGB;
  g_assert_cmpint (vips_image_write_to_file (image, path, NULL), ==, 0);
  g_object_unref (image);
}

/* A folder with n frames and their COCO file, where each cow does what her colour says (`tells`) or
 * is just a cow. */
static void
make_split (const char *set, const char *name, guint first, guint n, gboolean tells)
{
  static const char *const behaviours = "{\"id\":1,\"name\":\"Lying\"},{\"id\":2,\"name\":"
                                        "\"Standing\"},{\"id\":3,\"name\":\"Walking\"}";
  g_autofree char *split = g_build_filename (set, name, NULL),
                  *file = g_build_filename (split, "annotations.json", NULL);
  g_autoptr (GString) images = g_string_new (NULL), boxes = g_string_new (NULL);
  GError *error = NULL;
  guint id = 1;

  g_assert_cmpint (g_mkdir_with_parents (split, 0755), ==, 0);
  for (guint i = 0; i < n; i++) {
    g_autofree char *picture = g_strdup_printf ("%s/%03u.png", split, i);
    draw (picture, first + i);
    g_string_append_printf (images,
                            "%s{\"id\":%u,\"file_name\":\"%03u.png\",\"width\":%d,\"height\":%d}",
                            i > 0 ? "," : "", i + 1, i, WIDTH, HEIGHT);
    for (int cow = 0; cow < count (first + i); cow++, id++) {
      const CowBounds box = place (first + i, cow);
      g_string_append_printf (boxes,
                              "%s{\"id\":%u,\"image_id\":%u,\"category_id\":%d,\"iscrowd\":0,"
                              "\"area\":%g,\"bbox\":[%g,%g,%g,%g]}",
                              id > 1 ? "," : "", id, i + 1, tells ? 1 + cow % 3 : 1, box.w * box.h,
                              box.x, box.y, box.w, box.h);
    }
  }
  g_autofree char *text =
      g_strdup_printf ("{\"images\":[%s],\"annotations\":[%s],\"categories\":[%s]}", images->str,
                       boxes->str, tells ? behaviours : "{\"id\":1,\"name\":\"cow\"}");
  g_file_set_contents (file, text, -1, &error);
  g_assert_no_error (error);
}

/* ---- training -------------------------------------------------------------------------------- */

static Result
train (const char *recipe, const char *run, const char *epochs)
{
  return cli_run ("train", "--recipe", recipe, "--model", base, "--data", data, "--size", "128x80",
                  "--out", run, "--epochs", epochs, "--batch", "4", "--gradient-accumulation", "1",
                  "--learning-rate", "5e-3", "--detector-width", "32", NULL);
}

static const char *const recipes[] = { "detect-frozen", "detect-qlora", "detect-dora" };

/* Every recipe finds most of what it never saw. */
static void
test_learns (gconstpointer recipe)
{
  g_autofree char *run = in_folder (recipe), *best = g_build_filename (run, "best", NULL),
                  *head = g_build_filename (best, COW_DETECTOR_FILE, NULL);
  g_auto (Result) result = train (recipe, run, "12");

  runs_assert_ok (&result);
  cli_assert_says (result.out, "24 frames train (48 an epoch with augmented copies), 8 validate");
  cli_assert_says (result.out, "mAP50:95       rate  gradient    frames/s");
  g_assert_null (strstr (result.out, "pictures/s"));
  cli_assert_says (result.out, "--pictures drawn");
  g_assert_cmpfloat (runs_best (run, "val_map50"), >, .7);
  g_assert_cmpfloat (runs_best (run, "val_map"), >, .2);
  g_autoptr (CowCard) card = cow_card_read (best, NULL, NULL);
  g_assert_true (card->detects);
  g_assert_true (g_file_test (head, G_FILE_TEST_IS_REGULAR));
}

/* Twelve frames of 128 x 80 and a copy of each, two beside each other, with yellow boxes in every
 * line. */
static void
test_sheet (void)
{
  g_autofree char *run = in_folder ("detect-frozen"),
                  *path = g_build_filename (run, "contact-sheet.png", NULL);
  g_auto (Picture) sheet = { 0 };
  GError *error = NULL;

  picture_read (path, &sheet, &error);
  g_assert_no_error (error);
  g_assert_cmpint (sheet.width, >, 4 * WIDTH);
  g_assert_cmpint (sheet.width, <, 5 * WIDTH);
  g_assert_cmpint (sheet.height, >, 6 * HEIGHT);
  for (int line = 0; line < 6; line++) {
    const int top = sheet.height * line / 6, end = sheet.height * (line + 1) / 6;
    guint n = 0;
    for (int i = top * sheet.width; i < end * sheet.width; i++)
      n += sheet.rgb[3 * i] > 200 && ABS (sheet.rgb[3 * i + 1] - 196) < 20 &&
           sheet.rgb[3 * i + 2] < 60;
    g_assert_cmpuint (n, >, 100);
  }
}

static double
member (const char *path, const char *name)
{
  g_autoptr (JsonParser) parser = json_parser_new ();

  g_assert_true (json_parser_load_from_file (parser, path, NULL));
  return json_object_get_double_member (json_node_get_object (json_parser_get_root (parser)), name);
}

/* Frames of another shape than the network's keep theirs: `eval` still finds what validation found,
 * `predict` in px of the frame, and the card says how. */
static void
test_letterbox (void)
{
  g_autofree char *run = in_folder ("boxed"), *best = g_build_filename (run, "best", NULL),
                  *out = in_folder ("boxed-eval"),
                  *results = g_build_filename (out, "results.json", NULL);
  g_auto (Result) trained =
      cli_run ("train", "--recipe", "detect-qlora", "--model", base, "--data", data, "--size",
               "128x128", "--out", run, "--epochs", "12", "--batch", "4", "--gradient-accumulation",
               "1", "--learning-rate", "5e-3", "--detector-width", "32", NULL);
  g_auto (Result) eval = cli_run ("eval", "--adapter", best, "--out", out, "--split", "val", NULL);

  runs_assert_ok (&trained);
  runs_assert_ok (&eval);
  cli_assert_says (trained.err, "128x128 (--size), letterbox (the recipe), ");
  g_assert_cmpfloat (runs_best (run, "val_map50"), >, .7);
  g_assert_cmpfloat_with_epsilon (member (results, "map50_95"), runs_best (run, "val_map"), 1e-6);
  g_autoptr (CowCard) card = cow_card_read (best, NULL, NULL);
  g_assert_cmpint (card->preprocess.fit, ==, COW_LETTERBOX);
  g_autoptr (GBytes) page = runs_read (out, "report.html");
  g_autofree char *html = g_strndup (g_bytes_get_data (page, NULL), g_bytes_get_size (page));
  cli_assert_says (html, "viewBox=\"0.0 -24.0 128.0 128.0\"");
}

/* Also with --ema: what is judged and kept is the mean, and what goes on is not. */
static Result
train_averaged (const char *run, const char *hours)
{
  return cli_run ("train", "--recipe", "detect-qlora", "--model", base, "--data", data, "--size",
                  "128x80", "--out", run, "--epochs", "2", "--batch", "4",
                  "--gradient-accumulation", "1", "--learning-rate", "5e-3", "--detector-width",
                  "32", "--ema", "0.9", "--max-hours", hours, NULL);
}

/* A run that was stopped after a tenth of a second and goes on ends with the bytes of one that was
 * not. */
static void
test_resumes (void)
{
  g_autofree char *whole = in_folder ("whole"), *parts = in_folder ("parts"),
                  *plain = in_folder ("plain"), *out = in_folder ("averaged"),
                  *best = g_build_filename (whole, "best", NULL),
                  *results = g_build_filename (out, "results.json", NULL);
  g_auto (Result) first = train_averaged (whole, "0"), second = train_averaged (parts, "3e-5"),
                  third = cli_run ("train", "--resume", parts, "--max-hours", "0", NULL),
                  without = train ("detect-qlora", plain, "2"),
                  eval = cli_run ("eval", "--adapter", best, "--out", out, "--split", "val", NULL);

  runs_assert_ok (&first);
  runs_assert_ok (&second);
  runs_assert_ok (&third);
  runs_assert_ok (&without);
  runs_assert_ok (&eval);
  runs_assert_same (whole, parts, COW_HISTORY_BOXES);
  g_assert_cmpfloat_with_epsilon (member (results, "map50_95"), runs_best (whole, "val_map"), 1e-6);
  g_assert_cmpfloat (runs_best (whole, "val_loss"), !=, runs_best (plain, "val_loss"));
}

/* A run stands on the boxes that it began with. */
static void
test_moved (void)
{
  g_autofree char *run = in_folder ("moved"),
                  *file = g_build_filename (data, "train", "annotations.json", NULL),
                  *before = NULL;
  GError *error = NULL;
  g_auto (Result) first = train ("detect-frozen", run, "1");

  runs_assert_ok (&first);
  g_file_get_contents (file, &before, NULL, &error);
  g_assert_no_error (error);
  char *number = strstr (before, "\"bbox\":[") + strlen ("\"bbox\":[");
  g_autofree char *after =
      g_strdup_printf ("%.*s1%s", (int)(number - before), before, number); /* 1 before a digit */
  g_file_set_contents (file, after, -1, &error);
  g_assert_no_error (error);
  g_auto (Result) moved = cli_run ("train", "--resume", run, "--epochs", "2", NULL);
  g_file_set_contents (file, before, -1, &error);
  g_assert_no_error (error);
  g_assert_cmpint (moved.status, ==, 1);
  cli_assert_says (moved.err, "no longer those that the run began with");
  g_auto (Result) again = cli_run ("train", "--resume", run, "--epochs", "2", NULL);
  runs_assert_ok (&again);
}

/* ---- judging --------------------------------------------------------------------------------- */

/* `eval` of the run's own data gives what its validation gave, and keeps a threshold. */
static void
test_eval (void)
{
  static const char *const files[] = { "report.txt",
                                       "frames.csv",
                                       "found.json",
                                       "precision-recall.png",
                                       "scores.svg",
                                       "confusion.png",
                                       "average-precision.png",
                                       "learning-rate.svg" };
  g_autofree char *run = in_folder ("detect-frozen"), *best = g_build_filename (run, "best", NULL),
                  *out = in_folder ("eval"),
                  *results = g_build_filename (out, "results.json", NULL),
                  *found = g_build_filename (out, "found.json", NULL);
  g_auto (Result) result =
      cli_run ("eval", "--adapter", best, "--out", out, "--split", "val", "--save", NULL);
  g_autoptr (GError) error = NULL;

  runs_assert_ok (&result);
  cli_assert_says (result.out, "mAP50");
  cli_assert_says (result.out, "ghosts");
  cli_assert_says (result.out, "true, said:");
  cli_assert_says (result.out, "report.html");
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *path = g_build_filename (out, files[i], NULL);
    g_assert_true (g_file_test (path, G_FILE_TEST_IS_REGULAR));
  }
  g_autoptr (GBytes) page = runs_read (out, "report.html");
  g_autofree char *html = g_strndup (g_bytes_get_data (page, NULL), g_bytes_get_size (page));
  cli_assert_says (html, "How well cows are found");
  cli_assert_says (html, "<h2>Training</h2>");
  g_assert_cmpfloat_with_epsilon (member (results, "map50_95"), runs_best (run, "val_map"), 1e-6);
  /* The boxes open as frames again. */
  CowFramesOptions options = COW_FRAMES_OPTIONS_DEFAULT;
  options.set.data = g_strdup (found);
  g_autoptr (CowFrames) frames = cow_frames_open (&options, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (frames->frames->len, ==, N_VAL);
  cow_dataset_options_clear (&options.set);
  g_autoptr (CowCard) card = cow_card_read (best, NULL, NULL);
  g_assert_nonnull (cow_card_get_member (card, "evaluation"));
}

/* What training frames and pictures have to be said of is said, and is on the page. */
static void
test_eval_says (void)
{
  g_autofree char *adapter = in_folder ("detect-frozen/best"), *out = in_folder ("eval-train"),
                  *flat = g_build_filename (data, "train", "000.png", NULL), *kept = NULL;
  VipsImage *black = NULL;
  gsize n;

  g_assert_true (g_file_get_contents (flat, &kept, &n, NULL));
  g_assert_cmpint (vips_black (&black, WIDTH, HEIGHT, "bands", 3, NULL), ==, 0);
  g_assert_cmpint (vips_image_write_to_file (black, flat, NULL), ==, 0);
  g_object_unref (black);
  g_auto (Result) result =
      cli_run ("eval", "--adapter", adapter, "--out", out, "--split", "train", NULL);
  g_assert_true (g_file_set_contents (flat, kept, (gssize)n, NULL));
  runs_assert_ok (&result);
  cli_assert_says (result.err, "these are training frames: results look better than they are");
  cli_assert_says (result.err, "000.png: nearly all values are");
  g_autoptr (GBytes) page = runs_read (out, "report.html");
  g_autofree char *html = g_strndup (g_bytes_get_data (page, NULL), g_bytes_get_size (page));
  cli_assert_says (html, "<li>these are training frames");
  cli_assert_says (html, "000.png: nearly all values are");
  cli_assert_says (html, "<rect class=");
}

/* Rows are the picture's px, and pictures are drawn. */
static void
test_predict (void)
{
  g_autofree char *adapter = in_folder ("detect-frozen"),
                  *val = g_build_filename (data, "val", NULL), *csv = in_folder ("found.csv"),
                  *drawn = in_folder ("drawn"),
                  *picture = g_build_filename (drawn, "000.jpg", NULL), *text = NULL;
  g_auto (Result) result = cli_run ("predict", val, "--adapter", adapter, "--model", base, "--out",
                                    csv, "--pictures", drawn, NULL);
  g_auto (Picture) shown = { 0 };
  GError *error = NULL;
  guint n_good = 0, n_rows = 0;

  runs_assert_ok (&result);
  g_assert_true (g_file_get_contents (csv, &text, NULL, &error));
  g_auto (GStrv) lines = g_strsplit (g_strchomp (text), "\n", -1);
  g_assert_cmpstr (lines[0], ==, "image_path,x,y,width,height,score");
  for (char **line = lines + 1; *line; line++, n_rows++) {
    g_auto (GStrv) fields = g_strsplit (*line, ",", -1);
    g_autofree char *name = g_path_get_basename (fields[0]);
    const guint seed = 1000 + (guint)g_ascii_strtoull (name, NULL, 10);
    const CowBounds box = { g_ascii_strtod (fields[1], NULL), g_ascii_strtod (fields[2], NULL),
                            g_ascii_strtod (fields[3], NULL), g_ascii_strtod (fields[4], NULL) };
    double most = 0;
    for (int cow = 0; cow < count (seed); cow++) {
      const CowBounds there = place (seed, cow);
      most = MAX (most, cow_bounds_iou (&box, &there));
    }
    n_good += most > .5;
  }
  g_assert_cmpuint (n_rows, >=, N_VAL);
  g_assert_cmpuint (n_good, >, n_rows * 2 / 3);
  picture_read (picture, &shown, &error);
  g_assert_no_error (error);
  g_assert_cmpint (shown.width, ==, WIDTH);
}

/* ---- recordings ------------------------------------------------------------------------------ */

static char *
read_text (const char *path)
{
  char *text;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

/* Ten seconds of 25 frames: every other second has rows, with its time, and a picture. */
static void
test_video (void)
{
  g_autofree char *adapter = in_folder ("detect-frozen"), *video = in_folder ("barn.mp4"),
                  *csv = in_folder ("video.csv"), *drawn = in_folder ("drawn-video"),
                  *coco = in_folder ("video.json"), *picture = in_folder ("frames/val/000.png");
  g_autofree char *last = g_build_filename (drawn, "barn-00008.000.jpg", NULL);
  g_auto (Picture) shown = { 0 };
  GError *error = NULL;

  cli_make_video (video, "mp4mux", "");
  g_auto (Result) result =
      cli_run ("predict", picture, video, "--adapter", adapter, "--model", base, "--out", csv,
               "--every", "2", "--score", "0.001", "--pictures", drawn, NULL);
  runs_assert_ok (&result);
  cli_assert_says (result.err, "in 1 picture and 5 frames of 1 recording\n");
  g_autofree char *text = read_text (csv);
  cli_assert_says (text, "image_path,time,x,y,width,height,score\n");
  cli_assert_says (text, "val/000.png,,");
  for (guint i = 0; i < 10; i += 2) {
    g_autofree char *row = g_strdup_printf ("barn.mp4,%u.000,", i);
    cli_assert_says (text, row);
  }
  picture_read (last, &shown, &error);
  g_assert_no_error (error);
  g_assert_cmpint (shown.width, ==, 128);
  g_assert_cmpint (shown.height, ==, 96);

  g_auto (Result) as_coco = cli_run ("predict", video, "--adapter", adapter, "--model", base,
                                     "--out", coco, "--every", "5", "--score", "0.001", NULL);
  runs_assert_ok (&as_coco);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_assert_true (json_parser_load_from_file (parser, coco, NULL));
  JsonArray *images =
      json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), "images");
  g_assert_cmpuint (json_array_get_length (images), ==, 2);
  g_assert_cmpfloat (
      json_object_get_double_member (json_array_get_object_element (images, 1), "time"), ==, 5);
  g_auto (Result) lines = cli_run ("predict", video, "--adapter", adapter, "--model", base,
                                   "--format", "jsonl", "--score", "0.001", NULL);
  cli_assert_says (lines.out, "barn.mp4\",\"time\":9.000,\"bbox\":[");
}

/* Rows until where a recording breaks off. */
static void
test_video_broken (void)
{
  g_autofree char *adapter = in_folder ("detect-frozen"), *broken = in_folder ("broken.mp4"),
                  *video = in_folder ("barn.mp4"), *bytes = NULL;
  gsize n;

  g_assert_true (g_file_get_contents (video, &bytes, &n, NULL));
  memset (bytes + n / 4, 0, n / 8);
  g_assert_true (g_file_set_contents (broken, bytes, (gssize)n / 2, NULL));
  g_auto (Result) result = cli_run ("predict", broken, "--adapter", adapter, "--model", base, NULL);
  g_assert_cmpint (result.status, ==, 1);
  cli_assert_says (result.err, "1 of 1 recording could not be played to the end");
}

/* ---- what does not fit ----------------------------------------------------------------------- */

static void
test_refused (void)
{
  g_autofree char *run = in_folder ("refused"), *adapter = in_folder ("detect-frozen"),
                  *out = in_folder ("none");
  g_auto (Result) frozen = cli_run ("train", "--recipe", "frozen", "--detect", "--model", base,
                                    "--data", data, "--out", run, NULL);
  g_auto (Result) stride = cli_run ("train", "--recipe", "detect-frozen", "--detector-stride", "5",
                                    "--model", base, "--data", data, "--out", run, NULL);
  g_auto (Result) kind = cli_run ("train", "--recipe", "detect-frozen", "--detect=no", NULL);
  g_auto (Result) features =
      cli_run ("features", data, "--model", base, "--adapter", adapter, "--out", out, NULL);
  g_auto (Result) against =
      cli_run ("eval", "--adapter", adapter, "--against", adapter, "--out", out, NULL);
  g_auto (Result) zones =
      cli_run ("predict", data, "--adapter", adapter, "--zones", "a=0,0,1,1", NULL);

  g_auto (Result) info = cli_run ("info", adapter, NULL);

  cli_assert_says (info.out, "cows in whole frames");
  cli_assert_says (info.out, "frozen-tokens");
  cli_assert_error (&frozen, 2, "--recipe detect-frozen is expected");
  cli_assert_says (stride.err, "cells of 5 px do not divide a token's 16 px");
  g_assert_cmpint (kind.status, ==, 2);
  cli_assert_says (features.err, "finds cows in whole frames");
  cli_assert_error (&against, 2, "--against");
  cli_assert_error (&zones, 2, "--zones");
  g_auto (Result) every =
      cli_run ("predict", data, "--adapter", adapter, "--every", "3", "--model", base, NULL);
  cli_assert_error (&every, 2, "--every is of recordings, and none is given");
}

/* ---- what cows do ---------------------------------------------------------------------------- */

/* Boxes that say what cows do teach it, and the adapter says so. */
static void
test_tells (void)
{
  static const char *const behaviours[] = { "Lying", "Standing", "Walking", NULL };
  g_autofree char *run = in_folder ("tells"), *best = g_build_filename (run, "best", NULL);
  g_auto (Result) result =
      cli_run ("train", "--recipe", "detect-qlora", "--model", base, "--data", told, "--size",
               "128x80", "--out", run, "--epochs", "12", "--batch", "4", "--gradient-accumulation",
               "1", "--learning-rate", "5e-3", "--detector-width", "32", NULL);
  g_auto (Result) info = cli_run ("info", best, NULL);

  runs_assert_ok (&result);
  cli_assert_says (result.out, "cows in all of them, 6");
  cli_assert_says (result.out, " with one of 3 behaviours\n");
  g_autoptr (CowCard) card = cow_card_read (best, NULL, NULL);
  g_assert_true (g_strv_equal ((const char *const *)card->behaviours, behaviours));
  cli_assert_says (info.out, "cows in whole frames, and what they do");
  cli_assert_says (info.out, "Lying, Standing, Walking");
}

/* The object of a results.json; json_object_unref. */
static JsonObject *
results_of (const char *out)
{
  g_autofree char *path = g_build_filename (out, "results.json", NULL);
  g_autoptr (GError) error = NULL;
  JsonObject *object = cow_json_read_object (path, &error);

  g_assert_no_error (error);
  return object;
}

static gint64
entry (JsonArray *array, guint i)
{
  return json_array_get_int_element (array, i);
}

/* All numbers of the confusion are those of the cows; the card keeps the accuracy. */
static void
test_eval_tells (void)
{
  g_autofree char *best = in_folder ("tells/best"), *out = in_folder ("tells-eval");
  g_auto (Result) result =
      cli_run ("eval", "--adapter", best, "--out", out, "--split", "val", "--save", NULL);

  runs_assert_ok (&result);
  cli_assert_says (result.out, "What the cows do that are found: ");
  cli_assert_says (result.out, "macro F1");
  g_autoptr (JsonObject) object = results_of (out);
  JsonObject *behaviours = json_object_get_object_member (object, "behaviours");
  JsonArray *rows = json_object_get_array_member (behaviours, "confusion"),
            *missed = json_object_get_array_member (behaviours, "missed");
  gint64 right = 0, found = 0, cows = 0;
  for (guint i = 0; i < 3; i++) {
    JsonArray *row = json_array_get_array_element (rows, i);
    right += entry (row, i);
    found += entry (row, 0) + entry (row, 1) + entry (row, 2);
    cows += entry (missed, i);
  }
  g_assert_cmpint (cows + found, ==, json_object_get_int_member (object, "cows"));
  const double accuracy = json_object_get_double_member (object, "behaviour_accuracy");
  g_assert_cmpfloat_with_epsilon (accuracy, (double)right / (double)found, 1e-9);
  g_assert_cmpfloat (accuracy, >, .8);
  g_autoptr (CowCard) card = cow_card_read (best, NULL, NULL);
  JsonObject *kept = json_node_get_object (cow_card_get_member (card, "evaluation"));
  g_assert_cmpfloat (json_object_get_double_member (kept, "behaviour_accuracy"), ==, accuracy);
  g_autoptr (GBytes) page = runs_read (out, "report.html");
  g_autofree char *html = g_strndup (g_bytes_get_data (page, NULL), g_bytes_get_size (page));
  cli_assert_says (html, "<h2>What they do</h2>");
  g_autofree char *figure = g_build_filename (out, "behaviours.png", NULL);
  g_assert_true (g_file_test (figure, G_FILE_TEST_IS_REGULAR));
}

/* Frames that do not say what cows do, or have other names for it, are said. */
static void
test_eval_others (void)
{
  g_autofree char *best = in_folder ("tells/best"), *out = in_folder ("tells-others"),
                  *set = in_folder ("others"),
                  *file = g_build_filename (set, "val", "annotations.json", NULL), *text = NULL;
  g_auto (Result) plain =
      cli_run ("eval", "--adapter", best, "--out", out, "--split", "val", "--data", data, NULL);

  runs_assert_ok (&plain);
  cli_assert_says (plain.err, "these frames do not say it");
  g_assert_null (strstr (plain.out, "macro F1"));
  make_split (set, "val", 1000, N_VAL, TRUE);
  text = read_text (file);
  g_autoptr (GString) other = g_string_new (text);
  g_string_replace (other, "\"Lying\"", "\"lying\"", 0);
  g_string_replace (other, "\"Walking\"", "\"Trotting\"", 0);
  g_assert_true (g_file_set_contents (file, other->str, -1, NULL));
  g_auto (Result) result =
      cli_run ("eval", "--adapter", best, "--out", out, "--split", "val", "--data", set, NULL);
  runs_assert_ok (&result);
  cli_assert_says (result.err, "that the adapter does not tell: Trotting; ");
  g_autoptr (JsonObject) object = results_of (out);
  JsonObject *behaviours = json_object_get_object_member (object, "behaviours");
  JsonArray *rows = json_object_get_array_member (behaviours, "confusion");
  g_assert_cmpuint (json_array_get_length (rows), ==, 4);
  /* Names that differ in case are one. */
  g_assert_cmpint (entry (json_array_get_array_element (rows, 0), 0), >, 0);
  g_assert_cmpint (entry (json_array_get_array_element (rows, 3), 3), ==, 0);
}

/* Rows say what each cow does, and files open as frames with behaviours. */
static void
test_predict_tells (void)
{
  g_autofree char *best = in_folder ("tells/best"), *csv = in_folder ("tells.csv"),
                  *coco = in_folder ("tells.json"), *drawn = in_folder ("tells-drawn"),
                  *val = g_build_filename (told, "val", NULL),
                  *picture = g_build_filename (drawn, "000.jpg", NULL);
  g_auto (Result) rows =
      cli_run ("predict", val, "--adapter", best, "--out", csv, "--pictures", drawn, NULL);
  g_auto (Result) file = cli_run ("predict", val, "--adapter", best, "--out", coco, NULL);
  g_auto (Result) table = cli_run ("predict", val, "--adapter", best, "--format", "table", NULL);
  g_auto (Result) lines = cli_run ("predict", val, "--adapter", best, "--format", "jsonl", NULL);
  g_auto (Picture) shown = { 0 };
  GError *error = NULL;
  guint n = 0;

  runs_assert_ok (&rows);
  runs_assert_ok (&file);
  g_autofree char *text = read_text (csv);
  g_auto (GStrv) csv_rows = g_strsplit (g_strchomp (text), "\n", -1);
  g_assert_cmpstr (csv_rows[0], ==,
                   "image_path,x,y,width,height,score,pred_label,confidence,Lying,Standing,"
                   "Walking");
  for (char **row = csv_rows + 1; *row; row++, n++) {
    g_auto (GStrv) fields = g_strsplit (*row, ",", -1);
    double sum = 0, most = 0;
    g_assert_cmpuint (g_strv_length (fields), ==, 11);
    for (guint c = 8; c < 11; c++) {
      sum += g_ascii_strtod (fields[c], NULL);
      most = MAX (most, g_ascii_strtod (fields[c], NULL));
    }
    g_assert_cmpfloat_with_epsilon (sum, 1, 1e-4);
    g_assert_cmpfloat (g_ascii_strtod (fields[7], NULL), ==, most);
  }
  g_assert_cmpuint (n, >=, N_VAL);
  cli_assert_says (table.out, "score  confidence  label\n");
  cli_assert_says (lines.out, ",\"pred_label\":\"");
  cli_assert_says (lines.out, ",\"probabilities\":{\"Lying\":");
  picture_read (picture, &shown, &error);
  g_assert_no_error (error);
  CowFramesOptions options = COW_FRAMES_OPTIONS_DEFAULT;
  options.set.data = g_strdup (coco);
  options.images = g_strdup (val);
  g_autoptr (CowFrames) frames = cow_frames_open (&options, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (frames->n_classes, ==, 3);
  g_assert_cmpuint (frames->boxes->len, ==, n);
  cow_frames_options_clear (&options);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_true (pictures_start (NULL));
  folder = cli_folder ();
  base = drawn_base (folder);
  data = in_folder ("frames");
  told = in_folder ("told");
  make_split (data, "train", 1, N_TRAIN, FALSE);
  make_split (data, "val", 1000, N_VAL, FALSE);
  make_split (told, "train", 1, N_TRAIN, TRUE);
  make_split (told, "val", 1000, N_VAL, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (recipes); i++) {
    g_autofree char *learns = g_strconcat ("/detect/learns/", recipes[i], NULL);
    g_test_add_data_func (learns, recipes[i], test_learns);
  }
  g_test_add_func ("/detect/letterbox", test_letterbox);
  g_test_add_func ("/detect/resumes", test_resumes);
  g_test_add_func ("/detect/moved", test_moved);
  g_test_add_func ("/detect/then/sheet", test_sheet);
  g_test_add_func ("/detect/then/eval", test_eval);
  g_test_add_func ("/detect/then/eval-says", test_eval_says);
  g_test_add_func ("/detect/then/predict", test_predict);
  g_test_add_func ("/detect/then/video", test_video);
  g_test_add_func ("/detect/then/video-broken", test_video_broken);
  g_test_add_func ("/detect/then/refused", test_refused);
  g_test_add_func ("/detect/tells/learns", test_tells);
  g_test_add_func ("/detect/tells/then/eval", test_eval_tells);
  g_test_add_func ("/detect/tells/then/eval-others", test_eval_others);
  g_test_add_func ("/detect/tells/then/predict", test_predict_tells);
  const int status = g_test_run ();
  cli_remove (folder);
  return status;
}
