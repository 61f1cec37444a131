/* SPDX-License-Identifier: MIT */
#include "kernels/cuda/weight-layout.h"

#include "kernels/cuda/cuda-device.h"
#include "kernels/sizes.h"

#define ALIGNMENT 256

/* Whether it is packed for products of whole numbers. */
static bool
is_packed (const CkWeightSource *source, CkWeightUses uses)
{
  return uses & CK_USE_INT8 && (source->type != CK_NF4 || source->block != CK_CUDA_BLOCK ||
                                source->in % CK_CUDA_BLOCK != 0);
}

bool
ck_cuda_weight_lay_out (const CkWeightSource *source, CkWeightUses uses, CkCudaWeightLayout *layout)
{
  size_t codes = 0;

  if (is_packed (source, uses) && !ck_cuda_codes_bytes (source->out, source->in, false, &codes))
    return false;
  layout->data = ck_weight_source_bytes (source);
  layout->absmax = ck_weight_absmax_bytes (source);
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

  if (!ck_cuda_weight_lay_out (source, uses, &layout))
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
