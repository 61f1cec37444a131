/* SPDX-License-Identifier: MIT */
/*
 * Batch norm. Sums over a channel's rows are made in two steps, as on the CPU: a block sums a chunk
 * of rows in floats, then the chunks' sums are added up in double precision in an order that the
 * shape alone decides.
 */
#include "kernels/cuda/batch-norm.h"

#include "kernels/cuda/kernel.h"

#define CHANNELS CK_CUDA_BATCH_NORM_CHANNELS
#define LANES    CK_CUDA_BATCH_NORM_LANES
#define EACH     CK_CUDA_BATCH_NORM_EACH
#define ROWS     CK_CUDA_BATCH_NORM_ROWS
#define MOMENTUM 0.1 /* of the running statistics */

namespace
{

/* What a thread of a block of rows and channels works on. */
struct Place {
  int in_strip, lane;
  int64_t channel, chunk, first; /* row of the thread; then every LANES-th */
  bool inside;                   /* the channel is one */
};

__device__ __forceinline__ Place
place_of (const CkCudaBatchNorm &a)
{
  Place place;

  place.in_strip = threadIdx.x % CHANNELS;
  place.lane = threadIdx.x / CHANNELS;
  place.channel = (int64_t)(blockIdx.x % a.strips) * CHANNELS + place.in_strip;
  place.chunk = blockIdx.x / a.strips;
  place.first = place.chunk * ROWS + place.lane;
  place.inside = place.channel < a.channels;
  return place;
}

struct Shared {
  float part[3][LANES][CHANNELS];
};

/* The sum over the threads of a channel. Each `part` serves for one sum of a block. */
__device__ __forceinline__ float
sum_lanes (const Place &at, float value, float (&part)[LANES][CHANNELS])
{
  part[at.lane][at.in_strip] = value;
  __syncthreads ();
  value = part[0][at.in_strip];
#pragma unroll
  for (int lane = 1; lane < LANES; lane++)
    value += part[lane][at.in_strip];
  return value;
}

} /* namespace */

/* ---- forward --------------------------------------------------------------------------------- */

/*
 * One chunk: its mean, the sum of what is left of x without that mean, and the sum of its squares.
 * The second makes up for the rounding of the first, and no variance is a difference of large
 * numbers.
 */
CK_KERNEL (ck_cuda_batch_norm_sums, CkCudaBatchNorm, CK_CUDA_BATCH_NORM_THREADS)
{
  CK_SHARED (Shared, shared);
  const Place at = place_of (a);
  const int64_t left = a.rows - at.chunk * ROWS;
  float x[EACH], sum = 0, squares = 0, mean;

#pragma unroll
  for (int i = 0; i < EACH; i++) {
    const int64_t row = at.first + i * LANES;

    x[i] = at.inside && row < a.rows ? a.x[row * a.channels + at.channel] : 0;
    sum += x[i];
  }
  mean = sum_lanes (at, sum, shared.part[0]) / (float)(left < ROWS ? left : ROWS);
  sum = 0;
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    const float d = at.first + i * LANES < a.rows ? x[i] - mean : 0;

    sum += d;
    squares += d * d;
  }
  sum = sum_lanes (at, sum, shared.part[1]);
  squares = sum_lanes (at, squares, shared.part[2]);
  if (at.lane == 0 && at.inside) {
    float *sums = a.sums + at.chunk * 3 * a.channels + at.channel;

    sums[0] = mean;
    sums[a.channels] = sum;
    sums[2 * a.channels] = squares;
  }
}

namespace
{

struct FinishShared {
  double part[2][CK_CUDA_BATCH_NORM_FINISH_LANES][CK_CUDA_BATCH_NORM_FINISH_CHANNELS];
};

__device__ __forceinline__ double
finish_lanes (int lane, int in_strip,
              double (&part)[CK_CUDA_BATCH_NORM_FINISH_LANES][CK_CUDA_BATCH_NORM_FINISH_CHANNELS],
              double value)
{
  part[lane][in_strip] = value;
  __syncthreads ();
  value = part[0][in_strip];
  for (int i = 1; i < CK_CUDA_BATCH_NORM_FINISH_LANES; i++)
    value += part[i][in_strip];
  return value;
}

__device__ __forceinline__ double
rows_of (const CkCudaBatchNorm &a, int64_t chunk)
{
  const int64_t left = a.rows - chunk * ROWS;

  return (double)(left < ROWS ? left : ROWS);
}

} /* namespace */

/* A channel's mean and variance from its chunks' sums; into what is saved and what runs. */
CK_KERNEL (ck_cuda_batch_norm_statistics, CkCudaBatchNorm,
           CK_CUDA_BATCH_NORM_FINISH_CHANNELS *CK_CUDA_BATCH_NORM_FINISH_LANES)
{
  CK_SHARED (FinishShared, shared);
  const int in_strip = threadIdx.x % CK_CUDA_BATCH_NORM_FINISH_CHANNELS,
            lane = threadIdx.x / CK_CUDA_BATCH_NORM_FINISH_CHANNELS;
  const int64_t c = (int64_t)blockIdx.x * CK_CUDA_BATCH_NORM_FINISH_CHANNELS + in_strip,
                n = a.channels, chunks = c < n ? a.chunks : 0;
  const float *sums = a.sums + c;
  double mean = 0, squares = 0;

  for (int64_t chunk = lane; chunk < chunks; chunk += CK_CUDA_BATCH_NORM_FINISH_LANES)
    mean += rows_of (a, chunk) * sums[3 * chunk * n] + sums[(3 * chunk + 1) * n];
  mean = finish_lanes (lane, in_strip, shared.part[0], mean) / (double)a.rows;
  for (int64_t chunk = lane; chunk < chunks; chunk += CK_CUDA_BATCH_NORM_FINISH_LANES) {
    const double d = sums[3 * chunk * n] - mean;

    squares +=
        sums[(3 * chunk + 2) * n] + 2 * d * sums[(3 * chunk + 1) * n] + rows_of (a, chunk) * d * d;
  }
  squares = fmax (finish_lanes (lane, in_strip, shared.part[1], squares), 0.0);
  if (lane != 0 || c >= n)
    return;
  a.saved_mean[c] = (float)mean;
  a.saved_inverse[c] = (float)(1 / sqrt (squares / (double)a.rows + a.epsilon));
  a.running_mean[c] = (float)((1 - MOMENTUM) * a.running_mean[c] + MOMENTUM * mean);
  a.running_variance[c] =
      (float)((1 - MOMENTUM) * a.running_variance[c] + MOMENTUM * squares / (double)(a.rows - 1));
}

CK_KERNEL (ck_cuda_batch_norm_rows, CkCudaBatchNorm, CK_CUDA_BATCH_NORM_THREADS)
{
  const Place at = place_of (a);
  float mean, factor, bias;

  if (!at.inside)
    return;
  mean = a.mean[at.channel];
  factor = a.weight[at.channel] * (a.inverse != nullptr
                                       ? a.inverse[at.channel]
                                       : 1 / sqrtf (a.variance[at.channel] + a.epsilon));
  bias = a.bias[at.channel];
#pragma unroll 8
  for (int i = 0; i < EACH; i++) {
    const int64_t row = at.first + i * LANES, place = row * a.channels + at.channel;

    if (row < a.rows) {
      float t = (a.x[place] - mean) * factor + bias;

      if (a.residual != nullptr)
        t += a.residual[place];
      a.out[place] = a.relu && t < 0 ? 0 : t;
    }
  }
}

/* ---- backward -------------------------------------------------------------------------------- */

/* One chunk: dy becomes the gradient g before the activation; the sums are those of g and of g h, h
 * being the normalised x. */
CK_KERNEL (ck_cuda_batch_norm_gradient_sums, CkCudaBatchNorm, CK_CUDA_BATCH_NORM_THREADS)
{
  CK_SHARED (Shared, shared);
  const Place at = place_of (a);
  const float mean = at.inside ? a.saved_mean[at.channel] : 0,
              inverse = at.inside ? a.saved_inverse[at.channel] : 0;
  float sum_g = 0, sum_gh = 0;

#pragma unroll 8
  for (int i = 0; i < EACH; i++) {
    const int64_t row = at.first + i * LANES, place = row * a.channels + at.channel;

    if (at.inside && row < a.rows) {
      float g = a.dy[place];

      if (a.relu) {
        g = a.y[place] > 0 ? g : 0;
        a.dy[place] = g;
      }
      sum_g += g;
      sum_gh += g * ((a.x[place] - mean) * inverse);
    }
  }
  sum_g = sum_lanes (at, sum_g, shared.part[0]);
  sum_gh = sum_lanes (at, sum_gh, shared.part[1]);
  if (at.lane == 0 && at.inside) {
    float *sums = a.sums + at.chunk * 2 * a.channels + at.channel;

    sums[0] = sum_g;
    sums[a.channels] = sum_gh;
  }
}

/* A channel's sums from its chunks', which also are its parameters' gradients. */
CK_KERNEL (ck_cuda_batch_norm_gradients, CkCudaBatchNorm,
           CK_CUDA_BATCH_NORM_FINISH_CHANNELS *CK_CUDA_BATCH_NORM_FINISH_LANES)
{
  CK_SHARED (FinishShared, shared);
  const int in_strip = threadIdx.x % CK_CUDA_BATCH_NORM_FINISH_CHANNELS,
            lane = threadIdx.x / CK_CUDA_BATCH_NORM_FINISH_CHANNELS;
  const int64_t c = (int64_t)blockIdx.x * CK_CUDA_BATCH_NORM_FINISH_CHANNELS + in_strip,
                n = a.channels, chunks = c < n ? a.chunks : 0;
  const float *sums = a.sums + c;
  double g = 0, gh = 0;

  for (int64_t chunk = lane; chunk < chunks; chunk += CK_CUDA_BATCH_NORM_FINISH_LANES) {
    g += sums[2 * chunk * n];
    gh += sums[(2 * chunk + 1) * n];
  }
  g = finish_lanes (lane, in_strip, shared.part[0], g);
  gh = finish_lanes (lane, in_strip, shared.part[1], gh);
  if (lane != 0 || c >= n)
    return;
  a.mean_g[c] = (float)(g / (double)a.rows);
  a.mean_gh[c] = (float)(gh / (double)a.rows);
  if (a.dweight != nullptr)
    a.dweight[c] += (float)gh;
  if (a.dbias != nullptr)
    a.dbias[c] += (float)g;
}

/* dx = weight inverse (g - mean (g) - h mean (g h)) */
CK_KERNEL (ck_cuda_batch_norm_gradient_rows, CkCudaBatchNorm, CK_CUDA_BATCH_NORM_THREADS)
{
  const Place at = place_of (a);
  float mean, inverse, factor, mean_g, mean_gh;

  if (!at.inside)
    return;
  mean = a.saved_mean[at.channel];
  inverse = a.saved_inverse[at.channel];
  factor = a.weight[at.channel] * inverse;
  mean_g = a.mean_g[at.channel];
  mean_gh = a.mean_gh[at.channel];
#pragma unroll 8
  for (int i = 0; i < EACH; i++) {
    const int64_t row = at.first + i * LANES, place = row * a.channels + at.channel;

    if (row < a.rows)
      a.out[place] = factor * (a.dy[place] - mean_g - (a.x[place] - mean) * inverse * mean_gh);
  }
}
