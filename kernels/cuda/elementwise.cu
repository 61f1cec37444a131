/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/elementwise.h"

#include "kernels/activation.h"
#include "kernels/cuda/kernel.h"
#include "kernels/philox.h"

/* ---- elements -------------------------------------------------------------------------------- */

/* Does `f (i)` for each of the thread's elements. */
template <typename Function>
static __device__ __forceinline__ void
for_elements (int64_t n, Function f)
{
  const int64_t first = (int64_t)blockIdx.x * CK_ELEMENTS_BLOCK + threadIdx.x;

#pragma unroll
  for (int k = 0; k < CK_ELEMENTS_EACH; k++) {
    const int64_t i = first + k * CK_ELEMENTS_THREADS;
    if (i < n)
      f (i);
  }
}

CK_KERNEL (ck_cuda_activate_elements, CkCudaElements, CK_ELEMENTS_THREADS)
{
  for_elements (a.n, [&] (int64_t i) { a.y[i] = ck_activate (a.activation, a.x[i]); });
}

CK_KERNEL (ck_cuda_activate_elements_backward, CkCudaElements, CK_ELEMENTS_THREADS)
{
  for_elements (a.n,
                [&] (int64_t i) { a.y[i] = a.dy[i] * ck_activation_slope (a.activation, a.x[i]); });
}

CK_KERNEL (ck_cuda_gate_elements, CkCudaElements, CK_ELEMENTS_THREADS)
{
  for_elements (a.n, [&] (int64_t i) { a.y[i] = ck_activate (CK_SILU, a.x[i]) * a.up[i]; });
}

/* All inputs are read before an output is written, which may be one of them. */
CK_KERNEL (ck_cuda_gate_elements_backward, CkCudaElements, CK_ELEMENTS_THREADS)
{
  for_elements (a.n, [&] (int64_t i) {
    const float gate = a.x[i], up = a.up[i], dy = a.dy[i];

    a.y[i] = dy * up * ck_activation_slope (CK_SILU, gate);
    a.dup[i] = ck_activate (CK_SILU, gate) * dy;
  });
}

CK_KERNEL (ck_cuda_fill_elements, CkCudaElements, CK_ELEMENTS_THREADS)
{
  for_elements (a.n, [&] (int64_t i) { a.y[i] = a.value; });
}

CK_KERNEL (ck_cuda_multiply_elements, CkCudaElements, CK_ELEMENTS_THREADS)
{
  for_elements (a.n, [&] (int64_t i) { a.y[i] *= a.value; });
}

CK_KERNEL (ck_cuda_add_elements, CkCudaElements, CK_ELEMENTS_THREADS)
{
  for_elements (a.n, [&] (int64_t i) { a.y[i] += a.x[i]; });
}

/* A thread has the four elements of one counter. */
CK_KERNEL (ck_cuda_drop_out, CkCudaDropout, CK_ELEMENTS_THREADS)
{
  const int64_t counter = (int64_t)blockIdx.x * CK_ELEMENTS_THREADS + threadIdx.x,
                first = 4 * counter;
  uint32_t word[4];

  if (first >= a.n)
    return;
  ck_philox (*a.key, (uint64_t)counter, word);
#pragma unroll
  for (int k = 0; k < 4; k++)
    if (first + k < a.n)
      a.y[first + k] = ck_philox_unit (word[k]) >= a.p ? a.x[first + k] * a.factor : 0;
}

/* ---- rows ------------------------------------------------------------------------------------ */

CK_KERNEL (ck_cuda_copy_rows, CkCudaCopyRows, CK_ELEMENTS_THREADS)
{
  for_elements (a.rows * a.cols, [&] (int64_t i) {
    const int64_t row = i / a.cols, col = i % a.cols;

    a.dst[row * a.dst_stride + col] = a.src[row * a.src_stride + col];
  });
}

CK_KERNEL (ck_cuda_scale_rows, CkCudaScaleRows, CK_ELEMENTS_THREADS)
{
  for_elements (a.rows * a.cols, [&] (int64_t i) {
    float value = a.x[i];

    if (a.scale != nullptr)
      value *= a.scale[i % a.cols];
    a.y[i] = a.residual != nullptr ? value + a.residual[i] : value;
  });
}

/* ---- sums over rows -------------------------------------------------------------------------- */

struct SumShared {
  double sum[CK_SUM_WARPS][CK_SUM_COLUMNS];
};

CK_KERNEL (ck_cuda_sum_products, CkCudaSumProducts, CK_SUM_WARPS *CK_SUM_COLUMNS)
{
  CK_SHARED (SumShared, shared);
  const int lane = threadIdx.x % CK_SUM_COLUMNS, warp = threadIdx.x / CK_SUM_COLUMNS;
  const int64_t strips = (a.cols + CK_SUM_COLUMNS - 1) / CK_SUM_COLUMNS, part = blockIdx.x / strips,
                col = (blockIdx.x % strips) * CK_SUM_COLUMNS + lane, first = part * CK_SUM_ROWS,
                end = first + CK_SUM_ROWS < a.rows ? first + CK_SUM_ROWS : a.rows;
  double sum = 0;

  if (col < a.cols)
    for (int64_t row = first + warp; row < end; row += CK_SUM_WARPS)
      sum += (double)a.a[row * a.cols + col] * a.b[row * a.cols + col];
  shared.sum[warp][lane] = sum;
  __syncthreads ();
  if (warp != 0 || col >= a.cols)
    return;
  for (int other = 1; other < CK_SUM_WARPS; other++)
    sum += shared.sum[other][lane];
  a.sums[part * a.cols + col] = sum;
}

CK_KERNEL (ck_cuda_add_sums, CkCudaSumProducts, CK_ELEMENTS_THREADS)
{
  const int64_t col = (int64_t)blockIdx.x * CK_ELEMENTS_THREADS + threadIdx.x;
  double sum = 0;

  if (col >= a.cols)
    return;
  for (int64_t part = 0; part < a.parts; part++)
    sum += a.sums[part * a.cols + col];
  a.total[col] += (float)sum;
}
