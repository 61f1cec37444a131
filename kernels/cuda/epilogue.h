/* SPDX-License-Identifier: MIT */
/* What follows a product, element by element, in the order of the fields; pointers may be NULL. */
#ifndef CK_CUDA_EPILOGUE_H
#define CK_CUDA_EPILOGUE_H

#include <stdint.h>

typedef struct {
  float alpha;             /* multiplies the product, as */
  const float *row_factor; /* [rows] does */
  const float *gain;       /* [cols] */
  const float *bias;       /* [cols] */
  int32_t activation;      /* CkActivation */
  const float *multiplier; /* [rows, cols] */
  const float *scale;      /* [cols] */
  const float *residual;   /* [rows, cols] */
} CkCudaEpilogue;

#endif /* CK_CUDA_EPILOGUE_H */
