/* SPDX-License-Identifier: MIT */
/*
 * The first product of an adapter, low = dropout (x) down^T, which the linear layer and its
 * backward share. It is so narrow that a product with down as it lies spends most of its time on
 * gathering down's columns, for every few rows again; so down is transposed once for all.
 */
#include "kernels/cpu/adapter.h"

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

typedef struct {
  const CkCpuOps *ops;
  const CkAdapter *adapter;
  int64_t in;
  const float *x;
  float *transposed, *low;
  float *buffers; /* ck_adapter_buffer () floats a member */
} Job;

/* Columns [first, end) of down become rows. */
static CkStatus
transpose_strip (const void *data, int64_t first, int64_t end, int member)
{
  const Job *job = data;
  const CkAdapter *adapter = job->adapter;

  for (int64_t i = first; i < end; i++)
    for (int64_t r = 0; r < adapter->rank; r++)
      job->transposed[i * adapter->rank + r] = adapter->down[r * job->in + i];
  return CK_OK;
}

/* Rows [first, end) of low; the member's buffer holds [rows, depth] of x after the dropout. */
static CkStatus
multiply_rows (const void *data, int64_t first, int64_t end, int member)
{
  const Job *job = data;
  const CkCpuOps *ops = job->ops;
  const CkAdapter *adapter = job->adapter;
  const int64_t rows = end - first, in = job->in;
  const float *x = job->x, *transposed = job->transposed;
  float *low = job->low + first * adapter->rank,
        *dropped = job->buffers + member * ck_adapter_buffer (adapter);

  if (!(adapter->dropout > 0))
    return ops->products.gemm (false, rows, adapter->rank, in, 1, x + first * in, in, transposed,
                               adapter->rank, 0, low, adapter->rank);
  for (int64_t k = 0; k < in; k += DEPTH) {
    const int64_t depth = in - k < DEPTH ? in - k : DEPTH;
    CkStatus status;

    for (int64_t row = 0; row < rows; row++) {
      const int64_t at = (first + row) * in + k;
      uint8_t here[DEPTH / 8],
          *mask = adapter->mask != NULL ? adapter->mask + (first + row) * ck_mask_bytes (in) + k / 8
                                        : here;

      ops->training.choose (*adapter->key, adapter->dropout, at, depth, mask);
      ops->training.drop (adapter->dropout, depth, mask, x + at, dropped + row * depth);
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
  const Job job = { cpu->ops, adapter, in, x, transposed, low, buffers };

  ck_team_run_chunks (cpu->threads, in, STRIP, transpose_strip, &job);
  return ck_team_run_chunks (cpu->threads, rows, LOW_ROWS, multiply_rows, &job);
}
