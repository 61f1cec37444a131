/* SPDX-License-Identifier: MIT */
/* Weights from the formats of files to fp32, a run of elements at a time. */
#ifndef CK_CPU_DEQUANTISE_H
#define CK_CPU_DEQUANTISE_H

#include "kernels/kernels.h"

typedef struct {
  void (*f16) (int64_t n, const uint16_t *data, float *out);
  void (*bf16) (int64_t n, const uint16_t *data, float *out);
  /* Elements [first, first + n) of the flattened matrix: code[q] * absmax, rounded once. */
  void (*nf4) (const CkWeightSource *source, int64_t first, int64_t n, float *out);
} CkDequantiseOps;

void ck_dequantise_init_c (CkDequantiseOps *ops);
void ck_dequantise_init_avx2 (CkDequantiseOps *ops);
void ck_dequantise_init_avx512 (CkDequantiseOps *ops);
void ck_dequantise_init_neon (CkDequantiseOps *ops);

#endif /* CK_CPU_DEQUANTISE_H */
