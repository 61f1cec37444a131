/* SPDX-License-Identifier: MIT */
/* The formula compared with values that another program (numpy) computed, and the folders made from
 * it compared with one another. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "model/files/checkpoint.h"
#include "model/files/error.h"
#include "model/files/quantise.h"
#include "model/files/vit-layout.h"
#include "pipelines/demo/formula-folder.h"
#include "pipelines/demo/formula-outliers.h"
#include "pipelines/demo/formula.h"
#include "tests/model/scratch.h"

static void
check_values (const char *name, guint n_dims, const gint64 *dims, const gsize at[3],
              const float expected[3])
{
  gsize count = 1;
  for (guint i = 0; i < n_dims; i++)
    count *= (gsize)dims[i];
  g_autofree float *values = g_new (float, count);

  cow_formula_fill (name, dims, n_dims, values);
  for (int i = 0; i < 3; i++)
    if (memcmp (&values[at[i]], &expected[i], sizeof (float)) != 0)
      g_test_fail_printf ("%s[%" G_GSIZE_FORMAT "] is %a, expected %a", name, at[i], values[at[i]],
                          expected[i]);
}

static void
test_values (void)
{
  const gsize at[] = { 0, 1, 383 };

  check_values ("layer.0.attention.q_proj.weight", 2, (const gint64[]){ 384, 384 }, at,
                (const float[]){ 0x1.14d79p-11f, 0x1.d7116cp-5f, 0x1.5101e8p-6f });
  check_values ("layer.3.norm1.weight", 1, (const gint64[]){ 384 }, at,
                (const float[]){ 0x1.a85ad4p-1f, 0x1.afc836p-1f, 0x1.cf19c4p-1f });
  check_values ("layer.3.norm1.bias", 1, (const gint64[]){ 384 }, at,
                (const float[]){ 0x1.196acep-5f, -0x1.586940p-4f, 0x1.c41f1ap-5f });
  check_values ("embeddings.cls_token", 3, (const gint64[]){ 1, 1, 384 }, at,
                (const float[]){ -0x1.52907cp-3f, 0x1.1ceb66p-2f, 0x1.21025cp-3f });
  check_values ("layer.1.layer_scale1.lambda1", 1, (const gint64[]){ 384 }, at,
                (const float[]){ 0x1.371c1ap-4f, 0x1.05ecaep-3f, 0x1.18aaf0p-3f });
}

/* A piece from the middle of a large tensor equals that part of the whole. */
static void
test_pieces (void)
{
  const gint64 dims[] = { 4096, 8192 };
  gsize last = 4096 * 8192 - 1;
  float u[2];
  g_autofree float *whole = g_new (float, last + 1);

  cow_formula_fill ("layer.39.mlp.down_proj.weight", dims, 2, whole);
  g_assert_cmpfloat (whole[last], ==, 0x1.bf9b94p-7f);
  cow_formula_u ("layer.39.mlp.down_proj.weight", last - 1, 2, u);
  g_assert_cmpfloat (u[1] * 0x1.3988e2p-6f, ==, whole[last]);
  cow_formula_u ("vits16.pixels", 0, 2, u);
  g_assert_cmpfloat (u[0], ==, -0x1.750c34p-3f);
  g_assert_cmpfloat (u[1], ==, -0x1.f41162p-4f);
}

/* The published numbers of parameters, to 0.1 million. */
static void
test_sizes (void)
{
  const struct {
    const char *name;
    double millions;
  } published[] = { { "vits16", 21.6 },  { "vits16plus", 28.7 },  { "vitb16", 85.7 },
                    { "vitl16", 303.1 }, { "vith16plus", 840.6 }, { "vit7b16", 6716 } };

  for (gsize i = 0; i < G_N_ELEMENTS (published); i++) {
    CowVitConfig config;

    g_assert_true (cow_vit_config_of_size (published[i].name, &config));
    g_assert_cmpfloat_with_epsilon ((double)cow_vit_config_n_parameters (&config) / 1e6,
                                    published[i].millions, i == 5 ? 0.5 : 0.051);
  }
  CowVitConfig config;
  g_assert_false (cow_vit_config_of_size ("vitz16", &config));
}

static void
assert_same_model (const char *one, const char *other)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowCheckpoint) a = cow_checkpoint_open (one, &error);
  g_assert_no_error (error);
  g_autoptr (CowCheckpoint) b = cow_checkpoint_open (other, &error);
  g_assert_no_error (error);

  g_assert_cmpuint (cow_checkpoint_n_tensors (a), ==, cow_checkpoint_n_tensors (b));
  for (guint i = 0; i < cow_checkpoint_n_tensors (a); i++) {
    const CowTensor *x = cow_checkpoint_nth (a, i), *y = cow_checkpoint_find (b, x->name);

    g_assert_nonnull (y);
    g_assert_true (cow_tensor_has_shape (y, x->n_dims, x->dims));
    cow_tensor_read (x, &error);
    g_assert_no_error (error);
    cow_tensor_read (y, &error);
    g_assert_no_error (error);
    g_assert_cmpmem (x->data, x->n_bytes, y->data, y->n_bytes);
  }
}

static void
write_tiny (const char *folder, gboolean nf4, guint n_shards)
{
  g_autoptr (GError) error = NULL;
  CowVitConfig config, read;
  CowFormulaModel how = { .nf4 = nf4, .n_shards = n_shards };

  g_assert_true (cow_vit_config_of_size ("tiny", &config));
  cow_formula_write_model (folder, &config, &how, &error);
  g_assert_no_error (error);
  cow_vit_config_read (folder, &read, &error);
  g_assert_no_error (error);
  g_assert_cmpint (read.hidden_size, ==, config.hidden_size);
  g_assert_cmpint (read.n_layers, ==, config.n_layers);
}

/* Shards hold the same as one file, and quantising while writing gives the same as quantising the
 * folder. */
static void
test_folders (void)
{
  char *scratch = scratch_new ();
  g_autofree char *whole = g_build_filename (scratch, "whole", NULL),
                  *sharded = g_build_filename (scratch, "sharded", NULL);
  g_autofree char *nf4 = g_build_filename (scratch, "nf4", NULL),
                  *nf4_sharded = g_build_filename (scratch, "nf4-sharded", NULL);
  g_autofree char *quantised = g_build_filename (scratch, "quantised", NULL);
  g_autoptr (GError) error = NULL;

  write_tiny (whole, FALSE, 1);
  write_tiny (sharded, FALSE, 3);
  write_tiny (nf4, TRUE, 1);
  write_tiny (nf4_sharded, TRUE, 5);
  cow_quantise (whole, quantised, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  assert_same_model (whole, sharded);
  assert_same_model (nf4, nf4_sharded);
  assert_same_model (nf4, quantised);
  /* Writing over another layout leaves one model, not two. */
  write_tiny (sharded, FALSE, 1);
  assert_same_model (whole, sharded);
  scratch_free (scratch);
}

/* The value that a tensor of the outlier variant has at an index, and that it has without. */
static void
outlier_value (const char *name, gsize index, float *with, float *without)
{
  CowVitConfig config;

  g_assert_true (cow_vit_config_of_size ("vits16", &config));
  g_autoptr (GArray) tensors = cow_vit_layout_new (&config, COW_VIT_LOADED);
  for (guint i = 0; i < tensors->len; i++) {
    const CowVitTensor *tensor = &g_array_index (tensors, CowVitTensor, i);
    gsize count = 1;

    if (!g_str_equal (tensor->name, name))
      continue;
    for (guint d = 0; d < tensor->n_dims; d++)
      count *= (gsize)tensor->dims[d];
    g_autofree float *values = g_new (float, count);
    cow_formula_fill (name, tensor->dims, tensor->n_dims, values);
    *without = values[index];
    cow_formula_add_outliers (&config, tensor, values);
    *with = values[index];
    return;
  }
  g_assert_not_reached ();
}

/* The factors of formula-outliers.h at the channels that another program (Python) hashed. */
static void
test_outliers (void)
{
  const gint64 expected[] = { 300, 191, 82, 357 };
  /* R / .5 of 384 channels */
  const float gain = 58.022984f, column = .2449490f;
  const struct {
    const char *name;
    gsize index;
    float factor, value; /* the formula's value times this, or this */
  } cases[] = {
    { "embeddings.cls_token", 300, 0, 12000 },
    { "embeddings.register_tokens", 191 + 2 * 384, 0, -12000 },
    { "embeddings.register_tokens", 191 + 3 * 384, 0, -400 },
    { "embeddings.patch_embeddings.bias", 357, 0, -40 },
    { "embeddings.patch_embeddings.weight", 300 * 768 + 5, 40, 0 },
    { "layer.0.norm1.weight", 9, gain, 0 },
    { "layer.0.norm2.weight", 300, gain / 10, 0 },
    { "layer.0.attention.k_proj.weight", 384 * 7 + 300, column, 0 },
    { "layer.0.attention.v_proj.weight", 384 * 7 + 300, column / 4, 0 },
    { "layer.0.mlp.up_proj.weight", 384 * 768 + 9, 30, 0 },
    { "layer.0.mlp.down_proj.weight", 1536 * 9 + 768, .6531973f, 0 },
    { "layer.0.mlp.down_proj.bias", 191, 10, 0 },
    { "layer.11.layer_scale2.lambda1", 82, 10, 0 },
    { "layer.11.mlp.down_proj.weight", 0, 1, 0 },
    { "norm.weight", 300, .0725287f, 0 },
    { "norm.bias", 300, 1, 0 },
  };
  CowVitConfig config;
  gint64 channels[COW_FORMULA_N_OUTLIERS];

  g_assert_true (cow_vit_config_of_size ("vits16", &config));
  cow_formula_outlier_channels (&config, channels);
  g_assert_cmpmem (channels, sizeof channels, expected, sizeof expected);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    float with, without;

    outlier_value (cases[i].name, cases[i].index, &with, &without);
    g_test_message ("%s: %g was %g", cases[i].name, with, without);
    g_assert_cmpfloat_with_epsilon (with, without * cases[i].factor + cases[i].value,
                                    1e-5f * fabsf (with));
  }
}

static void
test_too_many_shards (void)
{
  char *scratch = scratch_new ();
  g_autoptr (GError) error = NULL;
  CowVitConfig config;
  CowFormulaModel how = { .n_shards = 100000 };

  g_assert_true (cow_vit_config_of_size ("tiny", &config));
  g_assert_false (cow_formula_write_model (scratch, &config, &how, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
  scratch_free (scratch);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/formula/values", test_values);
  g_test_add_func ("/formula/pieces", test_pieces);
  g_test_add_func ("/formula/sizes", test_sizes);
  g_test_add_func ("/formula/folders", test_folders);
  g_test_add_func ("/formula/outliers", test_outliers);
  g_test_add_func ("/formula/too-many-shards", test_too_many_shards);
  return g_test_run ();
}
