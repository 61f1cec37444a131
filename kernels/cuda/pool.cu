/* SPDX-License-Identifier: MIT */
/*
 * Planes to channels last, and the two poolings of a ResNet. Backward, each input pixel gathers
 * from the windows that it lies in, so that no two threads add to the same place.
 */
#include "kernels/cuda/pool.h"

#include "kernels/cuda/kernel.h"

#define WINDOW 3 /* of max_pool, whose stride is 2 and whose padding 1 */

namespace
{

/* Where a thread of a block of strip and pixels stands. */
__device__ __forceinline__ int
channel_in_strip (void)
{
  return threadIdx.x % CK_CUDA_POOL_CHANNELS;
}

__device__ __forceinline__ int
pixel_in_part (void)
{
  return threadIdx.x / CK_CUDA_POOL_CHANNELS;
}

/* A channel of a pixel of max pool's output, or of its input backward. */
struct Place {
  int64_t picture, row, col, channel;
};

__device__ __forceinline__ Place
place_of (const CkCudaMaxPool &a)
{
  const uint32_t strip = blockIdx.x % a.strips, part = blockIdx.x / a.strips,
                 line = part / a.across;
  Place place = { line / a.rows, line % a.rows,
                  (int64_t)(part % a.across) * CK_CUDA_POOL_PIXELS + pixel_in_part (),
                  (int64_t)strip * CK_CUDA_POOL_CHANNELS + channel_in_strip () };

  return place;
}

} /* namespace */

CK_KERNEL (ck_cuda_max_pool_forward, CkCudaMaxPool, CK_CUDA_POOL_THREADS)
{
  const Place at = place_of (a);
  const float *x = a.x + at.picture * a.height * a.width * a.channels + at.channel;
  const int64_t to =
      ((at.picture * a.out_height + at.row) * a.out_width + at.col) * a.channels + at.channel;
  float max = 0;
  int best = -1;

  if (at.col >= a.out_width || at.channel >= a.channels)
    return;
#pragma unroll
  for (int place = 0; place < WINDOW * WINDOW; place++) {
    const int64_t iy = 2 * at.row - 1 + place / WINDOW, ix = 2 * at.col - 1 + place % WINDOW;

    if (iy >= 0 && iy < a.height && ix >= 0 && ix < a.width) {
      const float value = x[(iy * a.width + ix) * a.channels];

      if (best < 0 || value > max) {
        max = value;
        best = place;
      }
    }
  }
  a.y[to] = max;
  a.places_out[to] = (uint8_t)best;
}

CK_KERNEL (ck_cuda_max_pool_gather, CkCudaMaxPool, CK_CUDA_POOL_THREADS)
{
  const Place at = place_of (a);
  const int64_t picture = at.picture * a.out_height * a.out_width * a.channels + at.channel;
  float sum = 0;

  if (at.col >= a.width || at.channel >= a.channels)
    return;
  for (int64_t row = at.row / 2; row <= (at.row + 1) / 2 && row < a.out_height; row++) {
    for (int64_t col = at.col / 2; col <= (at.col + 1) / 2 && col < a.out_width; col++) {
      const int64_t place = (at.row + 1 - 2 * row) * WINDOW + at.col + 1 - 2 * col,
                    from = picture + (row * a.out_width + col) * a.channels;

      sum += a.places[from] == place ? a.x[from] : 0;
    }
  }
  a.y[((at.picture * a.height + at.row) * a.width + at.col) * a.channels + at.channel] = sum;
}

/* ---- mean pool ------------------------------------------------------------------------------- */

namespace
{

struct MeanShared {
  double part[CK_CUDA_POOL_PIXELS][CK_CUDA_POOL_CHANNELS];
};

} /* namespace */

CK_KERNEL (ck_cuda_mean_pool_forward, CkCudaMeanPool, CK_CUDA_POOL_THREADS)
{
  CK_SHARED (MeanShared, shared);
  const int64_t picture = blockIdx.x / a.strips,
                c = (int64_t)(blockIdx.x % a.strips) * CK_CUDA_POOL_CHANNELS + channel_in_strip ();
  const float *x = a.x + picture * a.area * a.channels + c;
  double sum = 0;

  if (c < a.channels)
    for (int64_t pixel = pixel_in_part (); pixel < a.area; pixel += CK_CUDA_POOL_PIXELS)
      sum += (double)x[pixel * a.channels];
  shared.part[pixel_in_part ()][channel_in_strip ()] = sum;
  __syncthreads ();
  if (pixel_in_part () != 0 || c >= a.channels)
    return;
  for (int i = 1; i < CK_CUDA_POOL_PIXELS; i++)
    sum += shared.part[i][channel_in_strip ()];
  a.y[picture * a.channels + c] = (float)(sum / (double)a.area);
}

CK_KERNEL (ck_cuda_mean_pool_share, CkCudaMeanPool, CK_CUDA_POOL_THREADS)
{
  const uint32_t strip = blockIdx.x % a.strips, part = blockIdx.x / a.strips;
  const int64_t picture = part / a.across,
                pixel = (int64_t)(part % a.across) * CK_CUDA_POOL_PIXELS + pixel_in_part (),
                c = (int64_t)strip * CK_CUDA_POOL_CHANNELS + channel_in_strip ();

  if (pixel < a.area && c < a.channels)
    a.y[(picture * a.area + pixel) * a.channels + c] =
        1 / (float)a.area * a.x[picture * a.channels + c];
}

/* ---- channels last --------------------------------------------------------------------------- */

namespace
{

struct Tile {
  float at[CK_CUDA_MOVED][CK_CUDA_MOVED + 1];
};

} /* namespace */

CK_KERNEL (ck_cuda_channels_last_tiles, CkCudaMeanPool, CK_CUDA_POOL_THREADS)
{
  CK_SHARED (Tile, tile);
  const uint32_t strip = blockIdx.x % a.strips, part = blockIdx.x / a.strips;
  const int64_t picture = part / a.across * a.area * a.channels,
                pixel = (int64_t)(part % a.across) * CK_CUDA_MOVED,
                channel = (int64_t)strip * CK_CUDA_MOVED;
  const int lane = threadIdx.x % CK_CUDA_MOVED, line = threadIdx.x / CK_CUDA_MOVED;

  for (int i = line; i < CK_CUDA_MOVED; i += CK_CUDA_POOL_THREADS / CK_CUDA_MOVED)
    if (channel + i < a.channels && pixel + lane < a.area)
      tile.at[i][lane] = a.x[picture + (channel + i) * a.area + pixel + lane];
  __syncthreads ();
  for (int i = line; i < CK_CUDA_MOVED; i += CK_CUDA_POOL_THREADS / CK_CUDA_MOVED)
    if (channel + lane < a.channels && pixel + i < a.area)
      a.y[picture + (pixel + i) * a.channels + channel + lane] = tile.at[lane][i];
}

/* A thread an element: neighbours write neighbours, and read from a few planes. */
CK_KERNEL (ck_cuda_channels_last_few, CkCudaMeanPool, CK_CUDA_POOL_THREADS)
{
  const int64_t picture = blockIdx.x / a.across * a.area * a.channels,
                at = (int64_t)(blockIdx.x % a.across) * CK_CUDA_POOL_THREADS + threadIdx.x;

  if (at < a.area * a.channels)
    a.y[picture + at] = a.x[picture + at % a.channels * a.area + at / a.channels];
}
