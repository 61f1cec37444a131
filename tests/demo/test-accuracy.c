/* SPDX-License-Identifier: MIT */
/*
 * Every precision that this build offers, at every CPU level of this machine, on formula weights
 * and on their outlier variant, in fp32 and NF4, judged by one row of gates against what
 * transformers computes in float64 (tests/data/golden/accuracy.safetensors). The same of a GPU that
 * COWBEHAVIOR_TEST_DEVICE puts in the place of the CPU.
 */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "model/files/safetensors.h"
#include "model/network/classifier.h"
#include "pipelines/demo/formula-folder.h"
#include "pipelines/demo/formula.h"
#include "tests/model/scratch.h"

/* What a precision must reach with each picture's features, and with each token's. */
typedef struct {
  const char *precision;
  /* Largest difference: absolute with formula weights; with outlier weights, where 12,000 and .4
   * are in one sum and torch's fp32 too differs by 6e-5, relative to the largest feature, which the
   * last norm made as large as the others. */
  double error;
  double cosine[2]; /* at least; of formula and of outlier weights */
} Gate;

static const Gate gates[] = {
  { "fp32", 1e-4, { .999999, .999999 } }, { "bf16", INFINITY, { .9999, .9999 } },
  { "fp16", INFINITY, { .9999, .9999 } }, { "int16", INFINITY, { .9999, .9999 } },
  { "int8", INFINITY, { .9998, .999 } },
};

/* Above this two pictures look so much alike to a network that a cosine says nothing. */
#define ALIKE .97

/* Picture p has squares of squares[p] px, each channel of one value of the formula. */
static const int squares[] = { 1, 8, 32 };
#define N_PICTURES ((int)G_N_ELEMENTS (squares))

typedef struct {
  const char *size;
  int side; /* px, of the pictures */
  gboolean outliers, nf4;
  char *folder; /* the model, once a test wrote it */
} Network;

static Network networks[] = {
  { "tiny", 64, FALSE, FALSE, NULL },   { "tiny", 64, FALSE, TRUE, NULL },
  { "tiny", 64, TRUE, FALSE, NULL },    { "tiny", 64, TRUE, TRUE, NULL },
  { "vits16", 96, FALSE, FALSE, NULL }, { "vits16", 96, FALSE, TRUE, NULL },
  { "vits16", 96, TRUE, FALSE, NULL },  { "vits16", 96, TRUE, TRUE, NULL },
  { "vitb16", 96, FALSE, FALSE, NULL }, { "vitb16", 96, FALSE, TRUE, NULL },
  { "vitb16", 96, TRUE, FALSE, NULL },  { "vitb16", 96, TRUE, TRUE, NULL },
};

/* One test: a network computed in one precision at one level. */
typedef struct {
  Network *network;
  const char *level;
  const Gate *gate;
} Case;

static char *
network_name (const Network *network)
{
  return g_strdup_printf ("%s.%s.%s", network->size, network->outliers ? "outliers" : "formula",
                          network->nf4 ? "nf4" : "fp32");
}

/* ---- goldens --------------------------------------------------------------------------------- */

static CowSafetensors *
open_golden (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path =
      g_build_filename (g_getenv ("COW_TEST_DATA"), "golden", "accuracy.safetensors", NULL);
  CowSafetensors *golden = cow_safetensors_open (path, &error);
  g_assert_no_error (error);
  return golden;
}

/* The values [rows, n_features] of a tensor, or NULL where there is none of that name; free with
 * g_free. */
static float *
golden_rows (const CowSafetensors *golden, const char *name, gint64 n_features, gint64 *rows)
{
  g_autoptr (GError) error = NULL;
  const CowTensor *tensor = cow_safetensors_get (golden, name);
  if (!tensor)
    return NULL;
  float *values = g_new (float, cow_tensor_count (tensor));
  cow_tensor_to_f32 (tensor, name, values, &error);
  g_assert_no_error (error);
  g_assert_cmpint (tensor->dims[tensor->n_dims - 1], ==, n_features);
  *rows = (gint64)cow_tensor_count (tensor) / n_features;
  return values;
}

/* [N_PICTURES, 3, side, side]; free with g_free. */
static float *
draw_pictures (int side)
{
  float *pixels = g_new (float, N_PICTURES * 3 * side * side), *pixel = pixels;
  for (int p = 0; p < N_PICTURES; p++) {
    const int n = side / squares[p];
    g_autofree char *name = g_strdup_printf ("accuracy.picture.%d", p);
    g_autofree float *u = g_new (float, 3 * n * n);
    cow_formula_u (name, 0, (gsize)(3 * n * n), u);
    for (int channel = 0; channel < 3; channel++)
      for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
          *pixel++ = u[(channel * n + y / squares[p]) * n + x / squares[p]];
  }
  return pixels;
}

/* ---- judging --------------------------------------------------------------------------------- */

typedef struct {
  double error, cosine; /* as in Gate, of the worst row */
} Score;

static double
cosine_of (const float *a, const float *b, gint64 n)
{
  double product = 0, aa = 0, bb = 0;
  for (gint64 i = 0; i < n; i++) {
    product += (double)a[i] * b[i];
    aa += (double)a[i] * a[i];
    bb += (double)b[i] * b[i];
  }
  return product / sqrt (aa * bb);
}

static Score
score_rows (const float *found, const float *expected, gint64 rows, gint64 n, gboolean relative)
{
  Score worst = { 0, 1 };
  for (gint64 row = 0; row < rows; row++, found += n, expected += n) {
    double most = 0, largest = 0;
    for (gint64 i = 0; i < n; i++) {
      const double difference = fabs ((double)found[i] - expected[i]);
      most = difference <= most ? most : difference; /* NaN stays */
      largest = fmax (largest, fabs (expected[i]));
    }
    const double error = relative ? most / largest : most, cosine = cosine_of (found, expected, n);
    worst.error = error <= worst.error ? worst.error : error;
    worst.cosine = cosine >= worst.cosine ? worst.cosine : cosine;
  }
  return worst;
}

/* Fails the test where the values miss the gate; a value that is not finite misses each. */
static void
judge (const Case *c, const char *what, const float *found, const float *expected, gint64 rows,
       gint64 n_features)
{
  const Score score = score_rows (found, expected, rows, n_features, c->network->outliers);
  const double cosine = c->gate->cosine[c->network->outliers];
  g_test_message ("%s at %s in %s: error %.1e of %.0e, cosine 1 - %.1e of 1 - %.0e", what, c->level,
                  c->gate->precision, score.error, c->gate->error, 1 - score.cosine, 1 - cosine);
  if (!(score.error <= c->gate->error) || !(score.cosine >= cosine))
    g_test_fail_printf ("%s at %s in %s misses its gate", what, c->level, c->gate->precision);
}

static void
check_pictures_differ (const char *name, const float *features, gint64 n)
{
  for (int a = 0; a < N_PICTURES; a++)
    for (int b = 0; b < a; b++) {
      const double cosine = cosine_of (features + a * n, features + b * n, n);
      g_test_message ("%s: pictures %d and %d have a cosine of %.3f", name, b, a, cosine);
      if (!(cosine < ALIKE))
        g_test_fail_printf ("%s: pictures %d and %d look alike", name, b, a);
    }
}

/* ---- networks -------------------------------------------------------------------------------- */

static const char *
network_folder (Network *network)
{
  g_autoptr (GError) error = NULL;
  const CowFormulaModel how = { .nf4 = network->nf4, .outliers = network->outliers, .n_shards = 1 };
  CowVitConfig config;
  if (!network->folder) {
    network->folder = scratch_new ();
    g_assert_true (cow_vit_config_of_size (network->size, &config));
    cow_formula_write_model (network->folder, &config, &how, &error);
    g_assert_no_error (error);
  }
  return network->folder;
}

static CowClassifier *
open_classifier (const Case *c)
{
  g_autoptr (GError) error = NULL;
  CowClassifierOptions options = { .model = network_folder (c->network), .device = "cpu" };
  g_autofree char *features = g_strconcat ("(", c->level, NULL);
  g_assert_true (cow_precision_parse (c->gate->precision, &options.precision, NULL));
  g_setenv ("COWBEHAVIOR_CPU", c->level, TRUE);
  CowClassifier *classifier = cow_classifier_new (&options, &error);
  g_assert_no_error (error);
  g_assert_nonnull (strstr (cow_classifier_device_text (classifier), features));
  return classifier;
}

static void
test_accuracy (gconstpointer data)
{
  const Case *c = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (CowSafetensors) golden = open_golden ();
  g_autofree char *name = network_name (c->network),
                  *tokens_name = g_strconcat (name, ".last_hidden_state", NULL);
  g_autofree float *pixels = draw_pictures (c->network->side);
  g_autoptr (CowClassifier) classifier = open_classifier (c);
  const gint64 n_features = cow_classifier_n_features (classifier);
  gint64 rows, n_tokens;
  g_autofree float *features = golden_rows (golden, name, n_features, &rows),
                   *tokens = golden_rows (golden, tokens_name, n_features, &n_tokens);
  CowOutput output;
  g_assert_nonnull (features);
  g_assert_cmpint (rows, ==, N_PICTURES);
  cow_classifier_run_tokens (classifier, pixels, N_PICTURES, c->network->side, c->network->side,
                             &output, &error);
  g_assert_no_error (error);
  judge (c, name, output.pooler_output, features, rows, n_features);
  if (tokens) {
    g_assert_cmpint (n_tokens, ==, N_PICTURES * output.n_tokens);
    judge (c, tokens_name, output.last_hidden_state, tokens, n_tokens, n_features);
  }
}

/* The gates of a network that sees no pictures would be worth nothing. */
static void
test_pictures (void)
{
  g_autoptr (CowSafetensors) golden = open_golden ();
  for (guint i = 0; i < G_N_ELEMENTS (networks); i++) {
    CowVitConfig config;
    gint64 rows;
    g_autofree char *name = network_name (&networks[i]);
    g_assert_true (cow_vit_config_of_size (networks[i].size, &config));
    g_autofree float *features = golden_rows (golden, name, config.hidden_size, &rows);
    g_assert_nonnull (features);
    g_assert_cmpint (rows, ==, N_PICTURES);
    check_pictures_differ (name, features, config.hidden_size);
  }
}

/* Whether this build knows a precision, and the device at this level has instructions for it. */
static gboolean
is_offered (const Gate *gate, const char *level)
{
  const CkDeviceOptions options = { .features = level };
  CowPrecision precision;
  CkDevice *device;
  if (!cow_precision_parse (gate->precision, &precision, NULL))
    return FALSE;
  g_assert_cmpint (ck_device_open ("cpu", &options, &device), ==, CK_OK);
  const gboolean offered = cow_precision_check (device, precision, NULL);
  ck_device_close (device);
  return offered;
}

/* Whole numbers in plain C are for comparison, and take minutes with a real size; so does all on an
 * emulated GPU. */
static gboolean
is_slow (const Network *network, const Gate *gate, const char *level)
{
  const gboolean emulated = g_strcmp0 (g_getenv ("COWBEHAVIOR_TEST_DEVICE"), "cuda-emulated") == 0;
  return (emulated || (g_str_equal (level, "c") && !g_str_equal (gate->precision, "fp32"))) &&
         !g_str_equal (network->size, "tiny");
}

/* No precision of this build is without its row; "auto" is one of the others. */
static void
test_gates (void)
{
  for (const char *const *name = cow_precision_names (); *name; name++) {
    gboolean found = g_str_equal (*name, "auto");
    for (guint i = 0; i < G_N_ELEMENTS (gates); i++)
      found |= g_str_equal (*name, gates[i].precision);
    if (!found)
      g_test_fail_printf ("precision %s has no gate", *name);
  }
  for (guint i = 0; i < G_N_ELEMENTS (gates); i++)
    if (!g_strv_contains (cow_precision_names (), gates[i].precision))
      g_test_message ("this build has no %s to judge", gates[i].precision);
}

/* The features of the GPU that stands in the place of the CPU; NULL: none does. */
static const char *
find_gpu (void)
{
  CkDevice *device;
  g_assert_cmpint (ck_device_open ("cpu", NULL, &device), ==, CK_OK);
  const char *features =
      g_str_has_prefix (device->name, "cuda") ? g_intern_string (device->features) : NULL;
  ck_device_close (device);
  return features;
}

static void
add_cases (Network *network, const char *const *levels)
{
  g_autofree char *name = network_name (network);
  for (const char *const *level = levels; *level; level++)
    for (guint i = 0; i < G_N_ELEMENTS (gates); i++) {
      if (!is_offered (&gates[i], *level) || is_slow (network, &gates[i], *level))
        continue;
      g_autofree char *path =
          g_strdup_printf ("/accuracy/%s/%s/%s", name, *level, gates[i].precision);
      Case c = { network, *level, &gates[i] };
      g_test_add_data_func_full (path, g_memdup2 (&c, sizeof c), test_accuracy, g_free);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/accuracy/gates", test_gates);
  g_test_add_func ("/accuracy/pictures", test_pictures);
  const char *const gpu[] = { find_gpu (), NULL };
  for (guint i = 0; i < G_N_ELEMENTS (networks); i++)
    add_cases (&networks[i], gpu[0] ? gpu : ck_cpu_levels ());
  const int result = g_test_run ();
  for (guint i = 0; i < G_N_ELEMENTS (networks); i++)
    if (networks[i].folder)
      scratch_free (networks[i].folder);
  return result;
}
