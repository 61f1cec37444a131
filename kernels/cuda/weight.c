/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/weight.h"

#include "kernels/cuda/cuda-device.h"
#include "kernels/sizes.h"

#include <stdlib.h>

#define ALIGNMENT 256

/* The two parts of a weight's memory. */
typedef struct {
  size_t data, absmax;   /* bytes */
  size_t absmax_at, all; /* where the second begins; all bytes */
} Layout;

static bool
lay_out (const CkWeightSource *source, Layout *layout)
{
  const int64_t blocks =
      source->type == CK_NF4 ? ck_ceil_div (source->out * source->in, source->block) : 0;

  layout->data = ck_weight_source_bytes (source);
  layout->absmax = (size_t)blocks * sizeof (float);
  layout->absmax_at =
      (size_t)ck_round_up ((int64_t)layout->data + CK_CUDA_WEIGHT_MARGIN, ALIGNMENT);
  layout->all = layout->absmax_at + layout->absmax;
  return layout->all <= PTRDIFF_MAX;
}

static CkStatus
upload (CkCudaDevice *device, CkCudaWeight *weight, const Layout *layout)
{
  const CkCuMemory memory = ck_cuda_memory_new (device, layout->all);
  CkStatus status;

  if (memory == 0)
    return ck_cuda_no_memory (device);
  weight->memory = (void *)(uintptr_t)memory;
  weight->data = weight->memory;
  weight->absmax = (const float *)(uintptr_t)(memory + layout->absmax_at);
  status = ck_cuda_write (device, weight->memory, weight->base.source.host_data, layout->data);
  if (status == CK_OK)
    status = ck_cuda_write (device, (void *)weight->absmax, weight->base.source.host_absmax,
                            layout->absmax);
  return status;
}

CkStatus
ck_cuda_weight_new (CkDevice *self, const CkWeightSource *source, CkWeightUses uses,
                    CkWeight **made)
{
  CkCudaDevice *device = (CkCudaDevice *)self;
  CkCudaWeight *weight;
  CkStatus status = CK_OK;
  Layout layout;

  if (!lay_out (source, &layout))
    return CK_BAD_SHAPE;
  weight = calloc (1, sizeof *weight);
  if (weight == NULL)
    return CK_NO_MEMORY;
  weight->base = (CkWeight){ .source = *source, .uses = uses };
  if (source->host_data != NULL) {
    ck_cuda_enter (device);
    status = upload (device, weight, &layout);
    ck_cuda_leave (device);
    weight->base.repacked = true;
  } else {
    weight->data = source->parameters;
  }
  device->weights_changed++;
  if (status == CK_OK && uses & CK_USE_INT8)
    status = ck_cuda_weight_encode (weight, self);
  if (status == CK_OK)
    *made = &weight->base;
  else
    ck_cuda_weight_free (self, &weight->base);
  return status;
}

static void
free_memory (CkCudaDevice *device, void *memory)
{
  if (memory != NULL)
    ck_cuda_result (device, device->driver.cuMemFree ((uintptr_t)memory), "cuMemFree");
}

void
ck_cuda_weight_free (CkDevice *self, CkWeight *base)
{
  CkCudaDevice *device = (CkCudaDevice *)self;
  CkCudaWeight *weight = (CkCudaWeight *)base;

  device->weights_changed++;
  ck_cuda_enter (device);
  free_memory (device, weight->memory);
  free_memory (device, weight->coded_memory);
  ck_cuda_leave (device);
  free (weight);
}
