/* SPDX-License-Identifier: MIT */
/*
 * Products of whole numbers of 8 bits, by tensor cores: y [m, n] = the epilogue of x W^T, and of a
 * second short product that is added to it, an adapter's.
 *
 *   product = sum over blocks of scale of x * scale of W * (sum of 64 products)
 *
 * The inner sum is exact, and the outer one is made block after block by fused multiply-adds, so
 * that the bits are those of plain C (kernels/cpu/quantised.h) for every size of tile.
 */
#ifndef CK_CUDA_CODE_PRODUCTS_H
#define CK_CUDA_CODE_PRODUCTS_H

#include "kernels/cuda/coded-rows.h"
#include "kernels/cuda/epilogue.h"

/* A weight [n, k] as codes: packed, or 4-bit codes in blocks of 64 of a row, as the file holds
 * them, with the whole number for each of the 16 and the value of 1 where the absmax is 1. */
typedef struct {
  const int8_t *packed; /* [n, blocks, 64], or NULL */
  const uint8_t *pairs; /* or [n, blocks, 32] */
  const float *scales;  /* [n, blocks]; of pairs: the absmax */
  uint32_t table[4];    /* four codes a word, the first in its lowest byte */
  float unit;           /* 1 of packed ones */
  int64_t blocks;
} CkCudaCodedWeight;

typedef struct {
  CkCudaCodes x;
  CkCudaCodedWeight w;
} CkCudaCodeTerms;

typedef struct {
  int64_t m, n;
  CkCudaCodeTerms first, second; /* second.w.blocks may be 0; it has no outliers, and is packed */
  CkCudaValues values;           /* of the first weight, for outliers of x */
  int32_t one_by_one;            /* outliers are added to the product, and not their sum: */
  const float *addend;           /* [m, n] or NULL: what it is added to it with */
  CkCudaEpilogue epilogue;
  float *y;          /* NULL: */
  CkCudaCodes codes; /* [m, n] as codes */
} CkCudaCodeProduct;

void ck_cuda_code_product (CkCudaStream *stream, const CkCudaCodeProduct *product);

#define CK_CUDA_CODE_STAGES 3 /* tiles of 64 elements in shared memory */
#define CK_CUDA_CODE_SCALES 4 /* blocks whose scales are loaded at once */

/* Bytes of shared memory for tiles of rows and columns. */
#define CK_CUDA_CODE_SHARED(rows, cols)                                                            \
  (CK_CUDA_CODE_STAGES * CK_CUDA_BLOCK * (rows + cols + cols / 2) +                                \
   2 * CK_CUDA_CODE_SCALES * (rows + cols) * (int64_t)sizeof (float) +                             \
   (16 + rows) * (int64_t)sizeof (float))

#endif /* CK_CUDA_CODE_PRODUCTS_H */
