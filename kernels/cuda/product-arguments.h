/* SPDX-License-Identifier: MIT */
/*
 * Products of matrices of floats: y [m, n] = the epilogue of a b, and of a second short product
 * that is added to it, an adapter's. In which of three ways the operands lie is the kind of
 * product:
 *
 *   forward:   a [m, k], b [n, k]    x W^T
 *   backward:  a [m, k], b [k, n]    dy W
 *   gradient:  a [k, m], b [k, n]    dy^T x, summed over rows
 *
 * In fp32 every element is one chain of fused multiply-adds over k, begun anew every CK_CUDA_CHUNK
 * terms and these sums added in their order: the same bits for every size of tile, and wherever a
 * row lies.
 */
#ifndef CK_CUDA_PRODUCT_ARGUMENTS_H
#define CK_CUDA_PRODUCT_ARGUMENTS_H

#include "kernels/cuda/epilogue.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/weight-values.h"

/* Of which numbers the factors are; the sums are of fp32. Roundings to fp16 and bf16 are to
 * nearest, and to the largest number where there is none. By tensor cores sums are made in the
 * order that these have, of 16 terms at once. */
typedef enum { CK_CUDA_OF_F32, CK_CUDA_OF_BF16, CK_CUDA_OF_F16 } CkCudaFactors;

typedef enum { CK_CUDA_FORWARD, CK_CUDA_BACKWARD, CK_CUDA_GRADIENT } CkCudaProductKind;

#define CK_CUDA_DEPTH 16 /* terms of a tile */
#define CK_CUDA_CHUNK 32 /* terms of a sum: whole tiles */

/* By tensor cores: terms of a stage, and bytes of shared memory, which is a slab of 16 rows of each
 * of the warps that lie below each other in the end. */
#define CK_CUDA_HALF_DEPTH             32
#define CK_CUDA_HALF_TILES(rows, cols) (2 * 2 * CK_CUDA_HALF_DEPTH * (rows + cols))
#define CK_CUDA_HALF_SLAB(cols, down)  (down * 16 * (cols + 8) * 4)
#define CK_CUDA_HALF_SHARED(rows, cols, down)                                                      \
  ((CK_CUDA_HALF_TILES (rows, cols) > CK_CUDA_HALF_SLAB (cols, down)                               \
        ? CK_CUDA_HALF_TILES (rows, cols)                                                          \
        : CK_CUDA_HALF_SLAB (cols, down)) +                                                        \
   16 * (int64_t)sizeof (float))

/* The operands of one product. */
typedef struct {
  const float *a;
  int64_t a_stride; /* floats from a row of it to the next */
  CkCudaValues b;
  const float *factor; /* of b's rows, or NULL; backward only */
  int64_t k;
} CkCudaTerms;

typedef struct {
  int64_t m, n;
  CkCudaTerms first, second; /* second.k may be 0, and is of a gradient, whose b is floats */
  float second_factor;       /* multiplies the second product */
  /* Dropout of a in the first terms of a forward product, of the second product backward, and of b
   * in a gradient: always of a matrix [rows, cols] as it lies in memory. NULL: none. */
  const uint64_t *key;
  float dropout;
  int64_t split; /* gradient: terms a share of the grid's z, whole chunks; shares lie in y one after
                  * the other, [shares, m, n] */
  CkCudaEpilogue epilogue;
  float *y;
} CkCudaProduct;

/* Enqueues it. In other factors than fp32 there is no second product backward, its factor is 1
 * forward, and fp16 is for forward alone. A gradient is added to y; where it has few elements it is
 * cut into shares by its sizes alone, which are added up in scratch memory. */
void ck_cuda_product (CkCudaStream *stream, CkCudaProductKind kind, CkCudaFactors factors,
                      const CkCudaProduct *product);

/* Adds shares [shares, n] up in their order: y += alpha * the sum * row_factor[i / cols]. */
typedef struct {
  const float *shares;
  int64_t n_shares, n, cols;
  float alpha;
  const float *row_factor;
  float *y;
} CkCudaShares;

#define CK_CUDA_SHARES_THREADS 256

#endif /* CK_CUDA_PRODUCT_ARGUMENTS_H */
