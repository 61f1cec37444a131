/* SPDX-License-Identifier: MIT */
/*
 * Weights, as the file holds them. What products read of one lies in one piece of memory: its
 * numbers, their absmax, and its codes where it is packed for products of whole numbers. That piece
 * is in the GPU's memory, or, of a weight that is streamed, in pinned memory of the host, from
 * which fetch.c brings it whenever an operation asks for it.
 */
#ifndef CK_CUDA_WEIGHT_LAYOUT_H
#define CK_CUDA_WEIGHT_LAYOUT_H

#include "kernels/cuda/code-products.h"
#include "kernels/device.h"

/* Where the parts of a weight lie in its memory; bytes. The numbers come first, followed by
 * CK_CUDA_WEIGHT_MARGIN bytes that may be read. */
typedef struct {
  size_t data;   /* bytes of the numbers */
  size_t absmax; /* bytes of the absmax, 0 but for CK_NF4, which begin */
  size_t absmax_at;
  size_t codes_at; /* of packed codes; 0: there are none */
  size_t all;
} CkCudaWeightLayout;

typedef struct {
  CkWeight base;
  CkCudaWeightLayout layout;
  void *memory; /* device memory; NULL of parameters, which are where they are, and where it is: */
  void *pinned; /* memory of the host; NULL unless the weight is streamed */
  CkCudaCodedWeight coded; /* for products of whole numbers, but for the places */
} CkCudaWeight;

#define CK_CUDA_WEIGHT_MARGIN 64

/* What an operation reads: device memory. [out, in] of source.type, 256-byte aligned but for
 * parameters; of CK_NF4 also the absmax [ceil (out * in / block)]; both NULL where the stream has
 * failed. */
typedef struct {
  const void *data;
  const float *absmax;
  CkCudaCodedWeight coded;
} CkCudaWeightView;

/* False where it is larger than memory can be. */
bool ck_cuda_weight_lay_out (const CkWeightSource *source, CkWeightUses uses,
                             CkCudaWeightLayout *layout);
/* What it takes of the device's memory. */
CkStatus ck_cuda_weight_bytes (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                               size_t *bytes);
/* Of a weight whose parts lie in `memory`. */
CkCudaWeightView ck_cuda_weight_at (const CkCudaWeight *weight, const void *memory);

#endif /* CK_CUDA_WEIGHT_LAYOUT_H */
