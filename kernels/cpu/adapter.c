/* SPDX-License-Identifier: MIT */
/*
 * The first product of an adapter, low = dropout (x) down^T, which the linear layer and its
 * backward share. It is so narrow that a product with down as it lies spends most of its time on
 * gathering down's columns, for every few rows again; so down is transposed once for all.
 */
#include "kernels/cpu/adapter.h"

#include <omp.h>

#define LOW_ROWS 32   /* rows a task */
#define DEPTH    1024 /* columns dropped out at once: [rows, depth] is 128 KiB */
#define STRIP    64   /* columns of down that are transposed together */

int64_t
ck_adapter_buffer (const CkAdapter *adapter)
{
  return adapter->dropout > 0 ? LOW_ROWS * DEPTH : 0;
}

int64_t
ck_adapter_transposed (const CkAdapter *adapter, int64_t in)
{
  return (adapter->rank * in + 15) / 16 * 16;
}

/* Columns [first, first + STRIP) of down become rows. */
static void
transpose_strip (const CkAdapter *adapter, int64_t in, int64_t first, float *transposed)
{
  const int64_t end = in - first < STRIP ? in : first + STRIP;

  for (int64_t i = first; i < end; i++)
    for (int64_t r = 0; r < adapter->rank; r++)
      transposed[i * adapter->rank + r] = adapter->down[r * in + i];
}

/* Rows [first, first + rows) of low; `dropped` holds [rows, depth] of x after the dropout. */
static CkStatus
multiply_rows (const CkCpuOps *ops, const CkAdapter *adapter, int64_t first, int64_t rows,
               int64_t in, const float *x, const float *transposed, float *low, float *dropped)
{
  low += first * adapter->rank;
  if (!(adapter->dropout > 0))
    return ops->products.gemm (false, rows, adapter->rank, in, 1, x + first * in, in, transposed,
                               adapter->rank, 0, low, adapter->rank);
  for (int64_t k = 0; k < in; k += DEPTH) {
    const int64_t depth = in - k < DEPTH ? in - k : DEPTH;
    CkStatus status;

    for (int64_t row = 0; row < rows; row++) {
      const int64_t at = (first + row) * in + k;
      ops->training.dropout (*adapter->key, adapter->dropout, at, depth, x + at,
                             dropped + row * depth);
    }
    status = ops->products.gemm (false, rows, adapter->rank, depth, 1, dropped, depth,
                                 transposed + k * adapter->rank, adapter->rank, k == 0 ? 0 : 1, low,
                                 adapter->rank);
    if (status != CK_OK)
      return status;
  }
  return CK_OK;
}

CkStatus
ck_adapter_low (const CkCpuStream *cpu, const CkAdapter *adapter, int64_t rows, int64_t in,
                const float *x, float *low, float *transposed, float *buffers)
{
  const int64_t buffer = ck_adapter_buffer (adapter);
  CkStatus result = CK_OK;

#pragma omp parallel num_threads(cpu->threads)
  {
#pragma omp for schedule(static)
    for (int64_t first = 0; first < in; first += STRIP)
      transpose_strip (adapter, in, first, transposed);
#pragma omp for schedule(dynamic)
    for (int64_t first = 0; first < rows; first += LOW_ROWS) {
      const CkStatus status = multiply_rows (
          cpu->ops, adapter, first, rows - first < LOW_ROWS ? rows - first : LOW_ROWS, in, x,
          transposed, low, buffers + omp_get_thread_num () * buffer);
      if (status != CK_OK) {
#pragma omp atomic write
        result = status;
      }
    }
  }
  return result;
}
