/* SPDX-License-Identifier: MIT */
/* A weight as operations read it. */
#ifndef CK_CUDA_WEIGHT_VIEW_H
#define CK_CUDA_WEIGHT_VIEW_H

#include "kernels/cuda/launch.h"
#include "kernels/cuda/weight-layout.h"

/* For operations of a stream that are enqueued before the next call. */
CkCudaWeightView ck_cuda_weight_view (CkCudaStream *stream, const CkWeight *weight);

#endif /* CK_CUDA_WEIGHT_VIEW_H */
