/* SPDX-License-Identifier: MIT */
/*
 * Adapter folders that hold a whole network (kinds dinov3, vit-small, resnet18), as the trainer
 * saves them: what a classifier says of ones that were spoilt, and of a model that is missing or
 * too many.
 */
#include <math.h>
#include <string.h>

#include <glib/gstdio.h>

#include "model/network/classifier.h"
#include "model/engine/engine.h"
#include "tests/model/golden.h"
#include "tests/model/scratch.h"
#include "tests/model/training.h"

/* 64 values for a norm's tensor, filled in main () */
static float bad_values[64], negative[64];

typedef struct {
  const char *name, *sort;
  ScratchEdit edit;               /* of a tensor in model.safetensors */
  const char *file, *key, *value; /* a member of a JSON file, taken out where the value is NULL */
  const char *left_out;           /* a file that is not copied */
  int code;
  const char *says;
} Spoilt;

/* A line for what is spoilt, one for what is said. */
/* clang-format off */
static const Spoilt spoilt[] = {
  { "kernel-missing", "resnet18", .edit = { "layer3.1.conv2.weight", .drop = TRUE },
    .code = COW_ERROR_NOT_FOUND, .says = "layer3.1.conv2.weight" },
  { "norm-missing", "resnet18", .edit = { "layer2.0.downsample.1.running_mean", .drop = TRUE },
    .code = COW_ERROR_NOT_FOUND, .says = "layer2.0.downsample.1.running_mean" },
  { "norm-short", "resnet18",
    .edit = { "bn1.weight", .dtype = COW_F32, .n_dims = 1, .dims = { 63 } },
    .code = COW_ERROR_MISMATCH, .says = "bn1.weight" },
  { "kernel-flat", "resnet18",
    .edit = { "conv1.weight", .dtype = COW_F32, .n_dims = 2, .dims = { 64, 147 } },
    .code = COW_ERROR_MISMATCH, .says = "conv1.weight" },
  { "no-number", "resnet18", .edit = { "bn1.running_mean", .data = bad_values },
    .code = COW_ERROR_FORMAT, .says = "bn1.running_mean" },
  { "negative-variance", "resnet18", .edit = { "bn1.running_var", .data = negative },
    .code = COW_ERROR_FORMAT, .says = "a variance is at least 0" },
  { "small-pictures", "resnet18", .file = "cowbehavior.json", .key = "preprocess",
    .value = "{\"size\": 16, \"interpolation\": \"bilinear\", \"normalisation\": \"unit\"}",
    .code = COW_ERROR_MISMATCH, .says = "16 x 16" },
  { "no-positions", "vit", .edit = { "pos_embed", .drop = TRUE },
    .code = COW_ERROR_NOT_FOUND, .says = "position" },
  { "few-positions", "vit",
    .edit = { "pos_embed", .dtype = COW_F32, .n_dims = 2, .dims = { 5, 32 } },
    .code = COW_ERROR_MISMATCH, .says = "position" },
  { "uneven-qkv", "vit",
    .edit = { "blocks.0.attn.qkv.weight", .dtype = COW_F32, .n_dims = 2, .dims = { 95, 32 } },
    .code = COW_ERROR_FORMAT, .says = "qkv" },
  { "larger-pictures", "vit", .file = "config.json", .key = "image_size", .value = "128",
    .code = COW_ERROR_MISMATCH, .says = "squares of 128" },
  { "wider", "vit", .file = "config.json", .key = "hidden_size", .value = "64",
    .code = COW_ERROR_MISMATCH, .says = "64" },
  { "deeper", "vit", .file = "config.json", .key = "num_hidden_layers", .value = "3",
    .code = COW_ERROR_NOT_FOUND, .says = "layer.2" },
  { "dinov3-says-vit", "dinov3", .file = "cowbehavior.json", .key = "kind",
    .value = "\"vit-small\"",
    .code = COW_ERROR_MISMATCH, .says = "vit-small" },
  { "vit-says-dinov3", "vit", .file = "cowbehavior.json", .key = "kind", .value = "\"dinov3\"",
    .code = COW_ERROR_MISMATCH, .says = "timm" },
  { "vit-says-resnet", "vit", .file = "cowbehavior.json", .key = "kind", .value = "\"resnet18\"",
    .code = COW_ERROR_NOT_FOUND, .says = "conv1.weight" },
  { "config-says-dinov3", "vit", .file = "config.json", .key = "model_type",
    .value = "\"dinov3_vit\"",
    .code = COW_ERROR_MISMATCH, .says = "vit-small" },
  { "says-lora", "dinov3", .file = "cowbehavior.json", .key = "kind", .value = "\"lora\"",
    .code = COW_ERROR_ARGUMENT, .says = "needs the model" },
  { "no-config", "dinov3", .left_out = "config.json",
    .code = COW_ERROR_UNSUPPORTED, .says = "config.json" },
  { "no-config-vit", "vit", .left_out = "config.json",
    .code = COW_ERROR_UNSUPPORTED, .says = "config.json" },
  { "no-weights", "dinov3", .left_out = "model.safetensors",
    .code = COW_ERROR_NOT_FOUND, .says = "model.safetensors" },
  { "no-head", "resnet18", .left_out = "classifier.safetensors",
    .code = COW_ERROR_NOT_FOUND, .says = "classifier.safetensors" },
  { "more-classes", "vit", .file = "cowbehavior.json", .key = "classes",
    .value = "[\"lying\", \"standing\"]",
    .code = COW_ERROR_MISMATCH, .says = "2 classes" },
};
/* clang-format on */

/* Saved folders by the case's name, made when first asked for. */
static GHashTable *saved;

static const char *
saved_folder (const char *name)
{
  char *folder = g_hash_table_lookup (saved, name);
  const TrainingCase *sort = training_cases;
  if (folder)
    return folder;
  while (!g_str_equal (sort->name, name))
    sort++;
  Training *training = training_new (sort, &(TrainingHow){ .fresh = TRUE });
  folder = scratch_new ();
  training_save (training, folder);
  training_free (training);
  g_hash_table_insert (saved, (gpointer)name, folder);
  return folder;
}

static void
expect (const CowClassifierOptions *options, int code, const char *says)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (cow_classifier_new (options, &error));
  g_test_message ("%s", error->message);
  g_assert_cmpint (error->domain, ==, COW_ERROR);
  g_assert_cmpint (error->code, ==, code);
  g_assert_nonnull (strstr (error->message, says));
  g_assert_null (strchr (error->message, '\n'));
}

static void
test_spoilt (gconstpointer data)
{
  const Spoilt *c = data;
  const char *const files[] = { "model.safetensors", "classifier.safetensors", "config.json",
                                "cowbehavior.json" };
  const char *from = saved_folder (c->sort);
  char *folder = scratch_new ();
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *source = g_build_filename (from, files[i], NULL),
                    *target = g_build_filename (folder, files[i], NULL);
    if (g_strcmp0 (c->left_out, files[i]) == 0)
      continue;
    if (c->edit.name && i == 0)
      scratch_copy_tensors (source, target, (const ScratchEdit[]){ c->edit, { .name = NULL } });
    else if (g_strcmp0 (c->file, files[i]) == 0)
      scratch_copy_json (from, folder, files[i], c->key, c->value);
    else
      scratch_copy (from, folder, files[i]);
  }
  expect (&(CowClassifierOptions){ .adapter = folder }, c->code, c->says);
  scratch_free (folder);
}

/* Cut off anywhere, a file of weights is an error. */
static void
test_truncated (void)
{
  const char *from = saved_folder ("dinov3");
  char *folder = scratch_new ();
  gsize length;
  g_autofree char *whole = scratch_read (from, "model.safetensors", &length),
                  *file = g_build_filename (folder, "model.safetensors", NULL);
  scratch_copy (from, folder, "classifier.safetensors");
  scratch_copy (from, folder, "config.json");
  scratch_copy (from, folder, "cowbehavior.json");
  for (int part = 0; part < 8; part++) {
    g_autoptr (GError) error = NULL;
    g_assert_true (g_file_set_contents (file, whole, (gssize)(length * (gsize)part / 8), NULL));
    g_assert_null (cow_classifier_new (&(CowClassifierOptions){ .adapter = folder }, &error));
    g_assert_cmpint (error->domain, ==, COW_ERROR);
  }
  scratch_free (folder);
}

/* A model beside a whole network, none beside an adapter, and an adapter in the folder of a whole
 * network. */
static void
test_model (void)
{
  const char *whole = saved_folder ("vit"), *adapter = saved_folder ("lora-all");
  g_autofree char *model = golden_path ("plain/nf4");
  expect (&(CowClassifierOptions){ .model = model, .adapter = whole }, COW_ERROR_ARGUMENT,
          "no model goes with it");
  expect (&(CowClassifierOptions){ .adapter = adapter }, COW_ERROR_ARGUMENT, "needs the model");
  expect (&(CowClassifierOptions){ 0 }, COW_ERROR_ARGUMENT, "path");
  g_assert_true (cow_classifier_needs_model (adapter));
  g_assert_true (cow_classifier_needs_model ("/nowhere"));
  g_assert_false (cow_classifier_needs_model (whole));
  scratch_write (whole, "adapter_config.json", "{}");
  expect (&(CowClassifierOptions){ .adapter = whole }, COW_ERROR_FORMAT, "adapter_config.json");
  g_autofree char *extra = g_build_filename (whole, "adapter_config.json", NULL);
  g_assert_cmpint (g_remove (extra), ==, 0);
}

/* What the element does with it: no model, an engine that two share. */
static void
test_engine (void)
{
  GError *error = NULL;
  const CowClassifierOptions options = { .adapter = saved_folder ("resnet18") },
                             empty = { .model = "", .adapter = options.adapter };
  CowEngine *engine = cow_engine_get (&options, &error), *same;
  g_assert_no_error (error);
  same = cow_engine_get (&empty, &error);
  g_assert_no_error (error);
  g_assert_true (engine == same);
  g_assert_cmpuint (cow_engine_n_classes (engine), ==, TRAINING_CLASSES);
  cow_engine_unref (engine);
  cow_engine_unref (same);
}

/* Its folder is a model too: features without a head; but timm's and a ResNet's are none for
 * adapters. */
static void
test_as_model (void)
{
  GError *error = NULL;
  const char *dinov3 = saved_folder ("dinov3-gated"), *vit = saved_folder ("vit"),
             *resnet = saved_folder ("resnet18");
  static const char *const targets[] = { "q_proj", NULL };
  g_autoptr (CowClassifier) features =
      cow_classifier_new (&(CowClassifierOptions){ .model = dinov3 }, &error);
  g_assert_no_error (error);
  g_assert_false (cow_classifier_has_head (features));
  g_assert_cmpint (cow_classifier_n_features (features), ==, 32);
  g_autoptr (CowClassifier) pooled =
      cow_classifier_new (&(CowClassifierOptions){ .model = resnet }, &error);
  g_assert_no_error (error);
  g_assert_cmpint (cow_classifier_n_features (pooled), ==, 512);
  expect (&(CowClassifierOptions){ .model = resnet, .adapter = saved_folder ("lora-all") },
          COW_ERROR_UNSUPPORTED, "ResNet");
  g_autoptr (CkDevice) device = cow_device_open (NULL, 0, &error);
  g_autoptr (CkStream) stream = cow_stream_new (device, 0, &error);
  const CowNetworkOptions options = { .kind = COW_NETWORK_LORA,
                                      .n_classes = 9,
                                      .model = vit,
                                      .rank = 2,
                                      .alpha = 4,
                                      .targets = targets,
                                      .image_size = 64,
                                      .batch = 1 };
  g_assert_null (cow_network_new (stream, &options, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_UNSUPPORTED);
  g_clear_error (&error);
}

/* Pictures of another size than the folder's own, where the network takes them and where not. */
static void
test_sizes (void)
{
  static const struct {
    const char *sort;
    int height, width;
    gboolean takes;
  } cases[] = { { "resnet18", 33, 70, TRUE }, { "resnet18", 31, 70, FALSE },
                { "dinov3", 32, 80, TRUE },   { "dinov3", 40, 64, FALSE },
                { "vit", 64, 64, TRUE },      { "vit", 32, 64, FALSE } };
  g_autofree float *pixels = g_new0 (float, 2 * 3 * 80 * 80);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    CowOutput output;
    g_autoptr (CowClassifier) classifier = cow_classifier_new (
        &(CowClassifierOptions){ .adapter = saved_folder (cases[i].sort) }, &error);
    g_assert_no_error (error);
    g_assert_cmpint (
        cow_classifier_check_size (classifier, "here", cases[i].width, cases[i].height, NULL), ==,
        cases[i].takes);
    g_assert_cmpint (cow_classifier_run (classifier, pixels, 2, cases[i].height, cases[i].width,
                                         &output, &error),
                     ==, cases[i].takes);
    g_assert_cmpint (error == NULL, ==, cases[i].takes);
    for (guint c = 0; cases[i].takes && c < 2 * TRAINING_CLASSES; c++)
      g_assert_true (isfinite (output.logits[c]));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (int i = 0; i < 64; i++)
    bad_values[i] = negative[i] = 1;
  bad_values[5] = NAN;
  negative[5] = -1e-3f;
  saved = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)scratch_free);
  for (guint i = 0; i < G_N_ELEMENTS (spoilt); i++) {
    g_autofree char *path = g_strconcat ("/whole/spoilt/", spoilt[i].name, NULL);
    g_test_add_data_func (path, &spoilt[i], test_spoilt);
  }
  g_test_add_func ("/whole/truncated", test_truncated);
  g_test_add_func ("/whole/model", test_model);
  g_test_add_func ("/whole/engine", test_engine);
  g_test_add_func ("/whole/as-model", test_as_model);
  g_test_add_func ("/whole/sizes", test_sizes);
  const int status = g_test_run ();
  g_hash_table_unref (saved);
  return status;
}
