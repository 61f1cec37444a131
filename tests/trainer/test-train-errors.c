/* SPDX-License-Identifier: MIT */
/* Bad data, full disks and wrong settings: each gives a clear line, before anything is lost or
 * after it was saved. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/trainer/drawn.h"
#include "tests/trainer/runs.h"

static char *folder, *base, *data;

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

#define ARGUMENTS(set, out)                                                                        \
  "train", "--recipe", "qlora-q-r8", "--data", set, "--model", base, "--out", out, "--size", "32", \
      "--epochs", "2"

/* Standard error may have warnings before the one line of the error. */
static void
assert_error (const Result *result, int status, const char *text)
{
  if (result->status != status || !strstr (result->err, text))
    g_error ("expected status %d and \"%s\", got %d and:\n%s", status, text, result->status,
             result->err);
}

static Result
train_on (const char *set, const char *name)
{
  g_autofree char *out = in_folder (name);
  return cli_run (ARGUMENTS (set, out), NULL);
}

static char *
copy_of_data (const char *name)
{
  char *place = in_folder (name);
  drawn_data (place, 5, 2, 2, 32);
  return place;
}

static void
write_text (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

/* ---- data ------------------------------------------------------------------------------------ */

/* A picture breaks in the middle of a run: the run saves its state, and resumes when the picture is
 * back. */
static void
test_unreadable (void)
{
  g_autofree char *set = copy_of_data ("spoilt"), *out = in_folder ("spoilt-run"),
                  *other = in_folder ("spoilt-whole");
  g_autofree char *picture = g_build_filename (set, "train", "Standing", "standing_002.png", NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *bytes = NULL;
  gsize n;

  g_auto (Result) straight = cli_run (ARGUMENTS (set, other), NULL);
  g_auto (Result) first = cli_run (ARGUMENTS (set, out), "--max-hours", "0.00001", NULL);
  runs_assert_ok (&straight);
  runs_assert_ok (&first);
  g_file_get_contents (picture, &bytes, &n, &error);
  g_assert_no_error (error);
  /* The length is the same as before, so that the data are the same by name and size. */
  g_autofree char *zeros = g_malloc0 (n);
  g_file_set_contents (picture, zeros, (gssize)n, &error);
  g_auto (Result) spoilt = cli_run ("train", "--resume", out, "--max-hours", "0", NULL);
  assert_error (&spoilt, 1, "training stopped and was saved: ");
  assert_error (&spoilt, 1, picture);
  g_file_set_contents (picture, bytes, (gssize)n, &error);
  g_auto (Result) rest = cli_run ("train", "--resume", out, NULL);
  runs_assert_ok (&rest);
  runs_assert_same (other, out, COW_HISTORY_CLASSES);
}

/* What the message advises works: a good picture in the place of the broken one, or without it a
 * new run that takes the adapter. */
static void
test_repaired (void)
{
  g_autofree char *set = copy_of_data ("repaired"), *out = in_folder ("repaired-run"),
                  *next = in_folder ("repaired-next");
  g_autofree char *picture = g_build_filename (set, "train", "Standing", "standing_001.png", NULL),
                  *other = g_build_filename (set, "train", "Standing", "standing_002.png", NULL),
                  *last = g_build_filename (out, "last", NULL),
                  *start = g_strdup_printf ("--start %s/last", out);
  g_autoptr (GError) error = NULL;
  g_autofree char *bytes = NULL;
  gsize n;

  g_file_get_contents (other, &bytes, &n, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_set_contents (picture, bytes, (gssize)(n / 2), NULL));
  g_auto (Result) broken = cli_run (ARGUMENTS (set, out), NULL);
  assert_error (&broken, 1, "put a good picture of the same name in its place");
  const char *reason = strstr (broken.err, picture);
  g_assert_true (reason && g_str_has_prefix (reason + strlen (picture), ": cannot be decoded"));
  assert_error (&broken, 1, start);

  g_remove (picture);
  g_auto (Result) fewer = cli_run ("train", "--resume", out, NULL);
  assert_error (&fewer, 1, "(names, classes or split differ)");
  assert_error (&fewer, 1, start);
  g_auto (Result) fresh = cli_run (ARGUMENTS (set, next), "--start", last, NULL);
  runs_assert_ok (&fresh);

  g_assert_true (g_file_set_contents (picture, bytes, (gssize)n, NULL));
  g_auto (Result) rest = cli_run ("train", "--resume", out, NULL);
  runs_assert_ok (&rest);
  cli_assert_says (rest.err, "replaced by others of the same names");
}

static void
test_empty_class (void)
{
  g_autofree char *set = copy_of_data ("empty"),
                  *place = g_build_filename (set, "train", "gallop", NULL);

  g_mkdir (place, 0755);
  g_auto (Result) result = train_on (set, "empty-run");
  assert_error (&result, 1, "the class \"gallop\" has no pictures in train");
}

static void
test_missing_in_test (void)
{
  g_autofree char *set = copy_of_data ("missing"),
                  *place = g_build_filename (set, "test", "Lying", NULL),
                  *aside = in_folder ("aside");
  g_autofree char *out = in_folder ("missing-run");

  g_assert_cmpint (g_rename (place, aside), ==, 0);
  g_auto (Result) result = train_on (set, "missing-run");
  assert_error (&result, 1, "the class \"Lying\" has no pictures in test");
  g_auto (Result) allowed = cli_run (ARGUMENTS (set, out), "--allow-missing", NULL);
  assert_error (&allowed, 0, "warning: the class \"Lying\" has no pictures in test");
}

static void
test_wrong_column (void)
{
  g_autofree char *table = in_folder ("table.csv"), *out = in_folder ("column-run");

  write_text (table, "file,behaviour\na.png,Lying\n");
  g_auto (Result) result = train_on (table, "column-run");
  assert_error (&result, 1,
                "has no column \"image_path\" for the paths (--path-column); its columns are: "
                "file, behaviour");
  g_auto (Result) label =
      cli_run (ARGUMENTS (table, out), "--path-column", "file", "--label-column", "class", NULL);
  assert_error (&label, 1, "has no column \"class\"");
  g_auto (Result) path = cli_run (ARGUMENTS (table, out), "--path-column", "file", "--label-column",
                                  "behaviour", NULL);
  assert_error (&path, 1, "does not exist");
}

static void
test_no_val (void)
{
  g_autofree char *set = in_folder ("no-val");

  drawn_classes_folder (set, 1, 0, 32);
  g_auto (Result) result = train_on (set, "no-val-run");
  g_assert_cmpint (result.status, ==, 1);
  assert_error (&result, 1, "no pictures to validate on");
}

/* With invalid data no folder is made. */
static void
test_nothing_made (void)
{
  g_autofree char *out = in_folder ("empty-run"), *other = in_folder ("column-run");
  g_assert_false (g_file_test (out, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (other, G_FILE_TEST_EXISTS));
}

/* ---- settings -------------------------------------------------------------------------------- */

static void
test_settings (void)
{
  g_autofree char *out = in_folder ("settings-run"), *config = in_folder ("wrong.ini"),
                  *timm = in_folder ("timm"), *timm_config = in_folder ("timm/config.json");
  g_auto (Result) none = cli_run ("train", "--data", data, "--out", out, NULL);
  g_auto (Result) unknown =
      cli_run ("train", "--recipe", "lora", "--data", data, "--out", out, NULL);
  g_auto (Result) no_model =
      cli_run ("train", "--recipe", "frozen", "--data", data, "--out", out, NULL);
  g_auto (Result) lost = cli_run ("train", "--recipe", "frozen", "--data", data, "--model",
                                  "no-such-model", "--out", out, NULL);
  g_auto (Result) size = cli_run (ARGUMENTS (data, out), "--size", "50", NULL);
  g_auto (Result) target = cli_run (ARGUMENTS (data, out), "--targets", "z_proj", NULL);
  /* One name that means nothing beside one that does would be left untrained in silence. */
  g_auto (Result) typo = cli_run (ARGUMENTS (data, out), "--targets", "q_proj,v_porj", NULL);
  /* One picture is left over, of which batch norm on maps of one pixel makes nothing. */
  g_auto (Result) single =
      cli_run ("train", "--recipe", "resnet18", "--data", data, "--out", out, "--size", "32",
               "--batch", "1", "--copies", "0", "--augment", "none", NULL);
  g_auto (Result) network = cli_run ("train", "--recipe", "dinov3-scratch", "--network", "huge",
                                     "--data", data, "--out", out, NULL);
  g_assert_cmpint (g_mkdir (timm, 0755), ==, 0);
  write_text (timm_config, "{\"model_type\": \"timm_vit\"}");
  g_auto (Result) other = cli_run ("train", "--recipe", "dinov3-scratch", "--network", timm,
                                   "--data", data, "--out", out, NULL);
  g_auto (Result) memory =
      cli_run (ARGUMENTS (data, out), "--size", "8192", "--batch", "4096", NULL);

  write_text (config, "[model]\nranks=8\n");
  g_auto (Result) key = cli_run ("train", "--config", config, "--data", data, "--out", out, NULL);
  assert_error (&none, 2, "--recipe or --config is missing");
  assert_error (&unknown, 2, "there is no recipe \"lora\": did you mean");
  assert_error (&no_model, 2, "--model is missing");
  assert_error (&lost, 1, "no-such-model");
  assert_error (&size, 1,
                "--size 50x50: pictures of 50 x 50 (width x height), but this network takes sides "
                "that are multiples of 16");
  assert_error (&target, 2, "\"z_proj\" is no linear layer");
  assert_error (&typo, 2, "\"v_porj\" is no linear layer: did you mean v_proj");
  assert_error (&single, 1, "leave a last batch of 1");
  assert_error (&network, 1, "--network huge: neither a size");
  assert_error (&other, 1, "which is not what a dinov3 recipe trains");
  assert_error (&memory, 1,
                g_strcmp0 (g_getenv ("COWBEHAVIOR_TEST_DEVICE"), "1") == 0 ? "of the host's memory"
                                                                           : "of memory");
  assert_error (&memory, 1, "--batch");
  assert_error (&key, 1, "[model] ranks: unknown key: did you mean rank?");
}

/* ---- the disk -------------------------------------------------------------------------------- */

/* Runs a script with $1 = cow-trainer, $2 = a folder, $3 = base, $4 = data in a name space in which
 * it may mount; NULL if that is not permitted. */
static Result *
run_mounted (const char *script, const char *place)
{
  const char *argv[] = { "unshare", "-rm", "sh", "-c", script, "sh", g_getenv ("COW_TRAINER"),
                         place,     base,  data, NULL };
  const char *probe[] = { "unshare", "-rm", "sh", "-c", "mount -t tmpfs none \"$1\"",
                          "sh",      place, NULL };
  Result *result = g_new0 (Result, 1);
  g_autoptr (GError) error = NULL;
  int status;

  g_mkdir (place, 0755);
  if (!g_spawn_sync (NULL, (char **)probe, NULL,
                     G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                     NULL, NULL, NULL, NULL, &status, NULL) ||
      status != 0) {
    g_free (result);
    return NULL;
  }
  g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &result->out,
                &result->err, &status, &error);
  g_assert_no_error (error);
  result->status = WIFEXITED (status) ? WEXITSTATUS (status) : -1;
  return result;
}

static void
free_result (Result *result)
{
  cli_result_clear (result);
  g_free (result);
}

#define TRAIN                                                                                      \
  "\"$1\" train --recipe qlora-q-r8 --data \"$4\" --model \"$3\" --size 32 --out \"$2\"/run"

static void
test_no_space (void)
{
  g_autofree char *place = in_folder ("small");
  Result *result =
      run_mounted ("mount -t tmpfs -o size=2m none \"$2\" && " TRAIN " --epochs 1", place);

  if (!result) {
    g_test_skip ("no name spaces to mount in");
    return;
  }
  assert_error (result, 1, "MB are free there, the checkpoints of this run need");
  free_result (result);
}

/* The disk fills up during the run: the run ends with an error, and its last checkpoint resumes
 * when there is room. */
static void
test_space_runs_out (void)
{
  static const char script[] = "mount -t tmpfs -o size=40m none \"$2\" || exit 99\n" TRAIN
                               " --epochs 100000 --patience 0 >/dev/null 2>\"$2\".err &\n"
                               "run=$!\n"
                               "while [ ! -e \"$2\"/run/last/state.safetensors ]; do sleep .05; "
                               "kill -0 $run || exit 98; done\n"
                               "dd if=/dev/zero of=\"$2\"/filler bs=64k 2>/dev/null\n"
                               "dd if=/dev/zero of=\"$2\"/filler2 bs=1 count=65536 2>/dev/null\n"
                               "wait $run; echo \"status $?\"\n"
                               "rm \"$2\"/filler \"$2\"/filler2\n"
                               "cat \"$2\".err >&2\n"
                               "\"$1\" train --resume \"$2\"/run --epochs 1 2>&1 | tail -n 1 "
                               ">/dev/null; ls \"$2\"/run/last \"$2\"/run/best\n"
                               "\"$1\" predict \"$4\"/val --model \"$3\" --adapter \"$2\"/run/best "
                               "--format csv >\"$2\"/predicted && echo usable\n";
  g_autofree char *place = in_folder ("filling");
  Result *result = run_mounted (script, place);

  if (!result) {
    g_test_skip ("no name spaces to mount in");
    return;
  }
  assert_error (result, 0, "No space left on device");
  g_assert_nonnull (strstr (result->out, "status 1\n"));
  g_assert_nonnull (strstr (result->out, "state.safetensors"));
  g_assert_nonnull (strstr (result->out, "usable\n"));
  free_result (result);
}

static void
test_read_only (void)
{
  g_autofree char *place = in_folder ("fixed");
  g_auto (Result) nowhere = cli_run (ARGUMENTS (data, "/proc/no/such/place"), NULL);
  assert_error (&nowhere, 1, "/proc/no/such/place: no such folder can be made");

  Result *result = run_mounted (
      "mount -t tmpfs none \"$2\" && mkdir \"$2\"/run && mount -o remount,ro \"$2\" && " TRAIN
      " --epochs 1",
      place);
  if (!result)
    return;
  assert_error (
      result, 1,
      "cannot be written to: Read-only file system; choose a folder that can be written (--out)");
  free_result (result);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = cli_folder ();
  base = drawn_base (folder);
  data = in_folder ("data");
  drawn_data (data, 5, 2, 2, 32);

  g_test_add_func ("/train-errors/unreadable", test_unreadable);
  g_test_add_func ("/train-errors/repaired", test_repaired);
  g_test_add_func ("/train-errors/empty-class", test_empty_class);
  g_test_add_func ("/train-errors/missing-in-test", test_missing_in_test);
  g_test_add_func ("/train-errors/wrong-column", test_wrong_column);
  g_test_add_func ("/train-errors/no-val", test_no_val);
  g_test_add_func ("/train-errors/nothing-made", test_nothing_made);
  g_test_add_func ("/train-errors/settings", test_settings);
  g_test_add_func ("/train-errors/no-space", test_no_space);
  g_test_add_func ("/train-errors/space-runs-out", test_space_runs_out);
  g_test_add_func ("/train-errors/read-only", test_read_only);
  const int status = g_test_run ();
  cli_remove (folder);
  g_free (base);
  g_free (data);
  return status;
}
