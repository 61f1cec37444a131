/* SPDX-License-Identifier: MIT */
/*
 * The contract of kernels.h on bits, for whole networks: a picture has the same features and logits
 * alone and in any batch, at any place, with any number of threads. Levels: those of
 * ck_cpu_levels () for features; the one of the environment for networks that train, whose steps
 * test-training compares.
 */
#include <string.h>

#include "model/network/backbones.h"
#include "model/training/random.h"
#include "tests/model/golden.h"
#include "tests/model/training.h"

#define PICTURES 9
#define THREADS  3 /* 1, 2 and 3 */

/* Computes the floats of a batch's pictures, host memory in and out; the result belongs to the
 * network. */
typedef const float *(*Forward) (gpointer network, const float *pixels, int batch);

/* Picture p of the pool lies at place (p - batch) mod PICTURES, so that no batch begins with the
 * same one. */
static void
check_batches (const char *what, gpointer network, Forward forward, const float *pool,
               gsize picture, gsize result, float *alone, gboolean first)
{
  g_autofree float *pixels = g_new (float, PICTURES *picture);
  for (int p = 0; p < PICTURES && first; p++)
    memcpy (alone + p * result, forward (network, pool + p * picture, 1), result * sizeof (float));
  for (int batch = 1; batch <= PICTURES; batch++) {
    for (int place = 0; place < batch; place++)
      memcpy (pixels + place * picture, pool + (batch + place) % PICTURES * picture,
              picture * sizeof (float));
    const float *found = forward (network, pixels, batch);
    for (int place = 0; place < batch; place++)
      if (memcmp (found + place * result, alone + (batch + place) % PICTURES * result,
                  result * sizeof (float)) != 0)
        g_error ("%s: the picture at place %d of %d differs from itself alone", what, place, batch);
  }
}

static float *
new_pool (gsize n)
{
  float *pool = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    pool[i] = (float)cow_random_unit (4711, i);
  return pool;
}

/* ---- features -------------------------------------------------------------------------------- */

typedef struct {
  const char *network, *weights, *adapter;
} Features;

static const Features features[] = {
  { "plain", "fp32", NULL },
  { "plain", "nf4", "lora_all_r16" },
  { "gated7b", "nf4", "dora_all_r16" },
};

enum { HEIGHT = 48, WIDTH = 80 };

/* A backbone, and where pictures and the tokens behind its last layer lie. */
typedef struct {
  CkStream *stream;
  CowBackbone *backbone;
  float *pixels, *tokens; /* device memory */
  gsize n_tokens;         /* floats of a picture */
  float *host;
} Tokens;

/* Features that are asked for alone, for which the last layer computes class tokens only, have the
 * bits of the class tokens among all. */
static void
check_class_tokens (Tokens *self, int batch)
{
  const CowBackboneConfig *config = &self->backbone->config;
  const gsize hidden = (gsize)config->n_features, bytes = hidden * sizeof (float);
  g_autoptr (GError) error = NULL;
  g_autofree float *found = g_new (float, (gsize)batch *hidden);
  const float *alone =
      config->klass->features (self->backbone, self->pixels, batch, HEIGHT, WIDTH, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ck_download (self->stream, found, alone, (gsize)batch * bytes), ==, CK_OK);
  for (gsize p = 0; p < (gsize)batch; p++)
    g_assert_cmpmem (found + p * hidden, bytes, self->host + p * self->n_tokens, bytes);
}

static const float *
run_tokens (gpointer data, const float *pixels, int batch)
{
  Tokens *self = data;
  const CowBackboneConfig *config = &self->backbone->config;
  const int last = config->vit.n_layers - 1;
  g_autoptr (GError) error = NULL;
  const gsize n = (gsize)batch;
  g_assert_cmpint (
      ck_upload (self->stream, self->pixels, pixels, n * 3 * HEIGHT * WIDTH * sizeof (float)), ==,
      CK_OK);
  config->klass->tokens (self->backbone, self->pixels, batch, HEIGHT, WIDTH, &last, 1,
                         &self->tokens, &error);
  g_assert_no_error (error);
  g_assert_cmpint (
      ck_download (self->stream, self->host, self->tokens, n * self->n_tokens * sizeof (float)), ==,
      CK_OK);
  check_class_tokens (self, batch);
  return self->host;
}

static void
check_level (const Features *self, const CowBackboneConfig *config, const CowCheckpoint *checkpoint,
             const CowAdapter *adapter, const char *level)
{
  const char *precision = cow_precision_name (config->precision);
  const gsize result = (gsize)(cow_backbone_n_tokens (config, HEIGHT, WIDTH) * config->n_features);
  g_autofree float *pool = new_pool (PICTURES * 3 * HEIGHT * WIDTH);
  g_autofree float *alone = g_new (float, PICTURES *result);
  for (int threads = 1; threads <= THREADS; threads++) {
    g_autoptr (GError) error = NULL;
    CkDevice *device = NULL;
    CkStream *stream = NULL;
    g_assert_cmpint (ck_device_open ("cpu",
                                     &(CkDeviceOptions){ .features = level, .threads = threads },
                                     &device),
                     ==, CK_OK);
    g_assert_cmpint (ck_stream_new (device, 0, &stream), ==, CK_OK);
    Tokens tokens = { .stream = stream,
                      .backbone = config->klass->open (stream, config, checkpoint, adapter, &error),
                      .pixels = ck_alloc (stream, PICTURES * 3 * HEIGHT * WIDTH * sizeof (float)),
                      .tokens = ck_alloc (stream, PICTURES * result * sizeof (float)),
                      .n_tokens = result,
                      .host = g_new (float, PICTURES *result) };
    g_assert_no_error (error);
    g_autofree char *what = g_strdup_printf ("%s/%s %s, level %s, %d threads", self->network,
                                             self->weights, precision, level, threads);
    check_batches (what, &tokens, run_tokens, pool, 3 * HEIGHT * WIDTH, result, alone,
                   threads == 1);
    ck_free (stream, tokens.pixels);
    ck_free (stream, tokens.tokens);
    cow_backbone_free (tokens.backbone);
    ck_stream_free (stream);
    ck_device_close (device);
    g_free (tokens.host);
  }
}

static gboolean
offers (const char *level, CowPrecision precision)
{
  CkDevice *device = NULL;
  g_assert_cmpint (
      ck_device_open ("cpu", &(CkDeviceOptions){ .features = level, .threads = 1 }, &device), ==,
      CK_OK);
  const gboolean yes = cow_precision_check (device, precision, NULL);
  ck_device_close (device);
  /* Whole numbers in plain C are slow, and check-bits looks at them. */
  return yes && (precision == COW_PRECISION_FP32 || !g_str_equal (level, "c"));
}

static void
test_features (gconstpointer data)
{
  const Features *self = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = golden_path (self->network),
                  *model = g_build_filename (folder, self->weights, NULL),
                  *name = self->adapter ? g_build_filename (folder, self->adapter, NULL) : NULL;
  CowBackboneConfig config;
  CowCheckpoint *checkpoint = cow_checkpoint_open (model, &error);
  g_assert_no_error (error);
  cow_backbone_config_read (model, checkpoint, NULL, &config, &error);
  g_assert_no_error (error);
  CowAdapter *adapter = name ? cow_adapter_read (name, &config.vit, &error) : NULL;
  g_assert_no_error (error);
  for (const char *const *level = ck_cpu_levels (); *level; level++)
    for (config.precision = COW_PRECISION_FP32; config.precision <= COW_PRECISION_INT8;
         config.precision++)
      if (offers (*level, config.precision))
        check_level (self, &config, checkpoint, adapter, *level);
  cow_adapter_free (adapter);
  cow_checkpoint_close (checkpoint);
}

/* ---- networks that train --------------------------------------------------------------------- */

static const float *
run_network (gpointer data, const float *pixels, int batch)
{
  Training *self = data;
  g_autoptr (GError) error = NULL;
  guint n;
  cow_network_forward (self->network, pixels, batch, self->sort->side, self->sort->side, FALSE, 0,
                       &error);
  g_assert_no_error (error);
  const CowPass *pass = cow_network_read (self->network, &n, NULL, &error);
  g_assert_no_error (error);
  return pass->logits;
}

static void
test_logits (gconstpointer data)
{
  const TrainingCase *sort = data;
  const gsize picture = sort->side > 0 ? (gsize)(3 * sort->side * sort->side) : TRAINING_FEATURES;
  g_autofree float *pool = new_pool (PICTURES * picture);
  float alone[PICTURES * TRAINING_CLASSES];
  for (int threads = 1; threads <= THREADS; threads++) {
    g_autofree char *what = g_strdup_printf ("%s, %d threads", sort->name, threads);
    Training *self = training_new (sort, &(TrainingHow){ .threads = threads });
    check_batches (what, self, run_network, pool, picture, TRAINING_CLASSES, alone, threads == 1);
    training_free (self);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (features); i++) {
    g_autofree char *path =
        g_strdup_printf ("/bits/features/%s/%s/%s", features[i].network, features[i].weights,
                         features[i].adapter ? features[i].adapter : "none");
    g_test_add_data_func (path, &features[i], test_features);
  }
  for (const TrainingCase *sort = training_cases; sort->name; sort++) {
    g_autofree char *path = g_strconcat ("/bits/logits/", sort->name, NULL);
    g_test_add_data_func (path, sort, test_logits);
  }
  return g_test_run ();
}
