/* SPDX-License-Identifier: MIT */
/* `train` on a small base: every recipe learns drawn pictures, and its run folder is complete. */
#include <string.h>
#include <vips/vips.h>

#include "model/adapter/card.h"
#include "model/adapter/kept-pictures.h"
#include "tests/trainer/drawn.h"
#include "tests/trainer/runs.h"
#include "trainer/data/pictures.h"

#define N_TEST 6 /* held-out pictures of each class */

static char *folder, *base, *data, *test_data, *cache;

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* Runs a recipe with settings that let it learn in a few seconds. */
static Result
train (const char *recipe, const char *out, gboolean based)
{
  return cli_run ("train", "--recipe", recipe, "--data", data, "--out", out, "--cache", cache,
                  "--size", "32", "--batch", "4", "--gradient-accumulation", "1", "--learning-rate",
                  "3e-3", "--head-dropout", "0", "--epochs", "5", "--patience", "0",
                  based ? "--model" : "--workers", based ? base : "2", NULL);
}

static void
assert_file (const char *run, const char *name, gboolean exists)
{
  g_autofree char *path = g_build_filename (run, name, NULL);
  if (g_file_test (path, G_FILE_TEST_EXISTS) != exists)
    g_error ("%s is %s", path, exists ? "missing" : "there");
}

/* ---- recipes --------------------------------------------------------------------------------- */

/* Chance is a third; a recipe that learns gets nearly all right. */
static void
test_adapter (gconstpointer name)
{
  g_autofree char *out = in_folder (name), *best = g_build_filename (out, "best", NULL);
  g_auto (Result) result = train (name, out, TRUE);

  runs_assert_ok (&result);
  g_assert_cmpuint (runs_count_right (base, best, test_data), >=, DRAWN_N_CLASSES * N_TEST * 3 / 4);
  assert_file (out, "best/adapter_model.safetensors", !g_str_equal (name, "frozen"));
  assert_file (out, "best/classifier.safetensors", TRUE);
}

static void
test_dinov3 (void)
{
  g_autofree char *out = in_folder ("dinov3"), *best = g_build_filename (out, "best", NULL);
  g_auto (Result) result = train ("dinov3-scratch", out, FALSE);

  runs_assert_ok (&result);
  assert_file (out, "best/model.safetensors", TRUE);
  assert_file (out, "best/config.json", TRUE);
  g_assert_cmpuint (runs_count_right (NULL, best, test_data), >=, DRAWN_N_CLASSES * N_TEST * 3 / 4);
}

/* ---- what is said of pictures ---------------------------------------------------------------- */

/* Writes FOLDER/SPLIT/Standing/NAME, in which nothing is to be seen. */
static void
write_black (const char *place, const char *split, const char *name)
{
  g_autofree char *path = g_build_filename (place, split, "Standing", name, NULL);
  VipsImage *black = NULL;

  g_assert_cmpint (vips_black (&black, 64, 64, "bands", 3, NULL), ==, 0);
  g_assert_cmpint (vips_image_write_to_file (black, path, NULL), ==, 0);
  g_object_unref (black);
}

/* Counts the lines that tell of black pictures, and asserts that one names them all. */
static void
assert_said_once (const Result *result, const char *words)
{
  const char *first = strstr (result->err, "nothing is to be seen");

  runs_assert_ok (result);
  cli_assert_says (result->err, words);
  g_assert_null (strstr (first + 1, "nothing is to be seen"));
}

/* Once and counted, however often a picture is read; by a recipe that keeps features, too. */
static void
test_remarks (void)
{
  g_autofree char *place = in_folder ("black"), *tuned = in_folder ("black-tuned"),
                  *frozen = in_folder ("black-frozen"), *report = in_folder ("black-eval"),
                  *best = g_build_filename (tuned, "best", NULL), *page = NULL;

  drawn_data (place, 3, 2, 0, 48);
  write_black (place, "train", "b.png");
  write_black (place, "train", "a.png");
  write_black (place, "val", "c.png");
  g_auto (Result) trained = cli_run ("train", "--recipe", "qlora-q-r8", "--data", place, "--model",
                                     base, "--out", tuned, "--size", "32", "--epochs", "2", NULL);
  assert_said_once (&trained, "train/Standing/a.png: nearly all values are from 0 to 0 of 255");
  cli_assert_says (trained.err, "(and 2 more pictures)");
  g_auto (Result) kept =
      cli_run ("train", "--recipe", "frozen", "--data", place, "--model", base, "--out", frozen,
               "--cache", cache, "--size", "32", "--epochs", "2", NULL);
  assert_said_once (&kept, "(and 2 more pictures)");
  g_auto (Result) evaluated = cli_run ("eval", "--adapter", best, "--model", base, "--data", place,
                                       "--split", "val", "--out", report, NULL);
  assert_said_once (&evaluated, "val/Standing/c.png: nearly all values");
  g_assert_null (strstr (evaluated.err, "more picture"));
  page = g_build_filename (report, "report.html", NULL);
  g_autofree char *html = NULL;
  g_assert_true (g_file_get_contents (page, &html, NULL, NULL));
  cli_assert_says (html, "nothing is to be seen");
}

/* ---- the run folder -------------------------------------------------------------------------- */

static void
test_files (void)
{
  static const char *const files[] = { "recipe.ini",
                                       "contact-sheet.png",
                                       "results.csv",
                                       "plots/loss.png",
                                       "plots/accuracy.svg",
                                       "plots/learning-rate.png",
                                       "best/cowbehavior.json",
                                       "last/state.safetensors",
                                       "last/cowbehavior.json" };
  g_autofree char *out = in_folder ("files"), *best = g_build_filename (out, "best", NULL);
  g_auto (Result) result = train ("dora-q-r8", out, TRUE);
  g_autoptr (GError) error = NULL;
  gboolean found;

  runs_assert_ok (&result);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    assert_file (out, files[i], TRUE);
  assert_file (out, "best/state.safetensors", FALSE);
  assert_file (out, "last.new", FALSE);
  cli_assert_says (result.out, "Estimated: ");
  cli_assert_says (result.out, "validation pictures of 32 x 32 stay with the adapter");
  cli_assert_says (result.out, "cow-trainer eval --adapter ");
  cli_assert_says (result.out, "! cowbehavior model=");

  g_autoptr (CowCard) card = cow_card_read (best, &found, &error);
  g_assert_no_error (error);
  g_assert_true (found);
  g_assert_cmpstr (card->kind, ==, "dora");
  g_assert_cmpuint (cow_card_n_classes (card), ==, DRAWN_N_CLASSES);
  g_assert_cmpstr (card->classes[0], ==, "Lying");
  g_assert_cmpint (card->preprocess.width, ==, 32);
  g_assert_cmpstr (card->base_name, ==, "base");
  g_assert_cmpuint (strlen (card->base_hash), ==, 64);
  JsonObject *metrics = json_node_get_object (cow_card_get_member (card, "metrics"));
  g_assert_cmpfloat (json_object_get_double_member (metrics, "accuracy"), >, .75);
}

/* Pictures of the validation split stay with the adapter as the network sees them; with 0, none. */
static void
test_kept (void)
{
  g_autofree char *out = in_folder ("files"), *last = g_build_filename (out, "last", NULL),
                  *none = in_folder ("none-kept");
  g_auto (CowKeptPictures) kept = { 0 };
  g_autoptr (GError) error = NULL;
  g_auto (Result) result =
      cli_run ("train", "--recipe", "frozen", "--data", data, "--out", none, "--cache", cache,
               "--size", "32", "--epochs", "1", "--model", base, "--keep-pictures", "0", NULL);

  assert_file (out, "best/pictures.safetensors", TRUE);
  g_assert_true (cow_kept_pictures_read (&kept, last, 100, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (kept.n, >=, DRAWN_N_CLASSES);
  g_assert_cmpuint (kept.n, <=, 32);
  g_assert_cmpint (kept.width, ==, 32);
  runs_assert_ok (&result);
  assert_file (none, "best/pictures.safetensors", FALSE);
  assert_file (none, "last/pictures.safetensors", FALSE);
  g_assert_null (strstr (result.out, "stay with the adapter"));
}

/* A run of an earlier version, whose settings know nothing of it, keeps none unless it is asked. */
static void
test_kept_resumed (void)
{
  g_autofree char *run = in_folder ("none-kept"), *last = g_build_filename (run, "last", NULL),
                  *recipe = g_build_filename (run, "recipe.ini", NULL), *text = NULL;
  g_auto (CowKeptPictures) kept = { 0 };

  g_assert_true (g_file_get_contents (recipe, &text, NULL, NULL));
  g_auto (GStrv) parts = g_strsplit (text, "keep-pictures=0\n", -1);
  g_assert_cmpuint (g_strv_length (parts), ==, 2);
  g_autofree char *without = g_strjoinv ("", parts);
  g_assert_true (g_file_set_contents (recipe, without, -1, NULL));
  g_auto (Result) resumed = cli_run ("train", "--resume", run, "--epochs", "2", NULL);
  runs_assert_ok (&resumed);
  assert_file (run, "last/pictures.safetensors", FALSE);
  g_auto (Result) asked =
      cli_run ("train", "--resume", run, "--epochs", "3", "--keep-pictures", "3", NULL);
  runs_assert_ok (&asked);
  g_assert_true (cow_kept_pictures_read (&kept, last, 100, NULL));
  g_assert_cmpuint (kept.n, ==, 3);
}

/* The sheet has a row for each class, with two pictures of two copies each. */
static void
test_sheet (void)
{
  g_autofree char *out = in_folder ("files"),
                  *path = g_build_filename (out, "contact-sheet.png", NULL);
  g_autoptr (GError) error = NULL;
  g_auto (Picture) sheet = { 0 };

  picture_read (path, &sheet, &error);
  g_assert_no_error (error);
  g_assert_cmpint (sheet.width, >=, 6 * 32);
  g_assert_cmpint (sheet.height, >=, DRAWN_N_CLASSES * 32);
}

/* recipe.ini gives the same run again, with any run folder and working directory. */
static void
test_repeat (void)
{
  g_autofree char *first = in_folder ("files"),
                  *config = g_build_filename (first, "recipe.ini", NULL),
                  *out = in_folder ("repeated");
  g_auto (Result) result = cli_run ("train", "--config", config, "--out", out, NULL);

  runs_assert_ok (&result);
  runs_assert_same (first, out, COW_HISTORY_CLASSES);
}

/* ---- settings -------------------------------------------------------------------------------- */

static void
test_early_stop (void)
{
  g_autofree char *out = in_folder ("patience");
  g_auto (Result) result = cli_run ("train", "--recipe", "frozen", "--data", data, "--model", base,
                                    "--out", out, "--cache", cache, "--size", "32", "--epochs",
                                    "50", "--patience", "2", "--min-delta", "1", NULL);
  g_autoptr (GArray) epochs = NULL;

  runs_assert_ok (&result);
  epochs = runs_column (out, "epoch");
  g_assert_cmpuint (epochs->len, ==, 3); /* the first is the best, and two are no better */
  cli_assert_says (result.out, "no better for 2 epochs");
}

/* A run that nobody named a folder for finds one, which stands for its best adapter; and one that
 * has learned nothing says so. */
static void
test_out (void)
{
  g_autofree char *here = g_get_current_dir ();

  g_assert_cmpint (g_chdir (folder), ==, 0);
  for (guint i = 1; i <= 2; i++) {
    g_auto (Result) result =
        cli_run ("train", "--recipe", "resnet18", "--data", data, "--size", "32", "--epochs", "1",
                 "--learning-rate", "1e-9", "--batch", "8", NULL);

    runs_assert_ok (&result);
    cli_assert_says (result.out, i == 1 ? "The run fills the folder runs/resnet18 "
                                        : "The run fills the folder runs/resnet18-2 ");
    cli_assert_says (result.err, "little better than guessing");
    cli_assert_says (result.err, "contact-sheet.png");
  }
  g_auto (Result) whole = cli_run ("predict", "--adapter", "runs/resnet18-2", test_data, NULL),
                  best = cli_run ("predict", "--adapter", "runs/resnet18-2/best", test_data, NULL);
  g_assert_cmpint (g_chdir (here), ==, 0);
  cli_assert_ok (&whole);
  g_assert_cmpstr (whole.out, ==, best.out);
}

static void
test_balance (gconstpointer how)
{
  g_autofree char *name = g_strconcat ("balance-", how, NULL), *out = in_folder (name),
                  *best = g_build_filename (out, "best", NULL);
  g_auto (Result) result =
      cli_run ("train", "--recipe", "qlora-q-r8", "--data", data, "--model", base, "--out", out,
               "--size", "32", "--batch", "4", "--gradient-accumulation", "1", "--learning-rate",
               "3e-3", "--head-dropout", "0", "--epochs", "5", "--balance", how, NULL);

  runs_assert_ok (&result);
  g_assert_null (strstr (result.err, "guessing"));
  g_assert_cmpuint (runs_count_right (base, best, test_data), >=, DRAWN_N_CLASSES * N_TEST * 3 / 4);
}

/* A run can start from another adapter: the classes keep their indices, and training begins with
 * its weights. */
static void
test_start (void)
{
  g_autofree char *first = in_folder ("files"), *start = g_build_filename (first, "best", NULL),
                  *out = in_folder ("started");
  g_auto (Result) result =
      cli_run ("train", "--recipe", "dora-q-r8", "--start", start, "--data", data, "--model", base,
               "--out", out, "--size", "32", "--epochs", "1", "--learning-rate", "1e-9", NULL);
  g_auto (Result) other = cli_run ("train", "--recipe", "qlora-q-r8", "--start", start, "--data",
                                   data, "--model", base, "--out", out, "--size", "32", "--epochs",
                                   "1", "--rank", "4", "--label-column", "class", NULL);

  runs_assert_ok (&result);
  g_autoptr (GArray) accuracy = runs_column (out, "val_acc");
  g_assert_cmpfloat (g_array_index (accuracy, double, 0), >, .75);
  g_assert_cmpint (other.status, ==, 1);
  cli_assert_says (other.err, "--rank has no effect: the adapter of --start keeps its own");
  cli_assert_says (other.err, "--label-column has no effect: the pictures come without a table");
}

/* A frozen adapter has only a head: new layers are added below it, and change nothing at first. */
static void
test_start_from_frozen (void)
{
  g_autofree char *first = in_folder ("frozen"), *start = g_build_filename (first, "best", NULL),
                  *out = in_folder ("from-frozen");
  g_autofree char *best = g_build_filename (out, "best", NULL);
  g_auto (Result) result =
      cli_run ("train", "--recipe", "qlora-q-r8", "--start", start, "--data", data, "--model", base,
               "--out", out, "--size", "32", "--epochs", "1", "--learning-rate", "1e-9", NULL);

  runs_assert_ok (&result);
  g_assert_cmpuint (runs_count_right (base, best, test_data), ==,
                    runs_count_right (base, start, test_data));
  assert_file (out, "best/adapter_model.safetensors", TRUE);
}

static void
test_list (void)
{
  g_auto (Result) result = cli_run ("train", "--list-recipes", NULL);

  cli_assert_ok (&result);
  cli_assert_says (result.out, "qlora-q-r8");
  cli_assert_says (result.out, "vit-small");
}

int
main (int argc, char **argv)
{
  static const char *const adapters[] = { "qlora-q-r8",    "qlora-q-r16",  "qlora-all-r16",
                                          "qlora-all-r64", "dora-q-r8",    "dora-q-r16",
                                          "dora-all-r16",  "dora-all-r64", "frozen" };

  g_test_init (&argc, &argv, NULL);
  folder = cli_folder ();
  base = drawn_base (folder);
  data = in_folder ("data");
  cache = in_folder ("cache");
  test_data = g_build_filename (data, "test", NULL);
  drawn_data (data, 8, 4, N_TEST, 32);

  for (guint i = 0; i < G_N_ELEMENTS (adapters); i++) {
    g_autofree char *path = g_strconcat ("/train/", adapters[i], NULL);
    g_test_add_data_func (path, adapters[i], test_adapter);
  }
  g_test_add_func ("/train/dinov3-scratch", test_dinov3);
  g_test_add_func ("/train/remarks", test_remarks);
  g_test_add_func ("/train/files", test_files);
  g_test_add_func ("/train/contact-sheet", test_sheet);
  g_test_add_func ("/train/kept", test_kept);
  g_test_add_func ("/train/kept/resumed", test_kept_resumed);
  g_test_add_func ("/train/repeat", test_repeat);
  g_test_add_func ("/train/early-stop", test_early_stop);
  g_test_add_func ("/train/out", test_out);
  g_test_add_data_func ("/train/balance/weights", "weights", test_balance);
  g_test_add_data_func ("/train/balance/sampler", "sampler", test_balance);
  g_test_add_func ("/train/start", test_start);
  g_test_add_func ("/train/start-from-frozen", test_start_from_frozen);
  g_test_add_func ("/train/list-recipes", test_list);
  const int status = g_test_run ();
  cli_remove (folder);
  g_free (base);
  g_free (data);
  g_free (test_data);
  g_free (cache);
  return status;
}
