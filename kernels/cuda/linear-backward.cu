/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/kernel.h"
#include "kernels/cuda/linear-parts.h"

enum { COLUMNS = CK_CUDA_SUMS_COLUMNS, SHARES = CK_CUDA_SUMS_SHARES };

struct ColumnSums {
  double dy[SHARES][COLUMNS], dyy[SHARES][COLUMNS];
};

/* A gain of 0 hides what it multiplied: its gradient stays as it is. */
static __device__ __forceinline__ void
finish_column (const CkCudaColumnSums &a, int64_t col, double dy, double dyy)
{
  if (a.dbias != nullptr)
    a.dbias[col] = __fadd_rn (a.dbias[col], (float)dy);
  if (a.dgain != nullptr && a.gain[col] != 0) {
    const double bias = a.bias != nullptr ? a.bias[col] : 0;

    a.dgain[col] = __fadd_rn (
        a.dgain[col], (float)__ddiv_rn (__dsub_rn (dyy, __dmul_rn (bias, dy)), a.gain[col]));
  }
}

/* A thread sums every SHARES-th row of a column; the first ones add the shares in their order. */
CK_KERNEL (ck_cuda_column_sums, CkCudaColumnSums, COLUMNS *SHARES)
{
  CK_SHARED (ColumnSums, shared);
  const int i = threadIdx.x % COLUMNS, share = threadIdx.x / COLUMNS;
  const int64_t col = (int64_t)blockIdx.x * COLUMNS + i;
  double dy_sum = 0, dyy_sum = 0;

  for (int64_t row = share; row < a.rows && col < a.cols; row += SHARES) {
    const double dy = a.dy[row * a.cols + col];

    dy_sum = __dadd_rn (dy_sum, dy);
    if (a.dgain != nullptr)
      dyy_sum = __fma_rn (dy, a.y[row * a.cols + col], dyy_sum);
  }
  shared.dy[share][i] = dy_sum;
  shared.dyy[share][i] = dyy_sum;
  __syncthreads ();
  if (share != 0 || col >= a.cols)
    return;
  for (int other = 1; other < SHARES; other++) {
    dy_sum = __dadd_rn (dy_sum, shared.dy[other][i]);
    dyy_sum = __dadd_rn (dyy_sum, shared.dyy[other][i]);
  }
  finish_column (a, col, dy_sum, dyy_sum);
}
