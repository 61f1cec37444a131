/* SPDX-License-Identifier: MIT */
/* The arguments of ck_cuda_halves (halves.cu). */
#ifndef COW_GPU_HALVES_H
#define COW_GPU_HALVES_H

#include "kernels/cuda/weight-values.h"

/* Elements [first, first + n) of the flattened matrix in bf16 or fp16; both are multiples of 4. */
typedef struct {
  CkCudaValues values;
  int64_t first, n;
  int32_t is_bf16;
  uint16_t *out; /* [n], 8-byte aligned */
} HalvesArguments;

#define HALVES_THREADS 256 /* of a block; 4 elements each */

#endif /* COW_GPU_HALVES_H */
