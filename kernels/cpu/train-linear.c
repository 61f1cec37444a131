/* SPDX-License-Identifier: MIT */
/*
 * Linear layers, backward. The forward is y = gain (x W^T + scale low up^T) + bias with
 * low = dropout (x) down^T, so with dz = gain dy and dlow = scale dz up:
 *  - dx = dz W + dropout (dlow down)
 *  - dW = dz^T x, dup = scale dz^T low, ddown = dlow^T dropout (x)
 *  - dbias = sum of dy, dgain = sum of dy (y - bias) / gain
 * dz is never stored: the gain goes to the rows of W and of up instead. Every output is cut into
 * tiles by its shape alone, and one task makes a tile from start to end, so that no result depends
 * on how many threads there are.
 */
#include "kernels/cpu/adapter.h"
#include "kernels/cpu/backward-codes.h"
#include "kernels/cpu/gradient-codes.h"
#include "kernels/cpu/operations.h"
#include "kernels/cpu/tiles.h"
#include "kernels/cpu/weight-values.h"
#include "kernels/shapes.h"

#include <math.h>

#define PANEL    256  /* columns of ddown, rows of dup and up, a task */
#define OUTS_DW  384  /* rows of dW a task, for every task packs its columns of x */
#define INS_DW   192  /* and columns */
#define PANEL_DX 128  /* columns of dx a tile; those of all tiles begin at bytes of a mask */
#define ROWS_DX  256  /* and rows, for every tile prepares its part of W; half where ... */
#define TILES    16   /* ... so few tiles would share a machine */
#define INS_MIN  64   /* columns a tile of whole numbers, at least, and rows */
#define DEPTH    1024 /* rows of W dequantised at once: [depth, panel] in fp32 is 512 KiB */
#define ROWS     64   /* rows a task of dlow, and rows dropped out at once */
#define STRIP    256  /* columns a task of dbias and dgain: long enough that memory is read ahead */

typedef struct {
  const CkCpuStream *cpu;
  const CkLinearBackward *op;
  const CkAdapter *adapter; /* NULL if its rank is 0 */
  CkAdapter masked;         /* it, if its mask and low are of this call */
  const float *gain;        /* [out] or NULL */
  int64_t rows, in, out, rank;
  bool whole;          /* whether dx is made of whole numbers: */
  CkLinearCodes codes; /* dy as such */
  bool dequantises;    /* W does not lie in memory as dx needs it */
  CkTiles dx_tiles;
  int64_t n_strips, n_dlow;                         /* tasks of sums over rows or columns */
  int64_t n_dx, n_dweight, n_dup, n_ddown, n_tiles; /* tasks */
  float *up;                                        /* [out, rank] scale gain up */
  float *low;                                       /* [rows, rank] */
  float *dlow;                                      /* [rows, rank] */
  float *transposed;                                /* [in, rank] down^T */
  float *buffers;                                   /* buffer_floats a thread */
  int64_t buffer_floats;
} Job;

static const CkCpuWeight *
weight_of (const Job *job)
{
  return (const CkCpuWeight *)job->op->weight;
}

static void
cut_dx (Job *job)
{
  CkTiles *tiles = &job->dx_tiles;

  if (job->whole) {
    const int64_t most = ck_code_panel_width (weight_of (job)->products, job->out);

    *tiles = ck_tiles (job->rows, job->in, job->cpu->threads,
                       (CkTileLimits){ .unit = weight_of (job)->products->strip,
                                       .least = ck_min (most, INS_MIN),
                                       .most = most,
                                       .group = job->rows,
                                       .group_least = INS_MIN });
    return;
  }
  job->dequantises = job->op->weight->source.type != CK_F32 || job->gain != NULL;
  tiles->panel = ck_round_up (ck_ceil_div (job->in, ck_ceil_div (job->in, PANEL_DX)), 16);
  tiles->n_panels = ck_ceil_div (job->in, tiles->panel);
  tiles->group = ROWS_DX;
  if (ck_ceil_div (job->rows, tiles->group) * tiles->n_panels < TILES)
    tiles->group = ROWS_DX / 2;
  tiles->n_groups = ck_ceil_div (job->rows, tiles->group);
}

static void
cut (Job *job)
{
  const CkLinearBackward *op = job->op;
  const CkLinearGradients *g = &op->gradients;

  cut_dx (job);
  job->n_dx = op->dx != NULL ? job->dx_tiles.n_panels * job->dx_tiles.n_groups : 0;
  job->n_dweight = g->weight != NULL && weight_of (job)->products == NULL
                       ? ck_ceil_div (job->out, OUTS_DW) * ck_ceil_div (job->in, INS_DW)
                       : 0;
  job->n_dup = job->adapter != NULL && g->up != NULL ? ck_ceil_div (job->out, PANEL) : 0;
  job->n_ddown = job->adapter != NULL && g->down != NULL ? ck_ceil_div (job->in, PANEL) : 0;
  job->n_strips = g->bias != NULL || g->gain != NULL ? ck_ceil_div (job->out, STRIP) : 0;
  job->n_dlow = job->adapter != NULL && (job->n_dx > 0 || job->n_ddown > 0)
                    ? ck_ceil_div (job->rows, ROWS)
                    : 0;
  job->n_tiles = job->n_dx + job->n_dweight + job->n_dup + job->n_ddown;
}

/* What each thread's buffer must hold for the widest of its tasks. */
static void
size_buffers (Job *job)
{
  if (job->n_dx > 0 && job->dequantises)
    job->buffer_floats = ck_min (job->out, DEPTH) * job->dx_tiles.panel;
  if (job->whole)
    job->buffer_floats = 2 * CK_CODE_ROWS * job->dx_tiles.panel +
                         ck_backward_codes_buffer (weight_of (job), job->dx_tiles.panel);
  if (job->adapter == NULL)
    return;
  job->buffer_floats = ck_max (job->buffer_floats, ck_adapter_buffer (job->adapter));
  job->buffer_floats =
      ck_max (job->buffer_floats, ROWS * PANEL); /* rows of dx or of x, dropped out */
  if (job->n_dup > 0)
    job->buffer_floats =
        ck_max (job->buffer_floats, ck_min (PANEL, job->out) * job->rank); /* dup before the gain */
}

/* Whether low, and with dropout its mask, are made here. */
static bool
makes_low (const Job *job)
{
  return job->adapter != NULL && !job->adapter->kept &&
         (job->n_dup > 0 || job->adapter->dropout > 0);
}

/* Memory for what the tasks share, then for each thread. */
static CkStatus
reserve (Job *job, CkCpuStream *cpu)
{
  const int64_t up = ck_round_up (job->out * job->rank, 16),
                low = ck_round_up (job->rows * job->rank, 16);
  const bool makes = makes_low (job);
  const int64_t transposed = makes ? ck_adapter_transposed (job->adapter, job->in) : 0,
                mask = makes && job->adapter->dropout > 0
                           ? ck_round_up (job->rows * ck_mask_bytes (job->in), 64) / 4
                           : 0;
  size_t shared, threads;

  size_buffers (job);
  job->buffer_floats = ck_round_up (job->buffer_floats, 16);
  if (!ck_size_product (up + 2 * low + transposed + mask + 16, sizeof (float), 1, &shared) ||
      !ck_size_product (job->buffer_floats, cpu->threads, sizeof (float), &threads))
    return CK_NO_MEMORY;
  job->up = ck_scratch_get (&cpu->tiles, shared + threads);
  if (job->up == NULL)
    return CK_NO_MEMORY;
  job->low = job->up + up;
  job->dlow = job->low + low;
  job->transposed = job->dlow + low;
  job->buffers = job->transposed + transposed + mask;
  if (job->adapter != NULL && job->adapter->kept)
    job->low = job->adapter->low;
  if (mask > 0) {
    job->masked = *job->adapter;
    job->masked.mask = (uint8_t *)(job->transposed + transposed);
    job->adapter = &job->masked;
  }
  return CK_OK;
}

static CkStatus
scale_up (const void *data, int64_t first, int64_t end, int member)
{
  const Job *job = data;

  for (int64_t row = first; row < end; row++) {
    const float factor = job->adapter->scale * (job->gain != NULL ? job->gain[row] : 1);

    for (int64_t r = row * job->rank; r < (row + 1) * job->rank; r++)
      job->up[r] = factor * job->adapter->up[r];
  }
  return CK_OK;
}

/* Columns [first, first + STRIP) of dbias and dgain. A gain of 0 hides what it multiplied: its
 * gradient stays as it is. */
static void
sum_columns (const Job *job, int64_t first)
{
  const CkLinearBackward *op = job->op;
  const int64_t n = ck_min (STRIP, job->out - first);
  const CkTrainingOps *ops = &job->cpu->ops->training;
  double dy_sum[STRIP] = { 0 }, dyy_sum[STRIP] = { 0 };

  if (op->gradients.gain != NULL)
    ops->sum_columns (job->rows, n, job->out, op->dy + first, op->y + first, dy_sum, dyy_sum);
  else
    ops->sum_columns (job->rows, n, job->out, op->dy + first, NULL, dy_sum, NULL);
  for (int64_t i = 0; i < n; i++) {
    const int64_t o = first + i;

    if (op->gradients.bias != NULL)
      op->gradients.bias[o] += (float)dy_sum[i];
    if (op->gradients.gain != NULL && job->gain[o] != 0)
      op->gradients.gain[o] +=
          (float)((dyy_sum[i] - (op->bias != NULL ? op->bias[o] * dy_sum[i] : 0)) / job->gain[o]);
  }
}

/* ROWS rows of dlow. */
static CkStatus
make_dlow (const Job *job, int64_t first)
{
  return job->cpu->ops->products.gemm (false, ck_min (ROWS, job->rows - first), job->rank, job->out,
                                       1, job->op->dy + first * job->out, job->out, job->up,
                                       job->rank, 0, job->dlow + first * job->rank, job->rank);
}

/* What the tiles need of all rows, and what nothing needs. */
static CkStatus
make_sums (const void *data, int64_t task, int member)
{
  const Job *job = data;

  if (task >= job->n_strips)
    return make_dlow (job, (task - job->n_strips) * ROWS);
  sum_columns (job, task * STRIP);
  return CK_OK;
}

/* dx (+)= dy (gain W) for a tile whose part of W is dequantised, DEPTH rows at a time. */
static CkStatus
add_dequantised (const Job *job, const float *dy, int64_t rows, int64_t first_in, int64_t ins,
                 float *dx, float *weights)
{
  const CkCpuOps *ops = job->cpu->ops;

  for (int64_t k = 0; k < job->out; k += DEPTH) {
    const int64_t depth = ck_min (DEPTH, job->out - k);
    CkStatus status;

    for (int64_t o = 0; o < depth; o++) {
      float *row = weights + o * ins;

      ck_weight_dequantise_run (ops, job->op->weight, (k + o) * job->in + first_in, ins, row);
      if (job->gain != NULL)
        ops->training.multiply (ins, job->gain[k + o], row);
    }
    status = ops->products.gemm (false, rows, ins, depth, 1, dy + k, job->out, weights, ins,
                                 k == 0 && !job->op->add_dx ? 0 : 1, dx, job->in);
    if (status != CK_OK)
      return status;
  }
  return CK_OK;
}

static const uint8_t *
mask_at (const Job *job, int64_t row, int64_t col)
{
  return job->adapter->mask + row * ck_mask_bytes (job->in) + col / 8;
}

/* dx += dropout (dlow down) for a tile, whose rows are `stride` floats apart. */
static CkStatus
add_adapter (const Job *job, int64_t first_row, int64_t rows, int64_t first_in, int64_t ins,
             float *dx, int64_t stride, float *buffer)
{
  const CkCpuOps *ops = job->cpu->ops;
  const CkAdapter *adapter = job->adapter;

  if (!(adapter->dropout > 0))
    return ops->products.gemm (false, rows, ins, job->rank, 1, job->dlow + first_row * job->rank,
                               job->rank, adapter->down + first_in, job->in, 1, dx, stride);
  for (int64_t row = 0; row < rows; row += ROWS) {
    const int64_t n = ck_min (ROWS, rows - row);
    const CkStatus status =
        ops->products.gemm (false, n, ins, job->rank, 1, job->dlow + (first_row + row) * job->rank,
                            job->rank, adapter->down + first_in, job->in, 0, buffer, ins);

    if (status != CK_OK)
      return status;
    for (int64_t r = 0; r < n; r++) {
      float *term = buffer + r * ins, *sum = dx + (row + r) * stride;

      ops->training.drop (adapter->dropout, ins, mask_at (job, first_row + row + r, first_in), term,
                          term);
      ops->rows.add_scaled (ins, 1, term, sum);
    }
  }
  return CK_OK;
}

/* A tile by whole numbers: a few rows at once, whose values stay in the cache until they are done.
 */
static CkStatus
make_whole_dx (const Job *job, int64_t first_row, int64_t rows, int64_t first_in, int64_t ins,
               float *buffer)
{
  const CkEpilogue nothing = { 0 };
  const int64_t stride = job->dx_tiles.panel;
  float *t = buffer, *dropped = t + CK_CODE_ROWS * stride,
        *weights = dropped + CK_CODE_ROWS * stride;
  CkBackwardPanel panel;
  CkStatus status = CK_OK;

  ck_backward_panel_init (&panel, job->cpu->ops, weight_of (job), job->gain, first_in, ins, stride,
                          weights);
  for (int64_t row = first_row; row < first_row + rows && status == CK_OK; row += CK_CODE_ROWS) {
    const int64_t n = ck_min (CK_CODE_ROWS, first_row + rows - row);

    ck_backward_panel_multiply (&panel, &job->codes, row, n, t);
    if (job->adapter != NULL)
      status = add_adapter (job, row, n, first_in, ins, t, stride, dropped);
    for (int64_t i = 0; i < n; i++) {
      float *dx = job->op->dx + (row + i) * job->in + first_in;

      job->cpu->ops->rows.epilogue (&nothing, ins, t + i * stride, NULL,
                                    job->op->add_dx ? dx : NULL, dx);
    }
  }
  return status;
}

static CkStatus
make_dx (const Job *job, int64_t tile, float *buffer)
{
  const CkLinearBackward *op = job->op;
  const CkTiles *tiles = &job->dx_tiles;
  const int64_t first_row = tile % tiles->n_groups * tiles->group,
                first_in = tile / tiles->n_groups * tiles->panel;
  const int64_t rows = ck_min (tiles->group, job->rows - first_row),
                ins = ck_min (tiles->panel, job->in - first_in);
  const float *dy = op->dy + first_row * job->out;
  float *dx = op->dx + first_row * job->in + first_in;
  CkStatus status;

  if (job->whole)
    return make_whole_dx (job, first_row, rows, first_in, ins, buffer);
  if (job->dequantises)
    status = add_dequantised (job, dy, rows, first_in, ins, dx, buffer);
  else
    status = job->cpu->ops->products.gemm (false, rows, ins, job->out, 1, dy, job->out,
                                           (const float *)ck_weight_data (op->weight) + first_in,
                                           job->in, op->add_dx ? 1 : 0, dx, job->in);
  if (status != CK_OK || job->adapter == NULL)
    return status;
  return add_adapter (job, first_row, rows, first_in, ins, dx, job->in, buffer);
}

static CkStatus
add_dweight (const Job *job, int64_t tile)
{
  const int64_t across = ck_ceil_div (job->in, INS_DW), first_out = tile / across * OUTS_DW,
                first_in = tile % across * INS_DW;

  return job->cpu->ops->products.gemm_tn (
      ck_min (OUTS_DW, job->out - first_out), ck_min (INS_DW, job->in - first_in), job->rows, 1,
      job->op->dy + first_out, job->out, job->op->x + first_in, job->in, 1,
      job->op->gradients.weight + first_out * job->in + first_in, job->in);
}

static CkStatus
add_dup (const Job *job, int64_t tile, float *buffer)
{
  const int64_t first = tile * PANEL, outs = ck_min (PANEL, job->out - first);
  float *dup = job->op->gradients.up + first * job->rank;
  const CkStatus status = job->cpu->ops->products.gemm_tn (
      outs, job->rank, job->rows, job->adapter->scale, job->op->dy + first, job->out, job->low,
      job->rank, 0, buffer, job->rank);

  for (int64_t i = 0; i < outs * job->rank && status == CK_OK; i++)
    dup[i] += job->gain != NULL ? job->gain[first + i / job->rank] * buffer[i] : buffer[i];
  return status;
}

static CkStatus
add_ddown (const Job *job, int64_t tile, float *buffer)
{
  const CkCpuOps *ops = job->cpu->ops;
  const CkAdapter *adapter = job->adapter;
  const int64_t first = tile * PANEL, ins = ck_min (PANEL, job->in - first);
  float *ddown = job->op->gradients.down + first;

  if (!(adapter->dropout > 0))
    return ops->products.gemm_tn (job->rank, ins, job->rows, 1, job->dlow, job->rank,
                                  job->op->x + first, job->in, 1, ddown, job->in);
  for (int64_t row = 0; row < job->rows; row += ROWS) {
    const int64_t n = ck_min (ROWS, job->rows - row);
    CkStatus status;

    for (int64_t r = 0; r < n; r++) {
      ops->training.drop (adapter->dropout, ins, mask_at (job, row + r, first),
                          job->op->x + (row + r) * job->in + first, buffer + r * ins);
    }
    status = ops->products.gemm_tn (job->rank, ins, n, 1, job->dlow + row * job->rank, job->rank,
                                    buffer, ins, 1, ddown, job->in);
    if (status != CK_OK)
      return status;
  }
  return CK_OK;
}

static CkStatus
make_tile (const void *data, int64_t tile, int member)
{
  const Job *job = data;
  float *buffer = job->buffers + member * job->buffer_floats;

  /* The longest come first, so that nobody waits for one at the end. */
  if (tile < job->n_dweight)
    return add_dweight (job, tile);
  tile -= job->n_dweight;
  if (tile < job->n_dx)
    return make_dx (job, tile, buffer);
  tile -= job->n_dx;
  if (tile < job->n_dup)
    return add_dup (job, tile, buffer);
  return add_ddown (job, tile - job->n_dup, buffer);
}

static CkStatus
run (const Job *job)
{
  const CkCpuStream *cpu = job->cpu;
  CkStatus status;

  if (job->n_dlow > 0)
    ck_team_run_chunks (cpu->threads, job->out, PANEL, scale_up, job);
  status = ck_team_run (cpu->threads, job->n_strips + job->n_dlow, make_sums, job);
  if (status != CK_OK)
    return status;
  return ck_team_run (cpu->threads, job->n_tiles, make_tile, job);
}

CkStatus
ck_cpu_linear_backward (CkStream *self, const CkLinearBackward *op)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  Job job = {
    .cpu = cpu,
    .op = op,
    .adapter = op->adapter.rank > 0 ? &op->adapter : NULL,
    .gain = op->adapter.gain,
    .rows = op->rows,
    .in = op->weight->source.in,
    .out = op->weight->source.out,
  };
  const CkQuantisedOps *products;
  CkStatus status = ck_check_linear_backward (op);

  if (status != CK_OK || cpu->failure != CK_OK || op->rows == 0)
    return status;
  job.rank = job.adapter != NULL ? job.adapter->rank : 0;
  products = weight_of (&job)->products;
  job.whole = op->dx != NULL && products != NULL && products->pack_block != NULL;
  cut (&job);
  status = reserve (&job, cpu);
  if (status == CK_OK && job.whole)
    status = ck_linear_codes_init (&job.codes, cpu, products, job.rows, job.out, ck_f32 (op->dy));
  if (status == CK_OK && op->gradients.weight != NULL && products != NULL)
    status =
        ck_gradient_codes_add (cpu, job.rows, job.out, job.in, op->dy, op->x, op->gradients.weight);
  if (status == CK_OK && makes_low (&job))
    status = ck_adapter_low (cpu, job.adapter, job.rows, job.in, op->x, job.low, job.transposed,
                             job.buffers);
  return ck_cpu_finish (cpu, status == CK_OK ? run (&job) : status);
}
