/* SPDX-License-Identifier: MIT */
/*
 * Matrix products by oneDNN; the only file that knows it. dnnl_sgemm is the same in oneDNN 2 and 3, row-major, and picks its own
 * instructions: to hold it back too, set its variable ONEDNN_MAX_CPU_ISA.
 */
#include "kernels/cpu/cpu-ops.h"

#include <dnnl.h>
#include <omp.h>

static CkStatus
status_from_dnnl (dnnl_status_t status)
{
  switch (status) {
  case dnnl_success:
    return CK_OK;
  case dnnl_out_of_memory:
    return CK_NO_MEMORY;
  case dnnl_invalid_arguments:
    return CK_BAD_SHAPE;
  case dnnl_unimplemented:
    return CK_UNSUPPORTED;
  default:
    return CK_DEVICE_ERROR;
  }
}

CkStatus
ck_gemm_dnnl (bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
              float beta, float *c, int64_t ldc)
{
  /* oneDNN stays in the calling thread when that is one of a team. A team of one does not count, so there it is told. */
  const bool alone = !omp_in_parallel ();
  const int threads = omp_get_max_threads ();
  dnnl_status_t status;

  if (alone)
    omp_set_num_threads (1);
  status = dnnl_sgemm ('N', transpose_b ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  if (alone)
    omp_set_num_threads (threads);
  return status_from_dnnl (status);
}
