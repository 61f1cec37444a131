/* SPDX-License-Identifier: MIT */
/* Layer norm: rows are shared among the team. */
#include "kernels/cpu/cpu-ops.h"

CkStatus
ck_cpu_norm (CkBackend *self, const CkNorm *norm, int64_t rows, int64_t cols, const float *x,
             float *y)
{
  const CkCpu *cpu = (const CkCpu *)self;
  size_t bytes;

  if (cols < 1 || !ck_size_product (rows, cols, sizeof (float), &bytes))
    return CK_BAD_SHAPE;
#pragma omp parallel for schedule(static) num_threads(cpu->base.threads)
  for (int64_t row = 0; row < rows; row++)
    cpu->ops.norm (norm, cols, x + row * cols, y + row * cols);
  return CK_OK;
}
