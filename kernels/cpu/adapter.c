/* SPDX-License-Identifier: MIT */
/* The first product of an adapter, low = dropout (x) down^T, which the linear layer and its backward share. */
#include "kernels/cpu/cpu-ops.h"

#include <omp.h>

#define LOW_ROWS 32   /* rows a task */
#define DEPTH    1024 /* columns dropped out at once: [rows, depth] is 128 KiB */

int64_t
ck_adapter_buffer (const CkAdapter *adapter)
{
  return adapter->dropout > 0 ? LOW_ROWS * DEPTH : 0;
}

/* Rows [first, first + rows) of low; `dropped` holds [rows, depth] of x after the dropout. */
static CkStatus
multiply_rows (const CkCpuOps *ops, const CkAdapter *adapter, int64_t first, int64_t rows, int64_t in, const float *x, float *low,
               float *dropped)
{
  low += first * adapter->rank;
  if (!(adapter->dropout > 0))
    return ops->gemm (true, rows, adapter->rank, in, 1, x + first * in, in, adapter->down, in, 0, low, adapter->rank);
  for (int64_t k = 0; k < in; k += DEPTH) {
    const int64_t depth = in - k < DEPTH ? in - k : DEPTH;
    CkStatus status;

    for (int64_t row = 0; row < rows; row++) {
      const int64_t at = (first + row) * in + k;
      ops->dropout (adapter->key, adapter->dropout, at, depth, x + at, dropped + row * depth);
    }
    status = ops->gemm (true, rows, adapter->rank, depth, 1, dropped, depth, adapter->down + k, in, k == 0 ? 0 : 1, low, adapter->rank);
    if (status != CK_OK)
      return status;
  }
  return CK_OK;
}

CkStatus
ck_adapter_low (const CkCpu *cpu, const CkAdapter *adapter, int64_t rows, int64_t in, const float *x, float *low, float *buffers)
{
  const int64_t buffer = ck_adapter_buffer (adapter);
  CkStatus result = CK_OK;

#pragma omp parallel for schedule(dynamic) num_threads(cpu->threads)
  for (int64_t first = 0; first < rows; first += LOW_ROWS) {
    const CkStatus status = multiply_rows (&cpu->ops, adapter, first, rows - first < LOW_ROWS ? rows - first : LOW_ROWS, in, x, low,
                                           buffers + omp_get_thread_num () * buffer);
    if (status != CK_OK) {
#pragma omp atomic write
      result = status;
    }
  }
  return result;
}
