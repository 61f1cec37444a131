/* SPDX-License-Identifier: MIT */
/* dx = dy W in whole numbers. */
#include "kernels/cpu/backward-codes.h"

#include "kernels/cpu/weight-values.h"
#include "kernels/sizes.h"

#define LINE_FLOATS 16 /* a cache line */

static int64_t
count_blocks (const CkCpuWeight *weight)
{
  return ck_ceil_div (weight->base.source.out, CK_CODE_BLOCK);
}

/* Bytes of an input's codes. */
static int64_t
code_bytes (const CkCpuWeight *weight)
{
  return count_blocks (weight) * CK_CODE_BLOCK * weight->products->code_size;
}

int64_t
ck_backward_codes_buffer (const CkCpuWeight *weight, int64_t panel)
{
  return ck_round_up (panel * (code_bytes (weight) / (int64_t)sizeof (float) +
                               count_blocks (weight) + CK_CODE_BLOCK),
                      LINE_FLOATS);
}

/* Row `out` of the panel, in fp32. */
static void
take_row (const CkBackwardPanel *panel, int64_t out, float *row)
{
  const CkWeight *weight = &panel->weight->base;

  ck_weight_dequantise_run (panel->ops, weight, out * weight->source.in + panel->first, panel->ins,
                            row);
  if (panel->gain != NULL)
    panel->ops->training.multiply (panel->ins, panel->gain[out], row);
}

static void
pack_block (CkBackwardPanel *panel, int64_t block)
{
  const CkQuantisedOps *products = panel->weight->products;
  const int64_t strip = products->strip, blocks = count_blocks (panel->weight),
                first = block * CK_CODE_BLOCK,
                n = ck_min (CK_CODE_BLOCK, panel->weight->base.source.out - first);

  for (int64_t i = 0; i < n; i++)
    take_row (panel, first + i, panel->rows + i * panel->panel);
  for (int64_t in = 0; in < panel->ins; in += strip) {
    const int64_t at = in / strip * blocks + block;

    products->pack_block (n, ck_min (strip, panel->ins - in), panel->rows + in, panel->panel,
                          panel->codes + at * CK_CODE_BLOCK * strip * products->code_size,
                          panel->scales + at * strip);
  }
}

void
ck_backward_panel_init (CkBackwardPanel *panel, const CkCpuOps *ops, const CkCpuWeight *weight,
                        const float *gain, int64_t first, int64_t ins, int64_t stride,
                        float *buffer)
{
  const int64_t blocks = count_blocks (weight),
                codes = stride * code_bytes (weight) / (int64_t)sizeof (float);

  *panel = (CkBackwardPanel){ .ops = ops,
                              .weight = weight,
                              .gain = gain,
                              .first = first,
                              .ins = ins,
                              .panel = stride,
                              .codes = (char *)buffer,
                              .scales = buffer + codes,
                              .rows = buffer + codes + stride * blocks };
  for (int64_t block = 0; block < blocks; block++)
    pack_block (panel, block);
}

/* t += outliers of a row of dy, in their order. */
static void
add_outliers (const CkBackwardPanel *panel, const CkCodedRows *dy, int64_t row, float *t)
{
  const CkOutlier *outlier;
  CkOutlierPlace place = { 0 };

  while ((outlier = ck_coded_rows_next_outlier (dy, row, &place)) != NULL) {
    take_row (panel, outlier->column, panel->rows);
    panel->ops->rows.add_scaled (panel->ins, outlier->value, panel->rows, t);
  }
}

void
ck_backward_panel_multiply (CkBackwardPanel *panel, const CkLinearCodes *dy, int64_t row,
                            int64_t rows, float *t)
{
  const CkQuantisedOps *products = panel->weight->products;
  const CkCodes codes = ck_coded_rows_from (&dy->x, row);
  const int64_t strip = products->strip, blocks = codes.blocks;

  for (int64_t in = 0; in < panel->ins; in += strip)
    products->multiply (rows, &codes,
                        panel->codes + in * blocks * CK_CODE_BLOCK * products->code_size,
                        panel->scales + in * blocks, NULL, strip, t + in, panel->panel);
  for (int64_t i = 0; i < rows; i++)
    if (ck_coded_rows_has_outliers (&dy->x, row + i))
      add_outliers (panel, &dy->x, row + i, t + i * panel->panel);
}
