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
#define CHANNELS 64  /* a task of adding up */
#define MOMENTUM 0.1 /* of the running statistics */

static int64_t
count_chunks (int64_t rows)
{
  return rows / CHUNK + (rows % CHUNK != 0);
}

/* A call, forward or backward. */
typedef struct {
  const CkBatchNorm *norm;
  bool training;
  const float *x, *y;
  float *out;    /* y, or dx */
  float *dy;     /* and then the gradient before the activation */
  float *factor; /* [channels] what is multiplied by */
  float *mean_g, *mean_gh, *dweight, *dbias;
  float *sums; /* [chunks, 3, channels], or backward [chunks, 2, channels] */
} Job;

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
static CkStatus
sum_chunk (const void *data, int64_t chunk, int member)
{
  const Job *job = data;
  const int64_t n = job->norm->channels, first = chunk * CHUNK,
                rows = ck_min (CHUNK, job->norm->rows - first);
  const float *x = job->x + first * n;
  float *sums = job->sums + 3 * chunk * n;
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
  return CK_OK;
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

static CkStatus
finish_channels (const void *data, int64_t first, int64_t end, int member)
{
  const Job *job = data;
  const CkBatchNorm *norm = job->norm;

  for (int64_t c = first; c < end; c++) {
    if (job->training)
      finish_channel (norm, job->sums, c);
    job->factor[c] =
        norm->weight[c] *
        (job->training ? norm->saved_inverse[c]
                       : (float)(1 / sqrt ((double)norm->running_variance[c] + norm->epsilon)));
  }
  return CK_OK;
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

static CkStatus
make_rows (const void *data, int64_t first, int64_t end, int member)
{
  const Job *job = data;
  const float *mean = job->training ? job->norm->saved_mean : job->norm->running_mean;

  for (int64_t row = first; row < end; row++)
    make_row (job->norm, row, mean, job->factor, job->x, job->out);
  return CK_OK;
}

CkStatus
ck_cpu_batch_norm (CkStream *self, const CkBatchNorm *norm, bool training, const float *x, float *y)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkStatus status = ck_check_batch_norm (norm, training);
  Job job = { .norm = norm, .training = training, .x = x, .out = y };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  job.factor = reserve (cpu, norm, training ? 3 : 0, 1);
  if (job.factor == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  job.sums = job.factor + norm->channels;
  ck_team_run (cpu->threads, training ? count_chunks (norm->rows) : 0, sum_chunk, &job);
  ck_team_run_chunks (cpu->threads, norm->channels, CHANNELS, finish_channels, &job);
  return ck_team_run_chunks (cpu->threads, norm->rows, CHUNK, make_rows, &job);
}

/* ---- backward -------------------------------------------------------------------------------- */

/* One chunk: dy becomes the gradient g before the activation; sums [2, channels] those of g and of
 * g h, h being the normalised x. */
static CkStatus
sum_gradients (const void *data, int64_t chunk, int member)
{
  const Job *job = data;
  const CkBatchNorm *norm = job->norm;
  const int64_t n = norm->channels, first = chunk * CHUNK,
                rows = ck_min (CHUNK, norm->rows - first);
  const float *x = job->x + first * n, *y = job->y + first * n;
  float *dy = job->dy + first * n, *sums = job->sums + 2 * chunk * n;
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
  return CK_OK;
}

/* A channel's sums from its chunks', which also are its parameters' gradients. */
static void
finish_gradient (const Job *job, int64_t c)
{
  const int64_t n = job->norm->channels, chunks = count_chunks (job->norm->rows);
  double g = 0, gh = 0;

  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    g += job->sums[2 * chunk * n + c];
    gh += job->sums[(2 * chunk + 1) * n + c];
  }
  job->mean_g[c] = (float)(g / (double)job->norm->rows);
  job->mean_gh[c] = (float)(gh / (double)job->norm->rows);
  if (job->dweight != NULL)
    job->dweight[c] += (float)gh;
  if (job->dbias != NULL)
    job->dbias[c] += (float)g;
}

static CkStatus
finish_gradients (const void *data, int64_t first, int64_t end, int member)
{
  for (int64_t c = first; c < end; c++)
    finish_gradient (data, c);
  return CK_OK;
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

static CkStatus
make_gradient_rows (const void *data, int64_t first, int64_t end, int member)
{
  const Job *job = data;
  const int64_t n = job->norm->channels;

  for (int64_t row = first; row < end; row++)
    make_gradient_row (job->norm, job->mean_g, job->mean_gh, job->x + row * n, job->dy + row * n,
                       job->out + row * n);
  return CK_OK;
}

CkStatus
ck_cpu_batch_norm_backward (CkStream *self, const CkBatchNorm *norm, const float *x, const float *y,
                            float *dy, float *dx, float *dweight, float *dbias)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  const CkStatus status = ck_check_batch_norm (norm, true);
  Job job = {
    .norm = norm, .x = x, .y = y, .out = dx, .dy = dy, .dweight = dweight, .dbias = dbias
  };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  job.mean_g = reserve (cpu, norm, 2, 2);
  if (job.mean_g == NULL)
    return ck_cpu_finish (cpu, CK_NO_MEMORY);
  job.mean_gh = job.mean_g + norm->channels;
  job.sums = job.mean_gh + norm->channels;
  ck_team_run (cpu->threads, count_chunks (norm->rows), sum_gradients, &job);
  ck_team_run_chunks (cpu->threads, norm->channels, CHANNELS, finish_gradients, &job);
  return ck_team_run_chunks (cpu->threads, norm->rows, CHUNK, make_gradient_rows, &job);
}
