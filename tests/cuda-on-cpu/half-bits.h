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

#endif /* COW_CUDA_HALF_BITS_H */
