/* SPDX-License-Identifier: MIT */
/*
 * A run without its training: calls run tracking as `cow-trainer train` does, so that run.sh can
 * check what MLflow has received.
 *
 *   track FOLDER EPOCHS SECONDS_AN_EPOCH [resume] [WAIT_S]
 *
 * The last line of output is the time of the slowest call. Exit status 3 means that not all was
 * sent.
 */
#include <math.h>
#include <stdlib.h>

#include "trainer/tracking/run-tracking.h"

static void
write_artifacts (const char *folder)
{
  g_autofree char *best = g_build_filename (folder, "best", NULL),
                  *deep = g_build_filename (best, "plots of a run", NULL);
  g_autofree char *weights = g_build_filename (best, "adapter_model.safetensors", NULL);
  g_autofree char *plot = g_build_filename (deep, "confusion.svg", NULL),
                  *results = g_build_filename (folder, "results.csv", NULL);
  g_autofree char *bytes = g_malloc (3000000);

  for (gsize i = 0; i < 3000000; i++)
    bytes[i] = (char)(i * 31 / 7);
  g_assert_cmpint (g_mkdir_with_parents (deep, 0777), ==, 0);
  g_assert_true (g_file_set_contents (weights, bytes, 3000000, NULL));
  g_assert_true (g_file_set_contents (plot, "<svg/>", -1, NULL));
  g_assert_true (g_file_set_contents (results, "epoch,val_acc\n1,0.5\n", -1, NULL));
}

static void
log_params (CowRunTracking *tracking, const char *epochs)
{
  static const char *const names[] = { "recipe", "learning_rate", "class names (9)" },
                           *const values[] = { "qlora-q-r8", "0.0001", "Lying" };
  g_autofree char *longest = g_strnfill (20000, 'x');

  cow_run_tracking_log_params (tracking, G_N_ELEMENTS (names), names, values);
  cow_run_tracking_log_param (tracking, "long", longest);
  cow_run_tracking_log_param (tracking, "epochs",
                              epochs); /* MLflow refuses another value in a resumed run */
  for (guint i = 0; i < 250; i++) {
    g_autofree char *name = g_strdup_printf ("setting.%u", i);
    cow_run_tracking_log_param (tracking, name, "on");
  }
}

static void
log_epoch (CowRunTracking *tracking, int epoch)
{
  const CowRunMetric metrics[] = {
    { "train_loss", 2.0 / epoch },
    { "val_acc", 1 - 1.0 / epoch },
    { "learning_rate", 1e-4 / epoch },
    { "gradient_norm", epoch == 1 ? NAN : 1 },
  };
  cow_run_tracking_log_metrics (tracking, G_N_ELEMENTS (metrics), metrics, epoch);
}

int
main (int argc, char **argv)
{
  if (argc < 4)
    return 2;
  const char *folder = argv[1];
  const int epochs = atoi (argv[2]);
  const double pause_s = atof (argv[3]);
  gboolean resume = FALSE;
  double wait_s = COW_RUN_TRACKING_WAIT_S;
  for (int i = 4; i < argc; i++) {
    if (g_str_equal (argv[i], "resume"))
      resume = TRUE;
    else
      wait_s = atof (argv[i]);
  }

  gint64 slowest_us = 0;
  g_autoptr (CowRunTracking) tracking =
      cow_run_tracking_new (NULL, NULL, "a run: of run.sh", folder, resume);
  write_artifacts (folder);
  for (int epoch = 0; epoch <= epochs; epoch++) {
    const gint64 start_us = g_get_monotonic_time ();
    if (epoch == 0)
      log_params (tracking, argv[2]);
    else
      log_epoch (tracking, epoch);
    slowest_us = MAX (slowest_us, g_get_monotonic_time () - start_us);
    g_usleep ((gulong)(pause_s * G_USEC_PER_SEC));
  }
  g_autofree char *best = g_build_filename (folder, "best", NULL),
                  *results = g_build_filename (folder, "results.csv", NULL);
  cow_run_tracking_log_artifact (tracking, best, NULL);
  cow_run_tracking_log_artifact (tracking, results, "tables");
  const gboolean all = cow_run_tracking_finish (tracking, COW_RUN_TRACKING_FINISHED, wait_s);
  g_print ("slowest call: %.0f ms\n", (double)slowest_us / 1000);
  return all ? 0 : 3;
}
