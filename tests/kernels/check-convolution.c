/* SPDX-License-Identifier: MIT */
/* What only networks from scratch use: convolution, batch norm, pooling, and planes to channels
 * last. */
#include "kernels/cpu/convolution.h"
#include "tests/kernels/gradients.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 3e-6

/* ---- convolution ----------------------------------------------------------------------------- */

typedef struct {
  CkConvolution c;
  int64_t out_height, out_width;
  float *x, *weight, *dy;
  bool dx, dweight;
} Convolution;

static double
convolution_at (const Convolution *t, int64_t b, int64_t row, int64_t col, int64_t o)
{
  const CkConvolution *c = &t->c;
  double sum = 0;

  for (int64_t i = 0; i < c->in; i++) {
    for (int64_t ky = 0; ky < c->kernel; ky++) {
      for (int64_t kx = 0; kx < c->kernel; kx++) {
        const int64_t y = row * c->stride + ky - c->padding, x = col * c->stride + kx - c->padding;

        if (y >= 0 && y < c->height && x >= 0 && x < c->width)
          sum += (double)t->x[((b * c->height + y) * c->width + x) * c->in + i] *
                 t->weight[((o * c->in + i) * c->kernel + ky) * c->kernel + kx];
      }
    }
  }
  return sum;
}

static double *
convolve (const Convolution *t)
{
  const CkConvolution *c = &t->c;
  const int64_t n = c->batch * t->out_height * t->out_width * c->out;
  double *y = malloc ((size_t)n * sizeof *y);

  for (int64_t i = 0; i < n; i++)
    y[i] = convolution_at (t, i / c->out / t->out_width / t->out_height,
                           i / c->out / t->out_width % t->out_height, i / c->out % t->out_width,
                           i % c->out);
  return y;
}

static double
convolution_loss (const void *data)
{
  const Convolution *t = data;
  double *y = convolve (t), sum = 0;

  for (int64_t i = 0; i < t->c.batch * t->out_height * t->out_width * t->c.out; i++)
    sum += y[i] * t->dy[i];
  free (y);
  return sum;
}

/* Outputs: y, then dx and dweight as wanted. */
static CkStatus
run_convolution (CkStream *stream, const void *data, float *const *outputs)
{
  const Convolution *t = data;
  float *dx = t->dx ? D (outputs[1]) : NULL,
        *dweight = t->dweight ? D (outputs[t->dx ? 2 : 1]) : NULL;
  const CkStatus status =
      stream->operations->convolution (stream, &t->c, D (t->x), D (t->weight), D (outputs[0]));

  return status == CK_OK ? stream->training->convolution_backward (
                               stream, &t->c, D (t->x), D (t->weight), D (t->dy), dx, dweight)
                         : status;
}

static void
check_convolution_one (const CkConvolution *c, bool dx, bool dweight)
{
  Arena a = { 0 };
  Convolution t = { .c = *c, .dx = dx, .dweight = dweight };
  const int64_t n_x = c->batch * c->height * c->width * c->in,
                n_weight = c->out * c->in * c->kernel * c->kernel;
  int64_t n_y;
  double *y;
  Test test = { .data = &t, .run = run_convolution, .loss = convolution_loss, .n_outputs = 1 };

  t.out_height = (c->height + 2 * c->padding - c->kernel) / c->stride + 1;
  t.out_width = (c->width + 2 * c->padding - c->kernel) / c->stride + 1;
  n_y = c->batch * t.out_height * t.out_width * c->out;
  test.each = (n_x + n_weight) * n_y * c->in * c->kernel * c->kernel < 20000000;
  t.x = arena_floats (&a, n_x, FILL_RANDOM);
  t.weight = arena_floats (&a, n_weight, FILL_RANDOM);
  t.dy = arena_floats (&a, n_y, FILL_RANDOM);
  y = convolve (&t);
  test.outputs[0] = (Output){ "y", n_y, NULL, NULL, y, LIMIT, 0 };
  if (dx)
    test.outputs[test.n_outputs++] = (Output){ "dx", n_x, NULL, t.x, NULL, LIMIT, 0 };
  if (dweight)
    test.outputs[test.n_outputs++] =
        (Output){ "dweight", n_weight, arena_floats (&a, n_weight, FILL_RANDOM), t.weight, NULL,
                  LIMIT,     0 };
  test.multiply_adds = 3.0 * (double)n_y * (double)(c->in * c->kernel * c->kernel);
  snprintf (test.what, sizeof test.what,
            "batch %lld in %lld %lld x %lld out %lld kernel %lld stride %lld padding %lld",
            (long long)c->batch, (long long)c->in, (long long)c->height, (long long)c->width,
            (long long)c->out, (long long)c->kernel, (long long)c->stride, (long long)c->padding);
  check (&test);
  free (y);
  arena_clear (&a);
}

void
check_convolution (void)
{
  static const CkConvolution shapes[] = {
    { 1, 1, 1, 1, 1, 1, 1, 0 },
    { 2, 3, 5, 7, 4, 3, 1, 1 },
    { 2, 2, 8, 5, 3, 3, 2, 1 },
    { 1, 3, 9, 8, 5, 7, 2, 3 },
    { 3, 5, 6, 4, 2, 1, 2, 0 }, /* the last row and column are never
                                                                  looked at */
    { 1, 2, 5, 6, 3, 2, 3, 0 },
    { 1, 1, 4, 4, 1, 4, 1, 3 },    /* more padding than picture in
                                                                  places */
    { 2, 3, 32, 32, 64, 7, 2, 3 }, /* the layers of a ResNet: oneDNN has kernels of their own for
                                      such */
    { 33, 16, 5, 5, 16, 3, 1, 1 }, /* a batch of slices of two and one left over */
    { 2, 64, 7, 7, 128, 3, 2, 1 }, /* output channels in blocks */
    { 67, 8, 4, 4, 192, 1, 2, 0 },
    { 3, 128, 3, 3, 128, 3, 1, 1 },
    { 2, 72, 5, 5, 68, 3, 2, 1 }, /* backward in large tiles of a GPU, some of whose pixels have no
                                     tap */
    /* large tiles of a GPU of three processors: forward, of the input, of the filters */
    { 2, 3, 12, 12, 70, 1, 1, 0 },
    { 2, 70, 12, 12, 3, 1, 1, 0 },
    { 1, 8, 24, 24, 5, 3, 1, 1 },
  };

  case_begin ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    floats_align (s % 2 == 0); /* as in a network */
    check_convolution_one (&shapes[s], true, true);
    floats_align (false);
  }
  check_convolution_one (&shapes[1], false, true);
  check_convolution_one (&shapes[1], true, false);
  check_convolution_one (&shapes[1], false, false);
  case_end ("convolution", "all");
}

/* 3 x 3 with stride 1, which is transformed: several chunks of tiles, slices of the batch, blocks
 * of either side; fewer pixels than a tile has, and channels that fill no vector. */
void
check_convolution_3x3 (void)
{
  static const CkConvolution shapes[] = {
    { 9, 64, 14, 14, 64, 3, 1, 1 },
    { 2, 16, 1, 63, 150, 3, 1, 1 },
    { 3, 150, 64, 1, 17, 3, 1, 1 },
    { 1, 33, 30, 15, 16, 3, 1, 1 },
  };

  case_begin ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    check_convolution_one (&shapes[s], true, true);
  check_convolution_one (&shapes[1], false, true);
  check_convolution_one (&shapes[1], true, false);
  case_end ("convolution-3x3", "all");
}

/* What the CPU says beforehand of the scratch memory of a convolution is what it then has. */
static void
check_scratch (const CkConvolution *c, bool training)
{
  CkStream *stream = stream_open ("cpu", "auto", 2);
  const CkCpuStream *cpu = (const CkCpuStream *)stream;
  const CkMemoryPlan plan = { .n_convolutions = 1, .convolutions = c, .training = training };
  const int64_t n = c->batch * c->height * c->width, n_weight = c->in * c->out * 9;
  float *x = calloc ((size_t)(n * c->in), sizeof *x), *y = calloc ((size_t)(n * c->out), sizeof *y),
        *weight = calloc ((size_t)n_weight, sizeof *x),
        *dx = malloc ((size_t)(n * c->in) * sizeof *x),
        *dweight = calloc ((size_t)n_weight, sizeof *x);
  const size_t planned = ck_scratch_bytes (stream->device, &plan);

  CHECK (stream->operations->convolution (stream, c, x, weight, y) == CK_OK);
  if (training)
    CHECK (stream->training->convolution_backward (stream, c, x, weight, y, dx, dweight) == CK_OK);
  CHECK (ck_winograd_takes (cpu, c) ? planned == cpu->planes.bytes : planned == 0);
  free (x);
  free (y);
  free (weight);
  free (dx);
  free (dweight);
  stream_close (stream);
}

void
check_convolution_memory (void)
{
  static const CkConvolution shapes[] = {
    { 2, 64, 56, 56, 64, 3, 1, 1 },
    { 3, 256, 14, 14, 256, 3, 1, 1 },
    { 1, 512, 7, 7, 512, 3, 1, 1 }, /* few tiles: oneDNN's */
  };
  const char *replaced = getenv ("COWBEHAVIOR_TEST_DEVICE");

  case_begin ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes && replaced == NULL; s++) {
    check_scratch (&shapes[s], false);
    check_scratch (&shapes[s], true);
  }
  case_end ("convolution-memory", "cpu");
}

/* ---- batch norm ------------------------------------------------------------------------------ */

typedef struct {
  int64_t rows, channels;
  CkActivation activation;
  bool training, in_place, parameters;
  float *x, *weight, *bias, *residual; /* residual or NULL */
  float *dy, *y;                       /* y: of the forward */
  float *saved;                        /* [2, channels]: what a forward in training keeps */
  float *mean, *variance;              /* running, before */
  double *values; /* [4, channels]: batch mean, batch variance, and the two after which x is
                     normalised */
  bool *passes; /* [rows, channels]: where the activation lets the gradient through; NULL: not made
                   yet */
} BatchNorm;

static void
put_statistics (const BatchNorm *t)
{
  for (int64_t c = 0; c < t->channels; c++) {
    double *mean = t->values + c, *variance = mean + t->channels;

    *mean = *variance = 0;
    for (int64_t row = 0; row < t->rows; row++)
      *mean += t->x[row * t->channels + c] / (double)t->rows;
    for (int64_t row = 0; row < t->rows; row++)
      *variance += pow (t->x[row * t->channels + c] - *mean, 2) / (double)t->rows;
    mean[2 * t->channels] = t->training ? *mean : t->mean[c];
    mean[3 * t->channels] = t->training ? *variance : t->variance[c];
  }
}

static double
before_activation (const BatchNorm *t, int64_t i)
{
  const double *mean = t->values + 2 * t->channels, *variance = mean + t->channels;
  const int64_t c = i % t->channels;

  return (t->x[i] - mean[c]) / sqrt (variance[c] + 1e-5f) * t->weight[c] + t->bias[c] +
         (t->residual != NULL ? t->residual[i] : 0);
}

/* Which elements pass ReLU is that of the forward: differences must not step over its edge. */
static double
batch_norm_loss (const void *data)
{
  const BatchNorm *t = data;
  double sum = 0;

  put_statistics (t);
  for (int64_t i = 0; i < t->rows * t->channels; i++)
    sum += t->passes[i] ? before_activation (t, i) * t->dy[i] : 0;
  return sum;
}

/* Outputs: dx, dweight, dbias, dy. */
static CkStatus
run_batch_norm_backward (CkStream *stream, const void *data, float *const *outputs)
{
  const BatchNorm *t = data;
  const CkBatchNorm norm = { .rows = t->rows,
                             .channels = t->channels,
                             .epsilon = 1e-5f,
                             .weight = D (t->weight),
                             .bias = D (t->bias),
                             .activation = t->activation,
                             .saved_mean = D (t->saved),
                             .saved_inverse = D (t->saved) + t->channels };
  const float *x = t->x;

  if (t->in_place)
    x = memcpy (outputs[0], t->x, (size_t)(t->rows * t->channels) * sizeof (float));
  return stream->training->batch_norm_backward (
      stream, &norm, D (x), D (t->y), D (outputs[3]), D (outputs[0]),
      t->parameters ? D (outputs[1]) : NULL, t->parameters ? D (outputs[2]) : NULL);
}

/* Outputs: y, running mean, running variance, and in training the saved mean and inverse. */
static CkStatus
run_batch_norm (CkStream *stream, const void *data, float *const *outputs)
{
  const BatchNorm *t = data;
  CkBatchNorm norm = { .rows = t->rows,
                       .channels = t->channels,
                       .epsilon = 1e-5f,
                       .weight = D (t->weight),
                       .bias = D (t->bias),
                       .residual = D (t->residual),
                       .activation = t->activation,
                       .running_mean = D (outputs[1]),
                       .running_variance = D (outputs[2]) };

  if (t->training) {
    norm.saved_mean = D (outputs[3]);
    norm.saved_inverse = D (outputs[4]);
  }
  return stream->operations->batch_norm (stream, &norm, t->training, D (t->x), D (outputs[0]));
}

static void
check_batch_norm_forward (BatchNorm *t, const char *what)
{
  const int64_t n = t->rows * t->channels, m = t->channels;
  double *want = malloc ((size_t)(n + 4 * m) * sizeof *want);
  Test test = { .data = t, .run = run_batch_norm, .n_outputs = t->training ? 5 : 3 };

  put_statistics (t);
  for (int64_t i = 0; i < n; i++) {
    want[i] = before_activation (t, i);
    if (t->activation == CK_RELU)
      want[i] = fmax (want[i], 0);
  }
  for (int64_t c = 0; c < m; c++) {
    const double mean = t->values[c], variance = t->values[m + c];

    want[n + c] = t->training ? 0.9 * t->mean[c] + 0.1 * mean : t->mean[c];
    want[n + m + c] = t->training ? 0.9 * t->variance[c] +
                                        0.1 * variance * (double)t->rows / (double)(t->rows - 1)
                                  : t->variance[c];
    want[n + 2 * m + c] = mean;
    want[n + 3 * m + c] = 1 / sqrt (variance + 1e-5f);
  }
  test.outputs[0] = (Output){ "y", n, NULL, NULL, want, LIMIT, 1 };
  test.outputs[1] = (Output){ "running mean", m, t->mean, NULL, want + n, 3e-7, 1 };
  test.outputs[2] = (Output){ "running variance", m, t->variance, NULL, want + n + m, 3e-7, 0 };
  test.outputs[3] = (Output){ "saved mean", m, NULL, NULL, want + n + 2 * m, 3e-7, 1 };
  test.outputs[4] = (Output){ "saved inverse", m, NULL, NULL, want + n + 3 * m, 3e-7, 0 };
  snprintf (test.what, sizeof test.what, "%s", what);
  check (&test);
  free (want);
}

static void
check_batch_norm_backward (BatchNorm *t, Arena *a, const char *what)
{
  const int64_t n = t->rows * t->channels, m = t->channels;
  double *y = malloc ((size_t)n * sizeof *y), *g = malloc ((size_t)n * sizeof *g);
  double largest_term = 0; /* dx's are as large as 1 / the deviation of their channel */
  Test test = { .data = t,
                .run = run_batch_norm_backward,
                .loss = batch_norm_loss,
                .each = n < 500,
                .n_outputs = 4 };

  put_statistics (t);
  t->passes = malloc ((size_t)n * sizeof *t->passes);
  for (int64_t i = 0; i < n; i++) {
    y[i] = before_activation (t, i);
    t->passes[i] = t->activation == CK_IDENTITY || y[i] > 0;
    y[i] = t->passes[i] ? y[i] : 0;
    g[i] = t->passes[i] ? t->dy[i] : 0;
  }
  t->y = arena_rounded (a, y, n);
  t->saved = arena_floats (a, 2 * m, FILL_ZERO);
  for (int64_t c = 0; c < m; c++) {
    t->saved[c] = (float)t->values[c];
    t->saved[m + c] = (float)(1 / sqrt (t->values[m + c] + 1e-5f));
    largest_term = fmax (largest_term, t->saved[m + c]);
  }
  test.outputs[0] = (Output){ "dx", n, NULL, t->x, NULL, LIMIT, largest_term };
  test.outputs[1] =
      (Output){ "dweight", m, arena_floats (a, m, FILL_RANDOM), t->weight, NULL, LIMIT, 0 };
  test.outputs[2] =
      (Output){ "dbias", m, arena_floats (a, m, FILL_RANDOM), t->bias, NULL, LIMIT, 0 };
  test.outputs[3] = (Output){ "dy", n, t->dy, NULL, g, 0, 0 };
  if (!t->parameters) {
    test.outputs[1].want = test.outputs[2].want = g; /* not written: as before */
    test.outputs[1].input = test.outputs[2].input = NULL;
    test.outputs[1].n = test.outputs[2].n = 0;
  }
  snprintf (test.what, sizeof test.what, "%s", what);
  check (&test);
  free (y);
  free (g);
  free (t->passes);
}

/* kind: bits for ReLU, residual, in place and without parameters' gradients. */
static void
check_batch_norm_one (int64_t rows, int64_t channels, float offset, int kind)
{
  Arena a = { 0 };
  BatchNorm t = { .rows = rows,
                  .channels = channels,
                  .activation = kind & 1 ? CK_RELU : CK_IDENTITY };
  char what[120];

  t.in_place = (kind & 4) != 0;
  t.parameters = (kind & 8) == 0;
  t.values = malloc ((size_t)(4 * channels) * sizeof *t.values);
  t.x = arena_floats (&a, rows * channels, FILL_RANDOM);
  t.dy = arena_floats (&a, rows * channels, FILL_RANDOM);
  t.residual = kind & 2 ? arena_floats (&a, rows * channels, FILL_RANDOM) : NULL;
  t.weight = arena_floats (&a, channels, FILL_RANDOM);
  t.bias = arena_floats (&a, channels, FILL_RANDOM);
  t.mean = arena_floats (&a, channels, FILL_RANDOM);
  t.variance = arena_floats (&a, channels, FILL_RANDOM);
  for (int64_t i = 0; i < rows * channels; i++)
    t.x[i] += offset;
  for (int64_t c = 0; c < channels; c++)
    t.variance[c] += 1.5f;
  snprintf (what, sizeof what, "rows %lld channels %lld offset %g kind %x", (long long)rows,
            (long long)channels, offset, kind);
  check_batch_norm_forward (&t, what); /* with the running statistics */
  t.training = true;
  check_batch_norm_forward (&t, what);
  check_batch_norm_backward (&t, &a, what);
  free (t.values);
  arena_clear (&a);
}

void
check_batch_norm (void)
{
  /* fewer rows than a task takes, as many, more; fewer channels than a vector */
  static const int64_t shapes[][2] = { { 2, 1 },   { 5, 7 },    { 63, 3 },  { 64, 8 },
                                       { 65, 17 }, { 300, 64 }, { 1000, 5 } };

  case_begin ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int kind = 0; kind < 16; kind++)
      check_batch_norm_one (shapes[s][0], shapes[s][1], kind == 1 ? 3 : 0, kind);
  case_end ("batch-norm", "all");
}

/* ---- pooling --------------------------------------------------------------------------------- */

typedef struct {
  int64_t batch, height, width, channels;
  float *x, *dy, *dmean;
  uint8_t *places; /* and a guard */
  size_t n_places;
} Pooling;

/* Outputs: max pool's y and dx, mean pool's y and dx, planes to channels last. */
static CkStatus
run_pooling (CkStream *stream, const void *data, float *const *outputs)
{
  const Pooling *p = data;
  const CkTraining *training = stream->training;
  const CkOperations *operations = stream->operations;
  const int64_t area = p->height * p->width;
  uint8_t *places = D_BYTES (p->places, p->n_places);
  CkStatus status;

  status = operations->max_pool (stream, p->batch, p->height, p->width, p->channels, D (p->x),
                                 D (outputs[0]), places);
  if (status == CK_OK)
    status = training->max_pool_backward (stream, p->batch, p->height, p->width, p->channels,
                                          D (p->dy), places, D (outputs[1]));
  if (status == CK_OK)
    status = operations->mean_pool (stream, p->batch, area, p->channels, D (p->x), D (outputs[2]));
  if (status == CK_OK)
    status = training->mean_pool_backward (stream, p->batch, area, p->channels, D (p->dmean),
                                           D (outputs[3]));
  if (status == CK_OK)
    status =
        operations->channels_last (stream, p->batch, p->channels, area, D (p->x), D (outputs[4]));
  return status;
}

/* y, and the index in x of what each is the maximum of: the first of equals. */
static void
reference_max_pool (const Pooling *p, double *y, double *dx)
{
  const int64_t out_height = (p->height + 1) / 2, out_width = (p->width + 1) / 2;

  for (int64_t i = 0; i < p->batch * out_height * out_width * p->channels; i++) {
    const int64_t c = i % p->channels, col = i / p->channels % out_width,
                  row = i / p->channels / out_width % out_height;
    const int64_t b = i / p->channels / out_width / out_height;
    int64_t best = -1;

    for (int64_t iy = 2 * row - 1; iy <= 2 * row + 1; iy++) {
      for (int64_t ix = 2 * col - 1; ix <= 2 * col + 1; ix++) {
        const int64_t at = ((b * p->height + iy) * p->width + ix) * p->channels + c;

        if (iy >= 0 && iy < p->height && ix >= 0 && ix < p->width &&
            (best < 0 || p->x[at] > p->x[best]))
          best = at;
      }
    }
    y[i] = p->x[best];
    dx[best] += p->dy[i];
  }
}

/* With `ties`, x has but three values, so that most windows hold equals. */
static void
check_pooling_one (const int64_t *shape, bool ties)
{
  Arena a = { 0 };
  Pooling p = { .batch = shape[0], .height = shape[1], .width = shape[2], .channels = shape[3] };
  const int64_t area = p.height * p.width, n = p.batch * area * p.channels,
                few = p.batch * p.channels;
  const int64_t n_y = p.batch * ((p.height + 1) / 2) * ((p.width + 1) / 2) * p.channels;
  double *want = calloc ((size_t)(n_y + 3 * n + few), sizeof *want);
  double *dx = want + n_y, *mean = dx + n, *dmean = mean + few, *last = dmean + n;
  Test test = { .data = &p, .run = run_pooling, .n_outputs = 5 };

  p.x = arena_floats (&a, n, FILL_RANDOM);
  p.dy = arena_floats (&a, n_y, FILL_RANDOM);
  p.dmean = arena_floats (&a, few, FILL_RANDOM);
  p.n_places = (size_t)n_y + 1;
  p.places = calloc (p.n_places, 1);
  p.places[n_y] = 0xa5;
  for (int64_t i = 0; i < n && ties; i++)
    p.x[i] = p.x[i] > 0.3f ? 1 : p.x[i] > -0.3f ? 0 : -1;
  reference_max_pool (&p, want, dx);
  for (int64_t i = 0; i < n; i++) {
    const int64_t c = i % p.channels, b = i / p.channels / area, pixel = i / p.channels % area;

    mean[b * p.channels + c] += p.x[i] / (double)area;
    dmean[i] = p.dmean[b * p.channels + c] / (double)area;
    last[i] = p.x[(b * p.channels + c) * area + pixel];
  }
  test.outputs[0] = (Output){ "max", n_y, NULL, NULL, want, 0, 0 };
  test.outputs[1] = (Output){ "dx of max", n, NULL, NULL, dx, 2e-7, 0 };
  test.outputs[2] = (Output){ "mean", few, NULL, NULL, mean, 2e-7, 1 };
  test.outputs[3] = (Output){ "dx of mean", n, NULL, NULL, dmean, 2e-7, 0 };
  test.outputs[4] = (Output){ "channels last", n, NULL, NULL, last, 0, 0 };
  snprintf (test.what, sizeof test.what, "batch %lld %lld x %lld channels %lld ties %d",
            (long long)p.batch, (long long)p.height, (long long)p.width, (long long)p.channels,
            ties);
  check (&test);
  CHECK (p.places[n_y] == 0xa5);
  free (p.places);
  free (want);
  arena_clear (&a);
}

void
check_pooling (void)
{
  static const int64_t shapes[][4] = { { 1, 1, 1, 1 }, { 2, 1, 5, 3 },    { 1, 2, 2, 7 },
                                       { 3, 7, 9, 8 }, { 2, 16, 12, 65 }, { 1, 33, 20, 2 } };

  case_begin ();
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    check_pooling_one (shapes[s], false);
    check_pooling_one (shapes[s], true);
  }
  case_end ("pooling", "all");
}
