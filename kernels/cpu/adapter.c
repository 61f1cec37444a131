/* SPDX-License-Identifier: MIT */
/*
 * The first product of an adapter, low = dropout (x) down^T, which the linear layer and its
 * backward share. It is so narrow that a product with down as it lies spends most of its time on
 * gathering down's columns, for every few rows again; so down is transposed, or made strips of
 * whole numbers, once for all.
 */
#include "kernels/cpu/adapter.h"

#include "kernels/cpu/weight-strips.h"
#include "kernels/sizes.h"

#define LINE     16   /* floats of a cache line */
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
  const Job job = { cpu->ops, adapter, in, x, transposed, low, buffers };

  ck_team_run_chunks (cpu->threads, in, STRIP, transpose_strip, &job);
  return ck_team_run_chunks (cpu->threads, rows, LOW_ROWS, multiply_rows, &job);
}

/* ---- whole numbers --------------------------------------------------------------------------- */

/* down as strips, and the scratch memory of the rows that become them. */
typedef struct {
  const CkCpuOps *ops;
  const CkQuantisedOps *products;
  const CkAdapter *adapter;
  const CkCodedRows *x;
  int64_t in, blocks;
  int64_t strip_floats, strip_scales; /* from a strip to the next */
  float *strips, *scales;
  float *codes, *row_scales; /* [rank, blocks, a block's floats], [rank, blocks] */
  float *low;                /* [rows, stride] */
  int64_t stride;
} CodedJob;

/* Floats that the codes of a block take. */
static int64_t
block_floats (const CkQuantisedOps *products)
{
  return CK_CODE_BLOCK * products->code_size / (int64_t)sizeof (float);
}

int64_t
ck_adapter_codes_stride (const CkQuantisedOps *products, const CkAdapter *adapter)
{
  return ck_round_up (adapter->rank, products->strip);
}

int64_t
ck_adapter_codes_scratch (const CkQuantisedOps *products, const CkAdapter *adapter, int64_t in)
{
  const int64_t blocks = ck_ceil_div (in, CK_CODE_BLOCK),
                outs = ck_adapter_codes_stride (products, adapter);

  return ck_round_up ((outs + adapter->rank) * blocks * (block_floats (products) + 1), LINE);
}

static CkStatus
pack_row (const void *data, int64_t row, int member)
{
  const CodedJob *job = data;
  const int64_t strip = row / job->products->strip, lane = row % job->products->strip;

  ck_strip_pack_row (job->products, job->in, job->adapter->down + row * job->in, lane,
                     job->strips + strip * job->strip_floats,
                     job->scales + strip * job->strip_scales,
                     job->codes + row * job->blocks * block_floats (job->products),
                     job->row_scales + row * job->blocks);
  return CK_OK;
}

/* Rows [first, end) of low. */
static CkStatus
multiply_coded_rows (const void *data, int64_t first, int64_t end, int member)
{
  const CodedJob *job = data;
  const CkAdapter *adapter = job->adapter;
  const CkCodedRows *x = job->x;
  const CkCodes codes = ck_coded_rows_from (x, first);

  for (int64_t strip = 0; strip < job->stride / job->products->strip; strip++)
    job->products->multiply (end - first, &codes, job->strips + strip * job->strip_floats,
                             job->scales + strip * job->strip_scales, NULL, job->products->strip,
                             job->low + first * job->stride + strip * job->products->strip,
                             job->stride);
  for (int64_t row = first; row < end; row++) {
    if (!ck_coded_rows_has_outliers (x, row))
      continue;
    for (int64_t block = 0; block < job->blocks; block++) {
      const CkOutlier *outliers = x->outliers + (row * job->blocks + block) * CK_OUTLIERS_MAX;

      for (int i = 0; i < x->counts[row * x->count_stride + block]; i++)
        for (int64_t r = 0; r < adapter->rank; r++)
          job->low[row * job->stride + r] +=
              outliers[i].value * adapter->down[r * job->in + outliers[i].column];
    }
  }
  return CK_OK;
}

CkStatus
ck_adapter_codes_low (const CkCpuStream *cpu, const CkAdapter *adapter, int64_t rows, int64_t in,
                      const CkCodedRows *x, float *low, float *scratch)
{
  const int64_t blocks = ck_ceil_div (in, CK_CODE_BLOCK),
                stride = ck_adapter_codes_stride (x->products, adapter),
                floats = blocks * block_floats (x->products);
  const CodedJob job = {
    .ops = cpu->ops,
    .products = x->products,
    .adapter = adapter,
    .x = x,
    .in = in,
    .blocks = blocks,
    .strip_floats = floats * x->products->strip,
    .strip_scales = blocks * x->products->strip,
    .strips = scratch,
    .codes = scratch + stride * floats,
    .scales = scratch + (stride + adapter->rank) * floats,
    .row_scales = scratch + (stride + adapter->rank) * floats + stride * blocks,
    .low = low,
    .stride = stride,
  };

  /* the outputs of the last strip that there are not */
  memset (job.scales, 0, (size_t)(stride * blocks) * sizeof (float));
  ck_team_run (cpu->threads, adapter->rank, pack_row, &job);
  return ck_team_run_chunks (cpu->threads, rows, LOW_ROWS, multiply_coded_rows, &job);
}
