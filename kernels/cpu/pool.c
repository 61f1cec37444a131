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

#define PIXELS 256  /* a task of channels_last */
#define STRIP  64   /* channels that are pooled together */
#define CHUNK  4096 /* elements a task of its backward, about */
#define WINDOW 3    /* of max_pool, whose stride is 2 and whose padding 1 */

/* ---- channels last --------------------------------------------------------------------------- */

typedef struct {
  int64_t channels, area;
  const float *x;
  float *y;
} Planes;

/* PIXELS pixels of one picture. */
static CkStatus
interleave (const void *data, int64_t task, int member)
{
  const Planes *p = data;
  const int64_t parts = ck_ceil_div (p->area, PIXELS), first = task % parts * PIXELS,
                end = ck_min (first + PIXELS, p->area), channels = p->channels;
  const float *x = p->x + task / parts * channels * p->area;
  float *y = p->y + task / parts * channels * p->area;

  for (int64_t channel = 0; channel < channels; channel++)
    for (int64_t i = first; i < end; i++)
      y[i * channels + channel] = x[channel * p->area + i];
  return CK_OK;
}

CkStatus
ck_cpu_channels_last (CkStream *self, int64_t batch, int64_t channels, int64_t area, const float *x,
                      float *y)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_pictures (batch, area, 1, channels);
  const Planes planes = { channels, area, x, y };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run (cpu->threads, batch * ck_ceil_div (area, PIXELS), interleave, &planes);
}

/* Outputs along a side of `size`: (size + 2 padding - window) / 2 + 1. */
static int64_t
pooled (int64_t size)
{
  return size / 2 + size % 2;
}

/* ---- max pool -------------------------------------------------------------------------------- */

/* A number of one pixel of a window against the greatest so far. Places are integers as large as
 * the floats, so that the compiler makes vectors of both. */
static void
take_greater (int64_t n, const float *x, int32_t place, float *greatest, int32_t *places)
{
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    const int32_t greater = -(int32_t)(x[i] > greatest[i]);
    greatest[i] = x[i] > greatest[i] ? x[i] : greatest[i];
    places[i] = (place & greater) | (places[i] & ~greater);
  }
}

/* STRIP channels of one output pixel; x points to those of its picture. */
static void
take_maximum (int64_t height, int64_t width, int64_t channels, int64_t row, int64_t col, int64_t n,
              const float *x, float *y, uint8_t *places)
{
  const int64_t top = 2 * row - 1, left = 2 * col - 1;
  const int32_t first = (top < 0 ? WINDOW : 0) + (left < 0 ? 1 : 0);
  float greatest[STRIP];
  int32_t at[STRIP];

  memcpy (greatest, x + ((top + first / WINDOW) * width + left + first % WINDOW) * channels,
          (size_t)n * sizeof (float));
  for (int64_t i = 0; i < n; i++)
    at[i] = first;
  for (int32_t place = first + 1; place < WINDOW * WINDOW; place++) {
    const int64_t iy = top + place / WINDOW, ix = left + place % WINDOW;

    if (iy < height && ix >= 0 && ix < width)
      take_greater (n, x + (iy * width + ix) * channels, place, greatest, at);
  }
  memcpy (y, greatest, (size_t)n * sizeof (float));
#pragma omp simd
  for (int64_t i = 0; i < n; i++)
    places[i] = (uint8_t)at[i];
}

typedef struct {
  int64_t height, width, channels, out_height, out_width;
  const float *x; /* or dy */
  float *y;       /* or dx */
  const uint8_t *places;
  uint8_t *places_out;
} MaxPool;

/* A row of output pixels. */
static CkStatus
make_row (const void *data, int64_t row, int member)
{
  const MaxPool *p = data;
  const float *picture = p->x + row / p->out_height * p->height * p->width * p->channels;

  for (int64_t col = 0; col < p->out_width; col++) {
    const int64_t at = (row * p->out_width + col) * p->channels;
    for (int64_t c = 0; c < p->channels; c += STRIP)
      take_maximum (p->height, p->width, p->channels, row % p->out_height, col,
                    ck_min (STRIP, p->channels - c), picture + c, p->y + at + c,
                    p->places_out + at + c);
  }
  return CK_OK;
}

CkStatus
ck_cpu_max_pool (CkStream *self, int64_t batch, int64_t height, int64_t width, int64_t channels,
                 const float *x, float *y, uint8_t *places)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_pictures (batch, height, width, channels);
  const MaxPool pool = { height, width, channels, pooled (height), pooled (width),
                         x,      y,     NULL,     places };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run (cpu->threads, batch * pool.out_height, make_row, &pool);
}

/* Adds the gradients that went to this place. What the others add is masked away as bits: a
 * condition would keep the compiler from making vectors, a product would spread infinities. */
static void
add_chosen (int64_t n, const uint8_t *places, int32_t place, const float *gradients, float *sum)
{
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    const int32_t chosen = -(int32_t)(places[i] == place);
    union {
      float number;
      int32_t bits;
    } term = { gradients[i] };

    term.bits &= chosen;
    sum[i] += term.number;
  }
}

/* STRIP channels of dx of one input pixel: of every window that it lies in, what went to its place
 * there. dy and places point to those of its picture. */
static void
gather_maximum (int64_t out_height, int64_t out_width, int64_t channels, int64_t iy, int64_t ix,
                int64_t n, const float *dy, const uint8_t *places, float *dx)
{
  memset (dx, 0, (size_t)n * sizeof (float));
  for (int64_t row = iy / 2; row <= (iy + 1) / 2 && row < out_height; row++) {
    for (int64_t col = ix / 2; col <= (ix + 1) / 2 && col < out_width; col++) {
      const int32_t place = (int32_t)((iy + 1 - 2 * row) * WINDOW + ix + 1 - 2 * col);
      const float *gradient = dy + (row * out_width + col) * channels;
      const uint8_t *at = places + (row * out_width + col) * channels;

      add_chosen (n, at, place, gradient, dx);
    }
  }
}

/* A row of input pixels. */
static CkStatus
gather_row (const void *data, int64_t row, int member)
{
  const MaxPool *p = data;
  const int64_t picture = row / p->height * p->out_height * p->out_width * p->channels;

  for (int64_t col = 0; col < p->width; col++)
    for (int64_t c = 0; c < p->channels; c += STRIP)
      gather_maximum (p->out_height, p->out_width, p->channels, row % p->height, col,
                      ck_min (STRIP, p->channels - c), p->x + picture + c, p->places + picture + c,
                      p->y + (row * p->width + col) * p->channels + c);
  return CK_OK;
}

CkStatus
ck_cpu_max_pool_backward (CkStream *self, int64_t batch, int64_t height, int64_t width,
                          int64_t channels, const float *dy, const uint8_t *places, float *dx)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_pictures (batch, height, width, channels);
  const MaxPool pool = { height, width,  channels, pooled (height), pooled (width), dy,
                         dx,     places, NULL };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run (cpu->threads, batch * height, gather_row, &pool);
}

/* ---- mean pool ------------------------------------------------------------------------------- */

/* STRIP channels of one picture. */
static CkStatus
take_mean (const void *data, int64_t task, int member)
{
  const Planes *p = data;
  const int64_t strips = ck_ceil_div (p->channels, STRIP), picture = task / strips,
                first = task % strips * STRIP, n = ck_min (STRIP, p->channels - first);
  const float *x = p->x + picture * p->area * p->channels + first;
  float *y = p->y + picture * p->channels + first;
  double sum[STRIP] = { 0 };

  for (int64_t pixel = 0; pixel < p->area; pixel++)
    for (int64_t i = 0; i < n; i++)
      sum[i] += x[pixel * p->channels + i];
  for (int64_t i = 0; i < n; i++)
    y[i] = (float)(sum[i] / (double)p->area);
  return CK_OK;
}

CkStatus
ck_cpu_mean_pool (CkStream *self, int64_t batch, int64_t area, int64_t channels, const float *x,
                  float *y)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_pictures (batch, area, 1, channels);
  const Planes planes = { channels, area, x, y };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run (cpu->threads, batch * ck_ceil_div (channels, STRIP), take_mean, &planes);
}

static CkStatus
share_mean (const void *data, int64_t first, int64_t end, int member)
{
  const Planes *p = data;
  const float share = 1 / (float)p->area;

  for (int64_t pixel = first; pixel < end; pixel++)
    for (int64_t c = 0; c < p->channels; c++)
      p->y[pixel * p->channels + c] = share * p->x[pixel / p->area * p->channels + c];
  return CK_OK;
}

CkStatus
ck_cpu_mean_pool_backward (CkStream *self, int64_t batch, int64_t area, int64_t channels,
                           const float *dy, float *dx)
{
  const CkCpuStream *cpu = (const CkCpuStream *)self;
  const CkStatus status = ck_check_pictures (batch, area, 1, channels);
  const Planes planes = { channels, area, dy, dx };

  if (status != CK_OK || cpu->failure != CK_OK)
    return status;
  return ck_team_run_chunks (cpu->threads, batch * area, ck_max (CHUNK / channels, 1), share_mean,
                             &planes);
}
