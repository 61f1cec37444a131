/* SPDX-License-Identifier: MIT */
/*
 * Merging: the merged network gives the results of base and adapter, its weights are those that
 * PEFT merges, the folder is a model and its own adapter, changes are reported, and failures leave
 * nothing behind.
 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <vips/vips.h>

#include "model/adapter/card.h"
#include "model/adapter/kept-pictures.h"
#include "model/network/classifier.h"
#include "model/files/json-object.h"
#include "model/network/merge.h"
#include "model/files/safetensors.h"
#include "tests/trainer/cli.h"

#define SIDE     64
#define PICTURES 3

typedef struct {
  const char *network, *base, *adapter;
} Case;

static const Case cases[] = {
  { "plain", "nf4", "lora_all_r16" },   { "plain", "nf4", "dora_all_r16" },
  { "plain", "nf4", "lora_q_r8" },      { "plain", "nf4", "dora_q_r8" },
  { "plain", "fp32", "lora_all_r16" },  { "plain", "fp32", "dora_all_r16" },
  { "plain", "fp32", "lora_q_r8" },     { "plain", "fp32", "dora_q_r8" },
  { "gated7b", "nf4", "dora_all_r16" }, { "gated7b", "fp32", "lora_all_r16" },
  { "gated7b", "nf4", "lora_q_r8" },
};

/* ---- the same network ------------------------------------------------------------------------ */

/* Features and logits of a few pictures of noise; the caller frees both. */
static void
ask (const char *model, const char *adapter, float **features, float **logits, gsize *hidden)
{
  g_autoptr (GError) error = NULL;
  const CowClassifierOptions options = { .model = model,
                                         .adapter = adapter,
                                         .precision = COW_PRECISION_FP32 };
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&options, &error);
  g_assert_no_error (error);
  g_autoptr (GRand) random = g_rand_new_with_seed (3);
  g_autofree float *pixels = g_new (float, PICTURES * 3 * SIDE * SIDE);
  for (int i = 0; i < PICTURES * 3 * SIDE * SIDE; i++)
    pixels[i] = (float)g_rand_double (random);
  CowOutput output;
  cow_classifier_run (classifier, pixels, PICTURES, SIDE, SIDE, &output, &error);
  g_assert_no_error (error);
  *hidden = (gsize)cow_classifier_n_features (classifier);
  *features = g_memdup2 (output.pooler_output, PICTURES * *hidden * sizeof (float));
  *logits = g_memdup2 (output.logits, PICTURES * 9 * sizeof (float));
}

static double
largest_difference (const float *a, const float *b, gsize n)
{
  double most = 0;
  for (gsize i = 0; i < n; i++) {
    const double difference = fabs ((double)a[i] - (double)b[i]);
    most = difference <= most ? most : difference;
  }
  return most;
}

static void
merge (const char *model, const char *adapter, const char *out, CowMergeStorage storage,
       CowMergeResult *result, GError **error)
{
  const CowMergeOptions options = {
    .model = model, .adapter = adapter, .folder = out, .storage = storage
  };
  g_autoptr (CkDevice) device = cow_device_open (NULL, 0, NULL);
  g_autoptr (CkStream) stream = cow_stream_new (device, 0, NULL);
  g_assert_true (cow_merge (stream, &options, result, error) == (error == NULL || *error == NULL));
}

/* Compares layer.0.attention.q_proj.weight with the result of PEFT's merge_and_unload () (on the
 * dequantised base). */
static void
check_peft (const Case *c, const char *out)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = cli_golden (c->network, c->adapter),
                  *peft = g_build_filename (folder, "merged_check.safetensors", NULL),
                  *merged = g_build_filename (out, "model.safetensors", NULL);
  g_autoptr (CowSafetensors) expected_file = cow_safetensors_open (peft, &error),
                             found_file = cow_safetensors_open (merged, &error);
  g_assert_no_error (error);
  const CowTensor *expected = cow_safetensors_get (expected_file, "merged.q_proj0"),
                  *found = cow_safetensors_get (found_file, "layer.0.attention.q_proj.weight");
  g_assert_nonnull (expected);
  g_assert_true (cow_tensor_has_shape (found, expected->n_dims, expected->dims));
  const gsize n = cow_tensor_count (expected);
  g_autofree float *a = g_new (float, n), *b = g_new (float, n);
  g_assert_true (cow_tensor_to_f32 (expected, peft, a, NULL) &&
                 cow_tensor_to_f32 (found, merged, b, NULL));
  g_assert_cmpfloat (largest_difference (a, b, n), <, 1e-6);
}

static void
test_same (gconstpointer data)
{
  const Case *c = data;
  g_autoptr (GError) error = NULL;
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden (c->network, c->base),
                  *adapter = cli_make_adapter (folder, c->network, c->adapter),
                  *out = g_build_filename (folder, "merged", NULL);
  g_autofree float *before_features = NULL, *before_logits = NULL, *after_features = NULL,
                   *after_logits = NULL;
  gsize hidden;
  CowMergeResult result;

  merge (model, adapter, out, COW_MERGE_F32, &result, &error);
  g_assert_no_error (error);
  const guint modules = g_str_equal (c->network, "plain") ? 6 : 7; /* the second network has a
                                                                      gate */
  const gboolean all = strstr (c->adapter, "all") != NULL;
  g_assert_cmpuint (result.n_merged, ==, all ? 2 * modules : 2);
  g_assert_cmpuint (result.n_plain, ==, all ? 0 : 2 * modules - 2);
  ask (model, adapter, &before_features, &before_logits, &hidden);
  ask (out, out, &after_features, &after_logits, &hidden);
  const double difference = largest_difference (before_features, after_features, PICTURES * hidden);
  g_test_message ("features differ by at most %.2e", difference);
  g_assert_cmpfloat (difference, <, 2e-5);
  g_assert_cmpfloat (largest_difference (before_logits, after_logits, PICTURES * 9), <, 2e-5);
  if (g_str_equal (c->base, "nf4"))
    check_peft (c, out);
  cli_remove (folder);
}

/* bf16 rounds a little, NF4 much more; each run says which type it wrote. */
static void
test_storage (void)
{
  static const struct {
    CowMergeStorage storage;
    const char *dtype;
    double least, most; /* bounds of the largest difference of a logit */
  } storages[] = { { COW_MERGE_BF16, "bfloat16", 1e-6, .02 },
                   { COW_MERGE_NF4, "float32", 1e-3, .5 } };
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "nf4"),
                  *adapter = cli_make_adapter (folder, "plain", "lora_all_r16");
  g_autofree float *features = NULL, *logits = NULL;
  gsize hidden;
  ask (model, adapter, &features, &logits, &hidden);
  for (guint i = 0; i < G_N_ELEMENTS (storages); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *out = g_build_filename (folder, cow_merge_storage_name (storages[i].storage),
                                             NULL),
                    *config = g_build_filename (out, "config.json", NULL);
    g_autofree float *other_features = NULL, *other_logits = NULL;
    merge (model, adapter, out, storages[i].storage, NULL, &error);
    g_assert_no_error (error);
    ask (out, out, &other_features, &other_logits, &hidden);
    const double difference = largest_difference (logits, other_logits, PICTURES * 9);
    g_test_message ("%s: logits differ by at most %.2e",
                    cow_merge_storage_name (storages[i].storage), difference);
    g_assert_cmpfloat (difference, >, storages[i].least);
    g_assert_cmpfloat (difference, <, storages[i].most);
    g_autoptr (JsonObject) object = cow_json_read_object (config, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (json_object_get_string_member (object, "dtype"), ==, storages[i].dtype);
    g_assert_true (json_object_has_member (object, "quantization_config") ==
                   (storages[i].storage == COW_MERGE_NF4));
  }
  cli_remove (folder);
}

/* The card is copied with classes, preprocessing, calibration and unknown members, and records base
 * and adapter. */
static void
test_card (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "nf4"),
                  *adapter = cli_make_adapter (folder, "plain", "dora_q_r8"),
                  *out = g_build_filename (folder, "merged", NULL);
  g_autoptr (CowCard) card = cow_card_read (adapter, NULL, &error);
  cow_card_set_member (card, "calibration", json_from_string ("{\"temperature\": 1.5}", NULL));
  cow_card_set_member (card, "invented", json_from_string ("[1]", NULL));
  card->base_name = g_strdup ("facebook/some-model");
  cow_card_write (card, adapter, &error);
  g_assert_no_error (error);
  merge (model, adapter, out, COW_MERGE_F32, NULL, &error);
  g_assert_no_error (error);
  gboolean found;
  g_autoptr (CowCard) merged = cow_card_read (out, &found, &error);
  g_assert_no_error (error);
  g_assert_true (found);
  g_assert_cmpstr (merged->kind, ==, "frozen");
  g_assert_cmpfloat (merged->temperature, ==, 1.5);
  g_assert_null (merged->base_name);
  g_assert_cmpint (merged->preprocess.width, ==, 64);
  g_assert_nonnull (cow_card_get_member (merged, "invented"));
  JsonObject *origin = json_node_get_object (cow_card_get_member (merged, "merged"));
  g_assert_cmpstr (json_object_get_string_member (origin, "kind"), ==, "dora");
  g_assert_cmpstr (json_object_get_string_member (origin, "model"), ==, "facebook/some-model");
  cli_remove (folder);
}

/* The pictures that the adapter keeps go along. */
static void
test_kept (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "nf4"),
                  *adapter = cli_make_adapter (folder, "plain", "lora_q_r8"),
                  *out = g_build_filename (folder, "merged", NULL);
  guint8 rgb[2][1][1][3] = { { { { 1, 2, 3 } } }, { { { 4, 5, 6 } } } };
  const CowKeptPictures pictures = { 2, 1, 1, &rgb[0][0][0][0] };
  g_auto (CowKeptPictures) kept = { 0 };
  cow_kept_pictures_write (&pictures, adapter, &error);
  g_assert_no_error (error);
  merge (model, adapter, out, COW_MERGE_F32, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (cow_kept_pictures_read (&kept, out, 9, &error));
  g_assert_cmpmem (kept.rgb, kept.n * 3, rgb, sizeof rgb);
  cli_remove (folder);
}

/* ---- failures -------------------------------------------------------------------------------- */

static gboolean
stop (const char *tensor, guint64 done_bytes, guint64 total_bytes, gpointer user_data)
{
  return ++*(guint *)user_data < 5;
}

static void
test_cancelled (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "nf4"),
                  *adapter = cli_make_adapter (folder, "plain", "lora_q_r8"),
                  *out = g_build_filename (folder, "merged", NULL);
  guint calls = 0;
  const CowMergeOptions options = {
    .model = model, .adapter = adapter, .folder = out, .progress = stop, .user_data = &calls
  };
  g_autoptr (CkDevice) device = cow_device_open (NULL, 0, NULL);
  g_autoptr (CkStream) stream = cow_stream_new (device, 0, NULL);
  g_assert_false (cow_merge (stream, &options, NULL, &error));
  g_assert_true (g_error_matches (error, COW_ERROR, COW_ERROR_IO) &&
                 strstr (error->message, "cancelled"));
  g_assert_false (g_file_test (out, G_FILE_TEST_EXISTS));
  cli_remove (folder);
}

/* An adapter as large as fp32 holds, multiplied by another: the sum is not a number. */
static void
test_not_finite (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "fp32"),
                  *adapter = cli_make_adapter (folder, "plain", "lora_q_r8"),
                  *out = g_build_filename (folder, "merged", NULL),
                  *file = g_build_filename (adapter, "adapter_model.safetensors", NULL);
  g_autofree char *bytes = NULL;
  gsize n;
  g_assert_true (g_file_get_contents (file, &bytes, &n, NULL));
  guint64 header;
  memcpy (&header, bytes, 8);
  const float huge = 1e38f;
  for (gsize at = 8 + (gsize)header; at + 4 <= n; at += 4)
    memcpy (bytes + at, &huge, 4);
  g_assert_true (g_file_set_contents (file, bytes, (gssize)n, NULL));
  merge (model, adapter, out, COW_MERGE_F32, NULL, &error);
  g_assert_true (g_error_matches (error, COW_ERROR, COW_ERROR_FORMAT) &&
                 strstr (error->message, "beyond what fp32 holds"));
  g_assert_false (g_file_test (out, G_FILE_TEST_EXISTS));
  cli_remove (folder);
}

/* ---- the program ----------------------------------------------------------------------------- */

static void
test_program (void)
{
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "nf4"),
                  *adapter = cli_make_adapter (folder, "plain", "lora_all_r16"),
                  *out = g_build_filename (folder, "merged", NULL),
                  *small = g_build_filename (folder, "small", NULL),
                  *pictures = g_build_filename (folder, "pictures", NULL);
  g_assert_cmpint (g_mkdir (pictures, 0755), ==, 0);
  cli_make_picture (pictures, "a.png", 40, 40, 1);
  cli_make_picture (pictures, "b.png", 40, 40, 2);
  g_auto (Result) merged = cli_run ("merge", pictures, "-m", model, "-a", adapter, "-o", out, NULL);
  cli_assert_ok (&merged);
  cli_assert_says (merged.out, "12 linear layers merged in fp32");
  cli_assert_says (merged.out, "on 2 pictures: logits differ by at most");
  cli_assert_says (merged.out, "0 labels changed (0.00 %)");

  g_auto (Result) before =
      cli_run ("predict", pictures, "-m", model, "-a", adapter, "--format=table", NULL);
  g_auto (Result) after =
      cli_run ("predict", pictures, "-m", out, "-a", out, "--format=table", NULL);
  cli_assert_ok (&after);
  g_assert_cmpstr (before.out, ==, after.out);
  g_auto (Result) alone = cli_run ("predict", pictures, "-a", out, "--format=table", NULL);
  cli_assert_ok (&alone);
  g_assert_cmpstr (before.out, ==, alone.out);

  g_auto (Result) four =
      cli_run ("merge", "-m", model, "-a", adapter, "-o", small, "--nf4", "--made-up=4", NULL);
  g_assert_cmpint (four.status, ==, 0);
  cli_assert_says (four.err, "warning: quantising the merged weights again");
  cli_assert_says (four.out, "on 4 made-up pictures");

  g_auto (Result) again = cli_run ("merge", "-m", model, "-a", adapter, "-o", out, NULL);
  cli_assert_error (&again, 1, "there already");
  g_auto (Result) onto_itself = cli_run ("merge", "-m", model, "-a", adapter, "-o", adapter, NULL);
  cli_assert_error (&onto_itself, 1, "there already");
  cli_remove (folder);
}

/* That the card knows another base is said once. */
static void
test_other_base (void)
{
  static const char words[] = "was made on another base, another-barn";
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "nf4"),
                  *adapter = cli_make_adapter (folder, "plain", "lora_all_r16"),
                  *out = g_build_filename (folder, "merged", NULL);
  cli_change_base (adapter);
  g_auto (Result) merged =
      cli_run ("merge", "-m", model, "-a", adapter, "-o", out, "--made-up=2", NULL);
  g_assert_cmpint (merged.status, ==, 0);
  cli_assert_says (merged.err, words);
  g_assert_null (strstr (strstr (merged.err, words) + 1, words));
  cli_remove (folder);
}

/* For an adapter as PEFT alone writes it, features are compared, and the folder has no head. */
static void
test_headless (void)
{
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "fp32"),
                  *adapter = cli_golden ("plain", "dora_all_r16"),
                  *out = g_build_filename (folder, "merged", NULL),
                  *card = g_build_filename (out, "cowbehavior.json", NULL);
  g_auto (Result) merged = cli_run ("merge", "-m", model, "-a", adapter, "-o", out, NULL);
  cli_assert_ok (&merged);
  cli_assert_says (merged.out, "on 32 made-up pictures: features differ");
  g_assert_null (strstr (merged.out, "labels"));
  g_assert_false (g_file_test (card, G_FILE_TEST_EXISTS));
  cli_remove (folder);
}

static void
test_refused (void)
{
  char *folder = cli_folder ();
  g_autofree char *model = cli_golden ("plain", "nf4"), *other = cli_golden ("gated7b", "nf4"),
                  *frozen = cli_make_adapter (folder, "plain", NULL),
                  *adapter = cli_golden ("plain", "lora_all_r16"),
                  *out = g_build_filename (folder, "merged", NULL),
                  *nowhere = g_build_filename (folder, "none.png", NULL);
  g_auto (Result) nothing = cli_run ("merge", "-m", model, "-a", frozen, "-o", out, NULL);
  g_auto (Result) no_out = cli_run ("merge", "-m", model, "-a", adapter, NULL);
  g_auto (Result) no_adapter = cli_run ("merge", "-m", model, "-o", out, NULL);
  g_auto (Result) both =
      cli_run ("merge", "-m", model, "-a", adapter, "-o", out, "--nf4", "--dtype=bf16", NULL);
  g_auto (Result) dtype =
      cli_run ("merge", "-m", model, "-a", adapter, "-o", out, "--dtype=fp8", NULL);
  g_auto (Result) misfit = cli_run ("merge", "-m", other, "-a", adapter, "-o", out, NULL);
  g_auto (Result) picture = cli_run ("merge", nowhere, "-m", model, "-a", adapter, "-o", out, NULL);
  cli_assert_error (&nothing, 1, "there is nothing to merge");
  cli_assert_error (&no_out, 2, "--out is missing");
  cli_assert_error (&no_adapter, 2, "--adapter is missing");
  cli_assert_error (&both, 2, "--nf4 and --dtype");
  cli_assert_error (&dtype, 2, "--dtype fp8");
  cli_assert_error (&misfit, 1, adapter);
  cli_assert_error (&picture, 1, nowhere);
  g_assert_false (g_file_test (out, G_FILE_TEST_EXISTS));
  cli_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (VIPS_INIT (argv[0]), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path =
        g_strdup_printf ("/merge/same/%s/%s/%s", cases[i].network, cases[i].base, cases[i].adapter);
    g_test_add_data_func (path, &cases[i], test_same);
  }
  g_test_add_func ("/merge/storage", test_storage);
  g_test_add_func ("/merge/card", test_card);
  g_test_add_func ("/merge/kept", test_kept);
  g_test_add_func ("/merge/cancelled", test_cancelled);
  g_test_add_func ("/merge/not-finite", test_not_finite);
  g_test_add_func ("/merge/program", test_program);
  g_test_add_func ("/merge/other-base", test_other_base);
  g_test_add_func ("/merge/headless", test_headless);
  g_test_add_func ("/merge/refused", test_refused);
  return g_test_run ();
}
