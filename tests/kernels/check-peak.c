/* SPDX-License-Identifier: MIT */
/* ck_peak: a loop that is really run, and that no product outruns. */
#include "tests/kernels/harness.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 20000, EMULATED_ROUNDS = 40, TRIES = 7, ROWS = 96, SIZE = 512 };

/* The seconds of the fastest of a few tries of an operation. */
static double
fastest (CkStream *stream, CkStatus (*run) (CkStream *stream, void *data), void *data)
{
  double best = 1e9;

  for (int i = 0; i < TRIES; i++) {
    struct timespec from, to;
    double seconds;

    clock_gettime (CLOCK_MONOTONIC, &from);
    CHECK (run (stream, data) == CK_OK && ck_synchronize (stream) == CK_OK);
    clock_gettime (CLOCK_MONOTONIC, &to);
    seconds = (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
    best = seconds < best ? seconds : best;
  }
  return best;
}

typedef struct {
  int64_t rounds;
  CkType type;
  double operations;
} Peak;

static CkStatus
run_peak (CkStream *stream, void *data)
{
  Peak *peak = data;

  return ck_peak (stream, peak->type, peak->rounds, &peak->operations);
}

static CkStatus
run_linear (CkStream *stream, void *data)
{
  return stream->operations->linear (stream, data);
}

/* Operations a second of a plain linear layer. */
static double
linear_rate (CkStream *stream)
{
  float *w = floats_filled (SIZE * SIZE, FILL_RANDOM),
        *x = floats_filled (ROWS * SIZE, FILL_RANDOM), *y = floats_new (ROWS * SIZE);
  const CkWeightSource source = { .type = CK_F32, .out = SIZE, .in = SIZE, .host_data = w };
  CkLinear op = { .rows = ROWS, .x = ck_f32 (D (x)), .y = ck_f32 (D (y)) };
  double seconds;

  op.weight = weight_on_device (stream, &source, false);
  seconds = fastest (stream, run_linear, &op);
  settle (stream);
  floats_free (w, SIZE * SIZE);
  floats_free (x, ROWS * SIZE);
  floats_free (y, ROWS * SIZE);
  return 2.0 * ROWS * SIZE * SIZE / seconds;
}

/* The device has a peak for each type that its linear layers multiply, and for no other; plain C
 * only for fp32. */
static void
check_types (CkStream *stream)
{
  const bool plain = strcmp (stream->device->features, "c") == 0;

  for (int i = 0; i < N_LINEAR_PRODUCTS; i++) {
    double operations = 0;
    const CkStatus status = ck_peak (stream, product_types[i], 1, &operations);
    const bool expected = has_products (stream, all_products[i]) && (i == 0 || !plain);

    CHECK (expected ? status == CK_OK && operations > 0 : status == CK_UNSUPPORTED);
  }
  CHECK (ck_synchronize (stream) == CK_OK);
}

void
check_peak (CkStream *stream)
{
  /* An emulator's times say nothing (tests/aarch64.sh). */
  const bool on_emulated = is_emulated_gpu (stream->device->name),
             is_timed = !on_emulated && getenv ("COW_EMULATED") == NULL;
  const int64_t rounds = on_emulated ? EMULATED_ROUNDS : ROUNDS;
  Peak few = { rounds, CK_F32, 0 }, many = { 8 * rounds, CK_F32, 0 };
  double few_seconds, many_seconds, none;

  case_begin ();
  few_seconds = fastest (stream, run_peak, &few);
  many_seconds = fastest (stream, run_peak, &many);
  CHECK (few.operations > 0 && many.operations == 8 * few.operations);
  check_types (stream);
  CHECK (!is_timed || many_seconds > 3 * few_seconds);
  /* Several threads may never have the processors for themselves. */
  if (is_timed && stream->device->threads == 1)
    CHECK (linear_rate (stream) < 1.1 * many.operations / many_seconds);
  CHECK (ck_peak (stream, CK_NF4, 1, &none) == CK_UNSUPPORTED);
  CHECK (ck_peak (stream, CK_F32, -1, &none) == CK_BAD_SHAPE);
  CHECK (ck_peak (stream, CK_F32, 0, &none) == CK_OK && none == 0);
  case_end ("peak", stream_name (stream));
}
