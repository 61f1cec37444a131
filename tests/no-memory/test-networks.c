/* SPDX-License-Identifier: MIT */
/* Loading and running networks, the engine, and a step of training, where memory or threads are
 * refused: an error or the right numbers. */
#include <gio/gio.h>

#include "model/engine/engine.h"
#include "model/training/network.h"
#include "model/training/random.h"
#include "tests/model/engine-fixture.h"
#include "tests/model/golden.h"
#include "tests/model/scratch.h"
#include "tests/model/training.h"
#include "tests/no-memory/outcomes.h"

#define SIDE  64 /* px */
#define BATCH 2

static void
fill (float *pixels, gsize n)
{
  for (gsize i = 0; i < n; i++)
    pixels[i] = (float)cow_random_unit (99, i);
}

/* ---- a classifier ---------------------------------------------------------------------------- */

typedef struct {
  CowClassifierOptions options;
  int side; /* px */
  float *pixels;
} Pictures;

static gboolean
classify (gconstpointer data, gpointer begun, Answer *answer, GError **error)
{
  const Pictures *self = data;
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&self->options, error);
  CowOutput output;

  if (!classifier ||
      !cow_classifier_run (classifier, self->pixels, BATCH, self->side, self->side, &output, error))
    return FALSE;
  answer_add (answer, output.pooler_output,
              BATCH * (gsize)cow_classifier_n_features (classifier) * sizeof (float));
  if (output.probabilities)
    answer_add (answer, output.probabilities,
                BATCH * (gsize)cow_classifier_n_classes (classifier) * sizeof (float));
  return TRUE;
}

static void
check_classifier (const char *name, const CowClassifierOptions *options, int side)
{
  g_autofree float *pixels = g_new (float, BATCH * 3 * side * side);
  const Pictures pictures = { *options, side, pixels };

  fill (pixels, (gsize)(BATCH * 3 * side * side));
  outcomes_of_memory (&(Work){ name, NULL, classify, &pictures });
}

typedef struct {
  const char *name, *network, *weights, *adapter;
  CowPrecision precision;
} Network;

static const Network networks[] = {
  { "fp32", "plain", "fp32", "lora_all_r16", COW_PRECISION_FP32 },
  { "nf4-int8", "plain", "nf4", "lora_q_r8", COW_PRECISION_INT8 },
  { "nf4-int16", "gated7b", "nf4", "dora_all_r16", COW_PRECISION_INT16 },
};

static void
test_classifier (gconstpointer data)
{
  const Network *network = data;
  g_autofree char *folder = golden_path (network->network),
                  *model = g_build_filename (folder, network->weights, NULL),
                  *adapter = g_build_filename (folder, network->adapter, NULL);

  check_classifier (network->name,
                    &(CowClassifierOptions){ .model = model,
                                             .adapter = adapter,
                                             .precision = network->precision,
                                             .threads = 2,
                                             .batch = BATCH },
                    SIDE);
}

/* Saves a ResNet-18, in a child: what it leaves in memory is not to be there for others. */
static gboolean
save_resnet (gconstpointer folder, gpointer begun, Answer *answer, GError **error)
{
  Training *training = training_new (training_case ("resnet18"), &(TrainingHow){ 0 });

  training_save (training, folder);
  answer_add (answer, "saved", 5);
  return TRUE;
}

static void
test_resnet (void)
{
  char *folder = scratch_new ();

  outcomes_without (&(Work){ "saving", NULL, save_resnet, folder });
  check_classifier ("resnet18",
                    &(CowClassifierOptions){ .adapter = folder, .threads = 2, .batch = BATCH },
                    training_case ("resnet18")->side);
  scratch_free (folder);
}

/* ---- the engine ------------------------------------------------------------------------------ */

static gboolean
submit (CowEngine *engine, const CkPicture *picture, Answer *answer, GError **error)
{
  const CowRegion regions[] = { { 0, 0, 64, 64 }, { 20, 10, 90, 70 } };
  const CowSubmission how = { .batch = 2 };
  CowTicket *ticket = cow_engine_submit (engine, picture, regions, 2, &how, error);

  if (!ticket)
    return FALSE;
  const gboolean ok = cow_ticket_wait (ticket, error);
  for (guint i = 0; ok && i < 2; i++)
    answer_add (answer, cow_ticket_probabilities (ticket, i),
                cow_engine_n_classes (engine) * sizeof (float));
  cow_ticket_unref (ticket);
  return ok;
}

/* Opened, given frames, closed. */
static gboolean
run_engine (gconstpointer data, gpointer begun, Answer *answer, GError **error)
{
  const EngineFixture *fixture = data;
  g_autoptr (CowEngine) engine = cow_engine_get (&fixture->options, error);

  return engine && submit (engine, &fixture->picture, answer, error) &&
         submit (engine, &fixture->picture, answer, error);
}

/* An engine that runs already, as that of a camera which began when there was memory. */
static gpointer
begin_engine (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  const EngineFixture *fixture = data;
  CowEngine *engine = cow_engine_get (&fixture->options, &error);

  g_assert_no_error (error);
  return engine;
}

static gboolean
go_on (gconstpointer data, gpointer begun, Answer *answer, GError **error)
{
  const EngineFixture *fixture = data;

  return submit (begun, &fixture->picture, answer, error) &&
         submit (begun, &fixture->picture, answer, error);
}

static void
test_engine (EngineFixture *fixture, gconstpointer data)
{
  fixture->options.threads = 2;
  outcomes_of_memory (&(Work){ "engine", NULL, run_engine, fixture });
  outcomes_of_memory (&(Work){ "engine that runs", begin_engine, go_on, fixture });
}

static void
test_engine_threads (EngineFixture *fixture, gconstpointer data)
{
  fixture->options.threads = 2;
  outcomes_of_threads (&(Work){ "engine", NULL, run_engine, fixture });
  outcomes_of_threads (&(Work){ "engine that runs", begin_engine, go_on, fixture });
}

/* ---- training -------------------------------------------------------------------------------- */

/* Its pixels. */
static gpointer
begin_training (gconstpointer data)
{
  const TrainingCase *sort = data;
  const gsize n =
      (gsize)(sort->batch * (sort->side > 0 ? 3 * sort->side * sort->side : TRAINING_FEATURES));
  float *pixels = g_new (float, n);

  fill (pixels, n);
  return pixels;
}

static gboolean
train_on (CkStream *stream, const TrainingCase *sort, const float *pixels, Answer *answer,
          GError **error)
{
  g_autofree char *base = training_base (sort);
  static const char *const targets[] = { "all-linear", NULL };
  const CowNetworkOptions options = { .kind = sort->kind,
                                      .n_classes = TRAINING_CLASSES,
                                      .seed = 7,
                                      .model = base,
                                      .rank = 4,
                                      .alpha = 8,
                                      .targets = targets,
                                      .checkpointing = COW_CHECKPOINTING_OFF,
                                      .image_size = TRAINING_SIDE,
                                      .batch = sort->batch };
  const CowAdamW how = { 1e-3, .9, .999, 1e-8, .01, 1, 1 };
  const gint32 labels[] = { 2, 7, 3, 8 };
  g_autoptr (CowNetwork) network = cow_network_new (stream, &options, error);
  double norm = 0;
  guint n;

  if (!network)
    return FALSE;
  for (guint step = 0; step < 2; step++) {
    if (!cow_network_forward (network, pixels, sort->batch, sort->side, sort->side, TRUE, step,
                              error) ||
        !cow_network_loss (network, labels, NULL, .1f, TRUE, 1, error) ||
        !cow_network_step (network, &how, 1, error))
      return FALSE;
    const CowPass *pass = cow_network_read (network, &n, &norm, error);
    if (!pass)
      return FALSE;
    answer_add (answer, &pass->loss, sizeof pass->loss);
    answer_add (answer, &norm, sizeof norm);
  }
  return TRUE;
}

static gboolean
train (gconstpointer data, gpointer begun, Answer *answer, GError **error)
{
  CkDevice *device = cow_device_open (NULL, 2, error);
  CkStream *stream = device ? cow_stream_new (device, 0, error) : NULL;
  const gboolean ok = stream && train_on (stream, data, begun, answer, error);

  if (stream)
    ck_stream_free (stream);
  if (device)
    ck_device_close (device);
  return ok;
}

static void
test_training (gconstpointer name)
{
  outcomes_of_memory (&(Work){ name, begin_training, train, training_case (name) });
}

static void
test_training_threads (gconstpointer name)
{
  outcomes_of_threads (&(Work){ name, begin_training, train, training_case (name) });
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (networks); i++) {
    g_autofree char *path = g_strconcat ("/no-memory/classifier/", networks[i].name, NULL);
    g_test_add_data_func (path, &networks[i], test_classifier);
  }
  g_test_add_func ("/no-memory/classifier/resnet18", test_resnet);
  g_test_add ("/no-memory/engine", EngineFixture, NULL, engine_fixture_set_up, test_engine,
              engine_fixture_tear_down);
  g_test_add_data_func ("/no-memory/training/lora", "lora-all", test_training);
  g_test_add_data_func ("/no-memory/training/resnet18", "resnet18", test_training);
  g_test_add ("/no-threads/engine", EngineFixture, NULL, engine_fixture_set_up, test_engine_threads,
              engine_fixture_tear_down);
  g_test_add_data_func ("/no-threads/training/resnet18", "resnet18", test_training_threads);
  return g_test_run ();
}
