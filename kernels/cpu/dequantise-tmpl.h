/* SPDX-License-Identifier: MIT */
/*
 * dequantise.h over vectors of any width (vectors-tmpl.h), with one more word:
 *   NF4_STEP, nf4_step (pairs, code, absmax, out)   dequantises so many elements
 */
#include "kernels/cpu/dequantise.h"
#include "kernels/cpu/vectors-tmpl.h"

#include <string.h>

static void
dequantise_f16_v (int64_t n, const uint16_t *data, float *out)
{
  for (int64_t i = 0; i < n; i += W) {
    uint16_t last[W] = { 0 };

    if (n - i < W)
      memcpy (last, data + i, (size_t)(n - i) * sizeof *last);
    v_store (out + i, n - i, v_from_f16 (n - i < W ? last : data + i));
  }
}

static void
dequantise_bf16_v (int64_t n, const uint16_t *data, float *out)
{
  for (int64_t i = 0; i < n; i += W) {
    uint16_t last[W] = { 0 };

    if (n - i < W)
      memcpy (last, data + i, (size_t)(n - i) * sizeof *last);
    v_store (out + i, n - i, v_from_bf16 (n - i < W ? last : data + i));
  }
}

/* Rows, and so runs, may begin and end inside a block and, if the matrix is odd, inside a byte. */
static void
dequantise_nf4_v (const CkWeightSource *source, int64_t first, int64_t n, float *out)
{
  const uint8_t *pairs = source->host_data;
  const int64_t end = first + n;
  int64_t i = first, block = first / source->block;

  for (int64_t block_end = (block + 1) * source->block; i < end;
       block++, block_end += source->block) {
    const int64_t stop = block_end < end ? block_end : end;
    const float absmax = source->host_absmax[block];

    if (i % 2 != 0) {
      *out++ = source->code[pairs[i / 2] & 15] * absmax;
      i++;
    }
    for (; i + NF4_STEP <= stop; i += NF4_STEP, out += NF4_STEP)
      nf4_step (pairs + i / 2, source->code, absmax, out);
    for (; i < stop; i++)
      *out++ = source->code[i % 2 == 0 ? pairs[i / 2] >> 4 : pairs[i / 2] & 15] * absmax;
  }
}

void
INIT (dequantise) (CkDequantiseOps *ops)
{
  *ops = (CkDequantiseOps){ dequantise_f16_v, dequantise_bf16_v, dequantise_nf4_v };
}
