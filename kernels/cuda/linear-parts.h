/* SPDX-License-Identifier: MIT */
/* What the linear layer and its backward share. */
#ifndef CK_CUDA_LINEAR_PARTS_H
#define CK_CUDA_LINEAR_PARTS_H

#include "kernels/cuda/epilogue.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/product-arguments.h"
#include "kernels/training.h"

/* What follows a layer's product. */
CkCudaEpilogue ck_cuda_linear_epilogue (const CkLinear *op);

/* Enqueues an adapter's first product, low [rows, rank] = alpha * dropout (x) down^T. */
void ck_cuda_adapter_low (CkCudaStream *stream, CkCudaFactors factors, const CkAdapter *adapter,
                          int64_t rows, int64_t in, const float *x, float alpha, float *low);

/* The factors of a layer's products. */
CkCudaFactors ck_cuda_linear_factors (const CkWeight *weight);

/* Sums over rows of dy, and of dy y, by column: dbias and dgain, one of which may be NULL. */
typedef struct {
  int64_t rows, cols;
  const float *dy, *y;      /* [rows, cols]; y may be NULL without dgain */
  const float *bias, *gain; /* [cols] or NULL */
  float *dbias, *dgain;     /* [cols] */
} CkCudaColumnSums;

#define CK_CUDA_SUMS_COLUMNS 32 /* a block */
#define CK_CUDA_SUMS_SHARES  16 /* of its rows; one thread each and column */

#endif /* CK_CUDA_LINEAR_PARTS_H */
