/* SPDX-License-Identifier: MIT */
/* Activations, the gated MLP's gate, the scaled residual, dropout, and what moves or fills rows. */
#include "tests/kernels/gradients.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 1e-6

/* Fewer than a vector, a vector and a bit, more than a task. */
static const int64_t lengths[] = { 1, 7, 8, 17, 300, 4095, 9001 };
enum { N_LENGTHS = sizeof lengths / sizeof *lengths };

static double
activate (CkActivation activation, double t)
{
  return activation == CK_GELU   ? t * erfc (-t / sqrt (2)) / 2
         : activation == CK_SILU ? t / (1 + exp (-t))
         : activation == CK_RELU ? fmax (t, 0)
                                 : t;
}

/* By differences in double precision; ReLU's at 0 is 0. */
static double
slope (CkActivation activation, double t)
{
  const double h = 1e-5;
  return activation == CK_RELU
             ? t > 0
             : (activate (activation, t + h) - activate (activation, t - h)) / (2 * h);
}

/* ---- activations and gate -------------------------------------------------------------------- */

typedef struct {
  int64_t n;
  CkActivation activation;
  float *x, *up, *dy;
  int in_place; /* of the backward: 0 not, 1 in dy, 2 in x or the gate, 3 in both inputs of the gate
                 */
} Elements;

/* Outputs: y, y in place, dx. */
static CkStatus
run_activate (CkStream *stream, const void *data, float *const *outputs)
{
  const Elements *e = data;
  const float *x = e->x, *dy = e->dy;
  CkStatus status =
      stream->operations->activate (stream, e->activation, e->n, D (x), D (outputs[0]));

  if (status == CK_OK)
    status =
        stream->operations->activate (stream, e->activation, e->n, D (outputs[1]), D (outputs[1]));
  if (e->in_place > 0) {
    memcpy (outputs[2], e->in_place == 1 ? dy : x, (size_t)e->n * sizeof (float));
    *(e->in_place == 1 ? &dy : &x) = outputs[2];
  }
  return status == CK_OK ? stream->training->activate_backward (stream, e->activation, e->n, D (x),
                                                                D (dy), D (outputs[2]))
                         : status;
}

static void
check_activate_one (int64_t n, CkActivation activation, int in_place)
{
  Arena a = { 0 };
  Elements e = { .n = n,
                 .activation = activation,
                 .x = arena_floats (&a, n, FILL_RANDOM),
                 .dy = arena_floats (&a, n, FILL_RANDOM) };
  double *y = malloc ((size_t)n * sizeof *y), *dx = malloc ((size_t)n * sizeof *dx);
  Test test = { .data = &e, .run = run_activate, .n_outputs = 3 };

  e.in_place = in_place;
  for (int64_t i = 0; i < n; i++) {
    e.x[i] *= i % 3 == 0 ? 30 : i % 3 == 1 ? 5 : 1e-4f;
    if (i % 50 == 8)
      e.x[i] = i % 100 == 8 ? 0 : -0.0f;
    if (i % 50 == 9)
      e.x[i] = i % 100 == 9 ? EXTREME : -EXTREME;
    y[i] = activate (activation, e.x[i]);
    dx[i] = e.dy[i] * slope (activation, e.x[i]);
  }
  test.outputs[0] = (Output){ "y", n, NULL, NULL, y, LIMIT, 5 };
  test.outputs[1] = (Output){ "y in place", n, e.x, NULL, y, LIMIT, 5 };
  test.outputs[2] = (Output){ "dx", n, NULL, NULL, dx, LIMIT, 1 };
  snprintf (test.what, sizeof test.what, "n %lld activation %d in place %d", (long long)n,
            activation, in_place);
  check (&test);
  free (y);
  free (dx);
  arena_clear (&a);
}

void
check_activate (void)
{
  case_begin ();
  for (int i = 0; i < N_LENGTHS; i++)
    for (int activation = CK_IDENTITY; activation <= CK_RELU; activation++)
      for (int in_place = 0; in_place < 3; in_place++)
        check_activate_one (lengths[i], (CkActivation)activation, in_place);
  case_end ("activate", "all");
}

/* Outputs: y, dgate, dup. */
static CkStatus
run_gate (CkStream *stream, const void *data, float *const *outputs)
{
  const Elements *e = data;
  const size_t bytes = (size_t)e->n * sizeof (float);
  const float *gate = e->x, *up = e->up, *dy = e->dy;
  CkStatus status = stream->training->gate (stream, e->n, D (gate), D (up), D (outputs[0]));

  if (e->in_place == 1)
    dy = memcpy (outputs[2], dy, bytes);
  if (e->in_place >= 2)
    gate = memcpy (outputs[1], gate, bytes);
  if (e->in_place == 3)
    up = memcpy (outputs[2], up, bytes);
  return status == CK_OK ? stream->training->gate_backward (stream, e->n, D (gate), D (up), D (dy),
                                                            D (outputs[1]), D (outputs[2]))
                         : status;
}

static void
check_gate_one (int64_t n, int in_place)
{
  Arena a = { 0 };
  Elements e = { .n = n,
                 .x = arena_floats (&a, n, FILL_RANDOM),
                 .up = arena_floats (&a, n, FILL_RANDOM),
                 .dy = arena_floats (&a, n, FILL_RANDOM),
                 .in_place = in_place };
  double *want = malloc ((size_t)(3 * n) * sizeof *want);
  Test test = { .data = &e, .run = run_gate, .n_outputs = 3 };

  for (int64_t i = 0; i < n; i++) {
    e.x[i] *= 6;
    want[i] = activate (CK_SILU, e.x[i]) * e.up[i];
    want[n + i] = slope (CK_SILU, e.x[i]) * e.up[i] * e.dy[i];
    want[2 * n + i] = activate (CK_SILU, e.x[i]) * e.dy[i];
  }
  test.outputs[0] = (Output){ "y", n, NULL, NULL, want, LIMIT, 1 };
  test.outputs[1] = (Output){ "dgate", n, NULL, NULL, want + n, LIMIT, 1 };
  test.outputs[2] = (Output){ "dup", n, NULL, NULL, want + 2 * n, LIMIT, 1 };
  snprintf (test.what, sizeof test.what, "n %lld in place %d", (long long)n, in_place);
  check (&test);
  free (want);
  arena_clear (&a);
}

void
check_gate (void)
{
  case_begin ();
  for (int i = 0; i < N_LENGTHS; i++)
    for (int in_place = 0; in_place < 4; in_place++)
      check_gate_one (lengths[i], in_place);
  case_end ("gate", "all");
}

/* ---- scaled residual ------------------------------------------------------------------------- */

typedef struct {
  int64_t rows, cols;
  float *y, *scale, *dx;
  bool in_place;
} Residual;

/* Outputs: x, dy, dscale if there is a scale. */
static CkStatus
run_add_scaled (CkStream *stream, const void *data, float *const *outputs)
{
  const Residual *r = data;
  const float *y = r->y;
  CkStatus status =
      stream->training->add_scaled (stream, r->rows, r->cols, D (y), D (r->scale), D (outputs[0]));

  if (r->in_place)
    y = memcpy (outputs[1], y, (size_t)(r->rows * r->cols) * sizeof (float));
  if (status != CK_OK)
    return status;
  return stream->training->add_scaled_backward (stream, r->rows, r->cols, D (r->dx), D (y),
                                                D (r->scale), D (outputs[1]),
                                                r->scale != NULL ? D (outputs[2]) : NULL);
}

static void
check_add_scaled_one (int64_t rows, int64_t cols, bool scaled, bool in_place)
{
  const int64_t n = rows * cols;
  Arena a = { 0 };
  Residual r = { .rows = rows,
                 .cols = cols,
                 .y = arena_floats (&a, n, FILL_RANDOM),
                 .scale = scaled ? arena_floats (&a, cols, FILL_RANDOM) : NULL,
                 .dx = arena_floats (&a, n, FILL_RANDOM),
                 .in_place = in_place };
  float *x = arena_floats (&a, n, FILL_RANDOM), *dscale = arena_floats (&a, cols, FILL_RANDOM);
  double *want = malloc ((size_t)(2 * n + cols) * sizeof *want);
  Test test = { .data = &r, .run = run_add_scaled, .n_outputs = scaled ? 3 : 2 };

  for (int64_t i = 0; i < cols; i++)
    want[2 * n + i] = dscale[i];
  for (int64_t i = 0; i < n; i++) {
    const double scale = scaled ? r.scale[i % cols] : 1;

    want[i] = x[i] + scale * r.y[i];
    want[n + i] = scale * r.dx[i];
    want[2 * n + i % cols] += (double)r.dx[i] * r.y[i];
  }
  test.outputs[0] = (Output){ "x", n, x, NULL, want, LIMIT, 1 };
  test.outputs[1] = (Output){ "dy", n, NULL, NULL, want + n, LIMIT, 1 };
  test.outputs[2] = (Output){ "dscale", cols, dscale, NULL, want + 2 * n, LIMIT, 0 };
  snprintf (test.what, sizeof test.what, "rows %lld cols %lld scaled %d in place %d",
            (long long)rows, (long long)cols, scaled, in_place);
  check (&test);
  free (want);
  arena_clear (&a);
}

void
check_add_scaled (void)
{
  static const int64_t shapes[][2] = { { 1, 1 }, { 3, 7 }, { 200, 65 }, { 5, 384 } };

  case_begin ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int kind = 0; kind < 4; kind++)
      check_add_scaled_one (shapes[s][0], shapes[s][1], kind % 2 != 0, kind / 2 != 0);
  case_end ("add-scaled", "all");
}

/* ---- dropout --------------------------------------------------------------------------------- */

/* The answers that Random123 publishes. */
static void
check_philox (void)
{
  static const uint32_t known[][10] = {
    { 0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 },
    { ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd },
    { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
      0x94fdcceb, 0x5001e420, 0x24126ea1 },
  };

  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    uint32_t words[4];

    reference_philox (known[i], known[i] + 4, words);
    CHECK (memcmp (words, known[i] + 6, sizeof words) == 0);
  }
}

typedef struct {
  int64_t n;
  uint64_t key;
  float p;
  float *x;
} Dropout;

/* Outputs: y, y in place. */
static CkStatus
run_dropout (CkStream *stream, const void *data, float *const *outputs)
{
  const Dropout *d = data;
  const uint64_t *key = D_BYTES (&d->key, sizeof d->key);
  const CkStatus status =
      stream->training->dropout (stream, key, d->p, d->n, D (d->x), D (outputs[0]));

  return status == CK_OK
             ? stream->training->dropout (stream, key, d->p, d->n, D (outputs[1]), D (outputs[1]))
             : status;
}

static void
check_dropout_one (int64_t n, uint64_t key, float p)
{
  Arena a = { 0 };
  Dropout d = { n, key, p, arena_floats (&a, n, FILL_RANDOM) };
  double *want = malloc ((size_t)n * sizeof *want);
  int64_t kept = 0;
  Test test = { .data = &d, .run = run_dropout, .n_outputs = 2 };

  for (int64_t i = 0; i < n; i++) {
    const bool keep = reference_unit (key, i) >= p;

    want[i] = keep ? d.x[i] * (1 / (1 - p)) : 0; /* in fp32: exact */
    kept += keep;
  }
  if (n > 5000 && !(fabs ((double)kept / (double)n - (1 - (double)p)) < 0.02))
    fail ("of %lld elements %lld are kept at p %g", (long long)n, (long long)kept, p);
  test.outputs[0] = (Output){ "y", n, NULL, NULL, want, 0, 0 };
  test.outputs[1] = (Output){ "y in place", n, d.x, NULL, want, 0, 0 };
  snprintf (test.what, sizeof test.what, "n %lld key %llx p %g", (long long)n,
            (unsigned long long)key, p);
  check (&test);
  free (want);
  arena_clear (&a);
}

void
check_dropout (void)
{
  case_begin ();
  check_philox ();
  for (int i = 0; i < N_LENGTHS; i++) {
    check_dropout_one (lengths[i], 0, 0);
    check_dropout_one (lengths[i], 1, 0.1f);
    check_dropout_one (lengths[i], 0xfedcba9876543210, 0.5f);
    check_dropout_one (lengths[i], 77, 1);
  }
  case_end ("dropout", "all");
}

/* ---- rows ------------------------------------------------------------------------------------ */

typedef struct {
  int64_t rows, cols, src_stride, dst_stride;
  float *src, *terms;
} Rows;

/* Outputs: rows copied, numbers filled, numbers multiplied, numbers added to. */
static CkStatus
run_rows (CkStream *stream, const void *data, float *const *outputs)
{
  const Rows *r = data;
  const int64_t n = r->rows * r->cols;
  CkStatus status = stream->operations->copy_rows (stream, r->rows, r->cols, D (r->src),
                                                   r->src_stride, D (outputs[0]), r->dst_stride);

  if (status == CK_OK)
    status = stream->operations->fill (stream, D (outputs[1]), n, 0.3f);
  if (status == CK_OK)
    status = stream->training->multiply (stream, D (outputs[2]), n, -1.7f);
  return status == CK_OK ? stream->training->add (stream, n, D (r->terms), D (outputs[3])) : status;
}

static void
check_rows_one (int64_t rows, int64_t cols, int64_t src_stride, int64_t dst_stride)
{
  const int64_t n = (rows - 1) * dst_stride + cols, count = rows * cols;
  Arena a = { 0 };
  Rows r = { rows,
             cols,
             src_stride,
             dst_stride,
             arena_floats (&a, (rows - 1) * src_stride + cols, FILL_RANDOM),
             arena_floats (&a, count, FILL_RANDOM) };
  float *before = arena_floats (&a, n, FILL_RANDOM),
        *factors = arena_floats (&a, count, FILL_RANDOM);
  double *copied = malloc ((size_t)n * sizeof *copied),
         *filled = malloc ((size_t)(3 * count) * sizeof *filled);
  Test test = { .data = &r, .run = run_rows, .n_outputs = 4 };

  for (int64_t i = 0; i < n; i++)
    copied[i] =
        i % dst_stride < cols ? r.src[i / dst_stride * src_stride + i % dst_stride] : before[i];
  for (int64_t i = 0; i < count; i++) {
    filled[i] = 0.3f;
    filled[count + i] = factors[i] * -1.7f;
    filled[2 * count + i] = factors[i] + r.terms[i];
  }
  test.outputs[0] = (Output){ "copied", n, before, NULL, copied, 0, 0 };
  test.outputs[1] = (Output){ "filled", count, NULL, NULL, filled, 0, 0 };
  test.outputs[2] = (Output){ "multiplied", count, factors, NULL, filled + count, 0, 0 };
  test.outputs[3] = (Output){ "added", count, factors, NULL, filled + 2 * count, 0, 0 };
  snprintf (test.what, sizeof test.what, "rows %lld cols %lld strides %lld %lld", (long long)rows,
            (long long)cols, (long long)src_stride, (long long)dst_stride);
  check (&test);
  free (copied);
  free (filled);
  arena_clear (&a);
}

void
check_rows (void)
{
  case_begin ();
  check_rows_one (1, 1, 1, 1);
  check_rows_one (4, 7, 7, 7);
  check_rows_one (4, 7, 63, 7);
  check_rows_one (4, 7, 7, 20);
  check_rows_one (9, 33, 0, 40); /* one row many times */
  check_rows_one (30, 384, 1920, 384);
  for (int t = 0; team (t) != NULL; t++) {
    CkStream *stream = team (t);

    CHECK (stream->operations->copy_rows (stream, 0, 5, NULL, 5, NULL, 5) == CK_OK);
    CHECK (stream->operations->copy_rows (stream, 3, 0, NULL, 5, NULL, 5) == CK_OK);
    CHECK (stream->operations->fill (stream, NULL, 0, 1) == CK_OK);
    CHECK (stream->training->multiply (stream, NULL, 0, 1) == CK_OK);
    CHECK (stream->training->add (stream, 0, NULL, NULL) == CK_OK);
    CHECK (settle (stream) == CK_OK);
  }
  case_end ("rows", "all");
}
