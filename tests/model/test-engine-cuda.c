/* SPDX-License-Identifier: MIT */
/* The engine on an emulated GPU: the results of the CPU, a GPU that is full, and one that is lost
 * and comes back. */
#include <dlfcn.h>

#include "model/engine/engine.h"
#include "tests/model/engine-fixture.h"
#include "tests/model/golden.h"

#define DEVICE          "cuda-emulated"
#define N_CLASSES       9
#define COMES_BACK_US   (30 * G_USEC_PER_SEC)
#define GONE_US         (G_USEC_PER_SEC / 2) /* it is tried again after a second */
#define ILLEGAL_ADDRESS "700"

/* Makes the emulator's functions fail: "FUNCTION=CALL:RESULT,...", or NULL. */
static void (*let_fail) (const char *calls);

static CowEngine *
get_engine (EngineFixture *self, const char *device)
{
  g_autoptr (GError) error = NULL;
  CowEngine *engine;
  self->options.device = device;
  engine = cow_engine_get (&self->options, &error);
  g_assert_no_error (error);
  return engine;
}

/* The probabilities of the whole picture, or an error. */
static gboolean
classify (EngineFixture *self, CowEngine *engine, float *probabilities, GError **error)
{
  g_autoptr (CowTicket) ticket = cow_engine_submit (engine, &self->picture, NULL, 1, NULL, error);
  if (!ticket || !cow_ticket_wait (ticket, error))
    return FALSE;
  memcpy (probabilities, cow_ticket_probabilities (ticket, 0), N_CLASSES * sizeof *probabilities);
  return TRUE;
}

static void
assert_close (const float *found, const float *expected, double epsilon)
{
  for (int i = 0; i < N_CLASSES; i++)
    g_assert_cmpfloat_with_epsilon (found[i], expected[i], epsilon);
}

/* The CPU's results; the same bits when the work is recorded and replayed. */
static void
test_results (EngineFixture *self, gconstpointer data)
{
  g_autoptr (CowEngine) cpu = get_engine (self, "cpu"), gpu = get_engine (self, DEVICE);
  g_autoptr (GError) error = NULL;
  float expected[N_CLASSES], found[4][N_CLASSES];
  g_assert_cmpstr (cow_engine_device_text (gpu), ==, DEVICE ":0 (sm_86)");
  classify (self, cpu, expected, &error);
  g_assert_no_error (error);
  for (int i = 0; i < 4; i++) {
    classify (self, gpu, found[i], &error);
    g_assert_no_error (error);
    assert_close (found[i], expected, 1e-5);
    g_assert_cmpmem (found[i], sizeof found[i], found[0], sizeof found[0]);
  }
}

/* Until it works again; the results are those from before. */
static void
assert_comes_back (EngineFixture *self, CowEngine *engine, const float *expected)
{
  const gint64 latest = g_get_monotonic_time () + COMES_BACK_US;
  float found[N_CLASSES];
  g_autoptr (GError) error = NULL;
  while (!classify (self, engine, found, &error)) {
    g_assert_error (error, COW_ERROR, COW_ERROR_DEVICE);
    g_assert_cmpint (g_get_monotonic_time (), <, latest);
    g_clear_error (&error);
    g_usleep (20000);
  }
  g_assert_cmpmem (found, sizeof found, expected, sizeof found);
}

/* data: the call that fails, in the worker or in the thread that submits. */
static void
test_lost (EngineFixture *self, gconstpointer data)
{
  g_autoptr (CowEngine) engine = get_engine (self, DEVICE);
  g_autoptr (GError) error = NULL;
  float expected[N_CLASSES], found[N_CLASSES];
  for (int round = 0; round < 2; round++) {
    classify (self, engine, expected, &error);
    g_assert_no_error (error);
    let_fail (data);
    g_assert_false (classify (self, engine, found, &error));
    let_fail (NULL);
    g_assert_error (error, COW_ERROR, COW_ERROR_DEVICE);
    g_assert_nonnull (strstr (error->message, "CUDA_ERROR_ILLEGAL_ADDRESS"));
    g_clear_error (&error);
    assert_comes_back (self, engine, expected);
  }
}

static void
count_loss (gpointer user_data, const char *failure)
{
  g_assert_nonnull (strstr (failure, "CUDA_ERROR_ILLEGAL_ADDRESS in "));
  g_atomic_int_inc ((gint *)user_data);
}

/* Who listens is told once of each loss, before the GPU comes back; and nothing afterwards. */
static void
test_listener (EngineFixture *self, gconstpointer data)
{
  g_autoptr (CowEngine) engine = get_engine (self, DEVICE);
  g_autoptr (GError) error = NULL;
  float expected[N_CLASSES], found[N_CLASSES];
  gint losses = 0;
  classify (self, engine, expected, &error);
  g_assert_no_error (error);
  cow_engine_listen (engine, count_loss, &losses);
  for (int round = 1; round <= 3; round++) {
    if (round == 3)
      cow_engine_unlisten (engine, &losses);
    let_fail ("cuEventSynchronize=2:" ILLEGAL_ADDRESS);
    g_assert_false (classify (self, engine, found, NULL));
    let_fail (NULL);
    assert_comes_back (self, engine, expected);
    g_assert_cmpint (g_atomic_int_get (&losses), ==, MIN (round, 2));
  }
}

/* Engines that share a GPU lose it together, also one that has nothing to do. */
static void
test_lost_together (EngineFixture *self, gconstpointer data)
{
  g_autoptr (CowEngine) busy = get_engine (self, DEVICE);
  g_autofree char *other_model = golden_path ("plain/fp32");
  EngineFixture other = *self;
  g_autoptr (GError) error = NULL;
  float expected[N_CLASSES], others[N_CLASSES], found[N_CLASSES];
  other.options.model = other_model;
  g_autoptr (CowEngine) idle = get_engine (&other, DEVICE);
  g_assert_true (busy != idle);
  classify (self, busy, expected, &error);
  g_assert_no_error (error);
  classify (&other, idle, others, &error);
  g_assert_no_error (error);
  let_fail ("cuLaunchKernel=1:" ILLEGAL_ADDRESS);
  g_assert_false (classify (self, busy, found, &error));
  let_fail (NULL);
  g_assert_error (error, COW_ERROR, COW_ERROR_DEVICE);
  assert_comes_back (self, busy, expected);
  assert_comes_back (&other, idle, others);
}

/* A camera that goes on whatever happens. */
typedef struct {
  EngineFixture *fixture;
  CowEngine *engine;
  const float *expected;
  gint *stop;
  guint results, failures;
} Camera;

static gpointer
run_camera (gpointer data)
{
  Camera *self = data;
  while (!g_atomic_int_get (self->stop)) {
    g_autoptr (GError) error = NULL;
    float found[N_CLASSES];
    if (classify (self->fixture, self->engine, found, &error)) {
      self->results++;
      g_assert_cmpmem (found, sizeof found, self->expected, sizeof found);
    } else {
      self->failures++;
      g_assert_error (error, COW_ERROR, COW_ERROR_DEVICE);
    }
  }
  return NULL;
}

/* The GPU is lost again and again while cameras submit. */
static void
test_lost_to_cameras (EngineFixture *self, gconstpointer data)
{
  g_autoptr (CowEngine) engine = get_engine (self, DEVICE);
  g_autoptr (GError) error = NULL;
  float expected[N_CLASSES];
  gint stop = FALSE;
  Camera cameras[3];
  GThread *threads[3];
  classify (self, engine, expected, &error);
  g_assert_no_error (error);
  for (int i = 0; i < 3; i++) {
    cameras[i] = (Camera){ self, engine, expected, &stop, 0, 0 };
    threads[i] = g_thread_new ("camera", run_camera, &cameras[i]);
  }
  for (int round = 0; round < 8; round++) {
    g_autofree char *fail = g_strdup_printf ("cuEventSynchronize=%d:" ILLEGAL_ADDRESS, 3 + round);
    let_fail (fail);
    g_usleep (G_USEC_PER_SEC / 4);
  }
  let_fail (NULL);
  assert_comes_back (self, engine, expected);
  g_atomic_int_set (&stop, TRUE);
  for (int i = 0; i < 3; i++) {
    g_thread_join (threads[i]);
    g_assert_cmpuint (cameras[i].results, >, 0);
    g_assert_cmpuint (cameras[i].failures, >, 0);
  }
}

/* An engine that goes while its GPU does not come back. */
static void
test_gone (EngineFixture *self, gconstpointer data)
{
  g_autoptr (CowEngine) engine = get_engine (self, DEVICE);
  g_autoptr (GError) error = NULL;
  float found[N_CLASSES];
  let_fail ("cuEventSynchronize=1:" ILLEGAL_ADDRESS
            ",cuDevicePrimaryCtxRetain=1:46,cuDevicePrimaryCtxRetain=2:46");
  g_assert_false (classify (self, engine, found, &error));
  g_assert_error (error, COW_ERROR, COW_ERROR_DEVICE);
  /* Old results are shown meanwhile, whose classes it still tells. */
  for (gint64 end = g_get_monotonic_time () + GONE_US; g_get_monotonic_time () < end;) {
    g_assert_cmpuint (cow_engine_n_classes (engine), ==, N_CLASSES);
    g_usleep (1000);
  }
  g_clear_pointer (&engine, cow_engine_unref);
  let_fail (NULL);
  engine = get_engine (self, DEVICE);
  g_clear_error (&error);
  classify (self, engine, found, &error);
  g_assert_no_error (error);
}

static void
assert_refused (EngineFixture *self, int code, const char *text)
{
  g_autoptr (GError) error = NULL;
  self->options.device = DEVICE;
  g_assert_null (cow_engine_get (&self->options, &error));
  g_assert_error (error, COW_ERROR, code);
  if (!strstr (error->message, text))
    g_error ("\"%s\" does not say \"%s\"", error->message, text);
}

/* What cannot be opened says why, and what does not fit says how much there is. */
static void
test_refused (EngineFixture *self, gconstpointer data)
{
  let_fail ("cuInit=1:100,cuInit=2:100,cuInit=3:100,cuInit=4:100");
  assert_refused (self, COW_ERROR_ARGUMENT,
                  "device \"" DEVICE "\": the NVIDIA driver finds no GPU");
  let_fail (NULL);
  g_setenv ("COW_CUDA_MEMORY", "20000", TRUE);
  assert_refused (self, COW_ERROR_MEMORY, "of 0.00 GiB are free");
  g_unsetenv ("COW_CUDA_MEMORY");
}

int
main (int argc, char **argv)
{
  const char *path = g_getenv ("COWBEHAVIOR_CUDA_ON_CPU");
  void *library = path ? dlopen (path, RTLD_NOW | RTLD_LOCAL) : NULL;
  void *symbol = library ? dlsym (library, "cow_cuda_on_cpu_fail") : NULL;
  g_test_init (&argc, &argv, NULL);
  if (!symbol)
    g_error ("COWBEHAVIOR_CUDA_ON_CPU names no library");
  memcpy (&let_fail, &symbol, sizeof symbol);
#define ADD(name, function, data)                                                                  \
  g_test_add ("/engine-cuda/" name, EngineFixture, data, engine_fixture_set_up, function,          \
              engine_fixture_tear_down)
  ADD ("results", test_results, NULL);
  ADD ("lost/worker", test_lost, "cuEventSynchronize=2:" ILLEGAL_ADDRESS);
  ADD ("lost/submission", test_lost, "cuEventSynchronize=1:" ILLEGAL_ADDRESS);
  ADD ("lost/listener", test_listener, NULL);
  ADD ("lost/together", test_lost_together, NULL);
  ADD ("lost/cameras", test_lost_to_cameras, NULL);
  ADD ("lost/gone", test_gone, NULL);
  ADD ("refused", test_refused, NULL);
#undef ADD
  return g_test_run ();
}
