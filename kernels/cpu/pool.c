/* SPDX-License-Identifier: MIT */
/*
 * Planes to channels last, and the two poolings of a ResNet. A task makes a row of pixels of its
 * output from start to end: backward, each input pixel gathers from the windows that it lies in, so
 * that no two tasks add to the same place.
 */
#include "kernels/cpu/cpu-stream.h"
#include "kernels/cpu/operations.h"
#include "kernels/shapes.h"

#include <string.h>

#define PIXELS 256 /* a task of channels_last */
#define STRIP  64  /* channels a task of mean_pool */
#define WINDOW 3   /* of max_pool, whose stride is 2 and whose padding 1 */

CkStatus
ck_cpu_channels_last (CkStream *self, int64_t batch, int64_t channels, int64_t area, const float *x,
                      float *y)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_pictures (batch, area, 1, channels);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for collapse(2) schedule(static) num_threads(cpu->threads)
  for (int64_t b = 0; b < batch; b++) {
    for (int64_t first = 0; first < area; first += PIXELS) {
      const int64_t end = first + ck_min (PIXELS, area - first);

      for (int64_t channel = 0; channel < channels; channel++)
        for (int64_t i = first; i < end; i++)
          y[(b * area + i) * channels + channel] = x[(b * channels + channel) * area + i];
    }
  }
  return CK_OK;
}

/* Outputs along a side of `size`: (size + 2 padding - window) / 2 + 1. */
static int64_t
pooled (int64_t size)
{
  return size / 2 + size % 2;
}

/* ---- max pool -------------------------------------------------------------------------------- */

/* One output pixel; x points to its picture. */
static void
take_maximum (int64_t height, int64_t width, int64_t channels, int64_t row, int64_t col,
              const float *x, float *y, uint8_t *places)
{
  bool first = true;

  for (int place = 0; place < WINDOW * WINDOW; place++) {
    const int64_t iy = 2 * row - 1 + place / WINDOW, ix = 2 * col - 1 + place % WINDOW;
    const float *pixel = x + (iy * width + ix) * channels;

    if (iy < 0 || iy >= height || ix < 0 || ix >= width)
      continue;
    for (int64_t c = 0; c < channels; c++) {
      if (first || pixel[c] > y[c]) {
        y[c] = pixel[c];
        places[c] = (uint8_t)place;
      }
    }
    first = false;
  }
}

CkStatus
ck_cpu_max_pool (CkStream *self, int64_t batch, int64_t height, int64_t width, int64_t channels,
                 const float *x, float *y, uint8_t *places)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_pictures (batch, height, width, channels);
  const int64_t out_height = pooled (height), out_width = pooled (width);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
  for (int64_t row = 0; row < batch * out_height; row++) {
    const float *picture = x + row / out_height * height * width * channels;

    for (int64_t col = 0; col < out_width; col++) {
      const int64_t at = (row * out_width + col) * channels;
      take_maximum (height, width, channels, row % out_height, col, picture, y + at, places + at);
    }
  }
  return CK_OK;
}

/* dx of one input pixel: of every window that it lies in, what went to its place there. dy and
 * places point to its picture. */
static void
gather_maximum (int64_t out_height, int64_t out_width, int64_t channels, int64_t iy, int64_t ix,
                const float *dy, const uint8_t *places, float *dx)
{
  memset (dx, 0, (size_t)channels * sizeof (float));
  for (int64_t row = iy / 2; row <= (iy + 1) / 2 && row < out_height; row++) {
    for (int64_t col = ix / 2; col <= (ix + 1) / 2 && col < out_width; col++) {
      const int64_t place = (iy + 1 - 2 * row) * WINDOW + ix + 1 - 2 * col,
                    at = (row * out_width + col) * channels;

      for (int64_t c = 0; c < channels; c++)
        dx[c] += places[at + c] == place ? dy[at + c] : 0;
    }
  }
}

CkStatus
ck_cpu_max_pool_backward (CkStream *self, int64_t batch, int64_t height, int64_t width,
                          int64_t channels, const float *dy, const uint8_t *places, float *dx)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_pictures (batch, height, width, channels);
  const int64_t out_height = pooled (height), out_width = pooled (width);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
  for (int64_t row = 0; row < batch * height; row++) {
    const int64_t picture = row / height * out_height * out_width * channels;

    for (int64_t col = 0; col < width; col++)
      gather_maximum (out_height, out_width, channels, row % height, col, dy + picture,
                      places + picture, dx + (row * width + col) * channels);
  }
  return CK_OK;
}

/* ---- mean pool ------------------------------------------------------------------------------- */

/* Channels [first, first + STRIP) of one picture. */
static void
take_mean (int64_t area, int64_t channels, int64_t first, const float *x, float *y)
{
  const int64_t n = ck_min (STRIP, channels - first);
  double sum[STRIP] = { 0 };

  for (int64_t pixel = 0; pixel < area; pixel++)
    for (int64_t i = 0; i < n; i++)
      sum[i] += x[pixel * channels + first + i];
  for (int64_t i = 0; i < n; i++)
    y[first + i] = (float)(sum[i] / (double)area);
}

CkStatus
ck_cpu_mean_pool (CkStream *self, int64_t batch, int64_t area, int64_t channels, const float *x,
                  float *y)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_pictures (batch, area, 1, channels);

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
#pragma omp parallel for collapse(2) schedule(static) num_threads(cpu->threads)
  for (int64_t b = 0; b < batch; b++)
    for (int64_t first = 0; first < channels; first += STRIP)
      take_mean (area, channels, first, x + b * area * channels, y + b * channels);
  return CK_OK;
}

CkStatus
ck_cpu_mean_pool_backward (CkStream *self, int64_t batch, int64_t area, int64_t channels,
                           const float *dy, float *dx)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_pictures (batch, area, 1, channels);
  float share;

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  share = 1 / (float)area;
#pragma omp parallel for schedule(static) num_threads(cpu->threads)
  for (int64_t pixel = 0; pixel < batch * area; pixel++)
    for (int64_t c = 0; c < channels; c++)
      dx[pixel * channels + c] = share * dy[pixel / area * channels + c];
  return CK_OK;
}
