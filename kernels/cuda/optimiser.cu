/* SPDX-License-Identifier: MIT */
/*
 * A step of the optimiser, and the norm of the gradients for clipping. A block makes the squares of
 * a fixed share of the elements in double precision, and one block adds the shares up: in an order
 * that their number alone decides.
 */
#include "kernels/cuda/optimiser.h"

#include "kernels/cuda/quads-device.h"
#include "kernels/cuda/reduce-device.h"

namespace
{

struct Shared {
  double slots[1][CK_CUDA_SQUARES_THREADS / 32];
};

} /* namespace */

CK_KERNEL (ck_cuda_squares, CkCudaSquares, CK_CUDA_SQUARES_THREADS)
{
  CK_SHARED (Shared, shared);
  const int64_t first =
      ((int64_t)blockIdx.x * CK_CUDA_SQUARES_EACH * CK_CUDA_SQUARES_THREADS) + 4 * threadIdx.x;
  double sum = 0;

#pragma unroll 4
  for (int i = 0; i < CK_CUDA_SQUARES_EACH / 4; i++) {
    const int64_t at = first + 4 * i * CK_CUDA_SQUARES_THREADS;
    const CkQuad quad = ck_quad_load (a.x + at, a.n - at);

#pragma unroll
    for (int j = 0; j < 4; j++)
      sum += (double)quad.v[j] * (double)quad.v[j];
  }
  sum = ck_block_sum (sum, shared.slots);
  if (threadIdx.x == 0)
    a.parts[blockIdx.x] = sum;
}

CK_KERNEL (ck_cuda_squares_sum, CkCudaSquaresSum, CK_CUDA_SQUARES_THREADS)
{
  CK_SHARED (Shared, shared);
  double sum = 0;

  for (int64_t i = threadIdx.x; i < a.n; i += CK_CUDA_SQUARES_THREADS)
    sum += a.parts[i];
  sum = ck_block_sum (sum, shared.slots);
  if (threadIdx.x == 0)
    *a.sum += sum;
}

CK_KERNEL (ck_cuda_clip, CkCudaClip, 32)
{
  const double norm = sqrt (*a.squares);

  if (threadIdx.x != 0)
    return;
  if (!isfinite (norm))
    *a.factor = nanf ("");
  else
    *a.factor = a.max_norm > 0 ? (float)fmin (a.max_norm / (norm + 1e-6), 1.0) : 1;
}

/* Every rounding is torch's and the CPU's. */
CK_KERNEL (ck_cuda_adamw_step, CkAdamW, CK_CUDA_ADAMW_THREADS)
{
  const int64_t at =
      ((int64_t)blockIdx.x * CK_CUDA_ADAMW_THREADS + threadIdx.x) * CK_CUDA_ADAMW_EACH;
  const int64_t left = a.n - at;
  const CkAdamWStep step = *a.step;
  const float factor = *a.factor;
  CkQuad gradient, first, second, parameter;

  if (left <= 0 || isnan (factor))
    return;
  gradient = ck_quad_load (a.gradients + at, left);
  first = ck_quad_load (a.first + at, left);
  second = ck_quad_load (a.second + at, left);
  parameter = ck_quad_load (a.parameters + at, left);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const float g = __fmul_rn (gradient.v[i], factor), old = first.v[i];
    const float m = __fmaf_rn (step.one_minus_beta1, __fsub_rn (g, old), old),
                v = __fmaf_rn (__fmul_rn (step.one_minus_beta2, g), g,
                               __fmul_rn (step.beta2, second.v[i]));
    const float deviation =
        __fadd_rn (__fdiv_rn (__fsqrt_rn (v), step.second_moment_correction), step.epsilon);

    first.v[i] = m;
    second.v[i] = v;
    parameter.v[i] = __fsub_rn (__fmul_rn (step.decay, parameter.v[i]),
                                __fmul_rn (step.step, __fdiv_rn (m, deviation)));
  }
  ck_quad_store (a.first + at, left, first);
  ck_quad_store (a.second + at, left, second);
  ck_quad_store (a.parameters + at, left, parameter);
}
