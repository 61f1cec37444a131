/* SPDX-License-Identifier: MIT */
/*
 * Weights as whole numbers. 4-bit codes in blocks of 64 of a row stay as they are and become whole
 * numbers whenever they are used; everything else does once, and keeps its numbers beside them for
 * outliers.
 */
#include "kernels/cuda/weight-codes.h"

#include "kernels/code-units.h"
#include "kernels/cuda/cuda-device.h"
#include "kernels/sizes.h"

static void
choose_codes (CkCudaWeight *weight)
{
  CkCudaCodedWeight *coded = &weight->coded;
  int16_t table[16] = { 0 };

  coded->unit = ck_code_unit (weight->base.source.code, CK_CUDA_CODE_MAX, table);
  for (int i = 0; i < 16; i++)
    coded->table[i / 4] |= (uint32_t)(uint8_t)table[i] << i % 4 * 8;
}

/* On a stream of its own, and done when this returns. */
static CkStatus
pack (CkCudaWeight *weight, CkDevice *device)
{
  const CkWeightSource *source = &weight->base.source;
  const CkCudaCodes codes = ck_cuda_codes_at (source->out, source->in, false,
                                              (char *)weight->memory + weight->layout.codes_at);
  CkCudaValues values;
  CkStream *stream;
  CkStatus status = ck_stream_new (device, 0, &stream);

  if (status != CK_OK)
    return status;
  values = ck_cuda_weight_values ((CkCudaStream *)stream, &weight->base);
  ck_cuda_quantise ((CkCudaStream *)stream, &values, 1, &codes);
  status = ck_synchronize (stream);
  ck_stream_free (stream);
  return status;
}

CkStatus
ck_cuda_weight_encode (CkCudaWeight *weight, CkDevice *device)
{
  const CkWeightSource *source = &weight->base.source;

  weight->coded =
      (CkCudaCodedWeight){ .unit = 1, .blocks = ck_ceil_div (source->in, CK_CUDA_BLOCK) };
  if (weight->layout.codes_at > 0)
    return pack (weight, device);
  choose_codes (weight);
  return CK_OK;
}
