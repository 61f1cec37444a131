/* SPDX-License-Identifier: MIT */
/* Division of numbers below 2^31 by one that the host knows before the launch, without dividing. */
#ifndef CK_CUDA_DIVISOR_H
#define CK_CUDA_DIVISOR_H

#include <stdint.h>

/* n / divisor = n * multiplier >> shift, in 64 bits: with 2^(s - 1) < divisor <= 2^s, the
 * multiplier is 2^(31 + s) / divisor rounded up, which is less than a share of 2^s / 2^(31 + s) too
 * large. */
typedef struct {
  uint32_t divisor, multiplier, shift;
} CkCudaDivisor;

/* For a divisor from 1 to 2^31. */
static inline CkCudaDivisor
ck_cuda_divisor (uint32_t divisor)
{
  CkCudaDivisor result = { divisor, 0, 31 };

  while (result.shift < 62 && (UINT64_C (1) << (result.shift - 31)) < divisor)
    result.shift++;
  result.multiplier = (uint32_t)(((UINT64_C (1) << result.shift) + divisor - 1) / divisor);
  return result;
}

#endif /* CK_CUDA_DIVISOR_H */
