/* SPDX-License-Identifier: MIT */
/* A block of numbers as codes, by 16 neighbouring lanes of a warp. */
#ifndef CK_CUDA_CODES_DEVICE_H
#define CK_CUDA_CODES_DEVICE_H

#include "kernels/cuda/coded-rows.h"
#include "kernels/cuda/kernel.h"

#include <math.h>

#define CK_CUDA_EACH (CK_CUDA_BLOCK / CK_CUDA_QUANTISE_LANES) /* elements of a lane */

/* The largest magnitude and the sum of all: each lane's, then by halves. A lane has every 16th. */
static __device__ __forceinline__ float
ck_magnitudes (const float x[CK_CUDA_EACH], float *sum)
{
  float max = 0, all = 0;

#pragma unroll
  for (int i = 0; i < CK_CUDA_EACH; i++) {
    max = fmaxf (max, fabsf (x[i]));
    all = __fadd_rn (all, fabsf (x[i]));
  }
#pragma unroll
  for (int half = CK_CUDA_QUANTISE_LANES / 2; half > 0; half /= 2) {
    max = fmaxf (max, __shfl_xor_sync (0xffffffff, max, half));
    all = __fadd_rn (all, __shfl_xor_sync (0xffffffff, all, half));
  }
  *sum = all;
  return max;
}

static __device__ __forceinline__ bool
ck_has_outlier (float max, float sum)
{
  return __fmul_rn (max, CK_CUDA_BLOCK) > __fmul_rn (CK_CUDA_OUTLIER, sum) && sum > max;
}

/*
 * Takes outliers out of a block, whose lane i + 16 j is x[j] of lane i, while there are some: lane
 * by lane, in the order in which plain C adds. `rest` [64] is shared memory of the block's lanes.
 * All lanes of the warp come here; in those of blocks that have none `some` is false. Returns how
 * many were taken.
 */
static __device__ __forceinline__ int
ck_take_outliers (bool some, int lane, int64_t column, float x[CK_CUDA_EACH], float *rest,
                  CkCudaOutlier *outliers)
{
  uint64_t taken = 0;
  int n_taken = 0;

#pragma unroll
  for (int i = 0; i < CK_CUDA_EACH; i++)
    rest[lane + CK_CUDA_QUANTISE_LANES * i] = x[i];
  __syncwarp ();
  while (some && n_taken < CK_CUDA_OUTLIERS_MAX) {
    int largest = 0;
    float most = 0, sum = 0;

    for (int i = 0; i < CK_CUDA_BLOCK; i++) {
      const float magnitude = (taken >> i & 1) != 0 ? 0 : fabsf (rest[i]);

      sum = __fadd_rn (sum, magnitude);
      if (magnitude > most) {
        largest = i;
        most = magnitude;
      }
    }
    if (!(sum < INFINITY) || !ck_has_outlier (most, sum))
      break;
    taken |= (uint64_t)1 << largest;
    n_taken++;
  }
  if (lane == 0) {
    int written = 0;

    for (int i = 0; i < CK_CUDA_BLOCK && written < n_taken; i++)
      if ((taken >> i & 1) != 0) {
        const CkCudaOutlier outlier = { (int32_t)(column + i), rest[i] };

        outliers[written++] = outlier;
      }
  }
#pragma unroll
  for (int i = 0; i < CK_CUDA_EACH; i++)
    if ((taken >> (lane + CK_CUDA_QUANTISE_LANES * i) & 1) != 0)
      x[i] = 0;
  __syncwarp ();
  return n_taken;
}

/*
 * Writes a block of a row: x[i] is element lane + 16 i, 0 where there is none. All lanes of the
 * warp come here; where `there` is false they write nothing. With the last block of a row come the
 * counts behind it, since who reads them reads whole words. `rest`: shared memory [64] of the
 * block's lanes.
 */
static __device__ __forceinline__ void
ck_write_block (const CkCudaCodes &to, bool there, int64_t row, int64_t block, int lane,
                float factor, float x[CK_CUDA_EACH], float *rest)
{
  const int64_t at = row * to.blocks + block;
  float sum, max = ck_magnitudes (x, &sum), inverse;

  if (to.outliers != nullptr) {
    const bool some = there && ck_has_outlier (max, sum);
    int n = 0;

    if (__any_sync (0xffffffff, some)) {
      n = ck_take_outliers (some, lane, block * CK_CUDA_BLOCK, x, rest,
                            to.outliers + at * CK_CUDA_OUTLIERS_MAX);
      max = ck_magnitudes (x, &sum);
    }
    if (there && lane == 0)
      to.counts[row * to.count_stride + block] = (uint8_t)n;
    if (there && block == to.blocks - 1)
      for (int64_t i = to.blocks + lane; i < to.count_stride; i += CK_CUDA_QUANTISE_LANES)
        to.counts[row * to.count_stride + i] = 0;
  }
  if (!there)
    return;
  inverse = __fdiv_rn (CK_CUDA_CODE_MAX, max);
  inverse = inverse < INFINITY ? inverse : 0;
#pragma unroll
  for (int i = 0; i < CK_CUDA_EACH; i++) {
    const float scaled = __fmul_rn (x[i], inverse);
    const int place = (lane + CK_CUDA_QUANTISE_LANES * i) ^ 1;

    to.codes[at * CK_CUDA_BLOCK + place] =
        (int8_t)(fabsf (scaled) < INFINITY ? __float2int_rn (scaled) : 0);
  }
  if (lane == 0)
    to.scales[at] = sum < INFINITY ? __fmul_rn (__fdiv_rn (max, CK_CUDA_CODE_MAX), factor) : NAN;
}

#endif /* CK_CUDA_CODES_DEVICE_H */
