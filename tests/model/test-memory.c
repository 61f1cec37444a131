/* SPDX-License-Identifier: MIT */
/* Plans of a GPU's memory against what is taken, and weights that stay in the host's: the bits of
 * those that are on the GPU, at every share of them. On an emulated GPU. */
#include <string.h>

#include "model/engine/engine.h"
#include "model/files/vit-sizes.h"
#include "model/network/backbones.h"
#include "model/network/memory.h"
#include "tests/model/engine-fixture.h"
#include "tests/model/golden.h"
#include "tests/model/training.h"

#define DEVICE    "cuda-emulated"
#define LIMIT     "COWBEHAVIOR_GPU_MEMORY"
#define EARLY     "COW_CUDA_EARLY"
#define SIDE      64
#define BATCH     2
#define N_CLASSES 9

static CkDevice *
open_device (void)
{
  g_autoptr (GError) error = NULL;
  CkDevice *device = cow_device_open (DEVICE, 0, &error);
  g_assert_no_error (error);
  return device;
}

static CowClassifier *
open_classifier (const char *model, CowPrecision precision)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = golden_path (model);
  const CowClassifierOptions options = {
    .model = path, .device = DEVICE, .precision = precision, .batch = BATCH
  };
  CowClassifier *classifier = cow_classifier_new (&options, &error);
  g_assert_no_error (error);
  return classifier;
}

/* Features [BATCH, n]; free with g_free. */
static float *
run (CowClassifier *classifier)
{
  g_autoptr (GError) error = NULL;
  g_autofree float *pixels = g_new (float, BATCH * 3 * SIDE * SIDE);
  CowOutput output;
  for (gsize i = 0; i < BATCH * 3 * SIDE * SIDE; i++)
    pixels[i] = (float)(i % 251) / 251;
  cow_classifier_run (classifier, pixels, BATCH, SIDE, SIDE, &output, &error);
  g_assert_no_error (error);
  return g_memdup2 (output.pooler_output,
                    BATCH * (gsize)cow_classifier_n_features (classifier) * sizeof (float));
}

/* ---- plans ----------------------------------------------------------------------------------- */

/* What a plan counts is enough, and not much more than what is taken. */
static void
assert_plan (const char *what, guint64 planned, guint64 taken)
{
  g_test_message ("%s: planned %" G_GUINT64_FORMAT ", taken %" G_GUINT64_FORMAT, what, planned,
                  taken);
  g_assert_cmpuint (taken, <=, planned);
  g_assert_cmpuint (taken, >, planned / 10 * 7);
}

/* A pass of a network with that share of its weights streamed. */
static void
run_backbone (const CowBackboneConfig *config, const CowCheckpoint *checkpoint, CkStream *stream,
              guint64 before, guint64 planned, const char *what)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowBackbone) backbone = config->klass->open (stream, config, checkpoint, NULL, &error);
  g_assert_no_error (error);
  const gint64 n = BATCH * 3 * SIDE * SIDE;
  float *pixels = ck_alloc (stream, (gsize)n * sizeof *pixels);
  stream->operations->fill (stream, pixels, n, .5f);
  for (int pass = 0; pass < 2; pass++)
    g_assert_nonnull (config->klass->features (backbone, pixels, BATCH, SIDE, SIDE, &error));
  g_assert_cmpint (ck_synchronize (stream), ==, CK_OK);
  assert_plan (what, planned, before - ck_device_free_bytes (stream->device));
  ck_free (stream, pixels);
}

static void
check_inference (const char *model, CowPrecision precision, double streamed)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CkDevice) device = open_device ();
  g_autoptr (CkStream) stream = cow_stream_new (device, 0, &error);
  g_autofree char *path = golden_path (model);
  g_autofree char *what =
      g_strdup_printf ("%s in %s, %g streamed", model, cow_precision_name (precision), streamed);
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (path, &error);
  CowBackboneConfig config;
  CowMemory memory;
  g_assert_true (cow_backbone_config_read (path, checkpoint, NULL, &config, &error));
  config.precision = precision;
  config.streamed = streamed;
  const CowMemoryUse use = {
    .backbone = &config,
    .storage = cow_memory_storage (checkpoint),
    .batch = BATCH,
    .height = SIDE,
    .width = SIDE,
    .activations = config.klass->workspace_bytes (&config, BATCH, SIDE, SIDE),
  };
  cow_memory_plan (&memory, device, &use, streamed);
  run_backbone (&config, checkpoint, stream, ck_device_free_bytes (device), memory.device, what);
}

static void
test_inference (void)
{
  check_inference ("plain/nf4", COW_PRECISION_FP32, 0);
  check_inference ("plain/nf4", COW_PRECISION_INT8, .5);
  check_inference ("plain/fp32", COW_PRECISION_FP32, 1);
  check_inference ("plain/fp32", COW_PRECISION_INT8, 1);
  check_inference ("gated7b/nf4", COW_PRECISION_INT8, 0);
}

/* A step of training, with part of the frozen base streamed. */
static void
check_training_plan (const char *name, gboolean checkpointing, double streamed)
{
  g_autoptr (GError) error = NULL;
  const TrainingCase *sort = training_case (name);
  const TrainingHow how = {
    .device = DEVICE, .checkpointing = checkpointing, .streamed = streamed, .adapter_dropout = .1f
  };
  g_autoptr (CkDevice) probe = open_device ();
  const guint64 before = ck_device_free_bytes (probe);
  g_autofree char *path = training_base (sort);
  g_autoptr (CowCheckpoint) checkpoint = cow_checkpoint_open (path, &error);
  CowBackboneConfig config;
  CowMemory memory;
  g_assert_true (cow_backbone_config_read (path, checkpoint, NULL, &config, &error));
  Training *training = training_new (sort, &how);
  const CowNetworkOptions options = { .kind = sort->kind,
                                      .rank = sort->rank,
                                      .adapter_dropout = how.adapter_dropout,
                                      .targets = training_targets (sort) };
  const CowMemoryUse use = {
    .backbone = &config,
    .storage = cow_memory_storage (checkpoint),
    .adapter = { .modules = (1u << COW_N_MODULES) - 1,
                 .rank = sort->rank,
                 .dora = sort->kind == COW_NETWORK_DORA,
                 .dropout = TRUE },
    .batch = sort->batch,
    .height = sort->side,
    .width = sort->side,
    .activations = cow_network_activation_bytes (&options, &config, sort->batch, sort->side,
                                                 sort->side, checkpointing),
    .training = TRUE,
    .parameters = cow_network_parameters (training->network)->count * 4 * sizeof (float),
  };
  cow_memory_plan (&memory, probe, &use, streamed);
  training_step (training, 1);
  assert_plan (name, memory.device, before - ck_device_free_bytes (probe));
  training_free (training);
}

static void
test_training_plan (void)
{
  check_training_plan ("lora-all", FALSE, 0);
  check_training_plan ("dora-all-gated", TRUE, .5);
}

/* ---- streamed weights ------------------------------------------------------------------------ */

/* A share of more than half needs less memory, and all the least. */
static void
test_shares (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CkDevice) device = open_device ();
  CowBackboneConfig config;
  CowVitConfig vit;
  CowMemory all, some, none;
  double share;
  g_assert_true (cow_vit_config_of_size ("vit7b16", &vit));
  cow_backbone_config_init (&config, vit.family->model_type, &vit);
  config.precision = COW_PRECISION_INT8;
  const CowMemoryUse use = {
    .backbone = &config,
    .storage = CK_NF4,
    .batch = 1,
    .height = 224,
    .width = 224,
    .activations = config.klass->workspace_bytes (&config, 1, 224, 224),
  };
  cow_memory_plan (&none, device, &use, 0);
  cow_memory_plan (&all, device, &use, 1);
  g_test_message ("7B in NF4: %.0f MiB, all streamed %.0f MiB", (double)none.device / (1 << 20),
                  (double)all.device / (1 << 20));
  g_assert_cmpuint (none.streamed, ==, 0);
  g_assert_cmpuint (none.device, >, (guint64)3800 << 20);
  g_assert_cmpuint (all.device, <, (guint64)400 << 20);
  g_assert_cmpuint (all.streamed, >, (guint64)3500 << 20);
  const guint64 room = (guint64)3 << 30;
  g_assert_true (cow_memory_fit (&some, device, &use, room, &share));
  g_assert_cmpfloat (share, >, 0);
  g_assert_cmpuint (some.device, <=, room);
  g_assert_cmpuint (some.device, >, room - ((guint64)150 << 20));
  g_assert_cmpuint (some.streamed + some.weights, ==, none.weights);
  g_assert_false (cow_memory_fit (&some, device, &use, (guint64)40 << 20, &share));
  /* what is streamed has to fit the host */
  g_assert_true (cow_memory_check (&all, device, room, "it", &error));
  all.streamed = (guint64)1 << 50;
  g_assert_false (cow_memory_check (&all, device, room, "it", &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "it: 1048576.00 GiB of weights do not fit"));
  g_autofree char *text = cow_memory_text (&all, device);
  g_assert_nonnull (strstr (text, " GiB of weights do not fit into the memory of " DEVICE ":0"));
}

/* The same features whatever share of the weights is streamed. */
static void
check_features (const char *model, CowPrecision precision, guint64 step)
{
  guint n_streamed = 0;
  g_unsetenv (LIMIT);
  g_autoptr (CowClassifier) resident = open_classifier (model, precision);
  g_autofree float *expected = run (resident);
  const gsize bytes = BATCH * (gsize)cow_classifier_n_features (resident) * sizeof *expected;
  g_assert_null (cow_classifier_memory_text (resident));
  for (guint64 limit = 4500000; limit > step; limit -= step) {
    g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, limit),
                    *path = golden_path (model);
    g_autoptr (GError) error = NULL;
    g_setenv (LIMIT, text, TRUE);
    const CowClassifierOptions options = {
      .model = path, .device = DEVICE, .precision = precision, .batch = 1
    };
    g_autoptr (CowClassifier) classifier = cow_classifier_new (&options, &error);
    if (!classifier) {
      g_assert_error (error, COW_ERROR, COW_ERROR_MEMORY);
      g_assert_nonnull (strstr (error->message, ": needs "));
      g_assert_nonnull (strstr (error->message, " although weights are streamed"));
      g_assert_nonnull (strstr (error->message, "on " DEVICE ":0, CUDA on a processor"));
      break;
    }
    if (!cow_classifier_memory_text (classifier))
      continue;
    n_streamed++;
    for (int round = 0; round < 2; round++) {
      g_autofree float *found = run (classifier);
      g_assert_cmpmem (found, bytes, expected, bytes);
    }
  }
  g_unsetenv (LIMIT);
  g_test_message ("%s: %u shares", model, n_streamed);
  g_assert_cmpuint (n_streamed, >, 1);
}

static void
test_features (void)
{
  check_features ("plain/nf4", COW_PRECISION_FP32, 40000);
  check_features ("gated7b/nf4", COW_PRECISION_INT8, 40000);
  check_features ("plain/fp32", COW_PRECISION_INT8, 200000);
  g_setenv (EARLY, "1", TRUE);
  check_features ("plain/nf4", COW_PRECISION_INT8, 40000);
  g_unsetenv (EARLY);
}

static void
test_wrong_limit (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CkDevice) device = open_device ();
  guint64 bytes;
  g_setenv (LIMIT, "3G", TRUE);
  g_assert_false (cow_memory_available (device, &bytes, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
  g_unsetenv (LIMIT);
}

/* Losses and gradients of a frozen base that is streamed, with and without checkpointing. */
static void
check_training (const char *name, gboolean checkpointing, double streamed, int steps)
{
  const TrainingCase *sort = training_case (name);
  TrainingHow how = { .device = DEVICE, .checkpointing = checkpointing, .adapter_dropout = .1f };
  Training *resident = training_new (sort, &how);
  how.streamed = streamed;
  Training *training = training_new (sort, &how);
  for (int step = 1; step <= steps; step++) {
    training_step (resident, step);
    training_step (training, step);
  }
  g_autofree float *expected = training_values (resident), *found = training_values (training);
  const gsize bytes = cow_network_parameters (resident->network)->count * sizeof (float);
  g_assert_cmpmem (found, bytes, expected, bytes);
  training_free (resident);
  training_free (training);
}

static void
test_training (void)
{
  check_training ("lora-q-gated", FALSE, 1, 1);
  g_setenv (EARLY, "1", TRUE);
  check_training ("dora-all-gated", TRUE, .5, 2);
  g_unsetenv (EARLY);
}

/* ---- several GPUs ---------------------------------------------------------------------------- */

static CowEngine *
get_engine (const CowClassifierOptions *options)
{
  g_autoptr (GError) error = NULL;
  CowEngine *engine = cow_engine_get (options, &error);
  g_assert_no_error (error);
  return engine;
}

static void
assert_on (const CowEngine *engine, const char *device)
{
  g_assert_cmpstr (cow_engine_device (engine)->name, ==, device);
}

static void
assert_classifies (EngineFixture *self, CowEngine *engine)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowTicket) ticket = cow_engine_submit (engine, &self->picture, NULL, 1, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (cow_ticket_wait (ticket, &error));
  g_assert_no_error (error);
}

/* Engines go to the GPU with the fewest; what is the same is shared, and a number means that
 * one. */
static void
test_gpus (EngineFixture *self, gconstpointer data)
{
  g_autofree char *other_model = golden_path ("plain/fp32");
  CowClassifierOptions first = self->options, second = self->options, third = self->options,
                       named = self->options;
  g_assert_cmpint (ck_device_count (DEVICE), ==, 2);
  g_assert_cmpint (ck_device_count (DEVICE ":1"), ==, 1);
  first.device = second.device = third.device = DEVICE;
  second.model = other_model;
  third.precision = COW_PRECISION_INT8;
  named.device = DEVICE ":1";
  first.precision = second.precision = named.precision = COW_PRECISION_FP32;
  g_autoptr (CowEngine) a = get_engine (&first), b = get_engine (&second);
  g_autoptr (CowEngine) again = get_engine (&first), other = get_engine (&second),
                        c = get_engine (&third), d = get_engine (&named);
  assert_on (a, DEVICE ":0");
  assert_on (b, DEVICE ":1");
  assert_on (c, DEVICE ":0");
  assert_on (d, DEVICE ":1");
  g_assert_true (again == a && other == b && c != a && d != a && d != b);
  assert_classifies (self, a);
  assert_classifies (self, b);
  assert_classifies (self, d);
  /* what goes makes room */
  g_clear_pointer (&b, cow_engine_unref);
  g_clear_pointer (&other, cow_engine_unref);
  g_clear_pointer (&d, cow_engine_unref);
  b = get_engine (&second);
  assert_on (b, DEVICE ":1");
}

int
main (int argc, char **argv)
{
  g_setenv ("COW_CUDA_GPUS", "2", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/memory/inference", test_inference);
  g_test_add_func ("/memory/training-plan", test_training_plan);
  g_test_add_func ("/memory/shares", test_shares);
  g_test_add_func ("/memory/features", test_features);
  g_test_add_func ("/memory/wrong-limit", test_wrong_limit);
  g_test_add_func ("/memory/training", test_training);
  g_test_add ("/memory/gpus", EngineFixture, NULL, engine_fixture_set_up, test_gpus,
              engine_fixture_tear_down);
  return g_test_run ();
}
