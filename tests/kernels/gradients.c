/* SPDX-License-Identifier: MIT */
/* See gradients.h. */
#include "tests/kernels/gradients.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP      0x1p-12f /* of differences */
#define MAX_TEAMS 16

/* One thread first: the others' bits are compared with it. 7 divides nothing evenly. */
static const int team_sizes[] = { 1, 2, 7 };
enum { N_SIZES = sizeof team_sizes / sizeof *team_sizes };

static struct {
  CkStream *stream;
  int threads;
  int alone; /* the team of one thread whose bits it gives */
} teams[MAX_TEAMS];
static int n_teams;

static void
add_team (const char *device, const char *level, int threads, int alone)
{
  if (n_teams == MAX_TEAMS) {
    printf ("Bail out! too many teams\n");
    exit (EXIT_FAILURE);
  }
  teams[n_teams].stream = stream_open (device, level, threads);
  teams[n_teams].threads = threads;
  teams[n_teams++].alone = alone;
}

void
teams_open (const char *only)
{
  const char *const *levels = ck_cpu_levels ();
  const char *last = "c";
  int alone = 0;

  if (only != NULL && is_gpu (only)) {
    add_team ("cpu", "c", 1, 0);
    add_team (only, "auto", 0, 1); /* whose bits are its own */
    return;
  }
  for (int i = 0; levels[i] != NULL; i++) {
    if (i > 0 && only != NULL && strcmp (levels[i], only) != 0)
      continue;
    alone = n_teams;
    last = levels[i];
    for (int size = 0; size < N_SIZES; size++)
      add_team ("cpu", levels[i], team_sizes[size], alone);
  }
  add_team ("test", last, 2, alone);
}

void
teams_close (void)
{
  for (int i = 0; i < n_teams; i++)
    stream_close (teams[i].stream);
}

CkStream *
team (int i)
{
  return i < n_teams ? teams[i].stream : NULL;
}

/* ---- differences ----------------------------------------------------------------------------- */

/* How fast the loss grows with input[i], over `step` to either side. */
static double
difference (const Test *test, float *input, int64_t i, float step)
{
  const float middle = input[i], high = middle + step, low = middle - step;
  double above, below;

  input[i] = high;
  above = test->loss (test->data);
  input[i] = low;
  below = test->loss (test->data);
  input[i] = middle;
  return (above - below) / ((double)high - low);
}

/* What `output` should hold. Richardson: two steps' errors, of the third derivative, cancel. */
static double *
differences (const Test *test, const Output *output)
{
  double *want = malloc ((size_t)output->n * sizeof *want + 1);

  for (int64_t i = 0; i < output->n; i++)
    want[i] = (4 * difference (test, output->input, i, STEP) -
               difference (test, output->input, i, 2 * STEP)) /
                  3 +
              (output->before != NULL ? output->before[i] : 0);
  return want;
}

/* A random direction in the space of an input, and how much the loss grows along it. */
typedef struct {
  double *steps; /* [n] */
  double growth;
} Direction;

static Direction
direction_new (const Test *test, const Output *output)
{
  Direction direction = { .steps = malloc ((size_t)output->n * sizeof (double) + 1) };
  float *middle = floats_copy (output->input, output->n),
        *step = floats_filled (output->n, FILL_RANDOM);

  for (int64_t i = 0; i < output->n; i++)
    output->input[i] = middle[i] + STEP * step[i];
  direction.growth = test->loss (test->data);
  for (int64_t i = 0; i < output->n; i++) {
    direction.steps[i] = output->input[i];
    output->input[i] = middle[i] - STEP * step[i];
    direction.steps[i] -= output->input[i];
  }
  direction.growth -= test->loss (test->data);
  memcpy (output->input, middle, (size_t)output->n * sizeof *middle);
  floats_free (middle, output->n);
  floats_free (step, output->n);
  return direction;
}

/* The gradient's errors in different elements are independent, so they are compared with the root
 * of the sum of squares. */
static void
check_along (const Direction *direction, const char *what, const Output *output, const float *got)
{
  double growth = 0, squares = 0;

  for (int64_t i = 0; i < output->n; i++) {
    const double term =
        (got[i] - (output->before != NULL ? (double)output->before[i] : 0)) * direction->steps[i];
    growth += term;
    squares += term * term;
  }
  if (!(fabs (growth - direction->growth) <= output->limit * sqrt (squares)))
    fail ("%s: %.9g along a direction in which the loss grows by %.9g: off by %.2g, limit %.2g",
          what, growth, direction->growth, fabs (growth - direction->growth) / sqrt (squares),
          output->limit);
}

/* ---- a test ---------------------------------------------------------------------------------- */

/* What an output is compared with: one of these. */
typedef struct {
  const double *want;
  double *made; /* `want` where it was made here */
  Direction direction;
  double magnitude;
} Expected;

static Expected
expect (const Test *test, const Output *output)
{
  Expected e = { .want = output->want };

  if (output->input != NULL && test->each)
    e.want = e.made = differences (test, output);
  else if (output->input != NULL)
    e.direction = direction_new (test, output);
  e.magnitude = output->magnitude;
  if (e.want != NULL && !(e.magnitude > 0))
    e.magnitude = fmax (largest (e.want, output->n), 1e-30);
  return e;
}

static double
largest_float (const float *values, int64_t n)
{
  double result = 1e-30;

  for (int64_t i = 0; i < n; i++)
    result = fmax (result, fabsf (values[i]));
  return result;
}

/* One output of one team; `plain` is that of level "c", `alone` that of this level's team of one.
 */
static void
check_output (const Test *test, const Output *output, const Expected *expected, int t,
              const float *got, const float *plain, const float *alone)
{
  char what[256];

  snprintf (what, sizeof what, "%s, %s, %s, %d threads", test->what, output->name,
            stream_name (teams[t].stream), teams[t].threads);
  if (expected->want != NULL)
    compare (what, got, expected->want, output->n, output->limit, expected->magnitude);
  else if (expected->direction.steps != NULL)
    check_along (&expected->direction, what, output, got);
  compare_floats (what, got, plain, output->n, 2 * output->limit,
                  expected->magnitude > 0 ? expected->magnitude : largest_float (plain, output->n));
  if ((test->exact & 1 << (output - test->outputs)) != 0 &&
      memcmp (got, plain, (size_t)output->n * sizeof *got) != 0)
    fail ("%s: not the bits of level c", what);
  if (memcmp (got, alone, (size_t)output->n * sizeof *got) != 0)
    fail ("%s: not the bits of one thread", what);
}

static bool
runs (const Test *test, int t)
{
  return is_affordable (teams[t].stream, test->multiply_adds) &&
         has_products (teams[t].stream, test->products);
}

/* Whether a GPU is tested that does not run this; level "c" alone is no test of it. */
static bool
is_for_others (const Test *test)
{
  return n_teams == 2 && is_gpu (teams[1].stream->device->name) && !runs (test, 1);
}

void
check (Test *test)
{
  Expected expected[MAX_OUTPUTS];
  float *got[MAX_TEAMS][MAX_OUTPUTS];

  if (is_for_others (test))
    return;
  for (int o = 0; o < test->n_outputs; o++)
    expected[o] = expect (test, &test->outputs[o]);
  for (int t = 0; t < n_teams; t++) {
    CkStatus status;

    for (int o = 0; o < test->n_outputs; o++) {
      const Output *output = &test->outputs[o];
      got[t][o] =
          output->before != NULL ? floats_copy (output->before, output->n) : floats_new (output->n);
    }
    if (!runs (test, t))
      continue;
    status = settled (teams[t].stream, test->run (teams[t].stream, test->data, got[t]));
    if (status != CK_OK)
      fail ("%s: %s", test->what, ck_status_text (status));
    for (int o = 0; o < test->n_outputs && status == CK_OK; o++)
      check_output (test, &test->outputs[o], &expected[o], t, got[t][o], got[0][o],
                    got[teams[t].alone][o]);
  }
  for (int o = 0; o < test->n_outputs; o++) {
    for (int t = 0; t < n_teams; t++)
      floats_free (got[t][o], test->outputs[o].n);
    free (expected[o].made);
    free (expected[o].direction.steps);
  }
}

/* ---- data ------------------------------------------------------------------------------------ */

static float *
keep (Arena *arena, float *floats, int64_t n)
{
  if (arena->count == ARENA_MAX) {
    printf ("Bail out! an arena of the tests is too small\n");
    exit (EXIT_FAILURE);
  }
  arena->n[arena->count] = n;
  return arena->floats[arena->count++] = floats;
}

float *
arena_floats (Arena *arena, int64_t n, Fill fill)
{
  return keep (arena, floats_filled (n, fill), n);
}

float *
arena_rounded (Arena *arena, const double *values, int64_t n)
{
  float *floats = keep (arena, floats_new (n), n);

  for (int64_t i = 0; i < n; i++)
    floats[i] = (float)values[i];
  return floats;
}

void
arena_clear (Arena *arena)
{
  for (int i = 0; i < arena->count; i++)
    floats_free (arena->floats[i], arena->n[i]);
  arena->count = 0;
}

/* ---- random numbers -------------------------------------------------------------------------- */

void
reference_philox (const uint32_t counter[4], const uint32_t key[2], uint32_t words[4])
{
  uint32_t k[2] = { key[0], key[1] };

  memcpy (words, counter, 4 * sizeof *words);
  for (int round = 0; round < 10; round++) {
    const uint64_t a = UINT64_C (0xd2511f53) * words[0], b = UINT64_C (0xcd9e8d57) * words[2];
    const uint32_t next[4] = { (uint32_t)(b >> 32) ^ words[1] ^ k[0], (uint32_t)b,
                               (uint32_t)(a >> 32) ^ words[3] ^ k[1], (uint32_t)a };

    memcpy (words, next, sizeof next);
    k[0] += 0x9e3779b9;
    k[1] += 0xbb67ae85;
  }
}

double
reference_unit (uint64_t key, int64_t element)
{
  const uint64_t at = (uint64_t)element / 4;
  const uint32_t counter[4] = { (uint32_t)at, (uint32_t)(at >> 32), 0, 0 },
                 halves[2] = { (uint32_t)key, (uint32_t)(key >> 32) };
  uint32_t words[4];

  reference_philox (counter, halves, words);
  return ldexp (words[element % 4] >> 8, -24);
}
