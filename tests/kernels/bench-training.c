/* SPDX-License-Identifier: MIT */
/* The part of check-kernels --bench that times training: ViT-S with batches of 4, two layers of
 * DINOv3 7B, and ResNet-18's convolutions. */
#include "kernels/training.h"
#include "tests/kernels/harness.h"

#include <stdio.h>
#include <string.h>

/* ---- linear ---------------------------------------------------------------------------------- */

typedef struct {
  CkLinearBackward op;
  CkLinear layer;
  float *y;
} LinearRun;

static void
run_forward (CkBackend *backend, void *data)
{
  LinearRun *run = data;
  backend->linear (backend, &run->layer, run->op.rows, &(CkInput){ CK_F32, run->op.x }, run->y);
}

static void
run_backward (CkBackend *backend, void *data)
{
  LinearRun *run = data;
  backend->training->linear_backward (backend, &run->op);
}

/* rank 0: a dense layer trained as a whole; else LoRA of this rank. */
static void
bench_linear_backward (CkBackend *backend, CkType type, int64_t rows, int64_t in, int64_t out,
                       int64_t rank, float dropout)
{
  TestWeight w;
  float *x = floats_filled (rows * in, FILL_RANDOM), *dx = floats_new (rows * in),
        *dy = floats_filled (rows * out, FILL_RANDOM);
  float *y = floats_new (rows * out), *down = floats_filled (rank * in, FILL_RANDOM),
        *up = floats_filled (rank * out, FILL_RANDOM);
  float *dweight = floats_filled (rank > 0 ? 0 : in * out, FILL_ZERO),
        *dbias = floats_filled (out, FILL_ZERO);
  float *ddown = floats_filled (rank * in, FILL_ZERO), *dup = floats_filled (rank * out, FILL_ZERO);
  const CkAdapter adapter = {
    .rank = rank, .scale = 2, .down = down, .up = up, .dropout = dropout
  };
  LinearRun run = { .y = y };
  const double product = 2.0 * (double)(rows * in * out),
               low = 2.0 * (double)(rows * (in + out) * rank);
  char name[80], shape[60];

  test_weight_init (&w, backend, type, out, in, FILL_RANDOM);
  run.layer = (CkLinear){ .weight = w.weight, .adapter = rank > 0 ? &adapter : NULL };
  run.op = (CkLinearBackward){
    .weight = w.weight, .adapter = run.layer.adapter, .rows = rows, .x = x, .dy = dy, .dx = dx
  };
  if (rank > 0)
    run.op.gradients.down = ddown, run.op.gradients.up = dup;
  else
    run.op.gradients.weight = dweight, run.op.gradients.bias = dbias;
  snprintf (shape, sizeof shape, "%s %lld x %lld x %lld r%lld%s", type_names[type], (long long)rows,
            (long long)in, (long long)out, (long long)rank, dropout > 0 ? " drop" : "");
  snprintf (name, sizeof name, "linear   %s", shape);
  measure (backend, name, product + low, 4.0 * (double)(rows * (in + out)), run_forward, &run);
  snprintf (name, sizeof name, "backward %s", shape);
  measure (backend, name, rank > 0 ? product + 3 * low : 2 * product,
           8.0 * (double)(rows * (in + out)), run_backward, &run);
  test_weight_clear (&w, backend);
  floats_free (x, rows * in);
  floats_free (dx, rows * in);
  floats_free (dy, rows * out);
  floats_free (y, rows * out);
  floats_free (down, rank * in);
  floats_free (up, rank * out);
  floats_free (dweight, rank > 0 ? 0 : in * out);
  floats_free (dbias, out);
  floats_free (ddown, rank * in);
  floats_free (dup, rank * out);
}

/* ---- attention, norm, elementwise ------------------------------------------------------------ */

static void
run_attention_backward (CkBackend *backend, void *data)
{
  backend->training->attention_backward (backend, data);
}

static void
bench_attention_backward (CkBackend *backend, int64_t batch, int64_t tokens, int64_t heads,
                          int64_t head_dim)
{
  const int64_t n = batch * tokens * heads * head_dim;
  float *floats[7];
  CkAttentionBackward op = { .forward = { .batch = batch,
                                          .tokens = tokens,
                                          .heads = heads,
                                          .head_dim = head_dim,
                                          .prefix = tokens } };
  char name[80];

  for (int i = 0; i < 7; i++)
    floats[i] = floats_filled (n, FILL_RANDOM);
  op.forward.q = floats[0], op.forward.k = floats[1], op.forward.v = floats[2], op.dout = floats[3];
  op.dq = floats[4], op.dk = floats[5], op.dv = floats[6];
  snprintf (name, sizeof name, "attention backward %lld x %lld x %lld x %lld", (long long)batch,
            (long long)tokens, (long long)heads, (long long)head_dim);
  measure (backend, name, 10.0 * (double)(n * tokens), 28.0 * (double)n, run_attention_backward,
           &op);
  for (int i = 0; i < 7; i++)
    floats_free (floats[i], n);
}

/* Elementwise work on [rows, cols], in the order of `elementwise`. */
typedef struct {
  int64_t rows, cols;
  float *a, *b, *c, *d, *small, *sums;
} Elements;

static void
run_norm_backward (CkBackend *backend, void *data)
{
  const Elements *e = data;
  const CkNormBackward op = { .weight = e->small,
                              .epsilon = 1e-5f,
                              .rows = e->rows,
                              .cols = e->cols,
                              .x = e->a,
                              .dy = e->b,
                              .dx = e->c,
                              .add_dx = true,
                              .dweight = e->sums,
                              .dbias = e->sums };
  backend->training->norm_backward (backend, &op);
}

static void
run_gelu_backward (CkBackend *backend, void *data)
{
  const Elements *e = data;
  backend->training->activate_backward (backend, CK_GELU, e->rows * e->cols, e->a, e->b, e->c);
}

static void
run_gate_backward (CkBackend *backend, void *data)
{
  const Elements *e = data;
  backend->training->gate_backward (backend, e->rows * e->cols, e->a, e->b, e->c, e->d, e->d);
}

static void
run_add_scaled_backward (CkBackend *backend, void *data)
{
  const Elements *e = data;
  backend->training->add_scaled_backward (backend, e->rows, e->cols, e->a, e->b, e->small, e->c,
                                          e->sums);
}

static void
run_dropout (CkBackend *backend, void *data)
{
  const Elements *e = data;
  backend->training->dropout (backend, 7, 0.1f, e->rows * e->cols, e->a, e->c);
}

static void
run_adamw (CkBackend *backend, void *data)
{
  const Elements *e = data;
  const CkAdamW adam = { 1e-5, 0.9, 0.999, 1e-8, 0.01, 10 };
  backend->training->adamw (backend, &adam, 1, e->rows * e->cols, e->a, e->b, e->d, e->c);
}

static void
run_batch_norm (CkBackend *backend, void *data)
{
  const Elements *e = data;
  const CkBatchNorm norm = { .rows = e->rows,
                             .channels = e->cols,
                             .epsilon = 1e-5f,
                             .weight = e->small,
                             .bias = e->small,
                             .activation = CK_RELU,
                             .running_mean = e->sums,
                             .running_variance = e->sums,
                             .saved_mean = e->sums,
                             .saved_inverse = e->sums };
  backend->training->batch_norm (backend, &norm, true, e->a, e->b);
}

static void
run_batch_norm_backward (CkBackend *backend, void *data)
{
  const Elements *e = data;
  const CkBatchNorm norm = { .rows = e->rows,
                             .channels = e->cols,
                             .epsilon = 1e-5f,
                             .weight = e->small,
                             .activation = CK_RELU,
                             .saved_mean = e->small,
                             .saved_inverse = e->small };
  backend->training->batch_norm_backward (backend, &norm, e->a, e->b, e->c, e->d, e->sums, e->sums);
}

static void
bench_elementwise (CkBackend *backend, const char *what, int64_t rows, int64_t cols, int arrays,
                   Measured operation)
{
  const int64_t n = rows * cols;
  Elements e = { .rows = rows,
                 .cols = cols,
                 .a = floats_filled (n, FILL_RANDOM),
                 .b = floats_filled (n, FILL_RANDOM),
                 .c = floats_filled (n, FILL_RANDOM),
                 .d = floats_filled (n, FILL_ZERO),
                 .small = floats_filled (cols, FILL_RANDOM),
                 .sums = floats_filled (cols, FILL_ZERO) };
  char name[80];

  snprintf (name, sizeof name, "%s %lld x %lld", what, (long long)rows, (long long)cols);
  measure (backend, name, 0, 4.0 * (double)n * arrays, operation, &e);
  floats_free (e.a, n);
  floats_free (e.b, n);
  floats_free (e.c, n);
  floats_free (e.d, n);
  floats_free (e.small, cols);
  floats_free (e.sums, cols);
}

/* ---- convolution ----------------------------------------------------------------------------- */

typedef struct {
  CkConvolution shape;
  float *x, *weight, *y, *dx, *dweight;
} ConvolutionRun;

static void
run_convolution (CkBackend *backend, void *data)
{
  ConvolutionRun *run = data;
  backend->training->convolution (backend, &run->shape, run->x, run->weight, run->y);
}

static void
run_to_input (CkBackend *backend, void *data)
{
  ConvolutionRun *run = data;
  backend->training->convolution_backward (backend, &run->shape, run->x, run->weight, run->y,
                                           run->dx, NULL);
}

static void
run_to_weights (CkBackend *backend, void *data)
{
  ConvolutionRun *run = data;
  backend->training->convolution_backward (backend, &run->shape, run->x, run->weight, run->y, NULL,
                                           run->dweight);
}

static void
bench_convolution (CkBackend *backend, const CkConvolution *c)
{
  static const struct {
    const char *name;
    Measured run;
  } directions[] = { { "convolution", run_convolution },
                     { "to input", run_to_input },
                     { "to weights", run_to_weights } };
  const int64_t height = (c->height + 2 * c->padding - c->kernel) / c->stride + 1;
  const int64_t width = (c->width + 2 * c->padding - c->kernel) / c->stride + 1;
  const int64_t n_x = c->batch * c->height * c->width * c->in,
                n_y = c->batch * height * width * c->out;
  const int64_t taps = c->in * c->kernel * c->kernel;
  ConvolutionRun run = { *c,
                         floats_filled (n_x, FILL_RANDOM),
                         floats_filled (taps * c->out, FILL_RANDOM),
                         floats_filled (n_y, FILL_RANDOM),
                         floats_new (n_x),
                         floats_filled (taps * c->out, FILL_ZERO) };
  char name[80];

  for (int i = 0; i < 3; i++) {
    snprintf (name, sizeof name, "%s %lldx%lld/%lld %lld: %lld -> %lld", directions[i].name,
              (long long)c->kernel, (long long)c->kernel, (long long)c->stride,
              (long long)c->height, (long long)c->in, (long long)c->out);
    measure (backend, name, 2.0 * (double)(n_y * taps), 4.0 * (double)(n_x + n_y),
             directions[i].run, &run);
  }
  floats_free (run.x, n_x);
  floats_free (run.weight, taps * c->out);
  floats_free (run.y, n_y);
  floats_free (run.dx, n_x);
  floats_free (run.dweight, taps * c->out);
}

void
bench_training (CkBackend *backend)
{
  enum { BATCH = 4, ROWS = BATCH * 201, PICTURES = 16 };
  static const CkConvolution convolutions[] = {
    { PICTURES, 3, 224, 224, 64, 7, 2, 3 },  { PICTURES, 64, 56, 56, 64, 3, 1, 1 },
    { PICTURES, 64, 56, 56, 128, 3, 2, 1 },  { PICTURES, 128, 28, 28, 128, 3, 1, 1 },
    { PICTURES, 256, 14, 14, 256, 3, 1, 1 }, { PICTURES, 256, 14, 14, 512, 1, 2, 0 },
    { PICTURES, 512, 7, 7, 512, 3, 1, 1 },
  };

  bench_linear_backward (backend, CK_F32, ROWS, 384, 1536, 0, 0);
  bench_linear_backward (backend, CK_F32, ROWS, 384, 384, 16, 0);
  bench_linear_backward (backend, CK_NF4, ROWS, 384, 384, 16, 0);
  bench_linear_backward (backend, CK_NF4, ROWS, 384, 384, 16, 0.1f);
  bench_linear_backward (backend, CK_NF4, ROWS, 384, 1536, 16, 0);
  bench_linear_backward (backend, CK_NF4, ROWS, 1536, 384, 16, 0);
  bench_linear_backward (backend, CK_F32, 201, 4096, 4096, 64, 0);
  bench_linear_backward (backend, CK_NF4, 201, 4096, 4096, 64, 0);
  bench_linear_backward (backend, CK_NF4, 201, 4096, 8192, 64, 0);
  bench_attention_backward (backend, BATCH, 201, 6, 64);
  bench_attention_backward (backend, 1, 201, 32, 128);
  bench_elementwise (backend, "norm backward", ROWS, 384, 4, run_norm_backward);
  bench_elementwise (backend, "gelu backward", ROWS, 1536, 3, run_gelu_backward);
  bench_elementwise (backend, "gate backward", 201, 8192, 5, run_gate_backward);
  bench_elementwise (backend, "add scaled backward", ROWS, 384, 3, run_add_scaled_backward);
  bench_elementwise (backend, "dropout", ROWS, 384, 2, run_dropout);
  bench_elementwise (backend, "adamw", 1000, 1000, 7, run_adamw);
  for (size_t i = 0; i < sizeof convolutions / sizeof *convolutions; i++)
    bench_convolution (backend, &convolutions[i]);
  bench_elementwise (backend, "batch norm", PICTURES * 56 * 56, 64, 2, run_batch_norm);
  bench_elementwise (backend, "batch norm backward", PICTURES * 56 * 56, 64, 5,
                     run_batch_norm_backward);
  bench_elementwise (backend, "batch norm", PICTURES * 7 * 7, 512, 2, run_batch_norm);
}
