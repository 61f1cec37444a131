/* SPDX-License-Identifier: MIT */
/* The product of a linear layer in whole numbers. */
#include "kernels/cpu/linear-codes.h"

#include "kernels/cpu/weight-values.h"
#include "kernels/sizes.h"

#define LINE        64           /* bytes: buffers begin at a cache line */
#define PANEL_BYTES (192 * 1024) /* of weights: a part of a thread's L2 */
#define PANEL_MOST  256          /* outputs, whose results are a part of it too */

/* ---- activations ----------------------------------------------------------------------------- */

/* Where the parts of the scratch memory begin. */
typedef struct {
  size_t scales, sums, outliers, counts, end;
} Places;

static bool
place (const CkLinearCodes *self, Places *places)
{
  const int64_t blocks = self->codes.blocks;
  /* Each is a whole number of cache lines a row at most, and five of them stay below SIZE_MAX. */
  const int64_t row = blocks * (CK_CODE_BLOCK * 2 + 2 * (int64_t)sizeof (float) +
                                CK_OUTLIERS_MAX * (int64_t)sizeof (CkOutlier)) +
                      (int64_t)sizeof (int32_t) + 5 * LINE;
  size_t most;

  if (!ck_size_product (self->rows, row, 1, &most))
    return false;
  const size_t n = (size_t)self->rows, b = (size_t)blocks;
#define LINES(bytes) (((bytes) + LINE - 1) / LINE * LINE)
  places->scales = LINES (n * b * CK_CODE_BLOCK * (size_t)self->products->code_size);
  places->sums = places->scales + LINES (n * b * sizeof (float));
  places->outliers = places->sums + LINES (n * b * sizeof (int32_t));
  places->counts = places->outliers + LINES (n * b * CK_OUTLIERS_MAX * sizeof (CkOutlier));
  places->end = places->counts + LINES (n * sizeof (int32_t));
#undef LINES
  return true;
}

static CkStatus
quantise_row (const void *data, int64_t row, int member)
{
  const CkLinearCodes *self = data;
  const CkQuantisedOps *products = self->products;
  const int64_t blocks = self->codes.blocks;

  self->n_outliers[row] = (int32_t)products->quantise (
      self->cols, self->x + row * self->cols,
      (char *)self->codes.codes + row * blocks * CK_CODE_BLOCK * products->code_size,
      self->codes.scales + row * blocks, self->codes.sums + row * blocks,
      self->outliers + row * blocks * CK_OUTLIERS_MAX);
  return CK_OK;
}

CkStatus
ck_linear_codes_init (CkLinearCodes *self, CkCpuStream *cpu, const CkQuantisedOps *products,
                      int64_t rows, int64_t cols, const float *x, bool same)
{
  const CkCoded coded = { x, rows, cols, products }, last = cpu->coded;
  Places places;
  char *memory;

  *self = (CkLinearCodes){ .cpu = cpu,
                           .products = products,
                           .rows = rows,
                           .cols = cols,
                           .x = x,
                           .codes.blocks = ck_ceil_div (cols, CK_CODE_BLOCK) };
  memory = place (self, &places) ? ck_scratch_get (&cpu->codes, places.end) : NULL;
  if (memory == NULL)
    return CK_NO_MEMORY;
  self->codes.codes = memory;
  self->codes.scales = (float *)(memory + places.scales);
  self->codes.sums = (int32_t *)(memory + places.sums);
  self->outliers = (CkOutlier *)(memory + places.outliers);
  self->n_outliers = (int32_t *)(memory + places.counts);
  if (same && last.x == x && last.rows == rows && last.cols == cols &&
      last.products == coded.products)
    return CK_OK;
  cpu->coded = coded;
  return ck_team_run (cpu->threads, rows, quantise_row, self);
}

CkCodes
ck_linear_codes_rows (const CkLinearCodes *self, int64_t row)
{
  const int64_t blocks = self->codes.blocks;

  return (CkCodes){
    .codes = (char *)self->codes.codes + row * blocks * CK_CODE_BLOCK * self->products->code_size,
    .scales = self->codes.scales + row * blocks,
    .sums = self->codes.sums + row * blocks,
    .blocks = blocks,
  };
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
ck_linear_codes_panel (const CkCpuWeight *weight)
{
  const CkQuantisedOps *products = weight->products;
  const int64_t bytes = count_blocks (weight) * CK_CODE_BLOCK * products->code_size,
                outs = ck_min (PANEL_MOST, PANEL_BYTES / bytes);

  return ck_max (outs / products->strip, 1) * products->strip;
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
add_outliers (CkCodePanel *panel, const CkLinearCodes *x, int64_t row, float *t)
{
  const CkOutlier *outliers = x->outliers + row * x->codes.blocks * CK_OUTLIERS_MAX;

  for (int32_t i = 0; i < x->n_outliers[row]; i++) {
    x->cpu->ops->rows.add_scaled (panel->outs, outliers[i].value,
                                  find_column (panel, x, outliers[i].column), t);
  }
}

void
ck_code_panel_multiply (CkCodePanel *panel, const CkLinearCodes *x, int64_t row, int64_t rows,
                        float *t)
{
  const CkQuantisedOps *products = x->products;
  const CkCodes codes = ck_linear_codes_rows (x, row);

  for (int64_t out = 0, strip = 0; out < panel->outs; out += products->strip, strip++)
    products->multiply (rows, &codes, panel->strips.codes + strip * panel->strips.code_stride,
                        panel->strips.scales + strip * panel->strips.scale_stride, t + out,
                        panel->panel);
  for (int64_t i = 0; i < rows; i++)
    if (x->n_outliers[row + i] > 0)
      add_outliers (panel, x, row + i, t + i * panel->panel);
}
