/* SPDX-License-Identifier: MIT */
/*
 * Matrix products in plain C: the definition that all faster ones are tested against
 * (tests/kernels), and what runs where there is none. Written to be read, not to be fast.
 */
#include "kernels/cpu/gemm.h"

/* The sum of a[i] b[i], in 16 partial sums: a single one would lose digits over thousands of terms.
 */
static float
dot (int64_t n, const float *a, const float *b)
{
  float part[16] = { 0 }, sum = 0;
  int64_t i = 0;

  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; j++)
      part[j] += a[i + j] * b[i + j];
  for (; i < n; i++)
    part[0] += a[i] * b[i];
  for (int j = 0; j < 16; j++)
    sum += part[j];
  return sum;
}

static CkStatus
gemm_c (bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
        const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
  for (int64_t i = 0; i < m; i++) {
    const float *a_row = a + i * lda;
    float *c_row = c + i * ldc;

    for (int64_t j = 0; j < n; j++)
      c_row[j] = beta == 0 ? 0 : beta * c_row[j];
    if (transpose_b) {
      for (int64_t j = 0; j < n; j++)
        c_row[j] += alpha * dot (k, a_row, b + j * ldb);
    } else {
      for (int64_t l = 0; l < k; l++)
        for (int64_t j = 0; j < n; j++)
          c_row[j] += alpha * a_row[l] * b[l * ldb + j];
    }
  }
  return CK_OK;
}

static CkStatus
gemm_tn_c (int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
           const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
  for (int64_t i = 0; i < m; i++) {
    float *c_row = c + i * ldc;

    for (int64_t j = 0; j < n; j++)
      c_row[j] = beta == 0 ? 0 : beta * c_row[j];
    for (int64_t l = 0; l < k; l++)
      for (int64_t j = 0; j < n; j++)
        c_row[j] += alpha * a[l * lda + i] * b[l * ldb + j];
  }
  return CK_OK;
}

void
ck_gemm_init_c (CkGemmOps *ops)
{
  *ops = (CkGemmOps){ gemm_c, gemm_tn_c };
}
