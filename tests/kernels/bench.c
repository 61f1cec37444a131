/* SPDX-License-Identifier: MIT */
/* check-kernels --bench: the best time of a few runs of each operation at the shapes of ViT-S (384)
 * and DINOv3 7B (4096), and of attention at those of ViT-B, too. */
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
measure (CkStream *stream, const char *name, double flop, double bytes, Measured operation,
         void *data)
{
  const double start = now ();
  double best = 0;

  for (int run = 0; run == 0 || now () - start < SECONDS; run++) {
    const double before = now ();
    double took;

    if (operation (stream, data) != CK_OK || ck_synchronize (stream) != CK_OK) {
      printf ("%-40s %-8s fails\n", name, stream_name (stream));
      return;
    }
    took = now () - before;
    if (run < 2 || took < best)
      best = took;
  }
  printf ("%-40s %-8s %10.3f ms %8.1f GFLOP/s %7.2f GB/s\n", name, stream_name (stream), 1e3 * best,
          1e-9 * flop / best, 1e-9 * bytes / best);
  fflush (stdout);
}

static CkStatus
run_linear (CkStream *stream, void *data)
{
  return stream->operations->linear (stream, data);
}

static void
bench_linear (CkStream *stream, CkType type, int64_t rows, int64_t in, int64_t out)
{
  TestWeight w;
  float *x = floats_filled (rows * in, FILL_RANDOM), *y = floats_new (rows * out),
        *bias = floats_filled (out, FILL_RANDOM);
  CkLinear op = {
    .bias = D (bias), .activation = CK_GELU, .rows = rows, .x = ck_f32 (D (x)), .y = ck_f32 (D (y))
  };
  char name[64];

  test_weight_init (&w, type, out, in, FILL_RANDOM);
  op.weight = weight_on_device (stream, &w.source, false);
  snprintf (name, sizeof name, "linear %s %lld x %lld x %lld", type_names[type], (long long)rows,
            (long long)in, (long long)out);
  measure (stream, name, 2.0 * (double)(rows * in * out), 4.0 * (double)(rows * (in + out)),
           run_linear, &op);
  settle (stream);
  test_weight_clear (&w);
  floats_free (x, rows * in);
  floats_free (y, rows * out);
  floats_free (bias, out);
}

enum { DEQUANTISED_OUT = 1024, DEQUANTISED_IN = 4096 };

typedef struct {
  const CkWeight *weight;
  float *y;
} DequantiseRun;

static CkStatus
run_dequantise (CkStream *stream, void *data)
{
  const DequantiseRun *run = data;

  return stream->operations->weight_dequantise (stream, run->weight, 0, DEQUANTISED_OUT, run->y);
}

static void
bench_dequantise (CkStream *stream, CkType type)
{
  const int64_t n = DEQUANTISED_OUT * DEQUANTISED_IN;
  float *y = floats_new (n);
  DequantiseRun run = { .y = D (y) };
  TestWeight w;
  char name[64];

  test_weight_init (&w, type, DEQUANTISED_OUT, DEQUANTISED_IN, FILL_RANDOM);
  run.weight = weight_on_device (stream, &w.source, false);
  snprintf (name, sizeof name, "dequantise %s to fp32", type_names[type]);
  measure (stream, name, 0, 4.0 * (double)n, run_dequantise, &run);
  settle (stream);
  test_weight_clear (&w);
  floats_free (y, n);
}

static CkStatus
run_norm (CkStream *stream, void *data)
{
  return stream->operations->norm (stream, data);
}

static void
bench_norm (CkStream *stream, int64_t rows, int64_t cols)
{
  float *ones = floats_filled (cols, FILL_RANDOM), *x = floats_filled (rows * cols, FILL_RANDOM),
        *y = floats_new (rows * cols);
  CkNorm op = { D (ones), D (ones), 1e-5f, rows, cols, D (x), ck_f32 (D (y)) };
  char name[64];

  snprintf (name, sizeof name, "norm %lld x %lld", (long long)rows, (long long)cols);
  measure (stream, name, 0, 8.0 * (double)(rows * cols), run_norm, &op);
  settle (stream);
  floats_free (x, rows * cols);
  floats_free (y, rows * cols);
  floats_free (ones, cols);
}

static CkStatus
run_attention (CkStream *stream, void *data)
{
  return stream->operations->attention (stream, data);
}

/* queries: 0 for all tokens; in all numbers that there are products of */
static void
bench_attention (CkStream *stream, int64_t batch, int64_t tokens, int64_t heads, int64_t head_dim,
                 int64_t queries)
{
  const int64_t n = batch * tokens * heads * head_dim, n_positions = (tokens - 5) * head_dim;
  float *cos = floats_filled (n_positions, FILL_RANDOM),
        *sin = floats_filled (n_positions, FILL_RANDOM);
  float *q = floats_filled (n, FILL_RANDOM), *k = floats_filled (n, FILL_RANDOM),
        *v = floats_filled (n, FILL_RANDOM), *out = floats_new (n);
  CkAttention op = { .batch = batch,
                     .tokens = tokens,
                     .heads = heads,
                     .head_dim = head_dim,
                     .queries = queries,
                     .prefix = 5 };
  const double n_queries = (double)ck_attention_queries (&op), share = n_queries / (double)tokens;
  char name[64];

  op.cos = D (cos);
  op.sin = D (sin);
  op.q = D (q);
  op.k = D (k);
  op.v = D (v);
  op.out = ck_f32 (D (out));
  for (int i = 0; i < N_PRODUCTS; i++) {
    /* Whole numbers in plain C are for comparison, and slow. */
    if (!has_products (stream, all_products[i]) ||
        (i > 0 && strcmp (stream->device->features, "c") == 0))
      continue;
    op.products = product_types[i];
    snprintf (name, sizeof name, "attention %s %lld x %lld%s x %lld x %lld", product_names[i],
              (long long)batch, (long long)tokens, queries == 1 ? " (1)" : "", (long long)heads,
              (long long)head_dim);
    measure (stream, name, 4.0 * (double)n * n_queries, 8.0 * (double)n * (1 + share),
             run_attention, &op);
  }
  settle (stream);
  floats_free (cos, n_positions);
  floats_free (sin, n_positions);
  floats_free (q, n);
  floats_free (k, n);
  floats_free (v, n);
  floats_free (out, n);
}

void
bench (CkStream *stream)
{
  const bool plain = strcmp (stream->device->features, "c") == 0; /* minutes at 4096 */

  for (int i = 0; i < 4; i++)
    bench_dequantise (stream, weight_types[i]);
  bench_linear (stream, CK_F32, 201, 384, 384);
  bench_linear (stream, CK_F32, 201, 384, 1536);
  bench_linear (stream, CK_F32, 201, 1536, 384);
  bench_linear (stream, CK_F32, 1608, 384, 1536);
  bench_linear (stream, CK_NF4, 201, 384, 1536);
  for (int i = 0; i < 4 && !plain; i++)
    bench_linear (stream, weight_types[i], 201, 4096, 4096);
  bench_norm (stream, 201, 384);
  bench_norm (stream, 201, 4096);
  for (int64_t batch = 1; batch <= 8; batch += 7) {
    bench_attention (stream, batch, 201, 6, 64, 0);
    bench_attention (stream, batch, 201, 12, 64, 0);
    bench_attention (stream, batch, 201, 12, 64, 1);
    if (!plain)
      bench_attention (stream, batch, 201, 32, 128, 0);
  }
  if (!plain) {
    bench_attention (stream, 1, 1029, 6, 64, 0);
    bench_attention (stream, 1, 4101, 6, 64, 0);
  }
}
