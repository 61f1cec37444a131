/* SPDX-License-Identifier: MIT */
/*
 * DINOv3's real sizes, made by the formula, run on this processor and compared with the results of
 * transformers and bitsandbytes for the same weights and picture
 * (tests/data/golden/sizes.safetensors).
 */
#include <gio/gio.h>
#include <math.h>
#include <string.h>

#include "model/network/classifier.h"
#include "model/files/safetensors.h"
#include "pipelines/demo/formula-folder.h"
#include "pipelines/demo/formula.h"
#include "tests/model/scratch.h"

#define SIDE     224
#define N_PIXELS (3 * SIDE * SIDE)

/* The largest differences that are accepted, on features of about 1. In fp32 only the order of
 * additions differs. With NF4 a block's scale may be the 8-bit code next to that of another build
 * of bitsandbytes, which moves features by some 1e-4. */
#define TOLERANCE_FP32 1e-4f
#define TOLERANCE_NF4  2e-3f
#define COSINE         .99999

typedef struct {
  const char *size, *golden;
  int layers; /* 0: all */
  gboolean nf4;
  guint64 bytes; /* about the size of its folder */
} Case;

static const Case cases[] = {
  { "vits16", "vits16.fp32", 0, FALSE, 90000000 },
  { "vits16", "vits16.nf4", 0, TRUE, 20000000 },
  { "vits16plus", "vits16plus.fp32", 0, FALSE, 120000000 },
  { "vits16plus", "vits16plus.nf4", 0, TRUE, 25000000 },
  { "vitb16", "vitb16.fp32", 0, FALSE, 350000000 },
  { "vitb16", "vitb16.nf4", 0, TRUE, 60000000 },
  { "vit7b16", "vit7b16.2layers.fp32", 2, FALSE, 1640000000 },
  { "vit7b16", "vit7b16.2layers.nf4", 2, TRUE, 190000000 },
};

static guint64
free_bytes (const char *folder)
{
  g_autoptr (GFile) file = g_file_new_for_path (folder);
  g_autoptr (GFileInfo) info =
      g_file_query_filesystem_info (file, G_FILE_ATTRIBUTE_FILESYSTEM_FREE, NULL, NULL);

  return info != NULL ? g_file_info_get_attribute_uint64 (info, G_FILE_ATTRIBUTE_FILESYSTEM_FREE)
                      : 0;
}

static void
compare (const float *features, const Case *c)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path =
      g_build_filename (g_getenv ("COW_TEST_DATA"), "golden", "sizes.safetensors", NULL);
  g_autoptr (CowSafetensors) golden = cow_safetensors_open (path, &error);
  g_assert_no_error (error);
  const CowTensor *tensor = cow_safetensors_get (golden, c->golden);
  g_assert_nonnull (tensor);
  g_autofree float *expected = g_new (float, cow_tensor_count (tensor));
  float most = 0;
  double product = 0, found = 0, wanted = 0;

  cow_tensor_to_f32 (tensor, path, expected, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < cow_tensor_count (tensor); i++) {
    const double x = features[i], y = expected[i];

    g_assert_true (isfinite (features[i]));
    most = fmaxf (most, fabsf (features[i] - expected[i]));
    product += x * y;
    found += x * x;
    wanted += y * y;
  }
  g_test_message ("%s: largest difference %g, cosine 1 - %.1e", c->golden, most,
                  1 - product / sqrt (found * wanted));
  g_assert_cmpfloat (most, <=, c->nf4 ? TOLERANCE_NF4 : TOLERANCE_FP32);
  g_assert_cmpfloat (product / sqrt (found * wanted), >, COSINE);
}

static void
run_folder (const char *folder, const Case *c)
{
  g_autoptr (GError) error = NULL;
  CowClassifierOptions options = { .model = folder,
                                   .device = "cpu",
                                   .precision = COW_PRECISION_FP32 };
  CowOutput output;
  g_autofree float *pixels = g_new (float, N_PIXELS);
  /* The golden file names the pixels after the size. */
  g_autofree char *name = g_strconcat (c->size, ".pixels", NULL);

  cow_formula_u (name, 0, N_PIXELS, pixels);
  for (int i = 0; i < N_PIXELS; i++)
    pixels[i] = (pixels[i] + 1.0f) / 2.0f;
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&options, &error);
  g_assert_no_error (error);
  cow_classifier_run (classifier, pixels, 1, SIDE, SIDE, &output, &error);
  g_assert_no_error (error);
  compare (output.pooler_output, c);
}

/* Bytes of memory of this process's own. */
static guint64
anonymous_bytes (void)
{
  g_autofree char *status = NULL;
  g_assert_true (g_file_get_contents ("/proc/self/status", &status, NULL, NULL));
  const char *line = strstr (status, "RssAnon:");
  g_assert_nonnull (line);
  return g_ascii_strtoull (line + strlen ("RssAnon:"), NULL, 10) * 1024;
}

/* Nothing of the file is mapped: its weights are memory of the process's own, there once, and once
 * more as the whole numbers that a precision packs them to. */
static void
check_resident (const char *folder, const Case *c, CowPrecision precision)
{
  static const double most[] = {
    [COW_PRECISION_FP32] = 1.25, [COW_PRECISION_INT16] = 1.75, [COW_PRECISION_INT8] = 1.5
  };
  g_autoptr (GError) error = NULL;
  CowClassifierOptions options = { .model = folder, .device = "cpu", .precision = precision };
  CowOutput output;
  g_autofree float *pixels = g_new0 (float, N_PIXELS);
  g_autofree char *maps = NULL;
  const guint64 before = anonymous_bytes ();
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&options, &error);
  if (g_error_matches (error, COW_ERROR, COW_ERROR_UNSUPPORTED)) {
    g_test_message ("%s", error->message);
    return;
  }
  g_assert_no_error (error);
  cow_classifier_run (classifier, pixels, 1, SIDE, SIDE, &output, &error);
  g_assert_no_error (error);
  const guint64 grown = anonymous_bytes () - before;
  g_test_message ("%s, %s: %" G_GUINT64_FORMAT " MB for a file of %" G_GUINT64_FORMAT " MB",
                  c->golden, cow_precision_name (precision), grown / 1000000, c->bytes / 1000000);
  g_assert_cmpfloat ((double)grown, <, most[precision] * (double)c->bytes + 16e6);
  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  g_assert_null (strstr (maps, folder));
}

static void
test_size (gconstpointer data)
{
  const Case *c = data;
  g_autoptr (GError) error = NULL;
  CowVitConfig config;
  CowFormulaModel how = { .nf4 = c->nf4, .n_shards = 1 };
  char *scratch = scratch_new ();

  if (free_bytes (scratch) < c->bytes + c->bytes / 4) {
    g_autofree char *reason =
        g_strdup_printf ("%s has less than %" G_GUINT64_FORMAT " MB free", g_get_tmp_dir (),
                         (c->bytes + c->bytes / 4) / 1000000);

    g_test_skip (reason);
  } else {
    g_assert_true (cow_vit_config_of_size (c->size, &config));
    config.n_layers = c->layers > 0 ? c->layers : config.n_layers;
    cow_formula_write_model (scratch, &config, &how, &error);
    g_assert_no_error (error);
    run_folder (scratch, c);
    if (g_str_equal (c->size, "vits16"))
      for (CowPrecision p = COW_PRECISION_FP32; p <= COW_PRECISION_INT8; p++)
        check_resident (scratch, c, p);
  }
  scratch_free (scratch);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strconcat ("/sizes/", cases[i].golden, NULL);

    g_test_add_data_func (path, &cases[i], test_size);
  }
  return g_test_run ();
}
