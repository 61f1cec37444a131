/* SPDX-License-Identifier: MIT */
/* The values of weights, as their formats define them, in fp32. */
#include "kernels/cpu/weight-values.h"

#include <string.h>

void
ck_weight_dequantise_run (const CkCpuOps *ops, const CkWeight *weight, int64_t first, int64_t n,
                          float *out)
{
  const CkWeightSource *source = &weight->source;
  const void *data = ck_weight_data (weight);

  switch (source->type) {
  case CK_F32:
    memcpy (out, (const float *)data + first, (size_t)n * sizeof (float));
    break;
  case CK_F16:
    ops->dequantise.f16 (n, (const uint16_t *)data + first, out);
    break;
  case CK_BF16:
    ops->dequantise.bf16 (n, (const uint16_t *)data + first, out);
    break;
  case CK_NF4:
    ops->dequantise.nf4 (source, first, n, out);
    break;
  case CK_I16:
  case CK_I8:
    break; /* no weight has these: ck_weight_new () */
  }
}

void
ck_weight_dequantise_column (const CkCpuOps *ops, const CkWeight *weight, int64_t column,
                             int64_t first, int64_t outs, float *out)
{
  for (int64_t row = 0; row < outs; row++)
    ck_weight_dequantise_run (ops, weight, (first + row) * weight->source.in + column, 1,
                              out + row);
}
