/* SPDX-License-Identifier: MIT */
/* Weights as strips of whole numbers (quantised.h). */
#include "kernels/cpu/weight-strips.h"

#include "kernels/code-units.h"
#include "kernels/cpu/scratch.h"
#include "kernels/cpu/weight-values.h"
#include "kernels/sizes.h"

#include <stdlib.h>
#include <string.h>

static int64_t
count_blocks (const CkCpuWeight *weight)
{
  return ck_ceil_div (weight->base.source.in, CK_CODE_BLOCK);
}

/* Bytes of a strip. */
static int64_t
strip_size (const CkCpuWeight *weight)
{
  return count_blocks (weight) * CK_CODE_BLOCK * weight->products->strip *
         weight->products->code_size;
}

/* ---- 4-bit codes ----------------------------------------------------------------------------- */

/* Whether blocks of the file are blocks of a row. */
static bool
stays (const CkWeightSource *source)
{
  return source->type == CK_NF4 && source->block == CK_CODE_BLOCK &&
         source->in % CK_CODE_BLOCK == 0;
}

static void
unpack (const CkCpuWeight *weight, int64_t first, char *strip, float *scales)
{
  const CkWeightSource *source = &weight->base.source;
  const int64_t n = weight->products->strip, rows = ck_min (n, source->out - first),
                blocks = count_blocks (weight);

  weight->products->unpack (blocks, (const uint8_t *)source->host_data + first * (source->in / 2),
                            source->in / 2, rows, weight->table, strip);
  for (int64_t block = 0; block < blocks; block++)
    for (int64_t row = 0; row < n; row++)
      scales[block * n + row] =
          row < rows ? source->host_absmax[(first + row) * blocks + block] * weight->unit : 0;
}

/* ---- everything else ------------------------------------------------------------------------- */

void
ck_strip_pack_row (const CkQuantisedOps *products, int64_t in, const float *row, int64_t lane,
                   void *strip, float *scales, void *codes, float *row_scales)
{
  const int64_t blocks = ck_ceil_div (in, CK_CODE_BLOCK), n = products->strip,
                words = blocks * CK_CODE_BLOCK * products->code_size / (int64_t)sizeof (uint32_t);

  products->quantise (in, row, codes, row_scales, NULL, NULL);
  for (int64_t word = 0; word < words; word++)
    ((uint32_t *)strip)[ck_strip_place (products, lane, word)] =
        ck_strip_word (products, ((const uint32_t *)codes)[word]);
  for (int64_t block = 0; block < blocks; block++)
    scales[block * n + lane] = row_scales[block];
}

static int64_t
count_strips (const CkCpuWeight *weight)
{
  return ck_ceil_div (weight->base.source.out, weight->products->strip);
}

size_t
ck_weight_strips_size (const CkCpuWeight *weight, int64_t *scales)
{
  size_t bytes;

  *scales = count_strips (weight) * count_blocks (weight) * weight->products->strip;
  return ck_size_product (count_strips (weight), strip_size (weight), 1, &bytes) ? bytes : 0;
}

int64_t
ck_weight_strips_buffer (const CkCpuWeight *weight)
{
  return count_blocks (weight) * (2 * CK_CODE_BLOCK + 1);
}

void
ck_weight_strips_pack (const CkCpuOps *ops, const CkCpuWeight *weight, int64_t strip, float *buffer)
{
  const CkWeightSource *source = &weight->base.source;
  const int64_t n = weight->products->strip, blocks = count_blocks (weight),
                cols = blocks * CK_CODE_BLOCK, first = strip * n,
                end = ck_min (first + n, source->out);
  char *codes = (char *)weight->strips + strip * strip_size (weight);
  float *scales = weight->scales + strip * blocks * n;

  memset (codes, 0, (size_t)strip_size (weight));
  memset (scales, 0, (size_t)(blocks * n) * sizeof (float));
  for (int64_t out = first; out < end; out++) {
    ck_weight_dequantise_run (ops, &weight->base, out * source->in, source->in, buffer);
    ck_strip_pack_row (weight->products, source->in, buffer, out - first, codes, scales,
                       buffer + cols, buffer + 2 * cols);
  }
}

static CkStatus
pack (const CkCpuOps *ops, CkCpuWeight *weight)
{
  int64_t scales;
  const size_t bytes = ck_weight_strips_size (weight, &scales);
  float *buffer;

  if (bytes == 0)
    return CK_NO_MEMORY;
  weight->strips = ck_aligned_memory (bytes);
  weight->scales = malloc ((size_t)scales * sizeof (float));
  buffer = malloc ((size_t)ck_weight_strips_buffer (weight) * sizeof *buffer);
  if (weight->strips == NULL || weight->scales == NULL || buffer == NULL) {
    free (buffer);
    return CK_NO_MEMORY;
  }
  for (int64_t strip = 0; strip < count_strips (weight); strip++)
    ck_weight_strips_pack (ops, weight, strip, buffer);
  free (buffer);
  return CK_OK;
}

/* ---- both ------------------------------------------------------------------------------------ */

CkStatus
ck_weight_strips_init (const CkCpuOps *ops, CkCpuWeight *weight)
{
  weight->products = weight->base.uses & CK_USE_INT16  ? &ops->int16
                     : weight->base.uses & CK_USE_INT8 ? &ops->int8
                                                       : NULL;
  if (weight->products == NULL || weight->base.source.parameters != NULL)
    return CK_OK;
  if (!stays (&weight->base.source))
    return pack (ops, weight);
  weight->unit = ck_code_unit (weight->base.source.code, weight->products->code_max, weight->table);
  return CK_OK;
}

void
ck_weight_strips_clear (CkCpuWeight *weight)
{
  free (weight->strips);
  free (weight->scales);
}

CkStrips
ck_weight_strips_get (const CkCpuWeight *weight, int64_t first, int64_t outs, void *strip_buffer,
                      float *scale_buffer)
{
  const int64_t n = weight->products->strip, scales = count_blocks (weight) * n,
                bytes = strip_size (weight);

  if (weight->strips != NULL)
    return (CkStrips){ (const char *)weight->strips + first / n * bytes, bytes,
                       weight->scales + first / n * scales, scales };
  for (int64_t out = 0; out < outs; out += n)
    unpack (weight, first + out, (char *)strip_buffer + out / n * bytes,
            scale_buffer + out / n * scales);
  return (CkStrips){ strip_buffer, bytes, scale_buffer, scales };
}
