/* SPDX-License-Identifier: MIT */
/* Matrix products by oneDNN, which chooses its instructions itself: CkCpuOps.gemm and gemm_across.
 */
#ifndef CK_CPU_GEMM_DNNL_H
#define CK_CPU_GEMM_DNNL_H

#include "kernels/kernels.h"

CkStatus ck_gemm_dnnl (bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                       const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                       float *c, int64_t ldc);
CkStatus ck_gemm_across_dnnl (int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                              int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                              int64_t ldc);

#endif /* CK_CPU_GEMM_DNNL_H */
