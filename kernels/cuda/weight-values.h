/* SPDX-License-Identifier: MIT */
/* Matrices of numbers as kernels read them: weights in the format that they are stored in, or
 * floats. */
#ifndef CK_CUDA_WEIGHT_VALUES_H
#define CK_CUDA_WEIGHT_VALUES_H

#include "kernels/cuda/launch.h"
#include "kernels/kernels.h"

#define CK_CUDA_VALUES_F32  0
#define CK_CUDA_VALUES_F16  1
#define CK_CUDA_VALUES_BF16 2
#define CK_CUDA_VALUES_NF4  3

/* [rows, cols], row-major; data is aligned to 16 bytes where it is not floats. */
typedef struct {
  int32_t format;
  int32_t block_shift; /* NF4: the binary logarithm of the block, or -1: */
  int64_t rows, cols;
  const void *data;
  const float *absmax; /* NF4: [ceil (rows * cols / block)] */
  uint64_t reciprocal; /* 2^64 / block, rounded up: the upper half of its product is the quotient */
  float code[16];
} CkCudaValues;

/* Rows of such a matrix as floats: elements [first, first + n) of the flattened matrix. */
typedef struct {
  CkCudaValues values;
  int64_t first, n;
  float *out; /* [n] */
} CkCudaDequantise;

/* Of floats. */
static inline CkCudaValues
ck_cuda_floats (const float *data, int64_t rows, int64_t cols)
{
  CkCudaValues values = { CK_CUDA_VALUES_F32, 0, rows, cols, data, NULL, 0, { 0 } };

  return values;
}

/* Of a weight of the stream's device, for what is enqueued before the next call. */
CkCudaValues ck_cuda_weight_values (CkCudaStream *stream, const CkWeight *weight);

#define CK_CUDA_DEQUANTISE_THREADS 256
#define CK_CUDA_DEQUANTISE_EACH    4 /* elements of a thread */

#endif /* CK_CUDA_WEIGHT_VALUES_H */
