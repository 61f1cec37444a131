/* SPDX-License-Identifier: MIT */
/* Networks in all the ways that they come: folders, shards, Meta's names; and folders whose index
 * lies. */
#include <glib/gstdio.h>
#include <string.h>

#include "model/files/checkpoint.h"
#include "tests/model/written.h"

static CowCheckpoint *
open_data (const char *name)
{
  g_autofree char *path = data_path (name);
  g_autoptr (GError) error = NULL;
  CowCheckpoint *checkpoint = cow_checkpoint_open (path, &error);

  g_assert_no_error (error);
  return checkpoint;
}

static void
assert_same_tensor (const CowTensor *tensor, const CowTensor *other)
{
  g_assert_nonnull (other);
  g_assert_cmpint (tensor->dtype, ==, other->dtype);
  g_assert_true (cow_tensor_has_shape (tensor, other->n_dims, other->dims));
  g_assert_true (cow_tensor_read (tensor, NULL) && cow_tensor_read (other, NULL));
  g_assert_cmpmem (tensor->data, tensor->n_bytes, other->data, other->n_bytes);
}

/* Meta's file, translated, holds just what Hugging Face's does. */
static void
test_meta (gconstpointer network)
{
  g_autofree char *folder = g_strdup_printf ("golden/%s/fp32", (const char *)network);
  g_autofree char *pth = g_strdup_printf ("golden/%s/meta.pth", (const char *)network);
  g_autoptr (CowCheckpoint) ours = open_data (folder), meta = open_data (pth);

  for (guint i = 0; i < cow_checkpoint_n_tensors (ours); i++) {
    const CowTensor *tensor = cow_checkpoint_nth (ours, i);

    assert_same_tensor (tensor, cow_checkpoint_find (meta, tensor->name));
  }
  g_assert_cmpuint (cow_checkpoint_n_tensors (meta), ==, cow_checkpoint_n_tensors (ours));
  g_assert_null (cow_checkpoint_find (meta, "layer.0.attention.k_proj.bias"));
}

static void
test_get (void)
{
  static const gint64 shape[] = { 1, 1, 128 }, other[] = { 1, 5, 128 };
  g_autoptr (CowCheckpoint) checkpoint = open_data ("golden/plain/nf4");
  g_autoptr (GError) error = NULL;
  const CowTensor *tensor =
      cow_checkpoint_get (checkpoint, "embeddings.cls_token", 3, shape, &error);

  g_assert_no_error (error);
  g_assert_true (
      g_str_has_suffix (cow_checkpoint_file_of (checkpoint, tensor), "nf4/model.safetensors"));
  g_assert_true (g_str_has_suffix (cow_checkpoint_path (checkpoint), "nf4"));
  cow_checkpoint_release_pages (checkpoint, tensor);
  g_assert_null (cow_checkpoint_get (checkpoint, "embeddings.cls_token", 3, other, &error));
  expect_error (&error, COW_ERROR_MISMATCH, "model.safetensors", "embeddings.cls_token",
                "[1, 1, 128]", "[1, 5, 128]", NULL);
  g_assert_null (cow_checkpoint_get (checkpoint, "layer.9.norm1.weight", 3, other, &error));
  expect_error (&error, COW_ERROR_NOT_FOUND, cow_checkpoint_path (checkpoint),
                "layer.9.norm1.weight", "[1, 5, 128]", NULL);
  g_assert_nonnull (cow_checkpoint_find (
      checkpoint, "layer.0.attention.q_proj.weight.quant_state.bitsandbytes__nf4"));
}

static void
write_entry (const char *name, const char *header, gsize n_data)
{
  g_autoptr (GString) bytes = safetensors_bytes (header, n_data);

  g_free (write_bytes (name, bytes->str, bytes->len));
}

#define ENTRY(name, dtype, shape, offsets)                                                         \
  "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

/* What a file of the one tensor becomes, or the error of opening it. */
static CowCheckpoint *
open_one (const char *header, gsize n_data, GError **error)
{
  g_autofree char *path = written_path ("one.safetensors");

  write_entry ("one.safetensors", header, n_data);
  return cow_checkpoint_open (path, error);
}

static void
test_names (void)
{
  static const struct {
    const char *from, *to;
  } names[] = {
    { "model.layer.3.norm1.weight", "layer.3.norm1.weight" },
    { "backbone.model.layer.3.mlp.up_proj.weight.absmax", "layer.3.mlp.up_proj.weight.absmax" },
    { "model.embeddings.cls_token", "embeddings.cls_token" },
    { "blocks.39.attn.proj.weight.quant_state.bitsandbytes__nf4",
      "layer.39.attention.o_proj.weight.quant_state.bitsandbytes__nf4" },
    { "blocks.0.ls2.gamma", "layer.0.layer_scale2.lambda1" },
    { "blocks.0.mlp.w3.bias", "layer.0.mlp.down_proj.bias" },
    { "backbone.storage_tokens", "embeddings.register_tokens" },
    { "patch_embed.proj.bias", "embeddings.patch_embeddings.bias" },
    { "norm.bias", "norm.bias" },
    { "reg_token", "embeddings.register_tokens" },
    { "blocks.3.gamma_2", "layer.3.layer_scale2.lambda1" },
    { "blocks.3.mlp.fc1_g.weight", "layer.3.mlp.gate_proj.weight" },
    { "blocks.3.mlp.fc1_x.bias", "layer.3.mlp.up_proj.bias" },
    { "blocks.0.11.norm1.weight", "layer.11.norm1.weight" },
    { "module._orig_mod.blocks.0._checkpoint_wrapped_module.attn.v_bias",
      "layer.0.attention.v_proj.bias" },
    { "encoder.layer.2.attention.attention.key.bias", "layer.2.attention.k_proj.bias" },
    { "layernorm.weight", "norm.weight" },
    { "blocks.x.norm1.weight", "blocks.x.norm1.weight" },
    { "blocks.", "blocks." },
    { "rope_embed.periods", NULL },
    { "rope_embeddings.inv_freq", NULL },
    { "local_cls_norm.weight", NULL },
    { "blocks.7.attn.qkv.bias_mask", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *header = g_strdup_printf (
        "{\"%s\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", names[i].from);
    g_autoptr (GError) error = NULL;
    g_autoptr (CowCheckpoint) checkpoint = open_one (header, 2, &error);

    g_assert_no_error (error);
    g_assert_cmpuint (cow_checkpoint_n_tensors (checkpoint), ==, names[i].to != NULL);
    if (names[i].to != NULL)
      g_assert_cmpstr (cow_checkpoint_nth (checkpoint, 0)->name, ==, names[i].to);
  }
}

static void
test_qkv (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCheckpoint) checkpoint =
      open_one ("{" ENTRY ("blocks.12.attn.qkv.weight", "I16", "[6,1]", "[0,12]") "}", 12, &error);
  static const gint64 shape[] = { 2, 1 };
  const char parts[] = "qkv";

  g_assert_no_error (error);
  for (guint i = 0; i < 3; i++) {
    g_autofree char *name = g_strdup_printf ("layer.12.attention.%c_proj.weight", parts[i]);
    const CowTensor *tensor = cow_checkpoint_get (checkpoint, name, 2, shape, &error);

    g_assert_no_error (error);
    g_assert_cmpuint (tensor->n_bytes, ==, 4);
    g_assert_true (cow_tensor_read (tensor, &error));
    g_assert_cmpuint (tensor->data[0], ==, 4 * i);
  }
  g_assert_null (
      open_one ("{" ENTRY ("blocks.0.attn.qkv.weight", "I16", "[5,1]", "[0,10]") "}", 10, &error));
  expect_error (&error, COW_ERROR_FORMAT, "one.safetensors", "blocks.0.attn.qkv.weight", "[5, 1]",
                NULL);
  g_assert_null (
      open_one ("{" ENTRY ("blocks.0.attn.qkv.bias", "I16", "[]", "[0,2]") "}", 2, &error));
  expect_error (&error, COW_ERROR_FORMAT, "one.safetensors", "blocks.0.attn.qkv.bias", "[]", NULL);
  g_assert_null (
      open_one ("{" ENTRY ("blocks.0.attn.qkv.weight", "U8", "[6,1]", "[0,6]") "}", 6, &error));
  expect_error (&error, COW_ERROR_UNSUPPORTED, "one.safetensors", "blocks.0.attn.qkv.weight",
                "quantised", NULL);
  g_assert_null (open_one ("{" ENTRY ("norm.bias", "U8", "[1]", "[0,1]") "," ENTRY (
                               "model.norm.bias", "U8", "[1]", "[1,2]") "}",
                           2, &error));
  expect_error (&error, COW_ERROR_FORMAT, "one.safetensors", "two of that name", "norm.bias", NULL);
}

/* A folder of two shards, whose index the test gives. */
static char *
shards (const char *index)
{
  char *folder = written_path ("shards");

  g_mkdir (folder, 0700);
  write_entry ("shards/b.safetensors",
               "{" ENTRY ("model.layer.0.norm1.bias", "U8", "[3]", "[0,3]") "}", 3);
  write_entry ("shards/a.safetensors",
               "{" ENTRY ("norm.bias", "U8", "[2]", "[0,2]") "," ENTRY ("norm.weight", "U8", "[2]",
                                                                        "[2,4]") "}",
               4);
  g_free (write_bytes ("shards/model.safetensors.index.json", index, strlen (index)));
  return folder;
}

static void
test_shards (void)
{
  g_autofree char *folder =
      shards ("{\"metadata\":{\"total_size\":7},\"weight_map\":{\"model.layer.0.norm1.bias\":\"b."
              "safetensors\","
              "\"norm.bias\":\"a.safetensors\",\"norm.weight\":\"a.safetensors\"}}");
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (folder, &error);
  const CowTensor *tensor;

  g_assert_no_error (error);
  g_assert_cmpuint (cow_checkpoint_n_tensors (checkpoint), ==, 3);
  g_assert_cmpstr (cow_checkpoint_nth (checkpoint, 0)->name, ==, "norm.bias");
  tensor = cow_checkpoint_find (checkpoint, "layer.0.norm1.bias");
  g_assert_true (
      g_str_has_suffix (cow_checkpoint_file_of (checkpoint, tensor), "shards/b.safetensors"));
  cow_checkpoint_release_pages (checkpoint, tensor);
}

#define REST "\"norm.weight\":\"a.safetensors\",\"model.layer.0.norm1.bias\":\"b.safetensors\"}}"

static const struct {
  const char *what, *index;
  CowError code;
  const char *says, *also;
} bad_shards[] = {
  { "no-map", "{}", COW_ERROR_FORMAT, "weight_map", "index.json" },
  { "number", "{\"weight_map\":{\"norm.bias\":1}}", COW_ERROR_FORMAT, "norm.bias", "index.json" },
  { "absolute", "{\"weight_map\":{\"norm.bias\":\"/etc/a.safetensors\"}}", COW_ERROR_FORMAT,
    "/etc/a.safetensors", "plain name" },
  { "leaves", "{\"weight_map\":{\"norm.bias\":\"../a.safetensors\"}}", COW_ERROR_FORMAT,
    "../a.safetensors", "plain name" },
  { "folder", "{\"weight_map\":{\"norm.bias\":\"..\"}}", COW_ERROR_FORMAT, "\"..\"", "plain name" },
  { "empty", "{\"weight_map\":{\"norm.bias\":\"\"}}", COW_ERROR_FORMAT, "\"\"", "plain name" },
  { "executable", "{\"weight_map\":{\"norm.bias\":\"a.exe\"}}", COW_ERROR_FORMAT, "a.exe",
    "plain name" },
  { "missing", "{\"weight_map\":{\"norm.bias\":\"c.safetensors\"}}", COW_ERROR_NOT_FOUND,
    "c.safetensors", "" },
  { "not-there", "{\"weight_map\":{\"x\":\"a.safetensors\",\"norm.bias\":\"a.safetensors\"," REST,
    COW_ERROR_NOT_FOUND, "tensor x", "a.safetensors" },
  { "unknown", "{\"weight_map\":{" REST, COW_ERROR_FORMAT, "norm.bias", "does not know" },
  { "elsewhere", "{\"weight_map\":{\"norm.bias\":\"b.safetensors\"," REST, COW_ERROR_FORMAT,
    "norm.bias", "b.safetensors" },
  { "broken", "{\"weight_map\":", COW_ERROR_FORMAT, "broken JSON", "index.json" },
};

static void
test_bad_shards (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autofree char *folder = shards (bad_shards[i].index);
  g_autoptr (GError) error = NULL;

  g_assert_null (cow_checkpoint_open (folder, &error));
  expect_error (&error, bad_shards[i].code, folder, bad_shards[i].says, bad_shards[i].also, NULL);
}

static void
test_not_there (void)
{
  g_autofree char *missing = written_path ("missing"), *empty = written_path ("empty"),
                  *text = write_bytes ("notes.txt", "x", 1);
  g_autoptr (GError) error = NULL;

  g_assert_null (cow_checkpoint_open (missing, &error));
  expect_error (&error, COW_ERROR_NOT_FOUND, missing, NULL);
  g_mkdir (empty, 0700);
  g_assert_null (cow_checkpoint_open (empty, &error));
  expect_error (&error, COW_ERROR_NOT_FOUND, empty, "model.safetensors", NULL);
  g_assert_null (cow_checkpoint_open (text, &error));
  expect_error (&error, COW_ERROR_FORMAT, text, "too few for a safetensors file", NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/checkpoint/meta/plain", "plain", test_meta);
  g_test_add_data_func ("/checkpoint/meta/gated7b", "gated7b", test_meta);
  g_test_add_func ("/checkpoint/get", test_get);
  g_test_add_func ("/checkpoint/names", test_names);
  g_test_add_func ("/checkpoint/qkv", test_qkv);
  g_test_add_func ("/checkpoint/shards", test_shards);
  for (guint i = 0; i < G_N_ELEMENTS (bad_shards); i++) {
    g_autofree char *name = g_strconcat ("/checkpoint/bad-shards/", bad_shards[i].what, NULL);

    g_test_add_data_func (name, GUINT_TO_POINTER (i), test_bad_shards);
  }
  g_test_add_func ("/checkpoint/not-there", test_not_there);
  return run_and_clean ();
}
