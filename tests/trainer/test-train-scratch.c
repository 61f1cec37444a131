/* SPDX-License-Identifier: MIT */
/* `train` of the two networks without a base, which are large for a test: each learns drawn
 * pictures, and its folder is a complete network. */
#include "tests/trainer/drawn.h"
#include "tests/trainer/runs.h"

#define N_TEST 4 /* held-out pictures of each class */

static char *folder, *data, *test_data;

static void
train (const char *recipe, const char *size, const char *batch, const char *rate,
       const char *epochs)
{
  g_autofree char *out = g_build_filename (folder, recipe, NULL),
                  *best = g_build_filename (out, "best", NULL);
  g_autofree char *weights = g_build_filename (best, "model.safetensors", NULL);
  g_auto (Result) result =
      cli_run ("train", "--recipe", recipe, "--data", data, "--out", out, "--size", size, "--batch",
               "6", "--learning-rate", rate, "--head-dropout", "0", "--augment", "none", "--epochs",
               epochs, NULL);

  runs_assert_ok (&result);
  g_assert_true (g_file_test (weights, G_FILE_TEST_EXISTS));
  g_assert_cmpuint (runs_count_right (NULL, best, test_data), >=, DRAWN_N_CLASSES * N_TEST * 3 / 4);
}

static void
test_resnet18 (void)
{
  train ("resnet18", "32", "6", "1e-3", "4");
}

static void
test_vit_small (void)
{
  train ("vit-small", "224", "3", "5e-4", "1");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = cli_folder ();
  data = g_build_filename (folder, "data", NULL);
  test_data = g_build_filename (data, "test", NULL);
  drawn_data (data, 10, 2, N_TEST, 32);
  g_test_add_func ("/train-scratch/resnet18", test_resnet18);
  g_test_add_func ("/train-scratch/vit-small", test_vit_small);
  const int status = g_test_run ();
  cli_remove (folder);
  g_free (data);
  g_free (test_data);
  return status;
}
