/* SPDX-License-Identifier: MIT */
/*
 * Weights as whole numbers. 4-bit codes in blocks of 64 of a row stay as they are and become whole
 * numbers whenever they are used; everything else does once, and keeps its numbers beside them for
 * outliers.
 */
#include "kernels/cuda/cuda-device.h"
#include "kernels/cuda/weight.h"

#include "kernels/code-units.h"
#include "kernels/sizes.h"

static bool
stays (const CkWeightSource *source)
{
  return source->type == CK_NF4 && source->block == CK_CUDA_BLOCK &&
         source->in % CK_CUDA_BLOCK == 0;
}

static void
choose_codes (CkCudaWeight *weight)
{
  CkCudaCodedWeight *coded = &weight->coded;
  int16_t table[16] = { 0 };

  coded->unit = ck_code_unit (weight->base.source.code, CK_CUDA_CODE_MAX, table);
  for (int i = 0; i < 16; i++)
    coded->table[i / 4] |= (uint32_t)(uint8_t)table[i] << i % 4 * 8;
  coded->pairs = weight->data;
  coded->scales = weight->absmax;
}

/* On a stream of its own, and done when this returns. */
static CkStatus
pack (CkCudaWeight *weight, CkDevice *device, const CkCudaCodes *codes)
{
  const CkCudaValues values = ck_cuda_weight_values (&weight->base);
  CkStream *stream;
  CkStatus status = ck_stream_new (device, 0, &stream);

  if (status != CK_OK)
    return status;
  ck_cuda_quantise ((CkCudaStream *)stream, &values, 1, codes);
  status = ck_synchronize (stream);
  ck_stream_free (stream);
  return status;
}

CkStatus
ck_cuda_weight_encode (CkCudaWeight *weight, CkDevice *self)
{
  CkCudaDevice *device = (CkCudaDevice *)self;
  const CkWeightSource *source = &weight->base.source;
  CkCudaCodes codes;
  size_t bytes;

  weight->coded =
      (CkCudaCodedWeight){ .unit = 1, .blocks = ck_ceil_div (source->in, CK_CUDA_BLOCK) };
  if (stays (source)) {
    choose_codes (weight);
    return CK_OK;
  }
  if (!ck_cuda_codes_bytes (source->out, source->in, false, &bytes))
    return CK_BAD_SHAPE;
  ck_cuda_enter (device);
  weight->coded_memory = (void *)(uintptr_t)ck_cuda_memory_new (device, bytes);
  ck_cuda_leave (device);
  if (weight->coded_memory == NULL)
    return CK_NO_MEMORY;
  codes = ck_cuda_codes_at (source->out, source->in, false, weight->coded_memory);
  weight->coded.packed = codes.codes;
  weight->coded.scales = codes.scales;
  return pack (weight, self, &codes);
}
