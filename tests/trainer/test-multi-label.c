/* SPDX-License-Identifier: MIT */
/* Pictures with several labels, from the table to what is predicted: `train --multi-label` learns
 * facts that are drawn independently of one another, and what of a table makes no sense is said. */
#define _GNU_SOURCE /* memmem () */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <vips/vips.h>

#include "model/adapter/card.h"
#include "model/adapter/label-text.h"
#include "model/network/classifier.h"
#include "tests/trainer/drawn.h"
#include "tests/trainer/runs.h"
#include "trainer/data/csv.h"
#include "trainer/data/dataset-open.h"
#include "trainer/data/pictures.h"

#define N_FACTS 3
#define N_ALL                                                                                      \
  120 /* pictures; a test of the network's learning needs each combination in all parts */
#define SIDE 48

static const char *const facts[] = { "Bright", "Lying", "Ruminating", NULL };
static char *folder, *base, *table, *cache;

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* Bit 0: a light background. Bit 1: stripes that lie, in the upper half. Bit 2: a disc below. */
static int
value_at (guint shown, int x, int y, int shift)
{
  const int dx = x - SIDE / 2 - shift, dy = y - SIDE * 3 / 4;

  if (shown & 2 && y < SIDE / 2 && (y + shift) / 4 % 2 == 0)
    return 200;
  if (shown & 4 && dx * dx + dy * dy < SIDE * SIDE / 25)
    return 10;
  return shown & 1 ? 140 : 60;
}

static void
draw (const char *path, guint shown, guint seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  guint8 rgb[SIDE * SIDE * 3];
  const int shift = g_rand_int_range (random, -4, 5);

  for (int i = 0; i < SIDE * SIDE * 3; i++)
    rgb[i] = (guint8)(value_at (shown, i / 3 % SIDE, i / 3 / SIDE, shift) +
                      g_rand_int_range (random, -9, 10));
  VipsImage *image = vips_image_new_from_memory (rgb, sizeof rgb, SIDE, SIDE, 3, VIPS_FORMAT_UCHAR);
  g_assert_nonnull (image);
  image->Type = VIPS_INTERPRETATION_sRGB;
  g_assert_cmpint (vips_image_write_to_file (image, path, NULL), ==, 0);
  g_object_unref (image);
}

static void
append_labels (GString *text, guint shown)
{
  const guint8 which[N_FACTS] = { shown & 1, shown >> 1 & 1, shown >> 2 & 1 };
  g_autofree char *label = cow_label_text (facts, which, N_FACTS);

  g_string_append (text, label);
}

/* The pictures of a session show all combinations. */
static void
make_pictures (void)
{
  g_autoptr (GString) text = g_string_new ("image_path,label,session\n");
  g_autoptr (GError) error = NULL;

  pictures_start (&error);
  g_assert_no_error (error);
  for (guint i = 0; i < N_ALL; i++) {
    g_autofree char *name = g_strdup_printf ("%03u.png", i), *path = in_folder (name);
    draw (path, i % 8, i);
    g_string_append_printf (text, "%s,", name);
    append_labels (text, i % 8);
    g_string_append_printf (text, ",s%u\n", i / 8);
  }
  g_assert_true (g_file_set_contents (table, text->str, -1, NULL));
}

/* ---- learning -------------------------------------------------------------------------------- */

#define ARGUMENTS(recipe, out)                                                                     \
  "train", "--recipe", recipe, "--data", table, "--multi-label", "--out", out, "--cache", cache,   \
      "--size", "48", "--batch", "8", "--gradient-accumulation", "1", "--learning-rate", "3e-3",   \
      "--head-dropout", "0", "--patience", "0", "--label-smoothing", "0", "--augment", "none"

/* Half of the pictures show each fact, so that guessing has a mean average precision of one half.
 */
static void
assert_learned (const Result *result, const char *run, double least)
{
  g_autofree char *best = g_build_filename (run, "best", NULL);
  g_autoptr (GError) error = NULL;

  runs_assert_ok (result);
  g_test_message ("%s: mean average precision %.4f", run, runs_best (run, "val_map"));
  g_assert_cmpfloat (runs_best (run, "val_map"), >=, least);
  cli_assert_says (result->out, "Best: mean average precision");
  cli_assert_says (result->out, "Several labels a picture: 8 combinations");
  cli_assert_says (result->out, "cow-trainer predict FOLDER --adapter");
  g_autoptr (CowCard) card = cow_card_read (best, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (card->multiple);
  g_assert_cmpuint (cow_card_n_classes (card), ==, N_FACTS);
  for (guint c = 0; c < N_FACTS; c++)
    g_assert_true (card->thresholds[c] > 0 && card->thresholds[c] < 1);
}

static void
test_frozen (void)
{
  g_autofree char *out = in_folder ("frozen");
  g_auto (Result) result =
      cli_run (ARGUMENTS ("frozen", out), "--model", base, "--epochs", "30", NULL);

  assert_learned (&result, out, .75);
}

static void
test_adapter (void)
{
  g_autofree char *out = in_folder ("lora");
  g_auto (Result) result = cli_run (ARGUMENTS ("qlora-all-r16", out), "--model", base, "--epochs",
                                    "12", "--balance", "weights", NULL);

  assert_learned (&result, out, .9);
}

static void
test_scratch (void)
{
  g_autofree char *out = in_folder ("scratch");
  g_auto (Result) result =
      cli_run (ARGUMENTS ("dinov3-scratch", out), "--warmup", "0", "--epochs", "8", NULL);

  assert_learned (&result, out, .8);
}

/* ---- resuming -------------------------------------------------------------------------------- */

/* Ends a run in the middle of an epoch, after it saved: twice. */
static void
interrupt (const char *out, const char *const *arguments)
{
  g_autofree char *state = g_build_filename (out, "last", "state.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  GStatBuf before = { 0 }, now;
  int status;
  GPid pid;

  g_stat (state, &before);
  g_spawn_async (NULL, (char **)arguments, NULL,
                 G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                     G_SPAWN_STDERR_TO_DEV_NULL,
                 NULL, NULL, &pid, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 12000; i++) {
    if (g_stat (state, &now) == 0 && now.st_ino != before.st_ino)
      break;
    g_usleep (10000);
  }
  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
}

/* What was stopped and resumed is what was not, thresholds too. */
static void
test_resume (void)
{
  g_autofree char *whole = in_folder ("whole"), *parts = in_folder ("parts");
  const char *const trainer = g_getenv ("COW_TRAINER");
  const char *const begin[] = { trainer,
                                ARGUMENTS ("dora-q-r8", parts),
                                "--model",
                                base,
                                "--epochs",
                                "3",
                                "--save-every",
                                "0.0001",
                                NULL };
  const char *const go_on[] = { trainer, "train", "--resume", parts, NULL };
  g_auto (Result) result = cli_run (ARGUMENTS ("dora-q-r8", whole), "--model", base, "--epochs",
                                    "3", "--save-every", "0.0001", NULL);

  runs_assert_ok (&result);
  interrupt (parts, begin);
  interrupt (parts, go_on);
  interrupt (parts, go_on);
  g_auto (Result) resumed = cli_run ("train", "--resume", parts, NULL);
  runs_assert_ok (&resumed);
  runs_assert_same (whole, parts, COW_HISTORY_LABELS);
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* The probabilities of all pictures [N_ALL, N_FACTS] by the classifier that the element uses. */
static float *
ask (const char *adapter, float *thresholds)
{
  const CowClassifierOptions options = {
    .model = base, .adapter = adapter, .precision = COW_PRECISION_FP32, .batch = 1
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&options, &error);
  g_assert_no_error (error);
  const CowPreprocess *preprocess = cow_classifier_preprocess (classifier);
  g_autoptr (CowPreparer) preparer = cow_preparer_new (cow_classifier_device (classifier), &error);
  g_autofree float *pixels = g_new (float, cow_preprocess_size (preprocess));
  float *all = g_new (float, N_ALL *N_FACTS);

  for (guint i = 0; i < N_ALL; i++) {
    g_autofree char *name = g_strdup_printf ("%03u.png", i), *path = in_folder (name),
                    *remark = NULL;
    CowOutput output;
    picture_prepare (path, preprocess, preparer, pixels, &remark, &error);
    g_assert_no_error (error);
    cow_classifier_run (classifier, pixels, 1, preprocess->height, preprocess->width, &output,
                        &error);
    g_assert_no_error (error);
    memcpy (all + i * N_FACTS, output.probabilities, N_FACTS * sizeof (float));
    for (guint c = 0; c < N_FACTS; c++)
      g_assert_cmpfloat_with_epsilon (output.probabilities[c],
                                      1 / (1 + exp (-(double)output.logits[c])), 1e-6);
  }
  memcpy (thresholds, cow_classifier_card (classifier)->thresholds, N_FACTS * sizeof (float));
  return all;
}

static Result
predict (const char *adapter, const char *format)
{
  return cli_run ("predict", folder, "--model", base, "--adapter", adapter, "--format", format,
                  "--batch", "1", "--precision", "fp32", NULL);
}

static void
test_predict (void)
{
  g_autofree char *best = in_folder ("lora/best");
  float thresholds[N_FACTS];
  g_autofree float *probabilities = ask (best, thresholds);
  g_auto (Result) result = predict (best, "csv");
  guint n = 0, n_none = 0;

  runs_assert_ok (&result);
  g_auto (GStrv) lines = g_strsplit (g_strchomp (result.out), "\n", -1);
  g_assert_cmpstr (lines[0], ==, "image_path,pred_label,confidence,Bright,Lying,Ruminating");
  for (char **line = lines + 1; *line; line++) {
    g_auto (GStrv) fields = g_strsplit (*line, ",", -1);
    g_autofree char *name = g_path_get_basename (fields[0]);
    guint8 shown[N_FACTS];
    if (g_strv_length (fields) != 3 + N_FACTS || strlen (name) != strlen ("000.png"))
      continue; /* figures of the runs, which lie below, too */
    const float *row = probabilities + (gsize)atoi (name) * N_FACTS;
    cow_label_decide (row, thresholds, N_FACTS, shown);
    g_autofree char *label = cow_label_text (facts, shown, N_FACTS);
    g_assert_cmpstr (fields[1], ==, label);
    for (guint c = 0; c < N_FACTS; c++) {
      g_autofree char *number = g_strdup_printf ("%.6g", (double)row[c]);
      g_assert_cmpstr (fields[3 + c], ==, number);
    }
    n_none += g_str_equal (label, COW_LABEL_NONE);
    n++;
  }
  g_assert_cmpuint (n, ==, N_ALL);
  g_assert_cmpuint (n_none, >, 0);
  g_auto (Result) objects = predict (best, "jsonl");
  cli_assert_says (objects.out, "\"pred_label\": \"none\", \"labels\": []");
  cli_assert_says (objects.out,
                   "\"pred_label\": \"Bright|Lying\", \"labels\": [\"Bright\", \"Lying\"]");
}

/* ---- judging --------------------------------------------------------------------------------- */

static char *
read_file (const char *place, const char *name)
{
  g_autofree char *path = g_build_filename (place, name, NULL);
  char *text;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

static void
test_eval (void)
{
  g_autofree char *run = in_folder ("frozen"), *other = in_folder ("lora"),
                  *out = in_folder ("eval");
  g_auto (Result) result =
      cli_run ("eval", "--adapter", run, "--against", other, "--out", out, "--calibrate",
               "--min-precision", "0.9", "--save", "--split", "val", NULL);

  runs_assert_ok (&result);
  cli_assert_says (result.out, "mean average precision");
  cli_assert_says (result.out, "Hamming loss");
  cli_assert_says (result.out, "every label right");
  g_autofree char *results = read_file (out, "results.json"),
                  *html = read_file (out, "report.html"), *csv = read_file (out, "predictions.csv"),
                  *classes = read_file (out, "per_class.csv"),
                  *against = read_file (out, "against.json"),
                  *card = read_file (run, "best/cowbehavior.json");
  g_assert_nonnull (strstr (results, "\"labels\" : \"multiple\""));
  g_assert_null (strstr (results, "\"accuracy\""));
  g_assert_null (strstr (results, "\"confusion\""));
  cli_assert_says (html, "What is shown together");
  cli_assert_says (html, "Precision over recall");
  g_assert_null (strstr (html, "What is taken for what"));
  cli_assert_says (csv, ",Bright|Lying,");
  cli_assert_says (csv, ",none,");
  cli_assert_says (classes, "class,precision,recall,f1,support,average_precision,threshold,");
  cli_assert_says (against, "\"mean_average_precision\"");
  cli_assert_says (card, "\"format\" : 2");
  cli_assert_says (card, "\"labels\" : \"multiple\"");
  cli_assert_says (card, "\"target\" : \"precision\"");
}

/* ---- other programs -------------------------------------------------------------------------- */

/* Each class has a probability of its own there, too: only attention has a softmax. */
static void
test_export (void)
{
  g_autofree char *best = in_folder ("scratch/best"), *out = in_folder ("cows.onnx");
  g_auto (Result) result = cli_run ("export", "--adapter", best, "--out", out, NULL);
  g_autoptr (GBytes) bytes = NULL;

  runs_assert_ok (&result);
  bytes = runs_read (folder, "cows.onnx");
  gsize n;
  const char *data = g_bytes_get_data (bytes, &n);
  g_assert_nonnull (memmem (data, n, "Sigmoid", strlen ("Sigmoid")));
  g_assert_nonnull (memmem (data, n, "multiple", strlen ("multiple")));
}

/* ---- what makes no sense --------------------------------------------------------------------- */

/* Two pictures with these labels, as a table. */
static char *
two_rows (const char *first, const char *second)
{
  char *path = in_folder ("two.csv");
  g_autofree char *text =
      g_strdup_printf ("image_path,label\n000.png,%s\n001.png,%s\n", first, second);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

static const struct {
  const char *first, *second, *text;
} wrong[] = {
  { "Lying", "Lying|none", "two.csv:3: \"none\" is no label where a picture may have several" },
  { "Lying", "None", "two.csv:3: \"None\" is no label where a picture may have several" },
  { "Lying", "Lying|", "two.csv:3: \"\" is no label where a picture may have several" },
  { "Lying", "|", "two.csv:3: \"\" is no label" },
  { "Lying", "", "two.csv:3: the field \"label\" is empty" },
  { "Lying", "Bright|Lying|Bright", "two.csv:3: the label \"Bright\" is there twice" },
  { "none", "none", "no picture has a label: all are \"none\"" },
};

static void
test_wrong_tables (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autofree char *path = two_rows (wrong[i].first, wrong[i].second);
    g_auto (Result) result = cli_run ("check", "--multi-label", "--data", path, NULL);
    cli_assert_error (&result, 1, wrong[i].text);
  }
}

/* Several labels are not taken for the name of a class in silence; one that is called so is listed.
 */
static void
test_without_the_flag (void)
{
  g_autofree char *path = two_rows ("Lying", "Bright|Lying");
  g_auto (Result) result = cli_run ("check", "--data", path, NULL);
  cli_assert_error (&result, 1, "two.csv:3: \"Bright|Lying\" has several labels: --multi-label");
  g_auto (Result) listed =
      cli_run ("check", "--data", path, "--classes", "Lying,Bright|Lying", NULL);
  cli_assert_says (listed.out, "Bright|Lying      1    0     0");
}

/* A row for each label of a picture would teach that the others are not there. */
static void
test_two_rows_of_one (void)
{
  g_autofree char *path = in_folder ("long.csv"), *out = in_folder ("long");
  g_assert_true (g_file_set_contents (
      path,
      "image_path,label,split\n000.png,Lying,train\n000.png,Bright,train\n001.png,Bright,val\n", -1,
      NULL));
  g_auto (Result) result = cli_run ("train", "--recipe", "frozen", "--data", path, "--multi-label",
                                    "--model", base, "--out", out, NULL);
  cli_assert_error (&result, 1,
                    "000.png is there as \"Lying\" and as \"Bright\": a picture has one");
}

static void
test_refused (void)
{
  g_autofree char *best = in_folder ("frozen/best"), *out = in_folder ("refused"),
                  *single = cli_make_adapter (folder, "plain", NULL);
  g_auto (Result) sampler =
      cli_run (ARGUMENTS ("frozen", out), "--model", base, "--balance", "sampler", NULL);
  cli_assert_error (&sampler, 2, "--balance sampler");
  g_autofree char *video = in_folder ("a.mp4");
  g_assert_true (g_file_set_contents (video, "x", 1, NULL));
  g_auto (Result) annotated = cli_run ("annotate", video, "--adapter", best, "--model", base, NULL);
  cli_assert_error (&annotated, 1,
                    "gives a picture several labels, and bouts and time budgets are");
  g_auto (Result) asked = cli_run ("eval", "--adapter", single, "--model", base, "--multi-label",
                                   "--data", table, "--out", out, NULL);
  cli_assert_error (&asked, 2, "was trained with one label a picture");
  g_auto (Result) info = cli_run ("info", best, NULL);
  cli_assert_says (info.out, "several a picture");
}

/* ---- the table ------------------------------------------------------------------------------- */

static void
test_check (void)
{
  g_auto (Result) result = cli_run ("check", "--multi-label", "--data", table, NULL);

  cli_assert_says (result.out, "none");
  cli_assert_says (result.out, "several labels a picture: 3 classes in 8 combinations, 15 pictures "
                               "show none of them");
  cli_assert_says (result.out, "Bright|Lying|Ruminating");
  g_auto (Result) json = cli_run ("check", "--multi-label", "--data", table, "--json", NULL);
  cli_assert_says (json.out, "\"label_sets\"");
}

/* Groups stay together, and each class has its share on both sides. */
static void
test_divide (void)
{
  g_auto (CowDatasetOptions) options = COW_DATASET_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;
  options.data = g_strdup (table);
  options.multiple = TRUE;
  g_autoptr (CowDataset) set = cow_dataset_open (&options, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (set->grouped_by, ==, "session");
  g_assert_cmpuint (set->splits[COW_VAL]->len, ==, N_ALL / 5);
  for (guint c = 0; c < N_FACTS; c++)
    g_assert_cmpuint (cow_dataset_count (set, COW_VAL, (int)c), ==, N_ALL / 10);
  g_assert_cmpuint (cow_dataset_count_none (set, COW_VAL), ==, N_ALL / 40);
  for (guint i = 0; i < set->samples->len; i += 8)
    for (guint k = 1; k < 8; k++)
      g_assert_true (cow_dataset_sample (set, i)->split == cow_dataset_sample (set, i + k)->split);
  g_autofree float *weights = cow_dataset_positive_weights (set);
  g_assert_cmpfloat (weights[0], ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = cli_folder ();
  base = drawn_base (folder);
  cache = in_folder ("cache");
  table = in_folder ("cows.csv");
  make_pictures ();
  g_test_add_func ("/multi-label/check", test_check);
  g_test_add_func ("/multi-label/divide", test_divide);
  g_test_add_func ("/multi-label/wrong-tables", test_wrong_tables);
  g_test_add_func ("/multi-label/without-the-flag", test_without_the_flag);
  g_test_add_func ("/multi-label/two-rows-of-one", test_two_rows_of_one);
  g_test_add_func ("/multi-label/frozen", test_frozen);
  g_test_add_func ("/multi-label/adapter", test_adapter);
  g_test_add_func ("/multi-label/scratch", test_scratch);
  g_test_add_func ("/multi-label/resume", test_resume);
  g_test_add_func ("/multi-label/predict", test_predict);
  g_test_add_func ("/multi-label/eval", test_eval);
  g_test_add_func ("/multi-label/export", test_export);
  g_test_add_func ("/multi-label/refused", test_refused);
  const int status = g_test_run ();
  g_free (base);
  g_free (table);
  g_free (cache);
  cli_remove (folder);
  return status;
}
