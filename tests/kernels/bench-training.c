/* SPDX-License-Identifier: MIT */
/* The part of check-kernels --bench that times training: ViT-S with batches of 4, two layers of
 * DINOv3 7B, and ResNet-18's convolutions. */
#include "kernels/training.h"
#include "tests/kernels/harness.h"

#include <stdio.h>
#include <string.h>

/* ---- linear ---------------------------------------------------------------------------------- */

static CkStatus
run_forward (CkStream *stream, void *data)
{
  return stream->operations->linear (stream, data);
}

static CkStatus
run_backward (CkStream *stream, void *data)
{
  return stream->training->linear_backward (stream, data);
}

/* rank 0: a dense layer trained as a whole; else LoRA of this rank. */
static void
bench_linear_backward (CkStream *stream, CkType type, int64_t rows, int64_t in, int64_t out,
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
  static const uint64_t key = 7;
  CkLinear forward = { .rows = rows, .x = ck_f32 (D (x)), .y = ck_f32 (D (y)) };
  CkLinearBackward backward = { .rows = rows, .x = D (x), .dy = D (dy), .dx = D (dx) };
  const double product = 2.0 * (double)(rows * in * out),
               low = 2.0 * (double)(rows * (in + out) * rank);
  char name[80], shape[60];

  test_weight_init (&w, type, out, in, FILL_RANDOM);
  forward.weight = backward.weight = weight_on_device (stream, &w.source, true);
  if (rank > 0) {
    forward.adapter = backward.adapter = (CkAdapter){ .rank = rank,
                                                      .scale = 2,
                                                      .down = D (down),
                                                      .up = D (up),
                                                      .dropout = dropout,
                                                      .key = D_BYTES (&key, sizeof key) };
    backward.gradients.down = D (ddown);
    backward.gradients.up = D (dup);
  } else {
    backward.gradients.weight = D (dweight);
    backward.gradients.bias = D (dbias);
  }
  snprintf (shape, sizeof shape, "%s %lld x %lld x %lld r%lld%s", type_names[type], (long long)rows,
            (long long)in, (long long)out, (long long)rank, dropout > 0 ? " drop" : "");
  snprintf (name, sizeof name, "linear   %s", shape);
  measure (stream, name, product + low, 4.0 * (double)(rows * (in + out)), run_forward, &forward);
  snprintf (name, sizeof name, "backward %s", shape);
  measure (stream, name, rank > 0 ? product + 3 * low : 2 * product,
           8.0 * (double)(rows * (in + out)), run_backward, &backward);
  settle (stream);
  test_weight_clear (&w);
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

static CkStatus
run_attention_backward (CkStream *stream, void *data)
{
  return stream->training->attention_backward (stream, data);
}

static void
bench_attention_backward (CkStream *stream, int64_t batch, int64_t tokens, int64_t heads,
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
  op.forward.q = D (floats[0]), op.forward.k = D (floats[1]), op.forward.v = D (floats[2]);
  op.dout = D (floats[3]), op.dq = D (floats[4]), op.dk = D (floats[5]), op.dv = D (floats[6]);
  snprintf (name, sizeof name, "attention backward %lld x %lld x %lld x %lld", (long long)batch,
            (long long)tokens, (long long)heads, (long long)head_dim);
  measure (stream, name, 10.0 * (double)(n * tokens), 28.0 * (double)n, run_attention_backward,
           &op);
  settle (stream);
  for (int i = 0; i < 7; i++)
    floats_free (floats[i], n);
}

/* Elementwise work on [rows, cols], in the order of `elementwise`. */
typedef struct {
  int64_t rows, cols;
  float *a, *b, *c, *d, *small, *sums; /* on the device */
  const uint64_t *key;
  const CkAdamWStep *step;
  const float *factor;
} Elements;

static CkStatus
run_norm_backward (CkStream *stream, void *data)
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
  return stream->training->norm_backward (stream, &op);
}

static CkStatus
run_gelu_backward (CkStream *stream, void *data)
{
  const Elements *e = data;
  return stream->training->activate_backward (stream, CK_GELU, e->rows * e->cols, e->a, e->b, e->c);
}

static CkStatus
run_gate_backward (CkStream *stream, void *data)
{
  const Elements *e = data;
  return stream->training->gate_backward (stream, e->rows * e->cols, e->a, e->b, e->c, e->d, e->d);
}

static CkStatus
run_add_scaled_backward (CkStream *stream, void *data)
{
  const Elements *e = data;
  return stream->training->add_scaled_backward (stream, e->rows, e->cols, e->a, e->b, e->small,
                                                e->c, e->sums);
}

static CkStatus
run_dropout (CkStream *stream, void *data)
{
  const Elements *e = data;
  return stream->training->dropout (stream, e->key, 0.1f, e->rows * e->cols, e->a, e->c);
}

static CkStatus
run_adamw (CkStream *stream, void *data)
{
  const Elements *e = data;
  const CkAdamW op = { .step = e->step,
                       .factor = e->factor,
                       .n = e->rows * e->cols,
                       .gradients = e->a,
                       .first = e->b,
                       .second = e->d,
                       .parameters = e->c };
  return stream->training->adamw (stream, &op);
}

static CkStatus
run_batch_norm (CkStream *stream, void *data)
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
  return stream->operations->batch_norm (stream, &norm, true, e->a, e->b);
}

static CkStatus
run_batch_norm_backward (CkStream *stream, void *data)
{
  const Elements *e = data;
  const CkBatchNorm norm = { .rows = e->rows,
                             .channels = e->cols,
                             .epsilon = 1e-5f,
                             .weight = e->small,
                             .activation = CK_RELU,
                             .saved_mean = e->small,
                             .saved_inverse = e->small };
  return stream->training->batch_norm_backward (stream, &norm, e->a, e->b, e->c, e->d, e->sums,
                                                e->sums);
}

static void
bench_elementwise (CkStream *stream, const char *what, int64_t rows, int64_t cols, int arrays,
                   Measured operation)
{
  const int64_t n = rows * cols;
  const CkAdamWStep step = ck_adamw_step (1e-5, 0.9, 0.999, 1e-8, 0.01, 10);
  static const uint64_t key = 7;
  static const float factor = 1;
  float *floats[6];
  Elements e = { .rows = rows, .cols = cols };
  char name[80];

  for (int i = 0; i < 6; i++)
    floats[i] = floats_filled (i < 4 ? n : cols, i == 3 || i == 5 ? FILL_ZERO : FILL_RANDOM);
  e.a = D (floats[0]), e.b = D (floats[1]), e.c = D (floats[2]), e.d = D (floats[3]);
  e.small = D (floats[4]), e.sums = D (floats[5]);
  e.key = D_BYTES (&key, sizeof key);
  e.step = D_BYTES (&step, sizeof step);
  e.factor = D_BYTES (&factor, sizeof factor);
  snprintf (name, sizeof name, "%s %lld x %lld", what, (long long)rows, (long long)cols);
  measure (stream, name, 0, 4.0 * (double)n * arrays, operation, &e);
  settle (stream);
  for (int i = 0; i < 6; i++)
    floats_free (floats[i], i < 4 ? n : cols);
}

/* ---- convolution ----------------------------------------------------------------------------- */

typedef struct {
  CkConvolution shape;
  float *x, *weight, *y, *dx, *dweight;
} ConvolutionRun;

static CkStatus
run_convolution (CkStream *stream, void *data)
{
  ConvolutionRun *run = data;
  return stream->operations->convolution (stream, &run->shape, run->x, run->weight, run->y);
}

static CkStatus
run_to_input (CkStream *stream, void *data)
{
  ConvolutionRun *run = data;
  return stream->training->convolution_backward (stream, &run->shape, run->x, run->weight, run->y,
                                                 run->dx, NULL);
}

static CkStatus
run_to_weights (CkStream *stream, void *data)
{
  ConvolutionRun *run = data;
  return stream->training->convolution_backward (stream, &run->shape, run->x, run->weight, run->y,
                                                 NULL, run->dweight);
}

static void
bench_convolution (CkStream *stream, const CkConvolution *c)
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
  const int64_t sizes[5] = { n_x, taps * c->out, n_y, n_x, taps * c->out };
  ConvolutionRun run = { .shape = *c };
  float *floats[5];
  char name[80];

  for (int i = 0; i < 5; i++)
    floats[i] = floats_filled (sizes[i], i == 4 ? FILL_ZERO : FILL_RANDOM);
  run.x = D (floats[0]), run.weight = D (floats[1]), run.y = D (floats[2]);
  run.dx = D (floats[3]), run.dweight = D (floats[4]);
  for (int i = 0; i < 3; i++) {
    snprintf (name, sizeof name, "%s %lldx%lld/%lld %lld: %lld -> %lld", directions[i].name,
              (long long)c->kernel, (long long)c->kernel, (long long)c->stride,
              (long long)c->height, (long long)c->in, (long long)c->out);
    measure (stream, name, 2.0 * (double)(n_y * taps), 4.0 * (double)(n_x + n_y), directions[i].run,
             &run);
  }
  settle (stream);
  for (int i = 0; i < 5; i++)
    floats_free (floats[i], sizes[i]);
}

void
bench_training (CkStream *stream)
{
  enum { BATCH = 4, ROWS = BATCH * 201, PICTURES = 16 };
  static const CkConvolution convolutions[] = {
    { PICTURES, 3, 224, 224, 64, 7, 2, 3 },  { PICTURES, 64, 56, 56, 64, 3, 1, 1 },
    { PICTURES, 64, 56, 56, 128, 3, 2, 1 },  { PICTURES, 128, 28, 28, 128, 3, 1, 1 },
    { PICTURES, 256, 14, 14, 256, 3, 1, 1 }, { PICTURES, 256, 14, 14, 512, 1, 2, 0 },
    { PICTURES, 512, 7, 7, 512, 3, 1, 1 },
  };

  bench_linear_backward (stream, CK_F32, ROWS, 384, 1536, 0, 0);
  bench_linear_backward (stream, CK_F32, ROWS, 384, 384, 16, 0);
  bench_linear_backward (stream, CK_NF4, ROWS, 384, 384, 16, 0);
  bench_linear_backward (stream, CK_NF4, ROWS, 384, 384, 16, 0.1f);
  bench_linear_backward (stream, CK_NF4, ROWS, 384, 1536, 16, 0);
  bench_linear_backward (stream, CK_NF4, ROWS, 1536, 384, 16, 0);
  bench_linear_backward (stream, CK_F32, 201, 4096, 4096, 64, 0);
  bench_linear_backward (stream, CK_NF4, 201, 4096, 4096, 64, 0);
  bench_linear_backward (stream, CK_NF4, 201, 4096, 8192, 64, 0);
  bench_attention_backward (stream, BATCH, 201, 6, 64);
  bench_attention_backward (stream, 1, 201, 32, 128);
  bench_elementwise (stream, "norm backward", ROWS, 384, 4, run_norm_backward);
  bench_elementwise (stream, "gelu backward", ROWS, 1536, 3, run_gelu_backward);
  bench_elementwise (stream, "gate backward", 201, 8192, 5, run_gate_backward);
  bench_elementwise (stream, "add scaled backward", ROWS, 384, 3, run_add_scaled_backward);
  bench_elementwise (stream, "dropout", ROWS, 384, 2, run_dropout);
  bench_elementwise (stream, "adamw", 1000, 1000, 7, run_adamw);
  for (size_t i = 0; i < sizeof convolutions / sizeof *convolutions; i++)
    bench_convolution (stream, &convolutions[i]);
  bench_elementwise (stream, "batch norm", PICTURES * 56 * 56, 64, 2, run_batch_norm);
  bench_elementwise (stream, "batch norm backward", PICTURES * 56 * 56, 64, 5,
                     run_batch_norm_backward);
  bench_elementwise (stream, "batch norm", PICTURES * 7 * 7, 512, 2, run_batch_norm);
}
