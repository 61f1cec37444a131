/* SPDX-License-Identifier: MIT */
/* fp16 and bf16 as numbers, for instructions that read them. */
#ifndef COW_CUDA_HALF_BITS_H
#define COW_CUDA_HALF_BITS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float
half_to_float (uint16_t bits)
{
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float value = exponent == 31  ? (fraction != 0 ? NAN : INFINITY)
                      : exponent == 0 ? ldexpf ((float)fraction, -24)
                                      : ldexpf ((float)(1024 + fraction), exponent - 25);

  return bits >> 15 ? -value : value;
}

static inline float
bfloat16_to_float (uint16_t bits)
{
  const uint32_t wide = (uint32_t)bits << 16;
  float value;

  memcpy (&value, &wide, sizeof value);
  return value;
}

/* Rounded to nearest, the even one of two. */
static inline uint16_t
bfloat16_from_float (float value)
{
  uint32_t wide;

  memcpy (&wide, &value, sizeof wide);
  if (value != value)
    return 0x7fff;
  return (uint16_t)((wide + 0x7fff + (wide >> 16 & 1)) >> 16);
}

static inline uint16_t
half_from_float (float value)
{
  const uint16_t sign = signbit (value) ? 0x8000 : 0;
  const float magnitude = fabsf (value);
  int exponent;

  if (value != value)
    return 0x7fff;
  if (magnitude >= 65520)
    return sign | 0x7c00;
  frexpf (magnitude, &exponent);
  if (magnitude == 0 || exponent < -13) /* multiples of 2^-24 */
    return sign | (uint16_t)lrintf (ldexpf (magnitude, 24));
  return sign |
         (uint16_t)(((exponent + 14) << 10) + (lrintf (ldexpf (magnitude, 11 - exponent)) - 1024));
}

#endif /* COW_CUDA_HALF_BITS_H */
