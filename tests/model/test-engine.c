/* SPDX-License-Identifier: MIT */
/* The classifier and the engine: sharing, batching across threads, cancelling, errors. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <math.h>

#include "model/card.h"
#include "model/engine.h"
#include "tests/model/golden.h"

/* An adapter folder with a head, laid out as the published cow models: adapter, head and card in their places. */
static char *
make_adapter (const char *network, const char *adapter)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("cow-adapter-XXXXXX", &error);
  g_assert_no_error (error);
  g_autofree char *from = golden_path (network), *lora = g_build_filename (folder, "lora_adapters", NULL);
  g_autofree char *classifier = g_build_filename (folder, "classifier", NULL);
  g_assert_cmpint (g_mkdir (lora, 0755) + g_mkdir (classifier, 0755), ==, 0);
  const char *const files[][3] = { { adapter, "adapter_config.json", lora },
                                   { adapter, "adapter_model.safetensors", lora },
                                   { "", "best_classifier.pth", classifier } };
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *source = g_build_filename (from, files[i][0], files[i][1], NULL),
                    *target = g_build_filename (files[i][2], files[i][1], NULL);
    g_autoptr (GFile) a = g_file_new_for_path (source), b = g_file_new_for_path (target);
    g_file_copy (a, b, G_FILE_COPY_NONE, NULL, NULL, NULL, &error);
    g_assert_no_error (error);
  }
  g_autoptr (CowCard) card = cow_card_new_default ();
  card->preprocess.width = card->preprocess.height = 64;
  cow_card_write (card, folder, &error);
  g_assert_no_error (error);
  return folder;
}

static void
remove_folder (const char *folder)
{
  const char *const names[] = { "lora_adapters/adapter_config.json",
                                "lora_adapters/adapter_model.safetensors",
                                "lora_adapters",
                                "classifier/best_classifier.pth",
                                "classifier",
                                "cowbehavior.json",
                                "" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL);
    g_assert_cmpint (g_remove (path), ==, 0);
  }
}

typedef struct {
  char *model, *adapter;
  CowClassifierOptions options;
  guint8 *rgb; /* [96, 128, 3] noise */
  CkPicture picture;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autofree char *folder = golden_path ("plain");
  self->model = g_build_filename (folder, "nf4", NULL);
  self->adapter = make_adapter ("plain", "lora_q_r8");
  self->options = (CowClassifierOptions){ .model = self->model, .adapter = self->adapter };
  self->rgb = g_malloc (96 * 128 * 3);
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  for (guint i = 0; i < 96 * 128 * 3; i++)
    self->rgb[i] = (guint8)g_rand_int_range (random, 0, 256);
  self->picture = (CkPicture){
    .layout = CK_RGB8, .width = 128, .height = 96, .plane = { self->rgb }, .stride = { 128 * 3 }, .pixel_stride = 3, .offset = { 0, 1, 2 }
  };
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  remove_folder (self->adapter);
  g_free (self->model);
  g_free (self->adapter);
  g_free (self->rgb);
}

/* What the classifier says of a region, computed without the engine. */
static void
expect (Fixture *self, const CowRegion *region, float *probabilities)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowClassifier) classifier = cow_classifier_new (&self->options, &error);
  g_assert_no_error (error);
  const CowPreprocess *preprocess = cow_classifier_preprocess (classifier);
  g_autofree float *pixels = g_new (float, cow_preprocess_size (preprocess));
  CowOutput output;
  cow_preprocess_run (preprocess, cow_classifier_backend (classifier), &self->picture, region, pixels, &error);
  g_assert_no_error (error);
  cow_classifier_run (classifier, pixels, 1, preprocess->height, preprocess->width, &output, &error);
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
test_regions (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowEngine) engine = cow_engine_get (&self->options, &error);
  g_assert_no_error (error);
  /* More regions than a batch holds, the last partly outside. */
  CowRegion regions[19];
  for (int i = 0; i < 19; i++)
    regions[i] = (CowRegion){ i * 5, i * 2, 30 + i, 40 };
  regions[18] = (CowRegion){ 100, 80, 500, 500 };
  g_autoptr (CowTicket) ticket = cow_engine_submit (engine, &self->picture, regions, 19, &error);
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
test_shared (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowEngine) one = cow_engine_get (&self->options, &error);
  g_autofree char *other_spelling = g_build_filename (self->model, "..", "nf4", NULL);
  CowClassifierOptions same = { .model = other_spelling, .adapter = self->adapter, .device = "auto" };
  g_autoptr (CowEngine) two = cow_engine_get (&same, &error);
  CowClassifierOptions different = { .model = self->model, .adapter = self->adapter, .precision = COW_PRECISION_FP32 };
  g_autoptr (CowEngine) three = cow_engine_get (&different, &error);
  g_assert_no_error (error);
  g_assert_true (one == two);
  g_assert_true (one != three);
}

typedef struct {
  Fixture *fixture;
  CowEngine *engine;
  const float *expected;
} Camera;

static gpointer
camera_thread (gpointer data)
{
  Camera *camera = data;
  for (int i = 0; i < 20; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (CowTicket) ticket = cow_engine_submit (camera->engine, &camera->fixture->picture, NULL, 1, &error);
    g_assert_no_error (error);
    cow_ticket_wait (ticket, &error);
    g_assert_no_error (error);
    assert_same (cow_ticket_probabilities (ticket, 0), camera->expected);
  }
  return NULL;
}

static void
test_many_threads (Fixture *self, gconstpointer data)
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

/* A cancelled ticket wakes its waiter; others are not harmed; an engine may go while tickets wait. */
static void
test_cancel (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  CowEngine *engine = cow_engine_get (&self->options, &error);
  g_assert_no_error (error);
  CowTicket *tickets[40];
  for (guint i = 0; i < G_N_ELEMENTS (tickets); i++)
    tickets[i] = cow_engine_submit (engine, &self->picture, NULL, 1, &error);
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
test_errors (Fixture *self, gconstpointer data)
{
  g_autofree char *golden = golden_path ("plain"), *headless = g_build_filename (golden, "lora_q_r8", NULL);
  assert_fails (&(CowClassifierOptions){ .model = "no-such-model", .adapter = self->adapter }, COW_ERROR_NOT_FOUND, "no-such-model");
  assert_fails (&(CowClassifierOptions){ .model = self->model, .adapter = "no-such-adapter" }, COW_ERROR_NOT_FOUND, "no-such-adapter");
  assert_fails (&(CowClassifierOptions){ .model = self->model }, COW_ERROR_ARGUMENT, "adapter");
  assert_fails (&(CowClassifierOptions){ .model = self->model, .adapter = headless }, COW_ERROR_NOT_FOUND, "classifier");
  assert_fails (&(CowClassifierOptions){ .model = self->model, .adapter = self->adapter, .device = "abacus" }, COW_ERROR_ARGUMENT,
                "abacus");
  g_autofree char *card = g_build_filename (self->adapter, "cowbehavior.json", NULL), *text = NULL;
  g_assert_true (g_file_get_contents (card, &text, NULL, NULL));
  g_assert_true (g_file_set_contents (card,
                                      "{\"format\": 1, \"kind\": \"lora\", \"classes\": [\"a\", \"b\"], "
                                      "\"preprocess\": {\"size\": 64, \"interpolation\": \"bilinear\", \"normalisation\": \"unit\"}}",
                                      -1, NULL));
  assert_fails (&self->options, COW_ERROR_MISMATCH, "best_classifier.pth");
  g_assert_true (g_file_set_contents (card,
                                      "{\"format\": 1, \"kind\": \"lora\", \"classes\": [\"a\", \"b\"], "
                                      "\"preprocess\": {\"size\": 65, \"interpolation\": \"bilinear\", \"normalisation\": \"unit\"}}",
                                      -1, NULL));
  assert_fails (&self->options, COW_ERROR_MISMATCH, "multiples of 16");
  g_assert_true (g_file_set_contents (card, text, -1, NULL));
}

static void
test_outside (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CowEngine) engine = cow_engine_get (&self->options, &error);
  g_assert_no_error (error);
  const CowRegion bad[] = { { 0, 0, 0, 10 }, { 128, 0, 5, 5 }, { -10, -10, 10, 10 }, { G_MAXINT - 1, 0, 10, 10 }, { 5, 5, -3, 4 } };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_assert_null (cow_engine_submit (engine, &self->picture, &bad[i], 1, &error));
    g_assert_error (error, COW_ERROR, COW_ERROR_ARGUMENT);
    g_clear_error (&error);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/engine/regions", Fixture, NULL, set_up, test_regions, tear_down);
  g_test_add ("/engine/shared", Fixture, NULL, set_up, test_shared, tear_down);
  g_test_add ("/engine/many-threads", Fixture, NULL, set_up, test_many_threads, tear_down);
  g_test_add ("/engine/cancel", Fixture, NULL, set_up, test_cancel, tear_down);
  g_test_add ("/engine/errors", Fixture, NULL, set_up, test_errors, tear_down);
  g_test_add ("/engine/outside", Fixture, NULL, set_up, test_outside, tear_down);
  return g_test_run ();
}
