/* SPDX-License-Identifier: MIT */
/* What `estimate`, `info` and `train` say of a GPU's memory, on an emulated one. */
#include <string.h>

#include "model/files/json-object.h"
#include "tests/trainer/drawn.h"
#include "tests/trainer/runs.h"

#define DEVICE "cuda-emulated"
#define LIMIT  "COWBEHAVIOR_GPU_MEMORY"

static char *folder, *base, *data;

static JsonObject *
parse (const Result *result)
{
  g_autoptr (GError) error = NULL;

  runs_assert_ok (result);
  JsonObject *object =
      cow_json_parse_object (result->out, strlen (result->out), "estimate", &error);
  g_assert_no_error (error);
  return object;
}

/* The only row of an estimate of a small recipe with so many bytes of the GPU, 0 for all. */
static JsonObject *
estimate (gint64 limit)
{
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, limit);

  if (limit > 0)
    g_setenv (LIMIT, text, TRUE);
  g_auto (Result) result =
      cli_run ("estimate", "--device", DEVICE, "--recipe", "qlora-q-r8", "--base", "tiny", "--size",
               "32", "--batch", "1", "--json", NULL);
  g_unsetenv (LIMIT);
  g_autoptr (JsonObject) report = parse (&result);
  return json_object_ref (
      json_array_get_object_element (json_object_get_array_member (report, "recipes"), 0));
}

static gint64
bytes_of (JsonObject *row, const char *name)
{
  return json_object_get_int_member (row, name);
}

/* The GPU's memory and the host's are told apart; a GPU that is smaller makes layers be computed
 * twice, and a smaller one still has weights streamed. */
static void
test_estimate (void)
{
  g_autoptr (JsonObject) all = estimate (0);
  const gint64 whole = bytes_of (all, "device_bytes");

  g_assert_cmpint (
      whole, ==,
      bytes_of (all, "device_weight_bytes") + bytes_of (all, "device_activation_bytes") +
          bytes_of (all, "device_scratch_bytes") + bytes_of (all, "device_parameter_bytes") +
          bytes_of (all, "device_slot_bytes"));
  g_assert_cmpint (bytes_of (all, "memory_bytes"), >, bytes_of (all, "pinned_bytes"));
  g_assert_cmpint (bytes_of (all, "streamed_bytes"), ==, 0);
  g_assert_false (json_object_get_boolean_member (all, "checkpointing"));

  g_autoptr (JsonObject) less = estimate (whole - 1);
  g_assert_true (json_object_get_boolean_member (less, "checkpointing"));
  g_assert_cmpint (bytes_of (less, "streamed_bytes"), ==, 0);
  const gint64 checkpointed = bytes_of (less, "device_bytes");
  g_assert_cmpint (checkpointed, <, whole);

  g_autoptr (JsonObject) least =
      estimate (checkpointed - bytes_of (less, "device_weight_bytes") / 8);
  g_assert_true (json_object_get_boolean_member (least, "checkpointing"));
  g_assert_cmpint (bytes_of (least, "streamed_bytes"), >, 0);
  g_assert_cmpint (bytes_of (least, "device_bytes"), <, checkpointed);
  g_assert_cmpint (bytes_of (least, "pinned_bytes"), >, bytes_of (less, "pinned_bytes"));
}

static void
test_table (void)
{
  g_setenv (LIMIT, "100000", TRUE);
  g_auto (Result) table = cli_run ("estimate", "--device", DEVICE, "--recipe", "qlora-q-r8",
                                   "--base", "tiny", "--size", "32", "--batch", "1", NULL);
  g_unsetenv (LIMIT);
  cli_assert_ok (&table);
  cli_assert_says (table.out, "DEVICE + HOST");
  cli_assert_says (table.out, "  TOO LARGE");
  cli_assert_says (table.out, DEVICE ":0 is CUDA on a processor with 4.00 GiB");
}

/* Refused before anything is loaded. */
static void
test_refused (void)
{
  g_autofree char *out = g_build_filename (folder, "refused", NULL);

  g_setenv (LIMIT, "100000", TRUE);
  g_auto (Result) run =
      cli_run ("train", "--device", DEVICE, "--recipe", "qlora-q-r8", "--model", base, "--data",
               data, "--size", "32", "--batch", "1", "--out", out, NULL);
  g_unsetenv (LIMIT);
  g_assert_cmpint (run.status, ==, 1);
  cli_assert_says (run.err, "this run: needs ");
  cli_assert_says (run.err, " although weights are streamed, 97.7 KiB free of 4.00 GiB on " DEVICE
                            ":0, CUDA on a processor: a smaller --batch");
  g_assert_false (g_file_test (out, G_FILE_TEST_EXISTS));
}

static void
test_info (void)
{
  g_auto (Result) all = cli_run ("info", "--device", DEVICE, base, NULL);

  g_setenv (LIMIT, "1920000", TRUE);
  g_auto (Result) less = cli_run ("info", "--device", DEVICE, base, NULL);
  g_unsetenv (LIMIT);
  cli_assert_ok (&all);
  cli_assert_ok (&less);
  cli_assert_says (all.out, "\n  device memory\n");
  g_assert_null (strstr (all.out, "stay in the host's"));
  cli_assert_says (less.out,
                   " do not fit into the memory of " DEVICE ":0: they stay in the host's");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = cli_folder ();
  base = drawn_base (folder);
  data = g_build_filename (folder, "data", NULL);
  drawn_data (data, 5, 2, 0, 32);
  g_test_add_func ("/memory/estimate", test_estimate);
  g_test_add_func ("/memory/table", test_table);
  g_test_add_func ("/memory/refused", test_refused);
  g_test_add_func ("/memory/info", test_info);
  const int status = g_test_run ();
  cli_remove (folder);
  g_free (base);
  g_free (data);
  return status;
}
