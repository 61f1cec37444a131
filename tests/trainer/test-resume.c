/* SPDX-License-Identifier: MIT */
/* A run that was stopped, for whatever reason, resumes and gives the result of one that was not. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/kernels.h"
#include "model/files/safetensors.h"
#include "tests/trainer/drawn.h"
#include "tests/trainer/runs.h"

#define N_KILLS 20

static char *folder, *base, *data, *whole; /* whole: a run that nothing stopped */
static double whole_seconds;

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* A run that saves after every step or nearly. */
#define ARGUMENTS(out)                                                                             \
  "train", "--recipe", "dora-all-r16", "--data", data, "--model", base, "--out", out, "--size",    \
      "32", "--batch", "4", "--gradient-accumulation", "2", "--learning-rate", "1e-3", "--epochs", \
      "6", "--save-every", "0.0005"

static Result
resume (const char *out)
{
  return cli_run ("train", "--resume", out, NULL);
}

static void
assert_whole_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowSafetensors) file = cow_safetensors_open (path, &error);
  g_assert_no_error (error);
  g_assert_nonnull (file);
}

/* Asserts that everything under the names that users load is complete. */
static void
assert_usable (const char *out)
{
  static const char *const files[] = { "best/adapter_model.safetensors",
                                       "best/classifier.safetensors",
                                       "last/adapter_model.safetensors",
                                       "last/classifier.safetensors", "last/state.safetensors" };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *path = g_build_filename (out, files[i], NULL),
                    *place = g_path_get_dirname (path);
    if (g_file_test (place, G_FILE_TEST_IS_DIR))
      assert_whole_file (path);
  }
}

/* ---- processes ------------------------------------------------------------------------------- */

/* Starts a run, or resumes it if its folder has a recipe already. */
static GPid
spawn (const char *out)
{
  const char *begin[] = { g_getenv ("COW_TRAINER"), ARGUMENTS (out), NULL };
  const char *go_on[] = { g_getenv ("COW_TRAINER"), "train", "--resume", out, NULL };
  g_autofree char *recipe = g_build_filename (out, "recipe.ini", NULL);
  g_autoptr (GError) error = NULL;
  GPid pid;

  g_spawn_async (NULL, (char **)(g_file_test (recipe, G_FILE_TEST_EXISTS) ? go_on : begin), NULL,
                 G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                     G_SPAWN_STDERR_TO_DEV_NULL,
                 NULL, NULL, &pid, &error);
  g_assert_no_error (error);
  return pid;
}

static int
wait_for (GPid pid)
{
  int status;
  while (waitpid (pid, &status, 0) < 0)
    g_assert_cmpint (errno, ==, EINTR);
  return status;
}

/* Waits until a run has saved something, or the time is up. */
static void
wait_for_state (const char *out)
{
  g_autofree char *state = g_build_filename (out, "last", "state.safetensors", NULL);
  for (guint i = 0; i < 6000 && !g_file_test (state, G_FILE_TEST_EXISTS); i++)
    g_usleep (10000);
  g_assert_true (g_file_test (state, G_FILE_TEST_EXISTS));
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void
test_killed (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  guint n_kills = 0;

  for (guint n_runs = 0; n_kills < N_KILLS; n_runs++) {
    g_autofree char *name = g_strdup_printf ("killed-%u", n_runs), *out = in_folder (name);
    for (gboolean running = TRUE; running;) {
      const GPid pid = spawn (out);
      g_usleep (
          (gulong)(g_rand_double_range (random, 0, n_kills < N_KILLS ? whole_seconds / 3 : 1) *
                   G_USEC_PER_SEC));
      if (n_kills < N_KILLS)
        kill (pid, SIGKILL);
      const int status = wait_for (pid);
      running = WIFSIGNALED (status);
      n_kills += running;
      g_assert_true (running || (WIFEXITED (status) && WEXITSTATUS (status) == 0));
      assert_usable (out);
    }
    runs_assert_same (whole, out, COW_HISTORY_CLASSES);
  }
}

/* The run was killed when `last` had its last epoch and results.csv did not have it yet. */
static void
test_killed_before_table (void)
{
  g_autofree char *out = in_folder ("no-table"),
                  *table = g_build_filename (out, "results.csv", NULL), *text = NULL;
  g_auto (Result) first = cli_run (ARGUMENTS (out), NULL);
  g_autoptr (GError) error = NULL;
  gsize n;

  runs_assert_ok (&first);
  g_file_get_contents (table, &text, &n, &error);
  g_assert_no_error (error);
  text[n - 1] = '\0'; /* the newline of the last row */
  strrchr (text, '\n')[1] = '\0';
  g_file_set_contents (table, text, -1, &error);
  g_assert_no_error (error);
  g_auto (Result) resumed = resume (out);
  runs_assert_ok (&resumed);
  runs_assert_same (whole, out, COW_HISTORY_CLASSES);
}

static void
test_interrupted (void)
{
  g_autofree char *out = in_folder ("interrupted");
  const GPid pid = spawn (out);

  wait_for_state (out);
  kill (pid, SIGINT);
  const int status = wait_for (pid);
  g_assert_true (WIFEXITED (status));
  /* The status is 1, unless the run had just finished. */
  g_assert_cmpint (WEXITSTATUS (status), <=, 1);
  assert_usable (out);
  g_auto (Result) result = resume (out);
  runs_assert_ok (&result);
  runs_assert_same (whole, out, COW_HISTORY_CLASSES);
}

/* The message says how to resume. */
static void
test_interrupted_message (void)
{
  g_autofree char *out = in_folder ("message"), *err = NULL;
  /* The run would last for hours. */
  const char *argv[] = {
    g_getenv ("COW_TRAINER"), ARGUMENTS (out), "--epochs", "100000", "--patience", "0", NULL
  };
  g_autoptr (GError) error = NULL;
  gsize n;
  GPid pid;
  int descriptor;

  g_spawn_async_with_pipes (NULL, (char **)argv, NULL,
                            G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                            &pid, NULL, NULL, &descriptor, &error);
  g_assert_no_error (error);
  wait_for_state (out);
  kill (pid, SIGINT);
  g_autoptr (GIOChannel) channel = g_io_channel_unix_new (descriptor);
  g_io_channel_set_encoding (channel, NULL, &error);
  g_assert_no_error (error);
  g_io_channel_read_to_end (channel, &err, &n, &error);
  g_assert_no_error (error);
  wait_for (pid);
  close (descriptor);
  if (!strstr (err, "cow-trainer train --resume ") || !strstr (err, "saved"))
    g_error ("standard error: %s", err);
}

static void
test_max_hours (void)
{
  g_autofree char *out = in_folder ("hours");
  g_auto (Result) first = cli_run (ARGUMENTS (out), "--max-hours", "0.00002", NULL);

  runs_assert_ok (&first);
  cli_assert_says (first.out, "--resume");
  g_auto (Result) result = cli_run ("train", "--resume", out, "--max-hours", "0", NULL);
  runs_assert_ok (&result);
  runs_assert_same (whole, out, COW_HISTORY_CLASSES);
}

/* The number of threads affects speed only: a run may resume with another one. */
static void
test_threads (void)
{
  g_autofree char *out = in_folder ("threads");
  g_auto (Result) first =
      cli_run (ARGUMENTS (out), "--threads", "3", "--max-hours", "0.00002", NULL);
  g_auto (Result) again =
      cli_run ("train", "--resume", out, "--threads", "2", "--max-hours", "0", NULL);
  g_autoptr (GBytes) recipe = runs_read (out, "recipe.ini");

  runs_assert_ok (&first);
  runs_assert_ok (&again);
  cli_assert_says (first.out, "in 3 threads");
  cli_assert_says (again.out, "in 2 threads");
  g_assert_null (
      g_strstr_len (g_bytes_get_data (recipe, NULL), (gssize)g_bytes_get_size (recipe), "threads"));
  runs_assert_same (whole, out, COW_HISTORY_CLASSES);
}

/* Other instructions round differently, and the run says so. */
static void
test_other_device (void)
{
  g_autofree char *out = in_folder ("device"), *before = g_strdup (g_getenv ("COWBEHAVIOR_CPU"));
  const char *level = ck_cpu_levels ()[1];

  if (!level) {
    g_test_skip ("this processor has plain C alone");
    return;
  }
  g_autofree char *moved = g_strdup_printf ("began on cpu (c) and is resumed on cpu (%s)", level);
  g_setenv ("COWBEHAVIOR_CPU", "c", TRUE);
  g_auto (Result) first = cli_run (ARGUMENTS (out), "--max-hours", "0.00002", NULL);
  g_auto (Result) same = cli_run ("train", "--resume", out, "--max-hours", "0.00002", NULL);
  g_setenv ("COWBEHAVIOR_CPU", level, TRUE);
  g_auto (Result) other = cli_run ("train", "--resume", out, "--max-hours", "0", NULL);
  if (before)
    g_setenv ("COWBEHAVIOR_CPU", before, TRUE);
  else
    g_unsetenv ("COWBEHAVIOR_CPU");

  runs_assert_ok (&first);
  runs_assert_ok (&same);
  runs_assert_ok (&other);
  g_assert_null (strstr (same.err, "is resumed on"));
  cli_assert_says (other.err, moved);
}

/* A run that a version with another arithmetic began says so too; the first left no number. */
static void
test_other_arithmetic (void)
{
  g_autofree char *out = in_folder ("arithmetic"),
                  *path = g_build_filename (out, "last", "cowbehavior.json", NULL), *text = NULL;
  g_auto (Result) first = cli_run (ARGUMENTS (out), "--max-hours", "0.00002", NULL);
  g_auto (Result) same = cli_run ("train", "--resume", out, "--max-hours", "0.00002", NULL);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  char *name = strstr (text, "\"arithmetic\"");
  g_assert_nonnull (name);
  name[1] = 'A';
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_auto (Result) other = cli_run ("train", "--resume", out, "--max-hours", "0", NULL);

  runs_assert_ok (&first);
  runs_assert_ok (&same);
  runs_assert_ok (&other);
  g_assert_null (strstr (same.err, "rounded differently"));
  cli_assert_says (other.err, "rounded differently");
}

/* A run that started from a decomposition computes the same one again, and LoRA+ goes on at its
 * rates. */
static void
test_pissa (void)
{
  g_autofree char *out = in_folder ("pissa"), *other = in_folder ("pissa-whole");
#define PISSA(out)                                                                                 \
  "train", "--recipe", "dora-q-r8", "--data", data, "--model", base, "--out", out, "--size", "32", \
      "--batch", "4", "--rank", "3", "--epochs", "3", "--use-rslora", "--init-lora-weights",       \
      "pissa", "--loraplus-lr-ratio", "4"
  g_auto (Result) straight = cli_run (PISSA (other), NULL);
  g_auto (Result) first = cli_run (PISSA (out), "--max-hours", "0.00002", NULL);

  runs_assert_ok (&straight);
  runs_assert_ok (&first);
  cli_assert_says (straight.out, "they are saved as LoRA of rank 6");
  g_auto (Result) result = cli_run ("train", "--resume", out, "--max-hours", "0", NULL);
  runs_assert_ok (&result);
  runs_assert_same (other, out, COW_HISTORY_CLASSES);
  g_autoptr (GBytes) config = runs_read (other, "best/adapter_config.json");
  const char *text = g_bytes_get_data (config, NULL);
  const gssize n = (gssize)g_bytes_get_size (config);
  g_assert_nonnull (g_strstr_len (text, n, "\"r\" : 6"));
  g_assert_nonnull (g_strstr_len (text, n, "\"use_rslora\" : true"));
}

/* ResNet's running statistics are part of a checkpoint. */
static void
test_resnet (void)
{
  g_autofree char *out = in_folder ("resnet"), *other = in_folder ("resnet-whole");
#define RESNET(out)                                                                                \
  "train", "--recipe", "resnet18", "--data", data, "--out", out, "--size", "32", "--batch", "6",   \
      "--augment", "none", "--epochs", "2"
  g_auto (Result) straight = cli_run (RESNET (other), NULL);
  g_auto (Result) first = cli_run (RESNET (out), "--max-hours", "0.00005", NULL);

  runs_assert_ok (&straight);
  runs_assert_ok (&first);
  g_auto (Result) result = cli_run ("train", "--resume", out, "--max-hours", "0", NULL);
  runs_assert_ok (&result);
  runs_assert_same (other, out, COW_HISTORY_CLASSES);
}

/* A run keeps its precision when it is resumed. It learns what the run in fp32 learns, by other
 * bits: what they are rounded by grows from step to step. */
static void
test_precision (void)
{
  g_autofree char *out = in_folder ("int16"), *other = in_folder ("int16-whole");
  g_auto (Result) straight = cli_run (ARGUMENTS (other), "--precision", "int16", NULL);
  g_auto (Result) first = cli_run (ARGUMENTS (out), "--precision", "int16", "--threads", "3",
                                   "--max-hours", "0.00002", NULL);
  g_auto (Result) result =
      cli_run ("train", "--resume", out, "--threads", "2", "--max-hours", "0", NULL);
  g_auto (Result) changed = cli_run ("train", "--resume", out, "--precision", "fp32", NULL);

  runs_assert_ok (&straight);
  runs_assert_ok (&first);
  runs_assert_ok (&result);
  runs_assert_same (other, out, COW_HISTORY_CLASSES);
  cli_assert_error (&changed, 2, "--precision");
  g_autoptr (GArray) losses = runs_column (out, "train_loss"),
                     expected = runs_column (whole, "train_loss");
  g_assert_cmpuint (losses->len, ==, expected->len);
  for (guint i = 0; i < losses->len; i++) {
    const double loss = g_array_index (losses, double, i),
                 want = g_array_index (expected, double, i);
    g_test_message ("epoch %u: a loss of %.9g, in fp32 %.9g", i + 1, loss, want);
    g_assert_cmpfloat (loss, !=, want);
    g_assert_cmpfloat_with_epsilon (loss, want, (i == 0 ? 1e-3 : .05) * want);
  }
}

/* The same from scratch, where gradients of weights are made of whole numbers too. */
static void
test_precision_scratch (void)
{
  g_autofree char *out = in_folder ("int16-scratch"), *other = in_folder ("int16-scratch-whole");
#define SCRATCH(out)                                                                               \
  "train", "--recipe", "dinov3-scratch", "--network", "tiny", "--data", data, "--out", out,        \
      "--size", "32", "--batch", "6", "--augment", "none", "--epochs", "2", "--precision", "int16"
  g_auto (Result) straight = cli_run (SCRATCH (other), NULL);
  g_auto (Result) first = cli_run (SCRATCH (out), "--threads", "3", "--max-hours", "0.00002", NULL);
  g_auto (Result) result =
      cli_run ("train", "--resume", out, "--threads", "1", "--max-hours", "0", NULL);

  runs_assert_ok (&straight);
  runs_assert_ok (&first);
  runs_assert_ok (&result);
  runs_assert_same (other, out, COW_HISTORY_CLASSES);
}

/* ---- resuming for more epochs ---------------------------------------------------------------- */

static void
test_more_epochs (void)
{
  g_autofree char *out = in_folder ("more");
  g_auto (Result) first = cli_run (ARGUMENTS (out), "--epochs", "2", NULL);
  g_auto (Result) again = resume (out);
  g_auto (Result) more = cli_run ("train", "--resume", out, "--epochs", "3", NULL);
  g_autoptr (GArray) epochs = runs_column (out, "epoch"), rate = runs_column (out, "learning_rate");

  runs_assert_ok (&first);
  runs_assert_ok (&again);
  cli_assert_says (again.out, "2 epochs are done");
  runs_assert_ok (&more);
  g_assert_cmpuint (epochs->len, ==, 3);
  /* The schedule is now that of three epochs: the rate at the end of the second was its last value,
   * and the third's is no lower. */
  g_assert_cmpfloat (g_array_index (rate, double, 2), >=, .099e-3);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void
test_refused (void)
{
  g_autofree char *nothing = in_folder ("nothing");
  g_auto (Result) again = cli_run (ARGUMENTS (whole), NULL);
  g_auto (Result) absent = resume (nothing);
  g_auto (Result) both = cli_run ("train", "--resume", whole, "--out", nothing, NULL);
  g_auto (Result) setting = cli_run ("train", "--resume", whole, "--rank", "4", NULL);
  g_auto (Result) config = cli_run ("train", "--resume", whole, "--config", "x.ini", NULL);

  cli_assert_error (&again, 1, "holds a run: --resume");
  cli_assert_error (&absent, 1, "no run to resume");
  cli_assert_error (&both, 2, "--resume and --out");
  cli_assert_error (&setting, 2, "--rank");
  cli_assert_error (&config, 2, "--config");
}

/* The folder is in use as long as its lock is held. */
static void
test_locked (void)
{
  g_autofree char *path = g_build_filename (whole, ".lock", NULL);
  const int lock = open (path, O_RDWR | O_CREAT, 0666);

  g_assert_cmpint (lock, >=, 0);
  g_assert_cmpint (flock (lock, LOCK_EX | LOCK_NB), ==, 0);
  g_auto (Result) result = resume (whole);
  close (lock);
  cli_assert_error (&result, 1, "another cow-trainer is writing there");
}

/* Other pictures, or another base, would silently make it another run. */
static void
test_changed (void)
{
  g_autofree char *picture = g_build_filename (data, "train", "Lying", "lying_000.png", NULL),
                  *kept = g_strconcat (data, ".kept", NULL);
  g_autofree char *weights = g_build_filename (base, "model.safetensors", NULL);

  g_assert_cmpint (g_rename (picture, kept), ==, 0);
  g_auto (Result) fewer = resume (whole);
  g_assert_cmpint (g_rename (kept, picture), ==, 0);
  cli_assert_error (&fewer, 1, "no longer those that the run began with");

  /* This flips a bit of the last tensor's last float. */
  g_autoptr (GError) error = NULL;
  g_autofree char *bytes = NULL;
  gsize n;
  g_file_get_contents (weights, &bytes, &n, &error);
  g_assert_no_error (error);
  bytes[n - 2] ^= 1;
  g_file_set_contents (weights, bytes, (gssize)n, &error);
  g_auto (Result) other = resume (whole);
  bytes[n - 2] ^= 1;
  g_file_set_contents (weights, bytes, (gssize)n, &error);
  g_assert_no_error (error);
  cli_assert_error (&other, 1, "its weights are not those");
}

/* A damaged checkpoint is reported and not used. */
static void
test_damaged (void)
{
  g_autofree char *out = in_folder ("damaged"),
                  *state = g_build_filename (out, "last", "state.safetensors", NULL);
  g_auto (Result) first = cli_run (ARGUMENTS (out), "--epochs", "1", NULL);

  runs_assert_ok (&first);
  g_assert_cmpint (truncate (state, 1000), ==, 0);
  g_auto (Result) cut = resume (out);
  cli_assert_error (&cut, 1, "state.safetensors");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = cli_folder ();
  base = drawn_base (folder);
  data = in_folder ("data");
  whole = in_folder ("whole");
  drawn_data (data, 5, 2, 0, 32);
  const gint64 start = g_get_monotonic_time ();
  g_auto (Result) result = cli_run (ARGUMENTS (whole), NULL);
  whole_seconds = (double)(g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  runs_assert_ok (&result);

  g_test_add_func ("/resume/killed", test_killed);
  g_test_add_func ("/resume/killed-before-table", test_killed_before_table);
  g_test_add_func ("/resume/interrupted", test_interrupted);
  g_test_add_func ("/resume/interrupted-message", test_interrupted_message);
  g_test_add_func ("/resume/max-hours", test_max_hours);
  g_test_add_func ("/resume/threads", test_threads);
  g_test_add_func ("/resume/precision", test_precision);
  g_test_add_func ("/resume/precision-scratch", test_precision_scratch);
  g_test_add_func ("/resume/other-device", test_other_device);
  g_test_add_func ("/resume/other-arithmetic", test_other_arithmetic);
  g_test_add_func ("/resume/pissa", test_pissa);
  g_test_add_func ("/resume/resnet", test_resnet);
  g_test_add_func ("/resume/more-epochs", test_more_epochs);
  g_test_add_func ("/resume/refused", test_refused);
  g_test_add_func ("/resume/locked", test_locked);
  g_test_add_func ("/resume/changed", test_changed);
  g_test_add_func ("/resume/damaged", test_damaged);
  const int status = g_test_run ();
  cli_remove (folder);
  g_free (base);
  g_free (data);
  g_free (whole);
  return status;
}
