/* SPDX-License-Identifier: MIT */
/*
 * Matrix products by oneDNN. dnnl_sgemm is the same in oneDNN 2 and 3, row-major, and picks its own
 * instructions: to hold it back too, set its variable ONEDNN_MAX_CPU_ISA.
 */
#include "kernels/cpu/gemm-dnnl.h"
#include "kernels/cpu/dnnl-compat.h"

#include <omp.h>

static CkStatus
multiply (char transpose_a, char transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
          const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
          int64_t ldc)
{
  /* oneDNN stays in the calling thread when that is one of a team. A team of one does not count, so
   * there it is told. */
  const bool alone = !omp_in_parallel ();
  const int threads = omp_get_max_threads ();
  dnnl_status_t status;

  if (alone)
    omp_set_num_threads (1);
  status = dnnl_sgemm (transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  if (alone)
    omp_set_num_threads (threads);
  return ck_status_from_dnnl (status);
}

CkStatus
ck_gemm_dnnl (bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
              int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
  return multiply ('N', transpose_b ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

CkStatus
ck_gemm_across_dnnl (int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                     const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
  return multiply ('T', 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
