/* SPDX-License-Identifier: MIT */
/*
 * Nothing is allocated while a network runs: after the first pass of each size of batch, passes of
 * all these sizes, in any order, and pictures that go through the engine, leave the allocator
 * alone. Only oneDNN's convolutions still allocate for themselves.
 */
#include "model/engine/engine.h"
#include "tests/model/allocations.h"
#include "tests/model/engine-fixture.h"
#include "tests/model/golden.h"
#include "tests/model/scratch.h"
#include "tests/model/training.h"

#define PASSES 3
#define MOST   4 /* pictures */

/* Runs what is to be watched, with that many pictures. */
typedef void (*Run) (gpointer data, int batch);

static const int batches[] = { 1, MOST, 2 };

/* Warms up with each size of batch once, then watches them in turn; oneDNN's allocations. */
static guint
check (const char *what, Run run, gpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (batches); i++)
    run (data, batches[i]);
  allocations_watch ();
  for (int pass = 0; pass < PASSES; pass++)
    run (data, batches[pass % (int)G_N_ELEMENTS (batches)]);
  Allocations found = allocations_end ();
  if (found.ours > 0)
    g_error ("%s: %u allocations in %d passes, the first by:\n%s", what, found.ours, PASSES,
             found.example);
  allocations_clear (&found);
  return found.onednn;
}

/* Whether there is something to count; says why not. */
static gboolean
can_count (void)
{
  if (!allocations_can_count ())
    g_test_skip ("a sanitizer has taken the allocator's place");
  else if (g_strcmp0 (g_getenv ("COWBEHAVIOR_TEST_DEVICE"), "1") == 0)
    g_test_skip ("test-device's queue allocates");
  else
    return TRUE;
  return FALSE;
}

/* ---- networks -------------------------------------------------------------------------------- */

typedef struct {
  const char *network, *weights, *adapter;
} Network;

static const Network networks[] = {
  { "plain", "fp32", NULL },
  { "plain", "fp32", "lora_all_r16" },
  { "plain", "nf4", "lora_q_r8" },
  { "gated7b", "fp32", "dora_q_r8" },
  { "gated7b", "nf4", "dora_all_r16" },
};

typedef struct {
  CowClassifier *classifier;
  int side;
  float *pixels; /* [MOST, 3, side, side] */
} Passes;

static void
pass (gpointer data, int batch)
{
  Passes *self = data;
  CowOutput output;
  cow_classifier_run (self->classifier, self->pixels, batch, self->side, self->side, &output, NULL);
}

/* Opens a classifier and watches it; oneDNN's allocations. FALSE where the device lacks the
 * precision. */
static gboolean
check_classifier (const char *model, const char *adapter, CowPrecision precision, int threads,
                  int side, guint *onednn)
{
  g_autoptr (GError) error = NULL;
  const CowClassifierOptions options = {
    .model = model, .adapter = adapter, .precision = precision, .threads = threads
  };
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&options, &error);
  if (g_error_matches (error, COW_ERROR, COW_ERROR_UNSUPPORTED))
    return FALSE;
  g_assert_no_error (error);
  g_autofree float *pixels = g_new (float, MOST * 3 * side * side);
  for (int i = 0; i < MOST * 3 * side * side; i++)
    pixels[i] = (float)(i % 251) / 251;
  Passes passes = { classifier, side, pixels };
  g_autofree char *what =
      g_strdup_printf ("%s with %s, %s, %d threads", model ? model : "ResNet",
                       adapter ? adapter : "nothing", cow_precision_name (precision), threads);
  *onednn = check (what, pass, &passes);
  return TRUE;
}

static void
test_network (gconstpointer data)
{
  const Network *self = data;
  static const CowPrecision precisions[] = { COW_PRECISION_FP32, COW_PRECISION_INT16,
                                             COW_PRECISION_INT8 };
  g_autofree char *folder = golden_path (self->network),
                  *model = g_build_filename (folder, self->weights, NULL);
  g_autofree char *adapter = self->adapter ? g_build_filename (folder, self->adapter, NULL) : NULL;
  guint n_checked = 0, onednn;
  if (!can_count ())
    return;
  for (guint p = 0; p < G_N_ELEMENTS (precisions); p++)
    for (int threads = 1; threads <= 2; threads++)
      if (check_classifier (model, adapter, precisions[p], threads, 64, &onednn)) {
        g_assert_cmpuint (onednn, ==, 0);
        n_checked++;
      } else
        g_test_message ("%s: not on this device", cow_precision_name (precisions[p]));
  g_assert_cmpuint (n_checked, >=, 2);
}

static void
test_resnet (void)
{
  const TrainingCase *sort = training_cases;
  if (!can_count ())
    return;
  while (sort->kind != COW_NETWORK_RESNET18)
    sort++;
  char *folder = scratch_new ();
  Training *training = training_new (sort, &(TrainingHow){ 0 });
  training_save (training, folder);
  training_free (training);
  for (int threads = 1; threads <= 2; threads++) {
    guint onednn;
    g_assert_true (
        check_classifier (NULL, folder, COW_PRECISION_FP32, threads, sort->side, &onednn));
    g_test_message ("%d threads: oneDNN allocated %u times in %d passes", threads, onednn, PASSES);
  }
  scratch_free (folder);
}

/* ---- the engine ------------------------------------------------------------------------------ */

typedef struct {
  const EngineFixture *fixture;
  CowEngine *engine;
} Submissions;

/* A ticket of `batch` regions, whose sizes change, and one of a whole picture. Neither joins the
 * other's pass, so that the sizes of batches are those that are warmed up. */
static void
submit (gpointer data, int batch)
{
  static int turn;
  const Submissions *self = data;
  const CkPicture *picture = &self->fixture->picture;
  const CowSubmission how = { .batch = (guint)batch }, single = { .batch = 1 };
  CowRegion regions[MOST];
  for (int i = 0; i < batch; i++, turn++)
    regions[i] = (CowRegion){ turn % 7, turn % 5, 30 + turn % 60, 40 + turn % 40 };
  CowTicket *several = cow_engine_submit (self->engine, picture, regions, (guint)batch, &how, NULL),
            *whole = cow_engine_submit (self->engine, picture, NULL, 1, &single, NULL);
  g_assert_true (cow_ticket_wait (several, NULL) && cow_ticket_wait (whole, NULL));
  g_assert_nonnull (cow_ticket_probabilities (several, (guint)batch - 1));
  cow_ticket_unref (several);
  cow_ticket_unref (whole);
}

static void
test_engine (EngineFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  if (!can_count ())
    return;
  for (int threads = 1; threads <= 2; threads++) {
    fixture->options.threads = threads;
    g_autoptr (CowEngine) engine = cow_engine_get (&fixture->options, &error);
    g_assert_no_error (error);
    Submissions submissions = { fixture, engine };
    g_assert_cmpuint (check ("the engine", submit, &submissions), ==, 0);
  }
}

/* ---- the test itself ------------------------------------------------------------------------- */

static void
copy_text (gpointer text, int batch)
{
  g_free (g_strdup (text));
}

/* An allocation in GLib, on this project's behalf, is found: a child says so and fails. */
static void
test_counting (void)
{
  if (!can_count ())
    return;
  if (g_test_subprocess ()) {
    check ("copying", copy_text, "a word");
    return;
  }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*copying: 3 allocations in 3 passes*");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/allocations/counting", test_counting);
  for (guint i = 0; i < G_N_ELEMENTS (networks); i++) {
    const Network *n = &networks[i];
    g_autofree char *path = g_strdup_printf ("/allocations/%s-%s-%s", n->network, n->weights,
                                             n->adapter ? n->adapter : "alone");
    g_test_add_data_func (path, n, test_network);
  }
  g_test_add_func ("/allocations/resnet18", test_resnet);
  g_test_add ("/allocations/engine", EngineFixture, NULL, engine_fixture_set_up, test_engine,
              engine_fixture_tear_down);
  return g_test_run ();
}
