/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/weight.h"

#include "kernels/cuda/cuda-device.h"
#include "kernels/cuda/fetch.h"
#include "kernels/cuda/weight-codes.h"

#include <stdlib.h>

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

  if (!ck_cuda_weight_lay_out (source, uses, &layout))
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
