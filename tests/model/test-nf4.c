/* SPDX-License-Identifier: MIT */
/*
 * NF4: quantising against bitsandbytes' own files, decoding against its own decoded weights at
 * every CPU level, what a broken or foreign weight gets for an answer, and whole folders through
 * cow_quantise ().
 */
#include <math.h>
#include <string.h>

#include "model/files/vit-config.h"
#include "model/files/error.h"
#include "model/files/nf4-write.h"
#include "model/files/quantise.h"
#include "tests/model/golden.h"
#include "tests/model/scratch.h"
#include "tests/model/written.h"

static const char *const networks[] = { "plain", "gated7b" };

static CowCheckpoint *
open_checkpoint (const char *path)
{
  g_autoptr (GError) error = NULL;
  CowCheckpoint *checkpoint = cow_checkpoint_open (path, &error);
  g_assert_no_error (error);
  return checkpoint;
}

static CowCheckpoint *
open_golden (const char *network, const char *kind)
{
  g_autofree char *folder = golden_path (network), *path = g_build_filename (folder, kind, NULL);
  return open_checkpoint (path);
}

static const guint8 *
part (const CowCheckpoint *checkpoint, const char *name, const char *suffix)
{
  g_autofree char *full = g_strconcat (name, suffix, NULL);
  const CowTensor *tensor = cow_checkpoint_find (checkpoint, full);
  g_assert_nonnull (tensor);
  g_assert_true (cow_tensor_read (tensor, NULL));
  return tensor->data;
}

static float
float_at (const guint8 *data, gsize i)
{
  float value;
  memcpy (&value, data + 4 * i, 4);
  return value;
}

/* ---- quantising ------------------------------------------------------------------------------ */

static void
compare_with_golden (const CowNf4 *nf4, const CowCheckpoint *golden, const char *name)
{
  const guint8 *absmax = part (golden, name, ".absmax"),
               *absmax2 = part (golden, name, ".nested_absmax");
  g_assert_cmpmem (nf4->codes, nf4->n_codes, part (golden, name, ""), nf4->n_codes);
  for (gsize i = 0; i < nf4->n_blocks; i++)
    g_assert_cmpint (ABS (nf4->absmax[i] - absmax[i]), <=, 1);
  for (gsize i = 0; i < nf4->n_nested; i++)
    g_assert_cmpfloat_with_epsilon (nf4->nested_absmax[i], float_at (absmax2, i), 1e-6);
  g_assert_cmpmem (nf4->nested_map, sizeof nf4->nested_map,
                   part (golden, name, ".nested_quant_map"), 1024);
  g_assert_cmpmem (cow_nf4_code, sizeof cow_nf4_code, part (golden, name, ".quant_map"), 64);
}

static void
test_quantise_golden (gconstpointer data)
{
  g_autoptr (CowCheckpoint) dense = open_golden (data, "fp32"), golden = open_golden (data, "nf4");
  guint n = 0;
  for (guint i = 0; i < cow_checkpoint_n_tensors (dense); i++) {
    const CowTensor *tensor = cow_checkpoint_nth (dense, i);
    if (!g_str_has_prefix (tensor->name, "layer.") || tensor->n_dims != 2)
      continue;
    g_auto (CowNf4) nf4 = { 0 };
    g_autofree float *weight = golden_floats (tensor);
    g_assert_true (cow_nf4_quantise (weight, tensor->dims[0], tensor->dims[1], &nf4, NULL));
    compare_with_golden (&nf4, golden, tensor->name);
    n++;
  }
  g_assert_cmpuint (n, >=, 12);
}

/* Decodes as the kernels define it, in plain loops. */
static float
decode (const CowNf4 *nf4, gsize i)
{
  gsize block = i / COW_NF4_BLOCK;
  float absmax =
      nf4->nested_map[nf4->absmax[block]] * nf4->nested_absmax[block / COW_NF4_NESTED_BLOCK] +
      nf4->nested_offset;
  guint8 byte = nf4->codes[i / 2];
  return cow_nf4_code[i % 2 == 0 ? byte >> 4 : byte & 15] * absmax;
}

/* Shapes that end inside a block, a byte and a nested block: no value may be further off than half
 * the widest step of its block. */
static void
test_quantise_odd_shapes (void)
{
  static const gint64 shapes[][2] = { { 1, 1 }, { 1, 63 },    { 1, 65 },          { 3, 43 },
                                      { 5, 7 }, { 129, 127 }, { 1, 64 * 257 + 1 } };
  for (gsize s = 0; s < G_N_ELEMENTS (shapes); s++) {
    gsize n = (gsize)(shapes[s][0] * shapes[s][1]);
    g_autofree float *weight = g_new (float, n);
    g_auto (CowNf4) nf4 = { 0 };
    for (gsize i = 0; i < n; i++)
      weight[i] = sinf ((float)i * 12.9898f);
    g_assert_true (cow_nf4_quantise (weight, shapes[s][0], shapes[s][1], &nf4, NULL));
    g_assert_cmpuint (nf4.n_codes, ==, (n + 1) / 2);
    g_assert_cmpuint (nf4.n_blocks, ==, (n + 63) / 64);
    for (gsize i = 0; i < n; i++)
      g_assert_cmpfloat_with_epsilon (decode (&nf4, i), weight[i], 0.16);
    if (n % 2 == 1)
      g_assert_cmpint (nf4.codes[n / 2] & 15, ==, 7);
  }
}

/* Zeros, one value alone, and the extremes of fp32 make no NaN and keep their sign. */
static void
test_quantise_extremes (void)
{
  float weight[4 * 64] = { 0 };
  g_auto (CowNf4) nf4 = { 0 };
  weight[64] = -3e38f;
  weight[128] = 1e-44f;
  weight[129] = -1e-44f;
  weight[192] = 5;
  g_assert_true (cow_nf4_quantise (weight, 4, 64, &nf4, NULL));
  for (int i = 0; i < 32; i++)
    g_assert_cmpint (nf4.codes[i], ==, 0x77);
  g_assert_cmpint (nf4.codes[32], ==, 0x07);
  g_assert_cmpint (nf4.codes[64], ==, 0x77);
  g_assert_cmpint (nf4.codes[96], ==, 0xf7);
  for (gsize i = 0; i < G_N_ELEMENTS (weight); i++)
    g_assert_true (isfinite (decode (&nf4, i)));
}

static void
test_state_json (void)
{
  const CowNf4 nf4 = { .out = 128, .in = 64, .nested_offset = 0.25f };
  g_autofree char *text = cow_nf4_state_json (&nf4, "bfloat16");
  g_assert_cmpstr (text, ==,
                   "{\"quant_type\": \"nf4\", \"blocksize\": 64, \"dtype\": \"bfloat16\", "
                   "\"shape\": [128, 64], \"nested_blocksize\": 256, "
                   "\"nested_dtype\": \"float32\", \"nested_offset\": 0.25}");
}

/* ---- decoding -------------------------------------------------------------------------------- */

static void
dequantise_all (const CowCheckpoint *checkpoint, const CowSafetensors *expected, CkStream *stream)
{
  for (guint i = 0; i < cow_safetensors_n_tensors (expected); i++) {
    const CowTensor *tensor = cow_safetensors_nth (expected, i);
    g_autoptr (GError) error = NULL;
    g_autofree float *absmax = NULL, *values = golden_floats (tensor);
    g_autofree float *found = g_new (float, cow_tensor_count (tensor));
    CkWeightSource source;
    CkWeight *weight;
    cow_weight_find (checkpoint, tensor->name, tensor->dims[0], tensor->dims[1], &source, &absmax,
                     &error);
    g_assert_no_error (error);
    g_assert_cmpint (source.type, ==, CK_NF4);
    float *on_device = ck_alloc (stream, (gsize)tensor->n_bytes);
    g_assert_cmpint (ck_weight_new (stream->device, &source, CK_USE_DEQUANTISE, &weight), ==,
                     CK_OK);
    g_assert_cmpint (
        stream->operations->weight_dequantise (stream, weight, 0, source.out, on_device), ==,
        CK_OK);
    g_assert_cmpint (ck_download (stream, found, on_device, (gsize)tensor->n_bytes), ==, CK_OK);
    g_assert_cmpmem (found, tensor->n_bytes, values, tensor->n_bytes);
    ck_weight_free (stream->device, weight);
    ck_free (stream, on_device);
  }
}

static void
test_decode_golden (gconstpointer data)
{
  g_autoptr (CowCheckpoint) checkpoint = open_golden (data, "nf4");
  g_autoptr (CowSafetensors) expected = golden_open (data, "nf4/dequantised.safetensors");
  for (const char *const *level = ck_cpu_levels (); *level != NULL; level++) {
    CkDevice *device;
    CkStream *stream;
    g_assert_cmpint (
        ck_device_open ("cpu", &(CkDeviceOptions){ .features = *level, .threads = 1 }, &device), ==,
        CK_OK);
    g_assert_cmpint (ck_stream_new (device, 0, &stream), ==, CK_OK);
    dequantise_all (checkpoint, expected, stream);
    ck_stream_free (stream);
    ck_device_close (device);
  }
}

/* ---- finding --------------------------------------------------------------------------------- */

#define NAME "layer.0.attention.q_proj.weight"

static void
test_find_dense (void)
{
  g_autoptr (CowCheckpoint) checkpoint = open_golden ("plain", "fp32");
  g_autoptr (GError) error = NULL;
  CkWeightSource source;
  float *absmax;
  g_assert_true (cow_weight_find (checkpoint, NAME, 128, 128, &source, &absmax, &error));
  g_assert_cmpint (source.type, ==, CK_F32);
  g_assert_null (absmax);
  g_assert_true (source.host_data == cow_checkpoint_find (checkpoint, NAME)->data);
  g_assert_true (cow_weight_find (checkpoint, "embeddings.patch_embeddings.weight", 128, 3 * 256,
                                  &source, &absmax, &error));
  g_assert_false (cow_weight_find (checkpoint, NAME, 128, 64, &source, &absmax, &error));
  expect_error (&error, COW_ERROR_MISMATCH, NAME, "[128, 128]", "[128, 64]", NULL);
  g_assert_false (
      cow_weight_find (checkpoint, "nothing.weight", 128, 64, &source, &absmax, &error));
  expect_error (&error, COW_ERROR_NOT_FOUND, "nothing.weight", "plain/fp32", NULL);
}

static const float nan_value[1024] = { NAN };
static const float nan_matrix[128 * 128] = { [130] = NAN };
static const float inf_256[256] = { [3] = INFINITY };
static const float huge_16[16] = { [5] = 3e38f };
static const guint8 zeros[65536];

static void
test_find_dense_nan (void)
{
  const ScratchEdit edits[] = { { NAME, .dtype = COW_F32, .n_dims = 2, .dims = { 128, 128 },
                                  .data = nan_matrix },
                                { .name = NULL } };
  char *folder = scratch_new ();
  g_autofree char *from = golden_path ("plain/fp32/model.safetensors"),
                  *to = g_build_filename (folder, "model.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  CkWeightSource source;
  float *absmax;
  scratch_copy_tensors (from, to, edits);
  g_autoptr (CowCheckpoint) checkpoint = open_checkpoint (folder);
  g_assert_false (cow_weight_find (checkpoint, NAME, 128, 128, &source, &absmax, &error));
  expect_error (&error, COW_ERROR_FORMAT, to, NAME, "nan at element 130", NULL);
  scratch_free (folder);
}

#define STATE(text) COW_U8, 1, { sizeof (text) - 1 }, text
#define STATE_KEY   NAME ".quant_state.bitsandbytes__nf4"

typedef struct {
  const char *what;
  ScratchEdit edit;
  int code;
  const char *text;
} Broken;

static const Broken broken[] = {
  { "codes-short",
    { NAME, .dtype = COW_U8, .n_dims = 2, .dims = { 8191, 1 } },
    COW_ERROR_FORMAT,
    "8191 bytes, expected 8192" },
  { "codes-long",
    { NAME, .dtype = COW_U8, .n_dims = 2, .dims = { 8193, 1 } },
    COW_ERROR_FORMAT,
    "8193 bytes, expected 8192" },
  { "no-absmax", { NAME ".absmax", .drop = TRUE }, COW_ERROR_FORMAT, NAME ".absmax" },
  { "absmax-short",
    { NAME ".absmax", .dtype = COW_U8, .n_dims = 1, .dims = { 255 } },
    COW_ERROR_FORMAT,
    "expected 256 values" },
  { "absmax-type",
    { NAME ".absmax", .dtype = COW_F32, .n_dims = 1, .dims = { 256 } },
    COW_ERROR_FORMAT,
    "expected U8" },
  { "absmax2-nan",
    { NAME ".nested_absmax", .dtype = COW_F32, .n_dims = 1, .dims = { 1 }, .data = nan_value },
    COW_ERROR_FORMAT,
    "nan" },
  { "absmax2-long",
    { NAME ".nested_absmax", .dtype = COW_F32, .n_dims = 1, .dims = { 2 } },
    COW_ERROR_FORMAT,
    "expected 1 values" },
  { "no-nested-map",
    { NAME ".nested_quant_map", .drop = TRUE },
    COW_ERROR_FORMAT,
    NAME ".nested_quant_map" },
  { "nested-map-inf",
    { NAME ".nested_quant_map", .dtype = COW_F32, .n_dims = 1, .dims = { 256 }, .data = inf_256 },
    COW_ERROR_FORMAT,
    "inf at element 3" },
  { "nested-map-short",
    { NAME ".nested_quant_map", .dtype = COW_F32, .n_dims = 1, .dims = { 255 } },
    COW_ERROR_FORMAT,
    "expected 256" },
  { "map-nan",
    { NAME ".quant_map", .dtype = COW_F32, .n_dims = 1, .dims = { 16 }, .data = nan_value },
    COW_ERROR_FORMAT,
    "nan" },
  { "map-short",
    { NAME ".quant_map", .dtype = COW_F32, .n_dims = 1, .dims = { 15 } },
    COW_ERROR_FORMAT,
    "expected 16 values" },
  { "map-none", { NAME ".quant_map", .drop = TRUE }, COW_ERROR_FORMAT, NAME ".quant_map" },
  { "no-state", { STATE_KEY, .drop = TRUE }, COW_ERROR_FORMAT, "without" },
  { "fp4",
    { STATE_KEY, .rename = NAME ".quant_state.bitsandbytes__fp4" },
    COW_ERROR_UNSUPPORTED,
    "fp4" },
  { "state-binary", { STATE_KEY, FALSE, NULL, STATE ("\xff\xfe") }, COW_ERROR_FORMAT, STATE_KEY },
  { "state-cut",
    { STATE_KEY, .dtype = COW_U8, .n_dims = 1, .dims = { 100 } },
    COW_ERROR_FORMAT,
    STATE_KEY },
  { "state-type",
    { STATE_KEY, .dtype = COW_F32, .n_dims = 1, .dims = { 60 }, .data = zeros },
    COW_ERROR_FORMAT,
    "F32" },
  { "state-shape",
    { STATE_KEY, FALSE, NULL,
      STATE ("{\"quant_type\": \"nf4\", \"shape\": [64, 128], \"blocksize\": 64}") },
    COW_ERROR_MISMATCH,
    "[64,128], expected [128, 128]" },
  { "state-fp4",
    { STATE_KEY, FALSE, NULL,
      STATE ("{\"quant_type\": \"fp4\", \"shape\": [128, 128], \"blocksize\": 64}") },
    COW_ERROR_UNSUPPORTED,
    "\"fp4\"" },
  { "state-block",
    { STATE_KEY, FALSE, NULL,
      STATE ("{\"quant_type\": \"nf4\", \"shape\": [128, 128], \"blocksize\": 65}") },
    COW_ERROR_FORMAT,
    "power of two" },
  { "state-block-zero",
    { STATE_KEY, FALSE, NULL,
      STATE ("{\"quant_type\": \"nf4\", \"shape\": [128, 128], \"blocksize\": 0}") },
    COW_ERROR_FORMAT,
    "from 32 to 4096" },
  { "state-no-offset",
    { STATE_KEY, FALSE, NULL,
      STATE ("{\"quant_type\": \"nf4\", \"shape\": [128, 128], \"blocksize\": 64, "
             "\"nested_blocksize\": 256, "
             "\"nested_dtype\": \"float32\"}") },
    COW_ERROR_FORMAT,
    "\"nested_offset\" is missing" },
  { "state-offset-huge",
    { STATE_KEY, FALSE, NULL,
      STATE ("{\"quant_type\": \"nf4\", \"shape\": [128, 128], \"blocksize\": 64, "
             "\"nested_blocksize\": 256, "
             "\"nested_dtype\": \"float32\", \"nested_offset\": 1e300}") },
    COW_ERROR_FORMAT,
    "not finite" },
  { "state-offset-infinite",
    { STATE_KEY, FALSE, NULL,
      STATE ("{\"quant_type\": \"nf4\", \"shape\": [128, 128], \"blocksize\": 64, "
             "\"nested_blocksize\": 256, "
             "\"nested_dtype\": \"float32\", \"nested_offset\": 1e999}") },
    COW_ERROR_FORMAT,
    "a number that is larger than a double can be" },
};

static void
test_find_broken (gconstpointer data)
{
  const Broken *b = data;
  const ScratchEdit edits[] = { b->edit, { .name = NULL } };
  char *folder = scratch_new ();
  g_autofree char *from = golden_path ("plain/nf4/model.safetensors"),
                  *to = g_build_filename (folder, "model.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  CkWeightSource source;
  float *absmax;
  scratch_copy_tensors (from, to, edits);
  g_autoptr (CowCheckpoint) checkpoint = open_checkpoint (folder);
  g_assert_false (cow_weight_find (checkpoint, NAME, 128, 128, &source, &absmax, &error));
  g_assert_null (absmax);
  expect_error (&error, b->code, folder, b->text, NULL);
  scratch_free (folder);
}

/* Codes and scales that are finite but whose product is not. */
static void
test_find_overflow (void)
{
  static const float large[1] = { 3e38f };
  const ScratchEdit edits[] = {
    { NAME ".quant_map", .dtype = COW_F32, .n_dims = 1, .dims = { 16 }, .data = huge_16 },
    { NAME ".nested_absmax", .dtype = COW_F32, .n_dims = 1, .dims = { 1 }, .data = large },
    { .name = NULL }
  };
  char *folder = scratch_new ();
  g_autofree char *from = golden_path ("plain/nf4/model.safetensors"),
                  *to = g_build_filename (folder, "model.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  CkWeightSource source;
  float *absmax;
  scratch_copy_tensors (from, to, edits);
  g_autoptr (CowCheckpoint) checkpoint = open_checkpoint (folder);
  g_assert_false (cow_weight_find (checkpoint, NAME, 128, 128, &source, &absmax, &error));
  g_assert_null (absmax);
  expect_error (&error, COW_ERROR_FORMAT, NAME, folder, "beyond fp32", NULL);
  scratch_free (folder);
}

/* Other types of storage, absmax that is not nested, and int8's tensors. */
static void
test_find_variants (void)
{
  static float absmax_values[256];
  const ScratchEdit edits[] = { { NAME, .dtype = COW_BF16, .n_dims = 2, .dims = { 4096, 1 } },
                                { "layer.0.attention.k_proj.weight.nested_absmax", .drop = TRUE },
                                { "layer.0.attention.k_proj.weight.absmax", .dtype = COW_F32,
                                  .n_dims = 1, .dims = { 256 }, .data = absmax_values },
                                { "layer.0.attention.v_proj.weight", .dtype = COW_I8, .n_dims = 2,
                                  .dims = { 128, 128 } },
                                { "layer.0.attention.v_proj.weight.quant_state.bitsandbytes__nf4",
                                  .rename = "layer.0.attention.v_proj.SCB" },
                                { .name = NULL } };
  char *folder = scratch_new ();
  g_autofree char *from = golden_path ("plain/nf4/model.safetensors"),
                  *to = g_build_filename (folder, "model.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  CkWeightSource source;
  float *absmax;
  for (int i = 0; i < 256; i++)
    absmax_values[i] = (float)i / 512;
  scratch_copy_tensors (from, to, edits);
  g_autoptr (CowCheckpoint) checkpoint = open_checkpoint (folder);
  g_assert_true (cow_weight_find (checkpoint, NAME, 128, 128, &source, &absmax, &error));
  g_assert_no_error (error);
  g_free (absmax);
  g_assert_true (cow_weight_find (checkpoint, "layer.0.attention.k_proj.weight", 128, 128, &source,
                                  &absmax, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (absmax, sizeof absmax_values, absmax_values, sizeof absmax_values);
  g_free (absmax);
  g_assert_false (cow_weight_find (checkpoint, "layer.0.attention.v_proj.weight", 128, 128, &source,
                                   &absmax, &error));
  expect_error (&error, COW_ERROR_UNSUPPORTED, "layer.0.attention.v_proj.weight", "int8", NULL);
  scratch_free (folder);
}

/* ---- whole folders --------------------------------------------------------------------------- */

static char *
quantise_golden (const char *network, const char *folder, CowQuantiseResult *result)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *base = golden_path (network), *from = g_build_filename (base, "fp32", NULL);
  char *to = g_build_filename (folder, network, NULL);
  cow_quantise (from, to, NULL, NULL, result, &error);
  g_assert_no_error (error);
  return to;
}

static void
test_folder_golden (gconstpointer data)
{
  char *scratch = scratch_new ();
  CowQuantiseResult result;
  CowVitConfig config, expected;
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = quantise_golden (data, scratch, &result), *base = golden_path (data);
  g_autofree char *golden_folder = g_build_filename (base, "nf4", NULL);
  g_autoptr (CowCheckpoint) made = open_checkpoint (folder),
                            golden = open_checkpoint (golden_folder);
  g_assert_cmpuint (result.n_quantised, ==, g_str_equal (data, "plain") ? 12 : 14);
  g_assert_cmpuint (result.bytes_in, >, result.bytes_out);
  g_assert_cmpuint (cow_checkpoint_n_tensors (made), ==, cow_checkpoint_n_tensors (golden));
  for (guint i = 0; i < cow_checkpoint_n_tensors (golden); i++) {
    const CowTensor *theirs = cow_checkpoint_nth (golden, i),
                    *ours = cow_checkpoint_find (made, theirs->name);
    g_assert_nonnull (ours);
    g_assert_cmpint (ours->dtype, ==, theirs->dtype);
    /* All F32 data is where a float may be read in place. */
    g_assert_true (ours->dtype != COW_F32 || GPOINTER_TO_SIZE (ours->data) % 4 == 0);
    if (!strstr (theirs->name, ".absmax") && !strstr (theirs->name, ".nested_absmax") &&
        !strstr (theirs->name, ".quant_state.")) {
      g_assert_true (cow_tensor_read (ours, &error) && cow_tensor_read (theirs, &error));
      g_assert_cmpmem (ours->data, ours->n_bytes, theirs->data, theirs->n_bytes);
    }
  }
  g_assert_true (cow_vit_config_read (folder, &config, &error));
  g_assert_true (cow_vit_config_read (golden_folder, &expected, &error));
  g_assert_cmpmem (&config, sizeof config, &expected, sizeof expected);
  scratch_free (scratch);
}

static void
test_folder_same_bytes (void)
{
  char *first = scratch_new (), *second = scratch_new ();
  gsize n1, n2;
  g_autofree char *a = quantise_golden ("gated7b", first, NULL),
                  *b = quantise_golden ("gated7b", second, NULL);
  g_autofree char *weights1 = scratch_read (a, "model.safetensors", &n1),
                  *weights2 = scratch_read (b, "model.safetensors", &n2);
  g_autofree char *config1 = scratch_read (a, "config.json", NULL),
                  *config2 = scratch_read (b, "config.json", NULL);
  g_assert_cmpmem (weights1, n1, weights2, n2);
  g_assert_cmpstr (config1, ==, config2);
  scratch_free (first);
  scratch_free (second);
}

/* The type before is what the quant state says, so that bitsandbytes gives that type again. */
static void
test_folder_types (void)
{
  const ScratchEdit edits[] = {
    { NAME, .dtype = COW_BF16, .n_dims = 2, .dims = { 128, 128 }, .data = zeros },
    { "layer.1.attention.q_proj.weight", .dtype = COW_F16, .n_dims = 2, .dims = { 128, 128 },
      .data = zeros },
    { "norm.weight", .dtype = COW_BF16, .n_dims = 1, .dims = { 128 }, .data = zeros },
    { .name = NULL }
  };
  char *scratch = scratch_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *source = golden_path ("plain/fp32"),
                  *from = g_build_filename (source, "model.safetensors", NULL);
  g_autofree char *mixed = g_build_filename (scratch, "model.safetensors", NULL),
                  *to = g_build_filename (scratch, "to", NULL);
  scratch_copy_tensors (from, mixed, edits);
  scratch_copy (source, scratch, "config.json");
  cow_quantise (scratch, to, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (CowCheckpoint) made = open_checkpoint (to);
  const char *bf16 = (const char *)part (made, NAME, ".quant_state.bitsandbytes__nf4");
  const char *f16 = (const char *)part (made, "layer.1.attention.q_proj.weight",
                                        ".quant_state.bitsandbytes__nf4");
  g_assert_nonnull (g_strstr_len (bf16, 256, "\"dtype\": \"bfloat16\""));
  g_assert_nonnull (g_strstr_len (f16, 256, "\"dtype\": \"float16\""));
  g_assert_cmpint (cow_checkpoint_find (made, "norm.weight")->dtype, ==, COW_BF16);
  scratch_free (scratch);
}

static void
write_weight (CowSafetensorsWriter *writer, const CowNf4 *nf4)
{
  g_autoptr (GError) error = NULL;
  g_assert_true (cow_nf4_write (writer, nf4, "float32", &error));
  g_assert_no_error (error);
}

static void
find_weight (const CowCheckpoint *checkpoint, const char *name, const CowNf4 *nf4)
{
  g_autoptr (GError) error = NULL;
  g_autofree float *absmax = NULL;
  CkWeightSource source;
  cow_weight_find (checkpoint, name, nf4->out, nf4->in, &source, &absmax, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (source.host_data, nf4->n_codes, nf4->codes, nf4->n_codes);
  for (gsize i = 0; i < (gsize)(nf4->out * nf4->in); i++) {
    guint8 byte = ((const guint8 *)source.host_data)[i / 2];
    g_assert_cmpfloat (source.code[i % 2 == 0 ? byte >> 4 : byte & 15] * absmax[i / 64], ==,
                       decode (nf4, i));
  }
}

/* Weights whose codes and scales end anywhere must leave the F32 tensors behind them aligned. */
static void
test_write_odd_shapes (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = written_path ("odd.safetensors");
  g_auto (CowNf4) a = { 0 }, b = { 0 };
  float values[129 * 127];
  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    values[i] = cosf ((float)i);
  g_assert_true (cow_nf4_quantise (values, 5, 7, &a, NULL));
  g_assert_true (cow_nf4_quantise (values, 129, 127, &b, NULL));
  g_autoptr (CowSafetensorsWriter) writer = cow_safetensors_writer_new (path);
  gsize bytes = cow_nf4_declare (writer, "a.weight", a.out, a.in) +
                cow_nf4_declare (writer, "b.weight", b.out, b.in);
  write_weight (writer, &a);
  write_weight (writer, &b);
  cow_safetensors_writer_finish (writer, &error);
  g_assert_no_error (error);
  g_autoptr (CowCheckpoint) checkpoint = open_checkpoint (path);
  find_weight (checkpoint, "a.weight", &a);
  find_weight (checkpoint, "b.weight", &b);
  for (guint i = 0; i < cow_checkpoint_n_tensors (checkpoint); i++) {
    const CowTensor *tensor = cow_checkpoint_nth (checkpoint, i);
    g_assert_true (tensor->dtype != COW_F32 || GPOINTER_TO_SIZE (tensor->data) % 4 == 0);
    bytes -= tensor->n_bytes;
  }
  g_assert_cmpuint (bytes, ==, 0);
}

static gboolean
stop_at_once (const char *tensor, guint64 done, guint64 total, gpointer user_data)
{
  return FALSE;
}

static void
test_folder_failures (void)
{
  char *scratch = scratch_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *dense = golden_path ("plain/fp32"), *nf4 = golden_path ("plain/nf4");
  g_autofree char *broken_folder = g_build_filename (scratch, "broken", NULL),
                  *to = g_build_filename (scratch, "to", NULL);
  g_autofree char *from_file = golden_path ("plain/fp32/model.safetensors"), *to_file = NULL;
  const ScratchEdit nan_edit[] = { { "norm.weight", .dtype = COW_F32, .n_dims = 1, .dims = { 128 },
                                     .data = nan_value },
                                   { .name = NULL } };
  g_assert_false (cow_quantise (nf4, to, NULL, NULL, NULL, &error));
  expect_error (&error, COW_ERROR_UNSUPPORTED, "quantised already", NULL);
  g_assert_false (g_file_test (to, G_FILE_TEST_EXISTS));
  g_assert_false (cow_quantise (dense, nf4, NULL, NULL, NULL, &error));
  expect_error (&error, COW_ERROR_ARGUMENT, "model.safetensors", NULL);
  g_assert_false (cow_quantise (dense, to, stop_at_once, NULL, NULL, &error));
  expect_error (&error, COW_ERROR_IO, "cancelled", NULL);
  g_assert_false (g_file_test (to, G_FILE_TEST_EXISTS));
  g_assert_cmpint (g_mkdir_with_parents (broken_folder, 0777), ==, 0);
  to_file = g_build_filename (broken_folder, "model.safetensors", NULL);
  scratch_copy_tensors (from_file, to_file, nan_edit);
  scratch_copy (dense, broken_folder, "config.json");
  g_assert_false (cow_quantise (broken_folder, to, NULL, NULL, NULL, &error));
  expect_error (&error, COW_ERROR_FORMAT, "norm.weight", "nan", NULL);
  g_assert_false (g_file_test (to, G_FILE_TEST_EXISTS));
  scratch_free (scratch);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (networks); i++) {
    g_autofree char *quantise = g_strconcat ("/nf4/quantise/", networks[i], NULL);
    g_autofree char *decoding = g_strconcat ("/nf4/decode/", networks[i], NULL);
    g_autofree char *folder = g_strconcat ("/nf4/folder/", networks[i], NULL);
    g_test_add_data_func (quantise, networks[i], test_quantise_golden);
    g_test_add_data_func (decoding, networks[i], test_decode_golden);
    g_test_add_data_func (folder, networks[i], test_folder_golden);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++) {
    g_autofree char *path = g_strconcat ("/nf4/find/broken/", broken[i].what, NULL);
    g_test_add_data_func (path, &broken[i], test_find_broken);
  }
  g_test_add_func ("/nf4/quantise/odd-shapes", test_quantise_odd_shapes);
  g_test_add_func ("/nf4/quantise/extremes", test_quantise_extremes);
  g_test_add_func ("/nf4/state-json", test_state_json);
  g_test_add_func ("/nf4/find/dense", test_find_dense);
  g_test_add_func ("/nf4/find/dense-nan", test_find_dense_nan);
  g_test_add_func ("/nf4/find/overflow", test_find_overflow);
  g_test_add_func ("/nf4/find/variants", test_find_variants);
  g_test_add_func ("/nf4/folder/same-bytes", test_folder_same_bytes);
  g_test_add_func ("/nf4/folder/types", test_folder_types);
  g_test_add_func ("/nf4/write/odd-shapes", test_write_odd_shapes);
  g_test_add_func ("/nf4/folder/failures", test_folder_failures);
  return run_and_clean ();
}
