/* SPDX-License-Identifier: MIT */
/* The command line as a whole, and the verbs that run no network: help, exit statuses, info,
 * quantize (with --check, which runs one). */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <unistd.h>

#include "model/files/json-object.h"
#include "model/files/safetensors.h"
#include "model/adapter/kept-pictures.h"
#include "model/network/precision-choice.h"
#include "tests/trainer/cli.h"

static void
test_help (void)
{
  static const char *const verbs[] = { "predict", "features", "quantize", "info",
                                       "fetch",   "track",    "bench",    "export" };
  g_auto (Result) help = cli_run ("--help", NULL), version = cli_run ("--version", NULL);

  cli_assert_ok (&help);
  cli_assert_ok (&version);
  g_assert_true (g_str_has_prefix (version.out, "cow-trainer "));
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++) {
    g_auto (Result) verb = cli_run (verbs[i], "--help", NULL);
    g_autofree char *usage = g_strdup_printf ("cow-trainer %s", verbs[i]);
    cli_assert_ok (&verb);
    g_assert_nonnull (strstr (help.out, verbs[i]));
    cli_assert_says (verb.out, usage);
    cli_assert_says (verb.out, "Example");
  }
  /* Where a default is another than elsewhere. */
  g_auto (Result) merge = cli_run ("merge", "--help", NULL),
                  predict = cli_run ("predict", "--help", NULL);
  cli_assert_says (merge.out, "bf16 or int8 (fp32)");
  cli_assert_says (predict.out, "bf16 or int8 (auto)");
}

static void
test_usage_errors (void)
{
  static const struct {
    const char *arguments[5], *text;
  } cases[] = {
    { { "frobnicate" }, "unknown verb \"frobnicate\" (see" },
    { { "--frobnicate" }, "unknown option \"--frobnicate\" (see" },
    { { "trian" }, "did you mean train?" },
    { { "--Help" }, "did you mean --help?" },
    { { "train", "--epohcs=3" }, "did you mean --epochs" },
    { { "train", "--val-fracton=1" }, "did you mean --val-fraction?" },
    { { "predict", "x.png", "--modle", "m" }, "did you mean --model" },
    { { "info" }, "no path" },
    { { "info", "--frobnicate", "x" }, "--frobnicate" },
    { { "quantize", "one" }, "MODEL and OUT" },
    { { "quantize", "--check=x.png" }, "MODEL is expected" },
    { { "quantize", "one", "two", "--adapter=a" }, "--check" },
    { { "quantize", "one", "two", "three" }, "MODEL and OUT" },
    { { "features" }, "no pictures" },
    { { "features", "x.png" }, "--out" },
    { { "features", "x.png", "--out=y", "--size=64" }, "--size 64" },
    { { "features", "x.png", "--out=y", "--size=0x64" }, "--size 0x64" },
    { { "features", "x.png", "--out=y", "--interpolation=cubic" }, "--interpolation cubic" },
    { { "features", "x.png", "--out=y", "--normalisation=none" }, "--normalisation none" },
    { { "features", "x.safetensors:pixels", "--out=y", "--size=64x64" }, "x.safetensors:pixels" },
    { { "features", "x.safetensors", "--out=y" }, "x.safetensors:NAME" },
    { { "predict" }, "no pictures" },
    { { "predict", "--model", "m", "x.png" }, "--adapter" },
    { { "predict", "x.png", "--adapter=a", "--format=xml" }, "--format xml" },
    { { "predict", "x.png", "--adapter=a", "--top-k=0" }, "--top-k 0" },
    { { "predict", "x.png", "--batch=many" }, "many" },
    { { "train", "--smoothing=0.1", "--label-smoothing=0.1", "--recipe=frozen" },
      "--label-smoothing and --smoothing are one setting" },
    { { "train", "--floor=2", "--recipe=frozen" }, "--floor is" },
    { { "train", "--min-lr-ratio=2", "--recipe=frozen" }, "--min-lr-ratio is" },
    { { "train", "--threads=-1", "--recipe=frozen" }, "--threads -1" },
    { { "check", "--val-part=0.1", "--val-fraction=0.1" },
      "--val-fraction and --val-part are one setting" },
    { { "eval", "--test-part=0.1", "--test-fraction=0.1" },
      "--test-fraction and --test-part are one setting" },
    { { "fetch" }, "OWNER/NAME" },
    { { "fetch", "a/b", "c/d" }, "OWNER/NAME" },
    { { "track" }, "FOLDER" },
    { { "track", "x", "y" }, "FOLDER" },
    { { "track", "x", "--wait=0" }, "--wait 0" },
    { { "track", "x", "--wait=nan" }, "--wait nan" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const char *const *a = cases[i].arguments;
    g_auto (Result) result = cli_run (a[0], a[1], a[2], a[3], NULL);
    cli_assert_error (&result, 2, cases[i].text);
  }
}

static void
test_no_verb (void)
{
  g_auto (Result) result = cli_run (NULL, NULL);

  g_assert_cmpint (result.status, ==, 2);
  g_assert_cmpstr (result.out, ==, "");
  cli_assert_says (result.err, "Examples:\n  cow-trainer check --data");
  cli_assert_says (result.err, "which verb? (see cow-trainer --help)");
}

/* What bash completes, by the function that it is given. */
static void
test_completion (void)
{
  static const struct {
    const char *words, *expected;
  } cases[] = {
    { "tr", "train track" },
    { "annotate --zo", "--zones" },
    { "train --recipe qlora-all", "qlora-all-r16 qlora-all-r64" },
    { "predict barn", "" },
    { "train --val-pa", "" }, /* an old name */
  };
  g_autofree char *file = g_build_filename (g_getenv ("COW_TEST_DATA"), "..", "..", "trainer",
                                            "shell", "cow-trainer.bash", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *script = g_strdup_printf (
        ". '%s'; COMP_WORDS=(\"$COW_TRAINER\" %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
        "_cow_trainer; echo \"${COMPREPLY[*]}\"",
        file, cases[i].words);
    const char *const argv[] = { "bash", "-c", script, NULL };
    g_autofree char *out = NULL;
    g_autoptr (GError) error = NULL;

    g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, NULL,
                  &error);
    g_assert_no_error (error);
    g_assert_cmpstr (g_strchomp (out), ==, cases[i].expected);
  }
}

/* Old names of options work, and --help does not show them. */
static void
test_old_options (void)
{
  static const char *const verbs[] = { "train", "check", "eval", "estimate" }, *const old[] = {
    "--val-part", "--test-part", "--accumulation", "--floor", "--smoothing"
  };

  for (guint v = 0; v < G_N_ELEMENTS (verbs); v++) {
    g_auto (Result) help = cli_run (verbs[v], "--help", NULL);
    cli_assert_ok (&help);
    cli_assert_says (help.out, "--val-fraction");
    for (guint i = 0; i < G_N_ELEMENTS (old); i++)
      g_assert_null (strstr (help.out, old[i]));
  }
  g_auto (Result) estimate =
      cli_run ("estimate", "--recipe", "resnet18", "--size", "32", "--accumulation", "2",
               "--smoothing", "0", "--floor", "0", "--val-part", "0.2", "--pictures", "64", NULL);
  cli_assert_ok (&estimate);
  g_auto (Result) check = cli_run ("check", "--data", "/nowhere", "--val-part", "0.2", NULL);
  cli_assert_error (&check, 1, "/nowhere");
}

/* ---- info ------------------------------------------------------------------------------------ */

/* The first object of `info --json PATH`. */
static JsonNode *
info_json (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_auto (Result) result = cli_run ("info", "--json", path, NULL);
  cli_assert_ok (&result);
  g_autoptr (JsonNode) root = json_from_string (result.out, &error);
  g_assert_no_error (error);
  return json_node_copy (json_array_get_element (json_node_get_array (root), 0));
}

static void
test_info_model (void)
{
  static const struct {
    const char *network, *folder, *storage, *mlp;
  } models[] = { { "plain", "fp32", "F32", "GELU" },
                 { "plain", "nf4", "NF4", "GELU" },
                 { "gated7b", "nf4", "NF4", "gated SiLU" } };

  for (guint i = 0; i < G_N_ELEMENTS (models); i++) {
    g_autofree char *path = cli_golden (models[i].network, models[i].folder);
    g_autoptr (JsonNode) node = info_json (path);
    JsonObject *model = json_node_get_object (node);
    g_assert_cmpstr (json_object_get_string_member (model, "kind"), ==, "model");
    g_assert_cmpstr (json_object_get_string_member (model, "storage"), ==, models[i].storage);
    g_assert_cmpstr (json_object_get_string_member (model, "mlp"), ==, models[i].mlp);
    g_assert_cmpint (json_object_get_int_member (model, "layers"), ==, 2);
    g_assert_cmpint (json_object_get_int_member (model, "hidden_size"), ==, 128);
    g_autofree char *weights = g_build_filename (path, "model.safetensors", NULL);
    GStatBuf status;
    g_assert_cmpint (g_stat (weights, &status), ==, 0);
    g_assert_cmpint (json_object_get_int_member (model, "disk_bytes"), ==, status.st_size);
    g_assert_cmpint (json_object_get_int_member (model, "estimated_memory_bytes"), >,
                     status.st_size / 2);
  }
}

static void
test_info_adapter (void)
{
  char *folder = cli_folder ();
  g_autofree char *adapter = cli_make_adapter (folder, "plain", "dora_q_r8"),
                  *bare = cli_golden ("plain", "lora_all_r16");
  g_autoptr (JsonNode) node = info_json (adapter), bare_node = info_json (bare);
  JsonObject *described = json_node_get_object (node),
             *bare_described = json_node_get_object (bare_node);

  g_assert_cmpstr (json_object_get_string_member (described, "method"), ==, "dora");
  g_assert_cmpint (json_object_get_int_member (described, "rank"), ==, 8);
  g_assert_cmpfloat (json_object_get_double_member (described, "alpha"), ==, 16);
  /* 2 layers of 8 x (128 + 128) and a magnitude of 128. */
  g_assert_cmpint (json_object_get_int_member (described, "adapter_parameters"), ==,
                   2 * (8 * 256 + 128));
  JsonArray *widths =
      json_object_get_array_member (json_object_get_object_member (described, "head"), "widths");
  g_assert_cmpint (json_array_get_length (widths), ==, 4);
  g_assert_cmpint (json_array_get_int_element (widths, 0), ==, 128);
  g_assert_cmpint (json_array_get_int_element (widths, 3), ==, 9);
  g_assert_cmpint (json_array_get_length (json_object_get_array_member (described, "classes")), ==,
                   9);
  g_assert_cmpstr (json_object_get_string_member (described, "card"), ==, "cowbehavior.json");
  g_assert_cmpint (
      json_object_get_int_member (json_object_get_object_member (described, "preprocess"), "width"),
      ==, 64);

  g_assert_cmpstr (json_object_get_string_member (bare_described, "method"), ==, "lora");
  g_assert_true (json_object_get_null_member (bare_described, "head"));
  g_assert_nonnull (strstr (json_object_get_string_member (bare_described, "card"), "defaults"));
  g_assert_cmpint (json_object_get_int_member (
                       json_object_get_object_member (bare_described, "preprocess"), "width"),
                   ==, 224);
  cli_remove (folder);
}

/* Where a model's folder says it: in timm's config.json, else in the README of the hub, between
 * its lines "---". */
static void
test_info_licence (void)
{
  static const struct {
    const char *config, *readme, *licence;
  } folders[] = {
    { "{", "---\nlicense: other\nlicense_name: \"dinov3-license\"\n---\n# A\n", "dinov3-license" },
    { "{", "---\r\nlicense: mit\r\n---\r\n", "mit" },
    { "{", "# A\nlicense: mit\n", NULL },
    { "{", "---\ntags: [cow]\n---\nlicense: mit\n", NULL },
    { "{ \"pretrained_cfg\": { \"license\": \"dinov3-license\" },", "---\nlicense: mit\n---\n",
      "dinov3-license" },
    { "{ \"pretrained_cfg\": { \"license\": null },", "---\nlicense: mit\n---\n", "mit" },
  };
  g_autofree char *from = cli_golden ("plain", "fp32"), *config = NULL;
  g_autofree char *config_from = g_build_filename (from, "config.json", NULL),
                  *weights_from = g_build_filename (from, "model.safetensors", NULL);
  char *folder = cli_folder ();
  g_autofree char *config_to = g_build_filename (folder, "config.json", NULL),
                  *weights_to = g_build_filename (folder, "model.safetensors", NULL),
                  *readme = g_build_filename (folder, "README.md", NULL);

  g_assert_true (g_file_get_contents (config_from, &config, NULL, NULL));
  g_assert_cmpint (symlink (weights_from, weights_to), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *text = g_strconcat (folders[i].config, strchr (config, '{') + 1, NULL);
    g_assert_true (g_file_set_contents (config_to, text, -1, NULL));
    g_assert_true (g_file_set_contents (readme, folders[i].readme, -1, NULL));
    g_autoptr (JsonNode) node = info_json (folder);
    g_assert_cmpstr (
        json_object_get_string_member_with_default (json_node_get_object (node), "licence", NULL),
        ==, folders[i].licence);
  }
  g_auto (Result) shown = cli_run ("info", folder, NULL);
  cli_assert_says (shown.out, "licence ");
  cli_assert_says (shown.out, " mit\n");
  cli_remove (folder);
}

static void
test_info_text (void)
{
  g_autofree char *pth = cli_golden ("plain", "best_classifier.pth"),
                  *model = cli_golden ("plain", "nf4");
  g_auto (Result) result = cli_run ("info", pth, model, NULL);

  cli_assert_ok (&result);
  cli_assert_says (result.out, "3.weight  F32   32, 64");
  cli_assert_says (result.out, "storage            NF4");
}

/* Names of a file that would tell a terminal what to do are shown as text. */
static void
test_info_escapes (void)
{
  char *folder = cli_folder ();
  g_autofree char *path = g_build_filename (folder, "evil.safetensors", NULL),
                  *link = g_build_filename (folder, "evil\033[31m", NULL);
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
  g_autoptr (GError) error = NULL;
  const gint64 one = 1;
  cow_safetensors_writer_declare (writer,
                                  "w\033]0;owned\a\xc2\x9b"
                                  "2J",
                                  COW_U8, &one, 1);
  g_assert_true (cow_safetensors_writer_write (writer, "x", 1, &error) &&
                 cow_safetensors_writer_finish (writer, &error));
  g_auto (Result) result = cli_run ("info", path, NULL),
                  json = cli_run ("info", "--json", path, NULL),
                  missing = cli_run ("info", link, NULL);
  const Result *results[] = { &result, &json, &missing };
  for (guint i = 0; i < G_N_ELEMENTS (results); i++) {
    const char *texts[] = { results[i]->out, results[i]->err };
    for (guint t = 0; t < 2; t++)
      for (const char *c = texts[t]; *c; c = g_utf8_next_char (c)) {
        const gunichar u = g_utf8_get_char (c);
        if ((u < 0x20 && u != '\n') || (u >= 0x7f && u < 0xa0))
          g_error ("character %x in \"%s\"", u, texts[t]);
      }
  }
  cli_assert_says (result.out, "\\u001b]0;owned\\u0007\\u009b2J");
  cli_assert_says (json.out, "\\u001b]0;owned\\u0007\\u009b2J");
  cli_assert_error (&missing, 1, "evil\\u001b[31m");
  cli_remove (folder);
}

static void
test_info_errors (void)
{
  char *folder = cli_folder ();
  g_autofree char *broken = g_build_filename (folder, "broken.safetensors", NULL);
  g_assert_true (g_file_set_contents (broken, "no tensors here", -1, NULL));
  g_auto (Result) missing = cli_run ("info", "/nowhere/model", NULL),
                  empty = cli_run ("info", folder, NULL), bad = cli_run ("info", broken, NULL);

  cli_assert_error (&missing, 1, "/nowhere/model");
  cli_assert_error (&empty, 1, folder);
  cli_assert_error (&bad, 1, broken);
  cli_remove (folder);
}

/* ---- quantize -------------------------------------------------------------------------------- */

static CowSafetensors *
open_model (const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, "model.safetensors", NULL);
  CowSafetensors *file = cow_safetensors_open (path, &error);
  g_assert_no_error (error);
  return file;
}

/* Compares 4-bit codes and unquantised tensors byte for byte; codes of absmax may round to a
 * neighbour. */
static void
assert_quantised (const CowTensor *found, const CowTensor *expected)
{
  g_assert_nonnull (found);
  if (strstr (expected->name, "quant_state") || strstr (expected->name, "nested_"))
    return;
  g_assert_true (cow_tensor_read (found, NULL) && cow_tensor_read (expected, NULL));
  if (!g_str_has_suffix (expected->name, ".absmax")) {
    g_assert_cmpmem (found->data, found->n_bytes, expected->data, expected->n_bytes);
    return;
  }
  g_assert_cmpuint (found->n_bytes, ==, expected->n_bytes);
  for (gsize i = 0; i < expected->n_bytes; i++)
    g_assert_cmpint (ABS (found->data[i] - expected->data[i]), <=, 1);
}

static void
test_quantize (void)
{
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "fp32"), *golden = cli_golden ("plain", "nf4"),
                  *out = g_build_filename (folder, "out", NULL);
  g_auto (Result) result = cli_run ("quantize", model, out, NULL);

  cli_assert_ok (&result);
  cli_assert_says (result.out, "12 tensors in NF4");
  g_autoptr (CowSafetensors) found = open_model (out), expected = open_model (golden);
  g_assert_cmpuint (cow_safetensors_n_tensors (found), ==, cow_safetensors_n_tensors (expected));
  for (guint i = 0; i < cow_safetensors_n_tensors (expected); i++) {
    const CowTensor *tensor = cow_safetensors_nth (expected, i);
    assert_quantised (cow_safetensors_get (found, tensor->name), tensor);
  }

  g_auto (Result) again = cli_run ("quantize", model, out, NULL),
                  twice = cli_run ("quantize", golden, folder, NULL),
                  missing = cli_run ("quantize", "/nowhere/model", out, NULL);
  cli_assert_error (&again, 1, out);
  cli_assert_error (&twice, 1, golden);
  cli_assert_error (&missing, 1, "/nowhere/model");
  cli_remove (folder);
}

/* ---- quantize --check ------------------------------------------------------------------------ */

static JsonObject *
read_choice (const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, "precision.json", NULL);
  JsonObject *choice = cow_json_read_object (path, &error);
  g_assert_no_error (error);
  return choice;
}

/* The only kind of processor in a file, and what is kept of it. */
static JsonObject *
only_level (JsonObject *choice)
{
  JsonObject *levels = json_object_get_object_member (choice, "choices");
  g_autoptr (GList) names = json_object_get_members (levels);
  g_assert_cmpuint (g_list_length (names), ==, 1);
  g_assert_true (g_str_has_prefix (names->data, "cpu ("));
  return json_object_get_object_member (levels, names->data);
}

static gboolean
has_fast_paths (void)
{
  g_autoptr (CkDevice) device = cow_device_open ("cpu", 1, NULL);
  if (cow_precision_check (device, COW_PRECISION_INT16, NULL))
    return TRUE;
  g_test_skip ("this processor has no int16");
  return FALSE;
}

/* Puts a choice in the place of the measured one, which depends on what else runs. */
static void
keep_int16 (const char *model, const char *adapter)
{
  const CowPrecisionFigures figures = { .n_pictures = 32,
                                        .has_head = TRUE,
                                        .n_paths = 1,
                                        .paths = { { .precision = COW_PRECISION_INT16,
                                                     .ms = 1,
                                                     .fp32_ms = 2,
                                                     .cosine = 1,
                                                     .same_labels = 32 } } };
  g_autoptr (GError) error = NULL;
  g_autoptr (CkDevice) device = cow_device_open ("cpu", 1, NULL);
  cow_precision_choice_write (model, adapter, device, &figures, &error);
  g_assert_no_error (error);
}

/* Quantises and checks at once; then checks with an adapter; then `predict` takes the choice. */
static void
test_check (void)
{
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "fp32"),
                  *out = g_build_filename (folder, "out", NULL),
                  *pictures = g_build_filename (folder, "pictures", NULL),
                  *adapter = cli_make_adapter (folder, "plain", NULL);
  if (!has_fast_paths ()) {
    cli_remove (folder);
    return;
  }
  g_mkdir (pictures, 0755);
  for (guint32 i = 0; i < 40; i++) {
    g_autofree char *name = g_strdup_printf ("%02u.png", i);
    cli_make_picture (pictures, name, 70, 60, i);
  }

  g_auto (Result) quantised = cli_run ("quantize", model, out, "--check", pictures, NULL);
  cli_assert_ok (&quantised);
  cli_assert_says (quantised.out, "12 tensors in NF4");
  cli_assert_says (quantised.out, "32 of 40 pictures");
  cli_assert_says (quantised.out, "precision auto is ");
  g_autoptr (JsonObject) of_model = read_choice (out);
  g_assert_cmpint (json_object_get_int_member (of_model, "format"), ==, 1);
  g_assert_cmpint (json_object_get_int_member (only_level (of_model), "pictures"), ==, 32);

  g_auto (Result) adapted =
      cli_run ("quantize", out, "--adapter", adapter, "--check", pictures, NULL);
  cli_assert_ok (&adapted);
  cli_assert_says (adapted.out, " of 32");
  g_autoptr (JsonObject) of_adapter = read_choice (adapter);
  g_assert_cmpstr (json_object_get_string_member (of_model, "weights"), !=,
                   json_object_get_string_member (of_adapter, "weights"));
  g_assert_nonnull (json_object_get_string_member (only_level (of_adapter), "precision"));

  g_autofree char *chosen = g_build_filename (adapter, "precision.json", NULL),
                  *said = g_strdup_printf ("Computed in int16: as measured on 32 pictures (%s)\n",
                                           chosen);
  keep_int16 (out, adapter);
  g_auto (Result) predicted =
      cli_run ("predict", pictures, "--model", out, "--adapter", adapter, NULL);
  g_auto (Result) int16 = cli_run ("predict", pictures, "--model", out, "--adapter", adapter,
                                   "--precision=int16", NULL);
  g_auto (Result) fp32 =
      cli_run ("predict", pictures, "--model", out, "--adapter", adapter, "--precision=fp32", NULL);
  g_assert_cmpint (predicted.status, ==, 0);
  g_assert_cmpstr (predicted.err, ==, said);
  cli_assert_ok (&int16);
  cli_assert_ok (&fp32);
  g_assert_cmpstr (predicted.out, ==, int16.out);
  g_assert_cmpstr (predicted.out, !=, fp32.out);

  g_assert_true (g_file_set_contents (chosen, "{}", -1, NULL));
  g_auto (Result) distrusted =
      cli_run ("predict", pictures, "--model", out, "--adapter", adapter, NULL);
  g_assert_cmpint (distrusted.status, ==, 0);
  g_assert_true (g_str_has_prefix (distrusted.err, "cow-trainer: warning: "));
  cli_assert_says (distrusted.err, chosen);
  g_assert_true (strchr (distrusted.err, '\n')[1] == '\0');
  cli_remove (folder);
}

static void
test_check_errors (void)
{
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "fp32"),
                  *out = g_build_filename (folder, "out", NULL),
                  *bad = g_build_filename (folder, "bad.png", NULL);
  g_assert_true (g_file_set_contents (bad, "no picture", -1, NULL));
  g_auto (Result) missing = cli_run ("quantize", model, out, "--check", "/nowhere/barn", NULL),
                  broken = cli_run ("quantize", model, "--check", bad, NULL);
  cli_assert_error (&missing, 1, "/nowhere/barn");
  /* Nothing was quantised for it. */
  g_assert_false (g_file_test (out, G_FILE_TEST_EXISTS));
  cli_assert_error (&broken, 1, bad);

  /* What cannot be written is said before anything is measured. */
  g_autofree char *adapter = cli_make_adapter (folder, "plain", NULL),
                  *kept = g_build_filename (adapter, "precision.json", NULL);
  cli_make_picture (folder, "good.png", 70, 60, 1);
  g_autofree char *good = g_build_filename (folder, "good.png", NULL);
  g_assert_cmpint (g_mkdir (kept, 0755), ==, 0);
  g_auto (Result) unwritable =
      cli_run ("quantize", model, "--adapter", adapter, "--check", good, NULL);
  cli_assert_error (&unwritable, 1, kept);
  cli_remove (folder);
}

/* Without PICTURES it takes those that the adapter keeps; and so does a verb on auto. */
static void
test_check_kept (void)
{
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "fp32"),
                  *adapter = cli_make_adapter (folder, "plain", NULL),
                  *out = g_build_filename (folder, "out", NULL);
  guint8 rgb[3][64][64][3];
  const CowKeptPictures pictures = { 3, 64, 64, &rgb[0][0][0][0] };
  g_autoptr (GError) error = NULL;

  if (!has_fast_paths ()) {
    cli_remove (folder);
    return;
  }
  g_auto (Result) none = cli_run ("quantize", model, out, "--adapter", adapter, "--check", NULL),
                  alone = cli_run ("quantize", model, "--check", NULL);
  cli_assert_error (&none, 2, adapter);
  cli_assert_error (&alone, 2, "keeps none");
  g_assert_false (g_file_test (out, G_FILE_TEST_EXISTS));

  for (guint i = 0; i < sizeof rgb; i++)
    pictures.rgb[i] = (guint8)(i / 40 * 37);
  cow_kept_pictures_write (&pictures, adapter, &error);
  g_assert_no_error (error);
  g_auto (Result) info = cli_run ("info", adapter, "--json", NULL);
  cli_assert_says (info.out, "\"kept_pictures\" : 3");
  g_auto (Result) checked = cli_run ("quantize", model, "--check", "--adapter", adapter, NULL);
  g_assert_cmpint (checked.status, ==, 0);
  cli_assert_says (checked.out, "3 of 3 pictures");
  g_autoptr (JsonObject) choice = read_choice (adapter);
  g_assert_cmpint (json_object_get_int_member (only_level (choice), "pictures"), ==, 3);

  g_autofree char *kept = g_build_filename (adapter, "precision.json", NULL);
  g_unlink (kept);
  cli_make_picture (folder, "good.png", 70, 60, 1);
  g_autofree char *good = g_build_filename (folder, "good.png", NULL);
  g_auto (Result) first = cli_run ("predict", good, "-m", model, "-a", adapter, NULL),
                  second = cli_run ("predict", good, "-m", model, "-a", adapter, NULL);
  g_assert_cmpint (first.status, ==, 0);
  cli_assert_says (first.err, "as measured at load on 3 pictures");
  cli_assert_says (second.err, "as measured on 3 pictures");
  g_assert_cmpstr (first.out, ==, second.out);
  cli_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/help", test_help);
  g_test_add_func ("/cli/usage-errors", test_usage_errors);
  g_test_add_func ("/cli/no-verb", test_no_verb);
  g_test_add_func ("/cli/completion", test_completion);
  g_test_add_func ("/cli/old-options", test_old_options);
  g_test_add_func ("/cli/info/model", test_info_model);
  g_test_add_func ("/cli/info/escapes", test_info_escapes);
  g_test_add_func ("/cli/info/adapter", test_info_adapter);
  g_test_add_func ("/cli/info/licence", test_info_licence);
  g_test_add_func ("/cli/info/text", test_info_text);
  g_test_add_func ("/cli/info/errors", test_info_errors);
  g_test_add_func ("/cli/quantize", test_quantize);
  g_test_add_func ("/cli/check", test_check);
  g_test_add_func ("/cli/check/errors", test_check_errors);
  g_test_add_func ("/cli/check/kept", test_check_kept);
  return g_test_run ();
}
