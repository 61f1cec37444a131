/* SPDX-License-Identifier: MIT */
/* What the engine puts into one forward pass, who waits for whom, what it counts, and how it fails.
 */
#include <gio/gio.h>

#include "tests/model/engine-fixture.h"

static CowEngine *
engine_new (EngineFixture *self)
{
  g_autoptr (GError) error = NULL;
  CowEngine *engine = cow_engine_get (&self->options, &error);
  g_assert_no_error (error);
  return engine;
}

static CowTicket *
submit (EngineFixture *self, CowEngine *engine, guint n, const CowSubmission *how)
{
  g_autoptr (GError) error = NULL;
  CowRegion regions[COW_ENGINE_MAX_REGIONS];
  for (guint i = 0; i < n; i++)
    regions[i] = (CowRegion){ (int)i, (int)i / 2, 30, 40 };
  CowTicket *ticket = cow_engine_submit (engine, &self->picture, regions, n, how, &error);
  g_assert_no_error (error);
  return ticket;
}

static void
finish (CowTicket *ticket)
{
  g_autoptr (GError) error = NULL;
  cow_ticket_wait (ticket, &error);
  g_assert_no_error (error);
  cow_ticket_unref (ticket);
}

/* What is counted is counted before the tickets are done. */
static CowEngineCounters
counters_of (CowEngine *engine)
{
  CowEngineCounters counters;
  cow_engine_get_counters (engine, &counters);
  return counters;
}

/* Four cameras with one picture each, who would wait for a minute, make one batch: it starts when
 * it is full. */
static void
test_fills (EngineFixture *self, gconstpointer data)
{
  g_autoptr (CowEngine) engine = engine_new (self);
  CowTicket *tickets[4];
  for (guint i = 0; i < 4; i++) {
    g_assert_cmpuint (cow_engine_n_waiting (engine), ==, i);
    tickets[i] =
        submit (self, engine, 1,
                &(CowSubmission){ .client = &tickets[i], .batch = 4, .timeout_ms = 60000 });
  }
  for (guint i = 0; i < 4; i++)
    finish (tickets[i]);
  const CowEngineCounters counters = counters_of (engine);
  g_assert_cmpuint (counters.batches, ==, 1);
  g_assert_cmpuint (counters.pictures, ==, 4);
  g_assert_cmpuint (counters.fill[4], ==, 1);
  g_assert_cmpuint (counters.mixed, ==, 1);
  g_assert_cmpuint (counters.failures, ==, 0);
  g_assert_cmpint (counters.busy_ns, >, 0);
  g_assert_cmpint (counters.p50_ns, ==, counters.p99_ns);
  g_assert_cmpint (counters.p50_ns, ==, counters.busy_ns);
}

/* A batch that nobody fills starts when its time is over. */
static void
test_timeout (EngineFixture *self, gconstpointer data)
{
  g_autoptr (CowEngine) engine = engine_new (self);
  finish (submit (self, engine, 3, &(CowSubmission){ .batch = 8, .timeout_ms = 20 }));
  g_assert_cmpuint (counters_of (engine).fill[3], ==, 1);
  g_assert_cmpuint (counters_of (engine).mixed, ==, 0);
}

/* Nor does it wait when it is told that nobody comes. */
static void
test_hurry (EngineFixture *self, gconstpointer data)
{
  g_autoptr (CowEngine) engine = engine_new (self);
  CowTicket *ticket = submit (self, engine, 3, &(CowSubmission){ .batch = 8, .timeout_ms = 60000 });
  cow_engine_flush (engine, ticket);
  finish (ticket);
  g_assert_cmpuint (counters_of (engine).fill[3], ==, 1);
}

/* The patience of one is not forced on another, who takes the first along. */
static void
test_impatient (EngineFixture *self, gconstpointer data)
{
  g_autoptr (CowEngine) engine = engine_new (self);
  CowTicket *patient =
      submit (self, engine, 1, &(CowSubmission){ .client = self, .batch = 8, .timeout_ms = 60000 });
  g_assert_false (cow_ticket_is_taken (patient));
  finish (submit (self, engine, 1, NULL));
  finish (patient);
  g_assert_cmpuint (counters_of (engine).fill[2], ==, 1);
  g_assert_cmpuint (counters_of (engine).mixed, ==, 1);
}

/* Sizes that callers ask for: one at a time, and more than the engine takes of its own accord. */
static void
test_sizes (EngineFixture *self, gconstpointer data)
{
  g_autoptr (CowEngine) engine = engine_new (self);
  finish (submit (self, engine, 3, &(CowSubmission){ .batch = 1 }));
  g_assert_cmpuint (counters_of (engine).fill[1], ==, 3);
  finish (submit (self, engine, 20, &(CowSubmission){ .batch = 20 }));
  g_assert_cmpuint (counters_of (engine).fill[20], ==, 1);
  finish (submit (self, engine, 20, NULL));
  g_assert_cmpuint (counters_of (engine).fill[COW_ENGINE_BATCH], ==, 2);
  g_assert_cmpuint (counters_of (engine).fill[4], ==, 1);
  finish (submit (self, engine, 2, &(CowSubmission){ .batch = G_MAXUINT }));
  g_assert_cmpuint (counters_of (engine).pictures, ==, 45);

  /* who wants to be alone is not put into another's batch, nor others into its own */
  CowTicket *large = submit (self, engine, 1, &(CowSubmission){ .batch = 2, .timeout_ms = 60000 });
  finish (submit (self, engine, 1, &(CowSubmission){ .batch = 1 }));
  finish (large);
  g_assert_cmpuint (counters_of (engine).fill[1], ==, 5);
}

/* A ticket of many pictures lets others pass between its batches; one that was cancelled while it
 * waited is never computed. */
static void
test_turns (EngineFixture *self, gconstpointer data)
{
  /* Longer than a busy machine takes to prepare 95 pictures. */
  g_setenv ("COW_TEST_ENGINE_DELAY_MS", "400", TRUE);
  g_autoptr (CowEngine) engine = engine_new (self);
  g_unsetenv ("COW_TEST_ENGINE_DELAY_MS");
  CowTicket *first = submit (self, engine, 1, &(CowSubmission){ .batch = 1 });
  while (!cow_ticket_is_taken (first))
    g_usleep (1000);
  CowTicket *crowd = submit (self, engine, 64, NULL), *gone = submit (self, engine, 30, NULL),
            *one = submit (self, engine, 1, NULL);
  g_assert_cmpuint (cow_engine_n_waiting (engine), ==, 95);
  cow_ticket_cancel (gone);
  finish (first);
  finish (one);
  g_assert_false (cow_ticket_is_done (crowd));
  finish (crowd);
  cow_ticket_unref (gone);
  g_assert_cmpuint (counters_of (engine).pictures, ==, 66);
  g_assert_cmpuint (cow_engine_n_waiting (engine), ==, 0);
}

/* A forward pass that fails, fails its own tickets and no later one. */
static void
test_failure (EngineFixture *self, gconstpointer data)
{
  g_setenv ("COW_TEST_ENGINE_FAIL", "2-3", TRUE);
  g_autoptr (CowEngine) engine = engine_new (self);
  g_unsetenv ("COW_TEST_ENGINE_FAIL");
  for (guint i = 1; i <= 4; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (CowTicket) ticket = submit (self, engine, 2, NULL);
    g_assert_cmpint (cow_ticket_wait (ticket, &error), ==, i == 1 || i == 4);
    if (i == 2 || i == 3)
      g_assert_error (error, COW_ERROR, COW_ERROR_DEVICE);
  }
  g_assert_cmpuint (counters_of (engine).failures, ==, 2);
  g_assert_cmpuint (counters_of (engine).batches, ==, 4);
}

/* Tickets are used again, and outlive their engine: a done one keeps its results, and one that
 * waits fails. */
static void
test_outlives (EngineFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  CowEngine *engine = engine_new (self);
  finish (submit (self, engine, 5, NULL));
  CowTicket *done = submit (self, engine, 2, NULL);
  g_assert_cmpuint (cow_ticket_n_regions (done), ==, 2);
  g_assert_true (cow_ticket_wait (done, NULL));
  const float first = cow_ticket_probabilities (done, 1)[0];
  finish (submit (self, engine, 4, NULL)); /* in another ticket's memory */
  CowTicket *waiting =
      submit (self, engine, 1, &(CowSubmission){ .batch = 8, .timeout_ms = 60000 });
  cow_engine_unref (engine);
  g_assert_false (cow_ticket_wait (waiting, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (cow_ticket_wait (done, NULL));
  g_assert_cmpfloat (cow_ticket_probabilities (done, 1)[0], ==, first);
  cow_ticket_unref (waiting);
  cow_ticket_unref (done);
}

static void
add (const char *path, void (*test) (EngineFixture *self, gconstpointer data))
{
  g_test_add (path, EngineFixture, NULL, engine_fixture_set_up, test, engine_fixture_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/engine-batches/fills", test_fills);
  add ("/engine-batches/timeout", test_timeout);
  add ("/engine-batches/hurry", test_hurry);
  add ("/engine-batches/impatient", test_impatient);
  add ("/engine-batches/sizes", test_sizes);
  add ("/engine-batches/turns", test_turns);
  add ("/engine-batches/failure", test_failure);
  add ("/engine-batches/outlives", test_outlives);
  return g_test_run ();
}
