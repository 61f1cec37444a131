/* SPDX-License-Identifier: MIT */
/* Weights in a GPU's memory, as the file holds them. */
#ifndef CK_CUDA_WEIGHT_H
#define CK_CUDA_WEIGHT_H

#include "kernels/device.h"

typedef struct {
  CkWeight base;
  /* Device memory, 256-byte aligned, [out, in] of source.type; parameters that train are where they
   * are. Its last bytes are followed by CK_CUDA_WEIGHT_MARGIN more that may be read. */
  const void *data;
  const float *absmax; /* CK_NF4: device memory [ceil (out * in / block)] */
  void *memory;        /* that `data` and `absmax` lie in; NULL for parameters */
} CkCudaWeight;

#define CK_CUDA_WEIGHT_MARGIN 64

CkStatus ck_cuda_weight_new (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                             CkWeight **weight);
void ck_cuda_weight_free (CkDevice *device, CkWeight *weight);

#endif /* CK_CUDA_WEIGHT_H */
