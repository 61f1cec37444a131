/* SPDX-License-Identifier: MIT */
/* The classifier and the engine: sharing, batching across threads, cancelling, errors. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <math.h>

#include "model/adapter/adapter.h"
#include "model/engine/engine.h"
#include "model/adapter/head-weights.h"
#include "tests/model/engine-fixture.h"
#include "tests/model/golden.h"

/* What the classifier says of a region, computed without the engine. */
static void
expect (EngineFixture *self, const CowRegion *region, float *probabilities)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&self->options, &error);
  g_assert_no_error (error);
  const CowPreprocess *preprocess = cow_classifier_preprocess (classifier);
  g_autofree float *pixels = g_new (float, cow_preprocess_size (preprocess));
  CowOutput output;
  g_autoptr (CowPreparer) preparer = cow_preparer_new (cow_classifier_device (classifier), &error);
  g_assert_no_error (error);
  cow_preparer_run (preparer, preprocess, &self->picture, region, pixels, &error);
  g_assert_no_error (error);
  cow_classifier_run (classifier, pixels, 1, preprocess->height, preprocess->width, &output,
                      &error);
  g_assert_no_error (error);
  memcpy (probabilities, output.probabilities, 9 * sizeof (float));
  float sum = 0;
  for (int i = 0; i < 9; i++)
    sum += probabilities[i];
  g_assert_cmpfloat_with_epsilon (sum, 1, 1e-5);
}

static void
assert_same (const float *found, const float *expected)
{
  for (int i = 0; i < 9; i++)
    g_assert_cmpfloat_with_epsilon (found[i], expected[i], 1e-5);
}

static void
test_regions (EngineFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowEngine) engine = cow_engine_get (&self->options, &error);
  g_assert_no_error (error);
  /* More regions than a batch holds, the last partly outside. */
  CowRegion regions[19];
  for (int i = 0; i < 19; i++)
    regions[i] = (CowRegion){ i * 5, i * 2, 30 + i, 40 };
  regions[18] = (CowRegion){ 100, 80, 500, 500 };
  g_autoptr (CowTicket) ticket =
      cow_engine_submit (engine, &self->picture, regions, 19, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (cow_ticket_wait (ticket, &error));
  g_assert_cmpuint (cow_ticket_n_regions (ticket), ==, 19);
  float expected[9];
  for (guint i = 0; i < 19; i += 9) {
    expect (self, &regions[i], expected);
    assert_same (cow_ticket_probabilities (ticket, i), expected);
  }
}

static void
test_shared (EngineFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowEngine) one = cow_engine_get (&self->options, &error);
  g_autofree char *other_spelling = g_build_filename (self->model, "..", "nf4", NULL);
  CowClassifierOptions same = { .model = other_spelling,
                                .adapter = self->adapter,
                                .device = "auto" };
  g_autoptr (CowEngine) two = cow_engine_get (&same, &error);
  CowClassifierOptions resolved = {
    .model = self->model, .adapter = self->adapter, .device = "cpu", .precision = COW_PRECISION_FP32
  };
  g_autoptr (CowEngine) three = cow_engine_get (&resolved, &error);
  g_autofree char *other_model = golden_path ("plain/fp32");
  CowClassifierOptions different = { .model = other_model, .adapter = self->adapter };
  g_autoptr (CowEngine) four = cow_engine_get (&different, &error);
  g_assert_no_error (error);
  g_assert_true (one == two);
  g_assert_true (one == three);
  g_assert_true (one != four);
  g_assert_cmpint (cow_engine_precision (one), ==, COW_PRECISION_FP32);
}

/* ---- results that are not finite ------------------------------------------------------------- */

/* Multiplies the last layer of the adapter's head, which stays finite as stored. */
static void
enlarge_head (EngineFixture *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowHeadWeights) head = cow_head_weights_read (self->adapter, 0, 0, &error);
  g_assert_no_error (error);
  const CowHeadLayer *last = &head->layers[head->n_layers - 1];
  for (gint64 i = 0; i < last->in * last->out; i++)
    last->weight[i] = 3e38f;
  cow_head_weights_write (head, self->adapter, &error);
  g_assert_no_error (error);
}

/* Multiplies the adapter's matrices: attention then has no finite score. The features are no number
 * then, which the head's ReLU would turn into zeroes and so into an answer. */
static void
enlarge_lora (EngineFixture *self)
{
  g_autoptr (GError) error = NULL;
  CowVitConfig config;
  cow_vit_config_read (self->model, &config, &error);
  g_assert_no_error (error);
  g_autoptr (CowAdapter) adapter = cow_adapter_read (self->adapter, &config, &error);
  g_assert_no_error (error);
  for (int i = 0; i < config.n_layers * COW_N_MODULES; i++)
    for (gint64 k = 0; adapter->loras[i] && k < adapter->loras[i]->out * adapter->loras[i]->rank;
         k++)
      adapter->loras[i]->b[k] = 3e38f;
  cow_adapter_write (adapter, self->adapter, &error);
  g_assert_no_error (error);
}

static void
assert_not_finite (EngineFixture *self, const char *says)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowEngine) engine = cow_engine_get (&self->options, &error);
  g_assert_no_error (error);
  g_autoptr (CowTicket) ticket = cow_engine_submit (engine, &self->picture, NULL, 1, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (cow_ticket_wait (ticket, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_FORMAT);
  if (!strstr (error->message, says) || !strstr (error->message, self->adapter))
    g_error ("\"%s\" does not say \"%s\" and the adapter", error->message, says);
  CowEngineCounters counters;
  cow_engine_get_counters (engine, &counters);
  g_assert_cmpuint (counters.failures, ==, 1);
}

static void
test_not_finite (EngineFixture *self, gconstpointer data)
{
  enlarge_head (self);
  assert_not_finite (self, "logits");
  enlarge_lora (self);
  assert_not_finite (self, "features");
  const char *const written[] = { "classifier.safetensors", "adapter_config.json",
                                  "adapter_model.safetensors" };
  for (guint i = 0; i < G_N_ELEMENTS (written); i++) {
    g_autofree char *path = g_build_filename (self->adapter, written[i], NULL);
    g_assert_cmpint (g_remove (path), ==, 0);
  }
}

/* Each result of a region, by its name. */
static void
test_results (EngineFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowEngine) engine = cow_engine_get (&self->options, &error);
  g_assert_no_error (error);
  const CowRegion regions[] = { { 0, 0, 40, 40 }, { 50, 20, 60, 60 } };
  g_autoptr (CowTicket) ticket =
      cow_engine_submit (engine, &self->picture, regions, 2, NULL, &error);
  g_assert_true (cow_ticket_wait (ticket, &error));
  for (guint i = 0; i < 2; i++) {
    gsize n = 0;
    float softmax[9];
    const float *logits = cow_ticket_result (ticket, COW_RESULT_LOGITS, i, &n);
    g_assert_nonnull (logits);
    g_assert_cmpuint (n, ==, 9);
    cow_softmax (logits, 9, 1, softmax);
    assert_same (cow_ticket_result (ticket, COW_RESULT_PROBABILITIES, i, NULL), softmax);
    assert_same (cow_ticket_probabilities (ticket, i), softmax);
  }
  g_assert_null (cow_ticket_result (ticket, "boxes", 0, NULL));
}

typedef struct {
  EngineFixture *fixture;
  CowEngine *engine;
  const float *expected;
} Camera;

static gpointer
camera_thread (gpointer data)
{
  Camera *camera = data;
  for (int i = 0; i < 20; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (CowTicket) ticket =
        cow_engine_submit (camera->engine, &camera->fixture->picture, NULL, 1, NULL, &error);
    g_assert_no_error (error);
    cow_ticket_wait (ticket, &error);
    g_assert_no_error (error);
    assert_same (cow_ticket_probabilities (ticket, 0), camera->expected);
  }
  return NULL;
}

static void
test_many_threads (EngineFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowEngine) engine = cow_engine_get (&self->options, &error);
  g_assert_no_error (error);
  float expected[9];
  expect (self, NULL, expected);
  Camera camera = { self, engine, expected };
  GThread *threads[6];
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("camera", camera_thread, &camera);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

/* A cancelled ticket wakes its waiter; others are not harmed; an engine may go while tickets wait.
 */
static void
test_cancel (EngineFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  CowEngine *engine = cow_engine_get (&self->options, &error);
  g_assert_no_error (error);
  CowTicket *tickets[40];
  for (guint i = 0; i < G_N_ELEMENTS (tickets); i++)
    tickets[i] = cow_engine_submit (engine, &self->picture, NULL, 1, NULL, &error);
  g_assert_no_error (error);
  cow_ticket_cancel (tickets[39]);
  g_assert_true (cow_ticket_is_done (tickets[39]));
  g_assert_false (cow_ticket_wait (tickets[39], &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_true (cow_ticket_wait (tickets[0], &error));
  cow_engine_unref (engine);
  for (guint i = 0; i < G_N_ELEMENTS (tickets); i++) {
    g_assert_true (cow_ticket_is_done (tickets[i]));
    cow_ticket_unref (tickets[i]);
  }
}

static void
assert_fails (const CowClassifierOptions *options, CowError code, const char *says)
{
  for (int again = 0; again < 2; again++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (cow_engine_get (options, &error));
    g_assert_error (error, COW_ERROR, (int)code);
    if (!strstr (error->message, says))
      g_error ("\"%s\" does not say \"%s\"", error->message, says);
  }
}

static void
test_errors (EngineFixture *self, gconstpointer data)
{
  g_autofree char *golden = golden_path ("plain"),
                  *headless = g_build_filename (golden, "lora_q_r8", NULL);
  assert_fails (&(CowClassifierOptions){ .model = "no-such-model", .adapter = self->adapter },
                COW_ERROR_NOT_FOUND, "no-such-model");
  assert_fails (&(CowClassifierOptions){ .model = self->model, .adapter = "no-such-adapter" },
                COW_ERROR_NOT_FOUND, "no-such-adapter");
  assert_fails (&(CowClassifierOptions){ .model = self->model }, COW_ERROR_ARGUMENT, "adapter");
  assert_fails (&(CowClassifierOptions){ .model = self->model, .adapter = headless },
                COW_ERROR_NOT_FOUND, "classifier");
  assert_fails (
      &(CowClassifierOptions){ .model = self->model, .adapter = self->adapter, .device = "abacus" },
      COW_ERROR_ARGUMENT, "abacus");
  g_autofree char *card = g_build_filename (self->adapter, "cowbehavior.json", NULL), *text = NULL;
  g_assert_true (g_file_get_contents (card, &text, NULL, NULL));
  g_assert_true (
      g_file_set_contents (card,
                           "{\"format\": 1, \"kind\": \"lora\", \"classes\": [\"a\", \"b\"], "
                           "\"preprocess\": {\"size\": 64, \"interpolation\": \"bilinear\", "
                           "\"normalisation\": \"unit\"}}",
                           -1, NULL));
  assert_fails (&self->options, COW_ERROR_MISMATCH, "best_classifier.pth");
  g_assert_true (
      g_file_set_contents (card,
                           "{\"format\": 1, \"kind\": \"lora\", \"classes\": [\"a\", \"b\"], "
                           "\"preprocess\": {\"size\": 65, \"interpolation\": \"bilinear\", "
                           "\"normalisation\": \"unit\"}}",
                           -1, NULL));
  assert_fails (&self->options, COW_ERROR_MISMATCH, "multiples of 16");
  g_assert_true (g_file_set_contents (card, text, -1, NULL));
}

static void
test_outside (EngineFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowEngine) engine = cow_engine_get (&self->options, &error);
  g_assert_no_error (error);
  const CowRegion bad[] = { { 0, 0, 0, 10 },
                            { 128, 0, 5, 5 },
                            { -10, -10, 10, 10 },
                            { G_MAXINT - 1, 0, 10, 10 },
                            { 5, 5, -3, 4 } };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_assert_null (cow_engine_submit (engine, &self->picture, &bad[i], 1, NULL, &error));
    g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
    g_clear_error (&error);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/engine/regions", EngineFixture, NULL, engine_fixture_set_up, test_regions,
              engine_fixture_tear_down);
  g_test_add ("/engine/shared", EngineFixture, NULL, engine_fixture_set_up, test_shared,
              engine_fixture_tear_down);
  g_test_add ("/engine/many-threads", EngineFixture, NULL, engine_fixture_set_up, test_many_threads,
              engine_fixture_tear_down);
  g_test_add ("/engine/cancel", EngineFixture, NULL, engine_fixture_set_up, test_cancel,
              engine_fixture_tear_down);
  g_test_add ("/engine/errors", EngineFixture, NULL, engine_fixture_set_up, test_errors,
              engine_fixture_tear_down);
  g_test_add ("/engine/not-finite", EngineFixture, NULL, engine_fixture_set_up, test_not_finite,
              engine_fixture_tear_down);
  g_test_add ("/engine/results", EngineFixture, NULL, engine_fixture_set_up, test_results,
              engine_fixture_tear_down);
  g_test_add ("/engine/outside", EngineFixture, NULL, engine_fixture_set_up, test_outside,
              engine_fixture_tear_down);
  return g_test_run ();
}
