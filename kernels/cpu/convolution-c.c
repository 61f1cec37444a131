/* SPDX-License-Identifier: MIT */
/*
 * Convolution in plain C, as its definition says: the oracle for oneDNN's. Every output number is
 * one sum in double precision that one thread makes, over the pairs of an input and an output pixel
 * that a place of the kernel joins.
 */
#include "kernels/cpu/convolution.h"
#include "kernels/shapes.h"

/* What a task needs to know of the shape. */
typedef struct {
  const CkConvolution *shape;
  int64_t out_height, out_width;
  int64_t taps; /* kernel kernel */
} Shape;

/* A call, forward or backward. */
typedef struct {
  Shape shape;
  const float *x, *weight, *dy;
  float *out; /* y, dx or dweight */
} Job;

static Shape
describe (const CkConvolution *c)
{
  return (Shape){ c, ck_convolution_out (c, c->height), ck_convolution_out (c, c->width),
                  c->kernel * c->kernel };
}

/* One number of y, from x of its picture and the weights [in, kernel, kernel] of its channel. */
static float
output_at (const Shape *s, int64_t row, int64_t col, const float *x, const float *weight)
{
  const CkConvolution *c = s->shape;
  double sum = 0;

  for (int64_t tap = 0; tap < s->taps; tap++) {
    const int64_t iy = row * c->stride - c->padding + tap / c->kernel,
                  ix = col * c->stride - c->padding + tap % c->kernel;

    if (iy < 0 || iy >= c->height || ix < 0 || ix >= c->width)
      continue;
    for (int64_t i = 0; i < c->in; i++)
      sum += (double)x[(iy * c->width + ix) * c->in + i] * weight[i * s->taps + tap];
  }
  return (float)sum;
}

static CkStatus
make_row (const void *data, int64_t row, int member)
{
  const Job *job = data;
  const Shape *s = &job->shape;
  const CkConvolution *c = s->shape;
  const float *picture = job->x + row / s->out_height * c->height * c->width * c->in;

  for (int64_t col = 0; col < s->out_width; col++)
    for (int64_t o = 0; o < c->out; o++)
      job->out[(row * s->out_width + col) * c->out + o] =
          output_at (s, row % s->out_height, col, picture, job->weight + o * c->in * s->taps);
  return CK_OK;
}

static CkStatus
forward (CkCpuStream *cpu, const CkConvolution *c, const float *x, const float *weight, float *y)
{
  const Job job = { .shape = describe (c), .x = x, .weight = weight, .out = y };

  return ck_team_run (cpu->threads, c->batch * job.shape.out_height, make_row, &job);
}

/* Where the output lies that a place of the kernel joins with an input; false when it falls between
 * two or outside. */
static bool
joined (int64_t input, int64_t place, int64_t outputs, const CkConvolution *c, int64_t *output)
{
  const int64_t at = input + c->padding - place;

  *output = at / c->stride;
  return at >= 0 && at % c->stride == 0 && *output < outputs;
}

/* One number of dx; dy points to its picture, weight [kernel, kernel] to its channel in the first
 * filter. */
static float
input_gradient (const Shape *s, int64_t iy, int64_t ix, const float *dy, const float *weight)
{
  const CkConvolution *c = s->shape;
  double sum = 0;

  for (int64_t tap = 0; tap < s->taps; tap++) {
    int64_t row, col;

    if (!joined (iy, tap / c->kernel, s->out_height, c, &row) ||
        !joined (ix, tap % c->kernel, s->out_width, c, &col))
      continue;
    for (int64_t o = 0; o < c->out; o++)
      sum +=
          (double)dy[(row * s->out_width + col) * c->out + o] * weight[o * c->in * s->taps + tap];
  }
  return (float)sum;
}

/* One number of dweight. */
static float
weight_gradient (const Shape *s, int64_t o, int64_t i, int64_t tap, const float *x, const float *dy)
{
  const CkConvolution *c = s->shape;
  double sum = 0;

  for (int64_t row = 0; row < c->batch * s->out_height; row++) {
    const int64_t iy = row % s->out_height * c->stride - c->padding + tap / c->kernel,
                  picture = row / s->out_height * c->height;

    if (iy < 0 || iy >= c->height)
      continue;
    for (int64_t col = 0; col < s->out_width; col++) {
      const int64_t ix = col * c->stride - c->padding + tap % c->kernel;

      if (ix >= 0 && ix < c->width)
        sum += (double)x[((picture + iy) * c->width + ix) * c->in + i] *
               dy[(row * s->out_width + col) * c->out + o];
    }
  }
  return (float)sum;
}

/* A row of dx. */
static CkStatus
make_input_row (const void *data, int64_t row, int member)
{
  const Job *job = data;
  const Shape *s = &job->shape;
  const CkConvolution *c = s->shape;
  const float *picture = job->dy + row / c->height * s->out_height * s->out_width * c->out;

  for (int64_t col = 0; col < c->width; col++)
    for (int64_t i = 0; i < c->in; i++)
      job->out[(row * c->width + col) * c->in + i] =
          input_gradient (s, row % c->height, col, picture, job->weight + i * s->taps);
  return CK_OK;
}

/* One filter of dweight. */
static CkStatus
add_filter (const void *data, int64_t o, int member)
{
  const Job *job = data;
  const Shape *s = &job->shape;
  const int64_t n = s->shape->in * s->taps;

  for (int64_t k = 0; k < n; k++)
    job->out[o * n + k] += weight_gradient (s, o, k / s->taps, k % s->taps, job->x, job->dy);
  return CK_OK;
}

static CkStatus
backward (CkCpuStream *cpu, const CkConvolution *c, const float *x, const float *weight,
          const float *dy, float *dx, float *dweight)
{
  const Shape s = describe (c);
  const Job to_input = { .shape = s, .weight = weight, .dy = dy, .out = dx };
  const Job to_weights = { .shape = s, .x = x, .dy = dy, .out = dweight };

  if (dx != NULL)
    ck_team_run (cpu->threads, c->batch * c->height, make_input_row, &to_input);
  if (dweight != NULL)
    ck_team_run (cpu->threads, c->out, add_filter, &to_weights);
  return CK_OK;
}

const CkConvolutionOps ck_convolution_c = { forward, backward };
