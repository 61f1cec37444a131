/* SPDX-License-Identifier: MIT */
/* `export`: what is said, refused and left behind. The numbers of the files are tests/onnx/'s. */
#define _GNU_SOURCE /* memmem () */
#include <string.h>

#include "model/network/export.h"
#include "tests/trainer/cli.h"

/* The bytes of a file as a text that may hold zeros; free with g_free. */
static char *
read_file (const char *path, gsize *n)
{
  char *bytes = NULL;
  g_assert_true (g_file_get_contents (path, &bytes, n, NULL));
  return bytes;
}

static gboolean
holds (const char *bytes, gsize n, const char *text)
{
  return memmem (bytes, n, text, strlen (text)) != NULL;
}

static guint
n_files (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;
  while (g_dir_read_name (dir))
    n++;
  return n;
}

static void
test_program (void)
{
  char *folder = cli_folder ();
  gsize n;
  g_autofree char *model = cli_golden ("plain", "nf4"),
                  *adapter = cli_make_adapter (folder, "plain", "dora_q_r8"),
                  *out = g_build_filename (folder, "cows.onnx", NULL);
  g_auto (Result) first = cli_run ("export", "-m", model, "-a", adapter, "-o", out, NULL);
  g_auto (Result) again = cli_run ("export", "-m", model, "-a", adapter, "-o", out, NULL);
  cli_assert_ok (&first);
  cli_assert_ok (&again);
  cli_assert_says (first.out, "in fp32, opset 17");
  cli_assert_says (first.out, "takes pixel_values [batch, 3, 64, 64]: RGB, bilinear, divided by "
                              "255, mean 0 0 0, std 1 1 1");
  cli_assert_says (first.out, "gives logits and probabilities [batch, 9], features [batch, 128]");
  g_autofree char *bytes = read_file (out, &n);
  g_assert_true (holds (bytes, n, "\"Feeding head down\""));
  g_assert_true (holds (bytes, n, "layer.1.mlp.down_proj.weight"));
  g_auto (Result) info = cli_run ("info", out, NULL);
  cli_assert_error (&info, 1, "is an ONNX file, which other programs run");
  cli_remove (folder);
}

/* Values that are apart, and a graph that must not read those of another. */
static void
test_apart (void)
{
  char *folder = cli_folder ();
  gsize n;
  g_autofree char *model = cli_golden ("plain", "fp32"),
                  *out = g_build_filename (folder, "cows.onnx", NULL),
                  *data = g_strconcat (out, ".data", NULL),
                  *odd = g_build_filename (folder, "cow\xe9.onnx", NULL);
  g_auto (Result) first = cli_run ("export", "-m", model, "-o", out, "--external-data", NULL);
  cli_assert_ok (&first);
  cli_assert_says (first.out, "values in ");
  cli_assert_says (first.out, "gives features [batch, 128]");
  g_autofree char *values = read_file (data, &n);
  g_assert_cmpuint (n, >, 1000000);
  g_auto (Result) again = cli_run ("export", "-m", model, "-o", out, "--external-data", NULL);
  cli_assert_error (&again, 1, "cows.onnx: there already");
  g_auto (Result) name = cli_run ("export", "-m", model, "-o", odd, "--external-data", NULL);
  cli_assert_error (&name, 1, "must be called in UTF-8");
  cli_remove (folder);
}

static gboolean
stop (const char *tensor, guint64 done_bytes, guint64 total_bytes, gpointer user_data)
{
  return ++*(guint *)user_data < 5;
}

/* What is there stays, and nothing comes to it. */
static void
test_cancelled (void)
{
  char *folder = cli_folder ();
  g_autoptr (GError) error = NULL;
  g_autofree char *model = cli_golden ("plain", "nf4"),
                  *out = g_build_filename (folder, "cows.onnx", NULL), *kept = NULL;
  const CowClassifierOptions options = { .model = model, .precision = COW_PRECISION_FP32 };
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&options, &error);
  guint calls = 0;
  CowOnnxSizes sizes;
  const CowExportOptions what = { .path = out, .progress = stop, .user_data = &calls };
  g_assert_no_error (error);
  g_assert_true (g_file_set_contents (out, "as it was", -1, NULL));
  g_assert_false (cow_export (classifier, &what, &sizes, &error));
  g_assert_true (g_error_matches (error, COW_ERROR, COW_ERROR_IO) &&
                 strstr (error->message, "cows.onnx: cancelled"));
  g_assert_cmpuint (n_files (folder), ==, 1);
  g_assert_true (g_file_get_contents (out, &kept, NULL, NULL));
  g_assert_cmpstr (kept, ==, "as it was");
  cli_remove (folder);
}

static void
test_refused (void)
{
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "nf4"), *other = cli_golden ("gated7b", "nf4"),
                  *adapter = cli_golden ("plain", "lora_all_r16"),
                  *out = g_build_filename (folder, "cows.onnx", NULL);
  g_auto (Result) no_out = cli_run ("export", "-m", model, NULL),
                  nothing = cli_run ("export", "-o", out, NULL),
                  misfit = cli_run ("export", "-m", other, "-a", adapter, "-o", out, NULL),
                  stray = cli_run ("export", "barn", "-m", model, "-o", out, NULL),
                  onto = cli_run ("export", "-m", model, "-o", folder, NULL);
  cli_assert_error (&no_out, 2, "--out is missing");
  cli_assert_error (&nothing, 2, "--model or --adapter is missing");
  cli_assert_error (&misfit, 1, adapter);
  cli_assert_error (&stray, 2, "barn");
  cli_assert_error (&onto, 1, folder);
  g_assert_cmpuint (n_files (folder), ==, 0);
  cli_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/export/program", test_program);
  g_test_add_func ("/export/apart", test_apart);
  g_test_add_func ("/export/cancelled", test_cancelled);
  g_test_add_func ("/export/refused", test_refused);
  return g_test_run ();
}
