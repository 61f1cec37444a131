/* SPDX-License-Identifier: MIT */
/* From Y'CbCr to RGB: the bytes of the formula in fp32, term by term, at every level. */
#include "kernels/cpu/cpu-ops.h"
#include "tests/kernels/harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 256 * 256 }; /* pixels: each Y with each V, and a U that differs from both */

/* BT.601, and gains of which products become whole numbers by rounding, so that sums are halves
 * unless a product is fused into them. */
static const CkPicture pictures[] = {
  { .layout = CK_NV12,
    .y_offset = 16,
    .y_gain = 1.1643836f,
    .r_v = 1.5960267f,
    .g_u = -0.3917623f,
    .g_v = -0.8129676f,
    .b_u = 2.0172321f },
  { .layout = CK_NV12,
    .y_gain = .5f,
    .r_v = 5 / 3.f,
    .g_u = -5 / 3.f,
    .g_v = 1 / 3.f,
    .b_u = 7 / 3.f },
};

/* Volatile, because nothing may be fused here. */
static uint8_t
expected (float luma, float first, float second)
{
  volatile float sum = luma + first;

  sum = sum + second;
  sum = rintf (sum);
  return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static float
product (float a, float b)
{
  volatile float result = a * b;

  return result;
}

static void
check_picture (const CkColourOps *ops, const CkPicture *picture)
{
  uint8_t *samples = malloc (3 * N), *rgb = malloc (3 * N);
  uint8_t *y = samples, *u = y + N, *v = u + N;

  for (int i = 0; i < N; i++) {
    y[i] = (uint8_t)(i / 256);
    v[i] = (uint8_t)i;
    u[i] = (uint8_t)(7 * i + y[i]);
  }
  ops->yuv_to_rgb (picture, N, y, u, v, rgb);
  for (int i = 0; i < N; i++) {
    const float luma = product ((float)y[i] - picture->y_offset, picture->y_gain),
                cb = (float)u[i] - 128, cr = (float)v[i] - 128;
    const uint8_t want[3] = { expected (luma, product (picture->r_v, cr), 0),
                              expected (luma, product (picture->g_u, cb),
                                        product (picture->g_v, cr)),
                              expected (luma, product (picture->b_u, cb), 0) };

    for (int channel = 0; channel < 3; channel++)
      if (rgb[channel * N + i] != want[channel])
        fail ("channel %d of %d, %d, %d: %d, not %d", channel, y[i], u[i], v[i],
              rgb[channel * N + i], want[channel]);
  }
  free (samples);
  free (rgb);
}

void
check_colours (void)
{
  const char *const *levels = ck_cpu_levels ();

  for (int i = 0; levels[i] != NULL; i++) {
    CkCpuFeatures features;
    const char *level;
    CkCpuOps ops;

    case_begin ();
    CHECK (ck_cpu_level_find (levels[i], &features, &level));
    ck_cpu_ops_init (&ops, features);
    for (size_t p = 0; p < sizeof pictures / sizeof *pictures; p++)
      check_picture (&ops.colour, &pictures[p]);
    case_end ("colour", levels[i]);
  }
}
