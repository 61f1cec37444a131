/* SPDX-License-Identifier: MIT */
/* check-kernels --bench: the best time of a few runs of each operation at the shapes of ViT-S (384)
 * and DINOv3 7B (4096). */
#include "tests/kernels/harness.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECONDS 0.3 /* an operation */

static double
now (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The first run, which warms up, counts only if it already takes all of the time. */
void
measure (CkBackend *backend, const char *name, double flop, double bytes, Measured operation,
         void *data)
{
  const double start = now ();
  double best = 0;

  for (int run = 0; run == 0 || now () - start < SECONDS; run++) {
    const double before = now ();
    double took;

    operation (backend, data);
    took = now () - before;
    if (run < 2 || took < best)
      best = took;
  }
  printf ("%-40s %-8s %10.3f ms %8.1f GFLOP/s %7.2f GB/s\n", name, backend->level, 1e3 * best,
          1e-9 * flop / best, 1e-9 * bytes / best);
  fflush (stdout);
}

typedef struct {
  CkLinear layer;
  CkInput x;
  int64_t rows, out;
  float *y;
} LinearRun;

static void
run_linear (CkBackend *backend, void *data)
{
  LinearRun *run = data;

  backend->linear (backend, &run->layer, run->rows, &run->x, run->y);
}

static void
run_decode (CkBackend *backend, void *data)
{
  LinearRun *run = data;

  backend->weight_decode (backend, run->layer.weight, 0, run->out, run->y);
}

static void
bench_linear (CkBackend *backend, CkType type, int64_t rows, int64_t in, int64_t out)
{
  TestWeight w;
  float *x = floats_filled (rows * in, FILL_RANDOM), *y = floats_new (rows * out),
        *bias = floats_filled (out, FILL_RANDOM);
  LinearRun run = { .x = { CK_F32, x }, .rows = rows, .out = out, .y = y };
  char name[64];

  test_weight_init (&w, backend, type, out, in, FILL_RANDOM);
  run.layer = (CkLinear){ .weight = w.weight, .bias = bias, .activation = CK_GELU };
  snprintf (name, sizeof name, "linear %s %lld x %lld x %lld", type_names[type], (long long)rows,
            (long long)in, (long long)out);
  measure (backend, name, 2.0 * (double)(rows * in * out), 4.0 * (double)(rows * (in + out)),
           run_linear, &run);
  test_weight_clear (&w, backend);
  floats_free (x, rows * in);
  floats_free (y, rows * out);
  floats_free (bias, out);
}

static void
bench_decode (CkBackend *backend, CkType type)
{
  enum { OUT = 1024, IN = 4096 };
  TestWeight w;
  LinearRun run = { .out = OUT, .y = floats_new (OUT * IN) };
  char name[64];

  test_weight_init (&w, backend, type, OUT, IN, FILL_RANDOM);
  run.layer.weight = w.weight;
  snprintf (name, sizeof name, "decode %s to fp32", type_names[type]);
  measure (backend, name, 0, 4.0 * OUT * IN, run_decode, &run);
  test_weight_clear (&w, backend);
  floats_free (run.y, OUT * IN);
}

typedef struct {
  CkNorm norm;
  int64_t rows, cols;
  float *x, *y;
} NormRun;

static void
run_norm (CkBackend *backend, void *data)
{
  NormRun *run = data;

  backend->norm (backend, &run->norm, run->rows, run->cols, run->x, run->y);
}

static void
bench_norm (CkBackend *backend, int64_t rows, int64_t cols)
{
  float *ones = floats_filled (cols, FILL_RANDOM);
  NormRun run = { { ones, ones, 1e-5f },
                  rows,
                  cols,
                  floats_filled (rows * cols, FILL_RANDOM),
                  floats_new (rows * cols) };
  char name[64];

  snprintf (name, sizeof name, "norm %lld x %lld", (long long)rows, (long long)cols);
  measure (backend, name, 0, 8.0 * (double)(rows * cols), run_norm, &run);
  floats_free (run.x, rows * cols);
  floats_free (run.y, rows * cols);
  floats_free (ones, cols);
}

static void
run_attention (CkBackend *backend, void *data)
{
  backend->attention (backend, data);
}

static void
bench_attention (CkBackend *backend, int64_t batch, int64_t tokens, int64_t heads, int64_t head_dim)
{
  const int64_t n = batch * tokens * heads * head_dim, n_positions = (tokens - 5) * head_dim;
  /* turning by no angle, so that q and k stay the same however often they are turned */
  float *cos = floats_filled (n_positions, FILL_ZERO),
        *sin = floats_filled (n_positions, FILL_ZERO);
  CkAttention a = { .batch = batch,
                    .tokens = tokens,
                    .heads = heads,
                    .head_dim = head_dim,
                    .prefix = 5,
                    .cos = cos,
                    .sin = sin };
  float *v = floats_filled (n, FILL_RANDOM);
  char name[64];

  for (int64_t i = 0; i < n_positions; i++)
    cos[i] = 1;
  a.q = floats_filled (n, FILL_RANDOM);
  a.k = floats_filled (n, FILL_RANDOM);
  a.v = v;
  a.out = floats_new (n);
  snprintf (name, sizeof name, "attention %lld x %lld x %lld x %lld", (long long)batch,
            (long long)tokens, (long long)heads, (long long)head_dim);
  measure (backend, name, 4.0 * (double)(n * tokens), 16.0 * (double)n, run_attention, &a);
  floats_free (cos, n_positions);
  floats_free (sin, n_positions);
  floats_free (a.q, n);
  floats_free (a.k, n);
  floats_free (v, n);
  floats_free (a.out, n);
}

void
bench (CkBackend *backend)
{
  const bool plain = strcmp (backend->level, "c") == 0; /* minutes at 4096 */

  for (int type = CK_F32; type <= CK_NF4; type++)
    bench_decode (backend, (CkType)type);
  bench_linear (backend, CK_F32, 201, 384, 384);
  bench_linear (backend, CK_F32, 201, 384, 1536);
  bench_linear (backend, CK_F32, 201, 1536, 384);
  bench_linear (backend, CK_F32, 1608, 384, 1536);
  bench_linear (backend, CK_NF4, 201, 384, 1536);
  for (int type = CK_F32; type <= CK_NF4 && !plain; type++)
    bench_linear (backend, (CkType)type, 201, 4096, 4096);
  bench_norm (backend, 201, 384);
  bench_norm (backend, 201, 4096);
  bench_attention (backend, 1, 201, 6, 64);
  bench_attention (backend, 8, 201, 6, 64);
  if (!plain)
    bench_attention (backend, 1, 201, 32, 128);
  if (!plain)
    bench_training (backend);
}
