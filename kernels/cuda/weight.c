/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/weight.h"

#include "kernels/cuda/cuda-device.h"
#include "kernels/cuda/fetch.h"
#include "kernels/sizes.h"

#include <stdlib.h>

#define ALIGNMENT 256

/* ---- its memory ------------------------------------------------------------------------------ */

static bool
lay_out (const CkWeightSource *source, CkWeightUses uses, CkCudaWeightLayout *layout)
{
  const int64_t blocks =
      source->type == CK_NF4 ? ck_ceil_div (source->out * source->in, source->block) : 0;
  size_t codes = 0;

  if (ck_cuda_weight_is_packed (source, uses) &&
      !ck_cuda_codes_bytes (source->out, source->in, false, &codes))
    return false;
  layout->data = ck_weight_source_bytes (source);
  layout->absmax = (size_t)blocks * sizeof (float);
  layout->absmax_at =
      (size_t)ck_round_up ((int64_t)layout->data + CK_CUDA_WEIGHT_MARGIN, ALIGNMENT);
  layout->all = layout->absmax_at + layout->absmax;
  layout->codes_at = codes > 0 ? (size_t)ck_round_up ((int64_t)layout->all, ALIGNMENT) : 0;
  if (codes > 0)
    layout->all = layout->codes_at + codes;
  return layout->all <= PTRDIFF_MAX;
}

CkStatus
ck_cuda_weight_bytes (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                      size_t *bytes)
{
  CkCudaWeightLayout layout;

  if (!lay_out (source, uses, &layout))
    return CK_BAD_SHAPE;
  *bytes = ck_cuda_allocation_bytes (layout.all);
  return CK_OK;
}

CkCudaWeightView
ck_cuda_weight_at (const CkCudaWeight *weight, const void *memory)
{
  const char *at = memory;
  CkCudaWeightView view = { .data = at,
                            .absmax = (const float *)(const void *)(at + weight->layout.absmax_at),
                            .coded = weight->coded };

  if (weight->layout.codes_at > 0) {
    const CkCudaCodes codes =
        ck_cuda_codes_at (weight->base.source.out, weight->base.source.in, false,
                          (char *)(uintptr_t)at + weight->layout.codes_at);

    view.coded.packed = codes.codes;
    view.coded.scales = codes.scales;
  } else {
    view.coded.pairs = view.data;
    view.coded.scales = view.absmax;
  }
  return view;
}

CkCudaWeightView
ck_cuda_weight_view (CkCudaStream *stream, const CkWeight *base)
{
  const CkCudaWeight *weight = (const CkCudaWeight *)base;

  if (weight->pinned != NULL)
    return ck_cuda_fetch (stream, weight);
  if (weight->memory == NULL)
    return (CkCudaWeightView){ .data = base->source.parameters };
  return ck_cuda_weight_at (weight, weight->memory);
}

/* ---- made and freed -------------------------------------------------------------------------- */

static CkStatus
upload (CkCudaDevice *device, CkCudaWeight *weight)
{
  const CkCudaWeightLayout *layout = &weight->layout;
  char *memory = (char *)(uintptr_t)ck_cuda_memory_new (device, layout->all);
  CkStatus status;

  if (memory == NULL)
    return ck_cuda_no_memory (device);
  weight->memory = memory;
  status = ck_cuda_write (device, memory, weight->base.source.host_data, layout->data);
  if (status == CK_OK)
    status = ck_cuda_write (device, memory + layout->absmax_at, weight->base.source.host_absmax,
                            layout->absmax);
  return status;
}

/* From the file to where it stays, with its codes. */
static CkStatus
place (CkCudaDevice *device, CkCudaWeight *weight)
{
  CkStatus status;

  ck_cuda_enter (device);
  status = upload (device, weight);
  if (status == CK_OK && weight->base.uses & CK_USE_INT8)
    status = ck_cuda_weight_encode (weight, &device->base);
  if (status == CK_OK && weight->base.uses & CK_USE_STREAMED)
    status = ck_cuda_weight_to_host (device, weight);
  ck_cuda_leave (device);
  return status;
}

CkStatus
ck_cuda_weight_new (CkDevice *self, const CkWeightSource *source, CkWeightUses uses,
                    CkWeight **made)
{
  CkCudaDevice *device = (CkCudaDevice *)self;
  CkCudaWeight *weight;
  CkStatus status = CK_OK;
  CkCudaWeightLayout layout;

  if (!lay_out (source, uses, &layout))
    return CK_BAD_SHAPE;
  weight = calloc (1, sizeof *weight);
  if (weight == NULL)
    return CK_NO_MEMORY;
  weight->base = (CkWeight){ .source = *source, .uses = uses };
  weight->layout = layout;
  weight->base.repacked = source->host_data != NULL;
  device->weights_changed++;
  if (source->host_data != NULL)
    status = place (device, weight);
  if (status == CK_OK)
    *made = &weight->base;
  else
    ck_cuda_weight_free (self, &weight->base);
  return status;
}

void
ck_cuda_weight_free (CkDevice *self, CkWeight *base)
{
  CkCudaDevice *device = (CkCudaDevice *)self;
  CkCudaWeight *weight = (CkCudaWeight *)base;

  device->weights_changed++;
  ck_cuda_enter (device);
  if (weight->memory != NULL)
    ck_cuda_result (device, device->driver.cuMemFree ((uintptr_t)weight->memory), "cuMemFree");
  if (weight->pinned != NULL)
    ck_cuda_weight_leave_host (device, weight);
  ck_cuda_leave (device);
  free (weight);
}
