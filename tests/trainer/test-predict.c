/* SPDX-License-Identifier: MIT */
/* `cow-trainer predict`: the same results as `features` in every format, pictures that cannot be
 * read, and its refusals. */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>
#include <vips/vips.h>

#include "model/adapter/card.h"
#include "model/adapter/head-weights.h"
#include "model/files/error.h"
#include "model/files/safetensors.h"
#include "tests/trainer/cli.h"

typedef struct {
  char *folder, *pictures, *adapter, *model;
} Fixture;

/* In the order in which predict must list them. */
static const char *const names[] = { "a.png", "b, \"quoted\".png",
                                     "c.JPG", "deep/er/d.webp",
                                     "e.bmp", "f.tiff" };

static void
set_up (Fixture *self, gconstpointer data)
{
  self->folder = cli_folder ();
  self->pictures = g_build_filename (self->folder, "pictures", NULL);
  self->adapter = cli_make_adapter (self->folder, "plain", "lora_all_r16");
  self->model = cli_golden ("plain", "nf4");
  g_autofree char *deep = g_build_filename (self->pictures, "deep", "er", NULL);
  g_assert_cmpint (g_mkdir_with_parents (deep, 0755), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    cli_make_picture (self->pictures, names[i], 40 + 7 * (int)i, 50 + 3 * (int)i, i);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  cli_remove (self->folder);
  g_free (self->pictures);
  g_free (self->adapter);
  g_free (self->model);
}

/* The results of `features` for the same pictures, as probabilities [G_N_ELEMENTS (names), 9]. */
static float *
expected_probabilities (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *out = g_build_filename (self->folder, "features.safetensors", NULL);
  g_auto (Result) result =
      cli_run ("features", self->pictures, "-m", self->model, "-a", self->adapter, "-o", out, NULL);
  cli_assert_ok (&result);
  g_autoptr (CowSafetensors) file = cow_safetensors_open (out, &error);
  g_assert_no_error (error);
  const CowTensor *logits = cow_safetensors_get (file, "logits");
  g_assert_true (cow_tensor_has_shape (logits, 2, (const gint64[]){ G_N_ELEMENTS (names), 9 }));
  float *values = g_new (float, 9 * G_N_ELEMENTS (names));
  g_assert_true (cow_tensor_to_f32 (logits, out, values, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    float *row = values + 9 * i, sum = 0;
    for (guint c = 0; c < 9; c++)
      sum += row[c] = expf (row[c]);
    for (guint c = 0; c < 9; c++)
      row[c] /= sum;
  }
  return values;
}

static guint
best (const float *probabilities)
{
  guint index = 0;
  for (guint c = 1; c < 9; c++)
    if (probabilities[c] > probabilities[index])
      index = c;
  return index;
}

/* ---- formats --------------------------------------------------------------------------------- */

static void
check_csv (Fixture *self, const char *text, const float *expected)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  g_assert_cmpstr (lines[0], ==,
                   "image_path,pred_label,confidence,Drinking,Feeding head down,Feeding head "
                   "up,Lying,Standing,Walking,frontal_pushing,"
                   "gallop,leap");
  g_assert_cmpuint (g_strv_length (lines), ==, 2 + G_N_ELEMENTS (names));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    const float *row = expected + 9 * i;
    g_autofree char *path =
        g_build_filename (self->pictures, i == 1 ? "b, \"\"quoted\"\".png" : names[i], NULL);
    g_autofree char *start =
        g_strdup_printf (i == 1 ? "\"%s\",%s," : "%s,%s,", path, cow_default_classes[best (row)]);
    g_assert_true (g_str_has_prefix (lines[1 + i], start));
    g_auto (GStrv) numbers = g_strsplit (lines[1 + i] + strlen (start), ",", -1);
    g_assert_cmpuint (g_strv_length (numbers), ==, 10);
    g_assert_cmpfloat_with_epsilon (g_ascii_strtod (numbers[0], NULL), row[best (row)], 1e-4);
    for (guint c = 0; c < 9; c++)
      g_assert_cmpfloat_with_epsilon (g_ascii_strtod (numbers[1 + c], NULL), row[c], 1e-4);
  }
}

static void
test_csv (Fixture *self, gconstpointer data)
{
  g_autofree float *expected = expected_probabilities (self);
  g_autofree char *out = g_build_filename (self->folder, "out.csv", NULL), *text = NULL;
  g_auto (Result) printed = cli_run ("predict", self->pictures, "-m", self->model, "-a",
                                     self->adapter, "--batch=4", NULL);
  g_auto (Result) written = cli_run ("predict", self->pictures, "-m", self->model, "-a",
                                     self->adapter, "--out", out, NULL);

  cli_assert_ok (&printed);
  cli_assert_ok (&written);
  check_csv (self, printed.out, expected);
  g_assert_cmpstr (written.out, ==, "");
  g_assert_true (g_file_get_contents (out, &text, NULL, NULL));
  check_csv (self, text, expected);
}

static void
test_jsonl (Fixture *self, gconstpointer data)
{
  g_autofree float *expected = expected_probabilities (self);
  g_auto (Result) result = cli_run ("predict", self->pictures, "-m", self->model, "-a",
                                    self->adapter, "--format=jsonl", "--top-k=2", NULL);
  g_auto (GStrv) lines = g_strsplit (result.out, "\n", -1);

  cli_assert_ok (&result);
  g_assert_cmpuint (g_strv_length (lines), ==, 1 + G_N_ELEMENTS (names));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (JsonNode) node = json_from_string (lines[i], &error);
    g_assert_no_error (error);
    JsonObject *row = json_node_get_object (node),
               *all = json_object_get_object_member (row, "probabilities");
    g_autofree char *path = g_build_filename (self->pictures, names[i], NULL);
    g_assert_cmpstr (json_object_get_string_member (row, "image_path"), ==, path);
    g_assert_cmpstr (json_object_get_string_member (row, "pred_label"), ==,
                     cow_default_classes[best (expected + 9 * i)]);
    g_assert_cmpuint (json_array_get_length (json_object_get_array_member (row, "top_k")), ==, 2);
    for (guint c = 0; c < 9; c++)
      g_assert_cmpfloat_with_epsilon (json_object_get_double_member (all, cow_default_classes[c]),
                                      expected[9 * i + c], 1e-4);
  }
}

static void
test_table (Fixture *self, gconstpointer data)
{
  g_autofree float *expected = expected_probabilities (self);
  g_auto (Result) result = cli_run ("predict", self->pictures, "-m", self->model, "-a",
                                    self->adapter, "--format=table", NULL);
  g_auto (GStrv) lines = g_strsplit (result.out, "\n", -1);

  cli_assert_ok (&result);
  g_assert_true (g_str_has_prefix (lines[0], "picture "));
  const char *column = strstr (lines[0], "label ");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_assert_nonnull (strstr (lines[1 + i], names[i]));
    g_assert_true (g_str_has_prefix (lines[1 + i] + (column - lines[0]),
                                     cow_default_classes[best (expected + 9 * i)]));
  }
}

/* ---- what is said ---------------------------------------------------------------------------- */

/* The name of the picture in one row of CSV, and in one of JSON. */
static void
check_names (Fixture *self, const char *picture, const char *text)
{
  g_auto (Result) csv =
      cli_run ("predict", picture, "-m", self->model, "-a", self->adapter, "-f", "csv", NULL);
  g_auto (Result) json =
      cli_run ("predict", picture, "-m", self->model, "-a", self->adapter, "-f", "jsonl", NULL);
  g_autoptr (GError) error = NULL;

  cli_assert_ok (&csv);
  cli_assert_ok (&json);
  g_assert_true (g_utf8_validate (csv.out, -1, NULL));
  cli_assert_says (csv.out, text);
  g_autoptr (JsonNode) node = json_from_string (json.out, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (
      json_object_get_string_member (json_node_get_object (node), "image_path"), text));
}

static void
test_names (Fixture *self, gconstpointer data)
{
  g_autofree char *latin = g_build_filename (self->pictures, "K\xfche.png", NULL),
                  *looks = g_build_filename (self->pictures, "K\\xFChe.png", NULL);

  cli_make_picture (self->pictures, "plain.png", 40, 40, 1);
  g_autofree char *plain = g_build_filename (self->pictures, "plain.png", NULL), *bytes = NULL;
  gsize n;
  g_assert_true (g_file_get_contents (plain, &bytes, &n, NULL));
  g_assert_true (g_file_set_contents (latin, bytes, (gssize)n, NULL) &&
                 g_file_set_contents (looks, bytes, (gssize)n, NULL));
  check_names (self, latin, "K\\xFChe.png");
  check_names (self, looks, "K\\x5CxFChe.png");
}

/* Each verb says once what it left out, and names pictures on which nothing is to be seen. */
static void
test_said (Fixture *self, gconstpointer data)
{
  g_autofree char *phone = g_build_filename (self->pictures, "x.heic", NULL),
                  *hidden = g_build_filename (self->pictures, ".x.png", NULL),
                  *out = g_build_filename (self->folder, "said.safetensors", NULL);
  const char *const words = "2 files are left out: 1 picture of a format that is not read (.heic "
                            "1); 1 hidden";
  VipsImage *black = NULL;

  g_assert_true (g_file_set_contents (phone, "x", 1, NULL) &&
                 g_file_set_contents (hidden, "x", 1, NULL));
  g_assert_cmpint (vips_black (&black, 40, 40, "bands", 3, NULL), ==, 0);
  for (guint i = 0; i < 12; i++) {
    g_autofree char *path = g_strdup_printf ("%s/black%02u.png", self->pictures, i);
    g_assert_cmpint (vips_image_write_to_file (black, path, NULL), ==, 0);
  }
  g_object_unref (black);
  g_auto (Result) predict =
      cli_run ("predict", self->pictures, "-m", self->model, "-a", self->adapter, NULL);
  g_auto (Result) features = cli_run ("features", self->pictures, "-m", self->model, "--pixels",
                                      "--size", "64x64", "-o", out, NULL);
  const Result *results[] = { &predict, &features };
  for (guint i = 0; i < G_N_ELEMENTS (results); i++) {
    g_assert_cmpint (results[i]->status, ==, 0);
    cli_assert_says (results[i]->err, words);
    g_assert_null (strstr (strstr (results[i]->err, words) + 1, words));
    cli_assert_says (results[i]->err, "black09.png: nearly all values are from 0 to 0 of 255");
    g_assert_null (strstr (results[i]->err, "black10.png"));
    cli_assert_says (results[i]->err, "and 2 more pictures like these");
  }
}

/* ---- failures -------------------------------------------------------------------------------- */

/* Of three pictures two are broken: they are named and left out, the exit status is 1, and the
 * third is predicted. */
static void
test_unreadable (Fixture *self, gconstpointer data)
{
  g_autofree char *good = g_build_filename (self->pictures, "a.png", NULL),
                  *text = g_build_filename (self->folder, "text.png", NULL),
                  *cut = g_build_filename (self->folder, "cut.jpg", NULL),
                  *whole = g_build_filename (self->pictures, "c.JPG", NULL);
  g_autofree char *bytes = NULL;
  gsize n;

  g_assert_true (g_file_get_contents (whole, &bytes, &n, NULL));
  g_assert_true (g_file_set_contents (cut, bytes, (gssize)(n / 2), NULL) &&
                 g_file_set_contents (text, "none", -1, NULL));
  g_auto (Result) result =
      cli_run ("predict", text, good, cut, "-m", self->model, "-a", self->adapter, NULL);
  g_auto (GStrv) errors = g_strsplit (result.err, "\n", -1),
                 lines = g_strsplit (result.out, "\n", -1);

  g_assert_cmpint (result.status, ==, 1);
  g_assert_cmpuint (g_strv_length (errors), ==, 4);
  g_assert_true (g_str_has_prefix (errors[0], "cow-trainer: ") && strstr (errors[0], text));
  g_assert_true (g_str_has_prefix (errors[1], "cow-trainer: ") && strstr (errors[1], cut));
  g_assert_cmpstr (errors[2], ==, "cow-trainer: 2 of 3 pictures could not be read");
  g_assert_cmpuint (g_strv_length (lines), ==, 3);
  g_assert_true (g_str_has_prefix (lines[1], good));
}

static void
check_refused (Fixture *self, const char *picture, const char *adapter, const char *option,
               int status, const char *text)
{
  g_autofree char *out = g_build_filename (self->folder, "refused.csv", NULL);
  g_auto (Result) result = cli_run ("predict", picture, "--model", self->model, "--adapter",
                                    adapter, "--out", out, option, NULL);

  cli_assert_error (&result, status, text);
  g_assert_cmpstr (result.out, ==, "");
  g_assert_false (g_file_test (out, G_FILE_TEST_EXISTS));
}

static void
test_refused (Fixture *self, gconstpointer data)
{
  char *other = cli_folder ();
  g_autofree char *empty = g_build_filename (self->folder, "empty", NULL),
                  *wrong = cli_make_adapter (other, "gated7b", "dora_all_r16"),
                  *headless = cli_golden ("plain", "lora_q_r8");

  g_assert_cmpint (g_mkdir (empty, 0755), ==, 0);
  check_refused (self, "/nowhere/p.png", self->adapter, NULL, 1, "/nowhere/p.png");
  check_refused (self, empty, self->adapter, NULL, 1, empty);
  check_refused (self, self->pictures, "/nowhere/adapter", NULL, 1, "/nowhere/adapter");
  check_refused (self, self->pictures, wrong, NULL, 1, wrong);
  check_refused (self, self->pictures, headless, NULL, 1, headless);
  check_refused (self, self->pictures, self->adapter, "--frobnicate", 2, "--frobnicate");
  check_refused (self, self->pictures, self->adapter, "--out=/nowhere/out.csv", 1,
                 "/nowhere/out.csv");
  cli_remove (other);
}

/* The card knows another base than the model: the answers come with a warning. */
static void
test_other_base (Fixture *self, gconstpointer data)
{
  cli_change_base (self->adapter);
  g_auto (Result) result =
      cli_run ("predict", self->pictures, "--model", self->model, "--adapter", self->adapter, NULL);
  g_assert_cmpint (result.status, ==, 0);
  cli_assert_says (result.err, "warning: ");
  cli_assert_says (result.err, "was made on another base, another-barn");
}

/* The card has another number of classes than the head. */
static void
test_wrong_head (Fixture *self, gconstpointer data)
{
  g_autoptr (CowCard) card = cow_card_new_default ();
  g_free (card->classes[8]);
  card->classes[8] = NULL;
  card->preprocess.width = card->preprocess.height = 64;
  g_assert_true (cow_card_write (card, self->adapter, NULL));
  check_refused (self, self->pictures, self->adapter, NULL, 1, "classifier.safetensors");
}

/* A head whose numbers are finite and whose results are not. */
static void
overflow_head (const char *adapter)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowHeadWeights) head = cow_head_weights_read (adapter, 0, 0, &error);
  g_assert_no_error (error);
  const CowHeadLayer *last = &head->layers[head->n_layers - 1];
  for (gint64 i = 0; i < last->in * last->out; i++)
    last->weight[i] = 3e38f;
  g_assert_true (cow_head_weights_write (head, adapter, &error));
}

/* Results that are no numbers: each picture is named with the reason, none gets a label, and the
 * status says so; likewise of features. */
static void
test_not_finite (Fixture *self, gconstpointer data)
{
  g_autofree char *out = g_build_filename (self->folder, "out.safetensors", NULL);
  overflow_head (self->adapter);
  g_auto (Result) result = cli_run ("predict", self->pictures, "--model", self->model, "--adapter",
                                    self->adapter, "--format", "csv", NULL),
                  features = cli_run ("features", self->pictures, "-m", self->model, "-a",
                                      self->adapter, "-o", out, NULL);
  g_assert_cmpint (result.status, ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    cli_assert_says (result.err, names[i]);
    g_assert_null (strstr (result.out, names[i]));
  }
  cli_assert_says (result.err, "of the logits of ");
  cli_assert_says (result.err, "expected a finite number");
  cli_assert_says (result.err, "6 of 6 pictures could not be read or classified");
  cli_assert_error (&features, 1, "expected a finite number");
  cli_assert_says (features.err, names[0]);
  g_assert_false (g_file_test (out, G_FILE_TEST_EXISTS));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (VIPS_INIT (argv[0]), ==, 0);
  g_test_add ("/predict/other-base", Fixture, NULL, set_up, test_other_base, tear_down);
  g_test_add ("/predict/not-finite", Fixture, NULL, set_up, test_not_finite, tear_down);
  g_test_add ("/predict/csv", Fixture, NULL, set_up, test_csv, tear_down);
  g_test_add ("/predict/jsonl", Fixture, NULL, set_up, test_jsonl, tear_down);
  g_test_add ("/predict/table", Fixture, NULL, set_up, test_table, tear_down);
  g_test_add ("/predict/names", Fixture, NULL, set_up, test_names, tear_down);
  g_test_add ("/predict/said", Fixture, NULL, set_up, test_said, tear_down);
  g_test_add ("/predict/unreadable", Fixture, NULL, set_up, test_unreadable, tear_down);
  g_test_add ("/predict/refused", Fixture, NULL, set_up, test_refused, tear_down);
  g_test_add ("/predict/wrong-head", Fixture, NULL, set_up, test_wrong_head, tear_down);
  return g_test_run ();
}
