/* SPDX-License-Identifier: MIT */
/* The codes of weights for products of whole numbers. */
#ifndef CK_CUDA_WEIGHT_CODES_H
#define CK_CUDA_WEIGHT_CODES_H

#include "kernels/cuda/weight-layout.h"

/* Those of a weight whose numbers are in device memory; done when this returns. */
CkStatus ck_cuda_weight_encode (CkCudaWeight *weight, CkDevice *device);

#endif /* CK_CUDA_WEIGHT_CODES_H */
