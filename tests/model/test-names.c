/* SPDX-License-Identifier: MIT */
/*
 * What public reports name: the same network, adapter and head under other programs' names and in
 * their dictionaries, folders that lead to others, files that are something else, and an adapter on
 * another base. tests/reports.md has the reports.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "model/adapter/adapter.h"
#include "model/adapter/base-check.h"
#include "model/adapter/fingerprint.h"
#include "model/adapter/head-weights.h"
#include "model/adapter/preprocess-source.h"
#include "model/files/json-object.h"
#include "model/files/locate.h"
#include "model/files/tensor-file.h"
#include "model/files/tensor-names.h"
#include "tests/model/golden.h"
#include "tests/model/scratch.h"
#include "tests/model/written.h"

/* ---- files with other names ------------------------------------------------------------------ */

/* What a tensor is called in the copy, NULL: it is left out. */
typedef char *(*Rename) (const char *name, gpointer data);

static void
copy_renamed (const char *from, const char *to, Rename rename, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowSafetensors) file = cow_safetensors_open (from, &error);
  g_assert_no_error (error);
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (to);
  for (int writing = 0; writing < 2; writing++)
    for (guint i = 0; i < cow_safetensors_n_tensors (file); i++) {
      const CowTensor *tensor = cow_safetensors_nth (file, i);
      g_autofree char *name = rename (tensor->name, data);
      if (name && !writing)
        cow_safetensors_writer_declare (writer, name, tensor->dtype, tensor->dims, tensor->n_dims);
      else if (name)
        g_assert_true (cow_safetensors_writer_copy (writer, tensor, &error));
    }
  g_assert_true (cow_safetensors_writer_finish (writer, &error));
}

/* data: "FROM|TO", at the beginning of a name or anywhere in it. */
static char *
replace (const char *name, gpointer data)
{
  g_auto (GStrv) words = g_strsplit (data, "|", 2);
  g_autofree char *marked = g_strconcat ("^", name, NULL);
  g_auto (GStrv) parts = g_strsplit (marked, words[0], 2);
  g_autofree char *joined = g_strjoinv (words[1], parts);
  return g_strdup (*joined == '^' ? joined + 1 : joined);
}

static CowVitConfig
plain_config (void)
{
  g_autofree char *folder = golden_path ("plain/fp32");
  g_autoptr (GError) error = NULL;
  CowVitConfig config;
  cow_vit_config_read (folder, &config, &error);
  g_assert_no_error (error);
  return config;
}

/* ---- adapters -------------------------------------------------------------------------------- */

static void
test_adapter_names (void)
{
  static const char *const changes[] = {
    "lora_A.weight|lora_A.default.weight",
    "lora_magnitude_vector|lora_magnitude_vector.weight",
    "lora_magnitude_vector|lora_magnitude_vector.default",
    "lora_magnitude_vector|lora_magnitude_vector.barn.weight",
    "^|^_orig_mod.",
    "^base_model.model.|^base_model.model._orig_mod.",
    "^base_model.model.|^base_model.model.backbone.",
    "^base_model.model.|^base_model.model.dinov3_vit.",
    "^base_model.model.|^module.base_model.model.net.pretrained.",
    "^base_model.model.model.|^base_model.model.",
  };
  const CowVitConfig config = plain_config ();
  g_autofree char *folder = golden_path ("plain/dora_q_r8");
  g_autofree char *file = g_build_filename (folder, "adapter_model.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (CowAdapter) expected = cow_adapter_read (folder, &config, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++) {
    char *scratch = scratch_new ();
    g_autofree char *to = g_build_filename (scratch, "adapter_model.safetensors", NULL);
    scratch_copy (folder, scratch, "adapter_config.json");
    copy_renamed (file, to, replace, (gpointer)changes[i]);
    g_autoptr (CowAdapter) found = cow_adapter_read (scratch, &config, &error);
    g_assert_no_error (error);
    for (int layer = 0; layer < config.n_layers; layer++) {
      const CowLora *a = cow_adapter_get (expected, layer, COW_Q),
                    *b = cow_adapter_get (found, layer, COW_Q);
      g_assert_cmpmem (a->a, (gsize)(a->rank * a->in) * 4, b->a, (gsize)(b->rank * b->in) * 4);
      g_assert_cmpmem (a->b, (gsize)(a->rank * a->out) * 4, b->b, (gsize)(b->rank * b->out) * 4);
      g_assert_cmpmem (a->magnitude, (gsize)a->out * 4, b->magnitude, (gsize)b->out * 4);
    }
    scratch_free (scratch);
  }
}

/* Two networks' tensors in one adapter are none of ours. */
static void
test_adapter_of_two (void)
{
  const CowVitConfig config = plain_config ();
  char *scratch = scratch_new ();
  g_autofree char *folder = golden_path ("plain/lora_q_r8");
  g_autofree char *file = g_build_filename (folder, "adapter_model.safetensors", NULL),
                  *to = g_build_filename (scratch, "adapter_model.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  scratch_copy (folder, scratch, "adapter_config.json");
  copy_renamed (file, to, replace, "^base_model.model.model.layer.1|^other.layer.1");
  g_assert_null (cow_adapter_read (scratch, &config, &error));
  expect_error (&error, COW_ERROR_MISMATCH, scratch, "another network", NULL);
  scratch_free (scratch);
}

static void
test_swapped (void)
{
  const CowVitConfig config = plain_config ();
  g_autofree char *model = golden_path ("plain/fp32"), *adapter = golden_path ("plain/lora_q_r8");
  g_autofree char *file = g_build_filename (adapter, "adapter_model.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  g_assert_null (cow_checkpoint_open (adapter, &error));
  expect_error (&error, COW_ERROR_MISMATCH, adapter, "is an adapter", "--adapter", NULL);
  g_assert_null (cow_checkpoint_open (file, &error));
  expect_error (&error, COW_ERROR_MISMATCH, file, "is an adapter", NULL);
  g_assert_null (cow_adapter_read (model, &config, &error));
  expect_error (&error, COW_ERROR_NOT_FOUND, model, "is a model, not an adapter", "--model", NULL);
}

/* Of a folder without weights, a single file tells that it is an adapter. */
static void
test_swapped_head (void)
{
  static const char *const names[] = { "cowbehavior.json", "classifier.safetensors",
                                       "best_classifier.pth" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    char *scratch = scratch_new ();
    g_autofree char *file = g_build_filename (scratch, names[i], NULL);
    g_autoptr (GError) error = NULL;
    g_assert_true (g_file_set_contents (file, "{}", -1, NULL));
    g_assert_null (cow_checkpoint_open (scratch, &error));
    expect_error (&error, COW_ERROR_MISMATCH, scratch, "is an adapter, not a model", "--adapter",
                  NULL);
    scratch_free (scratch);
  }
}

/* ---- heads ----------------------------------------------------------------------------------- */

static void
test_head_names (void)
{
  static const struct {
    const char *file, *change;
  } heads[] = {
    { "classifier.safetensors", "^|^classifier." },
    { "classifier.safetensors", "^|^module.head.net." },
    { "classifier.safetensors", "^|^model_state_dict._orig_mod." },
    { "adapter_model.safetensors", "^|^base_model.model.classifier." },
    { "adapter_model.safetensors", "^|^base_model.model.classifier.modules_to_save.default." },
  };
  g_autofree char *folder = golden_path ("plain");
  g_autofree char *file = g_build_filename (folder, "classifier.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (CowHeadWeights) expected = cow_head_weights_read (folder, 0, 0, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (heads); i++) {
    char *scratch = scratch_new ();
    g_autofree char *to = g_build_filename (scratch, heads[i].file, NULL);
    copy_renamed (file, to, replace, (gpointer)heads[i].change);
    g_autoptr (CowHeadWeights) found = cow_head_weights_read (scratch, 0, 0, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (found->n_layers, ==, expected->n_layers);
    for (guint l = 0; l < found->n_layers; l++)
      g_assert_cmpmem (found->layers[l].weight,
                       (gsize)(found->layers[l].in * found->layers[l].out) * 4,
                       expected->layers[l].weight,
                       (gsize)(expected->layers[l].in * expected->layers[l].out) * 4);
    scratch_free (scratch);
  }
}

static char *
last_layer (const char *name, gpointer prefix)
{
  return g_str_has_prefix (name, "6.") ? g_strconcat (prefix, name + 2, NULL) : NULL;
}

static void
test_head_of_one_layer (void)
{
  static const char *const prefixes[] = { "", "0.", "fc.", "model.classifier." };
  g_autofree char *file = golden_path ("plain/classifier.safetensors");
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++) {
    char *scratch = scratch_new ();
    g_autofree char *to = g_build_filename (scratch, "classifier.safetensors", NULL);
    g_autoptr (GError) error = NULL;
    copy_renamed (file, to, last_layer, (gpointer)prefixes[i]);
    g_autoptr (CowHeadWeights) head = cow_head_weights_read (scratch, 0, 0, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (head->n_layers, ==, 1);
    scratch_free (scratch);
  }
}

/* ---- models ---------------------------------------------------------------------------------- */

static void
test_find_network (void)
{
  static const char *const meta[] = { "optimizer.state.0",
                                      "student.backbone.patch_embed.proj.weight",
                                      "teacher.backbone.patch_embed.proj.weight",
                                      "teacher.dino_head.mlp.0.weight" };
  static const char *const two[] = { "left.patch_embed.proj.weight",
                                     "right.patch_embed.proj.weight" };
  g_autofree char *other = NULL, *teacher = cow_names_find_network (meta, 4, &other);
  g_assert_cmpstr (teacher, ==, "teacher.backbone.");
  g_assert_null (other);
  g_autofree char *left = cow_names_find_network (two, 2, &other);
  g_assert_cmpstr (left, ==, "left.");
  g_assert_cmpstr (other, ==, "right.");
}

/* A training's checkpoint: the teacher is taken, and the user is told what was not. */
static void
test_teacher (void)
{
  static const char header[] =
      "{\"student.patch_embed.proj.weight\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}"
      ","
      "\"teacher.patch_embed.proj.weight\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]},"
      "\"teacher.blocks.0.ls1.gamma\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}";
  g_autoptr (GString) bytes = safetensors_bytes (header, 3);
  g_autofree char *path = write_bytes ("teacher.ckpt", bytes->str, bytes->len);
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (path, &error);
  g_assert_no_error (error);
  g_autofree char *said = cow_checkpoint_selection (checkpoint);
  const CowTensor *patches = cow_checkpoint_find (checkpoint, "embeddings.patch_embeddings.weight");
  g_assert_cmpuint (cow_checkpoint_n_tensors (checkpoint), ==, 2);
  g_assert_nonnull (patches);
  g_assert_true (cow_tensor_read (patches, &error));
  g_assert_cmpuint (patches->data[0], ==, 1);
  g_assert_nonnull (strstr (said, "\"teacher.\""));
  g_assert_nonnull (strstr (said, "1 tensors"));
}

/* config.json counts beside a file of any name, and not where it is about something else. */
static void
test_config_beside (void)
{
  g_autofree char *folder = golden_path ("plain/fp32");
  char *scratch = scratch_new ();
  g_autofree char *from = g_build_filename (folder, "model.safetensors", NULL),
                  *to = g_build_filename (scratch, "barn.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  CowVitConfig config;
  copy_renamed (from, to, replace, "^|^");
  scratch_copy_json (folder, scratch, "config.json", "rope_theta", "77");
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (to, &error);
  g_assert_true (cow_vit_config_for (to, checkpoint, &config, &error));
  g_assert_cmpfloat (config.rope_theta, ==, 77);
  scratch_write (scratch, "config.json", "{\"colour\": \"brown\"}");
  g_assert_true (cow_vit_config_for (to, checkpoint, &config, &error));
  g_assert_cmpfloat (config.rope_theta, ==, 100);
  scratch_write (scratch, "config.json", "{\"architecture\": \"vit_base_patch16_clip_224\"}");
  g_assert_false (cow_vit_config_for (to, checkpoint, &config, &error));
  expect_error (&error, COW_ERROR_UNSUPPORTED, scratch, "vit_base_patch16_clip_224", NULL);
  scratch_write (scratch, "config.json",
                 "{\"architecture\": \"vit_small_patch16_dinov3\", \"pretrained_cfg\": {"
                 "\"input_size\": [3, 256, 192], \"mean\": [0.43, 0.411, 0.296],"
                 "\"std\": [0.213, 0.156, 0.143]}}");
  g_assert_true (cow_vit_config_for (to, checkpoint, &config, &error));
  g_auto (CowPreprocessSource) source = { 0 };
  g_assert_true (cow_preprocess_source_read_model (&source, to, &error));
  g_assert_cmpint (source.preprocess.normalisation, ==, COW_SATELLITE);
  g_assert_cmpint (source.preprocess.height, ==, 256);
  g_assert_cmpint (source.preprocess.width, ==, 192);
  scratch_free (scratch);
}

static void
test_other_base (void)
{
  g_autofree char *path = golden_path ("plain/fp32"), *other = golden_path ("plain/nf4");
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCheckpoint) base = cow_checkpoint_open (path, &error),
                            second = cow_checkpoint_open (other, &error);
  g_autoptr (CowCard) card = cow_card_new_default ();
  g_assert_null (cow_base_warning (card, "cows", base));
  card->base_name = g_strdup ("dinov3-vits16");
  card->base_fingerprint = cow_fingerprint (base, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (cow_base_warning (card, "cows", base));
  g_autofree char *warning = cow_base_warning (card, "cows", second);
  g_assert_nonnull (strstr (warning, "cows was made on another base, dinov3-vits16"));
  /* An older card has the hash of all bytes alone. */
  g_clear_pointer (&card->base_fingerprint, g_free);
  card->base_hash = g_strdup ("00");
  g_autofree char *older = cow_base_warning (card, "cows", base);
  g_assert_nonnull (strstr (older, "another base"));
}

/* ---- folders --------------------------------------------------------------------------------- */

static void
test_locate (void)
{
  char *scratch = scratch_new ();
  g_autofree char *model =
      g_build_filename (scratch, "hub", "models--barn--cows-v2", "snapshots", "0a1b", NULL);
  g_autofree char *cached = g_build_filename (scratch, "hub", "models--barn--cows-v2", NULL),
                  *refs = g_build_filename (cached, "refs", NULL),
                  *blobs = g_build_filename (cached, "blobs", NULL),
                  *run = g_build_filename (scratch, "peft", NULL),
                  *named = g_build_filename (run, "day", NULL);
  g_autoptr (GError) error = NULL;
  g_mkdir_with_parents (model, 0700);
  g_mkdir_with_parents (refs, 0700);
  g_mkdir_with_parents (blobs, 0700);
  g_mkdir_with_parents (named, 0700);
  scratch_write (refs, "main", "0a1b\n");
  scratch_write (blobs, "77", "{\"a\": 1}");
  scratch_write (model, "config.json", "../../blobs/77");
  scratch_write (named, "adapter_config.json", "{}");
  /* an older state, beside the one that main is now */
  g_autofree char *older = g_build_filename (cached, "snapshots", "00ff", NULL);
  g_mkdir_with_parents (older, 0700);
  g_setenv ("HF_HOME", scratch, TRUE);
  const char *names[] = { cached, "barn/cows-v2" };
  for (guint i = 0; i < 2; i++) {
    g_autofree char *found = cow_locate (names[i], &error);
    g_assert_no_error (error);
    g_assert_cmpstr (found, ==, model);
  }
  /* A link that was copied as a text leads to its blob. */
  g_autofree char *config = g_build_filename (model, "config.json", NULL);
  g_autoptr (JsonObject) object = cow_json_read_object (config, &error);
  g_assert_no_error (error);
  g_assert_cmpint (json_object_get_int_member (object, "a"), ==, 1);
  g_autofree char *adapter = cow_locate (run, &error);
  g_assert_cmpstr (adapter, ==, named);
  g_assert_null (cow_locate ("timm/vit_small_patch16_dinov3.lvd1689m", &error));
  expect_error (&error, COW_ERROR_NOT_FOUND,
                "cow-trainer fetch timm/vit_small_patch16_dinov3.lvd1689m", NULL);
  scratch_write (refs, "main", "../../../etc");
  g_assert_null (cow_locate (cached, &error));
  expect_error (&error, COW_ERROR_NOT_FOUND, cached, "2 states", NULL);
  g_rmdir (older);
  g_autofree char *only = cow_locate (cached, &error);
  g_assert_cmpstr (only, ==, model);
  scratch_free (scratch);
}

/* ---- files that are something else ----------------------------------------------------------- */

static void
test_foreign (void)
{
  static const struct {
    const char *name, *bytes;
    gsize n;
    const char *says;
  } files[] = {
    { "model.safetensors", "\n<!DOCTYPE html>\n<html>", 22, "is a web page" },
    { "model.safetensors", "<!-- login --><HTML>", 20, "is a web page" },
    { "model.safetensors", "{\"error\":\"Repository not found\"}", 33, "error message" },
    { "model.safetensors", "version https://git-lfs.github.com/spec/v1\n", 43, "git lfs pull" },
    { "model.safetensors", "\x1f\x8b\x08\0\0\0\0\0\0\3abcdef", 16, "gzip archive" },
    { "model.safetensors", "Rar!\x1a\7\1\0aaaaaaaa", 16, "RAR archive" },
    { "model.safetensors", "GGUF\3\0\0\0aaaaaaaa", 16, "GGUF" },
    { "model.pth", "PK\3\4aaaaaaaaaaaaaaaaaaaa", 24, "zip" },
    { "config.json", "<html><title>Log in</title>", 27, "is a web page" },
    { "config.json", "\xff\xfe{\0}\0", 6, "UTF-16" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *path = write_bytes (files[i].name, files[i].bytes, files[i].n);
    g_autoptr (GError) error = NULL;
    g_auto (CowTensorFile) file = { 0 };
    if (g_str_has_suffix (path, ".json"))
      g_assert_null (cow_json_read (path, &error));
    else
      g_assert_false (cow_tensor_file_open (&file, path, &error));
    g_assert_nonnull (error);
    if (!strstr (error->message, files[i].says))
      g_error ("%s: expected \"%s\"", error->message, files[i].says);
  }
}

static void
test_mark (void)
{
  static const char text[] = "\xef\xbb\xbf{\"r\": 8}\r\n";
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) object =
      cow_json_parse_object (text, sizeof text - 1, "adapter_config.json", &error);
  g_assert_no_error (error);
  g_assert_cmpint (json_object_get_int_member (object, "r"), ==, 8);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/names/adapter", test_adapter_names);
  g_test_add_func ("/names/adapter-of-two", test_adapter_of_two);
  g_test_add_func ("/names/swapped", test_swapped);
  g_test_add_func ("/names/swapped-head", test_swapped_head);
  g_test_add_func ("/names/head", test_head_names);
  g_test_add_func ("/names/head-of-one-layer", test_head_of_one_layer);
  g_test_add_func ("/names/find-network", test_find_network);
  g_test_add_func ("/names/teacher", test_teacher);
  g_test_add_func ("/names/config-beside", test_config_beside);
  g_test_add_func ("/names/other-base", test_other_base);
  g_test_add_func ("/names/locate", test_locate);
  g_test_add_func ("/names/foreign", test_foreign);
  g_test_add_func ("/names/byte-order-mark", test_mark);
  return run_and_clean ();
}
