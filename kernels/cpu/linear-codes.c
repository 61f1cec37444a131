/* SPDX-License-Identifier: MIT */
/* The product of a linear layer in whole numbers. */
#include "kernels/cpu/linear-codes.h"

#include "kernels/cpu/weight-values.h"
#include "kernels/sizes.h"

#define LINE        64           /* bytes: a thread's buffers begin at a cache line */
#define PANEL_BYTES (192 * 1024) /* of weights: a part of a thread's L2 */
#define PANEL_MOST  256          /* columns, whose results are a part of it too */

/* ---- activations ----------------------------------------------------------------------------- */

typedef struct {
  const CkCodedRows *to;
  const float *x;
  int64_t in;
} Quantising;

static CkStatus
quantise_row (const void *data, int64_t row, int member)
{
  const Quantising *job = data;

  ck_coded_rows_write (job->to, row, 0, job->in, job->x + row * job->in);
  return CK_OK;
}

CkStatus
ck_linear_codes_init (CkLinearCodes *self, CkCpuStream *cpu, const CkQuantisedOps *products,
                      int64_t rows, int64_t cols, CkActivations x)
{
  const Quantising job = { &self->x, x.data, cols };
  void *memory = x.data;
  size_t bytes;

  if (x.type == CK_F32)
    memory = ck_coded_rows_bytes (products, rows, cols, &bytes)
                 ? ck_scratch_get (&cpu->codes, bytes)
                 : NULL;
  if (memory == NULL)
    return CK_NO_MEMORY;
  *self = (CkLinearCodes){ cpu, ck_coded_rows_at (products, rows, cols, memory) };
  return x.type == CK_F32 ? ck_team_run (cpu->threads, rows, quantise_row, &job) : CK_OK;
}

/* ---- weights --------------------------------------------------------------------------------- */

static int64_t
count_blocks (const CkCpuWeight *weight)
{
  return ck_ceil_div (weight->base.source.in, CK_CODE_BLOCK);
}

typedef struct {
  const CkCpuOps *ops;
  const CkCpuWeight *weight;
  float *buffers; /* buffer_floats a thread */
  int64_t buffer_floats;
} Packing;

static CkStatus
pack_strip (const void *data, int64_t strip, int member)
{
  const Packing *p = data;

  ck_weight_strips_pack (p->ops, p->weight, strip, p->buffers + member * p->buffer_floats);
  return CK_OK;
}

CkStatus
ck_linear_codes_pack (CkCpuStream *cpu, const CkCpuWeight *weight, CkCpuWeight *packed)
{
  Packing packing = { cpu->ops, packed, NULL, 0 };
  size_t strips, threads;
  int64_t scales;

  *packed = *weight;
  if (weight->products == NULL || weight->base.source.parameters == NULL)
    return CK_OK;
  packing.buffer_floats = ck_weight_strips_buffer (weight);
  strips = ck_weight_strips_size (weight, &scales);
  if (strips == 0 ||
      !ck_size_product (packing.buffer_floats, cpu->threads, sizeof (float), &threads))
    return CK_NO_MEMORY;
  packed->strips =
      ck_scratch_get (&cpu->strips, strips + (size_t)scales * sizeof (float) + threads);
  if (packed->strips == NULL)
    return CK_NO_MEMORY;
  packed->scales = (float *)((char *)packed->strips + strips);
  packing.buffers = packed->scales + scales;
  return ck_team_run (cpu->threads, ck_ceil_div (weight->base.source.out, weight->products->strip),
                      pack_strip, &packing);
}

int64_t
ck_code_panel_width (const CkQuantisedOps *products, int64_t depth)
{
  const int64_t bytes = ck_round_up (depth, CK_CODE_BLOCK) * products->code_size,
                wide = ck_min (PANEL_MOST, PANEL_BYTES / bytes);

  return ck_max (wide / products->strip, 1) * products->strip;
}

/* Bytes of a panel's codes; 0 where they are packed already. */
static int64_t
code_bytes (const CkCpuWeight *weight, int64_t panel)
{
  return weight->strips != NULL
             ? 0
             : panel * count_blocks (weight) * CK_CODE_BLOCK * weight->products->code_size;
}

int64_t
ck_linear_codes_buffer (const CkCpuWeight *weight, int64_t panel)
{
  const int64_t scales = weight->strips != NULL ? 0 : panel * count_blocks (weight);

  return ck_round_up (code_bytes (weight, panel) / (int64_t)sizeof (float) + scales +
                          CK_COLUMNS * (panel + 1),
                      LINE / (int64_t)sizeof (float));
}

void
ck_code_panel_init (CkCodePanel *panel, const CkCpuWeight *weight, int64_t first, int64_t outs,
                    int64_t stride, float *buffer)
{
  float *columns = buffer + code_bytes (weight, stride) / (int64_t)sizeof (float);

  *panel = (CkCodePanel){ .weight = weight,
                          .first = first,
                          .outs = outs,
                          .columns = columns,
                          .column_ids = (int32_t *)(columns + CK_COLUMNS * stride),
                          .panel = stride };
  panel->strips =
      ck_weight_strips_get (weight, first, outs, buffer, columns + CK_COLUMNS * (stride + 1));
}

/* ---- the product ----------------------------------------------------------------------------- */

/* A column of the panel, dequantised when it is first asked for. */
static const float *
find_column (CkCodePanel *panel, const CkLinearCodes *x, int32_t column)
{
  int64_t i = 0;

  while (i < panel->n_columns && panel->column_ids[i] != column)
    i++;
  if (i == panel->n_columns) {
    if (i < CK_COLUMNS)
      panel->n_columns++;
    else
      i = panel->next_column++ % CK_COLUMNS;
    panel->column_ids[i] = column;
    ck_weight_dequantise_column (x->cpu->ops, &panel->weight->base, column, panel->first,
                                 panel->outs, panel->columns + i * panel->panel);
  }
  return panel->columns + i * panel->panel;
}

/* t += outliers of a row, in their order. */
static void
add_outliers (CkCodePanel *panel, const CkLinearCodes *layer, int64_t row, float *t)
{
  const CkOutlier *outlier;
  CkOutlierPlace place = { 0 };

  while ((outlier = ck_coded_rows_next_outlier (&layer->x, row, &place)) != NULL)
    layer->cpu->ops->rows.add_scaled (panel->outs, outlier->value,
                                      find_column (panel, layer, outlier->column), t);
}

bool
ck_linear_codes_have_outliers (const CkLinearCodes *x, int64_t row, int64_t rows)
{
  for (int64_t i = row; i < row + rows; i++)
    if (ck_coded_rows_has_outliers (&x->x, i))
      return true;
  return false;
}

void
ck_code_panel_add_outliers (CkCodePanel *panel, const CkLinearCodes *x, int64_t row, int64_t rows,
                            float *t)
{
  for (int64_t i = 0; i < rows; i++)
    if (ck_coded_rows_has_outliers (&x->x, row + i))
      add_outliers (panel, x, row + i, t + i * panel->panel);
}

/* A pointer to the first output of a strip out of one to the panel's. */
static const float *
at_output (const float *first, int64_t out)
{
  return first != NULL ? first + out : NULL;
}

void
ck_code_panel_multiply (const CkCodePanel *panel, const CkLinearCodes *x, int64_t row, int64_t rows,
                        const CkTail *tail, float *y, int64_t stride)
{
  const CkQuantisedOps *products = x->x.products;
  const CkCodes codes = ck_coded_rows_from (&x->x, row);

  for (int64_t out = 0, strip = 0; out < panel->outs; out += products->strip, strip++) {
    CkTail here = *tail;
    CkSecondProduct second;

    if (tail->second != NULL) {
      second = *tail->second;
      second.strip = (const char *)second.strip + strip * panel->up.code_stride;
      second.scales += strip * panel->up.scale_stride;
      here.second = &second;
    }
    here.addend = at_output (tail->addend, out);
    here.multiplier = at_output (tail->multiplier, out);
    here.residual = at_output (tail->residual, out);
    here.epilogue.gain = at_output (tail->epilogue.gain, out);
    here.epilogue.bias = at_output (tail->epilogue.bias, out);
    here.epilogue.scale = at_output (tail->epilogue.scale, out);
    products->multiply (rows, &codes, panel->strips.codes + strip * panel->strips.code_stride,
                        panel->strips.scales + strip * panel->strips.scale_stride, &here,
                        ck_min (products->strip, panel->outs - out), y + out, stride);
  }
}
