/* SPDX-License-Identifier: MIT */
/* Linear layers in whole numbers. */
#ifndef CK_CUDA_LINEAR_CODES_H
#define CK_CUDA_LINEAR_CODES_H

#include "kernels/cuda/launch.h"
#include "kernels/kernels.h"

/* Enqueues a layer whose weight serves CK_USE_INT8, and whose shapes are sound. */
void ck_cuda_linear_codes (CkCudaStream *stream, const CkLinear *op);

#endif /* CK_CUDA_LINEAR_CODES_H */
