/* SPDX-License-Identifier: MIT */
/*
 * Batch norm. Sums over a channel's rows are made in two steps: a task sums a chunk of rows in
 * floats, then the chunks' sums are added up in double precision in their order, whichever thread
 * made them. What is left are loops over rows, as fast as memory.
 */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#include <math.h>
#include <string.h>

#define CHUNK    64  /* rows a task */
#define MOMENTUM 0.1 /* of the running statistics */

static int64_t
count_chunks (int64_t rows)
{
  return rows / CHUNK + (rows % CHUNK != 0);
}

/* `a_chunk` floats a channel and chunk, then `once` a channel. */
static float *
reserve (CkCpuStream *cpu, const CkBatchNorm *norm, int64_t a_chunk, int64_t once)
{
  size_t bytes;

  if (!ck_size_product (count_chunks (norm->rows) * a_chunk + once, norm->channels, sizeof (float),
                        &bytes))
    return NULL;
  return ck_scratch_get (&cpu->planes, bytes);
}

/* ---- forward --------------------------------------------------------------------------------- */

/*
 * One chunk: sums [3, channels] become its mean, the sum of what is left of x without that mean,
 * and the sum of its squares. The second makes up for the rounding of the first, and no variance is
 * a difference of large numbers.
 */
static void
sum_chunk (const CkBatchNorm *norm, const float *x, int64_t rows, float *sums)
{
  const int64_t n = norm->channels;
  float *mean = sums, *rest = sums + n, *squares = sums + 2 * n;
  const float share = 1 / (float)rows;

  memset (sums, 0, (size_t)(3 * n) * sizeof (float));
  for (int64_t row = 0; row < rows; row++) {
#pragma omp simd
    for (int64_t c = 0; c < n; c++)
      mean[c] += share * x[row * n + c];
  }
  for (int64_t row = 0; row < rows; row++) {
#pragma omp simd
    for (int64_t c = 0; c < n; c++) {
      const float d = x[row * n + c] - mean[c];
      rest[c] += d;
      squares[c] += d * d;
    }
  }
}

/* A channel's mean and variance from its chunks' sums; into what is saved and what runs. */
static void
finish_channel (const CkBatchNorm *norm, const float *sums, int64_t c)
{
  const int64_t n = norm->channels, chunks = count_chunks (norm->rows);
  double mean = 0, squares = 0;

  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    const double rows = (double)ck_min (CHUNK, norm->rows - chunk * CHUNK);
    mean += rows * sums[3 * chunk * n + c] + sums[(3 * chunk + 1) * n + c];
  }
  mean /= (double)norm->rows;
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    const double rows = (double)ck_min (CHUNK, norm->rows - chunk * CHUNK),
                 d = sums[3 * chunk * n + c] - mean;
    squares += sums[(3 * chunk + 2) * n + c] + 2 * d * sums[(3 * chunk + 1) * n + c] + rows * d * d;
  }
  squares = fmax (squares, 0);
  norm->saved_mean[c] = (float)mean;
  norm->saved_inverse[c] = (float)(1 / sqrt (squares / (double)norm->rows + norm->epsilon));
  norm->running_mean[c] = (float)((1 - MOMENTUM) * norm->running_mean[c] + MOMENTUM * mean);
  norm->running_variance[c] = (float)((1 - MOMENTUM) * norm->running_variance[c] +
                                      MOMENTUM * squares / (double)(norm->rows - 1));
}

static void
make_row (const CkBatchNorm *norm, int64_t row, const float *mean, const float *factor,
          const float *x, float *y)
{
  const int64_t n = norm->channels;
  const float *residual = norm->residual != NULL ? norm->residual + row * n : NULL,
              *bias = norm->bias;
  const float least = norm->activation == CK_RELU ? 0 : -INFINITY;

  x += row * n;
  y += row * n;
  if (residual == NULL) {
#pragma omp simd
    for (int64_t c = 0; c < n; c++) {
      const float t = (x[c] - mean[c]) * factor[c] + bias[c];
      y[c] = t < least ? least : t;
    }
  } else {
#pragma omp simd
    for (int64_t c = 0; c < n; c++) {
      const float t = (x[c] - mean[c]) * factor[c] + bias[c] + residual[c];
      y[c] = t < least ? least : t;
    }
  }
}

CkStatus
ck_cpu_batch_norm (CkStream *self, const CkBatchNorm *norm, bool training, const float *x, float *y)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkStatus status = ck_check_batch_norm (norm, training);
  const float *mean = training ? norm->saved_mean : norm->running_mean;
  int64_t chunks;
  float *factor, *sums;

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  factor = reserve (cpu, norm, training ? 3 : 0, 1);
  if (factor == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  sums = factor + norm->channels;
  chunks = training ? count_chunks (norm->rows) : 0;

#pragma omp parallel num_threads(cpu->threads)
  {
#pragma omp for schedule(static)
    for (int64_t chunk = 0; chunk < chunks; chunk++)
      sum_chunk (norm, x + chunk * CHUNK * norm->channels,
                 ck_min (CHUNK, norm->rows - chunk * CHUNK), sums + 3 * chunk * norm->channels);
#pragma omp for schedule(static)
    for (int64_t c = 0; c < norm->channels; c++) {
      if (training)
        finish_channel (norm, sums, c);
      factor[c] =
          norm->weight[c] *
          (training ? norm->saved_inverse[c]
                    : (float)(1 / sqrt ((double)norm->running_variance[c] + norm->epsilon)));
    }
#pragma omp for schedule(static)
    for (int64_t row = 0; row < norm->rows; row++)
      make_row (norm, row, mean, factor, x, y);
  }
  return CK_OK;
}

/* ---- backward -------------------------------------------------------------------------------- */

/* One chunk: dy becomes the gradient g before the activation; sums [2, channels] those of g and of
 * g h, h being the normalised x. */
static void
sum_gradients (const CkBatchNorm *norm, const float *x, const float *y, int64_t rows, float *dy,
               float *sums)
{
  const int64_t n = norm->channels;
  const float *mean = norm->saved_mean, *inverse = norm->saved_inverse;
  float *sum_g = sums, *sum_gh = sums + n;

  memset (sums, 0, (size_t)(2 * n) * sizeof (float));
  for (int64_t row = 0; row < rows; row++, x += n, y += n, dy += n) {
    if (norm->activation == CK_RELU) {
#pragma omp simd
      for (int64_t c = 0; c < n; c++)
        dy[c] = y[c] > 0 ? dy[c] : 0;
    }
#pragma omp simd
    for (int64_t c = 0; c < n; c++) {
      sum_g[c] += dy[c];
      sum_gh[c] += dy[c] * ((x[c] - mean[c]) * inverse[c]);
    }
  }
}

/* A channel's sums from its chunks', which also are its parameters' gradients. */
static void
finish_gradients (const CkBatchNorm *norm, const float *sums, int64_t c, float *mean_g,
                  float *mean_gh, float *dweight, float *dbias)
{
  const int64_t n = norm->channels, chunks = count_chunks (norm->rows);
  double g = 0, gh = 0;

  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    g += sums[2 * chunk * n + c];
    gh += sums[(2 * chunk + 1) * n + c];
  }
  mean_g[c] = (float)(g / (double)norm->rows);
  mean_gh[c] = (float)(gh / (double)norm->rows);
  if (dweight != NULL)
    dweight[c] += (float)gh;
  if (dbias != NULL)
    dbias[c] += (float)g;
}

/* dx = weight inverse (g - mean (g) - h mean (g h)) */
static void
make_gradient_row (const CkBatchNorm *norm, const float *mean_g, const float *mean_gh,
                   const float *x, const float *g, float *dx)
{
  const float *mean = norm->saved_mean, *inverse = norm->saved_inverse, *weight = norm->weight;

#pragma omp simd
  for (int64_t c = 0; c < norm->channels; c++) {
    const float h = (x[c] - mean[c]) * inverse[c];
    dx[c] = weight[c] * inverse[c] * (g[c] - mean_g[c] - h * mean_gh[c]);
  }
}

CkStatus
ck_cpu_batch_norm_backward (CkStream *self, const CkBatchNorm *norm, const float *x, const float *y,
                            float *dy, float *dx, float *dweight, float *dbias)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkStatus status = ck_check_batch_norm (norm, true);
  const int64_t n = norm->channels;
  float *mean_g, *sums;

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  mean_g = reserve (cpu, norm, 2, 2);
  if (mean_g == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  sums = mean_g + 2 * n;

#pragma omp parallel num_threads(cpu->threads)
  {
#pragma omp for schedule(static)
    for (int64_t chunk = 0; chunk < count_chunks (norm->rows); chunk++) {
      const int64_t at = chunk * CHUNK * n;
      sum_gradients (norm, x + at, y + at, ck_min (CHUNK, norm->rows - chunk * CHUNK), dy + at,
                     sums + 2 * chunk * n);
    }
#pragma omp for schedule(static)
    for (int64_t c = 0; c < n; c++)
      finish_gradients (norm, sums, c, mean_g, mean_g + n, dweight, dbias);
#pragma omp for schedule(static)
    for (int64_t row = 0; row < norm->rows; row++)
      make_gradient_row (norm, mean_g, mean_g + n, x + row * n, dy + row * n, dx + row * n);
  }
  return CK_OK;
}
