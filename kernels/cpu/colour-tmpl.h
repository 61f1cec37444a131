/* SPDX-License-Identifier: MIT */
/*
 * colour.h, which each level compiles for itself: loops that the compiler makes vector
 * code of. All levels give the same bytes, since none may fuse a product and a sum
 * (-ffp-contract=off).
 */
#include "kernels/cpu/colour.h"

/*
 * The nearest whole number, halves to even, clamped to 0..255: what rintf () and a clamp give for
 * |value| < 2^22, but without a branch or a call, so that the loop below becomes vector code.
 * At 1.5 * 2^23 the spacing of floats is 1, so the sum's low bits are the rounded value.
 */
static inline uint8_t
to_byte (float value)
{
  union {
    float f;
    int32_t i;
  } sum = { .f = value + 12582912.0f };
  const int32_t whole = sum.i - 0x4B400000;
  const int32_t low = whole > 0 ? whole : 0;
  return (uint8_t)(low < 255 ? low : 255);
}

/* A sample in units of 0..255. */
static inline __attribute__ ((always_inline)) float
sample_at (const uint8_t *samples, int64_t i, const bool deep)
{
  if (!deep)
    return (float)samples[i];
  const int value = samples[2 * i] | samples[2 * i + 1] << 8;
  return (float)(value >> 6) * 0.25f;
}

/* As the comment of CkPicture has it, term by term in that order, in fp32. `deep`, a constant to
 * the compiler: samples of 10 bits. */
static inline __attribute__ ((always_inline)) void
convert_samples (const CkPicture *picture, int64_t n, const uint8_t *restrict y,
                 const uint8_t *restrict u, const uint8_t *restrict v, uint8_t *restrict rgb,
                 const bool deep)
{
  const float y_offset = picture->y_offset, y_gain = picture->y_gain;
  const float r_v = picture->r_v, g_u = picture->g_u, g_v = picture->g_v, b_u = picture->b_u;
  uint8_t *restrict r = rgb, *restrict g = r + n, *restrict b = g + n;

#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    const float luma = (sample_at (y, i, deep) - y_offset) * y_gain;
    const float cb = sample_at (u, i, deep) - 128.0f, cr = sample_at (v, i, deep) - 128.0f;
    r[i] = to_byte (luma + r_v * cr);
    g[i] = to_byte (luma + g_u * cb + g_v * cr);
    b[i] = to_byte (luma + b_u * cb);
  }
}

static void
yuv_to_rgb_v (const CkPicture *picture, int64_t n, const uint8_t *y, const uint8_t *u,
              const uint8_t *v, uint8_t *rgb)
{
  if (picture->layout == CK_P010)
    convert_samples (picture, n, y, u, v, rgb, true);
  else
    convert_samples (picture, n, y, u, v, rgb, false);
}

void
INIT (colour) (CkColourOps *ops)
{
  *ops = (CkColourOps){ yuv_to_rgb_v };
}
