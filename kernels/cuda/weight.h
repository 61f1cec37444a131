/* SPDX-License-Identifier: MIT */
/* Weights in a GPU's memory, as the file holds them. */
#ifndef CK_CUDA_WEIGHT_H
#define CK_CUDA_WEIGHT_H

#include "kernels/cuda/code-products.h"
#include "kernels/device.h"

typedef struct {
  CkWeight base;
  /* Device memory, 256-byte aligned, [out, in] of source.type; parameters that train are where they
   * are. Its last bytes are followed by CK_CUDA_WEIGHT_MARGIN more that may be read. */
  const void *data;
  const float *absmax;     /* CK_NF4: device memory [ceil (out * in / block)] */
  void *memory;            /* that `data` and `absmax` lie in; NULL for parameters */
  CkCudaCodedWeight coded; /* for products of whole numbers */
  void *coded_memory;      /* that packed ones lie in, or NULL */
} CkCudaWeight;

#define CK_CUDA_WEIGHT_MARGIN 64

CkStatus ck_cuda_weight_new (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                             CkWeight **weight);
void ck_cuda_weight_free (CkDevice *device, CkWeight *weight);

/* weight-codes.c: makes `coded` of an uploaded weight that serves products of whole numbers. */
CkStatus ck_cuda_weight_encode (CkCudaWeight *weight, CkDevice *device);

#endif /* CK_CUDA_WEIGHT_H */
