/* SPDX-License-Identifier: MIT */
/* Matrix products in the calling thread. */
#ifndef CK_CPU_GEMM_H
#define CK_CPU_GEMM_H

#include "kernels/kernels.h"

typedef struct {
  /*
   * c [m, n] = alpha a [m, k] b + beta c, where b is [k, n], or [n, k] if transpose_b. lda, ldb,
   * ldc: elements from a row to the next. c is not read when beta is 0. Every element of c is the
   * same whatever m and n are and wherever in c it lies.
   */
  CkStatus (*gemm) (bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                    int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
  /* The same of a^T, where a is [k, m] and b is [k, n]: gradients of weights. */
  CkStatus (*gemm_tn) (int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                       const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
} CkGemmOps;

void ck_gemm_init_c (CkGemmOps *ops);
void ck_gemm_init_avx2 (CkGemmOps *ops);
void ck_gemm_init_avx512 (CkGemmOps *ops);
void ck_gemm_init_neon (CkGemmOps *ops);

#endif /* CK_CPU_GEMM_H */
