/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/weight-view.h"

#include "kernels/cuda/fetch.h"

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
