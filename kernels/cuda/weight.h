/* SPDX-License-Identifier: MIT */
/* Making and freeing weights; what they are weight-layout.h says. */
#ifndef CK_CUDA_WEIGHT_H
#define CK_CUDA_WEIGHT_H

#include "kernels/cuda/weight-layout.h"

CkStatus ck_cuda_weight_new (CkDevice *device, const CkWeightSource *source, CkWeightUses uses,
                             CkWeight **weight);
void ck_cuda_weight_free (CkDevice *device, CkWeight *weight);

#endif /* CK_CUDA_WEIGHT_H */
