/* SPDX-License-Identifier: MIT */
/*
 * Rows of numbers as whole numbers of 8 bits, by the rules of kernels/code-rules.h: each 64
 * elements of a row share a scale, and outliers among activations are taken out. Element i of a
 * block lies at place i ^ 1, the order in which 4-bit codes come out of their bytes.
 */
#ifndef CK_CUDA_CODED_ROWS_H
#define CK_CUDA_CODED_ROWS_H

#include "kernels/cuda/launch.h"
#include "kernels/cuda/weight-values.h"

#define CK_CUDA_BLOCK        64 /* elements that share a scale */
#define CK_CUDA_CODE_MAX     127
#define CK_CUDA_OUTLIERS_MAX 4  /* a block */
#define CK_CUDA_OUTLIER      20 /* ck_has_outlier () */

typedef struct {
  int32_t column;
  float value;
} CkCudaOutlier;

/* [rows, cols] as codes. */
typedef struct {
  int8_t *codes;           /* [rows, blocks, 64] */
  float *scales;           /* [rows, blocks] */
  CkCudaOutlier *outliers; /* [rows, blocks, CK_CUDA_OUTLIERS_MAX]; NULL: nothing is one */
  uint8_t *counts;         /* [rows, count_stride], of them; 0 behind the last block */
  int64_t blocks, count_stride;
} CkCudaCodes;

/* Bytes of the codes of [rows, cols]; false when they cannot be counted. */
bool ck_cuda_codes_bytes (int64_t rows, int64_t cols, bool outliers, size_t *bytes);
/* Those that lie at `memory`, aligned to 64 bytes, of sizes that were counted. */
CkCudaCodes ck_cuda_codes_at (int64_t rows, int64_t cols, bool outliers, void *memory);

/* Enqueues x as codes; `factor` multiplies the scales. */
void ck_cuda_quantise (CkCudaStream *stream, const CkCudaValues *x, float factor,
                       const CkCudaCodes *to);

typedef struct {
  CkCudaValues x;
  float factor;
  CkCudaCodes to;
} CkCudaQuantise;

#define CK_CUDA_QUANTISE_THREADS 256
#define CK_CUDA_QUANTISE_LANES   16 /* threads of a block of elements */

#endif /* CK_CUDA_CODED_ROWS_H */
