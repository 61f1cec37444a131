/* SPDX-License-Identifier: MIT */
/*
 * Linear layers. The output is cut into tiles: a panel of outputs (rows of W) by a group of rows of
 * x. One thread makes a tile from start to end: it dequantises the panel's weights, multiplies into
 * a buffer of its own, adds the adapter, and writes y through the epilogue while the buffer is in
 * its cache. Because y is written only there, element by element, `multiplier` and `residual` may
 * be y itself.
 */
#include "kernels/cpu/adapter.h"
#include "kernels/cpu/linear-codes.h"
#include "kernels/cpu/operations.h"
#include "kernels/cpu/tiles.h"
#include "kernels/cpu/weight-values.h"
#include "kernels/shapes.h"

#define PANEL     256 /* outputs a tile: as few as keep the product at full speed */
#define PANEL_MIN 64  /* when many threads share a narrow layer */
#define GROUP     512 /* rows a tile: the buffer [rows, panel] stays within half a MiB */
#define GROUP_MIN 32  /* when many threads share few outputs */
/* Columns dequantised at once: [panel, depth] in fp32 is 1 MiB. Sums begin anew there, so it is
 * part of the definition. */
#define DEPTH       1024
#define LINE_FLOATS 16 /* a cache line */

/* One call: the layer, how it is cut, and where the buffers lie. */
typedef struct {
  const CkCpuStream *cpu;
  const CkLinear *layer;
  int64_t rows, in, out;
  const float *x;
  float *y;

  CkCpuWeight weight;  /* the layer's, whose strips may be of this call */
  bool whole;          /* whether the product is of whole numbers: */
  CkLinearCodes codes; /* x as such */

  int64_t rank; /* 0 without an adapter */
  CkTiles tiles;
  int64_t depth;
  float *low;        /* [rows, rank] x down^T, which all panels share */
  float *transposed; /* [in, rank] down^T */
  float *buffers;    /* a thread: product [rows at once, panel], then weights [panel, depth] */
  int64_t buffer_floats;
} Job;

/* Whole numbers need no more than a few rows at once, and their weights are unpacked anew for each
 * group: it is as large as there are rows. */
static void
cut (Job *job)
{
  const CkCpuWeight *weight = &job->weight;
  const int64_t most = job->whole ? ck_linear_codes_panel (weight) : PANEL;

  job->tiles = ck_tiles (job->rows, job->out, job->cpu->threads,
                         (CkTileLimits){ .unit = job->whole ? weight->products->strip : LINE_FLOATS,
                                         .least = ck_min (most, PANEL_MIN),
                                         .most = most,
                                         .group = job->whole ? job->rows : GROUP,
                                         .group_least = GROUP_MIN });
  job->depth = job->layer->weight->source.type == CK_F32 ? job->in : ck_min (job->in, DEPTH);
}

/* Floats of a thread's buffer behind its product. */
static int64_t
count_weight_floats (const Job *job)
{
  if (job->whole)
    return ck_linear_codes_buffer (&job->weight, job->tiles.panel);
  return job->layer->weight->source.type != CK_F32 ? job->tiles.panel * job->depth : 0;
}

static int64_t
rows_at_once (const Job *job)
{
  return job->whole ? ck_min (job->tiles.group, CK_CODE_ROWS) : job->tiles.group;
}

static CkStatus
reserve (Job *job, CkCpuStream *cpu)
{
  const int64_t low = ck_round_up (job->rows * job->rank, LINE_FLOATS);
  const int64_t transposed =
      job->rank > 0 ? ck_adapter_transposed (&job->layer->adapter, job->in) : 0;
  size_t bytes;

  /* At most PANEL * (GROUP + DEPTH), or a few times a row of the weight. */
  job->buffer_floats = job->tiles.panel * rows_at_once (job) + count_weight_floats (job);
  if (job->rank > 0)
    job->buffer_floats = ck_max (job->buffer_floats, ck_adapter_buffer (&job->layer->adapter));
  if (!ck_size_product (low + transposed + job->buffer_floats * cpu->threads, sizeof (float), 1,
                        &bytes))
    return CK_NO_MEMORY;
  job->low = ck_scratch_get (&cpu->tiles, bytes);
  if (job->low == NULL)
    return CK_NO_MEMORY;
  job->transposed = job->low + low;
  job->buffers = job->transposed + transposed;
  return CK_OK;
}

/* t [rows, panel] = x W^T, straight from a dense weight's memory, else dequantised a few columns at
 * a time into `weights`. */
static CkStatus
multiply_weight (const Job *job, const float *x, int64_t rows, int64_t first_out, int64_t outs,
                 float *t, float *weights)
{
  const CkCpuOps *ops = job->cpu->ops;
  const CkWeight *weight = job->layer->weight;

  if (weight->source.type == CK_F32)
    return ops->products.gemm (true, rows, outs, job->in, 1, x, job->in,
                               (const float *)ck_weight_data (weight) + first_out * job->in,
                               job->in, 0, t, job->tiles.panel);
  for (int64_t k = 0; k < job->in; k += job->depth) {
    const int64_t depth = ck_min (job->depth, job->in - k);
    CkStatus status;

    for (int64_t o = 0; o < outs; o++)
      ck_weight_dequantise_run (ops, weight, (first_out + o) * job->in + k, depth,
                                weights + o * depth);
    status = ops->products.gemm (true, rows, outs, depth, 1, x + k, job->in, weights, depth,
                                 k == 0 ? 0 : 1, t, job->tiles.panel);
    if (status != CK_OK)
      return status;
  }
  return CK_OK;
}

/* y = what follows the product t [rows, outs], of a tile whose first row and output these are. */
static CkStatus
finish_rows (const Job *job, int64_t first_row, int64_t rows, int64_t first_out, int64_t outs,
             float *t)
{
  const CkLinear *layer = job->layer;
  const CkAdapter *adapter = &layer->adapter;
  const CkEpilogue epilogue = {
    .gain = adapter->gain != NULL ? adapter->gain + first_out : NULL,
    .bias = layer->bias != NULL ? layer->bias + first_out : NULL,
    .activation = layer->activation,
    .scale = layer->scale != NULL ? layer->scale + first_out : NULL,
  };
  CkStatus status = CK_OK;

  if (job->rank > 0)
    status = job->cpu->ops->products.gemm (
        true, rows, outs, job->rank, adapter->scale, job->low + first_row * job->rank, job->rank,
        adapter->up + first_out * job->rank, job->rank, 1, t, job->tiles.panel);
  for (int64_t row = 0; status == CK_OK && row < rows; row++) {
    const int64_t at = (first_row + row) * job->out + first_out;

    job->cpu->ops->rows.epilogue (&epilogue, outs, t + row * job->tiles.panel,
                                  layer->multiplier != NULL ? layer->multiplier + at : NULL,
                                  layer->residual != NULL ? layer->residual + at : NULL,
                                  job->y + at);
  }
  return status;
}

static CkStatus
make_tile (const void *data, int64_t tile, int member)
{
  const Job *job = data;
  const CkTiles *tiles = &job->tiles;
  const int64_t first_row = tile % tiles->n_groups * tiles->group,
                first_out = tile / tiles->n_groups * tiles->panel;
  const int64_t rows = ck_min (tiles->group, job->rows - first_row),
                outs = ck_min (tiles->panel, job->out - first_out);
  float *buffer = job->buffers + member * job->buffer_floats,
        *weights = buffer + rows_at_once (job) * tiles->panel;
  CkStatus status = CK_OK;
  CkCodePanel panel;

  if (!job->whole) {
    status =
        multiply_weight (job, job->x + first_row * job->in, rows, first_out, outs, buffer, weights);
    return status == CK_OK ? finish_rows (job, first_row, rows, first_out, outs, buffer) : status;
  }
  ck_code_panel_init (&panel, &job->weight, first_out, outs, tiles->panel, weights);
  for (int64_t row = 0; status == CK_OK && row < rows; row += CK_CODE_ROWS) {
    const int64_t n = ck_min (CK_CODE_ROWS, rows - row);

    ck_code_panel_multiply (&panel, &job->codes, first_row + row, n, buffer);
    status = finish_rows (job, first_row + row, n, first_out, outs, buffer);
  }
  return status;
}

CkStatus
ck_cpu_linear (CkStream *self, const CkLinear *layer)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  Job job = {
    .cpu = cpu,
    .layer = layer,
    .rows = layer->rows,
    .in = layer->weight->source.in,
    .out = layer->weight->source.out,
    .x = layer->x.data,
    .y = layer->y.data,
    .whole = ((const CkCpuWeight *)layer->weight)->products != NULL,
    .rank = layer->adapter.rank,
  };
  CkStatus status = ck_check_linear (layer);

  if (status != CK_OK || cpu->failure != CK_OK || layer->rows == 0)
    return status;
  if (!layer->same_x) /* whole numbers of what was there before are of no use to those who say so */
    cpu->coded = (CkCoded){ 0 };
  status = ck_linear_codes_pack (cpu, (const CkCpuWeight *)layer->weight, &job.weight);
  if (status != CK_OK)
    return ck_cpu_finish (cpu, status);
  cut (&job);
  status = reserve (&job, cpu);
  if (status == CK_OK && job.whole)
    status = ck_linear_codes_init (&job.codes, cpu, job.weight.products, job.rows, job.in, job.x,
                                   layer->same_x);
  if (status == CK_OK && job.rank > 0)
    status = ck_adapter_low (cpu, &layer->adapter, job.rows, job.in, job.x, job.low, job.transposed,
                             job.buffers);
  if (status == CK_OK)
    status = ck_team_run (cpu->threads, job.tiles.n_panels * job.tiles.n_groups, make_tile, &job);
  return ck_cpu_finish (cpu, status);
}
