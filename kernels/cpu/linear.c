/* SPDX-License-Identifier: MIT */
/*
 * Linear layers. The output is cut into tiles: a panel of outputs (rows of W) by a group of rows of
 * x. One thread makes a tile from start to end: it dequantises the panel's weights, multiplies into
 * a buffer of its own, adds the adapter, and writes y through the epilogue while the buffer is in
 * its cache. Products of whole numbers go the other way: the buffer gets what is added to them,
 * outliers and the adapter, and they pass it and the epilogue on their way from registers to y.
 * Because y is written only there, element by element, `multiplier` and `residual` may be y itself.
 * Where y is to be whole numbers, rows are written to a buffer and become them at once.
 */
#include "kernels/cpu/adapter-codes.h"
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
#define LINE_FLOATS 16 /* a cache line, of which a block of codes is a multiple */

/* One call: the layer, how it is cut, and where the buffers lie. */
typedef struct {
  const CkCpuStream *cpu;
  const CkLinear *layer;
  int64_t rows, in, out;
  const float *x;
  float *y;            /* NULL where y is whole numbers: */
  CkCodedRows y_codes; /* these */

  CkCpuWeight weight;  /* the layer's, whose strips may be of this call */
  bool whole;          /* whether the product is of whole numbers: */
  CkLinearCodes codes; /* x as such */

  int64_t rank;       /* 0 without an adapter */
  bool coded_adapter; /* whether it is of whole numbers, too: */
  CkAdapterCodes adapter_codes;
  CkTiles tiles;
  int64_t depth;
  float *low;        /* [rows, rank] x down^T, which all panels share; or the memory of the codes */
  float *transposed; /* [in, rank] down^T */
  float *buffers; /* a thread: product [group, panel], then weights [panel, depth]; of whole numbers
                   * what is added and the result, [CK_CODE_ROWS, panel] both, then weights */
  int64_t buffer_floats;
} Job;

/* Whole numbers need no more than a few rows at once, and their weights are unpacked anew for each
 * group: it is as large as there are rows. */
static void
cut (Job *job)
{
  const CkCpuWeight *weight = &job->weight;
  const int64_t most = job->whole ? ck_code_panel_width (weight->products, job->in) : PANEL;

  job->tiles = ck_tiles (job->rows, job->out, job->cpu->threads,
                         (CkTileLimits){ .unit = job->y == NULL ? CK_CODE_BLOCK
                                                 : job->whole   ? weight->products->strip
                                                                : LINE_FLOATS,
                                         .least = ck_min (most, PANEL_MIN),
                                         .most = most,
                                         .group = job->whole ? job->rows : GROUP,
                                         .group_least = GROUP_MIN });
  job->depth = job->layer->weight->source.type == CK_F32 ? job->in : ck_min (job->in, DEPTH);
}

/* Floats of a thread's buffers, [rows, panel] and for weights. */
static int64_t
count_buffer (const Job *job)
{
  const CkCpuWeight *weight = &job->weight;

  if (job->whole)
    return 2 * CK_CODE_ROWS * job->tiles.panel + ck_linear_codes_buffer (weight, job->tiles.panel) +
           (job->coded_adapter
                ? ck_adapter_codes_panel (weight->products, &job->layer->adapter, job->tiles.panel)
                : 0);
  return job->tiles.panel *
         (job->tiles.group + (job->layer->weight->source.type != CK_F32 ? job->depth : 0));
}

/* *floats for what all panels share of the adapter, of which `low` come first. */
static bool
count_adapter (const Job *job, int threads, size_t *low, size_t *floats)
{
  const CkAdapter *adapter = &job->layer->adapter;

  *low = *floats = 0;
  if (job->coded_adapter)
    return ck_adapter_codes_memory (job->weight.products, adapter, job->rows, job->in, threads,
                                    floats);
  *low = (size_t)ck_round_up (job->rows * job->rank, LINE_FLOATS);
  *floats = *low + (size_t)(job->rank > 0 ? ck_adapter_transposed (adapter, job->in) : 0);
  return true;
}

static CkStatus
reserve (Job *job, CkCpuStream *cpu)
{
  size_t low, floats, bytes;

  if (!count_adapter (job, cpu->threads, &low, &floats))
    return CK_NO_MEMORY;
  /* At most PANEL * (GROUP + DEPTH), or a few times a row of the weight. */
  job->buffer_floats = count_buffer (job);
  if (job->rank > 0)
    job->buffer_floats = ck_max (job->buffer_floats, ck_adapter_buffer (&job->layer->adapter));
  if (!ck_size_product ((int64_t)floats + job->buffer_floats * cpu->threads, sizeof (float), 1,
                        &bytes))
    return CK_NO_MEMORY;
  job->low = ck_scratch_get (&cpu->tiles, bytes);
  if (job->low == NULL)
    return CK_NO_MEMORY;
  job->transposed = job->low + low;
  job->buffers = job->low + floats;
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

/* t [rows, panel] = adapter + beta t */
static CkStatus
add_adapter (const Job *job, int64_t first_row, int64_t rows, int64_t first_out, int64_t outs,
             float beta, float *t)
{
  const CkAdapter *adapter = &job->layer->adapter;

  if (job->rank == 0)
    return CK_OK;
  return job->cpu->ops->products.gemm (
      true, rows, outs, job->rank, adapter->scale, job->low + first_row * job->rank, job->rank,
      adapter->up + first_out * job->rank, job->rank, beta, t, job->tiles.panel);
}

/* Of the outputs from the first one on. */
static CkEpilogue
epilogue_from (const CkLinear *layer, int64_t first_out)
{
  const float *gain = layer->adapter.gain;

  return (CkEpilogue){
    .gain = gain != NULL ? gain + first_out : NULL,
    .bias = layer->bias != NULL ? layer->bias + first_out : NULL,
    .activation = layer->activation,
    .scale = layer->scale != NULL ? layer->scale + first_out : NULL,
  };
}

/* y = the epilogue of a product t [rows, panel], whose first row and output these are. */
static void
finish_rows (const Job *job, int64_t first_row, int64_t rows, int64_t first_out, int64_t outs,
             float *t)
{
  const CkLinear *layer = job->layer;
  const CkEpilogue epilogue = epilogue_from (layer, first_out);

  for (int64_t row = 0; row < rows; row++) {
    const int64_t at = (first_row + row) * job->out + first_out;
    float *product = t + row * job->tiles.panel;

    job->cpu->ops->rows.epilogue (&epilogue, outs, product,
                                  layer->multiplier != NULL ? layer->multiplier + at : NULL,
                                  layer->residual != NULL ? layer->residual + at : NULL,
                                  job->y != NULL ? job->y + at : product);
    if (job->y == NULL)
      ck_coded_rows_write (&job->y_codes, first_row + row, first_out, outs, product);
  }
}

/* Rows of a tile whose product is of whole numbers; t and result: buffers [rows, panel]. */
static CkStatus
make_coded_rows (const Job *job, CkCodePanel *panel, int64_t first_row, int64_t rows, float *t,
                 float *result)
{
  const CkLinear *layer = job->layer;
  const int64_t at = first_row * job->out + panel->first;
  const bool outliers = ck_linear_codes_have_outliers (&job->codes, first_row, rows),
             in_fp32 = job->rank > 0 && !job->coded_adapter;
  CkSecondProduct second;
  CkTail tail = {
    .addend = outliers || in_fp32 ? t : NULL,
    .addend_stride = job->tiles.panel,
    .epilogue = epilogue_from (layer, panel->first),
    .multiplier = layer->multiplier != NULL ? layer->multiplier + at : NULL,
    .residual = layer->residual != NULL ? layer->residual + at : NULL,
    .stride = job->out,
  };
  CkStatus status = CK_OK;

  if (job->coded_adapter) {
    second = ck_adapter_codes_from (&job->adapter_codes, first_row, &panel->up);
    tail.second = &second;
  }
  if (outliers) {
    memset (t, 0, (size_t)(rows * job->tiles.panel) * sizeof *t);
    ck_code_panel_add_outliers (panel, &job->codes, first_row, rows, t);
  }
  if (in_fp32)
    status = add_adapter (job, first_row, rows, panel->first, panel->outs, outliers ? 1 : 0, t);
  if (status != CK_OK)
    return status;
  if (job->y != NULL) {
    ck_code_panel_multiply (panel, &job->codes, first_row, rows, &tail, job->y + at, job->out);
    return CK_OK;
  }
  ck_code_panel_multiply (panel, &job->codes, first_row, rows, &tail, result, job->tiles.panel);
  for (int64_t row = 0; row < rows; row++)
    ck_coded_rows_write (&job->y_codes, first_row + row, panel->first, panel->outs,
                         result + row * job->tiles.panel);
  return CK_OK;
}

static CkStatus
make_coded_tile (const Job *job, int64_t first_row, int64_t rows, int64_t first_out, int64_t outs,
                 float *buffer)
{
  float *result = buffer + CK_CODE_ROWS * job->tiles.panel,
        *weights = result + CK_CODE_ROWS * job->tiles.panel;
  CkStatus status = CK_OK;
  CkCodePanel panel;

  const int64_t up = job->coded_adapter
                         ? ck_adapter_codes_panel (job->adapter_codes.products,
                                                   &job->layer->adapter, job->tiles.panel)
                         : 0;

  ck_code_panel_init (&panel, &job->weight, first_out, outs, job->tiles.panel, weights + up);
  if (job->coded_adapter)
    panel.up = ck_adapter_codes_strips (&job->adapter_codes, first_out, outs, weights);
  for (int64_t row = 0; status == CK_OK && row < rows; row += CK_CODE_ROWS)
    status = make_coded_rows (job, &panel, first_row + row, ck_min (CK_CODE_ROWS, rows - row),
                              buffer, result);
  return status;
}

static CkStatus
make_tile (const void *data, int64_t tile, int member)
{
  const Job *job = data;
  const int64_t first_row = tile % job->tiles.n_groups * job->tiles.group,
                first_out = tile / job->tiles.n_groups * job->tiles.panel;
  const int64_t rows = ck_min (job->tiles.group, job->rows - first_row),
                outs = ck_min (job->tiles.panel, job->out - first_out);
  float *buffer = job->buffers + member * job->buffer_floats,
        *weights = buffer + job->tiles.group * job->tiles.panel;
  CkStatus status;

  if (job->whole)
    return make_coded_tile (job, first_row, rows, first_out, outs, buffer);
  status =
      multiply_weight (job, job->x + first_row * job->in, rows, first_out, outs, buffer, weights);
  if (status == CK_OK)
    status = add_adapter (job, first_row, rows, first_out, outs, 1, buffer);
  if (status == CK_OK)
    finish_rows (job, first_row, rows, first_out, outs, buffer);
  return status;
}

/* x down^T, of the numbers that the layer itself multiplies unless dropout chooses among them. */
static CkStatus
make_low (Job *job)
{
  const CkAdapter *adapter = &job->layer->adapter;

  if (adapter->low != NULL)
    job->low = adapter->low;
  if (adapter->kept)
    return CK_OK;
  return job->coded_adapter ? ck_adapter_codes_init (&job->adapter_codes, job->cpu, adapter,
                                                     job->rows, job->in, &job->codes.x, job->low)
                            : ck_adapter_low (job->cpu, adapter, job->rows, job->in, job->x,
                                              job->low, job->transposed, job->buffers);
}

static Job
describe (const CkCpuStream *cpu, const CkLinear *layer)
{
  const CkCpuWeight *weight = (const CkCpuWeight *)layer->weight;
  Job job = {
    .cpu = cpu,
    .layer = layer,
    .rows = layer->rows,
    .in = layer->weight->source.in,
    .out = layer->weight->source.out,
    .x = layer->x.type == CK_F32 ? layer->x.data : NULL,
    .y = layer->y.type == CK_F32 ? layer->y.data : NULL,
    .whole = weight->products != NULL,
    .rank = layer->adapter.rank,
  };

  if (job.y == NULL)
    job.y_codes = ck_coded_rows_at (ck_cpu_products (cpu->ops, layer->y.type), job.rows, job.out,
                                    layer->y.data);
  job.coded_adapter = job.whole && job.rank > 0 && !(layer->adapter.dropout > 0);
  return job;
}

CkStatus
ck_cpu_linear (CkStream *self, const CkLinear *layer)
{
  CkCpuStream *cpu = (CkCpuStream *)self;
  CkStatus status = ck_check_linear (layer);
  size_t bytes;
  Job job;

  if (status == CK_OK)
    status = ck_activations_bytes (self->device, layer->y.type, layer->rows,
                                   layer->weight->source.out, &bytes);
  if (status != CK_OK || cpu->failure != CK_OK || layer->rows == 0)
    return status;
  job = describe (cpu, layer);
  status = ck_linear_codes_pack (cpu, (const CkCpuWeight *)layer->weight, &job.weight);
  if (status != CK_OK)
    return ck_cpu_finish (cpu, status);
  cut (&job);
  status = reserve (&job, cpu);
  if (status == CK_OK && job.whole)
    status =
        ck_linear_codes_init (&job.codes, cpu, job.weight.products, job.rows, job.in, layer->x);
  if (status == CK_OK && job.rank > 0)
    status = make_low (&job);
  if (status == CK_OK)
    status = ck_team_run (cpu->threads, job.tiles.n_panels * job.tiles.n_groups, make_tile, &job);
  return ck_cpu_finish (cpu, status);
}
